"""Compares our Video2Roll and Roll2Midi with the official code, on its own weights where given.

    .venv/bin/python scripts/parity_audeo.py AUDEO [--video2roll Video2RollNet.pth]
        [--roll2midi checkpoint-N.tar] [--frames FOLDER]

AUDEO is a checkout of github.com/shlizee/Audeo; its Video2RollNet.py and Roll2MidiNet.py are
imported and run. Without a weight file, the official network's first random weights are taken.
--frames: a folder frame<N>.jpg of the published layout (900x100) to look at instead of noise.

Prints, for each network, the largest absolute difference of the outputs. Weights are read with
weights_only=True. Not part of CI: neither the repository nor its weights come with libmmi.
"""

import argparse
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import mmi
import numpy as np
import torch
from PIL import Image


def official(folder: Path, name: str) -> ModuleType:
    path = folder / f"{name}.py"
    if not path.exists():
        sys.exit(f"{path} is missing: name a checkout of github.com/shlizee/Audeo")
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def stacks(folder: Path | None) -> torch.Tensor:
    """(8,5,100,900) in [0, 1]."""
    if folder is None:
        return torch.rand(8, 5, 100, 900)
    files = sorted(folder.glob("frame*.jpg"), key=lambda path: int(path.stem[5:]))[:12]
    if len(files) < 12:
        sys.exit(f"{folder} holds {len(files)} files frame<N>.jpg; 12 are needed")
    images = [np.asarray(Image.open(path).convert("L").resize((900, 100))) for path in files]
    frames = torch.from_numpy(np.stack(images)).float() / 255
    return frames.unfold(0, 5, 1).permute(0, 3, 1, 2).contiguous()


def compare(
    name: str, theirs: torch.nn.Module, ours: torch.nn.Module, inputs: torch.Tensor
) -> torch.Tensor:
    ours.load_state_dict(theirs.state_dict())
    theirs.eval()
    ours.eval()
    with torch.no_grad():
        expected = theirs(inputs)
        found = ours(inputs)
    difference = (expected - found).abs().max().item()
    print(
        f"{name}: max abs difference {difference:.3g} of outputs up to {expected.abs().max():.3g}"
    )
    return expected


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("audeo", type=Path)
    parser.add_argument("--video2roll", type=Path)
    parser.add_argument("--roll2midi", type=Path)
    parser.add_argument("--frames", type=Path)
    args = parser.parse_args()
    torch.manual_seed(1)

    first = official(args.audeo, "Video2RollNet").resnet18(num_classes=51)
    if args.video2roll:
        first.load_state_dict(torch.load(args.video2roll, map_location="cpu", weights_only=True))
    logits = compare("Video2Roll", first, mmi.models.audeo.Video2Roll(), stacks(args.frames))

    second = official(args.audeo, "Roll2MidiNet").Generator((1, 51, 100))
    if args.roll2midi:
        saved = torch.load(args.roll2midi, map_location="cpu", weights_only=True)
        second.load_state_dict(saved["state_dict_G"])
    roll = torch.rand(1, 1, 51, 100)
    roll[0, 0, :, : len(logits)] = logits.sigmoid().t()
    compare("Roll2Midi", second, mmi.models.audeo.Roll2MidiGenerator(), roll)


if __name__ == "__main__":
    main()
