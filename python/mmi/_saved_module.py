"""The weights of a whole module that torch.save pickled, without running or having its code."""

import pickle
import warnings
import zipfile
from collections import OrderedDict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor


class _Inert:
    """Stands in for an object of any class: takes what a pickle puts into it and does nothing."""

    state: Any = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def __setitem__(self, key: Any, value: Any) -> None:
        pass

    def append(self, value: Any) -> None:
        pass

    def extend(self, values: Any) -> None:
        pass


_TENSORS: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): torch._utils._rebuild_tensor_v2,
    ("torch._utils", "_rebuild_parameter"): torch._utils._rebuild_parameter,
    ("builtins", "set"): set,
    ("__builtin__", "set"): set,
}


class _Unpickler(pickle.Unpickler):
    """Builds tensors and plain containers; every other class or function becomes an inert one."""

    def find_class(self, module: str, name: str) -> Any:
        return _TENSORS.get((module, name)) or type(name, (_Inert,), {})


def _load(file: Any, **options: Any) -> Any:
    return _Unpickler(file, **options).load()


def module_weights(source: Path) -> dict[str, Tensor]:
    """The state dict of the module in `source`; empty when it holds none that can be read."""
    if zipfile.is_zipfile(source):
        with zipfile.ZipFile(source) as archive:
            if any(name.endswith("/constants.pkl") for name in archive.namelist()):
                return {}  # TorchScript, which torch.load would run
    readers: Any = SimpleNamespace(Unpickler=_Unpickler, load=_load, __name__=__name__)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            loaded = torch.load(source, "cpu", readers, weights_only=False)
    except Exception:  # a damaged pickle can raise nearly anything
        return {}
    weights: dict[str, Tensor] = {}
    _collect(loaded, "", weights)
    return weights


def _collect(module: Any, prefix: str, weights: dict[str, Tensor]) -> None:
    """In the order of Module.state_dict."""
    state = module.state if isinstance(module, _Inert) else None
    if not isinstance(state, dict):
        return
    hidden = state.get("_non_persistent_buffers_set") or ()
    for kind in ("_parameters", "_buffers"):
        for name, tensor in (state.get(kind) or {}).items():
            if isinstance(tensor, Tensor) and name not in hidden:
                weights[f"{prefix}{name}"] = tensor.detach()
    for name, child in (state.get("_modules") or {}).items():
        _collect(child, f"{prefix}{name}.", weights)
