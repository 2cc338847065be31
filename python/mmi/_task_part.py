"""Tasks that are written in Python, as the core asks for them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from mmi import _mmi
from mmi._task import Task
from mmi._values import example_of
from mmi.errors import ConfigError


def check_shapes(place: str, module: torch.nn.Module) -> None:
    """The core takes over the tensors of a module once: all must be there."""
    lazy = [key for key, p in module.named_parameters() if torch.nn.parameter.is_lazy(p)]
    if lazy:
        raise ConfigError(f"{place}: {lazy[0]} has no shape yet; run the module once in __init__")


class TaskPart:
    """What the core asks of a task, answered by the user's object and checked."""

    def __init__(self, name: str, part: Any, seed: int, fingerprint: str) -> None:
        self._place = f"task {name}"
        self._part = part
        self._seed = seed
        module = getattr(part, "module", None)
        if not isinstance(module, torch.nn.Module):
            raise self._wrong("module must be a torch.nn.Module", module)
        check_shapes(self._place, module)
        self.module = module
        self.generates = hasattr(part, "generate")
        self.fingerprint = fingerprint
        self.selection: Any = getattr(part, "selection", None)
        match self.selection:
            case (str(), bool()):
                pass
            case _:
                raise self._wrong(
                    'selection must be a score of evaluate and whether larger is better, ("f1", '
                    "True)",
                    self.selection,
                )

    def _wrong(self, rule: str, found: Any) -> ConfigError:
        if isinstance(found, torch.Tensor):
            what = f"a tensor {list(found.shape)}" + (
                "" if found.requires_grad else " without a gradient"
            )
        else:
            what = f"{type(found).__name__} {found!r}"
        return ConfigError(f"{self._place}: {rule}, but is {what}")

    def phases(self) -> list[dict[str, Any]]:
        if not hasattr(self._part, "phases"):
            return [{"name": "main"}]
        phases = self._part.phases()
        listed = isinstance(phases, Sequence) and all(isinstance(p, Mapping) for p in phases)
        if not listed or not phases:
            raise self._wrong("what phases() returns must be a list of dicts", phases)
        made = [dict(phase) for phase in phases]
        names = [phase.setdefault("name", "main") for phase in made]
        if len(set(names)) < len(names):
            raise ConfigError(f"{self._place}: two of phases() have one name: {', '.join(names)}")
        return made

    def batches(self) -> tuple[bool, Any, dict[str, Any], int]:
        """Whether it is a dataset, an adapter of it, options of the loader, seed."""
        found = self._part.batches(self._seed)
        if all(hasattr(found, name) for name in ("next", "seek", "per_epoch")):
            return False, _Source(self._place, found), {}, self._seed
        if not all(hasattr(found, name) for name in ("__len__", "__getitem__")):
            raise self._wrong(
                "what batches() returns must have __len__ and __getitem__, or next, seek and "
                "per_epoch",
                found,
            )
        loader = getattr(self._part, "loader", {})
        if not isinstance(loader, Mapping):
            raise self._wrong("loader must be a dict of options such as batch_size", loader)
        return True, _Examples(self._place, found), dict(loader), self._seed

    def loss(
        self, phase: str, batch: dict[str, Any], step: int
    ) -> tuple[torch.Tensor, list[tuple[str, torch.Tensor]]]:
        found = self._part.loss(phase, batch, step)
        parts = dict(found) if isinstance(found, Mapping) else {"total": found}
        total = parts.pop("total", None)
        fits = isinstance(total, torch.Tensor) and total.numel() == 1
        if not fits or (torch.is_grad_enabled() and not total.requires_grad):
            raise self._wrong(
                "what loss() returns must be a scalar tensor that depends on the parameters, or "
                'a dict with it as "total"',
                found if isinstance(found, torch.Tensor) else total if parts else found,
            )
        return total.reshape(()), [(str(k), self._scalar(k, v)) for k, v in parts.items()]

    def _scalar(self, name: str, value: Any) -> torch.Tensor:
        try:
            return torch.as_tensor(value).detach().reshape(())
        except (TypeError, ValueError, RuntimeError):
            raise self._wrong(f'"{name}" of loss() must be a number', value) from None

    def evaluate(self, split: str) -> list[tuple[str, float]]:
        scores = self._numbers("evaluate", self._part.evaluate(split))
        if self.selection[0] not in scores:
            raise ConfigError(
                f'{self._place}: selection names "{self.selection[0]}", but evaluate() gives '
                f"{', '.join(scores) or 'nothing'}"
            )
        return list(scores.items())

    def _numbers(self, method: str, found: Any) -> dict[str, float]:
        try:
            return {str(name): float(value) for name, value in found.items()}
        except (AttributeError, TypeError, ValueError, RuntimeError):
            raise self._wrong(
                f"what {method}() returns must be a dict of names and numbers", found
            ) from None

    def calibrate(self) -> dict[str, float]:
        if not hasattr(self._part, "calibrate"):
            return {}
        return self._numbers("calibrate", self._part.calibrate())

    def restore(self, calibration: dict[str, float]) -> None:
        if hasattr(self._part, "restore"):
            self._part.restore(calibration)

    def generate(self, input: Path, out: Path, options: dict[str, str]) -> list[tuple[str, str]]:
        found = self._part.generate(input, out, **options)
        try:
            files = [(str(Path(path)), str(caption)) for path, caption in found]
        except (TypeError, ValueError):
            raise self._wrong(
                "what generate() returns must be a list of (path, caption)", found
            ) from None
        missing = [path for path, _ in files if not Path(path).exists()]
        if missing:
            raise ConfigError(f"{self._place}: generate() names {missing[0]}, which does not exist")
        return files


class _Examples:
    """Training examples behind the loader of the core."""

    fingerprint = ""

    def __init__(self, place: str, data: Any) -> None:
        self._place = place
        self._data = data
        self.size = len(data)

    def get(self, index: int) -> dict[str, Any]:
        return example_of(self._data[index], f"example {index} of {self._place}")

    def labels(self) -> None:
        return None


class _Source:
    """Batches that the task makes itself, such as rollouts."""

    def __init__(self, place: str, source: Any) -> None:
        self._place = place
        self._source = source

    def next(self) -> dict[str, Any]:
        return example_of(self._source.next(), f"a batch of {self._place}")

    def seek(self, batch: int, stride: int) -> None:
        self._source.seek(batch, stride)

    @property
    def per_epoch(self) -> int:
        found = self._source.per_epoch
        if not isinstance(found, int) or found < 1:
            raise ConfigError(f"{self._place}: per_epoch of its batches must be 1 or more")
        return found


def parents_of(cores: Mapping[str, _mmi.Task]) -> dict[str, Task]:
    return {name: Task(core) for name, core in cores.items()}
