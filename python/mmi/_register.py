"""Parts that are written in Python and chosen by name in YAML, like those of the core."""

import functools
import hashlib
import inspect
import json
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import torch

from mmi import _mmi
from mmi._task_part import TaskPart, check_shapes, parents_of
from mmi._values import example_of, value_of
from mmi.errors import ConfigError

Part = TypeVar("Part", bound=Callable[..., Any])


def register(kind: str, name: str) -> Callable[[Part], Part]:
    """Decorator: the class (or function) becomes the part `name` of the slot `kind`.

    `@mmi.register("dataset", "name")`: training examples. A class with `__init__(self, **options)`,
    `__len__` and `__getitem__(index)` → dict of tensors, arrays, numbers and strings; it is asked
    from several threads at once when `loader.workers` is above one. Optional: `labels`, (N,K) of
    0/1, for class-balanced sampling; `fingerprint`, a string that changes when the data does
    (without it the class's source, options and length stand for the data in a run's id).

    `@mmi.register("encoder", "name")`: image features. A `torch.nn.Module` with
    `__init__(self, in_channels, height, width, **options)`, the int `feature_size` = D, and
    `forward(x)` from (B,C,H,W) in [0, 1] to (B,T,D) or (B,D). Its parameters and buffers are
    trained, saved and moved by the core under the names they have in Python. Its source is no part
    of a run's id: after editing the class, train with `again=True`.

    `@mmi.register("head", "name")`: features to logits. A `torch.nn.Module` with
    `__init__(self, in_features, out_features, **options)` and `forward(x)` from (B,T,D) to (B,T,K),
    D and K being those two sizes.

    `@mmi.register("metric", "name")`: a score of piano rolls, besides those of the task. A function
    `(probabilities, truth, **options)` of (T,K) tensors, values in [0, 1] and 0/1, or a class with
    `__init__(self, **options)` and `__call__(self, probabilities, truth)`, that gives a number or a
    dict of them.

    `@mmi.register("task", "name")`: a whole system, trained by `mmi train` and `mmi.train`. A class
    with `__init__(self, *, seed, device, parents, **options)` (`parents`: the `mmi.Task`s that
    `needs:` names) and

    - `module`: the `torch.nn.Module` whose state is trained and saved, under its names in Python;
    - `batches(seed)` → training examples as in a dataset, which the core shuffles and loads with
      the options `self.loader` (`{"batch_size": 8, "workers": 0}`), or an object that makes batches
      itself: `next()` → dict, `seek(batch, stride)` (the next ones are `batch`, `batch + stride`,
      …), `per_epoch`;
    - `loss(phase, batch, step)` → a scalar tensor, or a dict with it as "total" and with numbers
      to log. Batches come on the CPU. torch's generator is seeded anew before each call: a
      resumed training is equal bit for bit as long as nothing else is random or remembered;
    - `evaluate(split)` → dict of scores on "valid" or "test", in eval mode, without gradients;
    - `selection`: the score that chooses the best weights, and whether larger is better;
    - optional: `phases()` → list of dicts as in YAML: `name`, `parameters` (globs over names),
      `optimizer` (`{"name": "adamw", "lr": 1e-3}`), `schedule`, `clip_norm`, `every`; without it
      one phase trains everything with Adam at 1e-3;
    - optional: `calibrate()` → dict of numbers found after the training (thresholds), which
      `restore(numbers)` gets back in a loaded run;
    - optional: `generate(input, out, **options)` → list of (path, caption) of the files it wrote,
      named after the stem `out`;
    - optional: `fingerprint`, a string (or method) that changes when the data does. Without it the
      source of the class stands for the data in a run's id.

    `options` are what stands beside `name` in the YAML. Registering a name again replaces the
    class, so a notebook cell may run twice; a part of the core cannot be replaced.
    """
    if kind not in _REGISTRARS:
        raise ConfigError(
            f'parts of the kind "{kind}" cannot be written in Python; '
            f"these can: {', '.join(_REGISTRARS)}"
        )

    def decorate(part: Part) -> Part:
        doc = (inspect.getdoc(part) or f"{part.__module__}.{part.__qualname__}").splitlines()[0]
        _REGISTRARS[kind](name, doc, part)
        return part

    return decorate


def registered(kind: str | None = None) -> dict[str, Any]:
    """Names and descriptions of the parts of one kind, or of all kinds."""
    kinds = {key: dict(entries) for key, entries in _mmi.registered().items()}
    if kind is None:
        return kinds
    if kind not in kinds:
        raise ConfigError(f'no kind of part is called "{kind}"; known: {", ".join(kinds)}')
    return kinds[kind]


def _source_of(part: Any) -> str:
    try:
        return inspect.getsource(part)
    except (OSError, TypeError):
        return ""


def _fingerprint(name: str, data: Any, facts: list[Any]) -> str:
    """What the object says of itself, or a digest of facts about it."""
    given = getattr(data, "fingerprint", None)
    if given is not None:
        return f"{name} {given() if callable(given) else given}"
    text = json.dumps([name, type(data).__qualname__, *facts], sort_keys=True)
    return f"{name} {hashlib.sha256(text.encode()).hexdigest()[:16]}"


