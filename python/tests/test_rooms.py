"""Rooms against pyroomacoustics, and what a user of mmi.rooms sees."""

import math

import mmi
import numpy as np
import pytest
import torch

SIZE = [5.0, 4.0, 3.0]
SOURCE = [1.1, 0.9, 1.25]
RECEIVER = [3.3, 2.2, 1.4]
L_PLAN = [(0, 0), (6, 0), (6, 2.5), (3.5, 2.5), (3.5, 5), (0, 5)]


@pytest.fixture
def pra():
    return pytest.importorskip("pyroomacoustics", minversion="0.10")


def test_shoebox_images_equal_those_of_pyroomacoustics(pra):
    absorption = {
        "west": 0.1,
        "east": 0.3,
        "south": 0.2,
        "north": 0.4,
        "floor": 0.5,
        "ceiling": 0.6,
    }
    room = pra.ShoeBox(
        SIZE,
        fs=22050,
        materials={wall: pra.Material(a) for wall, a in absorption.items()},
        max_order=10,
        air_absorption=False,
    )
    room.add_source(SOURCE)
    room.add_microphone(RECEIVER)
    room.image_source_model()
    images = room.sources[0].images.T.astype(np.float64)
    distance = np.linalg.norm(images - RECEIVER, axis=1)
    theirs = np.column_stack([images, room.sources[0].damping[0] / distance])

    scene = mmi.rooms.Scene()
    x, y, z = SIZE
    faces = {
        "west": [(0, 0, 0), (0, y, 0), (0, y, z), (0, 0, z)],
        "east": [(x, 0, 0), (x, 0, z), (x, y, z), (x, y, 0)],
        "south": [(0, 0, 0), (0, 0, z), (x, 0, z), (x, 0, 0)],
        "north": [(0, y, 0), (x, y, 0), (x, y, z), (0, y, z)],
        "floor": [(0, 0, 0), (x, 0, 0), (x, y, 0), (0, y, 0)],
        "ceiling": [(0, 0, z), (0, y, z), (x, y, z), (x, 0, z)],
    }
    for wall, corners in faces.items():
        scene.add_polygon(corners, mmi.rooms.Material(absorption[wall], scattering=0, name=wall))
    assert scene.check()["watertight"] and scene.check()["facing"]
    paths = mmi.rooms.paths(scene, SOURCE, RECEIVER, image_order=10, air=False, samples=1 << 16)
    place = torch.tensor(RECEIVER) + paths["distance_m"][:, None] * paths["arrival"]
    ours = torch.column_stack([place, paths["amplitude"][:, 4]]).numpy()

    def order(rows):
        return rows[np.lexsort(np.round(rows[:, :3], 3).T)]

    assert len(ours) == len(theirs) == 1561
    np.testing.assert_allclose(order(ours), order(theirs), atol=1e-5)


def test_visible_images_of_an_l_room_equal_those_of_pyroomacoustics(pra):
    material = pra.Material(0.2)
    room = pra.Room.from_corners(
        np.array(L_PLAN, dtype=float).T, fs=22050, max_order=3, materials=material
    )
    room.extrude(2.7, materials=material)
    room.add_source([1.2, 4.3, 1.1])
    room.add_microphone([5.2, 0.6, 1.9])
    room.image_source_model()
    visible = room.visibility[0][0].astype(bool)
    theirs = np.linalg.norm(
        room.sources[0].images[:, visible].T - np.array([5.2, 0.6, 1.9]), axis=1
    )
    scene = mmi.rooms.Scene.extrude(L_PLAN, 2.7, mmi.rooms.Material(0.2))
    paths = mmi.rooms.paths(scene, [1.2, 4.3, 1.1], [5.2, 0.6, 1.9], image_order=3)
    np.testing.assert_allclose(np.sort(paths["distance_m"].numpy()), np.sort(theirs), atol=1e-4)


def test_decays_like_the_hybrid_of_pyroomacoustics(pra):
    size, absorption, scattering = [5.5, 4.4, 3.0], 0.2, 0.3
    sources = np.array([[1.1, 1.1, 1.2], [4.4, 0.9, 2.1], [1.7, 3.7, 1.8], [4.9, 3.3, 0.9]])
    receiver = [3.0, 2.6, 1.35]
    material = pra.Material(energy_absorption=absorption, scattering=scattering)
    room = pra.ShoeBox(
        size, fs=22050, materials=material, max_order=4, ray_tracing=True, air_absorption=False
    )
    room.set_ray_tracing(n_rays=10000, receiver_radius=0.4, hist_bin_size=0.004)
    for source in sources:
        room.add_source(source)
    room.add_microphone(receiver)
    room.compute_rir()
    length = 14000
    theirs = torch.stack(
        [
            torch.nn.functional.pad(torch.tensor(h[:length]), (0, max(0, length - len(h))))
            for h in room.rir[0]
        ]
    ).float()
    scene = mmi.rooms.Scene.shoebox(size, mmi.rooms.Material(absorption, scattering))
    ours = mmi.rooms.simulate(scene, sources, receiver, samples=length, rays=10000, air=False)[0]
    measure = [mmi.dsp.room_measures(h, 22050)["t20_s"].mean().item() for h in (ours, theirs)]
    assert measure[0] == pytest.approx(measure[1], rel=0.1)


