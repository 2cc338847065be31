"""The transcriber: parity with the published network and front end, from sound to notes."""

import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import librosa
import mmi
import numpy as np
import pytest
import soundfile
import torch
from mmi import music
from mmi.convert import convert
from mmi.models import audeo
from torch import Tensor, nn

MELS, KEYS = 229, 88


class ReferenceConv(nn.Module):
    """The acoustic model as github.com/jongwook/onsets-and-frames describes it."""

    def __init__(self, features: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = [1, features // 16, features // 16, features // 8]
        for index in range(3):
            layers += [
                nn.Conv2d(channels[index], channels[index + 1], 3, padding=1),
                nn.BatchNorm2d(channels[index + 1]),
                nn.ReLU(),
            ]
            if index > 0:
                layers += [nn.MaxPool2d((1, 2)), nn.Dropout(0.25)]
        self.cnn = nn.Sequential(*layers)
        self.fc = nn.Sequential(nn.Linear(channels[3] * (MELS // 4), features), nn.Dropout(0.5))

    def forward(self, mel: Tensor) -> Tensor:
        maps = self.cnn(mel[:, None])
        return self.fc(torch.cat([maps[:, c] for c in range(maps.shape[1])], -1))


class ReferenceLstm(nn.Module):
    def __init__(self, size: int, units: int) -> None:
        super().__init__()
        self.rnn = nn.LSTM(size, units, batch_first=True, bidirectional=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.rnn(x)[0]


class Reference(nn.Module):
    def __init__(self, complexity: int) -> None:
        super().__init__()
        size, units = 16 * complexity, 8 * complexity
        for name, before, last in (
            ("onset", [ReferenceConv(size), ReferenceLstm(size, units)], 2 * units),
            ("offset", [ReferenceConv(size), ReferenceLstm(size, units)], 2 * units),
            ("frame", [ReferenceConv(size)], size),
            ("combined", [ReferenceLstm(3 * KEYS, units)], 2 * units),
            ("velocity", [ReferenceConv(size)], size),
        ):
            squash = [] if name == "velocity" else [nn.Sigmoid()]
            stack = nn.Sequential(*before, nn.Linear(last, KEYS), *squash)
            self.add_module(f"{name}_stack", stack)

    def forward(self, mel: Tensor) -> Tensor:
        stacks = dict(self.named_children())
        onset, offset, active, velocity = (
            stacks[f"{name}_stack"](mel) for name in ("onset", "offset", "frame", "velocity")
        )
        seen = torch.cat([onset.detach(), offset.detach(), active], -1)
        frame = stacks["combined_stack"](seen)
        return torch.stack([onset, offset, active, frame, velocity], 1)


def random_reference(complexity: int) -> Reference:
    """Eval-mode statistics that are not the identity."""
    torch.manual_seed(1)
    reference = Reference(complexity)
    for module in reference.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.uniform_(module.bias, -0.5, 0.5)
            assert module.running_mean is not None and module.running_var is not None
            nn.init.uniform_(module.running_mean, -0.5, 0.5)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
    return reference


def test_the_network_equals_the_published_one() -> None:
    reference = random_reference(3)
    ours = audeo.OnsetsAndFrames(complexity=3)
    assert list(ours.state_dict()) == list(reference.state_dict())
    ours.load_state_dict(reference.state_dict())
    mel = torch.randn(2, 37, MELS)
    reference.eval(), ours.eval()
    with torch.no_grad():
        torch.testing.assert_close(ours(mel), reference(mel), atol=2e-6, rtol=1e-5)
        maps = ours.capture(mel)
    assert list(maps) == ["onset", "offset", "activation", "frame", "velocity"]
    reference.double(), ours.double()
    left, right = ours(mel.double()), reference(mel.double())
    torch.testing.assert_close(left, right, atol=1e-12, rtol=1e-12)
    weight = torch.randn_like(right)
    (left * weight).sum().backward()
    (right * weight).sum().backward()
    for (name, a), b in zip(ours.named_parameters(), reference.parameters(), strict=True):
        assert a.grad is not None and b.grad is not None
        torch.testing.assert_close(a.grad, b.grad, atol=1e-10, rtol=1e-8, msg=name)


def test_batch_statistics_equal_the_published_ones_in_training() -> None:
    reference = random_reference(2)
    ours = audeo.OnsetsAndFrames(complexity=2, dropout=0)
    ours.load_state_dict(reference.state_dict())
    for module in reference.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0
    mel = torch.randn(3, 20, MELS)
    torch.testing.assert_close(ours(mel), reference(mel), atol=2e-6, rtol=1e-5)
    for (name, a), b in zip(ours.named_buffers(), reference.buffers(), strict=True):
        torch.testing.assert_close(a, b, msg=name)


def test_the_front_end_equals_librosa() -> None:
    sound = 0.5 * torch.rand(2, 20000, generator=torch.Generator().manual_seed(2)) - 0.25
    ours = audeo.log_mel(sound)
    assert ours.shape == (2, 40, MELS)
    for row, mel in zip(sound.numpy(), ours.numpy(), strict=True):
        magnitude = np.abs(librosa.stft(row[:-1], n_fft=2048, hop_length=512, pad_mode="reflect"))
        bank = librosa.filters.mel(
            sr=16000, n_fft=2048, n_mels=MELS, fmin=30, fmax=8000, htk=True, norm="slaney"
        )
        np.testing.assert_allclose(mel.T, np.log(np.maximum(bank @ magnitude, 1e-5)), atol=2e-4)


def test_a_published_checkpoint_is_converted_without_its_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The authors save whole modules, whose classes we neither have nor run."""
    package = types.ModuleType("onsets_and_frames")
    for part in (Reference, ReferenceConv, ReferenceLstm):
        monkeypatch.setattr(part, "__module__", "onsets_and_frames")
        setattr(package, part.__name__, part)
    monkeypatch.setitem(sys.modules, "onsets_and_frames", package)
    reference = random_reference(2)
    for zipped in (True, False):
        source = tmp_path / f"model-{zipped}.pt"
        torch.save(reference, source, _use_new_zipfile_serialization=zipped)
    monkeypatch.delitem(sys.modules, "onsets_and_frames")
    for zipped in (True, False):
        ours = audeo.OnsetsAndFrames(complexity=2)
        written = convert(tmp_path / f"model-{zipped}.pt")
        ours.load_state_dict(dict(mmi.load_tensors(written)))
        for (name, a), b in zip(
            ours.state_dict().items(), reference.state_dict().values(), strict=True
        ):
            assert torch.equal(a, b), name


def test_excerpts_are_whole_frames() -> None:
    with pytest.raises(mmi.ConfigError, match="multiple of 512, but is 5000; 4608 is"):
        mmi.build("configs/audeo/transcriber.yaml", "preset=smoke", "task.sequence_samples=5000")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Any:
    runs = tmp_path_factory.mktemp("runs")
    return mmi.train("configs/audeo/transcriber.yaml", "preset=smoke", runs=runs)


def test_smoke_training_scores_and_hears(run: Any, tmp_path: Path) -> None:
    scores = run.evaluate("test")
    assert {"note_f1", "note_offset_f1", "frame_f1"} < scores.keys()
    assert all(0 <= value <= 100 for value in scores.values())
    sound = music.render([music.Note(0.5, 1.0, 69), music.Note(1.0, 1.5, 60)], sample_rate_hz=22050)
    soundfile.write(tmp_path / "two.wav", sound.numpy(), 22050)
    files = run.generate(tmp_path / "two.wav", tmp_path / "heard")
    assert [Path(f.path).suffix for f in files] == [".mid", ".png"]
    music.read_notes(tmp_path / "heard.mid")


def tool(*words: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [Path(sys.executable).with_name("mmi"), "audeo", "transcribe", *map(str, words)],
        cwd=cwd,
        capture_output=True,
        text=True,
    )


def test_the_tool_writes_midi_files_and_labels(run: Any, tmp_path: Path) -> None:
    notes = [music.Note(0.5 * k, 0.5 * k + 0.4, 50 + 3 * k) for k in range(8)]
    for name in ("a", "b"):
        sound = music.render(notes, sample_rate_hz=44100)
        soundfile.write(tmp_path / f"{name}.flac", sound.numpy(), 44100)
    done = tool(
        run.path, "a.flac", "b.flac", "--out", "heard", "onset_threshold=0.0005", "labels_fps=25",
        cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    files = sorted(path.name for path in (tmp_path / "heard").iterdir())
    assert files == ["a.mid", "a.npz", "b.mid", "b.npz"]
    heard = music.read_notes(tmp_path / "heard" / "a.mid")
    assert heard and all(21 <= note.pitch <= 108 and 1 <= note.velocity <= 127 for note in heard)
    labels = np.load(tmp_path / "heard" / "a.npz")
    assert labels["label"].shape == (round(len(sound) / 44100 * 25), 88)
    assert labels["frame"].tolist() == list(range(len(labels["label"])))
    roll = music.notes_to_roll(heard, frames=len(labels["label"])).numpy()
    assert ((labels["label"] > 0) == (roll > 0)).all()


def test_the_tool_refuses_in_one_sentence(run: Any, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "quiet.wav", np.zeros(32000), 16000)
    soundfile.write(tmp_path / "a.wav", 0.1 * np.ones(32000), 16000)
    (tmp_path / "text.wav").write_text("no sound at all, but a long text that is no RIFF header")
    (tmp_path / "a.mid").write_text("the truth")
    for words, code, text in (
        (("quiet.wav", "--out", "x.mid"), 3, "holds only silence"),
        (("text.wav", "--out", "x.mid"), 3, "text.wav"),
        (("missing.wav", "--out", "x.mid"), 3, "missing.wav"),
        (("a.wav", "quiet.wav", "--out", "x.mid"), 2, "cannot share"),
        (("a.wav", "a.wav", "--out", "x"), 2, "two of the sounds"),
        (("a.wav",), 2, "exists"),
        (("a.wav", "--out", "x.mid", "onset_threshold=2"), 2, "onset_threshold"),
        ((), 2, "at least one sound"),
    ):
        done = tool(run.path, *words, cwd=tmp_path)
        assert done.returncode == code and text in done.stderr, (words, done.stderr)
        assert "Traceback" not in done.stderr
    assert not list(tmp_path.glob("x*")) and (tmp_path / "a.mid").read_text() == "the truth"
