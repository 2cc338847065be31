import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mmi
import pytest
import torch

# Networks this small are slower on several threads, and much slower on a busy machine.
torch.set_num_threads(1)


def tiny_config(**task: Any) -> dict[str, Any]:
    """Video2Roll small enough for a test: 36x132 pictures, one piece a split, a few steps."""
    return {
        "seed": 3,
        "threads": 1,
        "device": "cpu",
        "task": {
            "name": "audeo/video2roll",
            "model": {"name": "video2roll", "width": 0.05},
            "recordings": {
                "name": "piano_world",
                "train_pieces": 1,
                "valid_pieces": 1,
                "test_pieces": 1,
                "duration_s": 4,
            },
            "height": 36,
            "width": 132,
            "draws_per_epoch": 16,
            "loader": {"batch_size": 4},
            **task,
        },
        "train": {"max_steps": 4, "eval_every": 2, "log_every": 1},
    }


@pytest.fixture
def config() -> Callable[..., dict[str, Any]]:
    return tiny_config


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> mmi.Run:
    return mmi.train(tiny_config(), runs=tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A gray video of two seconds."""
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    source = ["-f", "lavfi", "-i", "testsrc=size=264x72:rate=25", "-t", "2"]
    command = ["ffmpeg", "-loglevel", "error", *source, "-pix_fmt", "yuv420p", str(path)]
    subprocess.run(command, check=True)
    return path


class Parity:
    """Compares with a reference, and keeps what was measured: scripts/parity.py makes a table."""

    def __init__(self, record: Callable[[str, object], None]) -> None:
        self._record = record

    def __call__(
        self, module: str, what: str, difference: float, bar: float, package: str = "transformers"
    ) -> None:
        self._keep(module, what, package, {"difference": difference, "bar": bar})
        assert difference <= bar, (module, what)

    def equal(
        self,
        module: str,
        what: str,
        wrong: int,
        count: int,
        package: str = "transformers",
        allowed: float = 0,
    ) -> None:
        """`allowed`: share of `count`."""
        found = {"wrong": wrong, "count": count, "bar": allowed}
        self._keep(module, what, package, found)
        assert wrong <= allowed * count, (module, what, wrong, count)

    def _keep(self, module: str, what: str, package: str, found: dict[str, float]) -> None:
        self._record("parity", json.dumps([module, what, package, found]))


@pytest.fixture
def parity(record_property: Callable[[str, object], None]) -> Parity:
    return Parity(record_property)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "parity" in getattr(item, "fixturenames", ()):
            item.add_marker("parity")
