"""Makes tests/data/io: files written, and values read, by the packages that the field trusts.

Run from the repository root:  .venv/bin/python scripts/oracles/io.py
Versions used are noted in tests/data/io/origin.json.
"""

import io as bytes_io
import json
import subprocess
import zipfile
from importlib.metadata import version
from pathlib import Path

import mido
import numpy as np
import pretty_midi
import soundfile
import soxr
import torch
from PIL import Image
from safetensors.torch import save_file

OUT = Path("tests/data/io")


def safetensors() -> None:
    tensors = {
        "layer.weight": torch.arange(6, dtype=torch.float32).reshape(2, 3) / 4,
        "layer.bias": torch.tensor([1.5, -2.5, 3.25], dtype=torch.float64),
        "half": torch.tensor([0.5, -1.0], dtype=torch.float16),
        "brain": torch.tensor([[1.0], [-2.0]], dtype=torch.bfloat16),
        "long": torch.tensor([-1, 2**40], dtype=torch.int64),
        "int": torch.tensor([-7, 7], dtype=torch.int32),
        "short": torch.tensor([-300], dtype=torch.int16),
        "char": torch.tensor([-3, 3], dtype=torch.int8),
        "byte": torch.tensor([200, 1], dtype=torch.uint8),
        "flag": torch.tensor([True, False, True]),
        "scalar": torch.tensor(42.0),
        "empty": torch.zeros(0, 5),
        "naïve ключ": torch.tensor([9], dtype=torch.int64),
    }
    save_file(tensors, OUT / "python.safetensors", metadata={"format": "pt", "step": "12"})


def note_rows(midi: pretty_midi.PrettyMIDI) -> list:
    rows = [
        [
            float(note.start),
            float(note.end),
            int(note.pitch),
            int(note.velocity),
            int(instrument.program),
        ]
        for instrument in midi.instruments
        for note in instrument.notes
    ]
    return sorted(rows, key=lambda row: (row[0], row[2], row[4]))


def midi() -> None:
    rng = np.random.default_rng(3)
    score = pretty_midi.PrettyMIDI(initial_tempo=97.3)
    for program in (0, 40):
        instrument = pretty_midi.Instrument(program)
        for i in range(60):
            start = 0.21 * i + rng.uniform(0, 0.05)
            pitch = int(36 + (i * 7) % 50)
            instrument.notes.append(
                pretty_midi.Note(
                    int(rng.integers(1, 128)), pitch, start, start + rng.uniform(0.05, 1)
                )
            )
        instrument.control_changes.append(pretty_midi.ControlChange(64, 127, 1.0))
        instrument.control_changes.append(pretty_midi.ControlChange(64, 0, 2.5))
        score.instruments.append(instrument)
    score.write(str(OUT / "pretty.mid"))

    # A performance with tempo changes, running status, velocity 0 as note-off, repeated keys.
    rough = mido.MidiFile(type=1, ticks_per_beat=384)
    conductor, keys = mido.MidiTrack(), mido.MidiTrack()
    for i in range(12):
        tempo = int(rng.integers(200_000, 900_000))
        conductor.append(mido.MetaMessage("set_tempo", tempo=tempo, time=0 if i == 0 else 611))
    keys.append(mido.MetaMessage("track_name", name="right hand", time=0))
    keys.append(mido.Message("program_change", program=6, time=0))
    for _ in range(150):
        pitch = int(rng.integers(50, 56))
        kind = rng.uniform()
        gap = int(rng.integers(0, 120))
        if kind < 0.55:
            keys.append(
                mido.Message("note_on", note=pitch, velocity=int(rng.integers(1, 128)), time=gap)
            )
        elif kind < 0.8:
            keys.append(mido.Message("note_on", note=pitch, velocity=0, time=gap))
        elif kind < 0.95:
            keys.append(mido.Message("note_off", note=pitch, velocity=3, time=gap))
        else:
            keys.append(mido.MetaMessage("text", text="x", time=gap))
    for pitch in range(50, 56):
        keys.append(mido.Message("note_on", note=pitch, velocity=0, time=1))
    rough.tracks += [conductor, keys]
    rough.save(OUT / "rough.mid")
    for name in ("pretty", "rough"):
        rows = note_rows(pretty_midi.PrettyMIDI(str(OUT / f"{name}.mid")))
        (OUT / f"{name}.mid.json").write_text(json.dumps(rows))


