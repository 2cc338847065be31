"""Datasets, encoders, heads and metrics written in Python, used by name from YAML."""

import copy
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mmi
import numpy as np
import pytest
import torch
from torch import nn

Make = Callable[..., dict[str, Any]]


@mmi.register("dataset", "test_stripes")
class Stripes:
    """A bright column stands where a key sounds."""

    def __init__(self, count: int = 24, with_labels: bool = False) -> None:
        self.keys = np.zeros((count, 51), np.uint8)
        self.keys[np.arange(count), np.arange(count) % 51] = 1
        self.threads: set[int] = set()
        if with_labels:
            self.labels = self.keys

    def __len__(self) -> int:
        return len(self.keys)

    def __getitem__(self, index: int) -> dict[str, Any]:
        self.threads.add(threading.get_ident())
        frames = np.zeros((5, 36, 132), np.uint8)
        frames[:, :, 2 * (index % 51)] = 255
        return {"frames": frames, "keys": torch.from_numpy(self.keys[index]), "index": index}


@mmi.register("encoder", "test_pool")
class PoolEncoder(nn.Module):
    """Two convolutions with a batch norm between, and a buffer that each forward replaces."""

    made: "list[PoolEncoder]" = []

    def __init__(self, in_channels: int, height: int, width: int, channels: int = 6) -> None:
        super().__init__()
        self.feature_size = channels
        self.body = nn.Sequential(
            nn.Conv2d(in_channels, channels, 5, stride=3),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, bias=False),
        )
        self.again = self.body[3]
        self.scale = nn.Parameter(torch.ones(channels))
        self.steps: torch.Tensor
        self.register_buffer("steps", torch.zeros(()))
        PoolEncoder.made.append(self)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.training:
            self.steps = self.steps + 1
        return self.again(self.body[:3](x)).mean((2, 3)) * self.scale


OWN_MODEL = {"name": "encoder_head", "encoder": {"name": "test_pool", "channels": 4}}


def test_both_are_listed() -> None:
    assert mmi.registered("dataset")["test_stripes"].startswith("A bright column")
    assert mmi.registered("encoder").keys() >= {"resnet18", "test_pool"}
    assert "test_pool" in mmi.registered()["encoder"]
    with pytest.raises(mmi.ConfigError, match="no kind of part"):
        mmi.registered("encoders")


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_training_with_both_from_yaml(config: Make, tmp_path: Any, workers: int) -> None:
    settings = config(
        model=OWN_MODEL,
        examples={"name": "test_stripes", "count": 16},
        loader={"batch_size": 4, "workers": workers},
    )
    run = mmi.train(settings, "train.max_steps=6", "train.eval_every=0", runs=tmp_path)
    python = PoolEncoder.made[-1]
    names = list(run.model.state_dict())
    assert names[:2] == ["encoder.scale", "encoder.steps"]
    assert "encoder.body.1.running_mean" in names and "fc.weight" in names
    assert run.model.encoder._get_name() == "PoolEncoder"
    assert run.model.encoder.body.get_parameter("0.weight") is python.body[0].weight
    assert python.training is False
    assert run.model.encoder.steps == 6 and python.steps == 6
    start = mmi.build(settings).model.state_dict()
    trained = run.model.state_dict()
    changed = {name for name in names if not torch.equal(start[name], trained[name])}
    assert changed >= {"encoder.scale", "encoder.body.0.weight", "encoder.body.3.weight", "fc.bias"}
    # The same result for any number of loader threads.
    first = TRAINED.setdefault("state", {k: v.clone() for k, v in trained.items()})
    assert all(torch.equal(first[k], trained[k]) for k in first)
    again = mmi.load(run.path)
    assert all(torch.equal(again.model.state_dict()[k], trained[k]) for k in names)
    assert again.model(torch.zeros(1, 5, 36, 132)).shape == (1, 51)


TRAINED: dict[str, Any] = {}


def test_a_part_in_two_places_is_one(config: Make) -> None:
    model = mmi.build(config(model=OWN_MODEL)).model
    assert model.encoder.again is model.encoder.body.get_submodule("3")
    assert len(list(model.parameters())) == len({p.data_ptr() for p in model.parameters()})
    model.encoder.again.weight.requires_grad_(False)
    twin = copy.deepcopy(model)
    assert twin.encoder.again is twin.encoder.body.get_submodule("3")
    assert not twin.encoder.again.weight.requires_grad


