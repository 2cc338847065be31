"""docs/performance.md from docs/performance.json: page.py FILE.json writes FILE.md."""

import json
import sys
from pathlib import Path
from typing import Any

HEAD = """# Performance

Made by `.venv/bin/python scripts/bench/run.py --json docs/performance.json`; don't edit. A ratio is
the peer's time over ours (above 1 we are faster): the median of the rounds, and the smallest and
largest in brackets. Both sides run in one process, in turn, with the same number of threads, after
their outputs were compared. The roof is what bounds the work on this machine, measured just before.
"""


def figure(row: dict[str, Any]) -> str:
    if row["verdict"] == "not measured":
        return "not measured"
    if "ratio" in row:
        return f"{row['ratio']:.2f} ({row['lo']:.2f}–{row['hi']:.2f})"
    return f"{row['rate']:.0f} ({row['lo']:.0f}–{row['hi']:.0f})"


def line(row: dict[str, Any]) -> str:
    cells = [row["work"], row["peer"], str(row["threads"])]
    if row["verdict"] == "not measured":
        cells += ["not measured", f"{row['bar']:g}", "", row["reason"], ""]
    else:
        rates = f"{row['ours']:.3g}" + (f" / {row['theirs']:.3g}" if "theirs" in row else "")
        bold = figure(row) if row["verdict"] == "met" else f"**{figure(row)}**"
        cells += [bold, f"≥ {row['bar']:g}", f"{rates} {row['unit']}", row["equality"], row["roof"]]
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def table_lines(table: dict[str, Any]) -> str:
    rows = [table["columns"], ["---"] * len(table["columns"]), *table["rows"]]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def render(result: dict[str, Any]) -> str:
    machine, versions = result["machine"], result["versions"]
    rows = result["rows"]
    missed = [row for row in rows if row["verdict"] == "missed"]
    text = HEAD + "\n"
    if result["quick"]:
        text += "**A quick look (three rounds, less work), not a result.**\n\n"
    text += f"{machine['cpu']}, {machine['cores']} cores, {machine['simd']}; "
    text += f"Python {versions['python']}, "
    text += f"torch {versions['torch']}; {result['flags']}. "
    text += f"{len(rows)} rows, {len(missed)} below their bar{' (bold)' if missed else ''}.\n\n"
    text += "| work | peer | threads | ratio | bar | ours / theirs | outputs | roof |\n"
    text += "|---|---|---|---|---|---|---|---|\n"
    text += "\n".join(line(row) for row in rows) + "\n"
    for table in result.get("tables", {}).values():
        text += f"\n## {table['title']}\n\n{table['note']}\n\n{table_lines(table)}\n"
    notes = Path(__file__).with_name("notes.md")
    if notes.is_file():
        text += "\n" + notes.read_text()
    return text


if __name__ == "__main__":
    source = Path(sys.argv[1])
    source.with_suffix(".md").write_text(render(json.loads(source.read_text())))
