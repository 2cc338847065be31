"""Rooms against pyroomacoustics, and what a user of mmi.rooms sees."""

import math
from pathlib import Path

import mmi
import numpy as np
import pytest
import torch

ROOT = Path(__file__).resolve().parents[2]
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


def test_many_shoeboxes_at_once_equal_single_ones():
    sizes = [(4, 3, 2.5), (6, 5, 3), (9, 4, 2.8)]
    scenes = [mmi.rooms.Scene.shoebox(size, "plasterboard") for size in sizes]
    sources = torch.tensor([[1.0, 1.0, 1.5], [4.0, 1.0, 1.2], [7.7, 3.1, 1.0]])
    receivers = torch.tensor([[2.5, 2.5, 1.2], [1.5, 3.5, 1.6], [2.0, 2.0, 1.4]])
    options = {"image_order": 8, "samples": 4000}
    made = mmi.rooms.shoeboxes(scenes, sources, receivers, **options)
    assert made.shape == (3, 4000) and made.dtype == torch.float32
    for i, scene in enumerate(scenes):
        one = mmi.rooms.simulate(scene, sources[i], receivers[i], rays=0, **options)[0, 0]
        assert (made[i] - one).abs().max() < 1e-5 * one.abs().max()
    with pytest.raises(mmi.ShapeError, match="3 shoeboxes, 1 sources and 3 receivers"):
        mmi.rooms.shoeboxes(scenes, sources[:1], receivers)
    scenes[0].add_box([1, 1, 0.01], [2, 1.5, 0.8], "cabinet")
    with pytest.raises(mmi.ConfigError, match="empty shoebox"):
        mmi.rooms.shoeboxes(scenes, sources, receivers)


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


def test_rooms_of_any_plan():
    """The scenes of the module's documentation."""
    ell = mmi.rooms.Scene.extrude(
        L_PLAN, 2.7, walls=["brick", "glass", "brick", "brick", "brick", "brick"], floor="parquet"
    )
    report = ell.check()
    assert report["watertight"] and not report["problems"]
    one = mmi.rooms.Scene.extrude(L_PLAN, 2.7, "brick", floor="parquet", ceiling="brick")
    assert ell.volume_m3 == pytest.approx(one.volume_m3)
    assert not torch.equal(ell.eyring_s(), one.eyring_s())
    # Corners in the other direction, the same wall of glass.
    back = [L_PLAN[0], *reversed(L_PLAN[1:])]
    walls = ["brick", "brick", "brick", "brick", "glass", "brick"]
    turned = mmi.rooms.Scene.extrude(back, 2.7, walls=walls, floor="parquet")
    assert torch.allclose(turned.eyring_s(), ell.eyring_s())
    with pytest.raises(mmi.ConfigError, match="6 corners needs one material for its walls, or 6"):
        mmi.rooms.Scene.extrude(L_PLAN, 2.7, walls=["brick", "glass"])

    plan = [(0, 0), (4, 0), (4, 1), (4.15, 1), (4.15, 0), (7, 0)]
    plan += [(7, 4), (4.15, 4), (4.15, 1.9), (4, 1.9), (4, 4), (0, 4)]
    two = mmi.rooms.Scene.extrude(plan, 2.6, "plasterboard")
    two.add_box([4.005, 1.005, 2.05], [4.145, 1.895, 2.595], "plasterboard", name="lintel")
    report = two.check()
    assert report["watertight"] and not report["problems"]
    listener = [2, 1.5, 1.2]
    through = mmi.rooms.paths(two, [5, 1.5, 1.5], listener, image_order=1)
    beside = mmi.rooms.paths(two, [5, 3.5, 1.5], listener, image_order=1)
    assert 0 in through["order"]
    assert 0 not in beside["order"]  # behind the wall
    assert mmi.rooms.simulate(two, [5, 3.5, 1.5], listener, rays=1000).abs().max() > 0.01


def test_furnished_rooms_of_the_world():
    rooms = [mmi.rooms.make_room(seed=1, number=n, sources=3, receivers=2) for n in range(20)]
    assert {room.shape for room in rooms} >= {"shoebox", "l", "two_rooms"}
    room = rooms[0]
    assert room.name == f"{room.category}_idx_1"
    assert room.sources.shape == (3, 3) and room.receivers.shape == (2, 3)
    assert all(room.scene.contains(place) for place in room.sources.tolist())
    assert len(room.scene.objects) > 2 and len(room.plan) >= 4
    again = mmi.rooms.make_room(seed=1, number=0, sources=3, receivers=2)
    assert torch.equal(again.sources, room.sources)


