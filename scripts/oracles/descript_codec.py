"""Makes tests/data/codec/descript.{npz,json}: what the package descript-audio-codec computes.

    python scripts/oracles/descript_codec.py SITE

SITE: a folder with the packages descript-audio-codec and einops unpacked, as `pip download
--no-deps` gives them. All weights and inputs are filled by the counter-based rule of
tests/support/oracle.h under the package's names; only outputs, names and shapes are kept.
"""

import importlib
import json
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rule import fill, package, rule
from torch import Tensor, nn

OUT = Path("tests/data/codec")
# Strides that are odd lose samples, strides that are even do not.
RATIOS = {"odd": [2, 4, 5], "even": [2, 8]}
WAVE_STEP = 3
MIN_GAP = 2e-5
GAIN = 0.7  # of weight_g, so that the units' sums stay below the tanh


def import_dac(site: Path) -> Any:
    """Of audiotools only the base class of models is needed, and that is a module."""
    tools = types.ModuleType("audiotools")
    ml = types.ModuleType("audiotools.ml")
    tools.AudioSignal, tools.ml, ml.BaseModel = object, ml, nn.Module
    sys.modules["audiotools"], sys.modules["audiotools.ml"] = tools, ml
    for part in ("dac", "dac.nn", "dac.model"):
        package(part, site / part.replace(".", "/"))
    return importlib.import_module("dac.model.dac")


def smallest_gap(model: Any, wave: Tensor) -> float:
    """Between the best and the second best code, of squared distances of unit vectors."""
    smallest, rest = np.inf, model.encoder(wave)
    for level in model.quantizer.quantizers:
        near = nn.functional.normalize(level.in_proj(rest), dim=1).transpose(1, 2)
        best = (near @ nn.functional.normalize(level.codebook.weight).t()).topk(2).values
        smallest = min(smallest, 2 * float((best[..., 0] - best[..., 1]).min()))
        rest = rest - level(rest)[0]
    return smallest


def main() -> None:
    site = Path(sys.argv[1])
    sys.path.insert(0, str(site))
    dac = import_dac(site)
    torch.set_num_threads(1)
    out: dict[str, np.ndarray] = {}
    keys: dict[str, list[list[Any]]] = {}
    for network, ratios in RATIOS.items():
        model = dac.DAC(
            encoder_dim=4,
            encoder_rates=ratios,
            decoder_dim=32,
            decoder_rates=ratios[::-1],
            n_codebooks=6,
            codebook_size=64,
            codebook_dim=8,
            sample_rate=16000,
        )
        fill(model)
        model.eval()
        state = model.state_dict()
        for key, value in state.items():
            if key.endswith(".weight_g"):
                value.mul_(GAIN)
        keys[network] = [[name, list(value.shape)] for name, value in state.items()]
        hop = int(model.hop_length)
        for length in (1, hop - 1, hop, hop + 1, 60 * hop, 60 * hop + 17):
            name = f"{network}.{length}"
            wave = rule(f"input:{name}", [2, 1, length], "sym")
            with torch.no_grad():
                whole = model.preprocess(wave, 16000)
                latents = model.encoder(whole)
                quantized, codes, _, commitment, codebook = model.quantizer(latents)
                sound = model(wave, 16000)["audio"]
                gap = smallest_gap(model, whole)
            assert gap > MIN_GAP, f"{name}: a code hangs on rounding, {gap:.1g}"
            print(name, [round(float(x.std()), 3) for x in (latents, quantized, sound)], gap)
            out[f"{name}.codes"] = codes.numpy().astype(np.int32)
            out[f"{name}.wave"] = sound[..., ::WAVE_STEP].numpy()
            out[f"{name}.losses"] = np.array([commitment, codebook], np.float32)
            if length <= hop + 1 or length % hop:
                out[f"{name}.latents"] = latents.numpy()
                out[f"{name}.quantized"] = quantized.numpy()
    np.savez_compressed(OUT / "descript.npz", **out)
    (OUT / "descript.json").write_text(json.dumps(keys, separators=(",", ":")) + "\n")
    for file in ("descript.npz", "descript.json"):
        print(OUT / file, (OUT / file).stat().st_size, "bytes")


if __name__ == "__main__":
    main()
