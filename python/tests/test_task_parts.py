"""Whole tasks written in Python, trained, scored, saved and loaded by the core."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import mmi
import pytest
import torch
from torch import Tensor, nn

NAME = "test_lines"


class Cube(torch.autograd.Function):
    """x³ with a gradient written by hand."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:  # type: ignore[override]
        (x,) = ctx.saved_tensors
        return 3 * x**2 * gradient


class Net(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(2, width)
        self.norm = nn.BatchNorm1d(width)
        self.out = nn.Linear(width, 1)
        self.calls: Tensor
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            self.calls = self.calls + 1
        return self.out(Cube.apply(self.norm(self.hidden(x)).tanh()))


class Points:
    def __len__(self) -> int:
        return 40

    def __getitem__(self, index: int) -> dict[str, Any]:
        x = torch.tensor([index / 40, (index * 7 % 40) / 40])
        return {"x": x, "y": (x[0] - 2 * x[1])[None]}


class Rollouts:
    """Batches that are a function of their number alone."""

    per_epoch = 5

    def __init__(self, seed: int) -> None:
        self.seed, self.batch, self.stride = seed, 0, 1

    def seek(self, batch: int, stride: int) -> None:
        self.batch, self.stride = batch, stride

    def next(self) -> dict[str, Any]:
        x = torch.rand(8, 2, generator=torch.Generator().manual_seed(self.seed + self.batch))
        self.batch += self.stride
        return {"x": x, "y": x[:, :1] - 2 * x[:, 1:]}


@mmi.register("task", NAME)
class Lines:
    """A line is learnt from points."""

    selection = ("error", False)

    def __init__(
        self,
        *,
        seed: int,
        device: torch.device,
        parents: dict[str, mmi.Task],
        width: int = 8,
        rollouts: bool = False,
        two: bool = False,
    ) -> None:
        self.device, self.rollouts, self.two, self.parents = device, rollouts, two, parents
        self.module = Net(width)
        self.loader = {"batch_size": 8, "workers": 2}
        self.threshold = 0.5

    def phases(self) -> list[dict[str, Any]]:
        rate = {"name": "adamw", "lr": 0.01}
        if not self.two:
            return [{"optimizer": rate, "clip_norm": 1.0, "schedule": {"name": "cosine"}}]
        return [
            {"name": "body", "parameters": ["hidden.*", "norm.*"], "optimizer": rate},
            {"name": "top", "parameters": ["out.*"], "optimizer": rate, "every": 2},
        ]

    def batches(self, seed: int) -> Any:
        return Rollouts(seed) if self.rollouts else Points()

    def loss(self, phase: str, batch: dict[str, Any], step: int) -> Any:
        noise = torch.randn(()) * 0.01
        error = self.module(batch["x"].to(self.device)) - batch["y"].to(self.device)
        total = (error**2).mean() + noise * error.mean()
        return {"total": total, "noise": noise, "step": step}

    def evaluate(self, split: str) -> dict[str, Any]:
        assert not self.module.training and not torch.is_grad_enabled()
        points = [Points()[i] for i in range(40)]
        x, y = (torch.stack([p[key] for p in points]) for key in ("x", "y"))
        error = ((self.module(x) - y) ** 2).mean()
        return {"error": error, "above": float((error > self.threshold).sum())}

    def calibrate(self) -> dict[str, float]:
        self.threshold = 0.25
        return {"threshold": self.threshold}

    def restore(self, numbers: dict[str, float]) -> None:
        self.threshold = numbers["threshold"]

    def generate(self, input: Path, out: Path, times: str = "1") -> list[tuple[Path, str]]:
        x = torch.tensor([[float(word) for word in input.read_text().split()]])
        path = out.with_suffix(".txt")
        path.write_text(f"{float(self.module(x)) * int(times):.6f} {self.threshold}")
        return [(path, "the line at this point")]


def settings(steps: int = 12, **options: Any) -> dict[str, Any]:
    return {
        "seed": 5,
        "threads": 1,
        "device": "cpu",
        "task": {"name": NAME, **options},
        "train": {"max_steps": steps, "eval_every": 4, "save_every": 3, "log_every": 1},
    }


def state_of(run: mmi.Run) -> dict[str, Tensor]:
    return {name: t.clone() for name, t in run.model.state_dict().items()}


def last_state(run: mmi.Run) -> dict[str, Tensor]:
    """Weights and optimisers after the last step."""
    folder = run.path / "checkpoints" / (run.path / "checkpoints/last").read_text().strip()
    files = sorted(folder.glob("*.safetensors"))
    assert len(files) == 2
    return {f"{file.stem}/{name}": t for file in files for name, t in mmi.load_tensors(file)}


def same(a: dict[str, Tensor], b: dict[str, Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def test_trained_scored_saved_and_loaded(tmp_path: Path) -> None:
    run = mmi.train(settings(60), runs=tmp_path)
    names = list(Net(8).state_dict())
    assert list(run.model.state_dict()) == names
    best = (run.path / "checkpoints/best").read_text().strip()
    saved = mmi.load_tensors(run.path / "checkpoints" / best / "model.safetensors")
    assert sorted(name for name, _ in saved) == sorted(names)
    lines = run.metrics
    errors = [line["error"] for line in lines if line["split"] == "valid"]
    assert errors[-1] < 0.2 * errors[0]
    assert [line["step"] for line in lines if line["split"] == "train"] == list(range(60))
    assert all("noise" in line for line in lines if line["split"] == "train")
    assert run.info.calibration == {"threshold": 0.25}
    x = torch.rand(3, 2)
    again = mmi.load(run.path)
    assert same(state_of(again), state_of(run)) and again.model.calls > 0
    assert torch.equal(again.model(x), run.model(x))
    assert again.evaluate("test") == run.evaluate("test")
    bundle = mmi.load(run.export(tmp_path / "bundle"))
    assert same(state_of(bundle), state_of(run))
    (tmp_path / "point.txt").write_text("0.5 0.25")
    files = bundle.generate(tmp_path / "point.txt", tmp_path / "out/point", times=1)
    value, threshold = files[0].path.read_text().split()
    assert float(value) == pytest.approx(float(run.model(torch.tensor([[0.5, 0.25]]))), abs=1e-5)
    assert threshold == "0.25" and files[0].caption == "the line at this point"
    # Found again, under the same id.
    assert mmi.train(settings(60), runs=tmp_path).info.id == run.info.id


@pytest.mark.parametrize("options", [{}, {"rollouts": True}, {"two": True}])
def test_an_interrupted_training_continues_bit_for_bit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any]
) -> None:
    whole = mmi.train(settings(**options), runs=tmp_path / "whole")
    calls = 0

    class Power(Exception):
        pass

    original = Lines.loss

    def failing(self: Lines, phase: str, batch: dict[str, Any], step: int) -> Any:
        nonlocal calls
        calls += 1
        if step == 8:
            raise Power("cut")
        return original(self, phase, batch, step)

    with monkeypatch.context() as patch:
        patch.setattr(Lines, "loss", failing)
        with pytest.raises(Power):
            mmi.train(settings(**options), runs=tmp_path / "cut")
    assert calls > 8
    rest = mmi.train(settings(**options), runs=tmp_path / "cut")
    shorter = mmi.train(settings(11, **options), runs=tmp_path)
    assert same(last_state(rest), last_state(whole))
    assert not same(last_state(rest), last_state(shorter))
    assert same(state_of(rest), state_of(whole))
    logs = [[line for line in run.metrics if line["split"] == "valid"] for run in (whole, rest)]
    assert logs[0] == logs[1]


def test_phases_train_their_own_parameters(tmp_path: Path) -> None:
    task = mmi.build(settings(two=True))
    assert task.phases == ["body", "top"] and len(task.parameters("top")) == 2
    task.loss(next(task.batches()), "top").backward()
    assert all(p.grad is not None for p in task.parameters("top"))
    assert task.name == NAME and task.model.hidden.weight.shape == (8, 2)


def test_a_stage_in_python_on_a_stage_of_the_core(tmp_path: Path) -> None:
    """`needs:` works both ways of the border."""
    (tmp_path / "first.yaml").write_text(
        f"task: {NAME}\nthreads: 1\ntrain: {{max_steps: 2}}\ndevice: cpu\n"
    )

    @mmi.register("task", "test_second")
    class Second(Lines):
        def __init__(self, *, parents: dict[str, mmi.Task], **rest: Any) -> None:
            super().__init__(parents=parents, **rest)
            self.first = parents["first"]

        def loss(self, phase: str, batch: dict[str, Any], step: int) -> Any:
            with torch.no_grad():
                batch["y"] = self.first.model(batch["x"])
            return super().loss(phase, batch, step)

    second = settings(4)
    second["task"] = "test_second"
    second["needs"] = {"first": {"config": str(tmp_path / "first.yaml")}}
    run = mmi.train(second, runs=tmp_path / "runs")
    assert run.parents["first"].info.task == NAME
    assert mmi.load(run.path).parents["first"].info.id == run.parents["first"].info.id


def test_the_command_line_imports_trains_evaluates_and_generates(tmp_path: Path) -> None:
    (tmp_path / "lines.yaml").write_text(
        "defaults: []\npreset: smoke\nseed: 5\nthreads: 1\ndevice: cpu\n"
        f"task: {{name: {NAME}, width: 4}}\ntrain: {{max_steps: 3, log_every: 1}}\n"
    )
    (tmp_path / "point.txt").write_text("0.5 0.25")
    paths = [str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}

    def mmi_command(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "mmi", *words, "--import", Path(__file__).stem]
        return subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )

    trained = mmi_command("train", "lines.yaml", "--json")
    assert trained.returncode == 0, trained.stderr
    run = json.loads(trained.stdout)["run"]
    scores = mmi_command("eval", run, "--json")
    assert scores.returncode == 0 and json.loads(scores.stdout)["error"] > 0
    made = mmi_command("generate", run, "--input", "point.txt", "--out", "out")
    assert made.returncode == 0 and (tmp_path / "out.txt").exists(), made.stderr
    listed = mmi_command("list", "task")
    assert f"{NAME} " in listed.stdout and "A line is learnt from points." in listed.stdout
    wrong = mmi_command("train", "lines.yaml", "task.widht=4")
    assert wrong.returncode == 2
    assert f"mmi: task \"{NAME}\": got an unexpected keyword argument 'widht'" in wrong.stderr