def sound() -> None:
    rng = np.random.default_rng(4)
    x = rng.uniform(-1, 1, (200, 2)).astype(np.float32)
    x[0] = 1.0, -1.0
    for name, subtype in {
        "pcm8": "PCM_U8",
        "pcm16": "PCM_16",
        "pcm24": "PCM_24",
        "pcm32": "PCM_32",
        "float": "FLOAT",
        "double": "DOUBLE",
    }.items():
        soundfile.write(OUT / f"{name}.wav", x, 22050, subtype=subtype)
        np.save(OUT / f"{name}.wav.npy", soundfile.read(OUT / f"{name}.wav", dtype="float32")[0])
    soundfile.write(OUT / "extensible.wav", x, 22050, subtype="PCM_24", format="WAVEX")
    soundfile.write(OUT / "sound.flac", x, 22050, subtype="PCM_16")
    np.save(OUT / "sound.flac.npy", soundfile.read(OUT / "sound.flac", dtype="float32")[0])
    t = np.arange(22050) / 22050
    tone = (0.5 * np.sin(2 * np.pi * 440 * t)).astype(np.float32)
    soundfile.write(OUT / "tone.mp3", tone, 22050)
    noise = rng.uniform(-1, 1, 3000).astype(np.float32)
    np.save(OUT / "resample_in_44100.npy", noise)
    np.save(OUT / "resample_out_16000.npy", soxr.resample(noise, 44100, 16000, "VHQ"))
    np.save(OUT / "resample_out_48000.npy", soxr.resample(noise, 44100, 48000, "VHQ"))


