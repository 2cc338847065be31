"""What is measured: one generator of cases for each piece of work."""

import ctypes
import math
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib.metadata import version
from itertools import cycle
from pathlib import Path
from typing import Any

import mmi
import numpy as np
import room_peers as rp
import torch
import torch.nn.functional as F
from harness import (
    Case,
    Missing,
    Settings,
    Table,
    fastest,
    own_module,
    peer_module,
    table,
    work,
)
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, TensorDataset

THREADS = (1, 2)
Pair = tuple[Tensor, Tensor]


class Different(Exception):
    """The outputs of both sides are not those of the same work."""


def check(name: str, difference: float, limit: float) -> str:
    """Says what was compared; an error when both sides did not do the same work."""
    if not difference <= limit:
        raise Different(f"{name}: {difference:.3g} (at most {limit:g})")
    return f"{name}: {difference:.2g} (at most {limit:g})" if limit else f"{name}: equal"


def peers(builders: dict[str, Callable[[], Any]]) -> Iterator[tuple[str, Any]]:
    """The peers that can be used; of the others, the reason."""
    for name, build in builders.items():
        try:
            yield name, build()
        except Missing as error:
            yield name, error


def missing(work_name: str, peer: str, threads: int, bar: float, reason: Missing) -> Case:
    return Case(work_name, peer, threads, bar, 0, "", ours=lambda: None, equality=str(reason))


def memcpy_gbs() -> float:
    """Bytes copied a second by one thread between two buffers larger than the caches."""
    source = torch.ones(64 << 20, dtype=torch.uint8)
    target = torch.empty_like(source)
    return source.numel() / fastest(lambda: target.copy_(source)) / 1e9


def matmul_gflops() -> float:
    a = torch.rand(1024, 1024)
    return 2 * 1024**3 / fastest(lambda: a @ a) / 1e9


# -- video ---------------------------------------------------------------------------------------

DECODED = (100, 900)


def make_video(folder: Path, frames: int) -> Path:
    path = folder / f"720p_{frames}.mp4"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        source = f"testsrc2=size=1280x720:rate=25,noise=alls=6:allf=t,trim=end_frame={frames}"
        command = ["ffmpeg", "-v", "error", "-y", "-f", "lavfi", "-i", source, "-c:v", "libx264"]
        subprocess.run([*command, "-crf", "23", "-pix_fmt", "yuv420p", str(path)], check=True)
    return path


def decode_pyav(path: Path, threads: int) -> Callable[[], Tensor]:
    av = peer_module("av")

    def run() -> Tensor:
        rows = []
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            stream.codec_context.thread_count = threads
            for frame in container.decode(stream):
                small = frame.reformat(DECODED[1], DECODED[0], "gray", interpolation="AREA")
                rows.append(torch.from_numpy(small.to_ndarray()))
        return torch.stack(rows).float().div_(255)

    return run


def decode_opencv(path: Path, threads: int) -> Callable[[], Tensor]:
    cv2 = peer_module("cv2")
    cv2.setNumThreads(threads)

    def run() -> Tensor:
        capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, threads])
        rows = []
        while True:
            good, frame = capture.read()
            if not good:
                break
            gray = cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY)
            rows.append(cv2.resize(gray, DECODED[::-1], interpolation=cv2.INTER_AREA))
        return torch.from_numpy(np.stack(rows)).float().div_(255)

    return run


def decode_torchcodec(path: Path, threads: int) -> Callable[[], Tensor]:
    decoders = peer_module("torchcodec.decoders")
    weights = torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1) / 255

    def run() -> Tensor:
        decoder = decoders.VideoDecoder(
            str(path), num_ffmpeg_threads=threads, seek_mode="approximate"
        )
        rows = []
        for start in range(0, len(decoder), 16):
            stop = min(start + 16, len(decoder))
            frames = decoder.get_frames_in_range(start, stop).data
            gray = (frames.float() * weights).sum(1, keepdim=True)
            rows.append(F.interpolate(gray, DECODED, mode="area")[:, 0])
        return torch.cat(rows)

    return run