def broken(**members: Any) -> dict[str, Any]:
    mmi.register("task", "test_broken")(type("Broken", (Lines,), members))
    config = settings(4)
    config["task"] = "test_broken"
    return config


@pytest.mark.parametrize(
    ("members", "sentence"),
    [
        ({"selection": "error"}, "selection must be a score of evaluate"),
        ({"selection": ("loss", False)}, 'selection names "loss", but evaluate.. gives error'),
        ({"loss": lambda s, p, b, i: s.module(b["x"])}, r"scalar tensor .* a tensor \[8, 1\]"),
        ({"loss": lambda s, p, b, i: torch.ones(())}, r"but is a tensor \[\] without a gradient"),
        ({"loss": lambda s, p, b, i: {"l2": 1}}, 'a dict with it as "total", but is NoneType'),
        ({"evaluate": lambda s, split: 3.0}, r"evaluate.. returns must be a dict .* float 3.0"),
        ({"evaluate": lambda s, split: {"error": "low"}}, "a dict of names and numbers"),
        ({"phases": lambda s: {"name": "a"}}, "must be a list of dicts"),
        ({"phases": lambda s: [{"optimiser": {}}]}, r"phases..\[0\].*optimiser.*optimizer"),
        ({"phases": lambda s: [{}, {}]}, "two of phases.. have one name"),
        ({"phases": lambda s: [{"parameters": ["x.*"]}]}, "x.*"),
        ({"batches": lambda s, seed: [1, 2][0]}, "must have __len__ and __getitem__"),
        ({"batches": lambda s, seed: [1] * 8}, "example . of task test_broken must be a dict"),
        ({"calibrate": lambda s: [1]}, "calibrate.. returns must be a dict"),
    ],
)
def test_wrong_tasks_are_one_sentence(
    tmp_path: Path, members: dict[str, Any], sentence: str
) -> None:
    with pytest.raises((mmi.ConfigError, mmi.DataError), match=sentence) as error:
        mmi.train(broken(**members), runs=tmp_path)
    if "x.*" not in members.get("phases", lambda s: "")(None).__str__():
        assert "task test_broken" in str(error.value)


def test_wrong_classes_are_one_sentence() -> None:
    with pytest.raises(mmi.ConfigError, match="task x: X has no batches"):
        mmi.register("task", "x")(type("X", (), {}))

    class NoModule(Lines):
        def __init__(self, **given: Any) -> None:
            self.module = 3  # type: ignore[assignment]

    mmi.register("task", "test_broken")(NoModule)
    with pytest.raises(mmi.ConfigError, match="module must be a torch.nn.Module, but is int 3"):
        mmi.build(broken(__init__=NoModule.__init__))
    with pytest.raises(mmi.ConfigError, match="no option of its own can be called seed"):
        mmi.build(settings(seed=4))


def test_what_a_backward_raises_comes_out_as_it_is(tmp_path: Path) -> None:
    class Fails(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            return x.clone()

        @staticmethod
        def backward(ctx: Any, gradient: Tensor) -> Tensor:  # type: ignore[override]
            raise KeyError("no way back")

    config = broken(loss=lambda s, p, b, i: Fails.apply(s.module(b["x"])).sum())
    with pytest.raises(KeyError, match="no way back"):
        mmi.train(config, runs=tmp_path)