def test_shapes_seeds_and_threads():
    scene = mmi.rooms.Scene.shoebox(SIZE, "plasterboard")
    scene.add_box([1, 1, 0.01], [2, 1.5, 0.8], "cabinet", name="cabinet")
    sources = torch.tensor([[3.0, 3.0, 1.5], [4.0, 1.0, 1.2], [0.7, 3.1, 1.0]])
    receivers = [[2.5, 2.5, 1.2], [1.5, 3.5, 1.6]]
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        one = mmi.rooms.simulate(scene, sources, receivers, rays=1000, samples=4000)
        torch.set_num_threads(2)
        two = mmi.rooms.simulate(scene, sources, receivers, rays=1000, samples=4000)
    finally:
        torch.set_num_threads(threads)
    assert one.shape == (2, 3, 4000) and one.dtype == torch.float32
    assert torch.equal(one, two)
    other = mmi.rooms.simulate(scene, sources, receivers, rays=1000, samples=4000, seed=2)
    assert not torch.equal(one, other)
    arrival = one[0, 0].abs().argmax().item()
    distance = (sources[0] - torch.tensor(receivers[0])).norm().item()
    assert arrival == pytest.approx(distance / 343 * 22050, abs=1)


def test_a_cardioid_is_quiet_behind():
    scene = mmi.rooms.Scene.shoebox([9, 8, 7], mmi.rooms.Material(0.99, scattering=0))
    options = {"rays": 0, "image_order": 0, "high_pass_hz": 0, "omni": 0.5}
    front = mmi.rooms.simulate(scene, [4, 4, 3], [6, 4, 3], facing=[1, 0, 0], **options)
    back = mmi.rooms.simulate(scene, [4, 4, 3], [6, 4, 3], facing=[-1, 0, 0], **options)
    assert front.norm().item() == pytest.approx(0.5, rel=0.05)  # 1 / distance
    assert back.abs().max() < 1e-6


def test_depth_and_points():
    scene = mmi.rooms.Scene.shoebox(SIZE, "brick")
    depth = mmi.rooms.depth(scene, RECEIVER)
    assert depth.shape == (256, 512)
    points = mmi.rooms.unproject(depth) + torch.tensor(RECEIVER)[:, None, None]
    assert points.amin() > -1e-4
    assert torch.all(points.amax(dim=(1, 2)) < torch.tensor(SIZE) + 1e-4)
    release = mmi.rooms.depth(scene, RECEIVER, convention="release")
    assert release[127, 256].item() == pytest.approx(SIZE[0] - RECEIVER[0], abs=1e-4)


def test_scenes_are_written_and_read(tmp_path):
    scene = mmi.rooms.Scene.extrude(L_PLAN, 2.7, "brick", floor="parquet")
    scene.add_box([1, 1, 0.01], [2, 1.5, 0.8], "cabinet", name="cabinet")
    mmi.rooms.write_scene(tmp_path / "room.obj", scene)
    again = mmi.rooms.read_scene(tmp_path / "room.obj")
    assert again.objects == ["room", "cabinet"]
    assert again.volume_m3 == pytest.approx(scene.volume_m3)
    assert torch.equal(again.eyring_s(), scene.eyring_s())
    (tmp_path / "room.yaml").write_text("shoebox: [6, 4, 3]\nwalls: brick\n")
    assert mmi.rooms.read_scene(tmp_path / "room.yaml").volume_m3 == pytest.approx(72)


def test_mistakes_are_named():
    scene = mmi.rooms.Scene.shoebox(SIZE, "brick")
    with pytest.raises(mmi.ConfigError, match="source 0 .* not in the air"):
        mmi.rooms.simulate(scene, [9, 9, 9], RECEIVER)
    with pytest.raises(mmi.ConfigError, match='did you mean "plasterboard"'):
        mmi.rooms.Scene.shoebox(SIZE, "plasterbord")
    with pytest.raises(mmi.ShapeError, match="sources must be of shape"):
        mmi.rooms.simulate(scene, [1, 1], RECEIVER)
    with pytest.raises(mmi.ConfigError, match=r"absorption must be in \[0, 1\]"):
        mmi.rooms.Material(1.2)
    with pytest.raises(mmi.ConfigError, match="crosses or touches itself"):
        mmi.rooms.Scene.extrude([(0, 0), (2, 2), (2, 0), (0, 2)], 3, "brick")


def test_reverberation_formulas():
    scene = mmi.rooms.Scene.shoebox([5, 4, 3], mmi.rooms.Material(0.3))
    expected = 24 * math.log(10) / 343 * 60 / (-94 * math.log(0.7))
    assert scene.eyring_s(air=False)[3].item() == pytest.approx(expected, rel=1e-5)
    assert scene.volume_m3 == pytest.approx(60)
