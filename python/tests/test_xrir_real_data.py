"""What was published with xRIR is converted and read: weights, the list of held-out receivers."""

import json
import pickle
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import mmi
import numpy as np
import pytest
import torch
from mmi.convert import convert

ROOT = Path(__file__).resolve().parents[2]
ORACLE = ROOT / "tests/data/xrir/oracle.json"
# Shapes of the two layers that no output depends on, as they are in the published files.
UNUSED = {
    "source_proj.proj.weight": (256, 42),
    "source_proj.proj.bias": (256,),
    "audio_enc.cnn.fc_backup.weight": (1000, 512),
    "audio_enc.cnn.fc_backup.bias": (1000,),
}
SMALL = {
    "vit": {
        "height": 64,
        "width": 128,
        "patch_height": 4,
        "patch_width": 8,
        "dim": 64,
        "depth": 2,
        "heads": 2,
        "mlp_dim": 96,
    }
}


def published(network: str) -> dict[str, torch.Tensor]:
    """A state under the official keys, in their order; as in the file of the seen split."""
    networks = json.loads(ORACLE.read_text())["networks"]
    keys = next(one["keys"] for one in networks if one["name"] == network)
    generator = torch.Generator().manual_seed(1)
    state: dict[str, torch.Tensor] = {}
    for name, shape, kind in keys:
        sign = 2 * torch.rand(shape, generator=generator) - 1
        if kind == "zero":
            state[f"module.{name}"] = torch.tensor(7)  # num_batches_tracked
        elif kind == "constant":
            most = 7 if name.startswith("dist") else 10
            state[f"module.{name}"] = 2 ** torch.linspace(0, most, 10)
        elif kind == "gain":
            state[f"module.{name}"] = 1 + 0.5 * sign
        else:
            fan_in = sign[0].numel() if kind == "matrix" else 300
            state[f"module.{name}"] = sign * (3 / fan_in) ** 0.5
    for name, shape in UNUSED.items():
        state[f"module.{name}"] = torch.rand(shape, generator=generator)
    return state