def _check_arguments(kind: str, name: str, part: Any, arguments: Any, options: Any) -> None:
    try:
        inspect.signature(part).bind(*arguments, **options)
    except TypeError as error:
        raise ConfigError(f'{kind} "{name}": {error}') from None


def _construct(kind: str, name: str, part: type, arguments: tuple[Any, ...], options: Any) -> Any:
    _check_arguments(kind, name, part, arguments, options)
    return part(*arguments, **options)


class _Dataset:
    """What the core asks of a dataset, answered by the user's object."""

    def __init__(self, name: str, part: type, options: dict[str, Any]) -> None:
        self._name = name
        self._data = _construct("dataset", name, part, (), options)
        self.size = len(self._data)
        facts = [options, self.size, _source_of(part)]
        self.fingerprint = _fingerprint(name, self._data, facts)

    def get(self, index: int) -> dict[str, Any]:
        return example_of(self._data[index], f"example {index} of dataset {self._name}")

    def labels(self) -> torch.Tensor | None:
        found = getattr(self._data, "labels", None)
        if found is None:
            return None
        labels = value_of(found, f"labels of dataset {self._name}")
        if not isinstance(labels, torch.Tensor) or labels.shape[:1] != (self.size,):
            raise ConfigError(
                f"labels of dataset {self._name} must be ({self.size}, K), one row an example"
            )
        return labels.to(torch.uint8)


def _register_dataset(name: str, doc: str, part: type) -> None:
    for method in ("__len__", "__getitem__"):
        if not hasattr(part, method):
            raise ConfigError(f"dataset {name}: {part.__qualname__} has no {method}")
    _mmi.register_dataset(name, doc, lambda options: _Dataset(name, part, options))


def _register_encoder(name: str, doc: str, part: type) -> None:
    if not issubclass(part, torch.nn.Module):
        raise ConfigError(f"encoder {name}: {part.__qualname__} is no torch.nn.Module")

    def make(in_channels: int, height: int, width: int, options: dict[str, Any]) -> Any:
        module = _construct("encoder", name, part, (in_channels, height, width), options)
        if not isinstance(getattr(module, "feature_size", None), int):
            raise ConfigError(
                f"encoder {name}: {part.__qualname__} needs the int feature_size, "
                "the D of its output (B,T,D)"
            )
        check_shapes(f"encoder {name}", module)
        return module

    _mmi.register_encoder(name, doc, make)


def _register_head(name: str, doc: str, part: type) -> None:
    if not issubclass(part, torch.nn.Module):
        raise ConfigError(f"head {name}: {part.__qualname__} is no torch.nn.Module")

    def make(in_features: int, out_features: int, options: dict[str, Any]) -> Any:
        module = _construct("head", name, part, (in_features, out_features), options)
        check_shapes(f"head {name}", module)
        return module

    _mmi.register_head(name, doc, make)


def _register_metric(name: str, doc: str, part: Any) -> None:
    if not inspect.isfunction(part) and not (inspect.isclass(part) and "__call__" in dir(part)):
        raise ConfigError(f"metric {name}: {part!r} is neither a function nor a class to call")

    def make(options: dict[str, Any]) -> Any:
        if inspect.isfunction(part):
            _check_arguments("metric", name, part, (None, None), options)
            score = functools.partial(part, **options)
        else:
            score = _construct("metric", name, part, (), options)
            if not callable(score):
                raise ConfigError(f"metric {name}: {part.__qualname__} has no __call__")

        def scores(probabilities: torch.Tensor, truth: torch.Tensor) -> list[tuple[str, float]]:
            found = score(probabilities, truth)
            named = found if isinstance(found, Mapping) else {name: found}
            try:
                return [(str(key), float(value)) for key, value in named.items()]
            except (TypeError, ValueError, RuntimeError):
                raise ConfigError(
                    f"metric {name} must return a number or a dict of numbers, but returned "
                    f"{found!r}"
                ) from None

        return scores

    _mmi.register_metric(name, doc, make)


def _register_task(name: str, doc: str, part: type) -> None:
    for method in ("batches", "loss", "evaluate"):
        if not callable(getattr(part, method, None)):
            raise ConfigError(f"task {name}: {part.__qualname__} has no {method}")

    def make(seed: int, device: str, parents: dict[str, _mmi.Task], options: Any) -> TaskPart:
        given = {"seed": seed, "device": torch.device(device), "parents": parents_of(parents)}
        taken = [key for key in options if key in given]
        if taken:
            raise ConfigError(f"task {name}: no option of its own can be called {taken[0]}")
        made = _construct("task", name, part, (), {**given, **options})
        return TaskPart(name, made, seed, _fingerprint(name, made, [_source_of(part)]))

    _mmi.register_task(name, doc, make)


_REGISTRARS: dict[str, Callable[[str, str, Any], None]] = {
    "dataset": _register_dataset,
    "encoder": _register_encoder,
    "head": _register_head,
    "metric": _register_metric,
    "task": _register_task,
}
