"""Trainings and what they leave behind."""

import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import torch

from mmi import _mmi
from mmi._artifacts import Artifacts
from mmi._distributed import join
from mmi._model import Model
from mmi._task import Config, Task, resolve


class Run:
    """A trained system with its weights; `mmi.train` and `mmi.load` make it."""

    def __init__(self, core: _mmi.Run) -> None:
        self._core = core
        self._task = Task(core.task)

    @property
    def task(self) -> Task:
        """The system, to go on with: batches, losses, scores."""
        return self._task

    @property
    def info(self) -> _mmi.RunInfo:
        """Id, task, preset, steps, best score and so on."""
        return self._core.info

    @property
    def path(self) -> Path:
        return Path(self.info.path)

    @property
    def model(self) -> Model:
        """The trained network."""
        return self.task.model

    @property
    def config(self) -> dict[str, Any]:
        return self.task.config

    @property
    def parents(self) -> "dict[str, Run]":
        """The runs this one was trained on, by the names in `needs:`."""
        return {name: Run(parent) for name, parent in self._core.parents.items()}

    @property
    def metrics(self) -> list[dict[str, Any]]:
        """The log of the training: step, split ("train", "valid") and values, one dict a line."""
        return list(_mmi.metric_lines(self.path))

    def evaluate(self, split: str = "test") -> dict[str, float]:
        """Scores on "valid" or "test"; also written to the run's folder."""
        return self._core.evaluate(split)

    def generate(
        self,
        input: str | os.PathLike[str],
        out: str | os.PathLike[str] | None = None,
        *,
        crop: str | Sequence[int] | None = None,
        program: int | str | None = None,
        truth: str | os.PathLike[str] | None = None,
        on_error: str = "raise",
        **options: object,
    ) -> Artifacts:
        """As Task.generate; by default into the run's samples folder."""
        stem = Path(out) if out is not None else self.path / "samples" / Path(input).stem
        return self.task.generate(
            input, stem, crop=crop, program=program, truth=truth, on_error=on_error, **options
        )

    def report(self) -> Path:
        """Writes report.html (curves, scores, configuration) and returns its path."""
        return Path(_mmi.write_report(self.path))

    def export(self, out: str | os.PathLike[str]) -> Path:
        """Copies the weights of this run and its parents into a folder that mmi.load reads."""
        _mmi.export_bundle(self.path, Path(out))
        return Path(out)

    def __repr__(self) -> str:
        return repr(self.info).replace("RunInfo", "Run", 1)


@contextmanager
def _interrupts() -> Iterator[list[bool]]:
    """Ctrl-C is noted, once: a step that is under way, also in Python code, is finished first.

    The second one raises at once. Other handlers than Python's own are left alone.
    """
    asked: list[bool] = []

    def note(number: int, frame: FrameType | None) -> None:
        if asked:
            raise KeyboardInterrupt
        asked.append(True)
        print("\nstopping after this step (once more: at once)", file=sys.stderr)

    own = (
        threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    )
    if not own:
        yield asked
        return
    signal.signal(signal.SIGINT, note)
    try:
        yield asked
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@contextmanager
def _threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    if count > 0:
        torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _root(folder: str | os.PathLike[str] | None) -> str:
    # Empty: the core's default.
    return "" if folder is None else os.fspath(folder)


def train(
    config: Config,
    *overrides: str,
    runs: str | os.PathLike[str] | None = None,
    again: bool = False,
    resume: str | os.PathLike[str] | None = None,
) -> Run:
    """Trains a system, what it needs first, and returns the run, loaded.

    A finished run of the same configuration and data is opened instead, unless `again`; an
    interrupted one continues, at its newest intact checkpoint or at `resume`, one of its checkpoint
    folders. Ctrl-C saves after the current step and raises KeyboardInterrupt.
    `runs`: the folder of runs (default: $MMI_RUNS, else "runs"). In a script that torchrun starts,
    its processes share every step.
    """
    join()
    stage = resolve(config, overrides)
    with _threads(stage.threads), torch.random.fork_rng(devices=[]), _interrupts() as asked:
        return Run(_mmi.train(stage, _root(runs), again, _root(resume), lambda: bool(asked)))


def load(
    run: str | os.PathLike[str],
    *,
    device: str = "auto",
    runs: str | os.PathLike[str] | None = None,
) -> Run:
    """A finished run or a bundle: a folder, or the id of a run below `runs`."""
    path = _mmi.find_run(_root(runs), os.fspath(run))
    with torch.random.fork_rng(devices=[]):
        return Run(_mmi.open_run(Path(path), device))


def runs(folder: str | os.PathLike[str] | None = None) -> list[_mmi.RunInfo]:
    """All runs of a folder, oldest first."""
    return _mmi.list_runs(_root(folder))