@pytest.mark.parametrize(("network", "depth"), [("xrir_small", 2), ("xrir_depth12", 12)])
def test_weights_are_converted(
    network: str, depth: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state = published(network)
    torch.save(state, tmp_path / "xRIR_seen.pth")
    found = dict(mmi.load_tensors(convert(tmp_path / "xRIR_seen.pth")))
    said = capsys.readouterr().err
    assert f"task.model.vit.depth={depth};" in said
    assert all(name in said for name in UNUSED)
    assert found.keys() == {key.removeprefix("module.") for key in state} - UNUSED.keys()
    for name, tensor in found.items():
        assert torch.equal(tensor, state[f"module.{name}"]), name


def test_weights_that_lack_a_layer_are_refused(tmp_path: Path) -> None:
    state = published("xrir_small")
    layer = "module.source_network.transformer.layers.0."
    torch.save({k: t for k, t in state.items() if not k.startswith(layer)}, tmp_path / "x.pth")
    with pytest.raises(mmi.DataError, match=r"lacks layers of its transformer: it has \[1\]"):
        convert(tmp_path / "x.pth")


def run_mmi(*args: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "mmi", *args], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_published_weights_and_split_are_scored(tmp_path: Path) -> None:
    """The commands of the README, on made-up rooms and a small network."""
    root = tmp_path / "AcousticRooms"
    size = ["rooms=3", "sources=3", "receivers=3", "rays=100"]
    run_mmi("rooms", "make", "--out", str(root), *size)
    # Cafe_idx_1 is an unseen test room; of the other two the first trains, the last validates.
    held = [
        f"Apartments/Apartments_idx_1/S{source:03d}_R{receiver:03d}_hybrid_IR.wav"
        for receiver in (1, 2)
        for source in (1, 2, 3)
    ]
    (root / "seen_test_split.json").unlink()
    (root / "seen_test_split.pkl").write_bytes(pickle.dumps(held))
    torch.save(published("xrir_small"), tmp_path / "xRIR_unseen.pth")
    weights = run_mmi("convert", str(tmp_path / "xRIR_unseen.pth")).strip()
    config: dict[str, Any] = {
        "threads": 1,
        "device": "cpu",
        "task": {
            "name": "xrir/xrir",
            "model": SMALL,
            "rooms": {"name": "acoustic_rooms", "root": str(root), "valid_rooms": 1},
            "references": 2,
            "draws": 1,
        },
        "init": {"file": weights},
        "train": {"max_steps": 0},
    }
    with pytest.raises(mmi.DataError, match=r"`mmi convert .*seen_test_split\.pkl` makes"):
        mmi.train(config, runs=tmp_path / "runs")
    run_mmi("convert", str(root / "seen_test_split.pkl"))
    assert json.loads((root / "seen_test_split.json").read_text()) == held
    run = mmi.train(config, runs=tmp_path / "runs")
    scores = run.evaluate()
    for name in ("edt_s", "c50_db", "t60_percent"):
        assert scores[name] >= 0 and scores[f"seen_{name}"] >= 0
    trained = run.model.state_dict()
    for name, tensor in mmi.load_tensors(Path(weights)):
        assert torch.equal(trained[name], tensor), name


def write_haa(root: Path) -> None:
    """The four rooms in the layout of Hearing Anything Anywhere; RIRs are pulses with noise."""
    rng = np.random.default_rng(1)
    time = np.arange(4000) / 48000
    sizes = {"classroom": 630, "dampened": 276, "hallway": 576, "complex": 408}
    for room, count in sizes.items():
        decay = 10 ** (-30 * time / rng.uniform(0.1, 0.2, (count, 1)) / 20)
        rirs = 0.1 * decay * rng.standard_normal((count, len(time)))
        rirs[:, 100] = 1
        folder = root / f"{room}Base"
        folder.mkdir(parents=True)
        np.save(folder / "RIRs.npy", rirs.astype(np.float32))
        np.save(folder / "xyzs.npy", rng.uniform(0.3, 1.2, (count, 3)))


def test_published_weights_are_scored_and_tuned_in_measured_rooms(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The commands of the README, on made-up rooms and a small network."""
    monkeypatch.chdir(tmp_path)
    write_haa(tmp_path / "HAA")
    torch.save(published("xrir_small"), "xRIR_unseen.pth")
    run_mmi("convert", "xRIR_unseen.pth")
    vit = [f"task.model.vit.{name}={value}" for name, value in SMALL["vit"].items()]
    haa = ["task.rooms.name=haa", "task.rooms.root=HAA", "task.references=1", *vit]
    here = ["preset=paper", "threads=1", *haa, "task.rooms.room=dampened", "task.draws=1"]
    weights = ["init.file=xRIR_unseen.safetensors", "train.max_steps=0"]
    configs = str(ROOT / "configs/xrir")
    plain = run_mmi("train", f"{configs}/xrir.yaml", *here, *weights).strip()
    once = ["train.max_steps=1", "train.eval_every=1"]
    deep = f"'needs.pretrained.overrides=[{', '.join([*haa, *weights])}]'"
    three = f"needs.pretrained.overrides=[{', '.join([*haa, *once, deep])}]"
    tuned = run_mmi("train", f"{configs}/finetune.yaml", *here, *once, three).strip()
    before, after = mmi.load(plain), mmi.load(tuned)
    for run in (before, after):
        assert run.evaluate("test")["edt_s"] > 0
    for name, tensor in mmi.load_tensors(Path("xRIR_unseen.safetensors")):
        assert torch.equal(before.model.state_dict()[name], tensor), name
    moved = [
        name
        for name, tensor in before.model.named_parameters()
        if not torch.equal(tensor, after.model.state_dict()[name])
    ]
    assert len(moved) > 50


def test_rows_of_table_8_2_read_the_folder(tmp_path: Path) -> None:
    rows = (ROOT / "configs/xrir/tables/8.2.yaml").read_text().split("  - name:")[1:]
    assert all("task.rooms.name=haa" in row and "task.rooms.root={data}" in row for row in rows)
    write_haa(tmp_path / "HAA")
    names = "hallway: Random Across,dampened: Nearest Neighbour K=8,complex: Linear Interpolation"
    run_mmi(
        "table",
        "8.2",
        *("--data", str(tmp_path / "HAA"), "--preset", "smoke", "--seeds", "1"),
        "threads=1",
        *("--rows", names + " K=8", "--runs", str(tmp_path / "runs"), "--out", str(tmp_path)),
    )
    written = (tmp_path / "8.2.md").read_text()
    for name in names.split(","):
        assert re.search(rf"\| {name}.* \| run \| \**\d", written), written
