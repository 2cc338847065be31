"""docs/audeo_real_data.md is followed from top to bottom on small made-up recordings."""

import csv
import os
import pickle
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from mmi import music
from mmi.convert import convert

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/audeo_real_data.md").read_text()
BLOCKS = re.findall(r"^```sh\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
NAMES = {"prelude": "training", "fugue": "training", "gigue": "testing"}


def small(line: str) -> str:
    """The page's line at the size of a test."""
    if line.startswith("mmi table"):
        return line + " --preset smoke --seeds 1 --rows ResNet"
    line = re.sub(r"(mmi (?:train|data check) [^)]*)", r"\1 preset=smoke", line)
    if line.startswith("mmi audeo falling-notes"):
        line += " width=320 height=180"
    return line


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three videos of 1280 x 720 whose keyboard lies somewhere, and their MIDI files."""
    home = tmp_path_factory.mktemp("recordings")
    (home / "configs").symlink_to(ROOT / "configs")
    made = home / "made"
    size = ["task.height=100", "task.width=900", "task.recordings.duration_s=12"]
    config = str(ROOT / "configs/audeo/video2roll.yaml")
    command = [sys.executable, "-m", "mmi", "data", "make", config, "--out", str(made)]
    subprocess.run([*command, "preset=smoke", *size], check=True, capture_output=True)
    for folder in ("videos", "midi"):
        (home / folder).mkdir()
    found = sorted((made / "input_images").glob("*/*"))
    for (name, _), stills in zip(NAMES.items(), found, strict=False):
        picture = "scale=1080:120:flags=bicubic,pad=1280:720:90:380:color=0x565656"
        source = ["-framerate", "25", "-start_number", "0", "-i", str(stills / "frame%d.jpg")]
        encode = ["-vf", picture, "-pix_fmt", "yuv420p", str(home / f"videos/{name}.mp4")]
        subprocess.run(["ffmpeg", "-loglevel", "error", *source, *encode], check=True)
        labels = made / "labels" / stills.parent.name / f"{stills.name}.npz"
        with np.load(labels) as file:
            notes = music.roll_to_notes(torch.from_numpy(file["label"]))
        music.write_notes(home / f"midi/{name}.mid", notes)
    return home


def test_the_page_from_top_to_bottom(recordings: Path) -> None:
    # The `mmi` beside this interpreter.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    script = "\n".join(small(line) for block in BLOCKS for line in block.splitlines())
    done = subprocess.run(
        ["bash", "-euxc", script],
        cwd=recordings,
        env={**os.environ, "PATH": path, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    data = recordings / "data"
    for name, split in NAMES.items():
        stills = len(list((data / "input_images" / split / name).glob("frame*.jpg")))
        with np.load(data / "labels" / split / f"{name}.npz") as labels:
            assert labels["frame"].tolist() == list(range(stills))
            assert labels["label"].shape == (stills, 88)
        # What was played is what the files say, over the length that was filmed.
        roll = music.notes_to_roll(music.read_notes(recordings / f"midi/{name}.mid"), frames=stills)
        with np.load(data / "labels" / split / f"{name}.npz") as labels:
            assert np.array_equal(labels["label"], roll.numpy())
    with (recordings / "curve.csv").open() as file:
        curve = list(csv.DictReader(file))
    assert len(curve) == 19 and all(0 <= float(row["f1"]) <= 100 for row in curve)
    for suffix in ("mid", "wav", "png", "mp4"):
        assert (recordings / f"played/gigue.{suffix}").stat().st_size > 0
    assert (recordings / "played/notes.mp4").stat().st_size > 0
    assert (recordings / "docs/results/3.1.md").exists()


def test_labels_as_the_official_code_reads_them(tmp_path: Path) -> None:
    notes = [music.Note(0.0, 0.5, 60, 90), music.Note(0.2, 0.4, 108, 40)]
    music.write_notes(tmp_path / "a.mid", notes)
    command = ["mmi", "audeo", "midi2labels", str(tmp_path / "a.mid"), "--out", str(tmp_path)]
    subprocess.run([sys.executable, "-m", *command, "velocity=true"], check=True)
    twin = tmp_path / "labels/training/a.npz"
    labels = pickle.loads(convert(twin, tmp_path / "a.pkl").read_bytes())
    assert sorted(labels) == list(range(12))
    assert labels[0].shape == (88,)
    assert labels[0][39] == 90 and labels[11][39] == 90
    assert [n for n in labels if labels[n][87]] == [5, 6, 7, 8, 9]
    with np.load(tmp_path / "midi/training/a/0-12.npz") as segment:
        assert segment["midi"].shape == (12, 88) and set(np.unique(segment["midi"])) == {0, 1}


def test_links_lead_to_files() -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", PAGE):
        assert (ROOT / "docs" / target).exists(), target
