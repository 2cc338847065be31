"""mmi codec encode | decode: files to tokens and back."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from mmi import codecs
from mmi.__main__ import main

Capture = pytest.CaptureFixture[str]
SMALL: dict[str, dict[str, Any]] = {
    "encodec": {"filters": 4, "dim": 8, "codebooks": 4, "codebook_size": 32},
    "chunked": {
        "filters": 4,
        "dim": 8,
        "codebooks": 4,
        "codebook_size": 32,
        "channels": 2,
        "sample_rate_hz": 8000,
        "chunk_s": 1.0,
        "chunk_overlap": 0.01,
        "normalize": True,
        "causal": False,
        "norm": "time_group_norm",
    },
    "dac": {
        "filters": 4,
        "decoder_filters": 32,
        "codebooks": 3,
        "codebook_size": 32,
        "codebook_dim": 4,
        "sample_rate_hz": 16000,
    },
}


@pytest.fixture(params=SMALL)
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    torch.manual_seed(0)
    name = "encodec" if request.param == "chunked" else request.param
    codec = codecs.create(name, **SMALL[request.param])
    codecs.save(codec, tmp_path / "codec")
    return tmp_path / "codec"


def results(args: list[str], capfd: Capture) -> dict[str, Any]:
    assert main([*args, "--json", "--quiet"]) == 0, capfd.readouterr().err
    made: dict[str, Any] = json.loads(capfd.readouterr().out)
    return made


def sound(path: Path, seconds: float, rate: int, channels: int = 1) -> np.ndarray:
    noise = np.random.default_rng(1).uniform(-0.5, 0.5, (int(seconds * rate), channels))
    soundfile.write(path, noise, rate, subtype="FLOAT")
    return noise.astype(np.float32)


def test_help_pages(capfd: Capture) -> None:
    for tool in ["encode", "decode"]:
        assert main(["codec", tool, "--help"]) == 0
        page = capfd.readouterr().out
        assert f"\nExamples\n  mmi codec {tool}" in page
        assert max(map(len, page.splitlines())) <= 92, page


@torch.no_grad()
def test_files_are_what_the_codec_gives(folder: Path, tmp_path: Path, capfd: Capture) -> None:
    codec = codecs.load(folder)
    form = codec.format
    wave = sound(tmp_path / "a.wav", 25.13, form.sample_rate_hz, form.channels)  # 3 pieces
    weights = f"weights={folder}"
    made = results(
        ["codec", "encode", str(tmp_path / "a.wav"), "--out", str(tmp_path / "a.npz"), weights],
        capfd,
    )
    whole = codec.encode(torch.from_numpy(wave.T.copy())[None])
    stored = np.load(tmp_path / "a.npz")
    assert stored["codes"].dtype == np.int16
    assert (stored["codes"] == whole.codes[0].T.numpy()).mean() > 0.9995
    assert stored["length"] == len(wave) and stored["sample_rate_hz"] == form.sample_rate_hz
    assert made["values"]["codebooks"] == form.codebooks
    assert made["values"]["frames"] == whole.codes.shape[2]

    again = tmp_path / "again.wav"
    results(["codec", "decode", str(tmp_path / "a.npz"), "--out", str(again), weights], capfd)
    heard, rate = soundfile.read(again, always_2d=True, dtype="float32")
    assert rate == form.sample_rate_hz and heard.shape == wave.shape
    whole.codes.copy_(torch.from_numpy(stored["codes"].T.astype(np.int64)))
    expected = codec.decode(whole)[0].T.clamp(-1, 1).numpy()
    assert np.abs(heard - expected).max() < 1e-4


# What starts `mmi` must be small itself: a process counts the memory of the one it was made of.
PEAK = """
import os, sys
started = os.spawnv(os.P_NOWAIT, sys.executable, [sys.executable, "-m", "mmi", *sys.argv[1:]])
_, status, usage = os.wait4(started, 0)
print(usage.ru_maxrss)
sys.exit(os.waitstatus_to_exitcode(status))
"""


def test_long_files_take_bounded_memory(tmp_path: Path) -> None:
    """Ten minutes in pieces, below 1 GiB: as a whole they take 2."""
    codec = codecs.create("encodec", **SMALL["encodec"])
    codecs.save(codec, tmp_path / "codec")
    sound(tmp_path / "a.wav", 600, codec.format.sample_rate_hz)
    for call in (["encode", "a.wav", "--out", "a.npz"], ["decode", "a.npz", "--out", "b.wav"]):
        command = [sys.executable, "-c", PEAK, "codec", *call, "weights=codec", "--quiet"]
        run = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True)
        assert int(run.stdout.split()[-1]) < 1 << 20, call  # KiB
    assert soundfile.info(tmp_path / "b.wav").frames == 600 * codec.format.sample_rate_hz


def test_many_sounds_of_any_rate_go_into_a_folder(
    folder: Path, tmp_path: Path, capfd: Capture
) -> None:
    sound(tmp_path / "one.wav", 0.7, 22050, 1)
    sound(tmp_path / "two.wav", 0.4, 48000, 2)
    form = codecs.load(folder).format
    inputs = [str(tmp_path / "one.wav"), str(tmp_path / "two.wav")]
    tokens, sounds = tmp_path / "tokens", tmp_path / "sounds"
    settings = [f"weights={folder}", "codebooks=2"]
    made = results(["codec", "encode", *inputs, "--out", str(tokens), *settings], capfd)
    assert [Path(file["path"]).name for file in made["files"]] == ["one.npz", "two.npz"]
    for name, seconds in [("one", 0.7), ("two", 0.4)]:
        stored = np.load(tokens / f"{name}.npz")
        assert stored["codes"].shape[1] == 2
        assert abs(int(stored["length"]) - seconds * form.sample_rate_hz) <= 1
    files = [str(tokens / "one.npz"), str(tokens / "two.npz")]
    results(["codec", "decode", *files, "--out", str(sounds), settings[0]], capfd)
    assert soundfile.info(sounds / "two.wav").channels == form.channels
    assert soundfile.info(sounds / "two.wav").frames == np.load(files[1])["length"]


def test_codes_alone_in_either_order(tmp_path: Path, capfd: Capture) -> None:
    torch.manual_seed(0)
    codec = codecs.create("dac", **SMALL["dac"])
    codecs.save(codec, tmp_path / "codec")
    sound(tmp_path / "a.wav", 0.5, 16000)
    weights = f"weights={tmp_path / 'codec'}"
    out = tmp_path / "a.npy"
    results(["codec", "encode", str(tmp_path / "a.wav"), "--out", str(out), weights], capfd)
    codes = np.load(out)
    np.save(tmp_path / "turned.npy", codes.T)
    for name in ["a", "turned"]:
        wav = str(tmp_path / f"{name}_again.wav")
        results(["codec", "decode", str(tmp_path / f"{name}.npy"), "--out", wav, weights], capfd)
    one, _ = soundfile.read(tmp_path / "a_again.wav")
    two, _ = soundfile.read(tmp_path / "turned_again.wav")
    assert len(one) == len(codes) * codec.format.hop and (one == two).all()


@pytest.mark.parametrize(
    ("args", "code", "text"),
    [
        (["encode", "{a}", "--out", "{t}/x.npz"], 2, "weights=FOLDER"),
        (["encode", "{a}", "weights={w}"], 2, "--out"),
        (["encode", "{a}", "--out", "{t}/x.npz", "weights={t}/no"], 4, "no"),
        (["encode", "{t}/no.wav", "--out", "{t}/x.npz", "weights={w}"], 3, "no.wav"),
        (["encode", "{a}", "{a}", "--out", "{t}/x.npz", "weights={w}"], 2, "name a folder"),
        (["encode", "{a}", "{a}", "--out", "{t}/new", "weights={w}"], 2, "two inputs"),
        (["encode", "{a}", "--out", "{t}/x.npz", "weights={w}", "codebooks=9"], 2, "has 3"),
        (
            ["encode", "{a}", "--out", "{t}/x.npz", "weights={w}", "codebooks=1", "kbps=1"],
            2,
            "not both",
        ),
        (["decode", "{t}/high.npy", "--out", "{t}/x.wav", "weights={w}"], 3, "in [0, 32)"),
        (["decode", "{t}/shape.npy", "--out", "{t}/x.wav", "weights={w}"], 3, "(T, 1 to 3)"),
        (["decode", "{t}/long.npz", "--out", "{t}/x.wav", "weights={w}"], 3, '"length"'),
        (["decode", "{t}/chunks.npz", "--out", "{t}/x.wav", "weights={w}"], 3, '"chunks"'),
        (["decode", "{t}/rate.npz", "--out", "{t}/x.wav", "weights={w}"], 3, "44100 Hz"),
        (["decode", "{t}/none.npz", "--out", "{t}/x.wav", "weights={w}"], 3, '"codes"'),
        (["decode", "{a}", "--out", "{t}/x.wav", "weights={w}"], 3, "a.wav"),
    ],
)
def test_mistakes_are_one_sentence(
    args: list[str], code: int, text: str, tmp_path: Path, capfd: Capture
) -> None:
    codecs.save(codecs.create("dac", **SMALL["dac"]), tmp_path / "codec")
    sound(tmp_path / "a.wav", 0.1, 16000)
    good = np.zeros((10, 3), np.int16)
    np.save(tmp_path / "high.npy", good + 32)
    np.save(tmp_path / "shape.npy", np.zeros((4, 5), np.int16))
    np.savez(tmp_path / "long.npz", codes=good, length=10**12)
    np.savez(tmp_path / "chunks.npz", codes=good, chunks=np.array([4, 5]))
    np.savez(tmp_path / "rate.npz", codes=good, sample_rate_hz=44100)
    np.savez(tmp_path / "none.npz", tokens=good)
    before = sorted(tmp_path.iterdir())
    filled = [arg.format(a=tmp_path / "a.wav", t=tmp_path, w=tmp_path / "codec") for arg in args]
    assert main(["codec", *filled]) == code
    said = capfd.readouterr().err
    assert text in said and said.startswith("mmi: ") and "Traceback" not in said
    assert [path for path in sorted(tmp_path.iterdir()) if path.name != "new"] == before


def test_chunks_need_an_npz(tmp_path: Path, capfd: Capture) -> None:
    codecs.save(codecs.create("encodec", **SMALL["chunked"]), tmp_path / "codec")
    sound(tmp_path / "a.wav", 1.5, 8000, 2)
    call = ["codec", "encode", str(tmp_path / "a.wav"), "--out", str(tmp_path / "a.npy")]
    assert main([*call, f"weights={tmp_path / 'codec'}"]) == 2
    assert "write a .npz" in capfd.readouterr().err
