"""mmi convert: checkpoints and pickles become files that hold no code."""

import json
import os
import pickle
from pathlib import Path
from typing import Any

import mmi
import numpy as np
import pytest
import torch
from mmi.convert import convert, read_pickle


class Evil:
    def __reduce__(self) -> Any:
        return os.system, ("touch pwned",)


def weights() -> dict[str, torch.Tensor]:
    return {
        "fc.weight": torch.arange(6.0).reshape(2, 3),
        "fc.count": torch.tensor(7),
        "half": torch.ones(2, dtype=torch.bfloat16),
        "turned": torch.arange(6.0).reshape(2, 3).t(),
    }


def check(path: Path, expected: dict[str, torch.Tensor]) -> None:
    found = dict(mmi.load_tensors(path))
    assert found.keys() == expected.keys()
    for name, tensor in expected.items():
        assert found[name].dtype == tensor.dtype and torch.equal(found[name], tensor)


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize(
    "wrap",
    [
        lambda w: w,
        lambda w: {"state_dict": w, "epoch": 3},
        lambda w: {"model": {f"module.{name}": t for name, t in w.items()}},
    ],
    ids=["plain", "state_dict", "data_parallel"],
)
def test_checkpoints(tmp_path: Path, wrap: Any, zipped: bool) -> None:
    source = tmp_path / "Video2RollNet.pth"
    torch.save(wrap(weights()), source, _use_new_zipfile_serialization=zipped)
    written = convert(source)
    assert written == tmp_path / "Video2RollNet.safetensors"
    check(written, weights())


def shards(folder: Path) -> dict[str, torch.Tensor]:
    """A folder as transformers wrote it before safetensors."""
    state = {name: torch.randn(3, 4) for name in ("a.weight", "b.weight", "c.weight")}
    folder.mkdir()
    places = {"a.weight": 1, "b.weight": 2, "c.weight": 2}
    for number in (1, 2):
        part = {name: state[name] for name, at in places.items() if at == number}
        torch.save(part, folder / f"pytorch_model-0000{number}-of-00002.bin")
    weight_map = {name: f"pytorch_model-0000{at}-of-00002.bin" for name, at in places.items()}
    index = {"metadata": {"total_size": 144}, "weight_map": weight_map}
    (folder / "pytorch_model.bin.index.json").write_text(json.dumps(index))
    (folder / "config.json").write_text('{"model_type": "llama"}')
    return state


def test_folders_of_transformers_keep_all_but_their_pickles(tmp_path: Path) -> None:
    state = shards(tmp_path / "old")
    written = convert(tmp_path / "old", tmp_path / "new")
    assert sorted(path.name for path in written.iterdir()) == [
        "config.json",
        "model-00001-of-00002.safetensors",
        "model-00002-of-00002.safetensors",
        "model.safetensors.index.json",
    ]
    index = json.loads((written / "model.safetensors.index.json").read_text())
    assert index["metadata"] == {"total_size": 144}
    for name, tensor in state.items():
        found = dict(mmi.load_tensors(written / index["weight_map"][name]))
        assert torch.equal(found[name], tensor)


