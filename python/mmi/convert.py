"""Published checkpoints and pickles become files that hold no code: .safetensors, .npz, .json.

Pickles are opened by loaders that know tensors, arrays and plain containers only.
"""

import io
import json
import os
import pickle
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mmi import _mmi
from mmi._saved_module import module_weights
from mmi.errors import ConfigError, DataError

CHECKPOINTS = (".pth", ".pt", ".ckpt", ".th", ".tar", ".bin")
PICKLES = (".pkl", ".pickle")
_XRIR_KEYS = {"source_network.to_patch_embedding.2.weight", "audio_enc.cnn.conv1.weight"}
_XRIR_UNUSED = ("source_proj.", "audio_enc.cnn.fc_backup.")


def convert(file: str | os.PathLike[str], out: str | os.PathLike[str] | None = None) -> Path:
    """Converts by the ending of `file` and returns what was written.

    .pth .pt .ckpt .th .tar .bin → .safetensors · .pkl → .npz (or .json when it holds no array) ·
    .npz → .pkl · a folder of transformers with pytorch_model.bin or its shards → the same with
    .safetensors. `out`: the file to write, by default beside the input.
    """
    source = Path(file)
    if source.is_dir():
        return model_folder(source, Path(out) if out is not None else source)
    if not source.is_file():
        raise DataError(f"{source}: no such file")
    kind = source.suffix.lower()
    if kind in CHECKPOINTS:
        return checkpoint(source, out)
    if kind in PICKLES:
        return arrays(source, out)
    if kind == ".npz":
        return to_pickle(source, out)
    raise ConfigError(
        f"{source} has the ending {kind or 'none'}; convert knows "
        f"{' '.join((*CHECKPOINTS, *PICKLES))} and .npz"
    )


