"""Tensor files against the package safetensors: what one writes, the other reads, bit by bit."""

from pathlib import Path
from typing import Any

import mmi
import pytest
import torch
from mmi import _mmi
from safetensors.torch import load_file, save_file
from torch import Tensor

TYPES = [torch.float64, torch.float32, torch.float16, torch.bfloat16]
TYPES += [torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool]


def tensors() -> dict[str, Tensor]:
    random = torch.Generator().manual_seed(4)
    made = {
        f"layers.{i}.{dtype}": torch.randint(0, 90, (i, 3), generator=random).to(dtype)
        for i, dtype in enumerate(TYPES)  # the first is empty
    }
    return {**made, "scalar": torch.tensor(-0.0), "naïve ключ": torch.tensor([torch.nan, 5e-324])}


def bits(tensor: Tensor) -> bytes:
    return tensor.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()


def differing(found: dict[str, Tensor], expected: dict[str, Tensor]) -> int:
    assert found.keys() == expected.keys()
    wrong = 0
    for name, tensor in expected.items():
        assert (found[name].dtype, found[name].shape) == (tensor.dtype, tensor.shape), name
        wrong += sum(a != b for a, b in zip(bits(found[name]), bits(tensor), strict=True))
    return wrong


def test_each_reads_what_the_other_writes(tmp_path: Path, parity: Any) -> None:
    made = tensors()
    size = sum(len(bits(tensor)) for tensor in made.values())
    save_file(made, tmp_path / "theirs.safetensors")
    read = dict(_mmi.load_tensors(tmp_path / "theirs.safetensors"))
    parity.equal("safetensors", "bytes read", differing(read, made), size, "safetensors")
    _mmi.save_tensors(tmp_path / "ours.safetensors", list(made.items()), {"format": "pt"})
    read = load_file(tmp_path / "ours.safetensors")
    parity.equal("safetensors", "bytes written", differing(read, made), size, "safetensors")


def test_what_the_package_refuses_is_refused(tmp_path: Path) -> None:
    save_file(tensors(), tmp_path / "whole.safetensors")
    data = (tmp_path / "whole.safetensors").read_bytes()
    damaged = {
        "nothing": b"",
        "a part of the length": data[:7],
        "a part of the header": data[:40],
        "an end too early": data[:-1],
        "an end too late": data + b"\0",
        "a length beyond the file": len(data).to_bytes(8, "little") + data[8:],
        "a length beyond all limits": b"\xff" * 8 + data[8:],
        "no object": data[:8] + b"[" + data[9:],
        "an unknown type": data.replace(b'"F64"', b'"F65"', 1),
        "a shape of other size": data.replace(b'"shape":[1,3]', b'"shape":[1,4]', 1),
        "a shape that is negative": data.replace(b'"shape":[1,3]', b'"shape":[-,3]', 1),
        "a gap": data.replace(b'"data_offsets":[0,', b'"data_offsets":[1,', 1),
    }
    for fault, content in damaged.items():
        assert content != data, fault
        path = tmp_path / "damaged.safetensors"
        path.write_bytes(content)
        with pytest.raises(Exception):  # noqa: B017, the package's own kind
            load_file(path)
        with pytest.raises(mmi.CheckpointError):
            _mmi.load_tensors(path)
