"""Rooms for works.py, the same rooms in pyroomacoustics, and what both are compared by."""

from collections.abc import Callable, Sequence
from typing import Any

import mmi
import numpy as np
import torch
from harness import peer_module
from torch import Tensor

RATE, SAMPLES = 22050, 9600  # 0.435 s
RECEIVER = [2.5, 3.1, 1.2]
SIZE = [5.0, 4.0, 3.0]  # the shoebox: 60 m³
SHOEBOX_RECEIVER = [3.3, 2.2, 1.4]

PLAN = [(0.0, 0.0), (6.4, 0.0), (6.4, 2.9), (3.7, 2.9), (3.7, 5.3), (0.0, 5.3)]
HEIGHT = 2.7
SURFACES = {"walls": "plasterboard", "floor": "parquet", "ceiling": "plaster_ceiling"}
FURNITURE = [
    ((0.03, 0.40, 0.01), (0.55, 2.20, 2.00), "bookshelf"),
    ((1.20, 4.20, 0.01), (3.20, 5.10, 0.80), "upholstered_chairs"),
    ((1.60, 1.40, 0.70), (3.00, 2.30, 0.74), "wooden_chairs"),  # the top of a table
    ((5.60, 0.50, 0.01), (6.30, 2.30, 0.90), "cabinet"),
]
SIDES = ((0, 4, 6, 2), (1, 3, 7, 5), (0, 1, 5, 4), (2, 6, 7, 3), (0, 2, 3, 1), (4, 5, 7, 6))
CENTRES_HZ = [125, 250, 500, 1000, 2000, 4000, 8000]
AIR = [0.1e-3, 0.3e-3, 0.6e-3, 1.0e-3, 1.7e-3, 4.1e-3, 13.5e-3]  # 1/m, those of mmi.rooms

Corners = list[tuple[float, ...]]


def furnished() -> Any:
    scene = mmi.rooms.Scene.extrude(PLAN, HEIGHT, *SURFACES.values())
    for low, high, material in FURNITURE:
        scene.add_box(low, high, material, name=material)
    return scene


def sources_in(scene: Any, receiver: Sequence[float], count: int = 10) -> Any:
    """Places in the air, at least 1 m from the receiver."""
    generator = np.random.default_rng(3)
    places: list[Any] = []
    while len(places) < count:
        place = generator.uniform([0.3, 0.3, 0.4], [6.1, 5.0, 2.3])
        if scene.contains(place) and np.linalg.norm(place - receiver) > 1:
            places.append(place)
    return np.array(places)


