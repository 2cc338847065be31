"""Cuts what the network parity tests need out of the oracle folder.

    python scripts/oracles/networks.py ORACLES/audeo

Writes tests/data/<system>/{oracle.json,<network>.npz}. Origin, licence and the fill rule:
tests/data/<system>/README.md.
"""

import json
import math
import sys
from pathlib import Path

import numpy as np

NETWORKS = {
    "audeo": ["video2roll", "roll2midi_generator", "roll2midi_discriminator", "perfnet"],
    "xrir": ["xrir_depth6", "xrir_depth12", "xrir_small"],
    "vatt": ["vatt_decoder_small", "vatt_decoder_1024"],
}
# In the published state, but of no use to any output, or a fixed table: we leave them out.
UNUSED = {"xrir": ("source_proj.", "audio_enc.cnn.fc_backup."), "vatt": ("pos_embed",)}
FIXED = {"xrir": ("dist_embedder.freqs", "time_embedder.freqs")}  # counted as parameters there
TENSOR_FIELDS = ["name", "role", "shape", "absmax", "npz", "slice", "f64_npz", "f64_slice"]
NETWORK_FIELDS = ["name", "repository", "commit", "constructor", "parameters", "inputs"]


def main() -> None:
    source = Path(sys.argv[1])
    system = source.name
    target = Path(__file__).resolve().parents[2] / "tests" / "data" / system
    target.mkdir(parents=True, exist_ok=True)
    manifest = json.loads((source / "manifest.json").read_text())
    arrays = np.load(source / "outputs.npz")
    networks = []
    for network in manifest["networks"]:
        if network["name"] not in NETWORKS[system]:
            continue
        kept = {field: network[field] for field in NETWORK_FIELDS}
        kept["tensors"] = [
            {field: tensor[field] for field in TENSOR_FIELDS}
            for tensor in network["tensors"]
            if "f64_npz" in tensor
        ]
        kept["keys"] = []
        kept["inputs"] = [item for item in kept["inputs"] if "branch" in item]
        for key in network["keys"]:
            unused = key[0].startswith(UNUSED.get(system, ()))
            if not unused:
                kept["keys"].append(key)
            if unused or key[0] in FIXED.get(system, ()):
                kept["parameters"] -= math.prod(key[1])
        networks.append(kept)
        names = [tensor[field] for tensor in kept["tensors"] for field in ("npz", "f64_npz")]
        names += [f"constants.{key}" for key in FIXED.get(system, ())]
        np.savez(target / f"{network['name']}.npz", **{name: arrays[name] for name in names})
    lines = [
        "{"
        + ",\n ".join(
            f"{json.dumps(key)}: "
            + (
                "[\n  " + ",\n  ".join(json.dumps(item) for item in value) + "]"
                if key in ("tensors", "keys")
                else json.dumps(value)
            )
            for key, value in network.items()
        )
        + "}"
        for network in networks
    ]
    (target / "oracle.json").write_text('{"networks": [\n' + ",\n".join(lines) + "]}\n")


if __name__ == "__main__":
    main()
