"""From YAML to a trained run: build, train, load, evaluate, generate."""

import pickle
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import mmi
import pytest
import torch

Make = Callable[..., dict[str, Any]]


def state(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def equal(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return list(a) == list(b) and all(torch.equal(a[name], b[name]) for name in a)


def test_build_from_a_file_with_overrides() -> None:
    task = mmi.build(
        "configs/audeo/video2roll.yaml", "preset=smoke", "task.model.width=0.05", "seed=7"
    )
    assert task.name == "audeo/video2roll" and task.phases == ["main"]
    assert task.config["task"]["model"]["width"] == 0.05
    assert task.config["seed"] == 7
    assert task.model(torch.rand(1, 5, 36, 132)).shape == (1, 51)
    assert "audeo/video2roll" in repr(task)


def test_build_repeats_and_leaves_torchs_generator_alone(config: Make) -> None:
    before = torch.get_rng_state()
    first = mmi.build(config())
    assert torch.equal(before, torch.get_rng_state())
    torch.rand(1)
    assert equal(state(first.model), state(mmi.build(config()).model))
    assert not equal(state(first.model), state(mmi.build(config(), "seed=4").model))


def test_build_gives_the_weights_a_training_begins_with(config: Make, tmp_path: Path) -> None:
    still = config(optimizer={"lr": 1e-30})
    run = mmi.train(still, "train.max_steps=1", runs=tmp_path)
    fresh = mmi.build(still).model
    for (name, a), b in zip(fresh.named_parameters(), run.model.parameters(), strict=True):
        assert torch.allclose(a, b, rtol=0, atol=1e-20), name


def test_own_loop_with_torch_optim(config: Make) -> None:
    task = mmi.build(config())
    optimizer = torch.optim.AdamW(task.parameters(), lr=3e-3)
    batches = task.batches()
    assert batches.per_epoch == 4
    batch = next(batches)
    assert batch["frames"].shape == (4, 5, 36, 132) and batch["frames"].dtype == torch.uint8
    assert batch["keys"].shape == (4, 51)
    losses = []
    for step in range(6):
        optimizer.zero_grad()
        loss = task.loss(batch, step=step)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]
    frozen = [m.training for m in task.model.modules()]
    assert set(task.evaluate("valid")) == {"bce", "precision", "recall", "accuracy", "f1"}
    assert frozen == [m.training for m in task.model.modules()]


def test_batches_repeat_and_seek(config: Make) -> None:
    task = mmi.build(config())
    batches = task.batches()
    third = [next(batches) for _ in range(3)][2]
    again = task.batches(start=2)
    assert torch.equal(next(again)["frames"], third["frames"])
    batches.seek(2)
    assert torch.equal(next(batches)["keys"], third["keys"])
    batches.close()
    with pytest.raises(mmi.ConfigError, match="closed"):
        next(batches)


def test_loss_takes_numpy_and_names_what_is_missing(config: Make) -> None:
    task = mmi.build(config())
    batch = {name: value.numpy() for name, value in next(task.batches()).items()}
    assert task.loss(batch).item() > 0
    with pytest.raises(mmi.DataError, match='no "keys" among'):
        task.loss({"frames": batch["frames"]})
    with pytest.raises(mmi.DataError, match='"frames" of the batch is a object'):
        task.loss({"frames": object()})
    with pytest.raises(mmi.ConfigError, match="known: main"):
        task.loss(batch, phase="generator")


def test_train_gives_a_run_that_load_opens(trained: mmi.Run, config: Make) -> None:
    assert trained.info.finished and trained.info.steps == 4
    assert not trained.model.training
    log = trained.metrics
    assert [line["step"] for line in log if line["split"] == "train"] == [1, 2, 3, 4]
    assert all(line["loss"] > 0 for line in log if line["split"] == "train")
    assert [line["step"] for line in log if line["split"] == "valid"] == [2, 4]
    store = trained.path.parents[1]
    for reference, options in (
        (trained.path, {}),
        (trained.info.id, {"runs": store}),
    ):
        run = mmi.load(reference, device="cpu", **options)
        assert equal(state(run.model), state(trained.model))
    assert run.evaluate("test") == trained.evaluate("test")
    assert (trained.path / "eval" / "test.json").exists()
    assert [info.id for info in mmi.runs(store)] == [trained.info.id]
    # The same configuration and data: the same run.
    assert mmi.train(config(), runs=store).info.started == trained.info.started
    assert trained.report().read_text().startswith("<!")


def test_a_trained_model_is_pickled_without_its_run(trained: mmi.Run) -> None:
    twin = pickle.loads(pickle.dumps(trained.model))
    assert equal(state(twin), state(trained.model))
    x = torch.rand(1, 5, 36, 132)
    assert torch.equal(twin(x), trained.model(x))


def test_bundle(trained: mmi.Run, tmp_path: Path) -> None:
    bundle = mmi.load(trained.export(tmp_path / "bundle"))
    assert equal(state(bundle.model), state(trained.model))


def test_generate_writes_files_that_a_notebook_plays(
    trained: mmi.Run, clip: Path, tmp_path: Path
) -> None:
    files = trained.generate(clip, tmp_path / "deep" / "played", crop=(0, 0, 264, 70), program=19)
    endings = {artifact.path.suffix for artifact in files}
    assert {".mid", ".wav"} <= endings
    assert all(artifact.path.exists() and artifact.caption for artifact in files)
    assert files.find(".mid").path.read_bytes().startswith(b"MThd")
    page = files._repr_html_()
    assert '<audio controls src="data:audio/wav;base64,' in page
    assert page.count("<figure>") == len(files)
    with pytest.raises(mmi.ConfigError, match="--crop"):
        trained.generate(clip, tmp_path / "x", crop=(1, 2))
    with pytest.raises(mmi.DataError, match="clip.mp4: no complete piano keyboard"):
        trained.generate(clip, tmp_path / "x")
    with pytest.raises(mmi.DataError, match="nothing.mp4"):
        trained.generate(tmp_path / "nothing.mp4", tmp_path / "x")


def test_generate_from_a_damaged_clip(trained: mmi.Run, clip: Path, tmp_path: Path) -> None:
    data = bytearray(clip.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 2000] = bytes(2000)
    damaged = tmp_path / "damaged.mp4"
    damaged.write_bytes(data)
    with pytest.raises(mmi.DataError, match="damaged.mp4.* on_error skip or pad"):
        trained.generate(damaged, tmp_path / "x", crop="none")
    files = trained.generate(damaged, tmp_path / "padded", crop="none", on_error="pad")
    assert files.find(".mid").path.exists()
    with pytest.raises(mmi.ConfigError, match="--on-error must be raise or pad"):
        trained.generate(damaged, tmp_path / "x", on_error="hope")


@pytest.fixture
def foreground() -> Iterator[None]:
    """Python's own handler: what a shell starts in the background ignores SIGINT."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@contextmanager
def press_ctrl_c(store: Path) -> Iterator[None]:
    """Once, when a training in `store` has logged its first step."""

    def press() -> None:
        while not any(log.stat().st_size for log in store.glob("audeo/*/metrics.jsonl")):
            time.sleep(0.002)
        # Only the main thread runs handlers, wherever the signal was raised.
        signal.raise_signal(signal.SIGINT)

    thread = threading.Thread(target=press)
    thread.start()
    yield
    thread.join()


@pytest.mark.usefixtures("foreground")
def test_ctrl_c_saves_and_the_next_call_continues(config: Make, tmp_path: Path) -> None:
    steps = ("train.max_steps=200", "train.eval_every=0", "train.log_every=1")
    whole = mmi.train(config(), *steps, runs=tmp_path / "a")
    before = signal.getsignal(signal.SIGINT)
    overrides = (*steps, "train.save_every=1000")
    folder = tmp_path / "b"

    with press_ctrl_c(folder), pytest.raises(KeyboardInterrupt, match="stopped after step"):
        mmi.train(config(), *overrides, runs=folder)
    assert signal.getsignal(signal.SIGINT) is before
    (info,) = mmi.runs(folder)
    assert not info.finished and (Path(info.path) / "checkpoints" / "last").exists()
    resumed = mmi.train(config(), *overrides, runs=folder)
    assert resumed.info.id == info.id
    assert equal(state(resumed.model), state(whole.model))


def test_a_handler_of_the_user_is_called_and_its_exception_comes_out(
    config: Make, tmp_path: Path
) -> None:
    class Enough(Exception):
        pass

    def enough(*_: Any) -> None:
        raise Enough

    before = signal.signal(signal.SIGINT, enough)
    try:
        with press_ctrl_c(tmp_path), pytest.raises(Enough):
            mmi.train(config(), "train.max_steps=100000", "train.eval_every=0", runs=tmp_path)
    finally:
        signal.signal(signal.SIGINT, before)
    (info,) = mmi.runs(tmp_path)
    assert (Path(info.path) / "checkpoints" / "last").exists()


def test_two_stages(config: Make, tmp_path: Path) -> None:
    first = tmp_path / "video2roll.yaml"
    first.write_text(mmi._mmi.to_yaml(config()))
    second = {
        "seed": 3,
        "threads": 1,
        "device": "cpu",
        "needs": {"video2roll": {"config": str(first)}},
        "task": {
            "name": "audeo/roll2midi",
            "generator": {"width": 0.015625},
            "discriminator": {"width": 0.0625},
            "window_frames": 50,
            "stride_frames": 25,
            "loader": {"batch_size": 2},
        },
        "train": {"max_steps": 2},
    }
    run = mmi.train(second, runs=tmp_path / "runs")
    assert run.task.phases == ["generator", "discriminator"]
    assert run.parents["video2roll"].info.task == "audeo/video2roll"
    assert {name.split(".")[0] for name in run.model.state_dict()} == {
        "generator",
        "discriminator",
    }
    twin = pickle.loads(pickle.dumps(run.model))
    assert equal(state(twin), state(run.model))
    task = mmi.build(second, parents=run.parents)
    batch = next(task.batches())
    assert task.losses(batch, "generator")["total"].requires_grad
    task.loss(batch, "discriminator").backward()
    assert len(task.parameters("discriminator")) < len(task.parameters("generator"))
    with pytest.raises(mmi.ConfigError, match="needs video2roll"):
        mmi.build(second)


def test_problems_of_a_configuration_name_their_place(config: Make, tmp_path: Path) -> None:
    with pytest.raises(mmi.ConfigError, match='did you mean "max_steps"'):
        mmi.build(config(), "train.max_stepz=1")
    with pytest.raises(ValueError, match="the given dict:.*did you mean"):
        mmi.build(config(hieght=3))
    with pytest.raises(mmi.ConfigError, match="no configuration file"):
        mmi.build("configs/nothing.yaml")
    with pytest.raises(mmi.ConfigError, match="cannot hold a object"):
        mmi.build({"task": object()})
    with pytest.raises(mmi.CheckpointError, match="neither a run directory"):
        mmi.load(tmp_path / "nothing")
    with pytest.raises(OSError):
        mmi.load(tmp_path)


def test_errors_are_pythons_own_too() -> None:
    for ours, theirs in (
        (mmi.ConfigError, ValueError),
        (mmi.DataError, OSError),
        (mmi.ShapeError, ValueError),
        (mmi.CheckpointError, OSError),
        (mmi.NumericError, RuntimeError),
        (mmi.NotBuiltError, RuntimeError),
        (mmi.InternalError, RuntimeError),
    ):
        assert issubclass(ours, theirs) and issubclass(ours, mmi.Error)


def test_a_loss_that_is_not_finite_is_a_numeric_error(config: Make, tmp_path: Path) -> None:
    settings = config(optimizer={"lr": 1e30})
    with pytest.raises(mmi.NumericError, match="loss is"):
        mmi.train(settings, "train.max_steps=50", "train.eval_every=0", runs=tmp_path)


def test_tensorboard_shows_what_the_log_holds(config: Make, tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run = mmi.train(config(), "train.tensorboard=true", runs=tmp_path)
    events = EventAccumulator(str(run.path))
    events.Reload()
    expected: dict[str, list[tuple[int, float]]] = {}
    for line in run.metrics:
        for name, value in line.items():
            if name not in ("step", "split"):
                tag = f"{line['split']}/{name}"
                expected.setdefault(tag, []).append((line["step"], value))
    assert set(events.Tags()["scalars"]) == set(expected)
    for tag, points in expected.items():
        shown = [(event.step, event.value) for event in events.Scalars(tag)]
        assert [step for step, _ in shown] == [step for step, _ in points]
        assert [v for _, v in shown] == pytest.approx([v for _, v in points], rel=1e-6)