@work
def decode(settings: Settings) -> Iterator[Case]:
    """720p h264 to (T,100,900) gray float."""
    own = own_module()
    frames = 60 if settings.quick else 150
    path = make_video(settings.folder, frames)
    name = "decode 720p h264 to 900x100 gray float"
    bars = {"PyAV": 1.3, "OpenCV": 1.0, "torchcodec": 1.0}
    packages = {"PyAV": "av", "OpenCV": "opencv-python-headless", "torchcodec": "torchcodec"}
    for threads in THREADS:
        torch.set_num_threads(threads)
        roof = frames / fastest(lambda t=threads: own.decode_only(path, t), 3)
        ours = own.decode_gray(path, *DECODED, threads)
        builders = {
            "PyAV": lambda t=threads: decode_pyav(path, t),
            "OpenCV": lambda t=threads: decode_opencv(path, t),
            "torchcodec": lambda t=threads: decode_torchcodec(path, t),
        }
        for peer, run in peers(builders):
            if isinstance(run, Missing):
                yield missing(name, peer, threads, bars[peer], run)
                continue
            theirs = run()
            assert ours.shape == theirs.shape
            yield Case(
                work=name,
                peer=f"{peer} {version_of(packages[peer])}",
                threads=threads,
                bar=bars[peer],
                amount=frames,
                unit="frames/s",
                ours=lambda t=threads: own.decode_gray(path, *DECODED, t),
                theirs=run,
                equality=check("mean |difference|", (ours - theirs).abs().mean().item(), 0.02),
                roof=f"decoding alone {roof:.0f} frames/s",
                rounds=7,
            )


def version_of(package: str) -> str:
    """Of an installed distribution, in .venv or among the peers."""
    peer_module("importlib.metadata")
    return version(package)


# -- loader --------------------------------------------------------------------------------------


class Stacks(Dataset[Pair]):
    """Stacks of gray JPEGs: picture k of item i is number i + k."""

    def __init__(self, files: list[Path], depth: int) -> None:
        self.files, self.depth = files, depth

    def __len__(self) -> int:
        return len(self.files) - self.depth + 1

    def __getitem__(self, index: int) -> Pair:
        from PIL import Image

        files = self.files[index : index + self.depth]
        pictures = np.stack([np.asarray(Image.open(file).convert("L")) for file in files])
        return torch.from_numpy(pictures), torch.tensor(index)


def loader_case(
    name: str,
    data: Dataset[Pair],
    items: Any,
    batch: int,
    workers: int,
    own_workers: int,
    bar: float,
    limit: float,
    roof: str,
    batches: int,
) -> Case:
    own = own_module()
    ordered = iter(DataLoader(data, batch))
    mine = own.Batches(items, batch, 1, False)
    difference = 0.0
    for _ in range(3):
        (x, y), (u, v) = next(ordered), mine.next()
        assert x.shape == u.shape and x.dtype == u.dtype and torch.equal(y, v)
        difference = max(difference, (x.float() - u.float()).abs().mean().item())
    more = {"persistent_workers": True} if workers else {}
    peer = DataLoader(data, batch, shuffle=True, drop_last=True, num_workers=workers, **more)
    endless = (item for _ in cycle([0]) for item in peer)
    ours = own.Batches(items, batch, own_workers, True)

    def run_ours() -> None:
        for _ in range(batches):
            ours.next()

    def run_theirs() -> None:
        for _ in range(batches):
            next(endless)

    return Case(
        work=name,
        peer=f"DataLoader(num_workers={workers}), torch {torch.__version__}; "
        f"ours: workers={own_workers}",
        threads=torch.get_num_threads(),
        bar=bar,
        amount=batches * batch,
        unit="items/s",
        ours=run_ours,
        theirs=run_theirs,
        equality=check("mean |difference| of three batches", difference, limit),
        roof=roof,
    )


