"""mmi rooms …: the tools as the command line gives them."""

import json
import shutil
from pathlib import Path

import mmi
import numpy as np
import pytest
from mmi.__main__ import main

ROOT = Path(__file__).parents[2]
FAST = ["rays=500", "samples=4000", "sequence_rays=2000"]
TOOLS = ["make", "check", "simulate", "render", "measure", "map", "auralize", "materials"]
Capture = pytest.CaptureFixture[str]


@pytest.fixture
def room(tmp_path: Path) -> str:
    return shutil.copy(ROOT / "configs/xrir/rooms/living_room.yaml", tmp_path)


def results(args: list[str], capfd: Capture) -> dict[str, object]:
    assert main([*args, "--json", "--quiet"]) == 0, capfd.readouterr().err
    made: dict[str, object] = json.loads(capfd.readouterr().out)
    return made


def test_all_tools_are_listed_and_explained(capfd: Capture) -> None:
    assert main(["rooms"]) == 0
    assert [line.split()[0] for line in capfd.readouterr().out.splitlines()] == TOOLS
    for tool in TOOLS:
        assert main(["rooms", tool, "--help"]) == 0
        page = capfd.readouterr().out
        assert f"\nExamples\n  mmi rooms {tool}" in page
        assert max(map(len, page.splitlines())) <= 92, page


def test_check_fails_for_a_scene_with_gaps(tmp_path: Path, room: str, capfd: Capture) -> None:
    checked = results(["rooms", "check", room], capfd)
    assert checked["scenes"][0]["problems"] == []  # type: ignore[index]
    leaky = tmp_path / "leaky.obj"
    leaky.write_text(
        "usemtl brick\nv 0 0 0\nv 4 0 0\nv 0 4 0\nv 0 0 4\nf 1 3 2\nf 1 2 4\nf 1 4 3\n"
    )
    assert main(["rooms", "check", str(leaky)]) == 3
    said = capfd.readouterr()
    assert "has gaps: 3 open edges" in said.out and "not watertight" in said.out
    assert said.err.startswith("mmi: a simulation of") and said.err.count("\n") == 1


def test_simulate_equals_python_and_is_measured(tmp_path: Path, room: str, capfd: Capture) -> None:
    out = tmp_path / "a.wav"
    places = ["source=[1.5,0.7,1.5]", "receiver=[4.5,2.5,1.2]", "rays=500"]
    made = results(["rooms", "simulate", room, "--out", str(out), *places], capfd)
    names = [Path(file["path"]).name for file in made["files"]]  # type: ignore[attr-defined]
    assert names[:2] == ["a.wav", "a.json"]
    again = tmp_path / "again.wav"
    results(["rooms", "simulate", room, "--out", str(again), *places], capfd)
    assert out.read_bytes() == again.read_bytes()
    measured = results(["rooms", "measure", str(out)], capfd)
    told = json.loads(out.with_suffix(".json").read_text())["pairs"][0]["measures"]
    assert measured["responses"][0]["measures"] == told  # type: ignore[index]
    same = results(["rooms", "measure", str(out), str(again), "compare=true"], capfd)
    assert same["values"] == {"edt_error_s": 0, "c50_error_db": 0, "t60_error_percent": 0}


def test_render_equals_python(tmp_path: Path, capfd: Capture) -> None:
    (tmp_path / "box.yaml").write_text("shoebox: [5, 4, 3]\nwalls: brick\n")
    out = tmp_path / "depth.npy"
    size = ["position=[1,2,1.2]", "height=16", "width=32"]
    results(["rooms", "render", str(tmp_path / "box.yaml"), "--out", str(out), *size], capfd)
    depth = mmi.rooms.depth(mmi.rooms.Scene.shoebox([5, 4, 3], "brick"), [1, 2, 1.2], 16, 32)
    np.testing.assert_array_equal(np.load(out), depth.numpy())


def test_map_covers_the_floor(tmp_path: Path, room: str, capfd: Capture) -> None:
    out = tmp_path / "map.csv"
    grid = ["source=[1.5,0.7,1.5]", "spacing=0.5", "measure=t20_s"]
    made = results(["rooms", "map", room, "--out", str(out), *grid, *FAST], capfd)
    table = np.genfromtxt(out, delimiter=",", names=True, dtype=None, encoding="utf8")
    assert len(table) == made["values"]["points"] > 50  # type: ignore[index]
    assert np.isfinite(table["level_db"]).all()


def test_materials_are_a_library(tmp_path: Path, capfd: Capture) -> None:
    out = tmp_path / "room.materials.json"
    listed = results(["rooms", "materials", "--out", str(out)], capfd)
    names = [material.name for material in mmi.rooms.materials()]
    assert [row["name"] for row in listed["materials"]] == names  # type: ignore[attr-defined]
    rows = json.loads(out.read_text())
    assert [row["name"] for row in rows] == names and len(rows[0]["absorption_coef"]) == 8


@pytest.mark.parametrize(
    ("args", "code", "text"),
    [
        (["check"], 2, "needs a scene"),
        (["check", "nothing.obj"], 3, "nothing.obj"),
        (["check", "{room}", "scale=100"], 3, "scale=1 may help"),
        (
            ["simulate", "{room}", "--out", "{out}", "source=[0.5,2,0.3]", "receiver=[4,2,1]"],
            3,
            "is inside",
        ),
        (["simulate", "{room}", "--out", "{out}", "sorce=[1,1,1]"], 2, 'did you mean "source"'),
        (["map", "{room}", "--out", "{out}", "source=[1,1,1]", "measure=c80"], 2, "c50_db | t20_s"),
        (["measure", "{room}"], 3, "living_room.yaml"),
        (["rendr", "{room}"], 2, 'did you mean "rooms/render"'),
    ],
)
def test_mistakes_are_one_sentence(
    args: list[str], code: int, text: str, tmp_path: Path, room: str, capfd: Capture
) -> None:
    out = tmp_path / "out.wav"
    filled = [arg.format(room=room, out=out) for arg in args]
    assert main(["rooms", *filled]) == code
    said = capfd.readouterr().err
    assert text in said and said.startswith("mmi: ") and "Traceback" not in said
    assert [path.name for path in tmp_path.iterdir()] == ["living_room.yaml"]


def test_rooms_are_made_in_the_published_layout(tmp_path: Path, capfd: Capture) -> None:
    out = tmp_path / "rooms"
    small = ["rooms=2", "sources=2", "receivers=2", "rays=200"]
    made = results(["rooms", "make", "--out", str(out), *small], capfd)
    assert made["values"] == {"rooms": 2, "responses": 8}
    assert len(list(out.glob("single_channel_ir/*/*/*.wav"))) == 8
    assert len(list(out.glob("depth_map/*/*/*.npy"))) == 4
    held = json.loads((out / "seen_test_split.json").read_text())
    assert len(held) == 4  # the last receiver of each room, two sources
    mesh = next(out.glob("room_mesh_obj_format/*/*.obj"))
    checked = results(["rooms", "check", str(mesh)], capfd)
    assert checked["scenes"][0]["problems"] == []  # type: ignore[index]
