"""docs/performance.md is made from docs/performance.json, which names a peer and a roof per row."""

import json
import re
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "scripts/bench"))

from page import render  # noqa: E402

RESULT = json.loads((ROOT / "docs/performance.json").read_text())


def test_page_agrees_with_the_figures() -> None:
    assert (ROOT / "docs/performance.md").read_text() == render(RESULT)
    assert not RESULT["quick"]


@pytest.mark.parametrize("row", RESULT["rows"], ids=lambda row: f"{row['name']}-{row['peer']}")
def test_rows_are_complete_and_their_verdicts_follow(row: dict[str, Any]) -> None:
    if row["verdict"] == "not measured":
        assert row["reason"]
        return
    median = row.get("ratio", row.get("rate"))
    assert row["lo"] <= median <= row["hi"]
    assert row["rounds"] >= 7 and row["equality"] and row["roof"]
    assert row["verdict"] == ("met" if median >= row["bar"] else "missed")


def test_every_kind_of_work_has_rows() -> None:
    files = [ROOT / "scripts/bench" / name for name in ("works.py", "token_works.py")]
    text = "".join(file.read_text() for file in files)
    works = re.findall(r"^@work\ndef (\w+)", text, re.M)
    assert {row["name"] for row in RESULT["rows"]} == set(works)


def test_peers_are_pinned_and_stay_out_of_the_environment() -> None:
    pins = (ROOT / "scripts/bench/requirements.txt").read_text().splitlines()
    for pin in (line for line in pins if not line.startswith("#")):
        package, _, number = pin.partition("==")
        assert re.fullmatch(r"[\d.]+", number), pin
        with pytest.raises(Exception, match=package):
            version(package)
