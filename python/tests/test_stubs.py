"""python/mmi/_mmi.pyi says what the extension module is."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def test_stubs_are_up_to_date(tmp_path: Path) -> None:
    pytest.importorskip("pybind11_stubgen")
    subprocess.run(
        [sys.executable, str(ROOT / "scripts/make_stubs.py"), str(tmp_path / "_mmi.pyi")],
        check=True,
        capture_output=True,
    )
    made = (tmp_path / "_mmi.pyi").read_text()
    assert made == (ROOT / "python/mmi/_mmi.pyi").read_text(), "run scripts/make_stubs.py"
