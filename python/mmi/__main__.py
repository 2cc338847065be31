"""`python -m mmi`: the `mmi` command with what needs Python, parts of `--import` and `convert`."""

import importlib
import json
import sys
from collections.abc import Sequence

from mmi import _distributed, _mmi
from mmi.convert import convert
from mmi.errors import CheckpointError, ConfigError, DataError

EXIT_CODES = {ConfigError: 2, DataError: 3, CheckpointError: 4}


def split(args: Sequence[str]) -> tuple[list[str], list[str]]:
    """Packages of --import, and the other arguments (the verb first, when there is one)."""
    imports: list[str] = []
    rest: list[str] = []
    position = 0
    while position < len(args):
        word = args[position]
        if word == "--":
            rest += args[position:]
            break
        if word == "--import" and position + 1 < len(args):
            imports.append(args[position + 1])
            position += 1
        elif word.startswith("--import="):
            imports.append(word.removeprefix("--import="))
        else:
            rest.append(word)
        position += 1
    return imports, rest


def import_parts(name: str) -> None:
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or name.split(".")[0] != error.name.split(".")[0]:
            raise
        raise ConfigError(
            f"--import {name}: Python finds no such package; run in its folder or set PYTHONPATH"
        ) from None


def run_convert(args: Sequence[str]) -> int:
    files: list[str] = []
    out: str | None = None
    position = 0
    while position < len(args):
        word = args[position]
        if word.startswith("--out="):
            out = word.removeprefix("--out=")
        elif word == "--out":
            position += 1
            if position == len(args):
                raise ConfigError("--out needs a value")
            out = args[position]
        elif word.startswith("-") and word not in ("--json", "--quiet"):
            raise ConfigError(f"`mmi convert` has no option {word}; see `mmi convert --help`")
        elif not word.startswith("-"):
            files.append(word)
        position += 1
    if len(files) != 1:
        raise ConfigError("`mmi convert` needs one file; see `mmi convert --help`")
    written = str(convert(files[0], out))
    print(json.dumps({"path": written}) if "--json" in args else written)
    return 0


def main(args: Sequence[str]) -> int:
    try:
        imports, rest = split(args)
        verbs = [word for word in rest if not word.startswith("-")]
        static = any(word in ("-h", "--help", "--version") for word in rest)
        if verbs[:1] == ["convert"] and not static:
            rest.remove("convert")
            return run_convert(rest)
        if not static:
            for name in imports:
                import_parts(name)
            if verbs[:1] == ["train"]:
                _distributed.join()
        return _mmi.cli_main(list(args))
    except (ConfigError, DataError, CheckpointError) as error:
        print(f"mmi: {error}", file=sys.stderr)
        return EXIT_CODES[type(error)]
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