def test_modes_and_moves_reach_the_python_module() -> None:
    model = mmi.create("encoder", "test_pool", in_channels=3, height=20, width=30)
    python = PoolEncoder.made[-1]
    model.eval()
    assert not python.training and not python.body[1].training
    model.body.train()
    assert python.body[1].training and not python.training
    model.double()
    assert python.scale.dtype == torch.float64 and python.steps.dtype == torch.float64
    assert model(torch.rand(2, 3, 20, 30, dtype=torch.float64)).shape == (2, 1, 6)
    x = torch.rand(2, 3, 20, 30, dtype=torch.float64)
    assert torch.equal(model.eval()(x)[:, 0], python(x))


def test_gradients_are_one(config: Make) -> None:
    task = mmi.build(
        config(model=OWN_MODEL, examples={"name": "test_stripes"}, loader={"batch_size": 8})
    )
    python = PoolEncoder.made[-1]
    task.loss(next(task.batches())).backward()
    assert python.scale.grad is not None and python.scale.grad.abs().sum() > 0
    assert task.model.encoder.scale.grad is python.scale.grad


def test_labels_choose_the_balanced_sampler(config: Make) -> None:
    options = {"name": "test_stripes", "count": 40, "with_labels": True}
    task = mmi.build(config(examples=options, draws_per_epoch=400))
    assert task.batches().per_epoch == 100
    del options["with_labels"]
    assert mmi.build(config(examples=options)).batches().per_epoch == 10


def test_batches_hold_everything_an_example_holds(config: Make) -> None:
    @mmi.register("dataset", "test_mixed")
    class Mixed:
        def __len__(self) -> int:
            return 4

        def __getitem__(self, index: int) -> dict[str, Any]:
            return {
                "ragged": torch.ones(index + 1),
                "words": f"word {index}",
                "number": np.int64(index),
                "real": 0.5,
                "reversed": np.arange(3)[::-1],
                "list": [torch.ones(1), torch.ones(2)],
            }

    task = mmi.build(config(examples="test_mixed", loader={"batch_size": 4}))
    batch = next(task.batches())
    assert sorted(len(t) for t in batch["ragged"]) == [1, 2, 3, 4]
    assert sorted(batch["words"]) == [f"word {i}" for i in range(4)]
    assert batch["number"].sort().values.tolist() == [0, 1, 2, 3]
    assert batch["real"].tolist() == [0.5] * 4
    assert batch["reversed"].tolist() == [[2, 1, 0]] * 4
    assert len(batch["list"]) == 8


@pytest.mark.parametrize("workers", [0, 2])
def test_what_a_dataset_raises_comes_out_as_it_is(
    config: Make, tmp_path: Any, workers: int
) -> None:
    @mmi.register("dataset", "test_broken")
    class Broken(Stripes):
        def __getitem__(self, index: int) -> dict[str, Any]:
            if index == 5:
                raise KeyError("page torn out")
            return super().__getitem__(index)

    settings = config(examples="test_broken", loader={"batch_size": 4, "workers": workers})
    with pytest.raises(KeyError, match="page torn out") as caught:
        mmi.train(settings, "train.max_steps=50", "train.eval_every=0", runs=tmp_path)
    assert caught.value.__notes__ == ["example 5 of dataset test_broken"]


@pytest.mark.parametrize("workers", [0, 2])
def test_an_unreadable_example_can_be_skipped(config: Make, workers: int) -> None:
    @mmi.register("dataset", "test_torn")
    class Torn(Stripes):
        def __getitem__(self, index: int) -> dict[str, Any]:
            if index == 5:
                raise mmi.DataError("page torn out")
            return super().__getitem__(index)

    def batches(**loader: Any) -> list[dict[str, Any]]:
        loader |= {"batch_size": 4, "workers": workers}
        made = mmi.build(config(examples="test_torn", loader=loader)).batches()
        return [next(made) for _ in range(20)]

    with pytest.raises(mmi.DataError, match="example 5 of dataset test_torn: page torn out"):
        batches()
    assert len(batches(on_error="skip", max_bad_fraction=0.5)) == 20