def growing() -> dict[str, Any]:
    """Rooms of about 65 m³ with more and more surfaces."""

    def boxes(scene: Any, count: int) -> Any:
        for i in range(count):
            x, y = 0.4 + 0.75 * (i % 4), 0.4 + 1.1 * (i // 4)
            scene.add_box((x, y, 0.01), (x + 0.5, y + 0.6, 0.5 + 0.15 * (i % 3)), "cabinet")
        return scene

    extrude = mmi.rooms.Scene.extrude
    round_six = [(1.3, 0.0), (4.1, 0.0), (5.4, 2.5), (4.1, 5.0), (1.3, 5.0), (0.0, 2.5)]
    return {
        "shoebox": extrude([(0, 0), (5.5, 0), (5.5, 4.4), (0, 4.4)], HEIGHT, *SURFACES.values()),
        "hexagon": extrude(round_six, HEIGHT, *SURFACES.values()),
        "L": extrude(PLAN, HEIGHT, *SURFACES.values()),
        "shoebox, 2 boxes": boxes(
            extrude([(0, 0), (5.5, 0), (5.5, 4.4), (0, 4.4)], HEIGHT, *SURFACES.values()), 2
        ),
        "L, 4 pieces of furniture": furnished(),
        "L, 8 boxes": boxes(extrude(PLAN, HEIGHT, *SURFACES.values()), 8),
    }


# -- pyroomacoustics -----------------------------------------------------------------------------


def materials(pra: Any) -> dict[str, Any]:
    """The library of mmi.rooms at the seven octaves that pyroomacoustics has."""
    bank = pra.ShoeBox([1, 1, 1], fs=RATE).octave_bands
    made = {}
    for m in mmi.rooms.materials():
        absorption = {"coeffs": m.absorption[1:].tolist(), "center_freqs": CENTRES_HZ}
        scattering = {"coeffs": [m.scattering] * len(CENTRES_HZ), "center_freqs": CENTRES_HZ}
        made[m.name] = pra.Material(absorption, scattering)
        made[m.name].resample(bank)
    return made


def outline() -> list[tuple[Corners, str]]:
    """Walls, L-shaped floor and ceiling, and furniture as solids; normals point out of the air."""
    faces: list[tuple[Corners, str]] = []
    for a, b in zip(PLAN, PLAN[1:] + PLAN[:1], strict=True):
        faces.append(([(*a, 0), (*b, 0), (*b, HEIGHT), (*a, HEIGHT)], SURFACES["walls"]))
    faces.append(([(*p, 0) for p in PLAN[::-1]], SURFACES["floor"]))
    faces.append(([(*p, HEIGHT) for p in PLAN], SURFACES["ceiling"]))
    for low, high, material in FURNITURE:
        corners = [tuple((low, high)[k >> i & 1][i] for i in range(3)) for k in range(8)]
        faces += [([corners[k] for k in side[::-1]], material) for side in SIDES]
    return faces


def polygons() -> list[Any]:
    return [np.array(corners, dtype=float) for corners, _ in outline()]


def peer_walls(pra: Any) -> list[Any]:
    known = materials(pra)
    return [
        pra.room.wall_factory(
            np.array(corners, dtype=float).T,
            known[name].absorption_coeffs,
            known[name].scattering_coeffs,
        )
        for corners, name in outline()
    ]


def peer_furnished(rays: int, sources: Any, microphones: Any) -> Any:
    pra = peer_module("pyroomacoustics")
    room = pra.Room(
        peer_walls(pra), fs=RATE, max_order=4, ray_tracing=rays > 0, air_absorption=True
    )
    room.set_air_absorption(AIR, CENTRES_HZ)
    if rays:
        room.set_ray_tracing(
            n_rays=rays, receiver_radius=0.4, hist_bin_size=0.004, time_thres=SAMPLES / RATE
        )
    for source in sources:
        room.add_source(source)
    room.add_microphone_array(np.array(microphones).T)
    return room


def peer_shoebox(order: int, sources: Any) -> Any:
    pra = peer_module("pyroomacoustics")
    known = materials(pra)["plasterboard"]
    room = pra.ShoeBox(SIZE, fs=RATE, materials=known, max_order=order, air_absorption=True)
    room.set_air_absorption(AIR, CENTRES_HZ)
    for source in sources:
        room.add_source(source)
    room.add_microphone(SHOEBOX_RECEIVER)
    return room


def again(room: Any) -> Any:
    """Everything but building the room, which is not timed."""
    room.simulator_state |= {"ism_done": False, "rt_done": False, "rir_done": False}
    room.compute_rir()
    return room


def set_peer_threads(threads: int) -> str:
    """Of pyroomacoustics; returns its name and version."""
    pra = peer_module("pyroomacoustics")
    pra.constants.set("num_threads", threads)
    pra.constants.set("rir_hpf_fc", 60.0)  # Hz, ours
    pra.random.seed(1)
    return f"pyroomacoustics {pra.__version__}"


def rirs_of(room: Any) -> Tensor:
    """Of all pairs, without the delay of half a fractional filter, and of our length."""
    delay = peer_module("pyroomacoustics").constants.get("frac_delay_length") // 2
    rows = [h[delay : delay + SAMPLES] for of_one in room.rir for h in of_one]
    return torch.from_numpy(np.stack([np.pad(h, (0, SAMPLES - len(h))) for h in rows])).float()


# -- comparisons ---------------------------------------------------------------------------------


def peer_distances(room: Any, source: int, receiver: Sequence[float]) -> Any:
    """Of the images that are seen, sorted."""
    seen = room.visibility[source][0].astype(bool)
    images = room.sources[source].images[:, seen].T.astype(np.float64)
    return np.sort(np.linalg.norm(images - receiver, axis=1))


def only_in(a: Any, b: Any) -> int:
    """How many of the sorted distances a have no partner of their own in b, within 2 mm."""
    missing = at = 0
    for distance in a:
        while at < len(b) and b[at] < distance - 2e-3:
            at += 1
        if at < len(b) and b[at] <= distance + 2e-3:
            at += 1
        else:
            missing += 1
    return missing


def measures(rirs: Tensor) -> dict[str, Tensor]:
    return mmi.dsp.room_measures(rirs, RATE)


def level_db(ours: Tensor, theirs: Tensor) -> float:
    """Mean over responses of the energy ratio."""
    return (10 * torch.log10(ours.square().sum(1) / theirs.square().sum(1))).mean().item()


def brute_depth(polygons: list[Any], eye: Sequence[float], directions: Any) -> Any:
    """Nearest hit along each direction by a loop over polygons in float64."""
    nearest = np.full(len(directions), np.inf)
    for corners in polygons:
        normal = np.cross(corners[1] - corners[0], corners[2] - corners[0])
        with np.errstate(divide="ignore", invalid="ignore"):
            t = (corners[0] - eye) @ normal / (directions @ normal)
        points = eye + np.where(np.isfinite(t), t, 0)[:, None] * directions
        inside = np.isfinite(t) & (t > 1e-9)
        edges = zip(corners, np.roll(corners, -1, axis=0), strict=True)
        if len(corners) == 4:  # all convex but the L of floor and ceiling
            for a, b in edges:
                inside &= np.cross(b - a, points - a) @ normal >= -1e-9
        else:
            inside &= in_plan(points)
        nearest = np.where(inside & (t < nearest), t, nearest)
    return nearest


def in_plan(points: Any) -> Any:
    """Points (N, 3) within PLAN by the number of edges that a line along x crosses."""
    crossings = np.zeros(len(points), dtype=int)
    for (x1, y1), (x2, y2) in zip(PLAN, PLAN[1:] + PLAN[:1], strict=True):
        if y1 != y2:
            between = (points[:, 1] > min(y1, y2)) & (points[:, 1] <= max(y1, y2))
            x = x1 + (points[:, 1] - y1) * (x2 - x1) / (y2 - y1)
            crossings += between & (x > points[:, 0])
    return crossings % 2 == 1


# -- what the machine allows ---------------------------------------------------------------------

FACE_FLOPS, BOX_FLOPS, CHORD_FLOPS = 8 * 40, 8 * 22, 20  # a block of eight, a block, a source


def blocks(scene: Any) -> tuple[int, int]:
    """Of eight faces (floor and ceiling cut to convex pieces count as one each), of eight boxes."""
    solid = len(scene.objects) - 1
    return -(-(scene.polygons - 6 * solid) // 8), -(-solid // 8)


def ray_flops(scene: Any, rays: int, sources: int, longest_m: float, early_m: float) -> float:
    """Of all tests that `rays` rays need until they are longest_m long: nearest hits, the sight of
    every source (after early_m of every fourth) and the spheres round sources."""
    faces, solid = blocks(scene)
    mean_m = 4 * scene.volume_m3 / scene.surface_m2
    nearest = faces * FACE_FLOPS + solid * BOX_FLOPS
    sight = FACE_FLOPS + solid * BOX_FLOPS  # about one block of faces can hide anything
    seen = (early_m * sources + (longest_m - early_m) * sources / 4) / mean_m
    legs = longest_m / mean_m
    return rays * (legs * (nearest + sources * CHORD_FLOPS) + seen * sight)


def median_rate(call: Callable[[], Any], amount: float, times: int) -> float:
    from harness import seconds

    call()
    return amount / float(np.median([seconds(call) for _ in range(times)]))
