"""Room-acoustic measures against NumPy, SciPy and pyroomacoustics."""

import math

import mmi
import numpy as np
import pytest
import torch
from mmi import dsp
from numpy.typing import NDArray

signal = pytest.importorskip("scipy.signal")

RATE = 22050
Samples = NDArray[np.float64]


def decay(t60_s: float, samples: int = RATE, seed: int = 0) -> Samples:
    """Noise that decays, in float32 values (what is measured)."""
    noise = np.random.default_rng(seed).standard_normal(samples)
    h = noise * 10 ** (-3 * np.arange(samples) / RATE / t60_s)
    return h.astype(np.float32).astype(np.float64)


def schroeder(h: Samples) -> Samples:
    energy = np.cumsum(h[::-1] ** 2)[::-1]
    return 10 * np.log10(energy / energy[0])


def regression(level_db: Samples, high_db: float, low_db: float) -> float:
    first = int(np.argmax(level_db < high_db)) if high_db < 0 else 0
    last = int(np.argmax(level_db < low_db))
    slope = np.polyfit(np.arange(first, last) / RATE, level_db[first:last], 1)[0]
    return float(-60 / slope)


def onset(h: Samples) -> int:
    return int(np.argmax(np.abs(h) >= 0.1 * np.abs(h).max()))


def test_iso_measures_equal_numpys() -> None:
    for seed, t60_s in enumerate((0.2, 0.4, 0.7)):
        h = np.concatenate([np.zeros(123), decay(t60_s, seed=seed)])
        m = dsp.room_measures(h, RATE)
        start = onset(h)
        level_db = schroeder(h[start:])
        assert m["arrival_s"].item() == pytest.approx(start / RATE)
        assert m["edt_s"].item() == pytest.approx(regression(level_db, 0, -10), rel=1e-4)
        assert m["t20_s"].item() == pytest.approx(regression(level_db, -5, -25), rel=1e-4)
        assert m["t30_s"].item() == pytest.approx(regression(level_db, -5, -35), rel=1e-4)
        for name, seconds in (("c50_db", 0.05), ("c80_db", 0.08)):
            split = start + int(seconds * RATE + 0.5)
            ratio = np.sum(h[start:split] ** 2) / np.sum(h[split:] ** 2)
            assert m[name].item() == pytest.approx(10 * np.log10(ratio), abs=1e-4)
        width = round(0.0025 * RATE)
        direct = np.sum(h[start - width : start + width + 1] ** 2)
        drr_db = 10 * np.log10(direct / np.sum(h[start + width + 1 :] ** 2))
        assert m["drr_db"].item() == pytest.approx(drr_db, abs=1e-4)
        assert m["t20_s_status"].item() == 0


def test_paper_measures_equal_the_evaluation_written_in_numpy() -> None:
    for seed, range_db in enumerate((20, 30, 20, 30)):
        h = np.concatenate([np.zeros(100 * seed), decay(0.5, 8000, seed)])
        level_db = schroeder(h)[: np.flatnonzero(h)[-1]]
        m = dsp.room_measures(h, RATE, mode="paper", t60_db=range_db)

        def time_s(db: float, level_db: Samples = level_db) -> float:
            return float(np.min(np.where(level_db < db)[0])) / RATE

        split = int(0.05 * RATE + 1)
        clarity = 10 * np.log10(np.sum(h[:split] ** 2) / np.sum(h[split:] ** 2))
        t60_s = 60 / range_db * (time_s(-5 - range_db) - time_s(-5))
        assert m["edt_s"].item() == pytest.approx(6 * time_s(-10), abs=1e-12)
        assert m["t60_s"].item() == pytest.approx(t60_s, abs=1e-12)
        assert m["c50_db"].item() == pytest.approx(clarity, abs=1e-9)


def test_the_curve_equals_numpys() -> None:
    h = decay(0.5, 9000)
    assert np.allclose(dsp.energy_decay_curve(h).numpy(), schroeder(h), rtol=0, atol=1e-9)
    rows = torch.from_numpy(np.stack([h, h[::-1]]))
    assert torch.equal(dsp.energy_decay_curve(rows)[0], dsp.energy_decay_curve(h))


def test_octave_filters_equal_scipys() -> None:
    h = decay(0.3, 6000)
    for rate in (16000, 22050, 48000):
        for index, nominal in enumerate(dsp.OCTAVES_HZ):
            centre = 1000 * 10 ** (0.3 * (index - 3))
            edges = (centre * 10**-0.15, centre * 10**0.15)
            sos = signal.butter(3, edges, "bandpass", fs=rate, output="sos")
            theirs = signal.sosfilt(sos, h)
            error = np.abs(dsp.octave_filter(h, rate, nominal).numpy() - theirs).max()
            assert error < 1e-3 * np.abs(theirs).max()  # gain 1 at the centre: theirs is 1e-4 off
            backward = signal.sosfilt(sos, h[::-1])[::-1]
            ours = dsp.octave_filter(h, rate, nominal, backward=True).numpy()
            assert np.abs(ours - backward).max() < 1e-3 * np.abs(backward).max()


