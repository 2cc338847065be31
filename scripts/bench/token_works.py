"""What is measured of codecs, decoding and tokenizers."""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mmi
import torch
import torch.nn.functional as F
from harness import Case, Missing, Settings, Table, fastest, peer_module, table, work
from token_peers import EagerAutoregressive
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode
from works import THREADS, check, matmul_gflops, missing


def flops_of(call: Any) -> float:
    """Of convolutions and products of matrices, as torch counts them; not of LSTMs."""
    with FlopCounterMode(display=False) as counter:
        call()
    return float(counter.get_total_flops())


def _codec_cases(name: str, peer: Any, seconds: float, codebooks: int) -> Iterator[Case]:
    transformers = peer_module("transformers")
    with tempfile.TemporaryDirectory() as folder:
        peer.save_pretrained(folder)
        codec = mmi.codecs.load(folder)
    torch.manual_seed(1)
    wave = 0.1 * torch.randn(1, 1, int(seconds * codec.format.sample_rate_hz))
    tokens = codec.encode(wave)
    codes = tokens.codes
    if name.startswith("DAC"):
        calls = {
            "encode": lambda: peer.encode(wave, n_quantizers=codebooks).audio_codes,
            "decode": lambda: peer.decode(audio_codes=codes).audio_values.view(1, 1, -1),
        }
    else:
        calls = {
            "encode": lambda: peer.encode(wave, bandwidth=24.0).audio_codes[0],
            "decode": lambda: peer.decode(codes[None], [None]).audio_values,
        }
    differ = (calls["encode"]() != codes).float().mean().item()
    heard = codec.decode(tokens)
    length = min(heard.shape[-1], calls["decode"]().shape[-1])
    apart = (heard[..., :length] - calls["decode"]()[..., :length]).abs().max().item()
    equality = {
        "encode": check("share of other codes", differ, 5e-4),
        "decode": check("largest difference of the waveform", apart, 1e-4),
    }
    ours = {"encode": lambda: codec.encode(wave), "decode": lambda: codec.decode(tokens)}
    for verb, call in calls.items():
        flops = flops_of(call)
        for threads in THREADS:
            torch.set_num_threads(threads)
            roof = seconds * matmul_gflops() * 1e9 / flops
            yield Case(
                work=f"{name}, {verb} {seconds:g} s",
                peer=f"transformers {transformers.__version__}, eager",
                threads=threads,
                bar=1.15,
                amount=seconds,
                unit="s of sound/s",
                ours=ours[verb],
                theirs=call,
                equality=equality[verb],
                roof=f"convolutions and products alone at matmul's speed {roof:.1f} s/s",
                rounds=7,
            )


@work
def codecs(settings: Settings) -> Iterator[Case]:
    """EnCodec 24 kHz and DAC 16 kHz at published size."""
    try:
        transformers = peer_module("transformers")
    except Missing as error:
        yield missing("codecs", "transformers", 1, 1.15, error)
        return
    torch.manual_seed(0)
    with torch.no_grad():
        peer = transformers.EncodecModel(transformers.EncodecConfig()).eval()
        yield from _codec_cases("EnCodec 24 kHz, 32 codebooks", peer, 5, 32)
        sizes = {"downsampling_ratios": [2, 4, 5, 8], "n_codebooks": 12, "sampling_rate": 16000}
        peer = transformers.DacModel(transformers.DacConfig(**sizes)).eval()
        yield from _codec_cases("DAC 16 kHz, 12 codebooks", peer, 2, 12)


def read_gbs() -> float:
    """Bytes read a second by a sum over a matrix larger than the caches, at the threads set."""
    matrix = torch.ones(64, 1 << 20)
    return matrix.numel() * 4 / fastest(lambda: matrix.sum()) / 1e9


AR_SIZES = {"38 M": (512, 8, 12, 1.5), "302 M": (1024, 16, 24, 1.0)}


def _autoregressive_head(size: str, sampling: dict[str, Any]) -> Any:
    """Random weights, the same in each call; guidance in the delay pattern."""
    dim, heads, layers, _ = AR_SIZES[size]
    decoding = {"pattern": "delay", "guidance": 3, "sampling": sampling}
    torch.manual_seed(0)
    head = mmi.decoding.create_head(
        "autoregressive_transformer",
        {"dim": dim, "heads": heads, "layers": layers, "decoding": decoding},
        codebooks=4,
        entries=2048,
        condition_features=256,
    )
    return head.eval()


