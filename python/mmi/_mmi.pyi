# Made by scripts/make_stubs.py from the extension module.
"""
Bindings of libmmi; use the package mmi.
"""

from __future__ import annotations

import collections.abc
import os
import pathlib
import typing

import torch

__all__: list[str] = [
    "Batches",
    "Core",
    "Note",
    "Run",
    "RunInfo",
    "Stage",
    "Task",
    "build",
    "cli_main",
    "create",
    "export_bundle",
    "find_config",
    "find_run",
    "join_group",
    "key_name",
    "leave_group",
    "list_runs",
    "load_tensors",
    "log_mel",
    "metric_lines",
    "notes_to_roll",
    "open_run",
    "read_notes",
    "register_dataset",
    "register_encoder",
    "register_head",
    "register_metric",
    "register_task",
    "registered",
    "render",
    "resolve",
    "revision",
    "roll_to_notes",
    "save_tensors",
    "set_verbose",
    "to_yaml",
    "train",
    "version",
    "write_notes",
    "write_report",
]

class Core:
    """
    A network of the C++ core; mmi.Model mirrors it.
    """
    def activations(self, input: torch.Tensor) -> list[tuple[str, torch.Tensor]]:
        """
        Named maps on the way to the output.
        """
    def buffers(self) -> list[tuple[str, torch.Tensor]]:
        """
        Its own buffers, without those of its parts.
        """
    def children(self) -> list[tuple[str, Core]]: ...
    def forward(self, input: torch.Tensor) -> torch.Tensor: ...
    def parameters(self) -> list[tuple[str, torch.Tensor]]:
        """
        Its own parameters, without those of its parts.
        """
    def state_names(self) -> list[str]:
        """
        Names of all parameters and buffers, in the order of checkpoints.
        """
    def train(self, on: bool) -> None: ...
    @property
    def key(self) -> int:
        """
        The same for two views of one network.
        """
    @property
    def name(self) -> str: ...
    @property
    def options(self) -> str: ...
    @property
    def training(self) -> bool: ...

class Batches:
    """
    Training batches without end.
    """
    def close(self) -> None:
        """
        Ends the threads that make batches.
        """
    def next(self) -> dict[str, typing.Any]: ...
    def seek(self, batch: int) -> None:
        """
        Continues as if `batch` batches were taken.
        """
    @property
    def per_epoch(self) -> int: ...

class Task:
    """
    A system; mmi.Task wraps it.
    """
    def batches(self, start: int) -> Batches: ...
    def evaluate(self, split: str) -> dict[str, float]: ...
    def generate(
        self,
        input: str | os.PathLike[str],
        out: str | os.PathLike[str],
        options: collections.abc.Mapping[str, str],
    ) -> list[tuple[pathlib.Path, str]]: ...
    def loss(
        self, batch: dict[str, typing.Any], phase: str, step: int
    ) -> dict[str, torch.Tensor]: ...
    def parameters(self, phase: str) -> list[torch.Tensor]: ...
    @property
    def config(self) -> dict[str, typing.Any]: ...
    @property
    def module(self) -> Core: ...
    @property
    def name(self) -> str: ...
    @property
    def parents(self) -> dict[str, Task]: ...
    @property
    def phases(self) -> list[str]: ...
    @property
    def yaml(self) -> str: ...

class Stage:
    """
    A configuration with those of its parents.
    """
    @property
    def file(self) -> pathlib.Path: ...
    @property
    def needs(self) -> list[str]: ...
    @property
    def task(self) -> str: ...
    @property
    def threads(self) -> int: ...
    @property
    def yaml(self) -> str: ...

class RunInfo:
    """
    What run.json says.
    """
    def __repr__(self) -> str: ...
    @property
    def best_metric(self) -> str: ...
    @property
    def best_value(self) -> float: ...
    @property
    def calibration(self) -> dict[str, float]: ...
    @property
    def finished(self) -> bool: ...
    @property
    def id(self) -> str: ...
    @property
    def path(self) -> pathlib.Path: ...
    @property
    def preset(self) -> str: ...
    @property
    def revision(self) -> str:
        """
        of the sources that trained it
        """
    @property
    def seconds(self) -> float:
        """
        of training
        """
    @property
    def started(self) -> str:
        """
        ISO 8601, UTC
        """
    @property
    def steps(self) -> int: ...
    @property
    def task(self) -> str: ...

class Run:
    """
    A trained run; mmi.Run wraps it.
    """
    def evaluate(self, split: str) -> dict[str, float]: ...
    @property
    def info(self) -> RunInfo: ...
    @property
    def parents(self) -> dict[str, Run]: ...
    @property
    def task(self) -> Task: ...

class Note:
    """
    One sounded note; times in seconds, pitch as MIDI number (60 = C4).
    """

    __hash__: typing.ClassVar[None] = None  # type: ignore[assignment]
    def __eq__(self, other: typing.Any) -> bool: ...
    def __init__(
        self, onset_s: float, offset_s: float, pitch: int, velocity: int = 100
    ) -> None: ...
    def __repr__(self) -> str: ...
    @property
    def offset_s(self) -> float: ...
    @offset_s.setter
    def offset_s(self, arg0: float) -> None: ...
    @property
    def onset_s(self) -> float: ...
    @onset_s.setter
    def onset_s(self, arg0: float) -> None: ...
    @property
    def pitch(self) -> int: ...
    @pitch.setter
    def pitch(self, arg0: int) -> None: ...
    @property
    def velocity(self) -> int: ...
    @velocity.setter
    def velocity(self, arg0: int) -> None: ...