def test_octave_measures_equal_those_of_scipys_filters() -> None:
    h = decay(0.5)[onset(decay(0.5)) :]
    m = dsp.room_measures(h, RATE, bands=True)
    assert m["t20_s"].shape == (6,)
    ring = 4096
    for index in range(6):
        centre = 1000 * 10 ** (0.3 * (index - 3))
        edges = (centre * 10**-0.15, centre * 10**0.15)
        sos = signal.butter(3, edges, "bandpass", fs=RATE, output="sos")
        back = signal.sosfilt(sos, np.concatenate([np.zeros(ring), h])[::-1])[::-1]
        energy = np.cumsum(back[::-1] ** 2)[::-1][ring:]
        energy[0] = np.sum(back**2)
        level_db = 10 * np.log10(energy / energy[0])
        t20_s = regression(level_db, -5, -25)
        assert m["t20_s"][index].item() == pytest.approx(t20_s, rel=2e-3)
        split = int(0.05 * RATE + 0.5)
        early, late = (
            np.sum(signal.sosfilt(sos, np.concatenate([part, np.zeros(ring)])) ** 2)
            for part in (h[:split], h[split:])
        )
        assert m["c50_db"][index].item() == pytest.approx(10 * np.log10(early / late), abs=5e-3)


def test_reverberation_times_agree_with_pyroomacoustics() -> None:
    pra = pytest.importorskip("pyroomacoustics", minversion="0.10")
    for seed, t60_s in enumerate((0.2, 0.35, 0.5, 0.7)):
        h = decay(t60_s, seed=seed)
        h = h[onset(h) :]
        m = dsp.room_measures(h, RATE)
        for name, range_db in (("t20_s", 20), ("t30_s", 30)):
            theirs = pra.experimental.rt60.measure_rt60(h, RATE, decay_db=range_db)
            assert m[name].item() == pytest.approx(theirs, rel=1e-3)


def test_a_simulated_room_agrees_with_pyroomacoustics() -> None:
    pra = pytest.importorskip("pyroomacoustics", minversion="0.10")
    room = pra.ShoeBox([5, 4, 3], fs=RATE, materials=pra.Material(0.4), max_order=17)
    room.add_source([1.2, 1.1, 1.5])
    room.add_microphone([3.6, 2.7, 1.2])
    room.compute_rir()
    h = np.asarray(room.rir[0][0], dtype=np.float64)
    m = dsp.room_measures(h, RATE)
    distance_m = math.dist((1.2, 1.1, 1.5), (3.6, 2.7, 1.2))
    # pyroomacoustics delays by half of its fractional filters, whose side lobes come before.
    delay_s = distance_m / room.c + 40 / RATE
    assert m["arrival_s"].item() == pytest.approx(delay_s, abs=8 / RATE)
    theirs = pra.experimental.rt60.measure_rt60(h[onset(h) :], RATE, decay_db=20)
    assert m["t20_s"].item() == pytest.approx(theirs, rel=0.01)
    assert m["t20_s"].item() == pytest.approx(room.rt60_theory(formula="eyring"), rel=0.3)


def test_shapes_kinds_of_input_and_statuses() -> None:
    h = decay(0.4)
    rows = torch.from_numpy(np.stack([h, 0 * h])).float()
    m = dsp.room_measures(rows, RATE)
    one = dsp.room_measures(h, RATE)
    assert m["t20_s"].shape == (2,) and m["t20_s"].dtype == torch.float64
    assert one["t20_s"].shape == () and one["t20_s"].item() == m["t20_s"][0].item()
    assert [dsp.STATUSES[i] for i in m["c50_db_status"].tolist()] == ["ok", "silent"]
    assert math.isnan(m["c50_db"][1].item())
    assert dsp.room_measures(rows, RATE, bands=True)["d50"].shape == (2, 6)
    assert dsp.room_measures(rows, RATE, bands=[500, 1000])["d50"].shape == (2, 2)
    assert dsp.room_measures(rows[:0], RATE)["d50"].shape == (0,)
    assert dsp.room_measures(h[::-1].copy()[::-1], RATE)["d50"] == one["d50"]
    h[7] = np.nan
    assert dsp.STATUSES[int(dsp.room_measures(h, RATE)["edt_s_status"])] == "no_decay"


def test_errors_are_those_of_the_tables() -> None:
    truth = dsp.room_measures(np.stack([decay(0.5), 0 * decay(0.5)]), RATE, mode="paper")
    estimate = dsp.room_measures(np.stack([decay(0.4), decay(0.4)]), RATE, mode="paper")
    errors = dsp.room_errors(estimate, truth)
    assert errors["t60_percent"][0].item() == pytest.approx(20, abs=5)
    assert errors["edt_s"][0] == (truth["edt_s"][0] - estimate["edt_s"][0]).abs()
    assert all(math.isnan(error[1]) for error in errors.values())


def test_wrong_arguments_are_errors() -> None:
    h = decay(0.4)
    with pytest.raises(mmi.ConfigError, match="mode"):
        dsp.room_measures(h, RATE, mode="thesis")
    with pytest.raises(mmi.ConfigError, match="t60_fit"):
        dsp.room_measures(h, RATE, t60_fit="spline")
    with pytest.raises(mmi.ConfigError, match="edt_db"):
        dsp.room_measures(h, RATE, edt_db=7)
    with pytest.raises(mmi.ConfigError, match="octave"):
        dsp.room_measures(h, 8000, bands=True)
    with pytest.raises(mmi.ShapeError, match="2, 3, 4"):
        dsp.room_measures(np.zeros((2, 3, 4)), RATE)
    with pytest.raises(mmi.ShapeError, match="complex"):
        dsp.room_measures(h + 0j, RATE)
    assert "from sample 0" in dsp.describe_room_measures("paper")
