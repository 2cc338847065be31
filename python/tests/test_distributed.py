"""Trainings that several processes share: torchrun -m mmi train."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

# No batch norm and no dropout: with them the processes' shares of a batch are no sum.
PART = """
import mmi
import torch


@mmi.register("encoder", "ddp_conv")
class Conv(torch.nn.Module):
    '''Two convolutions, and a parameter that nothing uses.'''

    def __init__(self, in_channels: int, height: int, width: int) -> None:
        super().__init__()
        self.feature_size = 6
        self.first = torch.nn.Conv2d(in_channels, 8, 5, stride=4)
        self.second = torch.nn.Conv2d(8, 6, 3, stride=2)
        self.unused = torch.nn.Parameter(torch.ones(3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.second(self.first(x).tanh()).mean((2, 3))
"""

Make = Callable[..., dict[str, Any]]


@pytest.fixture
def folder(tmp_path: Path, config: Make) -> Path:
    tree = config(model={"name": "encoder_head", "encoder": {"name": "ddp_conv"}})
    tree["task"]["draws_per_epoch"] = 32
    (tmp_path / "ddp_part.py").write_text(PART)
    (tmp_path / "config.yaml").write_text(json.dumps(tree))  # JSON is YAML
    return tmp_path


def command(folder: Path, processes: int, *overrides: str) -> list[str]:
    torchrun = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    train = ["-m", "mmi", "train", "config.yaml", "--import", "ddp_part"]
    return [sys.executable, *(torchrun if processes > 1 else []), *train, *overrides]


def environment(folder: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(folder), "OMP_NUM_THREADS": "1"}


def train(folder: Path, runs: str, processes: int, *overrides: str) -> tuple[Path, str]:
    """The run's folder, and what was printed for people."""
    done = subprocess.run(
        [*command(folder, processes, *overrides), "--runs", runs],
        cwd=folder,
        env=environment(folder),
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\n") == 1, "one process answers"
    return folder / done.stdout.strip(), done.stderr


def first_moments(run: Path) -> torch.Tensor:
    """After one step, a tenth of the gradient."""
    state = load_file(next(run.glob("checkpoints/step_*")) / "optim.safetensors")
    return torch.cat([state[key].flatten() for key in sorted(state) if key.endswith("exp_avg")])


def test_averaged_gradients_are_those_of_the_joined_batch(folder: Path) -> None:
    one_step = "train.max_steps=1"
    shared, _ = train(folder, "shared", 2, one_step, "task.loader.batch_size=4")
    whole, _ = train(folder, "whole", 1, one_step, "task.loader.batch_size=8")
    a, b = first_moments(shared), first_moments(whole)
    difference = float((a - b).norm() / b.norm())
    print(f"relative difference of the gradients: {difference:.2e}")
    assert b.norm() > 0
    assert difference <= 1e-5
    # One process that accumulates takes the same steps.
    four = "train.max_steps=4"
    shared, _ = train(folder, "shared", 2, four)
    accumulated, _ = train(folder, "accumulated", 1, four, "train.accumulate=2")
    ours = load_file(shared / "checkpoints" / "step_00000004" / "model.safetensors")
    theirs = load_file(accumulated / "checkpoints" / "step_00000004" / "model.safetensors")
    for key, value in theirs.items():
        torch.testing.assert_close(ours[key], value, rtol=1e-4, atol=1e-6)


def test_a_killed_rank_ends_the_others_with_its_name_and_a_restart_continues(folder: Path) -> None:
    long = ["train.max_steps=400", "train.save_every=5", "train.eval_every=400"]
    process = subprocess.Popen(
        [*command(folder, 2, *long), "--runs", "killed"],
        cwd=folder,
        env={**environment(folder), "MMI_DDP_TIMEOUT_S": "30"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        deadline = time.monotonic() + 120
        while not list(folder.glob("killed/audeo/*/checkpoints/step_*")):
            assert process.poll() is None, process.communicate()[1]
            assert time.monotonic() < deadline
            time.sleep(0.05)
        # torchrun's children; the environment tells which is which.
        tasks = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        ranks = {}
        for pid in tasks:
            pairs = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
            facts = dict(pair.split(b"=", 1) for pair in pairs if b"=" in pair)
            ranks[facts.get(b"RANK")] = int(pid)
        os.kill(ranks[b"1"], signal.SIGKILL)
        _, errors = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode != 0
    assert "rank 1 is gone" in errors
    run, text = train(folder, "killed", 2, *long)
    assert "continuing from step" in text
    undisturbed, _ = train(folder, "undisturbed", 2, *long)
    last = Path("checkpoints/step_00000400/model.safetensors")
    assert (run / last).read_bytes() == (undisturbed / last).read_bytes()
