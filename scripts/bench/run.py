#!/usr/bin/env python3
"""Measures the library against its peers, interleaved: ours, theirs, ours, theirs, …

A ratio is the peer's time over ours: above 1 we are faster. It is the median of the rounds; lo and
hi are the smallest and the largest. Peers that are not in .venv are installed into build/bench-site
from scripts/bench/requirements.txt; one that cannot be used is reported as not measured.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import time
import traceback
from dataclasses import asdict
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import token_works  # noqa: F401 (fills WORKS)
import works  # noqa: F401
from harness import ROOT, SITE, TABLES, WORKS, Case, Settings, measure
from page import figure, render, table_lines


def cpu_name() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def install_peers() -> None:
    wanted = (ROOT / "scripts/bench/requirements.txt").read_text()
    stamp = SITE / ".requirements"
    if stamp.is_file() and stamp.read_text() == wanted:
        return
    print("bench: installing the peers into build/bench-site …", file=sys.stderr)
    # Without dependencies: torch and NumPy are those of .venv.
    command = [sys.executable, "-m", "pip", "install", "-q", "--upgrade", "--no-deps"]
    command += ["--target", str(SITE), "-r", str(ROOT / "scripts/bench/requirements.txt")]
    if subprocess.run(command, check=False).returncode == 0:
        stamp.write_text(wanted)
    else:
        print("bench: pip failed; what is missing is reported as not measured", file=sys.stderr)


def row_of(case: Case, quick: bool) -> dict[str, Any]:
    if case.amount:
        return measure(case, quick)
    row = {"work": case.work, "peer": case.peer, "threads": case.threads, "bar": case.bar}
    return {**row, "verdict": "not measured", "reason": case.equality}


def header(quick: bool) -> dict[str, Any]:
    import torch

    return {
        "machine": {
            "cpu": cpu_name(),
            "cores": os.cpu_count(),
            "simd": torch.backends.cpu.get_cpu_capability(),
        },
        "versions": {"python": platform.python_version(), "torch": torch.__version__},
        "flags": "Release: clang-19 -O2; peers as their wheels come",
        "quick": quick,
    }


def others_of(file: Path, head: dict[str, Any], names: list[str]) -> dict[str, Any]:
    """Rows and tables of an earlier run that this one will not measure."""
    before = json.loads(file.read_text())
    for key, value in head.items():
        if before[key] != value:
            sys.exit(f"bench: {file} has {key} {before[key]}, this run {value}: leave out --only")
    tables = before.get("tables", {})
    return {
        "rows": [row for row in before["rows"] if row["name"] not in names],
        "tables": {name: made for name, made in tables.items() if name not in names},
    }


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="works:\n" + "\n".join(f"  {n:16} {w.__doc__}" for n, w in (WORKS | TABLES).items()),
    )
    parser.add_argument(
        "--only",
        action="append",
        choices=WORKS | TABLES,
        metavar="WORK",
        help="one of the works below; may be repeated",
    )
    parser.add_argument(
        "--quick", action="store_true", help="three rounds and less work: a look, not a result"
    )
    parser.add_argument(
        "--json",
        type=Path,
        metavar="FILE",
        help="write the rows there, and a page FILE with suffix .md; with --only, the other rows "
        "of FILE stay when they are of the same machine and versions",
    )
    args = parser.parse_args()

    os.chdir(ROOT)
    install_peers()
    settings = Settings(quick=args.quick)
    start = time.monotonic()
    rows: list[dict[str, Any]] = []
    failed = False
    tables: dict[str, Any] = {}
    names = args.only or [*WORKS, *TABLES]
    head = header(args.quick)
    kept: dict[str, Any] = {"rows": [], "tables": {}}
    if args.only and args.json and args.json.is_file():
        kept = others_of(args.json, head, names)
    for name in names:
        print(f"bench: {name} …", file=sys.stderr)
        try:
            if name in TABLES:
                tables[name] = asdict(TABLES[name](settings))
                print(table_lines(tables[name]), flush=True)
                continue
            for case in WORKS[name](settings):
                row = row_of(case, args.quick)
                rows.append({"name": name, **row})
                print(
                    f"  {figure(row):20} {row['verdict']:12} {row['threads']} threads | "
                    f"{row['work']} | {row['peer']}",
                    flush=True,
                )
        except Exception:
            failed = True
            traceback.print_exc()
    print(f"bench: {time.monotonic() - start:.0f} s", file=sys.stderr)
    if args.json:
        order = list(WORKS)
        every = sorted(kept["rows"] + rows, key=lambda row: order.index(row["name"]))
        result = {**head, "rows": every, "tables": kept["tables"] | tables}
        args.json.write_text(json.dumps(result, indent=1) + "\n")
        args.json.with_suffix(".md").write_text(render(result))
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
