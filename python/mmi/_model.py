"""Networks of the core as torch.nn.Modules."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol, Self

import torch
from torch import Tensor, nn

from mmi import _mmi
from mmi.errors import ConfigError


class Recipe(Protocol):
    """How a network is built anew: what copies and pickles of a model carry besides its tensors."""

    def build(self) -> "Model": ...


class Model(nn.Module):
    """A network that runs in C++ and is a `torch.nn.Module` in every way that matters.

    Parameters and buffers are the very tensors of the C++ network, gradients included: what an
    optimiser, `load_state_dict`, `.to(...)` or a training of either side does, the other one sees.
    Names are those of the published checkpoint. Parts (`model.layer1`) give access to their
    tensors; only whole networks can be called. Models can be put into other modules, copied and
    pickled.
    """

    _core: _mmi.Core

    def __init__(
        self,
        core: _mmi.Core,
        recipe: Recipe,
        path: str = "",
        seen: "dict[int, Model] | None" = None,
    ) -> None:
        super().__init__()
        seen = {} if seen is None else seen
        seen[core.key] = self
        self._core = core
        self._recipe = recipe
        self._path = path
        for name, tensor in core.parameters():
            # nn.Parameter(tensor) would share the values, but not the gradient.
            tensor._is_param = True
            self._parameters[name] = tensor  # type: ignore[assignment]
        for name, tensor in core.buffers():
            self._buffers[name] = tensor
        for name, child in core.children():
            below = f"{path}.{name}" if path else name
            self._modules[name] = seen.get(child.key) or Model(child, recipe, below, seen)

    @property
    def training(self) -> bool:
        return self._core.training

    @training.setter
    def training(self, on: bool) -> None:
        # nn.Module.__init__ sets it before there is a network.
        if "_core" in self.__dict__:
            self._core.train(on)

    def forward(self, input: Tensor) -> Tensor:
        return self._core.forward(input)

    def capture(self, input: Tensor, names: Sequence[str] | None = None) -> dict[str, Tensor]:
        """Named activations of one forward pass: all that the network names, or these."""
        maps = dict(self._core.activations(input))
        unknown = [name for name in names or () if name not in maps]
        if unknown:
            raise ConfigError(
                f"{self._get_name()} has no activation {unknown[0]}; it has {', '.join(maps)}"
            )
        return maps if names is None else {name: maps[name] for name in names}

    def __setattr__(self, name: str, value: Any) -> None:
        for shared in ("_parameters", "_buffers", "_modules"):
            if name in self.__dict__.get(shared, ()):
                raise TypeError(
                    f"{self._get_name()}.{name} is part of the C++ network and cannot be replaced; "
                    f"write into it: with torch.no_grad(): model.{name}.copy_(...)"
                )
        if isinstance(value, (nn.Module, nn.Parameter)):
            raise TypeError(
                f"{self._get_name()} runs in C++, which would not use {name}; put both into a "
                "module of your own, for example nn.Sequential(model, ...)"
            )
        super().__setattr__(name, value)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        if recurse:
            for child in self.children():
                child._apply(fn)  # type: ignore[no-untyped-call]
        # The tensors stay the same objects: they get new values, type and place.
        with torch.no_grad():
            for tensor in (*self._parameters.values(), *self._buffers.values()):
                if tensor is None:
                    continue
                grad = tensor.grad
                tensor.data = fn(tensor.data)
                if grad is not None:
                    tensor.grad = None
                    tensor.grad = fn(grad.data).requires_grad_(grad.requires_grad)
        return self

    def _load_from_state_dict(
        self,
        state_dict: Mapping[str, Any],
        prefix: str,
        local_metadata: Mapping[str, Any],
        *args: Any,
    ) -> None:
        if local_metadata.get("assign_to_params_buffers", False):
            raise TypeError(
                f"load_state_dict(assign=True) would separate {self._get_name()} from its C++ "
                "network; leave assign out"
            )
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *args)

    def __reduce_ex__(self, protocol: Any) -> Any:
        tensors = dict(self._own_tensors())
        values = {name: tensor.detach() for name, tensor in tensors.items()}
        frozen = [name for name, tensor in tensors.items() if not tensor.requires_grad]
        modes = [module.training for module in self.modules()]
        return _restore, (self._recipe, self._path, values, frozen, modes)

    def _own_tensors(self) -> Iterator[tuple[str, Tensor]]:
        yield from self.named_parameters(remove_duplicate=False)
        yield from self.named_buffers(remove_duplicate=False)

    def _get_name(self) -> str:
        return self._core.name

    def extra_repr(self) -> str:
        return self._core.options


def _restore(
    recipe: Recipe,
    path: str,
    values: dict[str, Tensor],
    frozen: list[str],
    modes: list[bool],
) -> nn.Module:
    """A copy: built anew, with the given tensors as its values."""
    part = recipe.build().get_submodule(path)
    assert isinstance(part, Model)
    for name, tensor in part._own_tensors():
        tensor.data = values[name]
        tensor.requires_grad_(name not in frozen)
    for module, mode in zip(part.modules(), modes, strict=True):
        module.training = mode
    return part


@dataclass(frozen=True)
class Part:
    """Recipe of a registered network."""

    kind: str
    name: str
    options: dict[str, Any] = field(default_factory=dict)
    shape: dict[str, Any] = field(default_factory=dict)

    def build(self) -> Model:
        with torch.random.fork_rng(devices=[]):
            return Model(_mmi.create(self.kind, self.name, self.options, self.shape), self)


def create(kind: str, name: str, options: Mapping[str, Any] | None = None, **shape: int) -> Model:
    """A registered network by name, initialised from torch's generator.

    `kind`: a slot ("frame_model", "encoder", "head") or "network"; `options`: its configuration;
    `shape`: what a system would tell it (frame_model: frames, height, width, keys; encoder:
    in_channels, height, width; head: in_features, out_features).
    """
    recipe = Part(kind, name, dict(options or {}), dict(shape))
    return Model(_mmi.create(kind, name, recipe.options, recipe.shape), recipe)


@contextmanager
def inference(model: nn.Module) -> Iterator[None]:
    """Without gradients and in eval mode; every part gets its own mode back."""
    modules = list(model.modules())
    modes = [module.training for module in modules]
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for module, mode in zip(modules, modes, strict=True):
            module.training = mode