def checkpoint(source: Path, out: str | os.PathLike[str] | None = None) -> Path:
    """A PyTorch checkpoint → .safetensors with the same keys.

    Plain state dicts, those below "state_dict" and the like, whole modules of torch.save(model)
    (Onsets and Frames), of which the weights alone are read, Audeo's checkpoint-<e>.tar, whose
    two networks get the prefixes generator. and discriminator. as in our Roll2Midi, and xRIR's,
    without the two layers that its outputs do not depend on. A codec of encodec, audiocraft
    (compression_state_dict.bin) or descript-audio-codec becomes a folder with `config.json`, which
    `mmi.codecs.load` reads; DataError where another config.json is in the way.
    """
    loaded = _load(source)
    target = Path(out) if out is not None else source.with_suffix(".safetensors")
    facts = {"converted_from": source.name}
    if isinstance(loaded, Mapping) and isinstance(loaded.get("epoch"), int):
        facts["epoch"] = str(loaded["epoch"])
    weights = _weights(loaded, source)
    if weights.keys() >= _XRIR_KEYS:
        depth, unused = _xrir(weights, source)
        weights = {name: tensor for name, tensor in weights.items() if name not in unused}
        facts |= {"vit_depth": str(depth), "left_out": " ".join(unused)}
        print(
            f"xRIR: task.model.vit.depth={depth}; left out, as no output depends on them: "
            f"{', '.join(unused) or 'nothing'}",
            file=sys.stderr,
        )
    described = _codec_config(weights, loaded, source)
    if described and out is None:
        target = source.with_suffix("") / "model.safetensors"
    config = target.parent / "config.json"
    text = (json.dumps(described, indent=2) + "\n").encode()
    if described and config.exists() and not (config.is_file() and config.read_bytes() == text):
        raise DataError(
            f"{config} is not this codec's and would be overwritten: move it, or give --out a file "
            "in another folder"
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    _mmi.save_tensors(target, list(weights.items()), facts)
    if described:
        _write(config, lambda stream: stream.write(text))
    return target


def model_folder(source: Path, target: Path) -> Path:
    """A folder in transformers' layout whose weights are pickles: `pytorch_model.bin`, or shards
    that `pytorch_model.bin.index.json` lists. Shard after shard becomes .safetensors in `target`;
    all other files but pickles are copied there. Returns `target`.
    """
    index = source / "pytorch_model.bin.index.json"
    if index.is_file():
        try:
            described: Any = json.loads(index.read_text(encoding="utf-8"))
            places: dict[str, str] = dict(described["weight_map"])
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(f"{index} lists no weight_map: {error}") from error
        shards = sorted(set(places.values()))
    elif (source / "pytorch_model.bin").is_file():
        described, places, shards = {}, {}, ["pytorch_model.bin"]
    else:
        raise DataError(f"{source} holds neither pytorch_model.bin nor its index.json")
    if absent := [shard for shard in shards if not (source / shard).is_file()]:
        raise DataError(f"{source} lacks {', '.join(absent)}, which {index.name} lists")
    target.mkdir(parents=True, exist_ok=True)
    renamed = {shard: f"{_stem(shard)}.safetensors" for shard in shards}
    for shard, name in renamed.items():
        weights = _weights(_load(source / shard), source / shard)
        if strange := [key for key in weights if places.get(key, shard) != shard]:
            raise DataError(f"{index} says that {strange[0]} is in {places[strange[0]]}")
        facts = {"format": "pt", "converted_from": shard}
        _mmi.save_tensors(target / name, list(weights.items()), facts)
        print(f"{shard} → {target / name}", file=sys.stderr)
    if places:
        described["weight_map"] = {key: renamed[shard] for key, shard in places.items()}
        text = json.dumps(described, indent=2) + "\n"
        found = target / "model.safetensors.index.json"
        _write(found, lambda stream: stream.write(text.encode()))
    if target.resolve() != source.resolve():
        for file in source.iterdir():
            if file.is_file() and file != index and file.suffix not in (*CHECKPOINTS, *PICKLES):
                _copy(file, target)
    return target


def _copy(file: Path, folder: Path) -> None:
    try:
        shutil.copyfile(file, folder / file.name)
    except OSError as error:
        why = error.strerror or error
        raise DataError(f"{file} cannot be copied to {folder}: {why}") from error


def _stem(shard: str) -> str:
    """pytorch_model-00001-of-00002.bin → model-00001-of-00002."""
    return Path(shard).stem.removeprefix("pytorch_")


def _load(source: Path) -> Any:
    try:
        return torch.load(source, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError) as error:
        if weights := module_weights(source):
            return weights
        raise _no_checkpoint(source, error) from error


def _audiocraft_config(text: str, source: Path) -> dict[str, Any]:
    """audiocraft's xp.cfg → transformers' description of the same EnCodec."""
    settings: Any = _mmi.parse_yaml(text, f"{source}: xp.cfg")

    def value(path: str) -> Any:
        found = settings
        for name in path.split("."):
            if not isinstance(found, Mapping) or name not in found:
                raise DataError(f"{source}: xp.cfg of this codec lacks {path}")
            found = found[name]
        # A reference to another place, which OmegaConf resolves when it is read.
        if isinstance(found, str) and (other := re.fullmatch(r"\$\{([\w.]+)\}", found)):
            return value(other[1])
        return found

    kind = (value("compression_model"), value("encodec.autoencoder"), value("encodec.quantizer"))
    if kind != ("encodec", "seanet", "rvq"):
        raise DataError(f"{source} is a {' with '.join(map(str, kind))}, not an EnCodec")
    causal = value("encodec.causal")
    return {
        "model_type": "encodec",
        "sampling_rate": value("sample_rate"),
        "audio_channels": value("channels"),
        "num_filters": value("seanet.n_filters"),
        "hidden_size": value("seanet.dimension"),
        "upsampling_ratios": list(value("seanet.ratios")),
        "kernel_size": value("seanet.kernel_size"),
        "last_kernel_size": value("seanet.last_kernel_size"),
        "residual_kernel_size": value("seanet.residual_kernel_size"),
        "num_residual_layers": value("seanet.n_residual_layers"),
        "dilation_growth_rate": value("seanet.dilation_base"),
        "compress": value("seanet.compress"),
        "num_lstm_layers": value("seanet.lstm"),
        "use_causal_conv": causal,
        "pad_mode": value("seanet.pad_mode"),
        "norm_type": value("seanet.norm"),
        "normalize": value("encodec.renormalize"),
        "use_conv_shortcut": not value("seanet.true_skip"),
        "trim_right_ratio": value("seanet.decoder.trim_right_ratio") if causal else 1.0,
    }


def _codec_config(
    weights: Mapping[str, Tensor], loaded: Any, source: Path
) -> dict[str, Any] | None:
    """transformers' description of a codec of encodec, audiocraft or descript-audio-codec; None for
    others."""

    def shape(name: str) -> "torch.Size":
        found = weights.get(f"{name}.weight_v", weights.get(f"{name}.weight"))
        if found is None:
            raise DataError(f"a codec's weights lack {name}")
        return found.shape

    if "quantizer.vq.layers.0._codebook.embed" in weights:
        if isinstance(loaded, Mapping) and "xp.cfg" in loaded:
            return _audiocraft_config(str(loaded["xp.cfg"]), source)
        layer = re.compile(r"decoder\.model\.(\d+)\.convtr\.convtr\.weight(_v)?")
        transposed = sorted(int(at[1]) for name in weights if (at := layer.fullmatch(name)))
        ratios = [shape(f"decoder.model.{at}.convtr.convtr")[2] // 2 for at in transposed]
        # The package has two networks, which their norms tell apart.
        grouped = any(".conv.norm." in name for name in weights)
        first = shape("encoder.model.0.conv.conv")
        chunks = {"chunk_length_s": 1.0, "overlap": 0.01} if grouped else {}
        return {
            "model_type": "encodec",
            "sampling_rate": 48000 if grouped else 24000,
            "audio_channels": first[1],
            "num_filters": first[0],
            "hidden_size": weights["quantizer.vq.layers.0._codebook.embed"].shape[1],
            "upsampling_ratios": ratios,
            "use_causal_conv": not grouped,
            "norm_type": "time_group_norm" if grouped else "weight_norm",
            "normalize": grouped,
            **chunks,
        }
    sizes = loaded.get("metadata", {}) if isinstance(loaded, Mapping) else {}
    sizes = sizes.get("kwargs") if isinstance(sizes, Mapping) else None
    if "quantizer.quantizers.0.codebook.weight" in weights and isinstance(sizes, Mapping):
        names = {
            "encoder_dim": "encoder_hidden_size",
            "encoder_rates": "downsampling_ratios",
            "decoder_dim": "decoder_hidden_size",
            "codebook_dim": "codebook_dim",
            "sample_rate": "sampling_rate",
        }
        if absent := [name for name in names if name not in sizes]:
            raise DataError(f"metadata.kwargs of this codec lacks {', '.join(absent)}")
        return {"model_type": "dac"} | {ours: sizes[theirs] for theirs, ours in names.items()}
    return None


def _xrir(weights: Mapping[str, Tensor], source: Path) -> tuple[int, list[str]]:
    """Layers of its transformer, and the names of tensors that no output depends on."""
    layer = re.compile(r"source_network\.transformer\.layers\.(\d+)\.")
    found = {int(at[1]) for name in weights if (at := layer.match(name))}
    if found != set(range(len(found))):
        raise DataError(f"{source} lacks layers of its transformer: it has {sorted(found)}")
    return len(found), [name for name in weights if name.startswith(_XRIR_UNUSED)]


def _no_checkpoint(source: Path, error: Exception) -> DataError:
    text = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    return DataError(f"{source} is no checkpoint of tensors and plain containers: {text}")


def _weights(loaded: Any, source: Path) -> dict[str, Tensor]:
    if not isinstance(loaded, Mapping):
        raise DataError(f"{source} holds a {type(loaded).__name__}, not a state dict")
    if "state_dict_G" in loaded and "state_dict_D" in loaded:
        return {
            f"{network}.{name}": tensor
            for network, key in (("generator", "state_dict_G"), ("discriminator", "state_dict_D"))
            for name, tensor in _weights(loaded[key], source).items()
        }
    for key in ("state_dict", "model_state_dict", "best_state", "model"):
        if isinstance(loaded.get(key), Mapping):
            return _weights(loaded[key], source)
    others = [str(name) for name, value in loaded.items() if not isinstance(value, Tensor)]
    if others or not loaded:
        raise DataError(
            f"{source} is no state dict: {', '.join(others[:5]) or 'it is empty'}"
            f"{' are no tensors' if others else ''}"
        )
    # DataParallel puts "module." before every name.
    wrapped = all(str(name).startswith("module.") for name in loaded)
    return {str(name).removeprefix("module." if wrapped else ""): t for name, t in loaded.items()}


def _latin1(text: str, encoding: str = "latin1") -> bytes:
    if encoding not in ("latin1", "latin-1"):
        raise pickle.UnpicklingError(f"text in {encoding}")
    return text.encode("latin1")


def _known_names() -> dict[tuple[str, str], Any]:
    array = np.zeros(1)
    reconstruct: Any = array.__reduce__()[0]
    scalar: Any = array[0].__reduce__()[0]
    frombuffer: Any = array.__reduce_ex__(5)[0]
    names: dict[tuple[str, str], Any] = {
        ("numpy", "ndarray"): np.ndarray,
        ("numpy", "dtype"): np.dtype,
        ("collections", "OrderedDict"): dict,
        ("_codecs", "encode"): _latin1,
    }
    for core in ("numpy.core", "numpy._core"):
        names[f"{core}.multiarray", "_reconstruct"] = reconstruct
        names[f"{core}.multiarray", "scalar"] = scalar
        names[f"{core}.numeric", "_frombuffer"] = frombuffer
    for module in ("builtins", "__builtin__"):
        for kind in (set, frozenset, bytearray, complex):
            names[module, kind.__name__] = kind
    return names


class _Unpickler(pickle.Unpickler):
    """Knows NumPy's arrays and Python's containers; anything else could run code."""

    _KNOWN = _known_names()

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in self._KNOWN:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}")
        return self._KNOWN[module, name]


def read_pickle(source: Path) -> Any:
    """A pickle of arrays and plain containers; DataError for one that holds anything else."""
    try:
        return _Unpickler(io.BytesIO(source.read_bytes()), encoding="latin1").load()
    except Exception as error:  # a damaged pickle can raise nearly anything
        raise DataError(f"{source} is no pickle of arrays and plain containers: {error}") from error


def arrays(source: Path, out: str | os.PathLike[str] | None = None) -> Path:
    """A pickle → .npz, or .json when it holds no array.

    {frame number: row} (Audeo's labels) becomes `frame` (N) int64, ascending, and `label` (N,K)
    float32; {name: array} keeps its names; a single array is called `array`.
    """
    value = read_pickle(source)
    found = _named_arrays(value)
    if found is None:
        try:
            text = json.dumps(value, ensure_ascii=False)
        except (TypeError, ValueError) as error:
            raise DataError(f"{source} fits neither .npz nor .json: {error}") from error
        target = Path(out) if out is not None else source.with_suffix(".json")
        _write(target, lambda stream: stream.write(text.encode()))
        return target
    target = Path(out) if out is not None else source.with_suffix(".npz")
    _write(target, lambda stream: np.savez_compressed(stream, **found))
    return target


def _numeric(value: Any) -> np.ndarray[Any, Any] | None:
    if isinstance(value, (str, bytes, Mapping)):
        return None
    try:
        array = np.asarray(value)
    except ValueError:
        return None
    return array if array.dtype.kind in "buif" else None


def _named_arrays(value: Any) -> dict[str, Any] | None:
    if isinstance(value, Mapping) and value:
        rows = {key: _numeric(item) for key, item in value.items()}
        if any(row is None for row in rows.values()):
            return None
        if all(isinstance(key, (int, np.integer)) for key in rows):
            frames = sorted(rows)
            if len({np.asarray(row).shape for row in rows.values()}) != 1:
                return None
            return {
                "frame": np.asarray(frames, np.int64),
                "label": np.stack([np.asarray(rows[frame], np.float32) for frame in frames]),
            }
        if all(isinstance(key, str) for key in rows):
            has_array = any(isinstance(item, np.ndarray) for item in value.values())
            return dict(rows) if has_array else None
        return None
    if isinstance(value, np.ndarray):
        array = _numeric(value)
        return None if array is None else {"array": array}
    return None


def to_pickle(source: Path, out: str | os.PathLike[str] | None = None) -> Path:
    """.npz → the pickle it is the twin of, for programs that read the published layout."""
    try:
        with np.load(source, allow_pickle=False) as file:
            found: dict[str, Any] = {name: file[name] for name in file.files}
    except (OSError, ValueError) as error:
        raise DataError(f"{source} is no .npz of plain arrays: {error}") from error
    value: Any = found
    if set(found) == {"frame", "label"}:
        value = dict(zip(found["frame"].tolist(), found["label"], strict=True))
    elif set(found) == {"array"}:
        value = found["array"]
    target = Path(out) if out is not None else source.with_suffix(".pkl")
    _write(target, lambda stream: pickle.dump(value, stream, protocol=4))
    return target


def _write(target: Path, fill: Callable[[Any], object]) -> None:
    """Atomically: nobody sees half a file."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(
        dir=target.parent, prefix=f".{target.name}.", delete=False
    ) as stream:
        try:
            fill(stream)
            stream.flush()
            os.fsync(stream.fileno())
            os.chmod(stream.name, 0o644)
            os.replace(stream.name, target)
        except BaseException:
            os.unlink(stream.name)
            raise
