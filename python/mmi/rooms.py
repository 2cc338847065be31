"""Rooms: scenes, impulse responses by image sources and stochastic rays, depth panoramas.

scene = mmi.rooms.Scene.shoebox([6, 4, 3], "plasterboard")
scene.add_box([1, 1, 0.01], [2, 1.5, 0.8], "cabinet")
h = mmi.rooms.simulate(scene, sources=[[4, 3, 1.5]], receivers=[[1.5, 2.5, 1.2]])  # (R, S, L)

Any floor plan, here an L, with a material for each wall; two rooms are one plan with a neck between
them, and the lintel above their door is a box that keeps a few millimetres from the walls:

ell = mmi.rooms.Scene.extrude(
    [(0, 0), (6, 0), (6, 2.5), (3.5, 2.5), (3.5, 5), (0, 5)], 2.7,
    walls=["brick", "glass", "brick", "brick", "brick", "brick"], floor="parquet")
two = mmi.rooms.Scene.extrude(
    [(0, 0), (4, 0), (4, 1), (4.15, 1), (4.15, 0), (7, 0),
     (7, 4), (4.15, 4), (4.15, 1.9), (4, 1.9), (4, 4), (0, 4)], 2.6, "plasterboard")
two.add_box([4.005, 1.005, 2.05], [4.145, 1.895, 2.595], "plasterboard", name="lintel")

`make_room(seed, number)` gives furnished rooms of six shapes, two rooms with a door among them.
"""

from collections.abc import Sequence
from typing import Any

import torch

from mmi._mmi import (
    Material,
    Scene,
    SimulateOptions,
    WorldRoom,
    align_responses,
    auralize_room,
    make_room,
    read_scene,
    shoebox_responses,
    simulate_room,
    unproject_depth,
    write_scene,
)
from mmi._mmi import room_depth as depth
from mmi._mmi import room_materials as materials
from mmi._mmi import room_paths as paths

__all__ = [
    "Material",
    "Scene",
    "WorldRoom",
    "align",
    "auralize",
    "depth",
    "make_room",
    "materials",
    "paths",
    "read_scene",
    "shoeboxes",
    "simulate",
    "unproject",
    "write_scene",
]

unproject = unproject_depth

Places = torch.Tensor | Sequence[Sequence[float]] | Sequence[float]


def simulate(scene: Scene, sources: Places, receivers: Places, **options: Any) -> torch.Tensor:
    """Impulse responses (R, S, L) float32 of sources (S, 3) at receivers (R, 3), metres.

    The sound pressure 1 m from an omnidirectional source in the free field is an impulse of height
    1; sample n is time n / sample_rate_hz, no delay is added. Results do not depend on the number
    of threads (`torch.set_num_threads`).

    Options: sample_rate_hz (22050), samples (9600), image_order (4; -1 in an empty shoebox: all),
    rays (20000; 0: no stochastic part), seed (1), air (True), high_pass_hz (60; 0: none),
    speed_of_sound (343), sequence_rays (50000), facing (S, 3) and omni (1 omnidirectional, 0.5
    cardioid, 0 figure of eight).
    """
    facing = options.pop("facing", None)
    omni = options.pop("omni", 1.0)
    return simulate_room(
        scene,
        _places(sources),
        _places(receivers),
        SimulateOptions(**options),
        None if facing is None else _places(facing),
        omni,
    )


def shoeboxes(
    scenes: Sequence[Scene],
    sources: Places,
    receivers: Places,
    *,
    device: torch.device | str = "cpu",
    **options: Any,
) -> torch.Tensor:
    """Impulse responses (B, L) float32 of B empty shoeboxes, by image sources alone.

    Each has one omnidirectional source and one receiver, (B, 3) metres: what `simulate` gives with
    rays=0, for thousands at once.

    On a CUDA `device` the images are added up there. Options: sample_rate_hz (22050), samples
    (9600), image_order (4; -1: all), air (True), high_pass_hz (60), speed_of_sound (343).
    """
    return shoebox_responses(
        list(scenes),
        _places(sources),
        _places(receivers),
        SimulateOptions(**options),
        torch.device(device),
    )


def auralize(
    scene: Scene,
    dry: Any,
    source: Places,
    receiver: Places,
    *,
    binaural: bool = False,
    facing_deg: float | None = None,
    spacing_m: float = 0.25,
    step_s: float = 0.05,
    **options: Any,
) -> torch.Tensor:
    """A recording as it sounds in a room: (1, N + L - 1) float32, or (2, N + L - 1): left, right.

    `dry` (N) is the recording without a room, at `sample_rate_hz` (22050), played by an
    omnidirectional `source` (3); the result has the level that the listener hears when `dry` is the
    sound 1 m away. `receiver` is a place (3), or corners (P, 3) of a way that is walked at constant
    speed while the recording plays. `binaural`: two ears on a rigid sphere instead of one
    microphone; they look to `facing_deg` (0: +x, 90: +y), by default ahead or, when standing, to
    the source. At most every `spacing_m` metres of the way is simulated; responses fade into each
    other every `step_s` seconds.

    Options: those of `simulate` without facing and omni; `samples` (9600) is L.
    """
    return auralize_room(
        scene,
        torch.as_tensor(dry, dtype=torch.float32).contiguous(),
        _places(source),
        _places(receiver),
        SimulateOptions(**options),
        binaural=binaural,
        facing_deg=facing_deg,
        spacing_m=spacing_m,
        step_s=step_s,
    )


def align(
    responses: torch.Tensor, source: Places, references: Places, receiver: Places = (0, 0, 0)
) -> torch.Tensor:
    """References (K, N) at 22,050 Hz, shifted and scaled as if they came from `source` (3).

    What xRIR does to its references first: the response of a source at `references[k]` (K, 3) is
    delayed by round((d - d_k) / 343 * 22050) samples and multiplied by d_k / d, where d and d_k are
    the distances of `source` and of the reference from `receiver` (3). Metres. -> (K, N).
    """
    here = _places(receiver)
    return align_responses(
        torch.as_tensor(responses)[None],
        (_places(source) - here).reshape(1, 3).float(),
        (_places(references) - here).reshape(1, -1, 3).float(),
    )[0]


def _places(given: Places) -> torch.Tensor:
    return torch.as_tensor(given, dtype=torch.float64)
