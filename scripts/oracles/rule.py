"""What oracles of official packages share: weights by a rule, packages without their __init__."""

import sys
import types
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

MASK = (1 << 64) - 1


def fnv1a64(text: str) -> int:
    value = 0xCBF29CE484222325
    for byte in text.encode():
        value = (value ^ byte) * 0x100000001B3 & MASK
    return value


def rule(key: str, shape: list[int], branch: str) -> Tensor:
    """tests/support/oracle.h: rule_tensor."""
    count = int(np.prod(shape))
    with np.errstate(over="ignore"):
        z = np.uint64(fnv1a64(key)) + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(
            0x9E3779B97F4A7C15
        )
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    u = torch.from_numpy((z >> np.uint64(40)).astype(np.float32) * np.float32(2.0**-24))
    if branch == "unit":
        return u.view(shape)
    if branch == "gain":
        return (u + 0.5).view(shape)
    sym = u * 2 - 1
    if branch == "vector":
        return (sym * 0.1).view(shape)
    if branch == "sym":
        return sym.view(shape)
    fan = count // shape[0]
    return (sym * np.float32(np.sqrt(3.0 / fan))).view(shape)


def branch_of(name: str) -> str:
    if name.endswith((".weight_g", ".alpha", ".gamma")):
        return "gain"
    if ".bias" in name:
        return "vector"
    return "sym" if name.endswith((".embed", ".codebook.weight")) else "matrix"


def fill(module: nn.Module, ours: Callable[[str], str | None] = lambda name: name) -> None:
    """The state by the rule: keys as `ours` gives them (None: left alone), branches by name."""
    with torch.no_grad():
        for name, value in module.state_dict(keep_vars=True).items():
            key = ours(name)
            if key is not None:
                value.copy_(rule(key, list(value.shape), branch_of(name)))


def package(name: str, path: Path) -> types.ModuleType:
    """A package whose own __init__ is left out."""
    made = types.ModuleType(name)
    made.__path__ = [str(path)]
    sys.modules[name] = made
    return made