def build(yaml: str, device: str, parents: collections.abc.Mapping[str, Task]) -> Task:
    """
    Builds a task from a resolved configuration.
    """

def cli_main(args: collections.abc.Sequence[str]) -> int:
    """
    The `mmi` command without its program name; returns the exit code.
    """

def create(
    kind: str, name: str, options: dict[str, typing.Any], shape: dict[str, typing.Any]
) -> Core:
    """
    Builds a registered network.
    """

def export_bundle(run: str | os.PathLike[str], out: str | os.PathLike[str]) -> None: ...
def find_config(name: str) -> pathlib.Path:
    """
    A configuration that comes with libmmi, or the file itself.
    """

def find_run(root: str | os.PathLike[str], reference: str) -> pathlib.Path: ...
def join_group(
    name: str, rank: int, world: int, missing: collections.abc.Callable[..., typing.Any]
) -> None:
    """
    Trainings of this process share their steps with a process group. `missing`: who is gone.
    """

def key_name(pitch: int) -> str:
    """
    "C4" for 60.
    """

def leave_group() -> None: ...
def list_runs(root: str | os.PathLike[str]) -> list[RunInfo]: ...
def load_tensors(path: str | os.PathLike[str]) -> list[tuple[str, torch.Tensor]]:
    """
    Named CPU tensors of a .safetensors file, in file order.
    """

def log_mel(samples: torch.Tensor) -> torch.Tensor:
    """
    The transcriber's front end.
    """

def metric_lines(run: str | os.PathLike[str]) -> list[dict[str, typing.Any]]:
    """
    The training's log.
    """

def notes_to_roll(
    notes: collections.abc.Sequence[Note],
    fps: float = 25.0,
    frames: int = 0,
    low_pitch: int = 21,
    keys: int = 88,
) -> torch.Tensor:
    """
    Piano roll (F,K) uint8, 1 where a key sounds; frames = 0: as many as the notes need.
    """

def open_run(path: str | os.PathLike[str], device: str) -> Run: ...
def read_notes(path: str | os.PathLike[str], sustain_pedal: bool = False) -> list[Note]:
    """
    The pitched notes of a MIDI file.
    """

def register_dataset(
    name: str, doc: str, factory: collections.abc.Callable[..., typing.Any]
) -> None:
    """
    factory(options) gives an adapter with size, fingerprint, labels() and get(index).
    """

def register_encoder(
    name: str, doc: str, factory: collections.abc.Callable[..., typing.Any]
) -> None:
    """
    factory(in_channels, height, width, options) gives a torch.nn.Module with feature_size.
    """

def register_head(name: str, doc: str, factory: collections.abc.Callable[..., typing.Any]) -> None:
    """
    factory(in_features, out_features, options) gives a torch.nn.Module.
    """

def register_metric(
    name: str, doc: str, factory: collections.abc.Callable[..., typing.Any]
) -> None:
    """
    factory(options) gives a function of (probabilities, truth) to a list of named scores.
    """

def register_task(name: str, doc: str, factory: collections.abc.Callable[..., typing.Any]) -> None:
    """
    factory(seed, device, parents, options) gives an adapter as in mmi/_task_part.py.
    """

def registered() -> dict[str, list[tuple[str, str]]]:
    """
    Kind → names and descriptions of all parts.
    """

def render(
    notes: collections.abc.Sequence[Note],
    sample_rate_hz: int = 16000,
    program: int = 0,
    instrument: str = "",
) -> torch.Tensor:
    """
    Mono sound (N) float32 in (-1, 1); `instrument` is a General MIDI name.
    """

def resolve(file: str, overrides: collections.abc.Sequence[str]) -> Stage:
    """
    Reads and checks a configuration file with its parents.
    """

def roll_to_notes(
    roll: torch.Tensor,
    low_pitch: int = 21,
    fps: float = 25.0,
    velocity: int = 100,
    onsets: torch.Tensor | None = None,
) -> list[Note]:
    """
    Notes of a roll (F,K): values above 0.5 sound; `onsets` (F,K) splits keys struck again.
    """

def save_tensors(
    path: str | os.PathLike[str],
    tensors: collections.abc.Sequence[tuple[str, torch.Tensor]],
    metadata: collections.abc.Mapping[str, str] = {},
) -> None:
    """
    Writes named tensors as .safetensors, atomically.
    """

def set_verbose(on: bool) -> None:
    """
    Progress bars and messages on stderr.
    """

def to_yaml(values: dict[str, typing.Any]) -> str:
    """
    A configuration dict as text.
    """

def train(
    stage: Stage,
    root: str | os.PathLike[str],
    again: bool,
    resume: str | os.PathLike[str],
    asked: collections.abc.Callable[..., typing.Any],
) -> Run:
    """
    Trains what is missing; `asked` is called between steps and says whether to stop.
    """

def write_notes(
    path: str | os.PathLike[str],
    notes: collections.abc.Sequence[Note],
    program: int = 0,
    tempo_bpm: float = 120.0,
) -> None:
    """
    Writes a MIDI file.
    """

def write_report(run: str | os.PathLike[str]) -> pathlib.Path:
    """
    Writes report.html; returns its path.
    """

revision: str
version: str