def _bytes_a_step(head: Any) -> int:
    return 4 * sum(v.numel() for k, v in head.state_dict().items() if not k.startswith("emb"))


@work
def autoregressive(settings: Settings) -> Iterator[Case]:
    """Tokens of 4 codebooks x 2048 in the delay pattern, cached, with guidance, batch 1."""
    frames = 20 if settings.quick else 50
    for size, (_, heads, _, bar) in AR_SIZES.items():
        head = _autoregressive_head(size, {"top_k": 250})
        certain = _autoregressive_head(size, {"top_k": 1})
        state = {k: v.detach() for k, v in head.state_dict().items()}
        eager = EagerAutoregressive(state, codebooks=4, heads=heads)
        features = torch.randn(1, 10, 256)
        theirs = eager.generate(features, frames, 3.0, 1)
        unlike = (certain.generate(features, frames, [0]) != theirs).float().mean().item()
        equality = check("share of other greedy codes", unlike, 0.0)
        for threads in THREADS:
            torch.set_num_threads(threads)
            roof = read_gbs() * 1e9 / _bytes_a_step(head)
            yield Case(
                work=f"autoregressive decoding, {size}, {frames} frames, 2 rows a step",
                peer="the same in eager PyTorch with a cache",
                threads=threads,
                bar=bar,
                amount=frames + 3,
                unit="steps/s",
                ours=lambda head=head, x=features: head.generate(x, frames, [0]),
                theirs=lambda eager=eager, x=features: eager.generate(x, frames, 3.0, 250),
                equality=equality,
                roof=f"reading the weights alone {roof:.3g} steps/s",
                rounds=7,
            )


@table
def cached_steps(settings: Settings) -> Table:
    """A cached autoregressive step against reading its weights (a table)."""
    frames = 20 if settings.quick else 50
    features = torch.randn(1, 10, 256)
    rows = []
    for size, bar in (("38 M", 0.0), ("302 M", 0.8)):
        head = _autoregressive_head(size, {"top_k": 250})
        read = _bytes_a_step(head)
        for threads in THREADS:
            torch.set_num_threads(threads)
            rates, shares = [], []
            for _ in range(3 if settings.quick else 7):
                roof = read_gbs() * 1e9 / read
                ends: list[float] = []
                head.generate(
                    features, frames, [0], on_frame=lambda *_, e=ends: e.append(time.perf_counter())
                )
                rates.append((len(ends) - 1) / (ends[-1] - ends[0]))
                shares.append(rates[-1] / roof)
            rate, share = statistics.median(rates), statistics.median(shares)
            bounds = f"({100 * min(shares):.0f}–{100 * max(shares):.0f})"
            seen = f"{100 * share:.0f} {bounds} %"
            if share < bar:
                seen = f"**{seen}**"
            wanted = f"≥ {100 * bar:.0f} %" if bar else ""
            figures = [f"{rate:.3g}", f"{rate * read / 1e9:.3g}", seen, wanted]
            rows.append([size, str(threads), *figures])
    return Table(
        title="A cached step against reading its weights",
        note=f"The decoding above, 2 rows a step, {frames} frames: steps between the first frame "
        "and the last, without the pass over the prompt. The roof is what a sum over a matrix of "
        "256 MiB reads, measured before each of seven rounds; the median of their shares, and the "
        "smallest and largest.",
        columns=["parameters", "threads", "steps/s", "GB/s", "of the roof", "bar"],
        rows=rows,
    )


