"""mmi.Model: a network of the core that is a torch.nn.Module."""

import copy
import io
import pickle
from typing import Any

import mmi
import pytest
import torch
from torch import nn

SIZE = (36, 132)


def network(**options: Any) -> mmi.Model:
    return mmi.models.audeo.Video2Roll(size=SIZE, width=0.05, **options)


def frames(batch: int = 2) -> torch.Tensor:
    return torch.rand(batch, 5, *SIZE, generator=torch.Generator().manual_seed(1))


def same(a: nn.Module, b: nn.Module) -> bool:
    left, right = a.state_dict(), b.state_dict()
    return list(left) == list(right) and all(torch.equal(left[k], right[k]) for k in left)


def test_is_a_module_with_the_published_names() -> None:
    model = network()
    assert isinstance(model, nn.Module)
    names = list(model.state_dict())
    assert names[0] == "conv1.weight"
    assert {"layer2.0.downsample.1.running_mean", "FTB2_1.conv0.weight", "FRB4.fc2.bias"} < {*names}
    assert names == model._core.state_names()
    assert all(isinstance(p, nn.Parameter) for p in model.parameters())
    assert "Video2RollNet" in repr(model) and "kernel_size=[11, 11]" in repr(model)


def test_published_sizes() -> None:
    audeo = mmi.models.audeo
    for make, count in (
        (audeo.Video2Roll, 12_713_651),
        (audeo.ResNet, 11_208_947),
        (audeo.Roll2MidiGenerator, 25_103_665),
        (audeo.Roll2MidiDiscriminator, 1_554_433),
    ):
        assert sum(p.numel() for p in make().parameters()) == count


def test_a_python_optimiser_trains_the_core() -> None:
    torch.manual_seed(1)
    model = nn.Sequential(network(), nn.ReLU(), nn.Linear(51, 1))
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    before = copy.deepcopy(model)
    losses = []
    for _ in range(12):
        optimizer.zero_grad()
        loss = (model(frames()) - 1).square().mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]
    changed = [
        name
        for (name, p), q in zip(model.named_parameters(), before.parameters(), strict=True)
        if not torch.equal(p, q)
    ]
    assert "0.conv1.weight" in changed and "2.weight" in changed
    assert all(p.grad is not None for p in model.parameters())


def test_gradients_of_an_input_reach_python() -> None:
    x = frames().requires_grad_()
    network().eval()(x).sum().backward()
    assert x.grad is not None and x.grad.abs().sum() > 0


def test_train_and_eval_reach_the_core_from_any_module_above() -> None:
    model = network()
    assert model.training
    outer = nn.Sequential(model).eval()
    assert not model.training and not model._core.training
    x = frames()
    first = outer(x)
    assert torch.equal(first, outer(x))
    outer.train()
    assert model._core.training
    outer(x)
    outer.eval()
    assert not torch.equal(first, outer(x)), "batch norm took statistics in training mode"


def test_one_part_can_stay_in_eval_mode() -> None:
    model = network()
    model.layer1.eval()
    assert model._core.training and not dict(model._core.children())["layer1"].training
    before = {k: v.clone() for k, v in model.state_dict().items() if "running_mean" in k}
    model(frames())
    after = model.state_dict()
    moved = {k for k, v in before.items() if not torch.equal(v, after[k])}
    assert moved == {k for k in before if not k.startswith("layer1.")}


def test_load_state_dict_changes_the_core() -> None:
    a, b = network().eval(), network().eval()
    x = frames()
    assert not torch.equal(a(x), b(x))
    assert str(b.load_state_dict(a.state_dict())) == "<All keys matched successfully>"
    assert torch.equal(a(x), b(x))


@pytest.mark.parametrize("outer", [lambda m: m, lambda m: nn.Sequential(m)])
def test_load_state_dict_refuses_what_would_separate_the_tensors(outer: Any) -> None:
    model = outer(network())
    with pytest.raises(TypeError, match="assign=True"):
        model.load_state_dict(model.state_dict(), assign=True)
    with pytest.raises(TypeError, match="cannot be replaced"):
        next(m for m in model.modules() if isinstance(m, mmi.Model)).fc.weight = None
    with pytest.raises(TypeError, match="would not use head"):
        next(m for m in model.modules() if isinstance(m, mmi.Model)).head = nn.Linear(1, 1)


