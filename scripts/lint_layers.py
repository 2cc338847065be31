#!/usr/bin/env python3
"""Checks the include graph: a room includes only rooms in lower lines (docs/architecture.md).

Usage: lint_layers.py [ROOT]. Prints one line a finding, `file:line: sentence`; exit 1 on any.
"""

import re
import sys
from pathlib import Path

# Lowest line first; rooms of one line never include each other. Systems live in models/<system>.
HOUSE = [
    ["base"],
    ["io"],
    ["tensor"],
    ["dsp", "music", "text"],
    ["nn"],
    ["encoders", "codecs", "heads", "fusion", "lm"],
    ["data"],
    ["worlds", "metrics"],
    ["task"],
    ["models", "train"],
    ["runs"],
    ["live"],
    ["cli", "python"],
]
LINE = {room: line for line, rooms in enumerate(HOUSE) for room in rooms}
TORCH_FREE = {"base", "io", "text"}
TORCH_FREE_HEADERS = {"live"}
TORCH = re.compile(r"(torch|ATen|c10|caffe2)/")
CUDA = re.compile(r"(ATen/cuda|c10/cuda|torch/csrc/cuda)/|^cuda(_runtime|_fp16|_bf16)?(_api)?\.h$")
PICKLE = re.compile(
    r"torch::(load|save|pickle_load|pickle_save|jit::load)\s*\(|\bInputArchive\b|serialization/pickle"
)
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*[<"]([^>"]+)[>"]')
COMMENT = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"', re.S)


def room_of(path: str) -> str | None:
    """The room that a path such as `io/wav.h` or `models/audeo/model.h` belongs to."""
    parts = path.split("/")
    if parts[0] not in LINE or len(parts) < 2:
        return None
    return "/".join(parts[:2]) if parts[0] == "models" else parts[0]


def without_comments(text: str) -> str:
    """The text with comments blanked out; strings stay, since includes are written with quotes."""

    def blank(match: re.Match[str]) -> str:
        found = match.group()
        return found if found.startswith('"') else re.sub(r"[^\n]", " ", found)

    return COMMENT.sub(blank, text)


def check_include(place: str, room: str, target: str, root: Path) -> str | None:
    """Why a file of `room` at `place` (relative to the root) may not include `target`."""
    header = place.endswith((".h", ".cuh"))
    if TORCH.match(target):
        if room in TORCH_FREE or (header and room in TORCH_FREE_HEADERS):
            return f"{room} is torch-free, but includes {target}"
        if header and target in ("torch/torch.h", "torch/extension.h"):
            return f"a header includes {target}: include the narrow torch headers it needs instead"
    if CUDA.search(target) and not place.endswith((".cu", ".cuh", "_cuda.cpp")):
        return f"{target} belongs into .cu or _cuda.cpp files: all else builds without CUDA"
    public = target.startswith("mmi/")
    other = room_of(target.removeprefix("mmi/"))
    if other is None or other == room or not (public or (root / "src" / target).exists()):
        return None
    if not public:
        return f"{target} is private to {other}: only include/mmi/{other} is for other rooms"
    if LINE[other.split("/")[0]] >= LINE[room.split("/")[0]]:
        return f"{room} includes {other}, which stands beside or above it in the house"
    return None


def check_file(root: Path, file: Path, room: str) -> list[str]:
    place = file.relative_to(root).as_posix()
    findings = []
    for number, line in enumerate(without_comments(file.read_text()).splitlines(), 1):
        include = INCLUDE.match(line)
        problem = check_include(place, room, include.group(1), root) if include else None
        if problem is None and PICKLE.search(line):
            problem = "C++ reads no pickles, which can run code: use safetensors, .npz or .json"
        if problem:
            findings.append(f"{place}:{number}: {problem}")
    return findings


def main() -> int:
    root = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent.parent).resolve()
    findings, files = [], 0
    for base in ("include/mmi", "src", "tests", "python/bindings"):
        folder = root / base
        for file in sorted(folder.rglob("*")):
            if file.suffix not in (".h", ".cpp", ".cu", ".cuh"):
                continue
            inside = file.relative_to(folder).as_posix()
            room = "python" if base == "python/bindings" else room_of(inside)
            if room is None:
                # The tests' consumer and shared helpers stand outside the house; a source cannot.
                if base != "tests":
                    findings.append(f"{base}/{inside}:1: {inside.split('/')[0]} is no room")
                continue
            files += 1
            findings += check_file(root, file, room)
    print("\n".join(findings + [f"layers: {files} files, {len(findings)} findings"]))
    return 1 if findings or not files else 0


if __name__ == "__main__":
    sys.exit(main())
