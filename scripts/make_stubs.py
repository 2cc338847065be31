#!/usr/bin/env python3
"""Writes python/mmi/_mmi.pyi, the types of the extension module, from the module itself.

Usage: make_stubs.py [FILE]. Run it after a change of python/bindings; a test compares the two.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
HEADER = "# Made by scripts/make_stubs.py from the extension module.\n"


# What pybind11 writes wider, longer or without its arguments.
SIMPLER = {
    r"typing\.SupportsInt \| typing\.SupportsIndex": "int",
    r"typing\.SupportsFloat \| typing\.SupportsIndex": "float",
    r"os\.PathLike \| str \| bytes": "str | os.PathLike[str]",
    r"collections\.abc\.Callable\b(?!\[)": "collections.abc.Callable[..., typing.Any]",
    r"(__hash__: typing\.ClassVar\[None\]) = None": r"\1 = None  # type: ignore[assignment]",
    # Values that differ from build to build.
    r"^(revision|version): str = .*$": r"\1: str",
}


def simplify(text: str) -> str:
    for pattern, replacement in SIMPLER.items():
        text = re.sub(pattern, replacement, text, flags=re.MULTILINE)
    return text


def main() -> int:
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "python/mmi/_mmi.pyi"
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pybind11_stubgen", "mmi._mmi", "-o", folder]
        command += ["--ignore-all-errors"]
        subprocess.run(command, check=True)
        text = (Path(folder) / "mmi/_mmi.pyi").read_text()
        file = Path(folder) / "_mmi.pyi"
        file.write_text(HEADER + simplify(text))
        config = ["--config", str(ROOT / "pyproject.toml")]
        ruff = [sys.executable, "-m", "ruff"]
        for step in (["format", "--quiet"], ["check", "--fix", "--quiet"]):
            subprocess.run([*ruff, *step, *config, str(file)], check=True)
        target.write_text(file.read_text())
    return 0


if __name__ == "__main__":
    sys.exit(main())