def test_wrong_parts_are_named(config: Make) -> None:
    with pytest.raises(mmi.ConfigError, match="these can: dataset, encoder, head, metric, task"):
        mmi.register("decoder", "x")
    with pytest.raises(mmi.ConfigError, match="has no __getitem__"):
        mmi.register("dataset", "x")(type("X", (), {"__len__": lambda self: 1}))
    with pytest.raises(mmi.ConfigError, match="is no torch.nn.Module"):
        mmi.register("encoder", "x")(Stripes)
    with pytest.raises(mmi.ConfigError, match="registered already"):
        mmi.register("encoder", "resnet18")(PoolEncoder)
    with pytest.raises(mmi.ConfigError, match="unexpected keyword argument 'cuont'"):
        mmi.build(config(examples={"name": "test_stripes", "cuont": 3}))
    with pytest.raises(mmi.ConfigError, match='did you mean "test_stripes"'):
        mmi.build(config(examples="test_stripe"))

    @mmi.register("dataset", "test_list")
    class Rows(Stripes):
        def __getitem__(self, index: int) -> Any:
            return [1, 2]

    with pytest.raises(mmi.DataError, match="of dataset test_list must be a dict, but is a list"):
        next(mmi.build(config(examples="test_list")).batches())

    @mmi.register("encoder", "test_shapeless")
    class Shapeless(PoolEncoder):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return super().forward(x)[:, :2]

    shape = {"in_channels": 3, "height": 20, "width": 30}
    with pytest.raises(mmi.ShapeError, match=r"D = feature_size = 6, but returned \[1, 1, 2\]"):
        mmi.create("encoder", "test_shapeless", **shape)(torch.rand(1, 3, 20, 30))

    @mmi.register("encoder", "test_sizeless")
    class Sizeless(nn.Module):
        def __init__(self, in_channels: int, height: int, width: int) -> None:
            super().__init__()

    with pytest.raises(mmi.ConfigError, match="needs the int feature_size"):
        mmi.create("encoder", "test_sizeless", **shape)

    @mmi.register("encoder", "test_lazy")
    class Lazy(nn.Module):
        feature_size = 3

        def __init__(self, in_channels: int, height: int, width: int) -> None:
            super().__init__()
            self.fc = nn.LazyLinear(3)

    with pytest.raises(mmi.ConfigError, match="fc.weight has no shape yet"):
        mmi.create("encoder", "test_lazy", **shape)


def test_registering_again_replaces_the_class() -> None:
    for size in (2, 3):

        @mmi.register("encoder", "test_cell")
        class Cell(nn.Module):
            feature_size = size

            def __init__(self, in_channels: int, height: int, width: int) -> None:
                super().__init__()

            def forward(self, x: torch.Tensor) -> torch.Tensor:
                return x.mean((1, 2, 3)).unsqueeze(1).expand(-1, self.feature_size)

    model = mmi.create("encoder", "test_cell", in_channels=1, height=1, width=1)
    assert model(torch.ones(1, 1, 1, 1)).shape == (1, 1, 3)


def test_the_content_of_a_dataset_is_part_of_the_run(config: Make) -> None:
    def fingerprint(**options: Any) -> str:
        from mmi._register import _Dataset

        return _Dataset("d", Stripes, options).fingerprint

    assert fingerprint() == fingerprint()
    assert fingerprint(count=8) != fingerprint(count=9)

    class Named(Stripes):
        def fingerprint(self) -> str:
            return "version 2"

    from mmi._register import _Dataset

    assert _Dataset("d", Named, {}).fingerprint == "d version 2"


def test_a_program_may_end_while_batches_are_made() -> None:
    """Loader threads, registries and networks hold Python objects when the interpreter goes."""
    program = """
from conftest import tiny_config
import test_register, mmi

class Keeper:
    pass

settings = tiny_config(
    model=test_register.OWN_MODEL,
    examples="test_stripes",
    loader={"batch_size": 4, "workers": 3},
)
keeper = Keeper()
keeper.myself = keeper
keeper.task = mmi.build(settings)
keeper.batches = keeper.task.batches()
next(keeper.batches)
model = keeper.task.model
print("fine")
"""
    result = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", program],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (result.returncode, result.stdout, result.stderr) == (0, "fine\n", "")