@work
def cache(settings: Settings) -> Iterator[Case]:
    """Generation with a cache of keys and values, and without (a small network)."""
    frames = 100 if settings.quick else 500
    torch.manual_seed(0)
    decoding = {"pattern": "parallel", "sampling": {"top_k": 1}, "guidance": 1}
    head = mmi.decoding.create_head(
        "autoregressive_transformer",
        {"dim": 128, "heads": 4, "layers": 6, "decoding": decoding},
        codebooks=4,
        entries=256,
        condition_features=256,
    ).eval()
    features = torch.randn(1, 10, 256)

    @torch.no_grad()
    def uncached() -> Tensor:
        codes = torch.zeros(1, 4, 0, dtype=torch.long)
        for _ in range(frames):
            codes = F.pad(codes, (0, 1))
            codes[:, :, -1] = head.logits(features, codes)[:, :, -1].argmax(-1)
        return codes

    unlike = (head.generate(features, frames, [0]) != uncached()).float().mean().item()
    for threads in THREADS:
        torch.set_num_threads(threads)
        roof = read_gbs() * 1e9 / _bytes_a_step(head)
        yield Case(
            work=f"{frames} frames of 4 codebooks, width 128, 6 layers, greedy, batch 1",
            peer="ours without a cache: every frame from all before it",
            threads=threads,
            bar=5,
            amount=frames,
            unit="steps/s",
            ours=lambda: head.generate(features, frames, [0]),
            theirs=uncached,
            equality=check("share of other codes", unlike, 0.0),
            roof=f"reading the weights alone {roof:.3g} steps/s",
            rounds=7,
        )


def _bpe(folder: Path) -> Path:
    """Byte-level BPE of 8,000 pieces, learned from Python's own modules."""
    tokenizers = peer_module("tokenizers")
    made = tokenizers.Tokenizer(tokenizers.models.BPE())
    made.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = tokenizers.decoders.ByteLevel()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=8000,
        initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    made.train_from_iterator(_texts(), trainer)
    made.save(str(folder / "tokenizer.json"))
    return folder / "tokenizer.json"


def _texts() -> list[str]:
    modules = sorted(Path(tempfile.__file__).parent.glob("*.py"))[:80]
    return [p for m in modules for p in m.read_text(errors="ignore").split("\n\n") if p.strip()]


@work
def tokenizers(settings: Settings) -> Iterator[Case]:
    """Byte-level BPE, text to ids."""
    texts = _texts()
    size = sum(len(t.encode()) for t in texts) / 1e6
    try:
        library = peer_module("tokenizers")
        with tempfile.TemporaryDirectory() as folder:
            path = _bpe(Path(folder))
            peer = library.Tokenizer.from_file(str(path))
            own = mmi.text.load_tokenizer(path)
    except Missing as error:
        yield missing("BPE", "tokenizers", 1, 1, error)
        return
    unlike = sum(own.encode(t) != peer.encode(t).ids for t in texts)
    calls = size / fastest(lambda: [own.encode("") for _ in texts])
    yield Case(
        work=f"BPE of 8,000 pieces, {len(texts)} paragraphs one by one",
        peer=f"tokenizers {library.__version__}",
        threads=1,
        bar=1,
        amount=size,
        unit="MB/s",
        ours=lambda: [own.encode(t) for t in texts],
        theirs=lambda: [peer.encode(t).ids for t in texts],
        equality=check("texts with other ids", unlike, 0),
        roof=f"the calls from Python alone {calls:.0f} MB/s",
    )


@work
def language_model(settings: Settings) -> Iterator[Case]:
    """LLaMA of 58 M parameters, greedy, against transformers.generate."""
    try:
        transformers = peer_module("transformers")
    except Missing as error:
        yield missing("language model", "transformers", 1, 1.3, error)
        return
    torch.manual_seed(0)
    sizes = {"hidden_size": 512, "intermediate_size": 1376, "num_hidden_layers": 8}
    config = transformers.LlamaConfig(
        vocab_size=32000, num_attention_heads=8, num_key_value_heads=8, **sizes
    )
    peer = transformers.LlamaForCausalLM(config).eval()
    peer.generation_config.eos_token_id = None
    with tempfile.TemporaryDirectory() as folder:
        peer.save_pretrained(folder)
        model = mmi.lm.load(folder)
    prompt = torch.randint(3, 32000, (1, 16))
    count = 32 if settings.quick else 64

    def theirs() -> Tensor:
        found = peer.generate(prompt, do_sample=False, max_new_tokens=count, pad_token_id=0)
        return found[0, prompt.shape[1] :]

    def ours() -> list[int]:
        return model.generate(prompt[0].tolist(), max_new_tokens=count, stop_ids=[])

    equality = check("other ids", sum(a != b for a, b in zip(ours(), theirs(), strict=True)), 0)
    read = 4 * sum(p.numel() for n, p in peer.named_parameters() if "embed" not in n)
    for threads in THREADS:
        torch.set_num_threads(threads)
        yield Case(
            work=f"LLaMA of 58 M parameters, float32, {count} tokens behind 16",
            peer=f"transformers {transformers.__version__}, generate",
            threads=threads,
            bar=1.3,
            amount=count,
            unit="tokens/s",
            ours=ours,
            theirs=theirs,
            equality=equality,
            roof=f"reading the weights alone {read_gbs() * 1e9 / read:.3g} tokens/s",
            rounds=7,
        )


