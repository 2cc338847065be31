"""Systems assembled from YAML: their network, batches, losses, scores and generation."""

import atexit
import os
import tempfile
import weakref
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from mmi import _mmi
from mmi._artifacts import Artifact, Artifacts
from mmi._model import Model, inference
from mmi._values import example_of
from mmi.errors import ConfigError


class HasTask(Protocol):
    """A run, seen from below."""

    @property
    def task(self) -> "Task": ...


Config = str | os.PathLike[str] | Mapping[str, Any]


def resolve(config: Config, overrides: Sequence[str]) -> _mmi.Stage:
    """A configuration file, or a dict with the same content, with all layers applied."""
    if not isinstance(config, Mapping):
        return _mmi.resolve(os.fspath(config), list(overrides))
    tree = dict(config)
    # Files that it names are relative to the working directory or come with mmi.
    if "defaults" in tree:
        tree["defaults"] = [str(_mmi.find_config(str(f)).absolute()) for f in tree["defaults"]]
    tree["needs"] = {
        name: {**need, "config": str(_mmi.find_config(str(need["config"])).absolute())}
        for name, need in tree.get("needs", {}).items()
    }
    with tempfile.TemporaryDirectory(prefix="mmi-") as folder:
        file = Path(folder) / "config.yaml"
        file.write_text(_mmi.to_yaml(tree), encoding="utf-8")
        try:
            return _mmi.resolve(str(file), list(overrides))
        except ConfigError as error:
            raise ConfigError(str(error).replace(str(file), "the given dict")) from None


@dataclass(frozen=True)
class _Module:
    """Recipe of a task's network."""

    yaml: str
    parents: dict[str, "_Module"]

    def task(self) -> _mmi.Task:
        parents = {name: parent.task() for name, parent in self.parents.items()}
        # Tensors are placed by what is loaded into them.
        return _mmi.build(self.yaml, "cpu", parents)

    def build(self) -> Model:
        with torch.random.fork_rng(devices=[]):
            return Model(self.task().module, self)


def _recipe(core: _mmi.Task) -> _Module:
    return _Module(core.yaml, {name: _recipe(parent) for name, parent in core.parents.items()})


