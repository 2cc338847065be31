"""python -m mmi: the same command, with parts written in Python."""

import json
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mmi
import numpy as np
import pytest
from mmi.__main__ import main, split

PARTS = """
import numpy as np, mmi

@mmi.register("dataset", "cli_noise")
class Noise:
    def __init__(self, broken=False):
        self.broken = broken
    def __len__(self):
        return 8
    def __getitem__(self, index):
        if self.broken:
            raise RuntimeError("torn page")
        return {"frames": np.zeros((5, 36, 132), np.uint8), "keys": np.zeros(51, np.uint8)}
"""


def test_imports_are_taken_off_the_line() -> None:
    assert split(["--import", "a", "train", "x", "--import=b.c", "k=v"]) == (
        ["a", "b.c"],
        ["train", "x", "k=v"],
    )
    assert split(["train", "--", "--import", "a"]) == ([], ["train", "--", "--import", "a"])


def test_trains_with_parts_of_an_imported_package(
    tmp_path: Path, config: Callable[..., dict[str, Any]]
) -> None:
    (tmp_path / "cli_parts.py").write_text(PARTS)
    (tmp_path / "cfg.yaml").write_text(mmi._mmi.to_yaml(config(examples={"name": "cli_noise"})))
    command = [sys.executable, "-m", "mmi", "--import", "cli_parts", "train", "cfg.yaml", "--quiet"]

    def run(*more: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [*command, *more], cwd=tmp_path, capture_output=True, text=True, check=False
        )

    good = run("--json", "train.max_steps=2")
    assert good.returncode == 0, good.stderr
    assert json.loads(good.stdout)["steps"] == 2
    bad = run("task.examples.broken=true")
    assert bad.returncode == 3
    assert "Traceback" in bad.stderr and bad.stderr.splitlines()[-1].startswith(
        "mmi: example 3 of dataset cli_noise raised RuntimeError: torn page"
    )


def test_convert_prints_what_it_wrote(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / "labels.pkl"
    source.write_bytes(pickle.dumps({0: np.zeros(88)}))
    assert main(["convert", str(source)]) == 0
    assert capfd.readouterr().out == f"{tmp_path / 'labels.npz'}\n"
    out = tmp_path / "other.npz"
    assert main(["--json", "convert", str(source), "--out", str(out)]) == 0
    assert json.loads(capfd.readouterr().out) == {"path": str(out)}


@pytest.mark.parametrize(
    ("args", "code", "text"),
    [
        (["convert"], 2, "needs one file"),
        (["convert", "--wat", "x"], 2, "no option --wat"),
        (["convert", "nothing.pth"], 3, "nothing.pth: no such file"),
        (["--import", "no_such_part", "list"], 2, "Python finds no such package"),
        (["tarin"], 2, "did you mean `mmi train`"),
        (["eval", "no/run"], 4, "neither a run directory"),
        (["config", "show", "configs/audeo/video2roll.yaml", "train.max_stepz=1"], 2, "max_steps"),
    ],
)
def test_mistakes(args: list[str], code: int, text: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(args) == code
    said = capfd.readouterr()
    assert text in said.err and not said.out


def test_help_and_lists(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["convert", "--help"]) == 0
    assert ".safetensors" in capfd.readouterr().out
    assert main(["list", "encoder", "--json"]) == 0
    assert "resnet18" in {row["name"] for row in json.loads(capfd.readouterr().out)}
    assert main(["list", "lms", "--json"]) == 0
    sizes = {row["name"]: row["doc"] for row in json.loads(capfd.readouterr().out)}
    assert sizes["gemma-2b"].startswith("2.51 B parameters")
