"""`mmi data check` on datasets of the core and of Python."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = """
import mmi, torch

@mmi.register("dataset", "check_me")
class CheckMe:
    def __init__(self, broken=False):
        self.broken = broken

    def __len__(self):
        return 12

    def __getitem__(self, index):
        if self.broken and index == 3:
            raise ValueError("page torn out")
        frames = torch.full((5, 36, 132), index, dtype=torch.uint8)
        keys = torch.zeros(51)
        if self.broken and index == 5:
            keys[2] = float("nan")
        return {"frames": frames, "keys": keys}

@mmi.register("task", "check_task")
class CheckTask:
    selection = ("loss", False)
    def __init__(self, *, seed, device, parents, rollouts=False):
        self.module, self.rollouts = torch.nn.Linear(2, 1), rollouts
    def batches(self, seed):
        return self if self.rollouts else CheckMe()
    per_epoch = 1
    def next(self):
        return {}
    def seek(self, batch, stride):
        pass
    def loss(self, phase, batch, step):
        return self.module(torch.ones(2)).sum()
    def evaluate(self, split):
        return {"loss": 1.0}
"""
VIDEO2ROLL = """
threads: 1
device: cpu
task:
  name: audeo/video2roll
  model: {name: video2roll, width: 0.05}
  recordings: {name: piano_world, train_pieces: 1, valid_pieces: 1, test_pieces: 1, duration_s: 2}
  examples: {name: check_me, broken: %s}
  height: 36
  width: 132
"""


def check(folder: Path, config: str, *words: str) -> "subprocess.CompletedProcess[str]":
    (folder / "check_parts.py").write_text(SOURCE)
    (folder / "own.yaml").write_text(config)
    command = [sys.executable, "-m", "mmi", "data", "check", "own.yaml", *words]
    return subprocess.run(
        [*command, "--import", "check_parts"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_good_one_is_described_and_shown(tmp_path: Path) -> None:
    done = check(tmp_path, VIDEO2ROLL % "false", "--json", "--out", "samples")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["problems"] == 0
    names = [dataset["name"] for dataset in report["datasets"]]
    assert names == [f"audeo/video2roll {split}" for split in ("examples", "valid", "test")]
    own = report["datasets"][0]
    assert own["size"] == own["checked"] == 12 and own["fingerprint"].startswith("check_me ")
    assert [sample["index"] for sample in own["samples"]] == [0, 6, 11]
    assert "[5, 36, 132], 6 to 6" in own["samples"][1]["values"][0]
    assert (tmp_path / "samples/examples_frames.png").exists()


def test_every_problem_is_found_and_the_exit_code_is_3(tmp_path: Path) -> None:
    done = check(tmp_path, VIDEO2ROLL % "true")
    assert done.returncode == 3
    assert "problem: example 3: " in done.stdout and "page torn out" in done.stdout
    assert 'problem: example 5: "keys" has 1 values that are not finite' in done.stdout
    assert done.stdout.endswith("2 problems\n")


def test_a_missing_folder_is_a_problem_too(tmp_path: Path) -> None:
    config = VIDEO2ROLL.replace("  examples: {name: check_me, broken: %s}\n", "")
    config = config.replace(
        config[config.index("  recordings") : config.index("  height")],
        "  recordings: {name: audeo_folder, root: nowhere}\n",
    )
    done = check(tmp_path, config)
    assert done.returncode == 3, done.stdout + done.stderr
    assert "problem: " in done.stdout and "nowhere" in done.stdout


@pytest.mark.parametrize(("rollouts", "code"), [("false", 0), ("true", 2)])
def test_a_task_in_python(tmp_path: Path, rollouts: str, code: int) -> None:
    done = check(tmp_path, f"task: {{name: check_task, rollouts: {rollouts}}}\ndevice: cpu\n")
    assert done.returncode == code, done.stdout + done.stderr
    if code == 0:
        assert "check_task train: 12 examples, 12 of them decoded" in done.stdout
    else:
        assert "check_task makes its training data itself" in done.stderr
