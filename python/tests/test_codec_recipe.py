"""Training codecs: the recipe runs, another codec is one line, what comes out is transformers'."""

import json
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import mmi
import numpy as np
import pytest
import soundfile
import torch
from mmi.__main__ import main
from safetensors.torch import load_file
from transformers import DacModel, EncodecModel

RECIPE = "configs/codec/codec_tiny.yaml"
SMOKE = ("preset=smoke", "threads=1", "device=cpu")
DAC = (
    "task.model={name: dac, filters: 8, decoder_filters: 64, ratios: [2, 4, 5, 8], "
    "codebooks: 4, codebook_size: 64, weight_norm: true}"
)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> mmi.Run:
    return mmi.train(RECIPE, *SMOKE, runs=tmp_path_factory.mktemp("runs"))


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    t = np.arange(16000) / 16000
    wave = 0.3 * np.sin(2 * np.pi * 330 * t * (1 + t)) * np.exp(-2 * t)
    soundfile.write(tmp_path / "a.wav", wave.astype(np.float32), 16000)
    return tmp_path / "a.wav"


def test_the_recipe_logs_what_a_collapse_shows_in(trained: mmi.Run) -> None:
    lines = (Path(trained.info.path) / "metrics.jsonl").read_text().splitlines()
    logged = [json.loads(line) for line in lines]
    steps = [line for line in logged if line["split"] == "train"]
    for level in range(1, 5):
        assert all(line[f"perplexity_{level}"] > 0 for line in steps)
        assert all(line[f"dead_codes_{level}"] >= 0 for line in steps)
    assert "adversarial" not in steps[0] and "adversarial" in steps[-1]
    assert steps[-1]["mel"] < steps[0]["mel"]
    scores = [line for line in logged if line["split"] == "valid"][-1]
    assert {"mel_distance", "si_sdr_db", "snr_db", "log_spectral_distance_db", "kbps"} < set(scores)


def test_generate_and_the_report_hold_sound_and_pictures(trained: mmi.Run, sound: Path) -> None:
    out = Path(trained.info.path) / "samples" / "a"
    out.parent.mkdir(exist_ok=True)
    files = trained.generate(sound, out, codebooks="2")
    assert {Path(file.path).name for file in files} == {"a.wav", "a_original.wav", "a.png"}
    page = Path(trained.info.path) / "report.html"
    assert main(["report", str(trained.info.path)]) == 0
    text = page.read_text()
    assert text.count("<audio") == 2 and "<img" in text


def test_what_is_published_is_what_transformers_and_we_read(
    trained: mmi.Run, sound: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "published"
    assert main(["codec", "publish", str(trained.info.path), "--out", str(folder)]) == 0
    ours = mmi.codecs.load(folder)
    theirs = EncodecModel.from_pretrained(folder).eval()
    wave = torch.from_numpy(soundfile.read(sound, dtype="float32")[0])[None, None]
    with torch.no_grad():
        codes = ours.encode(wave).codes
        assert torch.equal(theirs.encode(wave, bandwidth=1.6).audio_codes[0], codes)
        decoded = theirs.decode(codes[None], [None])[0]
        torch.testing.assert_close(ours.decode(codes), decoded, atol=1e-5, rtol=1e-4)
        trained.generate(sound, tmp_path / "made")
    made = torch.from_numpy(soundfile.read(tmp_path / "made.wav", dtype="float32")[0])
    torch.testing.assert_close(ours.decode(codes)[0, 0], made, atol=1e-4, rtol=0)


def test_a_dac_by_one_line(tmp_path: Path) -> None:
    run = mmi.train(RECIPE, *SMOKE, DAC, runs=tmp_path)
    assert main(["codec", "publish", str(run.info.path), "--out", str(tmp_path / "dac")]) == 0
    ours = mmi.codecs.load(tmp_path / "dac")
    theirs = DacModel.from_pretrained(tmp_path / "dac").eval()
    wave = torch.rand(1, 1, 3200) - 0.5
    with torch.no_grad():
        assert torch.equal(theirs.encode(wave).audio_codes, ours.encode(wave).codes)


@pytest.fixture
def foreground() -> Iterator[None]:
    """Python's own handler: what a shell starts in the background ignores SIGINT."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def state(run: mmi.Run) -> dict[str, torch.Tensor]:
    checkpoints = Path(run.info.path) / "checkpoints"
    return load_file(checkpoints / (checkpoints / "last").read_text().strip() / "model.safetensors")


@pytest.mark.usefixtures("foreground")
def test_a_resumed_training_equals_an_uninterrupted_one(tmp_path: Path) -> None:
    """Codebooks, balancer and both optimisers included."""
    steps = (*SMOKE, "train.log_every=1", "train.eval_every=0")

    def press() -> None:
        log = tmp_path / "b"
        while not any(file.stat().st_size for file in log.glob("codec/*/metrics.jsonl")):
            time.sleep(0.002)
        signal.raise_signal(signal.SIGINT)

    whole = mmi.train(RECIPE, *steps, runs=tmp_path / "a")
    thread = threading.Thread(target=press)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        mmi.train(RECIPE, *steps, runs=tmp_path / "b")
    thread.join()
    resumed = mmi.train(RECIPE, *steps, runs=tmp_path / "b")
    states = [state(run) for run in (whole, resumed)]
    assert "codec.quantizer.layers.3.codebook.embed_avg" in states[0]
    assert states[0]["balancer.counts"].max() > 0
    for name, value in states[0].items():
        assert torch.equal(value, states[1][name]), name


def test_the_published_size_is_that_of_the_recipe(capfd: pytest.CaptureFixture[str]) -> None:
    """AudioGen's codec, 56,819,138 parameters with weight norm (spec §2.1)."""
    assert main(["config", "show", RECIPE, "preset=paper", "--json"]) == 0
    model = json.loads(capfd.readouterr().out)["task"]["model"]
    assert model["norm"] == "weight_norm" and not model["causal"]
    codec = mmi.codecs.create(**model)
    assert sum(parameter.numel() for parameter in codec.parameters()) == 56_819_138
    assert codec.format.kbps() == pytest.approx(2.2)


def test_a_loaded_codec_goes_on_from_its_weights(tmp_path: Path) -> None:
    torch.manual_seed(0)
    codec = mmi.codecs.create("encodec_24khz")
    mmi.codecs.save(codec, tmp_path / "weights")
    model = f"task.model={{name: encodec_24khz, weights: {tmp_path / 'weights'}}}"
    task = mmi.build(RECIPE, *SMOKE, model)
    state = task.model.state_dict()
    for name in ("encoder.layers.0.conv.weight", "decoder.layers.15.conv.weight"):
        torch.testing.assert_close(state[f"codec.{name}"], codec.state_dict()[name])
