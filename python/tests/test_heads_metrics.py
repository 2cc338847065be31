"""Heads and metrics written in Python, used by name from YAML."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import mmi
import pytest
import torch
from torch import Tensor, nn

Make = Callable[..., dict[str, Any]]


@mmi.register("head", "test_two_layers")
class TwoLayers(nn.Module):
    """Two linear layers."""

    def __init__(self, in_features: int, out_features: int, width: int = 8) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(in_features, width), nn.ReLU(), nn.Linear(width, out_features)
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)


@mmi.register("metric", "test_loudness")
def loudness(probabilities: Tensor, truth: Tensor, factor: float = 1.0) -> float:
    """How much sounds in all."""
    assert probabilities.shape == truth.shape and probabilities.dtype == torch.float32
    return float(probabilities.mean()) * factor


@mmi.register("metric", "test_counts")
class Counts:
    """Keys and frames."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix

    def __call__(self, probabilities: Tensor, truth: Tensor) -> dict[str, int]:
        return {self.prefix + "keys": truth.shape[1], self.prefix + "frames": truth.shape[0]}


MODEL = {
    "name": "encoder_head",
    "encoder": {"name": "resnet18", "width": 0.05},
    "head": {"name": "test_two_layers", "width": 5},
}


def test_both_are_used_by_name(config: Make, tmp_path: Path) -> None:
    metrics = [
        "average_precision",
        {"name": "test_loudness", "factor": 2.0},
        {"name": "test_counts", "prefix": "all_"},
    ]
    settings = config(model=MODEL, metrics=metrics)
    run = mmi.train(settings, "train.max_steps=3", runs=tmp_path)
    names = [name for name in run.model.state_dict() if name.startswith("fc.")]
    assert names == [f"fc.layers.{i}.{kind}" for i in (0, 2) for kind in ("weight", "bias")]
    assert run.model.get_submodule("fc")._get_name() == "TwoLayers"
    start = mmi.build(settings).model.state_dict()
    assert all(not torch.equal(start[name], run.model.state_dict()[name]) for name in names)
    again = mmi.load(run.path)
    assert all(torch.equal(again.model.state_dict()[n], run.model.state_dict()[n]) for n in names)
    scores = again.evaluate("test")
    assert scores["all_keys"] == 51
    assert 90 <= scores["all_frames"] <= 100  # four seconds at 25 frames a second
    assert 0 < scores["test_loudness"] < 2 and 0 < scores["average_precision"] <= 100
    assert {"f1", "test_loudness"} <= run.metrics[-1].keys()


def test_the_linear_head_is_the_default(config: Make) -> None:
    model = {"name": "encoder_head", "encoder": {"name": "resnet18", "width": 0.05}}
    names = list(mmi.build(config(model=model)).model.state_dict())
    assert names[-2:] == ["fc.weight", "fc.bias"]
    head = mmi.create("head", "linear", in_features=3, out_features=4)
    assert head(torch.rand(2, 5, 3)).shape == (2, 5, 4)
    assert mmi.registered("head").keys() >= {"linear", "test_two_layers"}
    assert mmi.registered("metric")["test_counts"] == "Keys and frames."


def test_a_head_is_a_head_of_python_too() -> None:
    head = mmi.create("head", "test_two_layers", in_features=3, out_features=4)
    head(torch.rand(2, 5, 3)).sum().backward()
    assert all(p.grad is not None for p in head.parameters())


def test_wrong_parts_are_one_sentence(config: Make, tmp_path: Path) -> None:
    @mmi.register("head", "test_narrow")
    class Narrow(TwoLayers):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x)[..., :2]

    shape = {"in_features": 3, "out_features": 4}
    with pytest.raises(
        mmi.ShapeError, match=r"head test_narrow must return \(B,T,K\) .* \[2, 5, 2"
    ):
        mmi.create("head", "test_narrow", **shape)(torch.rand(2, 5, 3))

    @mmi.register("head", "test_text")
    class Text(TwoLayers):
        def forward(self, x: Tensor) -> Any:
            return "logits"

    with pytest.raises(mmi.ShapeError, match="head test_text must return a tensor, but .* a str"):
        mmi.create("head", "test_text", **shape)(torch.rand(2, 5, 3))
    with pytest.raises(mmi.ConfigError, match="is no torch.nn.Module"):
        mmi.register("head", "x")(Counts)
    with pytest.raises(mmi.ConfigError, match="metric \"test_counts\": missing .* 'prefix'"):
        mmi.build(config(metrics=["test_counts"]))
    with pytest.raises(mmi.ConfigError, match='did you mean "test_counts"'):
        mmi.build(config(metrics=["test_count"]))
    mmi.register("metric", "test_text")(lambda p, t: "good")
    with pytest.raises(mmi.ConfigError, match="metric test_text must return a number or a dict"):
        mmi.build(config(metrics=["test_text"])).evaluate("valid")
    mmi.register("metric", "f1")(lambda p, t: 1.0)
    with pytest.raises(mmi.ConfigError, match='two scores are called "f1"'):
        mmi.build(config(metrics=["f1"])).evaluate("valid")
