"""Rooms: scenes, impulse responses by image sources and stochastic rays, depth panoramas.

scene = mmi.rooms.Scene.shoebox([6, 4, 3], "plasterboard")
scene.add_box([1, 1, 0.01], [2, 1.5, 0.8], "cabinet")
h = mmi.rooms.simulate(scene, sources=[[4, 3, 1.5]], receivers=[[1.5, 2.5, 1.2]])  # (R, S, L)
"""

from collections.abc import Sequence
from typing import Any

import torch

from mmi._mmi import Material, Scene, read_scene, unproject_depth, write_scene
from mmi._mmi import room_depth as depth
from mmi._mmi import room_materials as materials
from mmi._mmi import room_paths as paths
from mmi._mmi import simulate_room as _simulate_room

__all__ = [
    "Material",
    "Scene",
    "depth",
    "materials",
    "paths",
    "read_scene",
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
    if options.get("facing") is not None:
        options["facing"] = torch.as_tensor(options["facing"], dtype=torch.float64)
    return _simulate_room(
        scene,
        torch.as_tensor(sources, dtype=torch.float64),
        torch.as_tensor(receivers, dtype=torch.float64),
        **options,
    )
