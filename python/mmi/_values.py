"""What a dataset or a user may put into an example, as what crosses into C++."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from mmi.errors import DataError


def value_of(value: Any, place: str) -> Any:
    """A tensor, a list of tensors, a list of strings or an int."""
    if isinstance(value, torch.Tensor):
        return value
    if isinstance(value, np.ndarray):
        if value.dtype.kind not in "buif":
            raise DataError(f"{place} is an array of {value.dtype}, which no tensor can hold")
        return torch.from_numpy(np.ascontiguousarray(value))
    if isinstance(value, (bool, int, np.integer, np.bool_)):
        return int(value)
    if isinstance(value, (float, np.floating)):
        return torch.tensor(float(value))
    if isinstance(value, str):
        return [value]
    if isinstance(value, (list, tuple)):
        if value and all(isinstance(item, str) for item in value):
            return list(value)
        if value and all(isinstance(item, (torch.Tensor, np.ndarray)) for item in value):
            return [value_of(item, place) for item in value]
    raise DataError(
        f"{place} is a {type(value).__name__}, but must be a tensor, an array, a number, a string "
        "or a list of tensors or strings"
    )


def example_of(values: Any, place: str) -> dict[str, Any]:
    """The values of one example or batch."""
    if not isinstance(values, Mapping):
        raise DataError(f"{place} must be a dict, but is a {type(values).__name__}")
    return {str(name): value_of(value, f'"{name}" of {place}') for name, value in values.items()}
