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
    "AddedToken",
    "Batches",
    "CodecFormat",
    "Core",
    "DecodeStream",
    "EncodeStream",
    "KvCache",
    "Material",
    "Note",
    "Run",
    "RunInfo",
    "Scene",
    "SimulateOptions",
    "Stage",
    "Task",
    "Tokenizer",
    "Tokens",
    "WorldRoom",
    "add_lora",
    "align_responses",
    "auralize_room",
    "beam_search",
    "build",
    "cli_main",
    "codec_decode",
    "codec_decode_stream",
    "codec_embed",
    "codec_encode",
    "codec_encode_stream",
    "codec_format",
    "codec_from_latents",
    "codec_latents",
    "codec_settings",
    "codec_vectors",
    "create",
    "create_codec",
    "create_lm",
    "create_token_head",
    "decode_masked",
    "describe_room_measures",
    "energy_decay_curve",
    "export_bundle",
    "filter_logits",
    "find_config",
    "find_run",
    "fit_length",
    "join_group",
    "key_name",
    "leave_group",
    "list_runs",
    "lm_config",
    "lm_embed",
    "lm_embedding_scale",
    "lm_forward",
    "lm_generate",
    "lm_make_cache",
    "load_codec",
    "load_lm",
    "load_lora",
    "load_tensors",
    "load_tokenizer",
    "log_mel",
    "lora_config",
    "make_room",
    "measure_statuses",
    "merge_lora",
    "metric_lines",
    "notes_to_roll",
    "octave_filter",
    "open_run",
    "parse_yaml",
    "published_lm",
    "read_notes",
    "read_scene",
    "register_dataset",
    "register_encoder",
    "register_head",
    "register_metric",
    "register_task",
    "registered",
    "remove_lora",
    "render",
    "resolve",
    "revision",
    "roll_to_notes",
    "room_depth",
    "room_materials",
    "room_measures",
    "room_paths",
    "sample_tokens",
    "save_codec",
    "save_lm",
    "save_lora",
    "save_tensors",
    "set_verbose",
    "shoebox_responses",
    "simulate_room",
    "to_yaml",
    "token_head_complete",
    "token_head_generate",
    "token_head_logits",
    "token_head_loss",
    "train",
    "unproject_depth",
    "unweave_codes",
    "version",
    "weave_codes",
    "write_notes",
    "write_report",
    "write_scene",
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
    def predict(self, inputs: dict[str, typing.Any]) -> dict[str, typing.Any]: ...
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

class AddedToken:
    """
    A token beside the model's own, found in a text before anything else.
    """
    def __repr__(self) -> str: ...
    @property
    def content(self) -> str: ...
    @property
    def id(self) -> int: ...
    @property
    def lstrip(self) -> bool: ...
    @property
    def normalized(self) -> bool: ...
    @property
    def rstrip(self) -> bool: ...
    @property
    def single_word(self) -> bool: ...
    @property
    def special(self) -> bool: ...

class Tokenizer:
    """
    Text <-> ids of one published vocabulary.
    """
    def decode(self, ids: collections.abc.Sequence[int], skip_special: bool = True) -> str:
        """
        Text; bytes that form no character become U+FFFD.
        """
    def encode(self, text: str, add_special: bool = True) -> list[int]:
        """
        Ids; with add_special, what the model expects around a text is added.
        """
    def encode_batch(
        self, texts: collections.abc.Sequence[str], add_special: bool = True, threads: int = 1
    ) -> list[list[int]]:
        """
        A list of ids for each text.
        """
    def id_to_token(self, id: int) -> str | None:
        """
        The token as the file spells it; None for an unused id.
        """
    def token_to_id(self, token: str) -> int | None:
        """
        None where the vocabulary has no such token.
        """
    @property
    def added_tokens(self) -> list[AddedToken]:
        """
        Added tokens in the order of their ids.
        """
    @property
    def vocab_size(self) -> int:
        """
        One more than the highest id: the rows that an embedding needs.
        """