def arrays() -> None:
    values = {
        "bool": np.array([[True, False], [False, True]]),
        "int8": np.array([-128, 127], np.int8),
        "int16": np.array([-300, 300], np.int16),
        "int32": np.array([[-70000], [70000]], np.int32),
        "int64": np.array(-(2**40), np.int64),
        "uint8": np.array([0, 255], np.uint8),
        "float16": np.array([0.5, -2], np.float16),
        "float32": np.zeros((0, 3), np.float32),
        "float64": np.arange(24.0).reshape(2, 3, 4),
        "fortran": np.asfortranarray(np.arange(24.0).reshape(2, 3, 4)),
        "big": np.arange(6, dtype=">f8").reshape(2, 3),
    }
    np.savez(OUT / "stored.npz", **values)
    np.savez_compressed(OUT / "deflated.npz", **values)
    np.save(OUT / "fortran.npy", values["fortran"])
    buffer = bytes_io.BytesIO()
    np.lib.format.write_array(buffer, values["float64"], version=(2, 0))
    (OUT / "version2.npy").write_bytes(buffer.getvalue())
    np.save(OUT / "object.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with zipfile.ZipFile(OUT / "bomb.npz", "w", zipfile.ZIP_DEFLATED) as bomb:
        header = bytes_io.BytesIO()
        np.lib.format.write_array_header_1_0(
            header, {"descr": "|u1", "fortran_order": False, "shape": (80 << 20,)}
        )
        bomb.writestr("a.npy", header.getvalue() + bytes(80 << 20))


def pictures() -> None:
    y, x = np.mgrid[0:20, 0:30]
    rgb = np.stack([x * 8, y * 12, (x + y) * 5], -1).astype(np.uint8)
    Image.fromarray(rgb).save(OUT / "rgb.png")
    Image.fromarray(rgb).convert("L").save(OUT / "gray.png")
    np.save(OUT / "rgb.png.npy", rgb)
    np.save(OUT / "gray.png.npy", np.asarray(Image.fromarray(rgb).convert("L")))


def ffmpeg(*arguments: str, data: bytes = b"") -> bytes:
    command = ["ffmpeg", "-v", "error", "-y", *arguments]
    return subprocess.run(command, input=data, check=True, capture_output=True).stdout


def videos() -> None:
    # Frame i is flat with level 5 i + 10, so a decoded level tells which frame it is.
    n, width, height = 40, 32, 16
    levels = (5 * np.arange(n) + 10).astype(np.uint8)
    raw = np.repeat(levels, width * height).tobytes()
    size = f"{width}x{height}"
    source = ("-f", "rawvideo", "-pix_fmt", "gray", "-s", size, "-r", "30000/1001", "-i", "-")
    coded = ("-c:v", "libx264", "-crf", "4", "-pix_fmt", "yuv420p", "-bf", "2", "-g", "12")
    ffmpeg(*source, *coded, str(OUT / "levels.mp4"), data=raw)
    uneven = "setpts='(N+0.45*mod(N\\,3)+0.3*gt(N\\,20))/(30*TB)'"
    ffmpeg(
        *source,
        "-vf",
        uneven,
        "-fps_mode",
        "vfr",
        *coded,
        "-video_track_timescale",
        "90000",
        str(OUT / "uneven.mp4"),
        data=raw,
    )
    picks = {}
    for name in ("levels", "uneven"):
        for fps in ("25", "60", "10", "24000/1001"):
            out = ffmpeg(
                "-i",
                str(OUT / f"{name}.mp4"),
                "-vf",
                f"fps={fps}",
                "-fps_mode",
                "passthrough",
                "-f",
                "rawvideo",
                "-pix_fmt",
                "gray",
                "-",
            )
            frames = np.frombuffer(out, np.uint8).reshape(-1, height, width)
            indices = (frames[:, 8, 16].astype(int) - 10 + 2) // 5
            picks[f"{name} {fps}"] = [int(i) for i in indices]
    (OUT / "fps_picks.json").write_text(json.dumps(picks))

    # Colour of common kinds: as ffmpeg turns it to RGB, and PIL turns that to gray.
    kinds = {
        "bt601": ("-pix_fmt", "yuv420p", "-colorspace", "smpte170m", "-color_range", "tv"),
        "bt709": (
            "-vf",
            "scale=out_color_matrix=bt709",
            "-pix_fmt",
            "yuv420p",
            "-colorspace",
            "bt709",
        ),
        "full": ("-vf", "scale=out_range=full", "-pix_fmt", "yuvj420p"),
    }
    for name, options in kinds.items():
        path = str(OUT / f"color_{name}.mp4")
        ffmpeg(
            "-f",
            "lavfi",
            "-i",
            "testsrc2=s=96x64:r=10:d=0.3",
            *options,
            "-c:v",
            "libx264",
            "-crf",
            "12",
            path,
        )
        rgb = ffmpeg(
            "-i",
            path,
            "-f",
            "rawvideo",
            "-pix_fmt",
            "rgb24",
            "-sws_flags",
            "bicubic+accurate_rnd+full_chroma_int",
            "-",
        )
        frames = np.frombuffer(rgb, np.uint8).reshape(-1, 64, 96, 3)
        np.save(OUT / f"color_{name}.npy", frames[1])
        np.save(OUT / f"color_{name}_gray.npy", np.asarray(Image.fromarray(frames[1]).convert("L")))


def media_files() -> None:
    exact = ("-fflags", "+bitexact", "-flags:a", "+bitexact", "-map_metadata", "-1")
    tone = ("-f", "lavfi", "-i", "sine=440:r=22050:d=1", "-c:a", "libvorbis", "-q:a", "0")
    ffmpeg(*tone, *exact, str(OUT / "tone.ogg"))
    noise = ("-f", "lavfi", "-i", "anoisesrc=r=8000:d=1:a=0.1:c=pink:seed=3")
    ffmpeg(*noise, "-frame_size", "1024", "-c:a", "flac", *exact, str(OUT / "noise.flac"))
    silence = ("-f", "lavfi", "-i", "anullsrc=r=8000:cl=mono", "-t", "0.01")
    for n in (32, 33):
        streams = ("-map", "0") * n
        path = str(OUT / f"streams{n}.mkv")
        ffmpeg(*silence, *streams, "-c:a", "pcm_u8", *exact, path)


def main() -> None:
    OUT.mkdir(parents=True, exist_ok=True)
    for make in (safetensors, midi, sound, arrays, pictures, videos, media_files):
        make()
    names = ("safetensors", "torch", "mido", "pretty_midi", "soundfile", "soxr", "numpy", "pillow")
    origin = {name: version(name) for name in names}
    origin["ffmpeg"] = ffmpeg("-version").decode().split()[2]
    origin["made by"] = "scripts/oracles/io.py"
    (OUT / "origin.json").write_text(json.dumps(origin, indent=1) + "\n")


if __name__ == "__main__":
    main()
