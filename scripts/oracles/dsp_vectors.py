"""Reference vectors of the dsp tests, made by librosa, soxr and scipy.

    .venv/bin/python scripts/oracles/dsp_vectors.py

writes tests/data/dsp/<name>.f32 (little-endian float32, C order; complex as pairs) and
manifest.json with shapes, scalars and the versions of the packages.
"""

import json
import pathlib

import librosa
import numpy as np
import scipy
import scipy.signal
import soxr

OUT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "data" / "dsp"
manifest = {
    "made_by": "scripts/oracles/dsp_vectors.py",
    "versions": {
        "librosa": librosa.__version__,
        "numpy": np.__version__,
        "scipy": scipy.__version__,
        "soxr": soxr.__version__,
    },
    "shapes": {},
    "scalars": {},
}


def save(name, values):
    values = np.ascontiguousarray(values)
    manifest["shapes"][name] = list(values.shape)
    if np.iscomplexobj(values):
        values = values.astype(np.complex64).view(np.float32)
    values.astype("<f4").tofile(OUT / f"{name}.f32")


def signal(rate, samples):
    """A chirp, a decaying chord and a little noise."""
    t = np.arange(samples) / rate
    rng = np.random.default_rng(20)
    chord = sum(np.sin(2 * np.pi * f * t) * np.exp(-6 * t) for f in (220.0, 277.2, 329.6))
    chirp = 0.3 * np.sin(2 * np.pi * (300 * t + 6000 * t**2))
    return (0.25 * chord + chirp + 0.01 * rng.standard_normal(samples)).astype(np.float32)


def band_limited(rate, samples, top_hz):
    """Tones below top_hz that begin and end softly, so that filters of any length agree."""
    t = np.arange(samples) / rate
    rng = np.random.default_rng(7)
    tones = sum(
        np.sin(2 * np.pi * f * t + p)
        for f, p in zip(rng.uniform(100, top_hz, 12), rng.uniform(0, 6.28, 12), strict=True)
    )
    fade = scipy.signal.windows.tukey(samples, 0.5)
    return (0.06 * tones * fade).astype(np.float32)


def chord(rate, seconds):
    """The same formula as in griffin_lim_test.cpp."""
    t = np.arange(int(rate * seconds)) / rate
    out = np.zeros_like(t)
    for f0 in (261.63, 329.63, 392.0):
        for k in range(1, 7):
            out += np.sin(2 * np.pi * f0 * k * t) * np.exp(-1.5 * k * t) / (k * 6)
    return out.astype(np.float32)


def transforms():
    x = signal(16000, 4000)
    save("signal", x)
    save("stft_reflect", librosa.stft(x, n_fft=256, hop_length=64, pad_mode="reflect"))
    window = scipy.signal.get_window("hamming", 200)
    save(
        "stft_zeros_hamming200",
        librosa.stft(
            x, n_fft=256, hop_length=100, win_length=200, window=window, pad_mode="constant"
        ),
    )
    save("hamming200", window)
    spec = librosa.stft(x, n_fft=256, hop_length=100, win_length=200, window=window)
    save(
        "istft_hamming200",
        librosa.istft(spec, hop_length=100, win_length=200, window=window, length=4000),
    )
    save("mel_slaney", librosa.filters.mel(sr=16000, n_fft=512, n_mels=40))
    save(
        "mel_htk",
        librosa.filters.mel(
            sr=22050, n_fft=512, n_mels=40, fmin=30, fmax=8000, htk=True, norm=None
        ),
    )
    mel = librosa.feature.melspectrogram(y=x, sr=16000, n_fft=512, hop_length=128, n_mels=40)
    save("melspectrogram", mel)
    save("melspectrogram_db", librosa.power_to_db(mel))


def resampling():
    x = band_limited(44100, 4410, 6000)
    save("tones_44100", x)
    save("tones_44100_16000_soxr", soxr.resample(x.astype(np.float64), 44100, 16000, "VHQ"))
    y = band_limited(16000, 1600, 6000)
    save("tones_16000", y)
    save("tones_16000_22050_soxr", soxr.resample(y.astype(np.float64), 16000, 22050, "VHQ"))
    save(
        "tones_16000_48000_scipy",
        scipy.signal.resample_poly(y.astype(np.float64), 3, 1, window=("kaiser", 12.0)),
    )


def griffin_lim():
    x = signal(16000, 4000)
    target = np.abs(librosa.stft(x, n_fft=256, hop_length=64, pad_mode="reflect"))
    save(
        "griffin_lim_zero_phase_5",
        librosa.griffinlim(
            target, n_iter=5, hop_length=64, n_fft=256, init=None, momentum=0.99, pad_mode="reflect"
        ),
    )
    y = chord(16000, 2.0)
    target = np.abs(librosa.stft(y, n_fft=2048, hop_length=256, pad_mode="reflect"))
    figures = []
    for seed in range(3):
        z = librosa.griffinlim(
            target,
            n_iter=60,
            hop_length=256,
            n_fft=2048,
            momentum=0.99,
            pad_mode="reflect",
            random_state=seed,
        )
        got = np.abs(librosa.stft(z, n_fft=2048, hop_length=256, pad_mode="reflect"))
        figures.append(20 * np.log10(np.linalg.norm(target - got) / np.linalg.norm(target)))
    manifest["scalars"]["griffin_lim_chord_db"] = [float(f) for f in figures]


if __name__ == "__main__":
    OUT.mkdir(parents=True, exist_ok=True)
    transforms()
    resampling()
    griffin_lim()
    (OUT / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n")
    print(json.dumps(manifest, indent=1))