class Material:
    """
    Absorption a band (63 Hz to 8 kHz) and scattering, both in [0, 1].
    """
    def __init__(
        self,
        absorption: float | collections.abc.Sequence[float],
        scattering: float = 0.1,
        name: str = "material",
        category: str = "wall",
    ) -> None: ...
    def __repr__(self) -> str: ...
    @property
    def absorption(self) -> torch.Tensor: ...
    @property
    def category(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def scattering(self) -> float: ...

class Scene:
    """
    A room: planar polygons with materials; metres, z up. Materials are `Material`s or names
    of the library (`mmi.rooms.materials()`).
    """
    @staticmethod
    def extrude(
        plan: collections.abc.Sequence[
            typing.Annotated[collections.abc.Sequence[float], "FixedSize(2)"]
        ],
        height: float,
        walls: Material | str | collections.abc.Sequence[Material | str],
        floor: Material | str | None = None,
        ceiling: Material | str | None = None,
    ) -> Scene:
        """
        A floor plan of (x, y) corners from z = 0 to `height`. `walls`: a material, or a list with
        one for each wall, from corner i to the next; floor and ceiling default to the first.
        """
    @staticmethod
    def shoebox(
        size: typing.Annotated[collections.abc.Sequence[float], "FixedSize(3)"],
        material: Material | str,
    ) -> Scene:
        """
        A box from the origin to `size`.
        """
    def __init__(self) -> None: ...
    def add_box(
        self,
        low: typing.Annotated[collections.abc.Sequence[float], "FixedSize(3)"],
        high: typing.Annotated[collections.abc.Sequence[float], "FixedSize(3)"],
        material: Material | str,
        name: str = "box",
    ) -> None:
        """
        A piece of furniture: a solid box with edges along the axes.
        """
    def add_polygon(
        self,
        corners: collections.abc.Sequence[
            typing.Annotated[collections.abc.Sequence[float], "FixedSize(3)"]
        ],
        material: Material | str,
        name: str | None = None,
    ) -> None:
        """
        A flat convex polygon; its corners run counter-clockwise seen from the air. `name`
        joins polygons to an object.
        """
    def check(self) -> dict[str, typing.Any]:
        """
        Watertightness, volume, surface and problems as a dict.
        """
    def contains(
        self, point: typing.Annotated[collections.abc.Sequence[float], "FixedSize(3)"]
    ) -> bool:
        """
        Whether a point is in the air of the room.
        """
    def eyring_s(self, air: bool = True) -> torch.Tensor:
        """
        Reverberation time a band by Eyring.
        """
    def sabine_s(self, air: bool = True) -> torch.Tensor:
        """
        Reverberation time a band by Sabine.
        """
    @property
    def objects(self) -> list[str]: ...
    @property
    def polygons(self) -> int: ...
    @property
    def surface_m2(self) -> float: ...
    @property
    def volume_m3(self) -> float: ...

class WorldRoom:
    """
    A furnished room with places for sources and receivers.
    """
    def __repr__(self) -> str: ...
    @property
    def category(self) -> str: ...
    @property
    def height_m(self) -> float: ...
    @property
    def name(self) -> str:
        """
        "Apartments_idx_42"
        """
    @property
    def plan(self) -> list[typing.Annotated[list[float], "FixedSize(2)"]]:
        """
        Corners (x, y) of the floor, counter-clockwise.
        """
    @property
    def receivers(self) -> torch.Tensor:
        """
        (R,3) float64, metres.
        """
    @property
    def scene(self) -> Scene: ...
    @property
    def shape(self) -> str:
        """
        shoebox, l, t, u, convex or two_rooms, which a door joins
        """
    @property
    def sources(self) -> torch.Tensor:
        """
        (S,3) float64, metres.
        """

class SimulateOptions:
    """
    How responses are simulated.
    """
    def __init__(
        self,
        *,
        sample_rate_hz: float = 22050.0,
        samples: int = 9600,
        image_order: int = 4,
        rays: int = 20000,
        seed: int = 1,
        air: bool = True,
        high_pass_hz: float = 60.0,
        speed_of_sound: float = 343.0,
        sequence_rays: int = 50000,
    ) -> None: ...

class Tokens:
    """
    Sound as tokens: what a codec's encode gives.
    """
    def __init__(
        self,
        codes: torch.Tensor,
        scales: torch.Tensor | None = None,
        chunks: collections.abc.Sequence[int] = [],
        length: int = 0,
    ) -> None: ...
    @property
    def chunks(self) -> list[int]:
        """
        Frames of each chunk; empty without chunks.
        """
    @property
    def codes(self) -> torch.Tensor:
        """
        (B,K,T) int64
        """
    @property
    def length(self) -> int:
        """
        Samples of the waveform.
        """
    @property
    def scales(self) -> torch.Tensor | None:
        """
        (B,chunks) float32 loudness of each chunk, where the codec takes it out; or None.
        """

class CodecFormat:
    """
    What a codec makes of sound.
    """
    def codebooks_at(self, kbps: float) -> int:
        """
        Codebooks that fit into a bandwidth, at least 1.
        """
    def kbps(self, codebooks: int = 0) -> float:
        """
        kbit/s of so many codebooks; 0: all.
        """
    @property
    def channels(self) -> int: ...
    @property
    def codebook_size(self) -> int:
        """
        V
        """
    @property
    def codebooks(self) -> int:
        """
        K
        """
    @property
    def frame_rate_hz(self) -> float: ...
    @property
    def hop(self) -> int:
        """
        Samples of a frame.
        """
    @property
    def sample_rate_hz(self) -> int: ...

class EncodeStream:
    """
    Waveform to tokens, piece by piece.
    """
    def push(self, wave: torch.Tensor, last: bool = False) -> Tokens:
        """
        (B,C,n) → the frames that are complete by now.
        """

class DecodeStream:
    """
    Tokens to waveform, piece by piece.
    """
    def push(self, tokens: Tokens, last: bool = False) -> torch.Tensor:
        """
        Frames → (B,C,m), what no later frame changes.
        """

class KvCache:
    """
    Keys and values of a text so far (mmi.lm.CausalLM.make_cache).
    """
    def crop(self, n: int) -> None:
        """
        Forgets the columns from n on.
        """
    def reorder(self, index: torch.Tensor) -> None:
        """
        Sample b continues what sample index[b] was, as beam search wants it.
        """
    @property
    def capacity(self) -> int:
        """
        Columns that fit.
        """
    @property
    def length(self) -> int:
        """
        Columns that are there.
        """

def add_lora(model: Core, options: dict[str, typing.Any]) -> int:
    """
    Number of adapted layers.
    """

def align_responses(
    responses: torch.Tensor, source: torch.Tensor, references: torch.Tensor
) -> torch.Tensor:
    """
    Responses (B,K,N) of references (B,K,3), delayed and scaled as the direct sound of a source
    (B,3) asks for; places relative to the receiver.
    """

def auralize_room(
    scene: Scene,
    dry: torch.Tensor,
    source: torch.Tensor,
    receiver: torch.Tensor,
    options: SimulateOptions,
    *,
    binaural: bool,
    facing_deg: float | None,
    spacing_m: float,
    step_s: float,
) -> torch.Tensor:
    """
    A recording (N) of one source as it is heard along receivers (P,3): (C,N+L-1) float32.
    """

def beam_search(
    step: collections.abc.Callable[[torch.Tensor], torch.Tensor],
    reorder: collections.abc.Callable[[torch.Tensor], None],
    prompt: torch.Tensor,
    stop_ids: collections.abc.Sequence[int],
    options: dict[str, typing.Any],
) -> list[list[tuple[list[int], float]]]:
    """
    Hypotheses (new tokens, score) of each sample, best first.
    """

def build(yaml: str, device: str, parents: collections.abc.Mapping[str, Task]) -> Task:
    """
    Builds a task from a resolved configuration.
    """

def cli_main(args: collections.abc.Sequence[str]) -> int:
    """
    The `mmi` command without its program name; returns the exit code.
    """

def codec_decode(codec: Core, tokens: Tokens) -> torch.Tensor: ...
def codec_decode_stream(codec: Core) -> DecodeStream: ...
def codec_embed(codec: Core, codes: torch.Tensor) -> torch.Tensor: ...
def codec_encode(codec: Core, wave: torch.Tensor, codebooks: int) -> Tokens: ...
def codec_encode_stream(codec: Core, codebooks: int) -> EncodeStream: ...
def codec_format(arg0: Core) -> CodecFormat: ...
def codec_from_latents(codec: Core, latents: torch.Tensor) -> torch.Tensor: ...
def codec_latents(codec: Core, wave: torch.Tensor) -> torch.Tensor: ...
def codec_settings(codec: Core) -> tuple[str, dict[str, typing.Any]]: ...
def codec_vectors(arg0: Core) -> torch.Tensor: ...
def create(
    kind: str, name: str, options: dict[str, typing.Any], shape: dict[str, typing.Any]
) -> Core:
    """
    Builds a registered network.
    """

def create_codec(name: str, options: dict[str, typing.Any]) -> Core: ...
def create_lm(
    name: str,
    options: dict[str, typing.Any],
    dtype: torch.dtype,
    device: torch.device,
    draw: bool,
    int8: bool,
) -> Core:
    """
    int8: linear layers of zeros, to be filled by a copy's values.
    """

def create_token_head(
    name: str,
    options: dict[str, typing.Any],
    codebooks: int,
    entries: int,
    condition_features: int,
    codebook_rows: torch.Tensor | None,
) -> Core:
    """
    Builds a registered token head.
    """

def decode_masked(
    network: collections.abc.Callable[[torch.Tensor, int], torch.Tensor],
    tokens: torch.Tensor,
    masked: torch.Tensor | None,
    entries: int,
    seeds: collections.abc.Sequence[int],
    options: dict[str, typing.Any],
) -> tuple[torch.Tensor, int]:
    """
    Tokens (B,K,T) and the number of passes.
    """

def describe_room_measures(
    mode: str = "iso", edt_db: int = 10, t60_db: int = 20, t60_fit: str | None = None
) -> str:
    """
    What room_measures of these settings are, in one line for the head of a table.
    """

def energy_decay_curve(rir: torch.Tensor) -> torch.Tensor:
    """
    Schroeder's backward integral in dB of responses (N) or (B,N) float32, float64.
    """

def export_bundle(run: str | os.PathLike[str], out: str | os.PathLike[str]) -> None: ...
def filter_logits(
    logits: torch.Tensor, options: dict[str, typing.Any], seen: torch.Tensor | None
) -> torch.Tensor:
    """
    Filtered logits (R,V); seen: ids (R,L) or None.
    """

def find_config(name: str) -> pathlib.Path:
    """
    A configuration that comes with libmmi, or the file itself.
    """

def find_run(root: str | os.PathLike[str], reference: str) -> pathlib.Path: ...
def fit_length(
    ids: collections.abc.Sequence[int], length: int, pad: int, end: int = -1
) -> list[int]:
    """
    Exactly `length` ids: padded, or cut with `end` (if not negative) as the last.
    """

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
def lm_config(model: Core) -> dict[str, typing.Any]: ...
def lm_embed(model: Core, ids: torch.Tensor) -> torch.Tensor: ...
def lm_embedding_scale(model: Core) -> float: ...
def lm_forward(
    model: Core,
    input: torch.Tensor,
    cache: KvCache | None,
    mask: torch.Tensor | None,
    last_only: bool,
) -> torch.Tensor: ...
def lm_generate(
    model: Core,
    prompts: collections.abc.Sequence[collections.abc.Sequence[int]],
    embeddings: collections.abc.Sequence[torch.Tensor | None],
    max_new_tokens: int,
    sampling: dict[str, typing.Any],
    seeds: collections.abc.Sequence[int],
    stop_ids: collections.abc.Sequence[int],
    on_token: typing.Any,
) -> list[list[int]]:
    """
    New ids of each prompt.
    """

def lm_make_cache(model: Core, batch: int, columns: int) -> KvCache: ...
def load_codec(path: str | os.PathLike[str]) -> Core: ...
def load_lm(
    folder: str | os.PathLike[str], dtype: torch.dtype | None, device: torch.device, int8: bool
) -> Core:
    """
    dtype None: the file's.
    """

def load_lora(model: Core, folder: str | os.PathLike[str]) -> int:
    """
    Number of adapted layers.
    """

def load_tensors(path: str | os.PathLike[str]) -> list[tuple[str, torch.Tensor]]:
    """
    Named CPU tensors of a .safetensors file, in file order.
    """

def load_tokenizer(path: str | os.PathLike[str]) -> Tokenizer:
    """
    Reads a published tokenizer file, or a folder with one (docs/formats.md).
    """

def log_mel(samples: torch.Tensor) -> torch.Tensor:
    """
    The transcriber's front end.
    """

def lora_config(model: Core) -> dict[str, typing.Any]: ...
def make_room(
    seed: int = 1, number: int = 0, *, sources: int = 10, receivers: int = 12
) -> WorldRoom:
    """
    Room `number` of the world that xRIR learns from: ten categories in turn, six shapes, 2 to 8
    pieces of furniture, windows and doors. A function of its arguments alone.
    """

def measure_statuses() -> list[str]:
    """
    Names of the statuses 0, 1, ….
    """

def merge_lora(model: Core) -> None: ...
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

def octave_filter(
    waveform: torch.Tensor, sample_rate_hz: int, centre_hz: float, backward: bool
) -> torch.Tensor:
    """
    The octave of waveforms (N) or (B,N) float32, float64.
    """

def open_run(path: str | os.PathLike[str], device: str) -> Run: ...
def parse_yaml(text: str, name: str) -> typing.Any:
    """
    YAML as Python's containers; `name` says in messages where it is from.
    """

def published_lm(name: str) -> dict[str, typing.Any]:
    """
    Configuration of a published size.
    """

def read_notes(path: str | os.PathLike[str], sustain_pedal: bool = False) -> list[Note]:
    """
    The pitched notes of a MIDI file.
    """

def read_scene(
    path: str | os.PathLike[str], *, scale: float = 1.0, default_material: str = ""
) -> Scene:
    """
    A scene from a Wavefront .obj (with its .materials.json) or a .yaml description; `scale`:
    metres a unit of the file.
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

def remove_lora(model: Core) -> None: ...
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

def room_depth(
    scene: Scene,
    position: typing.Annotated[collections.abc.Sequence[float], "FixedSize(3)"],
    height: int = 256,
    width: int = 512,
    convention: str = "center",
) -> torch.Tensor:
    """
    Depth panorama (H,W) float32: metres along the ray. Row 0 looks up, the centre column along
    +x; convention "center" or "release" (the maps that xRIR's authors released).
    """

def room_materials() -> list[Material]:
    """
    The materials that ship with the library.
    """

def room_measures(
    rir: torch.Tensor,
    sample_rate_hz: int,
    mode: str,
    bands_hz: collections.abc.Sequence[float],
    edt_db: int,
    t60_db: int,
    t60_fit: str | None,
) -> dict[str, torch.Tensor]:
    """
    Measures of responses (N) or (B,N) float32, by name; no bands_hz: broadband.
    """

def room_paths(
    scene: Scene,
    source: typing.Annotated[collections.abc.Sequence[float], "FixedSize(3)"],
    receiver: typing.Annotated[collections.abc.Sequence[float], "FixedSize(3)"],
    *,
    image_order: int = 4,
    samples: int = 9600,
    sample_rate_hz: float = 22050.0,
    air: bool = True,
    speed_of_sound: float = 343.0,
    sequence_rays: int = 50000,
    facing: typing.Annotated[collections.abc.Sequence[float], "FixedSize(3)"] | None = None,
    omni: float = 1.0,
) -> dict[str, torch.Tensor]:
    """
    The direct sound and specular reflections that arrive, as a dict of tensors: distance_m (P),
    order (P), amplitude (P,8) a band, arrival (P,3) unit vectors from the receiver.
    """

def sample_tokens(
    logits: torch.Tensor,
    seeds: collections.abc.Sequence[int],
    step: int,
    options: dict[str, typing.Any],
    seen: torch.Tensor | None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """
    Tokens (R) and their log-probabilities.
    """

def save_codec(codec: Core, folder: str | os.PathLike[str]) -> None: ...
def save_lm(model: Core, folder: str | os.PathLike[str]) -> None: ...
def save_lora(model: Core, folder: str | os.PathLike[str], base: str) -> None: ...
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

def shoebox_responses(
    scenes: collections.abc.Sequence[Scene],
    sources: torch.Tensor,
    receivers: torch.Tensor,
    options: SimulateOptions,
    device: torch.device,
) -> torch.Tensor:
    """
    Impulse responses (B,L) float32 of B empty shoeboxes, sources (B,3) and receivers (B,3).
    """

def simulate_room(
    scene: Scene,
    sources: torch.Tensor,
    receivers: torch.Tensor,
    options: SimulateOptions,
    facing: torch.Tensor | None = None,
    omni: float = 1.0,
) -> torch.Tensor:
    """
    Impulse responses (R,S,L) float32 of sources (S,3) at receivers (R,3).
    """

def to_yaml(values: dict[str, typing.Any]) -> str:
    """
    A configuration dict as text.
    """

def token_head_complete(
    head: Core,
    features: torch.Tensor,
    mask: torch.Tensor | None,
    codes: torch.Tensor,
    masked: torch.Tensor | None,
    seeds: collections.abc.Sequence[int],
) -> tuple[torch.Tensor, int]:
    """
    Codes (B,K,T) and the number of passes.
    """

def token_head_generate(
    head: Core,
    features: torch.Tensor,
    mask: torch.Tensor | None,
    frames: int,
    seeds: collections.abc.Sequence[int],
    prompt: torch.Tensor | None,
    on_frame: typing.Any,
) -> tuple[torch.Tensor, int]:
    """
    Codes (B,K,T) and the number of passes.
    """

def token_head_logits(
    head: Core, features: torch.Tensor, mask: torch.Tensor | None, codes: torch.Tensor
) -> torch.Tensor:
    """
    (B,K,T,V).
    """

def token_head_loss(
    head: Core,
    features: torch.Tensor,
    mask: torch.Tensor | None,
    codes: torch.Tensor,
    seed: int,
    progress: float,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """
    Loss, and cross entropy and accuracy (K) of each codebook.
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

def unproject_depth(depth: torch.Tensor) -> torch.Tensor:
    """
    Points (...,3,H,W) of depth (...,H,W), relative to the viewer.
    """

def unweave_codes(sequence: torch.Tensor, pattern: str, frames: int) -> torch.Tensor:
    """
    The sequence of a pattern as codes (B,K,T).
    """

def weave_codes(codes: torch.Tensor, pattern: str, special: int) -> torch.Tensor:
    """
    Codes (B,K,T) as the sequence of a pattern.
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

def write_scene(path: str | os.PathLike[str], scene: Scene) -> None:
    """
    Writes .obj and .materials.json.
    """

revision: str
version: str
