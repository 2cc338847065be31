"""Networks of Audeo (thesis chapter 3): silent piano video to music.

Each is an `mmi.Model` with the keys of the published checkpoint. Options are those of the YAML;
`mmi config reference` explains them.
"""

from typing import Any

from torch import Tensor

from mmi import _mmi
from mmi._model import Model, create


def Video2Roll(
    *, frames: int = 5, size: tuple[int, int] = (100, 900), keys: int = 51, **options: Any
) -> Model:
    """Gray keyboard crops (B,frames,H,W) in [0, 1] → key logits (B,keys) of the middle frame.

    `size`: (H,W), each with a remainder of 3..10 when divided by 32. Options: `width` (channel
    multiplier), `frb`, `correlation`.
    """
    return _frame_model("video2roll", frames, size, keys, options)


def ResNet(
    *, frames: int = 5, size: tuple[int, int] = (100, 900), keys: int = 51, **options: Any
) -> Model:
    """The baseline of Table 3.1, shapes as Video2Roll. Options: `width`, `slope`, `aggregation`."""
    return _frame_model("resnet", frames, size, keys, options)


def Roll2MidiGenerator(**options: Any) -> Model:
    """Roll probabilities (B,1,K,T) → refined roll (B,1,K,T) in (0, 1). Options: width, dropout."""
    return create("network", "roll2midi_generator", options)


def Roll2MidiDiscriminator(**options: Any) -> Model:
    """Roll (B,1,K,T) → scores (B,1,K/8,T/8), one a patch. Option: width."""
    return create("network", "roll2midi_discriminator", options)


def OnsetsAndFrames(**options: Any) -> Model:
    """Log mel magnitudes (B,T,229), see `log_mel` → (B,5,T,88) every 32 ms: probabilities of
    onsets, offsets, activations and frames, and velocities / 128. `capture` gives them by name.

    Options: `complexity` (published 48), `dropout` (times the published rates).
    """
    return create("network", "onsets_and_frames", options)


def log_mel(samples: Tensor) -> Tensor:
    """Samples (B,N) at 16 kHz in [-1, 1] → log mel magnitudes (B, ceil(N / 512), 229)."""
    return _mmi.log_mel(samples)


def _frame_model(
    name: str, frames: int, size: tuple[int, int], keys: int, options: dict[str, Any]
) -> Model:
    height, width = size
    return create(
        "frame_model", name, options, frames=frames, height=height, width=width, keys=keys
    )
