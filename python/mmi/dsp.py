"""Room acoustics: measures, decay curves and octaves of impulse responses."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mmi import _mmi
from mmi._mmi import describe_room_measures
from mmi.errors import ShapeError

__all__ = [
    "OCTAVES_HZ",
    "STATUSES",
    "describe_room_measures",
    "energy_decay_curve",
    "octave_filter",
    "room_errors",
    "room_measures",
]

OCTAVES_HZ = (125.0, 250.0, 500.0, 1000.0, 2000.0, 4000.0)

STATUSES = tuple(_mmi.measure_statuses())
"""What the numbers in `…_status` mean: ok, silent, no_decay, low_inr, nonlinear."""


def _samples(waveform: Any) -> Tensor:
    if not isinstance(waveform, Tensor):
        waveform = torch.from_numpy(np.ascontiguousarray(waveform))
    if waveform.is_complex():
        raise ShapeError(f"a real waveform is needed, but this one is {waveform.dtype}")
    samples: Tensor = waveform.detach().to("cpu", torch.float32).contiguous()
    return samples


def room_measures(
    rir: Any,
    sample_rate_hz: int,
    mode: str = "iso",
    bands: bool | Sequence[float] = False,
    *,
    edt_db: int = 10,
    t60_db: int = 20,
    t60_fit: str | None = None,
) -> dict[str, Tensor]:
    """Acoustic measures of impulse responses (N) or (B,N), tensors or arrays, of any level.

    mode: "iso" (ISO 3382-1: from the direct arrival, regressions, noise compensated) or "paper"
    (xRIR's evaluation: from sample 0, first samples below a level). bands: True for the octaves
    125 to 4000 Hz, or their centres; False for broadband. edt_db: 10 or 5, the range of EDT.
    t60_db: 20 or 30, the range of T60. t60_fit: "crossing" or "regression" instead of the mode's.

    Returns float64 tensors of shape (), (B), or (…, bands): edt_s, t20_s, t30_s, t60_s, c50_db,
    c80_db, d50, drr_db; NaN where there is none. Each has its `…_status` (int8, see STATUSES): a
    bad response is no error. Also arrival_s, inr_db (impulse-to-noise ratio), t60_nonlinearity
    (1000 (1 - r²)) and curvature_percent (100 (T30 / T20 - 1)).
    """
    if isinstance(bands, bool):
        centres = list(OCTAVES_HZ) if bands else []
    else:
        centres = [float(centre) for centre in bands]
    samples = _samples(rir)
    return _mmi.room_measures(samples, sample_rate_hz, mode, centres, edt_db, t60_db, t60_fit)


def room_errors(estimate: Mapping[str, Tensor], truth: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Differences of two results of room_measures as the tables have them: edt_s and c50_db
    absolute, t60_percent relative to the truth. NaN where one of the two has no value."""
    return {
        "edt_s": (estimate["edt_s"] - truth["edt_s"]).abs(),
        "c50_db": (estimate["c50_db"] - truth["c50_db"]).abs(),
        "t60_percent": 100 * (estimate["t60_s"] - truth["t60_s"]).abs() / truth["t60_s"],
    }


def energy_decay_curve(rir: Any) -> Tensor:
    """Schroeder's backward integral of responses (N) or (B,N) in dB, float64 of the same shape.

    It begins at 0 dB; -inf behind the last sample that is not 0, NaN for silence.
    """
    return _mmi.energy_decay_curve(_samples(rir))


def octave_filter(
    waveform: Any, sample_rate_hz: int, centre_hz: float, backward: bool = False
) -> Tensor:
    """The octave at `centre_hz` (…, 125, 250, …) of waveforms (N) or (B,N), float64.

    A Butterworth band-pass of order 6 as IEC 61260-1 wants it; backward: run from the end to the
    beginning, so that its ringing does not lengthen decays.
    """
    return _mmi.octave_filter(_samples(waveform), sample_rate_hz, centre_hz, backward)
