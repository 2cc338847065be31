"""Low-rank adapters (LoRA) in PEFT's file format, for language models and other networks.

model = mmi.lora.add(mmi.lm.load("llama-7b"), r=16)   # trains the adapters alone
mmi.lora.save(model, "tuned")                         # PeftModel.from_pretrained reads it
model = mmi.lora.load(mmi.lm.load("llama-7b"), "tuned")
"""

import os
from dataclasses import dataclass
from typing import Any, TypeVar

import torch

from mmi import _mmi
from mmi._model import Model, Recipe

__all__ = ["add", "load", "merge", "save"]

AnyModel = TypeVar("AnyModel", bound=Model)


@dataclass(frozen=True)
class _Adapted:
    base: Recipe
    options: dict[str, Any]

    def build(self) -> Model:
        with torch.random.fork_rng(devices=[]):
            return add(self.base.build(), **self.options)


def _seen_anew(model: AnyModel, recipe: Recipe) -> AnyModel:
    """The same network with the tensors that it has now."""
    return type(model)(model._core, recipe)


def add(model: AnyModel, **options: Any) -> AnyModel:
    """The model with a new adapter beside every targeted linear layer and all else frozen. Use what
    is returned: it is the same network, with the adapters' parameters. Nothing changes until they
    are trained.

    options: r (8), alpha (8), dropout (0), target_modules (["q_proj", "v_proj"]: names of layers,
    whole or their ends), target_pattern (in their place: a regular expression for whole names, or
    "all-linear"), rslora, rank_pattern, alpha_pattern; as in PEFT's LoraConfig.
    """
    _mmi.add_lora(model._core, options)
    return _seen_anew(model, _Adapted(model._recipe, options))


def load(model: AnyModel, folder: str | os.PathLike[str]) -> AnyModel:
    """The model with an adapter that PEFT or `save` has written. Use what is returned."""
    _mmi.load_lora(model._core, os.fspath(folder))
    return _seen_anew(model, _Adapted(model._recipe, _mmi.lora_config(model._core)))


def merge(model: AnyModel) -> AnyModel:
    """The model with its adapters added to its weights, and no adapters any more (not for int8
    weights). Use what is returned."""
    _mmi.merge_lora(model._core)
    _mmi.remove_lora(model._core)
    recipe = model._recipe
    return _seen_anew(model, recipe.base if isinstance(recipe, _Adapted) else recipe)


def save(model: Model, folder: str | os.PathLike[str], base: str = "") -> None:
    """The adapter as a folder that PEFT reads. `base`: name or folder of its model."""
    _mmi.save_lora(model._core, os.fspath(folder), base)