@table
def weight_types(settings: Settings) -> Table:
    """Language models with float32, bf16 and int8 weights (a table)."""
    size, parameters = "qwen2-0.5b", 0.494e9
    rows = []
    for threads in THREADS:
        torch.set_num_threads(threads)
        roof = read_gbs()
        for dtype, width in (("float32", 4.0), ("bf16", 2.0), ("int8", 1.0 + 4 / 128)):
            call = [sys.executable, "-m", "mmi", "lm", "generate", size, f"dtype={dtype}"]
            call += ["max_new_tokens=48", "--json", "--quiet"]
            environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
            done = subprocess.run(call, env=environment, check=True, capture_output=True)
            values = json.loads(done.stdout)["values"]
            rate = values["tokens_per_s"]
            read = parameters * width
            rows.append(
                [
                    dtype,
                    str(threads),
                    f"{rate:.3g}",
                    f"{rate * read / 1e9:.3g}",
                    f"{rate * read / 1e7 / roof:.0f} %",
                ]
            )
    return Table(
        title="Language models by the type of their weights",
        note=f"`mmi lm generate {size}`: random weights of Qwen2's published 0.5 B parameters, "
        "batch 1, 48 tokens; sums are float32. The roof is what a sum over a matrix reads.",
        columns=["weights", "threads", "tokens/s", "GB/s", "of the roof"],
        rows=rows,
    )


@table
def masked(settings: Settings) -> Table:
    """Passes, FLOP and speed of masked against autoregressive decoding (a table)."""
    torch.manual_seed(0)
    frames, features = 500, torch.randn(1, 30, 256)
    codec = mmi.codecs.create("encodec", codebooks=4, codebook_size=256, **_CODEC_TINY)
    made = {"codebooks": 4, "entries": 256, "condition_features": 256}
    tiny = {"dim": 128, "heads": 4}
    masked_tiny = {**tiny, "multiway_layers": 3, "shared_layers": 3}
    rows = []
    ar, ar_tiny = "autoregressive_transformer", {**tiny, "layers": 6}
    for name, head, options, pattern, passes in (
        ("masked, 16 steps", "masked_transformer", masked_tiny, "", 16),
        ("autoregressive, delay", ar, ar_tiny, "delay", 503),
        (
            "autoregressive, flatten",
            "autoregressive_transformer",
            ar_tiny,
            "flatten",
            2000,
        ),
    ):
        decoding = {"guidance": 3, **({"pattern": pattern} if pattern else {})}
        network = mmi.decoding.create_head(head, {**options, "decoding": decoding}, **made).eval()
        if passes == 16:
            flops = flops_of(lambda n=network: n.generate(features, frames, [0]))
        else:  # torch counts no kernels of ours; with a cache, each column is computed once
            codes = torch.zeros(1, 4, frames, dtype=torch.long)
            flops = 2 * flops_of(lambda n=network, c=codes: n.logits(features, c))
        for threads in THREADS:
            torch.set_num_threads(threads)

            def whole(n: Any = network) -> Tensor:
                with torch.no_grad():
                    return codec.decode(n.generate(features, frames, [0]))

            seconds = fastest(whole, 3)
            figures = [str(passes), f"{flops / 1e9:.3g}", f"{seconds:.3g}", f"{10 / seconds:.3g}"]
            rows.append([name, str(threads), *figures])
    return Table(
        title="Masked and autoregressive decoding",
        note="10 s of sound (500 frames of 4 codebooks x 256), networks of width 128 with 6 layers "
        "and guidance, batch 1, decoding by a small EnCodec included. On a processor no order is "
        "claimed: the cached network does less work, the masked one fewer passes.",
        columns=["decoding", "threads", "passes", "GFLOP", "seconds", "s of sound/s"],
        rows=rows,
    )


_CODEC_TINY = {
    "sample_rate_hz": 16000,
    "filters": 8,
    "dim": 64,
    "lstm_layers": 1,
    "causal": False,
}
