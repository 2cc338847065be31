#!/usr/bin/env python3
"""Draws docs/house.svg: the rooms of lint_layers.HOUSE, one floor a line, with what each is for."""

import sys
from pathlib import Path
from xml.sax.saxutils import escape

from lint_layers import HOUSE

ABOUT = {
    "base": "errors, log, config, registry, random numbers, queues",
    "io": "safetensors, MIDI, WAV, npy · FFmpeg, OpenCV, libsndfile",
    "tensor": "TensorDict, files and media ↔ tensors",
    "dsp music text": "stft, mel, rooms | rolls, notes, synthesiser | tokenizers",
    "nn": "layers, losses, optimisers, schedules, decoding loops",
    "encoders codecs heads fusion lm": "the shared parts a system is made of",
    "data": "Dataset, Loader, published formats",
    "worlds metrics": "procedural worlds with exact truth | scores",
    "task": "what a system gives: phases, batches, loss, generate",
    "models train": "the ten systems | the Trainer; neither knows the other",
    "runs": "run store, stage chains, bundles, tables, reports",
    "live": "clocks, audio device, sessions",
    "cli python": "verbs and bindings, no logic of their own",
}
COLOURS = [
    ("#f3e9dc", "base and io need no torch"),
    ("#dcebf3", "tensors, signals and the parts"),
    ("#e3f1de", "data, worlds, scores"),
    ("#fbe6c8", "systems, training, runs"),
    ("#eadff3", "surfaces"),
]
BANDS = [0, 0, 1, 1, 1, 1, 2, 2, 3, 3, 3, 4, 4]
LEFT, WIDTH, FLOOR, GAP, ROOF = 40, 900, 40, 5, 95


def text(x: float, y: float, words: str, size: int = 13, more: str = "") -> str:
    return f'<text x="{x:g}" y="{y:g}" font-size="{size}" {more}>{escape(words)}</text>'


def floor(line: int, top: float) -> list[str]:
    """One line of the house: a wall, its rooms as doors from the left, and what they are for."""
    rooms = HOUSE[line]
    about = ABOUT[" ".join(rooms)]
    colour = COLOURS[BANDS[line]][0]
    out = [
        f'<rect x="{LEFT}" y="{top:g}" width="{WIDTH}" height="{FLOOR}" fill="{colour}" '
        'stroke="#5b5b5b" stroke-width="1"/>'
    ]
    x = LEFT + 8.0
    for room in rooms:
        label = "models/<system>" if room == "models" else room
        width = 8.2 * len(label) + 18
        out.append(
            f'<rect x="{x:g}" y="{top + 7:g}" width="{width:g}" height="{FLOOR - 14}" rx="4" '
            'fill="#ffffff" stroke="#8a8a8a"/>'
        )
        more = 'text-anchor="middle" font-family="monospace" font-weight="bold"'
        out.append(text(x + width / 2, top + FLOOR / 2 + 5, label, 13, more))
        x += width + 6
    out.append(text(LEFT + WIDTH - 12, top + FLOOR / 2 + 5, about, 13, 'text-anchor="end"'))
    return out


def main() -> None:
    floors = len(HOUSE)
    height = ROOF + floors * (FLOOR + GAP) + 60
    middle = LEFT + WIDTH / 2
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH + 2 * LEFT} {height}" '
        'font-family="Helvetica, Arial, sans-serif" fill="#222">',
        f'<rect width="{WIDTH + 2 * LEFT}" height="{height}" fill="#ffffff"/>',
        f'<path d="M {LEFT - 25} {ROOF - 4} L {middle:g} 18 L {LEFT + WIDTH + 25} {ROOF - 4} Z" '
        'fill="#c8553d" stroke="#7a2f20"/>',
        text(
            middle, ROOF - 34, "libmmi", 22, 'text-anchor="middle" fill="#fff" font-weight="bold"'
        ),
        text(
            middle,
            ROOF - 13,
            "a room includes only rooms on floors below it",
            14,
            'text-anchor="middle" fill="#fff"',
        ),
    ]
    for line in range(floors):
        out += floor(line, ROOF + (floors - 1 - line) * (FLOOR + GAP))
    x, y = float(LEFT), ROOF + floors * (FLOOR + GAP) + 18
    for colour, meaning in COLOURS:
        out.append(
            f'<rect x="{x:g}" y="{y}" width="16" height="16" fill="{colour}" stroke="#777"/>'
        )
        out.append(text(x + 22, y + 13, meaning, 13))
        x += 46 + 6.6 * len(meaning)
    out.append("</svg>")
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent.parent / "docs"
    (target / "house.svg").write_text("\n".join(out) + "\n")


if __name__ == "__main__":
    main()
