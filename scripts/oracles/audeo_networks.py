"""Cuts what the network parity tests need out of the oracle folder.

    python scripts/oracles/audeo_networks.py ORACLES/audeo

Writes tests/data/audeo/{oracle.json,video2roll.npz,roll2midi_generator.npz,
roll2midi_discriminator.npz,perfnet.npz}. Origin, licence and the fill rule:
tests/data/audeo/README.md.
"""

import json
import sys
from pathlib import Path

import numpy as np

NETWORKS = ["video2roll", "roll2midi_generator", "roll2midi_discriminator", "perfnet"]
TENSOR_FIELDS = ["name", "role", "shape", "absmax", "npz", "slice", "f64_npz", "f64_slice"]
NETWORK_FIELDS = ["name", "repository", "commit", "constructor", "parameters", "inputs"]


def main() -> None:
    source = Path(sys.argv[1])
    target = Path(__file__).resolve().parents[2] / "tests" / "data" / "audeo"
    target.mkdir(parents=True, exist_ok=True)
    manifest = json.loads((source / "manifest.json").read_text())
    arrays = np.load(source / "outputs.npz")
    networks = []
    for network in manifest["networks"]:
        if network["name"] not in NETWORKS:
            continue
        kept = {field: network[field] for field in NETWORK_FIELDS}
        kept["tensors"] = [
            {field: tensor[field] for field in TENSOR_FIELDS} for tensor in network["tensors"]
        ]
        kept["keys"] = network["keys"]
        networks.append(kept)
        names = [tensor[field] for tensor in kept["tensors"] for field in ("npz", "f64_npz")]
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