def _tensors(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Numbers in lists as float64 tensors: [[1.0, 2.0, 1.5]]; lists of tensors stay ragged."""
    return {
        name: torch.tensor(value, dtype=torch.float64) if _of_numbers(value) else value
        for name, value in inputs.items()
    }


def _of_numbers(value: Any) -> bool:
    while isinstance(value, (list, tuple)) and value:
        value = value[0]
    return isinstance(value, (int, float)) and not isinstance(value, bool)


_open_batches: "weakref.WeakSet[Batches]" = weakref.WeakSet()


@atexit.register
def _close_batches() -> None:
    # Their threads may want the interpreter, which is about to go.
    for batches in list(_open_batches):
        batches.close()


class Batches(Iterator[dict[str, Any]]):
    """Training batches without end: dicts of tensors (ragged: lists of tensors) and strings."""

    def __init__(self, core: _mmi.Batches) -> None:
        self._core = core
        _open_batches.add(self)

    def __next__(self) -> dict[str, Any]:
        return self._core.next()

    def seek(self, batch: int) -> None:
        """Continues as if `batch` batches had been taken."""
        self._core.seek(batch)

    @property
    def per_epoch(self) -> int:
        return self._core.per_epoch

    def close(self) -> None:
        """Ends the threads that make batches."""
        self._core.close()


class Task:
    """A system: one network, its data, losses and scores. `mmi.build` and `mmi.load` make it."""

    def __init__(self, core: _mmi.Task) -> None:
        self._core = core
        self._model: Model | None = None

    @property
    def name(self) -> str:
        return self._core.name

    @property
    def config(self) -> dict[str, Any]:
        """The whole configuration, defaults included."""
        return self._core.config

    @property
    def model(self) -> Model:
        """The network that is trained."""
        if self._model is None:
            self._model = Model(self._core.module, _recipe(self._core))
        return self._model

    @property
    def phases(self) -> list[str]:
        """What is updated in turn in every step; a GAN has two."""
        return self._core.phases

    def parameters(self, phase: str = "") -> list[Tensor]:
        """What one phase (default: the first) trains, for an optimiser."""
        return self._core.parameters(phase)

    def batches(self, start: int = 0) -> Batches:
        """Training batches from number `start` on; the same for the same seed."""
        return Batches(self._core.batches(start))

    def losses(self, batch: Mapping[str, Any], phase: str = "", step: int = 0) -> dict[str, Tensor]:
        """What is minimised, as "total", and its named parts, detached."""
        return self._core.loss(example_of(batch, "the batch"), phase, step)

    def loss(self, batch: Mapping[str, Any], phase: str = "", step: int = 0) -> Tensor:
        """The loss of one phase (default: the first) on a batch, a scalar to call backward on."""
        return self.losses(batch, phase, step)["total"]

    def evaluate(self, split: str = "valid") -> dict[str, float]:
        """Scores on "valid" or "test", in eval mode."""
        with inference(self.model):
            return self._core.evaluate(split)

    def predict(self, **inputs: Any) -> dict[str, Any]:
        """What the network says about inputs of yours, without a dataset, in eval mode.

        Tensors, arrays or lists of numbers. The response of a room (xrir/xrir, xrir/few_shot_rir):
        `sources` (S, 3), of which nothing was heard; `references` (K, 3) with their `responses`
        (K, N) at 22,050 Hz; `depth` (H, W) at the receiver, as `mmi.rooms.depth` gives it. Places
        are in metres, relative to the receiver unless `receiver` (3) says where it is.
        xrir/diff_rir knows its room and takes `sources` and `receiver` alone.
        Returns "responses" (S, M) float32, and of the networks "log_spectra" (S, 63, T).
        """
        with inference(self.model):
            return self._core.predict(example_of(_tensors(inputs), "the inputs"))

    def generate(
        self,
        input: str | os.PathLike[str],
        out: str | os.PathLike[str],
        *,
        crop: str | Sequence[int] | None = None,
        program: int | str | None = None,
        truth: str | os.PathLike[str] | None = None,
        on_error: str = "raise",
        **options: object,
    ) -> Artifacts:
        """Writes `out`.mid, `out`.wav and so on for one input; a notebook plays the result.

        `crop`: x1, y1, x2, y2 in pixels of the input, "none" for all of it, or "auto" (default),
        which looks for the keyboard and takes all of a picture that is a keyboard crop already
        (7.5 times as wide as high, or more); `program`: General MIDI number or name; `truth`: a
        MIDI file to compare with; `on_error`: "pad" lets the last good frame stand in for damaged
        ones of the input; others are the task's own.
        """
        texts = {name: str(value) for name, value in options.items()}
        if on_error != "raise":
            texts["on_error"] = on_error
        if crop is not None:
            texts["crop"] = crop if isinstance(crop, str) else ",".join(map(str, crop))
        if program is not None:
            texts["program"] = str(program)
        if truth is not None:
            texts["truth"] = os.fspath(truth)
        stem = Path(out)
        stem.parent.mkdir(parents=True, exist_ok=True)
        with inference(self.model):
            files = self._core.generate(Path(input), stem, texts)
        return Artifacts(Artifact(Path(path), caption) for path, caption in files)

    def __repr__(self) -> str:
        return f"Task({self.name})\n{self._core.yaml}"


def build(
    config: Config, *overrides: str, parents: "Mapping[str, Task | HasTask] | None" = None
) -> Task:
    """A system from a YAML file (or a dict) and overrides such as "task.model.width=0.5".

    Its weights are those a training would begin with. `parents`: the finished stages or runs that
    its `needs:` name; `mmi.train` trains them itself.
    """
    stage = resolve(config, overrides)
    given = dict(parents or {})
    missing = [name for name in stage.needs if name not in given]
    if missing:
        raise ConfigError(
            f"{stage.task} needs {', '.join(missing)}; give finished runs as "
            f"parents={{{missing[0]!r}: run}}, or let mmi.train make them"
        )
    cores = {
        name: (parent if isinstance(parent, Task) else parent.task)._core
        for name, parent in given.items()
    }
    with torch.random.fork_rng(devices=[]):
        return Task(_mmi.build(stage.yaml, "", cores))
