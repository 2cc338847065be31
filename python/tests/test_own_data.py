"""docs/own_data.md is followed line by line, so that it stays true."""

import json
import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import mmi
import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/own_data.md").read_text()
SECTIONS = re.split(r"^## ", PAGE, flags=re.MULTILINE)[1:]


@pytest.mark.parametrize("section", SECTIONS, ids=lambda text: text.splitlines()[0])
def test_every_block_does_what_the_page_says(
    section: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "configs").symlink_to(ROOT / "configs")
    # The `mmi` and `python` beside this interpreter.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path, "PYTHONPATH": str(tmp_path), "OMP_NUM_THREADS": "1"}
    blocks = re.findall(r"^```(\w+)(?: file=(\S+))?\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)
    assert {language for language, _, _ in blocks} >= {"sh", "yaml"}
    printed = ""
    for language, file, text in blocks:
        if file:
            (tmp_path / file).write_text(text)
            continue
        assert language == "sh"
        done = subprocess.run(
            ["bash", "-euc", text],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        printed += done.stdout
    # Loaded where it was trained, with what it was trained on.
    monkeypatch.chdir(tmp_path)
    for own in tmp_path.glob("*.py"):
        runpy.run_path(str(own))
    run = mmi.load(printed.split()[-1])
    assert run.info.finished and run.info.steps == 16
    if section.startswith("1."):
        assert run.config["task"]["examples"] == {"name": "bright_keys", "count": 48}
        assert (tmp_path / "samples/examples_frames.png").exists()
    if section.startswith("2."):
        report = json.loads(printed.splitlines()[0])
        assert report["problems"] == 0 and report["datasets"][0]["size"] == 40
        assert report["datasets"][0]["checked"] == 40


def test_links_lead_to_files() -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", PAGE):
        assert (ROOT / "docs" / target).exists(), target