class Rows(Dataset[tuple[Tensor, int]]):
    """Rows of one tensor with their numbers: what data::TensorDataset is."""

    def __init__(self, x: Tensor) -> None:
        self.x = x

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self.x[index], index


def memory_loader(
    name: str, x: Tensor, data: Dataset[Any], peer: str, batch: int, bar: float, batches: int
) -> Case:
    order, out = torch.randperm(len(x)).split(batch), x[:batch].clone()
    chosen = cycle(order[: len(x) // batch])
    alone = fastest(lambda: [torch.index_select(x, 0, next(chosen), out=out) for _ in range(64)])
    roof = f"index_select into touched memory {64 * batch / alone:.3g} items/s"
    items = own_module().memory_items(x)
    case = loader_case(name, data, items, batch, 0, 1, bar, 0, roof, batches)
    case.peer = f"{case.peer}; {peer}"
    return case


@work
def loader_small(settings: Settings) -> Iterator[Case]:
    """Items of 1 KiB from memory."""
    torch.set_num_threads(1)
    for count in (64 * 128, 64 * 512):  # within the processor's cache, and not
        x = torch.rand(count, 256)
        name = f"Loader: items of 1 KiB in memory, {x.nbytes >> 20} MiB in all, batch 64"
        both = TensorDataset(x, torch.arange(len(x)))
        yield memory_loader(name, x, both, "TensorDataset", 64, 10, 256)
        yield memory_loader(name, x, Rows(x), "own Dataset with x[i], i", 64, 10, 256)


@work
def loader_stacks(settings: Settings) -> Iterator[Case]:
    """Stacks of 0.6 MB from memory."""
    torch.set_num_threads(1)
    name = "Loader: float stacks (5,68,452) of 0.6 MB in memory, batch 16"
    x = torch.rand(1024, 5, 68, 452)
    yield memory_loader(name, x, Rows(x), "own Dataset with x[i], i", 16, 1.0, 48)


@work
def loader_jpeg(settings: Settings) -> Iterator[Case]:
    """Stacks of five JPEGs from disk."""
    torch.set_num_threads(1)
    own = own_module()
    folder = settings.folder / "jpeg"
    files = [folder / f"{i}.jpg" for i in range(204)]
    if not files[-1].exists():
        from PIL import Image

        folder.mkdir(parents=True, exist_ok=True)
        piano = own.Piano(100, 900, 12.0)
        for i, file in enumerate(files):
            Image.fromarray(piano.render(i, i + 1).numpy()).save(file, quality=95)
    one = own.PictureStacks(files, 5)
    batches = own.Batches(one, 20, 0, False)
    single = 20 / fastest(batches.next, 5)
    yield loader_case(
        "Loader: stacks of five JPEGs of 900x100, batch 20",
        Stacks(files, 5),
        one,
        20,
        2,
        2,
        1.5,
        1.0,
        f"decoding on one core {single:.0f} items/s",
        10 if settings.quick else 20,
    )


# -- training ------------------------------------------------------------------------------------


@work
def train_step(settings: Settings) -> Iterator[Case]:
    """One update of Video2Roll at preset=small."""
    from collections import OrderedDict

    from eager import Training
    from torch.utils.flop_counter import FlopCounterMode

    own = own_module()
    batch, height, width, keys, factor = 16, 36, 452, 51, 0.25
    generator = torch.Generator().manual_seed(1)
    frames = torch.randint(0, 256, (batch, 5, height, width), generator=generator).byte()
    played = (torch.rand(batch, keys, generator=generator) < 0.05).byte()
    steps = 3 if settings.quick else 6
    overrides = ["preset=small", "device=cpu", "task.recordings.train_pieces=4"]
    kinds = {
        "same layout and fused Adam": (True, 0.97),
        "contiguous, torch.optim.Adam as it comes": (False, 1.1),
    }
    for threads in THREADS:
        torch.set_num_threads(threads)
        gflops = matmul_gflops()
        for kind, (tuned, bar) in kinds.items():
            torch.manual_seed(1)
            ours = own.Training("configs/audeo/video2roll.yaml", overrides)
            state = OrderedDict((name, tensor.clone()) for name, tensor in ours.state())
            theirs = Training(
                state, width=factor, image_width=width, classes=keys, lr=ours.lr, tuned=tuned
            )
            with FlopCounterMode(display=False) as counter:
                first = theirs.step(frames, played)
            flops = counter.get_total_flops()
            losses = [(ours.step(frames, played), first)]
            losses += [(ours.step(frames, played), theirs.step(frames, played)) for _ in range(3)]
            differences = [abs(a - b) / abs(b) for a, b in losses]
            yield Case(
                work=f"training step of Video2Roll, preset=small: {batch} x (5,{height},{width})",
                peer=f"eager torch {torch.__version__}: {kind}",
                threads=threads,
                bar=bar,
                amount=steps,
                unit="steps/s",
                ours=lambda t=ours: [t.step(frames, played) for _ in range(steps)],
                theirs=lambda t=theirs: [t.step(frames, played) for _ in range(steps)],
                equality=check("relative difference of the first loss", differences[0], 1e-5)
                + "; "
                + check("of the first four", max(differences), 0.01),
                roof=f"matmul {gflops:.0f} GFLOP/s = {gflops * 1e9 / flops:.1f} steps/s",
                warmups=2,
            )


# -- sound ---------------------------------------------------------------------------------------


def tune(seconds: float, rate: int) -> Tensor:
    """A few gliding tones over quiet noise."""
    t = torch.arange(int(seconds * rate)) / rate
    tones = [torch.sin(2 * math.pi * (f + 20 * t) * t) for f in (220, 330, 551, 1200)]
    generator = torch.Generator().manual_seed(1)
    return sum(tones) / 8 + 0.01 * torch.randn(t.shape, generator=generator)


@work
def griffin_lim(settings: Settings) -> Iterator[Case]:
    """Sound from magnitudes, 32 iterations."""
    import librosa

    own = own_module()
    n_fft, hop, iterations = 2048, 512, 32
    wave = tune(5 if settings.quick else 10, 22050)
    magnitude = torch.from_numpy(np.abs(librosa.stft(wave.numpy(), n_fft=n_fft, hop_length=hop)))
    samples = wave.shape[0]

    def ours() -> Tensor:
        return own.griffin_lim(magnitude, n_fft, hop, iterations, samples)

    def theirs() -> Any:
        return librosa.griffinlim(
            magnitude.numpy(), n_iter=iterations, hop_length=hop, init=None, length=samples
        )

    for threads in THREADS:
        torch.set_num_threads(threads)
        a, b = ours(), torch.from_numpy(theirs())
        frames = magnitude.shape[1]
        rows = torch.rand(frames, n_fft)

        def transforms(rows: Tensor = rows) -> None:
            torch.fft.irfft(torch.fft.rfft(rows), n_fft)

        roof = samples / 22050 / (fastest(transforms) * iterations)
        yield Case(
            work=f"Griffin-Lim, {iterations} iterations, n_fft {n_fft}, hop {hop}",
            peer=f"librosa {librosa.__version__} (one thread)",
            threads=threads,
            bar=3.0,
            amount=samples / 22050,
            unit="s of sound/s",
            ours=ours,
            theirs=theirs,
            equality=check("relative RMS difference", ((a - b).norm() / b.norm()).item(), 0.02),
            roof=f"the transforms alone, in torch {roof:.0f} s of sound/s",
        )


@work
def griffin_lim_rir(settings: Settings) -> Iterator[Case]:
    """Responses of 0.43 s from magnitudes of 63 x 310, 32 iterations."""
    import librosa

    own = own_module()
    n_fft, hop, iterations, count = 124, 31, 32, 8
    generator = torch.Generator().manual_seed(1)
    decay = torch.exp(-6.9 * torch.arange(9579) / (0.5 * 22050))
    waves = torch.randn(count, 9579, generator=generator) * decay
    spectra = librosa.stft(waves.numpy(), n_fft=n_fft, hop_length=hop, pad_mode="constant")
    magnitudes = torch.from_numpy(np.abs(spectra))
    assert magnitudes.shape == (count, 63, 310)

    def ours() -> Tensor:
        return torch.stack([own.griffin_lim(m, n_fft, hop, iterations, 9579) for m in magnitudes])

    def theirs() -> Any:
        return librosa.griffinlim(
            magnitudes.numpy(), n_iter=iterations, hop_length=hop, init=None, length=9579
        )

    name = f"Griffin-Lim, {iterations} iterations, one of 63 x 310 a call"
    for threads in THREADS:
        torch.set_num_threads(threads)
        a, b = ours(), torch.from_numpy(theirs())
        rows = torch.rand(310, n_fft)

        def transforms(rows: Tensor = rows) -> None:
            torch.fft.irfft(torch.fft.rfft(rows), n_fft)

        rate = 1 / (fastest(transforms) * iterations)
        case = Case(
            work=name,
            peer=f"librosa {librosa.__version__} (one thread; {count} in one call)",
            threads=threads,
            bar=1.0,
            amount=count,
            unit="RIR/s",
            ours=ours,
            theirs=theirs,
            equality=check("relative RMS difference", ((a - b).norm() / b.norm()).item(), 0.02),
            roof=f"the transforms alone, in torch {rate:.0f} RIR/s",
        )
        yield case
        yield replace(case, peer="none", theirs=None, bar=40)


@work
def mel(settings: Settings) -> Iterator[Case]:
    """Mel spectrogram of a batch of sounds."""
    own = own_module()
    n_fft, hop, rate, bands, items = 2048, 512, 22050, 128, 8
    wave = tune(10, rate).repeat(items, 1)
    window = torch.hann_window(n_fft)
    bank = own.mel_bank(rate, n_fft, bands)

    def theirs() -> Tensor:
        spectrum = torch.stft(wave, n_fft, hop, window=window, return_complex=True)
        return bank @ spectrum.abs().square()

    for threads in THREADS:
        torch.set_num_threads(threads)
        a, b = own.mel(wave, bank, window, hop), theirs()
        rows = torch.rand(items * b.shape[-1], n_fft)
        roof = items * 10 / fastest(lambda rows=rows: torch.fft.rfft(rows))
        yield Case(
            work=f"mel spectrogram, {items} x 10 s, n_fft {n_fft}, hop {hop}, {bands} bands",
            peer=f"torch {torch.__version__}: stft, abs, square, matmul",
            threads=threads,
            bar=1.0,
            amount=items * 10,
            unit="s of sound/s",
            ours=lambda: own.mel(wave, bank, window, hop),
            theirs=theirs,
            equality=check("relative difference", ((a - b).norm() / b.norm()).item(), 1e-5),
            roof=f"the transforms alone, in torch {roof:.0f} s of sound/s",
        )


# -- files ---------------------------------------------------------------------------------------


@work
def safetensors(settings: Settings) -> Iterator[Case]:
    """A file of 200 MB into tensors with memory of their own."""
    from mmi import _mmi
    from safetensors.torch import load, load_file, save_file

    torch.set_num_threads(1)
    libc = ctypes.CDLL(None)
    path = settings.folder / "weights.safetensors"
    if not path.exists():
        settings.folder.mkdir(parents=True, exist_ok=True)
        save_file({f"layer{i}.weight": torch.rand(512, 512) for i in range(200)}, path)
    size = path.stat().st_size / 1e9
    gbs = memcpy_gbs()
    mine = dict(_mmi.load_tensors(path))
    same = all(torch.equal(mine[name], tensor) for name, tensor in load_file(path).items())

    def from_bytes() -> Any:
        return load(path.read_bytes())

    def from_mapping() -> Any:
        # load_file maps the file; clone is what reads it.
        return {name: tensor.clone() for name, tensor in load_file(path).items()}

    for peer, theirs in {"load(bytes)": from_bytes, "load_file, clone": from_mapping}.items():
        yield Case(
            work=f"safetensors: 200 tensors, {size * 1e3:.0f} MB, page cache to fresh memory",
            peer=f"safetensors {version('safetensors')}: {peer}",
            threads=1,
            bar=1.0,
            amount=size,
            unit="GB/s",
            ours=lambda: _mmi.load_tensors(path),
            # Weights are loaded once: not into what an earlier round has left to malloc.
            before=lambda: libc.malloc_trim(0),
            theirs=theirs,
            equality=check("tensors", float(not same), 0),
            roof=f"memcpy into touched memory {gbs:.1f} GB/s",
        )


# -- world ---------------------------------------------------------------------------------------


@work
def piano_world(settings: Settings) -> Iterator[Case]:
    """Frames of the piano world, rendered by one core."""
    own = own_module()
    gbs = memcpy_gbs()
    for height, width in ((36, 452), (100, 900)):
        piano = own.Piano(height, width, 20.0)
        frames = min(piano.frames, 100 if settings.quick else 400)
        again = piano.render(7, 8).clone()
        piano.render(0, frames)
        same = torch.equal(again, piano.render(7, 8))
        yield Case(
            work=f"piano world, {width}x{height}",
            peer="none",
            threads=1,
            bar=400,
            amount=frames,
            unit="frames/s",
            ours=lambda p=piano, n=frames: p.render(0, n),
            equality=check("a frame rendered alone and in order", float(not same), 0),
            roof=f"memcpy {gbs:.1f} GB/s",
        )


# -- rooms ---------------------------------------------------------------------------------------


@work
def rooms_furnished(settings: Settings) -> Iterator[Case]:
    """Impulse responses of a furnished L-shaped room, image order 4 and rays."""
    scene = rp.furnished()
    sources = rp.sources_in(scene, rp.RECEIVER)
    places = [rp.RECEIVER]
    exact = [0, 0, 0]  # images in all, only ours, only theirs
    try:
        rp.set_peer_threads(1)
        for source in sources:
            room = rp.peer_furnished(0, [source], places)
            room.image_source_model()
            theirs = rp.peer_distances(room, 0, rp.RECEIVER)
            ours = mmi.rooms.paths(scene, source, rp.RECEIVER, samples=1 << 15)["distance_m"]
            ours = ours.sort().values.numpy()
            exact[0] += len(theirs)
            exact[1] += rp.only_in(ours, theirs)
            exact[2] += rp.only_in(theirs, ours)
    except Missing as error:
        yield missing("furnished room", "pyroomacoustics", 1, 20, error)
        return
    images = f"{exact[2]} of their {exact[0]} images are not ours, {exact[1]} of ours not theirs"
    for rays, rate_bar in ((20000, 20.0), (5000, 100.0)):
        name = f"furnished room, {scene.polygons} polygons, image order 4, {rays} rays, 0.435 s"
        one = [rp.peer_furnished(rays, [source], places) for source in sources]
        exchanged = rp.peer_furnished(rays, places, sources)
        for threads in THREADS:
            torch.set_num_threads(threads)
            peer = rp.set_peer_threads(threads)
            flops = rp.ray_flops(scene, rays, len(sources), 149.3, 17.2)
            roof = len(sources) * matmul_gflops() * 1e9 / flops

            def ours(rays: int = rays) -> Tensor:
                return mmi.rooms.simulate(scene, sources, rp.RECEIVER, rays=rays)[0]

            turn = cycle(one)
            a, b = ours(), rp.rirs_of(rp.again(exchanged))
            mine, other = rp.measures(a), rp.measures(b)
            t20 = (mine["t20_s"] / other["t20_s"] - 1).abs().mean().item()
            c50 = (mine["c50_db"] - other["c50_db"]).abs().mean().item()
            equality = "; ".join(
                [
                    check("mean |difference| of T20, share", t20, 0.1),
                    check("of C50, dB", c50, 1.0),
                    check("of the level, dB", abs(rp.level_db(a, b)), 2.0),
                    images,
                ]
            )
            assert exact[1] == 0 and exact[2] <= 0.01 * exact[0]
            case = Case(
                work=name,
                peer=f"{peer}: one source, one microphone a call",
                threads=threads,
                bar=20.0,
                amount=len(sources),
                unit="RIR/s",
                ours=ours,
                theirs=lambda turn=turn: rp.again(next(turn)),
                theirs_amount=1,
                equality=equality,
                roof=f"the tests of rays and surfaces at matmul's speed {roof:.0f} RIR/s",
                rounds=7,
            )
            yield case
            yield replace(
                case,
                peer=f"{peer}: exchanged by hand, one source and ten microphones",
                theirs=lambda room=exchanged: rp.again(room),
                theirs_amount=None,
            )
            yield replace(
                case, peer="none", theirs=None, bar=rate_bar if threads == 2 else rate_bar / 2
            )


_BANDS = torch.rand(8, 16384)


@work
def rooms_shoebox(settings: Settings) -> Iterator[Case]:
    """Impulse responses of a shoebox of 60 m³ by image sources alone."""
    plain = mmi.rooms.Scene.shoebox(rp.SIZE, _without_scattering("plasterboard"))
    receiver = rp.SHOEBOX_RECEIVER
    corner, far = np.array([0.4, 0.4, 0.4]), np.array(rp.SIZE) - 0.4
    sources = np.random.default_rng(5).uniform(corner, far, (10, 3))
    longest = rp.SAMPLES / rp.RATE * 343
    # The order that no image within reach exceeds: sum of |n| along the worst direction.
    reach = math.ceil(longest * math.sqrt(sum(1 / side**2 for side in rp.SIZE))) + 3
    for order, count in ((10, 10), (-1, 2 if settings.quick else 4)):
        try:
            rp.set_peer_threads(1)
            room = rp.again(rp.peer_shoebox(reach if order < 0 else order, sources[:count]))
            single = rp.peer_shoebox(reach if order < 0 else order, sources[:1])
        except Missing as error:
            yield missing("shoebox", "pyroomacoustics", 1, 5, error)
            return
        theirs = rp.peer_distances(room, 0, receiver)
        theirs = theirs[theirs < longest]
        paths = mmi.rooms.paths(plain, sources[0], receiver, image_order=order)
        ours = paths["distance_m"].sort().values.numpy()
        assert len(ours) == len(theirs), (len(ours), len(theirs))
        a = mmi.rooms.simulate(plain, sources[:count], receiver, image_order=order, rays=0)[0]
        b = rp.rirs_of(room)
        c50 = (rp.measures(a)["c50_db"] - rp.measures(b)["c50_db"]).abs().mean().item()
        equality = "; ".join(
            [
                check(f"distances of all {len(ours)} images, m", abs(ours - theirs).max(), 2e-4),
                check("level, dB", abs(rp.level_db(a, b)), 0.5),
                check("C50, dB", c50, 0.5),
            ]
        )
        name = f"shoebox of 60 m³, {len(ours)} images (order {order if order >= 0 else 'any'})"
        for threads in THREADS:
            torch.set_num_threads(threads)
            peer = rp.set_peer_threads(threads)
            if order >= 0:
                alone = fastest(_eight_transforms)
                roof = f"the transforms of 8 bands alone, in torch {1 / alone:.0f} RIR/s"
            else:
                pulses = len(ours) * 32 * 8 * 2  # taps, bands, multiply and add
                rate = matmul_gflops() * 1e9 / pulses
                roof = f"32 taps in 8 bands at matmul's speed {rate:.0f} RIR/s"
            case = Case(
                work=name + ", 0.435 s",
                peer=f"{peer}: max_order {reach if order < 0 else order}, 7 bands",
                threads=threads,
                bar=5.0,
                amount=count,
                unit="RIR/s",
                ours=lambda order=order, count=count: mmi.rooms.simulate(
                    plain, sources[:count], receiver, image_order=order, rays=0
                ),
                theirs=lambda room=single if order < 0 else room: rp.again(room),
                theirs_amount=1 if order < 0 else None,
                equality=equality,
                roof=roof,
                rounds=7,
            )
            yield case
            if order < 0:
                yield replace(case, peer="none", theirs=None, theirs_amount=None, bar=25 * threads)


def _eight_transforms() -> Tensor:
    return torch.fft.irfft(torch.fft.rfft(_BANDS).sum(0))


def _without_scattering(name: str) -> Any:
    found = next(m for m in mmi.rooms.materials() if m.name == name)
    return mmi.rooms.Material(found.absorption.tolist(), scattering=0, name=name)


@work
def rooms_depth(settings: Settings) -> Iterator[Case]:
    """Depth panoramas of 256 x 512 of the furnished room."""
    scene = rp.furnished()
    height, width = 256, 512
    depth = mmi.rooms.depth(scene, rp.RECEIVER, height, width)
    rays = (mmi.rooms.unproject(depth) / depth).reshape(3, -1).T.double().numpy()
    nearest = rp.brute_depth(rp.polygons(), np.array(rp.RECEIVER), rays)
    difference = np.abs(depth.reshape(-1).numpy() - nearest)
    equality = check("largest difference from a loop in NumPy, m", difference.max(), 1e-3)
    faces, solid = rp.blocks(scene)
    flops = height * width * (faces * rp.FACE_FLOPS + solid * rp.BOX_FLOPS)
    for threads in THREADS:
        torch.set_num_threads(threads)
        roof = matmul_gflops() * 1e9 / flops
        yield Case(
            work=f"depth panorama of 512 x 256, {scene.polygons} polygons",
            peer="none",
            threads=threads,
            bar=100 * threads,
            amount=10,
            unit="panoramas/s",
            ours=lambda: [mmi.rooms.depth(scene, rp.RECEIVER, height, width) for _ in range(10)],
            equality=equality,
            roof=f"the tests of rays and surfaces at matmul's speed {roof:.0f} panoramas/s",
        )


@table
def rooms_growth(settings: Settings) -> Table:
    """How the cost of an impulse response grows (a table)."""
    torch.set_num_threads(1)
    orders = range(5)
    rows = []
    for name, scene in rp.growing().items():
        sources = rp.sources_in(scene, rp.RECEIVER)
        for rays in (0, 5000, 20000):
            rates = []
            for order in orders:
                rates.append(
                    rp.median_rate(
                        lambda s=scene, at=sources, r=rays, o=order: mmi.rooms.simulate(
                            s, at, rp.RECEIVER, rays=r, image_order=o
                        ),
                        len(sources),
                        3 if settings.quick else 5,
                    )
                )
            rows.append([name, str(scene.polygons), str(rays), *(f"{r:.3g}" for r in rates)])
    return Table(
        title="How the cost of an impulse response grows",
        note="Impulse responses a second of one thread: ten sources at one receiver, 0.435 s at "
        "22,050 Hz, eight bands; the median of five. Images of an empty shoebox come in closed "
        "form, those of other rooms from 50,000 rays that look for sequences of surfaces.",
        columns=["room", "polygons", "rays", *(f"order {o}" for o in orders)],
        rows=rows,
    )
