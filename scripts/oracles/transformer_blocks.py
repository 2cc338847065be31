"""Makes tests/data/x_transformers/oracle.npz: what the package x-transformers computes.

    python scripts/oracles/transformer_blocks.py SITE

SITE: a folder with the packages x-transformers, einops, einx, torch-einops-utils, frozendict,
loguru and packaging unpacked, as `pip download --no-deps` gives them. All weights and inputs are
filled by the counter-based rule of tests/support/oracle.h under our names; only outputs are kept.

Flags that make its Encoder the blocks of our masked transformer: alibi_pos_bias, ff_no_bias,
attn_dim_head = dim / heads, norm_add_unit_offset off; its Decoder those of our autoregressive one:
the same without the first. Its layer norms have no bias, so ours are zero.
"""

import sys
from functools import partial
from pathlib import Path

import numpy as np
import torch
from rule import fill, package, rule
from torch import Tensor, nn

OUT = Path("tests/data/x_transformers")
DIM, HEADS, DEPTH = 32, 4, 2
BATCH, CONDITION, FRAMES = 2, 5, 9
LEVELS, ENTRIES, FEATURES, WIDTH = 3, 20, 6, 16
PADDED = 2  # of the second item's condition


def our_key(stage: str, name: str) -> str:
    """Of the masked transformer."""
    return f"{stage}.attn_layers.{name.replace('.gamma', '.weight')}"


def our_causal_key(name: str) -> str:
    """Of the autoregressive transformer, its queries, keys and values apart."""
    if name == "final_norm.gamma":
        return "out_norm.weight"
    _, number, rest = name.split(".", 2)
    half = int(number) % 2
    part = {
        "0.0.gamma": f"norm{half + 1}.weight",
        "1.to_out.weight": "self_attn.out_proj.weight",
        "1.ff.0.0.weight": "linear1.weight",
        "1.ff.2.weight": "linear2.weight",
    }.get(rest, rest.replace("1.", "self_attn.", 1))
    return f"transformer.layers.{int(number) // 2}.{part}"


def codes() -> Tensor:
    return (rule("input:codes", [BATCH, LEVELS, FRAMES], "unit") * ENTRIES).floor().long()


def condition(layer: str) -> Tensor:
    features = rule("input:features", [BATCH, CONDITION, FEATURES], "sym")
    weight = rule(f"{layer}.weight", [DIM, FEATURES], "matrix")
    return nn.functional.linear(features, weight, rule(f"{layer}.bias", [DIM], "vector"))


def masked_sequence() -> Tensor:
    """What comes before the blocks, without positions: the two parts, each with its vector."""
    rows = rule("embedding.codebooks", [LEVELS, ENTRIES, WIDTH], "sym")
    tokens = nn.functional.linear(
        sum(rows[k][codes()[:, k]] for k in range(LEVELS)),
        rule("embedding.out_proj.weight", [DIM, WIDTH], "matrix"),
        rule("embedding.out_proj.bias", [DIM], "vector"),
    )
    first = condition("img_linear") + rule("modality_v", [1, 1, DIM], "sym")
    return torch.cat([first, tokens + rule("modality_a", [1, 1, DIM], "sym")], 1)


def causal_sequence() -> Tensor:
    """The condition and all columns but the last, behind one of the special id."""
    special = torch.full((BATCH, LEVELS, 1), ENTRIES)
    columns = torch.cat([special, codes()[..., :-1]], 2)
    tables = [rule(f"emb.{k}.weight", [ENTRIES + 1, DIM], "sym") for k in range(LEVELS)]
    return torch.cat(
        [condition("condition_proj"), sum(tables[k][columns[:, k]] for k in range(LEVELS))], 1
    )


def main() -> None:
    site = Path(sys.argv[1])
    sys.path.insert(0, str(site))
    package("x_transformers", site / "x_transformers")
    # The wrapper is imported beside the blocks and not used.
    from x_transformers import x_transformers as official

    torch.set_num_threads(1)
    sizes = {"dim": DIM, "depth": DEPTH, "heads": HEADS, "attn_dim_head": DIM // HEADS}
    flags = {"ff_no_bias": True, "norm_add_unit_offset": False, "verbose": False}
    positions = official.ScaledSinusoidalEmbedding(DIM)
    positions.scale.data.fill_(1)
    out: dict[str, np.ndarray] = {}
    with torch.no_grad():
        x = masked_sequence()
        x = x + positions(x)
        mask = torch.ones(BATCH, CONDITION + FRAMES, dtype=torch.bool)
        mask[1, :PADDED] = False
        for stage in ("encoder", "decoder"):
            blocks = official.Encoder(**sizes, **flags, alibi_pos_bias=True).eval()
            fill(blocks, partial(our_key, stage))
            x = blocks(x, mask=mask)
            out[stage] = x.numpy()
        x = causal_sequence()
        blocks = official.Decoder(**sizes, **flags).eval()
        fill(blocks, our_causal_key)
        x = blocks(x + positions(x))[:, CONDITION:]
        readers = [rule(f"linears.{k}.weight", [ENTRIES, DIM], "matrix") for k in range(LEVELS)]
        out["causal"] = torch.stack([nn.functional.linear(x, r) for r in readers], 1).numpy()
    OUT.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(OUT / "oracle.npz", **out)
    print(OUT / "oracle.npz", (OUT / "oracle.npz").stat().st_size, "bytes")


if __name__ == "__main__":
    main()