def test_a_recording_is_heard_in_a_room():
    scene = mmi.rooms.Scene.shoebox(SIZE, "brick")
    dry = torch.zeros(4000)
    dry[0] = 1.0
    options = {"rays": 500, "samples": 3000}
    heard = mmi.rooms.auralize(scene, dry, SOURCE, RECEIVER, **options)
    assert heard.shape == (1, 4000 + 3000 - 1) and heard.dtype == torch.float32
    response = mmi.rooms.simulate(scene, SOURCE, RECEIVER, **options)[0, 0]
    assert heard[0].abs().argmax() == response.abs().argmax()
    assert heard[0].square().sum() == pytest.approx(response.square().sum().item(), rel=0.1)

    # The source is to the left of who looks along +x.
    place = [SOURCE[0], SOURCE[1] - 0.5, SOURCE[2]]
    options |= {"binaural": True, "facing_deg": 0}
    left, right = mmi.rooms.auralize(scene, dry, SOURCE, place, **options)
    assert left.abs().max() > 1.5 * right.abs().max()
    walk = mmi.rooms.auralize(
        scene,
        dry.numpy(),
        SOURCE,
        [RECEIVER, [4.0, 1.0, 1.4]],
        binaural=True,
        spacing_m=1.0,
        rays=0,
    )
    assert walk.shape == (2, 4000 + 9600 - 1)
    with pytest.raises(mmi.ConfigError, match="not in the air"):
        mmi.rooms.auralize(scene, dry, SOURCE, [RECEIVER, [9.0, 1.0, 1.4]])
    with pytest.raises(mmi.ShapeError, match="one source is heard"):
        mmi.rooms.auralize(scene, dry, [SOURCE, RECEIVER], RECEIVER)


def test_references_are_shifted_and_scaled():
    responses = torch.zeros(2, 100)
    responses[0, 10] = 1.0
    responses[1, 70] = 2.0
    # 343 m are 22,050 samples: 0.1 m are 6.43, 0.5 m are 32.14.
    source, references = [1.0, 0, 0], [[0.9, 0, 0], [0, 1.5, 0]]
    aligned = mmi.rooms.align(responses, source, references)
    assert aligned.nonzero().tolist() == [[0, 16], [1, 38]]
    assert aligned[0, 16] == pytest.approx(0.9) and aligned[1, 38] == pytest.approx(3.0)
    shift = torch.tensor([2.0, 3.0, 4.0])
    moved = mmi.rooms.align(
        responses, torch.tensor(source) + shift, torch.tensor(references) + shift, receiver=shift
    )
    assert torch.allclose(moved, aligned, atol=1e-5)
    with pytest.raises(mmi.ShapeError, match="responses must be"):
        mmi.rooms.align(responses[:1], source, references)


def test_xrir_predicts_a_response():
    overrides = ["preset=smoke", "device=cpu", "task.rooms.cache=none"]
    task = mmi.build(ROOT / "configs/xrir/xrir.yaml", *overrides)
    scene = mmi.rooms.Scene.shoebox(SIZE, "brick")
    places = [[1.0, 3.0, 1.2], [4.2, 0.8, 1.6], [2.0, 1.0, 1.0]]
    heard = mmi.rooms.simulate(scene, places, RECEIVER, rays=1000)[0]
    answer = task.predict(
        depth=mmi.rooms.depth(scene, RECEIVER),
        receiver=RECEIVER,
        references=places,
        responses=heard,
        sources=SOURCE,
    )
    assert answer["responses"].shape == (1, 9579)
    assert answer["log_spectra"].shape == (1, 63, 310)
    assert not answer["responses"].requires_grad
    # It begins as the mean of the aligned references' spectrograms, so its level is about theirs.
    aligned = mmi.rooms.align(heard, SOURCE, places, RECEIVER)
    level = answer["responses"].norm() / aligned.norm(dim=1).mean()
    assert 0.5 < level < 1.5
    two = task.predict(
        depth=mmi.rooms.depth(scene, RECEIVER, 64, 128).numpy(),
        references=[[0.5, 0.5, 0.1]],
        responses=heard[:1].numpy(),
        sources=[[1.0, 0.2, 0.1], [0.3, 1.0, 0.0]],
    )
    assert two["responses"].shape == (2, 9579)
    with pytest.raises(mmi.ShapeError, match="one for each of the references"):
        task.predict(depth=torch.ones(4, 8), references=places, responses=heard[:2], sources=SOURCE)
    with pytest.raises(mmi.DataError, match='there is no input "source"'):
        task.predict(source=SOURCE)
    rule = mmi.build(ROOT / "configs/xrir/baseline.yaml", *overrides)
    with pytest.raises(mmi.ConfigError, match="predicts from its datasets alone"):
        rule.predict(sources=SOURCE)
