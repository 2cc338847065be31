"""Notes, rolls and sound."""

from pathlib import Path

import mmi
import pytest
import torch
from mmi import music


def test_notes_and_rolls_turn_into_each_other() -> None:
    roll = torch.zeros(50, 88)
    roll[5:20, 39] = 1
    roll[10:12, 43] = 1
    notes = music.roll_to_notes(roll)
    assert notes == [
        music.Note(onset_s=0.2, offset_s=0.8, pitch=60),
        music.Note(onset_s=0.4, offset_s=0.48, pitch=64),
    ]
    assert torch.equal(music.notes_to_roll(notes, frames=50), roll.to(torch.uint8))
    assert repr(notes[0]) == "Note(C4, 0.200..0.800 s, velocity 100)"


def test_midi_files(tmp_path: Path) -> None:
    notes = [music.Note(0.04, 0.4, 60, 80), music.Note(0.4, 1.0, 67)]
    music.write_notes(tmp_path / "x.mid", notes)
    read = music.read_notes(tmp_path / "x.mid")
    assert [(n.pitch, n.velocity) for n in read] == [(60, 80), (67, 100)]
    assert read[0].onset_s == pytest.approx(0.04, abs=1e-3)
    (tmp_path / "text.mid").write_text("no music")
    with pytest.raises(mmi.DataError, match="text.mid"):
        music.read_notes(tmp_path / "text.mid")


def test_render_sounds_where_the_notes_are() -> None:
    sound = music.render([music.Note(0.5, 1.0, 69)], sample_rate_hz=8000)
    assert sound.dtype == torch.float32 and 0.3 < sound.abs().max() <= 1
    assert sound[:3900].abs().max() < 0.01 < sound[4100:8000].abs().max()
    with pytest.raises(mmi.ConfigError):
        music.render([], instrument="kazooo")
