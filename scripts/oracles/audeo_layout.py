"""A very small data set in the layout that Audeo published, as numpy writes it.

    python scripts/oracles/audeo_layout.py

Writes tests/data/audeo_layout. Values follow formulas that tests/data/audeo_test.cpp repeats,
so nothing of the files' content is trusted twice.
"""

import shutil
from pathlib import Path

import numpy as np
from PIL import Image

VIDEOS = {
    "training": ["Bach Prelude and Fugue No.10 B1", "Bach Prelude and Fugue No.2 B1"],
    "testing": ["Bach Prelude and Fugue No.1 B2"],
}
FIRST = 253
FRAMES = 120


def roll(scale: int) -> np.ndarray:
    frame, key = np.meshgrid(np.arange(FRAMES), np.arange(88), indexing="ij")
    return ((frame * 7 + key * 13) % 29 == 0).astype(np.float64) * (1 + scale * (key % 5))


def main() -> None:
    root = Path(__file__).resolve().parents[2] / "tests" / "data" / "audeo_layout"
    shutil.rmtree(root, ignore_errors=True)
    for split, videos in VIDEOS.items():
        for video in videos:
            images = root / "input_images" / split / video
            images.mkdir(parents=True)
            for number in (FIRST, FIRST + 1, FIRST + 9, FIRST + 10, 1000):
                still = np.full((8, 16), number % 256, np.uint8)
                Image.fromarray(still).save(images / f"frame{number}.jpg")
            labels = root / "labels" / split
            labels.mkdir(parents=True, exist_ok=True)
            # The order of the published dict is that of a directory listing: any.
            order = np.random.default_rng(1).permutation(FRAMES)
            np.savez_compressed(
                labels / f"{video}.npz",
                frame=(FIRST + np.arange(FRAMES))[order].astype(np.int64),
                label=roll(20)[order].astype(np.float32),
            )
            for folder, arrays in {
                "midi": {"midi": roll(0)},
                "estimate_Roll": {
                    "logit": roll(0).astype(np.float32) * 8 - 4,
                    "roll": roll(0).astype(np.int64),
                },
                "Roll2Midi_results": {"midi": roll(0)[:, 15:66].astype(bool)},
            }.items():
                place = root / folder / split / video
                place.mkdir(parents=True)
                for begin in range(0, FRAMES, 50):
                    end = min(begin + 50, FRAMES)
                    save = np.savez if folder == "Roll2Midi_results" else np.savez_compressed
                    save(
                        place / f"{FIRST + begin}-{FIRST + end}.npz",
                        **{key: value[begin:end] for key, value in arrays.items()},
                    )


if __name__ == "__main__":
    main()
