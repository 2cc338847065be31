"""Audio-visual systems that are assembled from YAML, trained and evaluated from C++ or Python.

task = mmi.build("configs/audeo/video2roll.yaml", "preset=smoke", "task.model.width=0.5")
run = mmi.train("configs/audeo/roll2midi.yaml")  # or mmi.load("runs/audeo/roll2midi-…")
run.generate("clip.mp4")  # plays in a notebook
"""

import torch  # first: it loads the LibTorch that the extension links

from mmi import _build_info

if torch.__version__.split("+")[0] != _build_info.torch_version.split("+")[0]:
    raise ImportError(
        f"mmi was built with torch {_build_info.torch_version}, but torch {torch.__version__} is "
        "running: build mmi again here (pip install --force-reinstall --no-deps .)"
    )

from mmi import codecs, decoding, dsp, errors, lm, lora, models, music, rooms, text
from mmi._artifacts import Artifact, Artifacts
from mmi._mmi import load_tensors, save_tensors
from mmi._mmi import set_verbose as verbose
from mmi._model import Model, create
from mmi._register import register, registered
from mmi._run import Run, load, runs, train
from mmi._task import Batches, Task, build
from mmi.errors import (
    CheckpointError,
    ConfigError,
    DataError,
    Error,
    InternalError,
    NotBuiltError,
    NumericError,
    ShapeError,
)

__version__ = _build_info.version

__all__ = [
    "Artifact",
    "Artifacts",
    "Batches",
    "CheckpointError",
    "ConfigError",
    "DataError",
    "Error",
    "InternalError",
    "Model",
    "NotBuiltError",
    "NumericError",
    "Run",
    "ShapeError",
    "Task",
    "build",
    "codecs",
    "create",
    "decoding",
    "dsp",
    "errors",
    "lm",
    "lora",
    "load",
    "load_tensors",
    "models",
    "music",
    "register",
    "registered",
    "rooms",
    "runs",
    "save_tensors",
    "text",
    "train",
    "verbose",
]