def test_folders_are_told_apart_by_place_not_by_spelling(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shards(tmp_path / "old")
    (tmp_path / "link").symlink_to("old")
    (tmp_path / "new").mkdir()
    monkeypatch.chdir(tmp_path)
    for out in (tmp_path / "old", tmp_path / "link", Path("new/../old")):
        assert convert("old", out) == out
        assert (tmp_path / "old/model.safetensors.index.json").is_file()


def test_what_cannot_be_copied_is_named(tmp_path: Path) -> None:
    shards(tmp_path / "old")
    (tmp_path / "new" / "config.json").mkdir(parents=True)
    with pytest.raises(
        mmi.DataError, match=r"old/config\.json cannot be copied to .*new: Is a dir"
    ):
        convert(tmp_path / "old", tmp_path / "new")


def test_folders_that_lack_something(tmp_path: Path) -> None:
    shards(tmp_path / "old")
    (tmp_path / "old" / "pytorch_model-00002-of-00002.bin").unlink()
    with pytest.raises(mmi.DataError, match="lacks pytorch_model-00002-of-00002.bin, which"):
        convert(tmp_path / "old", tmp_path / "new")
    (tmp_path / "old" / "pytorch_model.bin.index.json").write_text("[]")
    with pytest.raises(mmi.DataError, match="lists no weight_map"):
        convert(tmp_path / "old", tmp_path / "new")
    (tmp_path / "old" / "pytorch_model.bin.index.json").unlink()
    with pytest.raises(mmi.DataError, match=r"neither pytorch_model.bin nor"):
        convert(tmp_path / "old", tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_a_published_network_arrives_in_ours(tmp_path: Path) -> None:
    model = mmi.models.audeo.Video2Roll(size=(36, 132), width=0.05)
    torch.save(model.state_dict(), tmp_path / "net.pth")
    twin = mmi.models.audeo.Video2Roll(size=(36, 132), width=0.05)
    twin.load_state_dict(dict(mmi.load_tensors(convert(tmp_path / "net.pth"))))
    assert torch.equal(model.conv1.weight, twin.conv1.weight)


def test_audeos_two_networks_share_one_file(tmp_path: Path) -> None:
    generator = mmi.models.audeo.Roll2MidiGenerator(width=0.02)
    discriminator = mmi.models.audeo.Roll2MidiDiscriminator(width=0.02)
    checkpoint = {
        "epoch": 40,
        "state_dict_G": generator.state_dict(),
        "state_dict_D": discriminator.state_dict(),
        "optimizer_G": torch.optim.Adam(generator.parameters()).state_dict(),
    }
    torch.save(checkpoint, tmp_path / "checkpoint-40.tar")
    written = convert(tmp_path / "checkpoint-40.tar", tmp_path / "deep" / "r.safetensors")
    found = dict(mmi.load_tensors(written))
    assert len(found) == len(generator.state_dict()) + len(discriminator.state_dict())
    for prefix, network in (("generator", generator), ("discriminator", discriminator)):
        for name, tensor in network.state_dict().items():
            assert torch.equal(found[f"{prefix}.{name}"], tensor)


def test_checkpoints_with_code_or_without_weights_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"w": torch.ones(1), "x": Evil()}, "evil.pth")
    torch.save({"epoch": 3, "lr": 0.1}, "empty.pth")
    torch.save([torch.ones(1)], "list.pth")
    Path("text.pth").write_text("no weights")
    torch.save(weights(), "short.pth")
    Path("short.pth").write_bytes(Path("short.pth").read_bytes()[:200])
    for name, text in (
        ("evil.pth", "no checkpoint of tensors"),
        ("empty.pth", "epoch, lr are no tensors"),
        ("list.pth", "holds a list"),
        ("text.pth", "no checkpoint of tensors"),
        ("short.pth", "no checkpoint of tensors"),
        ("missing.pth", "no such file"),
    ):
        with pytest.raises(mmi.DataError, match=text):
            convert(name)
    assert not Path("pwned").exists() and not list(tmp_path.glob("*.safetensors"))
    Path("notes.txt").write_text("x")
    with pytest.raises(mmi.ConfigError, match=r"ending \.txt"):
        convert("notes.txt")


@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
def test_labels_and_back(tmp_path: Path, protocol: int) -> None:
    rng = np.random.default_rng(0)
    labels = {n: rng.integers(0, 2, 88).astype(np.float64) for n in (12, 3, 4)}
    source = tmp_path / "Bach Prelude and Fugue No.1 B2.pkl"
    source.write_bytes(pickle.dumps(labels, protocol))
    written = convert(source)
    assert written.name == "Bach Prelude and Fugue No.1 B2.npz"
    with np.load(written) as arrays:
        assert sorted(arrays.files) == ["frame", "label"]
        assert arrays["frame"].tolist() == [3, 4, 12] and arrays["frame"].dtype == np.int64
        assert arrays["label"].shape == (3, 88) and arrays["label"].dtype == np.float32
        assert (arrays["label"][2] == labels[12]).all()
    back = pickle.loads(convert(written, tmp_path / "back.pkl").read_bytes())
    assert back.keys() == labels.keys()
    assert all((back[n] == labels[n]).all() for n in labels)


def test_other_pickles(tmp_path: Path) -> None:
    def written(value: Any) -> Path:
        (tmp_path / "x.pkl").write_bytes(pickle.dumps(value))
        return convert(tmp_path / "x.pkl")

    with np.load(written({"a": np.arange(3), "b": 2.5})) as arrays:
        assert arrays["a"].tolist() == [0, 1, 2] and arrays["b"] == 2.5
    with np.load(written(np.eye(2))) as arrays:
        assert arrays["array"].tolist() == [[1, 0], [0, 1]]
    assert written({"crop": [1, 2], "name": "é"}).read_text() == '{"crop": [1, 2], "name": "é"}'
    with pytest.raises(mmi.DataError, match="neither"):
        written({1, 2})


def test_pickles_that_run_code_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for number, attack in enumerate(
        (
            pickle.dumps(Evil()),
            pickle.dumps({1: np.array([Evil()], dtype=object)}),
            b"cbuiltins\neval\n(S'1'\ntR.",
            b"c_codecs\nencode\n(Vx\nVrot13\ntR.",
            pickle.dumps(np.ones(3))[:-20],
            b"",
        )
    ):
        Path(f"{number}.pkl").write_bytes(attack)
        with pytest.raises(mmi.DataError, match="no pickle of arrays"):
            read_pickle(Path(f"{number}.pkl"))
    assert not Path("pwned").exists()
