"""Whether a classifier of sounds still knows them when a codec has been at work (spec §14.2).

    python scripts/acceptance/codec_judge.py CODEC SOUNDS

CODEC: a finished run, or a folder as `mmi codec publish` writes it. SOUNDS: a folder of folders,
each a class; what is before a "_" is its kind (speech_de: speech). The judge, statistics of log-mel
spectra and a logistic regression, learns from originals that the codec was trained on, and is asked
about sounds of its test split: originals and reconstructions. The first second of each sound that
is not silent. Its spectra end 40 dB below the loudest, for the noise of a recording tells the
collection that it comes from. Prints accuracies for kinds and for classes, their ratio (to be 0.9
at least for kinds) and each codebook's perplexity (to be 0.3 of its size at least) over the test
sounds; exit 1 where it falls short.
"""

import os
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

import librosa
import mmi
import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

Array = NDArray[np.float32]
ENDINGS = {".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".m4a", ".aif", ".aiff"}
MASK = (1 << 64) - 1


def place(name: str) -> tuple[int, str]:
    """The order in which `sounds: {name: folder}` deals files out to its splits."""
    value = 0xCBF29CE484222325
    for byte in name.encode():
        value = (value ^ byte) * 0x100000001B3 & MASK
    value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9 & MASK
    value = (value ^ (value >> 27)) * 0x94D049BB133111EB & MASK
    return value ^ (value >> 31), name


def first_second(path: Path, rate: int) -> Array | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # librosa's about its second reader
        try:
            wave = librosa.load(path, sr=rate, mono=True, duration=20)[0].astype(np.float32)
        except Exception:  # some packages hold files in formats of their own
            return None
    loud = np.flatnonzero(np.abs(wave) > 1e-3)
    if loud.size == 0 or wave.size < rate // 20:
        return None
    wave = wave[loud[0] : loud[0] + rate]
    return np.pad(wave, (0, rate - wave.size))


def features(wave: Array, rate: int) -> Array:
    mel = librosa.feature.melspectrogram(y=wave, sr=rate, n_fft=1024, hop_length=256, n_mels=48)
    log = np.log(mel / mel.max() + 1e-4)
    change = np.abs(np.diff(log, axis=1)).mean(axis=1)
    return np.concatenate([log.mean(axis=1), log.std(axis=1), change]).astype(np.float32)


def read(files: list[Path], root: Path, rate: int) -> Iterator[tuple[Array, str]]:
    for path in files:
        wave = first_second(path, rate)
        if wave is not None:
            yield wave, path.relative_to(root).parts[0]


def perplexity(codes: NDArray[np.int64], size: int) -> float:
    share = np.bincount(codes, minlength=size) / codes.size
    return float(np.exp(-np.sum(share * np.log(np.maximum(share, 1e-12)))))


def open_codec(place: str) -> mmi.codecs.Codec:
    if (Path(place) / "model.safetensors").exists():
        return mmi.codecs.load(place)
    launcher = os.environ.get("MMI", str(Path(sys.executable).parent / "mmi"))
    with tempfile.TemporaryDirectory() as folder:
        found = subprocess.run([launcher, "codec", "publish", place, "--out", folder], check=False)
        if found.returncode != 0:
            sys.exit(found.returncode)  # which has said why
        return mmi.codecs.load(folder)


def main() -> int:
    root = Path(sys.argv[2])
    codec = open_codec(sys.argv[1])
    form = codec.format
    rate = form.sample_rate_hz

    files = [path for path in root.rglob("*") if path.suffix.lower() in ENDINGS]
    files.sort(key=lambda path: place(path.relative_to(root).as_posix()))
    valid = max(1, int(0.05 * len(files)))
    test = valid + max(1, int(0.1 * len(files)))

    learned = list(read(files[test:], root, rate))
    asked = list(read(files[valid:test], root, rate))
    waves = torch.from_numpy(np.stack([wave for wave, _ in asked]))[:, None]
    with torch.no_grad():
        tokens = codec.encode(waves)
        made = codec.decode(tokens)[:, 0].numpy()
    seen, given, heard = (
        np.stack([features(wave, rate) for wave in some])
        for some in ([wave for wave, _ in learned], [wave for wave, _ in asked], list(made))
    )
    print(f"{len(learned)} sounds to learn from, {len(asked)} asked about")
    ratios = []
    for what, separator in (("kinds", "_"), ("classes", "/")):
        judge = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000, C=0.1))
        judge.fit(seen, [name.split(separator)[0] for _, name in learned])
        truth = np.array([name.split(separator)[0] for _, name in asked])
        original = np.mean(judge.predict(given) == truth)
        rebuilt = np.mean(judge.predict(heard) == truth)
        ratios.append(rebuilt / original)
        most = np.unique(truth, return_counts=True)[1].max() / len(truth)
        print(f"{len(set(truth))} {what} (the largest {most:.3f} of all): ", end="")
        print(f"accuracy {original:.3f} on originals, {rebuilt:.3f} on reconstructions, ", end="")
        print(f"{ratios[-1]:.3f} of it")
    used = [
        perplexity(tokens.codes[:, k].flatten().numpy(), form.codebook_size)
        for k in range(form.codebooks)
    ]
    shown = ", ".join(f"{one:.0f}" for one in used)
    print(f"perplexities {shown} of {form.codebook_size} (bar {0.3 * form.codebook_size:.0f})")
    return 0 if ratios[0] >= 0.9 and min(used) >= 0.3 * form.codebook_size else 1


if __name__ == "__main__":
    sys.exit(main())
