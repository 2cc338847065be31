"""Random rolls and notes with the scores that scikit-learn and mir_eval give them.

    python scripts/oracles/metrics_vectors.py

Writes tests/data/metrics/vectors.json. Rows of a roll are hexadecimal numbers; bit k is key k.
"""

import json
import warnings
from pathlib import Path

import mir_eval
import numpy as np
import sklearn
from sklearn.metrics import f1_score, jaccard_score, precision_recall_fscore_support

KEYS = 51
LOWEST_PITCH = 36


def rows_as_hex(roll: np.ndarray) -> list[str]:
    return [f"{sum(1 << int(k) for k in np.flatnonzero(row)):x}" for row in roll]


def frequencies(roll: np.ndarray) -> list[np.ndarray]:
    return [mir_eval.util.midi_to_hz(LOWEST_PITCH + np.flatnonzero(row)) for row in roll]


def roll_case(name: str, predicted: np.ndarray, truth: np.ndarray) -> dict[str, object]:
    precision, recall, f1, _ = precision_recall_fscore_support(
        truth, predicted, average="samples", zero_division=1
    )
    times = np.arange(len(truth)) * 0.04
    micro = mir_eval.multipitch.metrics(times, frequencies(truth), times, frequencies(predicted))
    denominator = micro[0] + micro[1]
    macro = f1_score(truth, predicted, average="macro", zero_division=np.nan)
    return {
        "name": name,
        "predicted": rows_as_hex(predicted),
        "truth": rows_as_hex(truth),
        "per_frame": {
            "precision": precision,
            "recall": recall,
            "accuracy": jaccard_score(truth, predicted, average="samples", zero_division=1),
            "f1": f1,
        },
        "micro": {
            "precision": micro[0],
            "recall": micro[1],
            "accuracy": micro[2],
            "f1": 2 * micro[0] * micro[1] / denominator if denominator > 0 else 0.0,
        },
        "macro_f1": None if np.isnan(macro) else macro,
        "truth_empty_share": float((truth.sum(1) == 0).mean()),
        "predicted_empty_share": float((predicted.sum(1) == 0).mean()),
    }


def roll_cases(rng: np.random.Generator) -> list[dict[str, object]]:
    truth = (rng.random((200, KEYS)) < 0.05).astype(int)
    noisy = np.where(rng.random(truth.shape) < 0.04, 1 - truth, truth)
    sparse_truth = (rng.random((200, KEYS)) < 0.02).astype(int)  # a third of the frames is empty
    sparse_truth[:, 40:] = 0  # keys that never sound
    sparse = np.where(rng.random(sparse_truth.shape) < 0.01, 1 - sparse_truth, sparse_truth)
    sparse[:, 45:] = 0
    unrelated = (rng.random((200, KEYS)) < 0.05).astype(int)
    silent = np.zeros((20, KEYS), int)
    return [
        roll_case("noisy", noisy, truth),
        roll_case("sparse", sparse, sparse_truth),
        roll_case("unrelated", unrelated, truth),
        roll_case("predicted silent", silent, truth[:20]),
        roll_case("truth silent", truth[:20], silent),
        roll_case("both silent", silent, silent),
    ]


def note_case(name: str, predicted: np.ndarray, truth: np.ndarray) -> dict[str, object]:
    """Columns: onset, offset, pitch."""

    def score(offset_ratio: float | None) -> list[float]:
        if len(predicted) == 0 or len(truth) == 0:
            return [0.0, 0.0, 0.0]
        return list(
            mir_eval.transcription.precision_recall_f1_overlap(
                truth[:, :2],
                mir_eval.util.midi_to_hz(truth[:, 2]),
                predicted[:, :2],
                mir_eval.util.midi_to_hz(predicted[:, 2]),
                offset_ratio=offset_ratio,
            )[:3]
        )

    return {
        "name": name,
        "predicted": predicted.tolist(),
        "truth": truth.tolist(),
        "onset": score(None),
        "onset_offset": score(0.2),
    }


def note_cases(rng: np.random.Generator) -> list[dict[str, object]]:
    def notes(count: int, duration: float, pitches: int) -> np.ndarray:
        onset = np.sort(rng.uniform(0, duration, count))
        length = rng.uniform(0.06, 0.8, count)
        pitch = 60 + rng.integers(0, pitches, count)
        return np.stack([onset, onset + length, pitch], 1).round(6)

    truth = notes(150, 30, 12)
    kept = truth[rng.random(150) < 0.85].copy()
    kept[:, 0] += rng.normal(0, 0.03, len(kept))
    kept[:, 1] += rng.normal(0, 0.08, len(kept))
    kept[:, 1] = np.maximum(kept[:, 1], kept[:, 0] + 0.02)
    kept[:, :2] -= min(0.0, kept[:, 0].min())
    extra = notes(20, 30, 12)
    played = np.concatenate([kept, extra]).round(6)
    # Many notes of one pitch within each other's tolerance: greedy matching is not enough.
    crowd_truth, crowd = notes(60, 1.5, 2), notes(60, 1.5, 2)
    # Differences of exactly 50 ms count, 50.1 ms do not.
    edge_truth = np.array([[k * 1.0, k * 1.0 + 0.5, 60 + k] for k in range(1, 9)])
    edge = edge_truth.copy()
    edge[:, 0] += [0.05, -0.05, 0.0501, -0.0501, 0.05004, 0.05006, 0.0, 0.0]
    edge[:, 1] += [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.1, 0.1001]
    nothing = np.zeros((0, 3))
    return [
        note_case("played", played, truth),
        note_case("crowd", crowd, crowd_truth),
        note_case("edge", edge.round(6), edge_truth),
        note_case("nothing predicted", nothing, truth[:5]),
        note_case("nothing true", truth[:5], nothing),
    ]


def main() -> None:
    warnings.simplefilter("ignore")
    rng = np.random.default_rng(20260101)
    content = {
        "origin": f"scikit-learn {sklearn.__version__}, mir_eval {mir_eval.__version__}",
        "rolls": roll_cases(rng),
        "notes": note_cases(rng),
    }
    target = Path(__file__).resolve().parents[2] / "tests" / "data" / "metrics" / "vectors.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(content, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