def test_to_another_dtype_and_back_keeps_tensors_gradients_and_sharing() -> None:
    model = network()
    model(frames()).sum().backward()
    weight = model.fc.weight
    grad = weight.grad.clone()
    outer = nn.Sequential(model).double()
    assert model.fc.weight is weight and weight.dtype == torch.float64
    assert weight.grad.dtype == torch.float64 and torch.equal(weight.grad.float(), grad)
    assert outer(frames().double()).dtype == torch.float64
    assert model.bn1.running_mean.dtype == torch.float64
    assert model.bn1.num_batches_tracked.dtype == torch.int64
    outer.float()
    model.zero_grad()
    model(frames()).sum().backward()
    assert weight.grad.dtype == torch.float32 and weight.grad.abs().sum() > 0


def copies() -> list[Any]:
    def saved(model: nn.Module) -> Any:
        stream = io.BytesIO()
        torch.save(model, stream)
        stream.seek(0)
        return torch.load(stream, weights_only=False)

    return [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m)), saved]


@pytest.mark.parametrize("make", copies(), ids=["deepcopy", "pickle", "torch.save"])
def test_copies_are_equal_and_independent(make: Any) -> None:
    model = network(correlation=False)
    model.conv1.weight.requires_grad_(False)
    model(frames())
    model.eval()
    model.layer3.train()
    random = torch.get_rng_state()
    twin = make(nn.ModuleDict({"net": model}))["net"]
    assert torch.equal(random, torch.get_rng_state())
    assert same(model, twin)
    assert [m.training for m in model.modules()] == [m.training for m in twin.modules()]
    assert not twin.conv1.weight.requires_grad and twin.fc.weight.requires_grad
    model.eval(), twin.eval()
    assert torch.equal(model(frames()), twin(frames()))
    with torch.no_grad():
        twin.fc.weight.add_(1)
    assert not torch.equal(model(frames()), twin(frames()))


def test_a_part_can_be_copied() -> None:
    model = network().double()
    part = copy.deepcopy(model.FTB3)
    assert same(part, model.FTB3)
    assert part.conv0.weight.dtype == torch.float64


def test_a_plain_state_dict_loads_weights_only() -> None:
    model = network()
    stream = io.BytesIO()
    torch.save(model.state_dict(), stream)
    stream.seek(0)
    twin = network()
    twin.load_state_dict(torch.load(stream, weights_only=True))
    assert same(model, twin)


def test_wrong_use_is_named() -> None:
    with pytest.raises(mmi.ShapeError, match=r"frames must be \(B, 5, H, W\)"):
        network()(torch.rand(1, 3, *SIZE))
    with pytest.raises(mmi.ConfigError, match="remainder mod 32"):
        mmi.models.audeo.Video2Roll(size=(64, 64))
    with pytest.raises(mmi.ConfigError, match='did you mean "width"'):
        network(widht=2)
    with pytest.raises(mmi.ConfigError, match='did you mean "video2roll"'):
        mmi.create("frame_model", "video2rol")
    with pytest.raises(mmi.ConfigError, match='did you mean "height"'):
        mmi.create("frame_model", "resnet", heigth=3)
    with pytest.raises(mmi.ConfigError, match="cannot be called from Python by itself"):
        network().layer1(frames())
    with pytest.raises(mmi.ConfigError, match="no network is called"):
        mmi.create("network", "x")


def test_capture_names_the_maps() -> None:
    model = network().eval()
    x = frames()
    maps = model.capture(x)
    assert torch.equal(maps["logits"], model(x))
    again = nn.functional.linear(maps["before_fc"], model.fc.weight, model.fc.bias)
    assert torch.allclose(again, maps["logits"], atol=1e-6)
    assert list(model.capture(x, ["p2", "layer1"])) == ["p2", "layer1"]
    with pytest.raises(mmi.ConfigError, match="no activation p5; it has layer1"):
        model.capture(x, ["p5"])
    generator = mmi.models.audeo.Roll2MidiGenerator(width=0.02).eval()
    roll = torch.rand(1, 1, 51, 20)
    maps = generator.capture(roll)
    assert {"down6", "up5"} < {*maps}
    assert torch.equal(maps["before_sigmoid"].sigmoid(), generator(roll))
    with pytest.raises(mmi.ConfigError, match="ResNetBaseline names no activations"):
        mmi.models.audeo.ResNet(width=0.05).capture(x)


def test_create_follows_torchs_seed() -> None:
    torch.manual_seed(5)
    first = network()
    torch.manual_seed(5)
    assert same(first, network())
    assert not same(first, network())
