"""Makes tests/data/codec: what the official code of EnCodec and audiocraft computes.

    python scripts/oracles/codec.py SITE AUDIOCRAFT

SITE: a folder with the packages torchaudio (its lib/ removed, where it was built for another
PyTorch), einops, encodec and flashy unpacked, as `pip download --no-deps` gives them.
AUDIOCRAFT: the unpacked source package. All weights and inputs are filled by the counter-based rule
of tests/support/oracle.h under our names; only outputs are kept.
"""

import importlib
import re
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rule import fill, package, rule
from torch import nn

OUT = Path("tests/data/codec")


def import_audiocraft(root: Path, site: Path) -> None:
    flashy = package("flashy", site / "flashy")
    flashy.distrib = types.SimpleNamespace(average_metrics=lambda metrics, count: metrics)
    flashy.averager = importlib.import_module("flashy.utils").averager
    for part in ("", ".losses", ".adversarial", ".modules"):
        package("audiocraft" + part, root / "audiocraft" / part[1:])
    conv = importlib.import_module("audiocraft.modules.conv")
    sys.modules["audiocraft.modules"].pad_for_conv1d = conv.pad_for_conv1d


def losses(out: dict[str, np.ndarray]) -> None:
    specloss = importlib.import_module("audiocraft.losses.specloss")
    adversarial = importlib.import_module("audiocraft.adversarial.losses")
    balancer = importlib.import_module("audiocraft.losses.balancer")
    msstftd = importlib.import_module("encodec.msstftd")

    truth = rule("input:truth", [2, 1, 4001], "sym") * 0.3
    made = (truth + rule("input:error", [2, 1, 4001], "sym") * 0.1).requires_grad_()
    mel = specloss.MultiScaleMelSpectrogramLoss(
        16000, 6, 11, n_mels=64, f_min=64, normalized=True, alphas=False
    )
    loss = mel(made, truth)
    (gradient,) = torch.autograd.grad(loss, [made])
    out["mel"], out["mel.gradient"] = loss.detach().numpy(), gradient[0, 0].numpy()

    critic = msstftd.MultiScaleSTFTDiscriminator(
        filters=4,
        n_ffts=[256, 128],
        hop_lengths=[64, 32],
        win_lengths=[256, 128],
        activation="LeakyReLU",
        activation_params={"negative_slope": 0.3},
    )
    fill(critic, lambda name: None if "spec_transform" in name else name)
    logits, features = critic(truth)
    made_logits, made_features = critic(made)
    for i in range(2):
        out[f"logits.{i}"] = logits[i][0, 0].detach().numpy()
        out[f"feature.{i}"] = features[i][3][0, 1].detach().numpy()
    matching = adversarial.FeatureMatchingLoss()
    feature = sum(matching(a, b) for a, b in zip(made_features, features, strict=True)) / 2
    out["features"] = feature.detach().numpy()
    hinge = [
        adversarial.hinge_fake_loss(a) + adversarial.hinge_real_loss(b)
        for a, b in zip(made_logits, logits, strict=True)
    ]
    out["critic"] = (sum(hinge) / 2).detach().numpy()
    out["generator"] = (sum(map(adversarial.hinge_loss, made_logits)) / 2).detach().numpy()

    # Three steps, so that the running means count.
    scales = balancer.Balancer({"a": 4.0, "b": 0.1, "c": 2.0})
    for step in range(3):
        wave = (rule(f"input:wave{step}", [3, 1, 50], "sym")).requires_grad_()
        target = rule(f"input:target{step}", [3, 1, 50], "sym")
        apart, along = (wave - target).abs().mean(), (wave * target).sum()
        found = {"a": apart, "b": along, "c": (wave**4).sum()}
        effective = scales.backward(found, wave)
        out[f"balanced.{step}"] = wave.grad.numpy()
        out[f"effective.{step}"] = effective.numpy()


def encodec_key(name: str) -> str | None:
    name = re.sub(r"^(en|de)coder\.model\.", r"\1coder.layers.", name)
    name = re.sub(r"\.(conv|convtr)\.(conv|convtr)\.", ".conv.", name)
    name = re.sub(r"^vq\.layers\.(\d+)\._codebook\.", r"quantizer.layers.\1.codebook.", name)
    if ".codebook." in name:
        return name if name.endswith(".embed") else None
    return name


def encodec(out: dict[str, np.ndarray]) -> None:
    modules = importlib.import_module("encodec.modules")
    quantization = importlib.import_module("encodec.quantization")
    for kind, causal in (("causal", True), ("plain", False)):
        sizes: dict[str, Any] = {
            "channels": 1,
            "dimension": 16,
            "n_filters": 4,
            "ratios": [4, 3, 2],
            "lstm": 1,
            "causal": causal,
            "norm": "weight_norm",
            "true_skip": not causal,
        }
        parts = nn.Module()
        parts.encoder = modules.SEANetEncoder(**sizes)
        parts.decoder = modules.SEANetDecoder(**sizes)
        fill(parts, encodec_key)
        vq = quantization.ResidualVectorQuantizer(dimension=16, n_q=3, bins=32)
        fill(vq, encodec_key)
        for layer in vq.vq.layers:
            layer._codebook.inited.fill_(1)
        vq.eval()
        with torch.no_grad():
            latents = parts.encoder(rule("input:wave", [2, 1, 1001], "sym"))
            codes = vq.vq.encode(latents, n_q=3).transpose(0, 1)
            wave = parts.decoder(vq.vq.decode(codes.transpose(0, 1)))
        out[f"encodec.{kind}.latents"] = latents.numpy()
        out[f"encodec.{kind}.codes"] = codes.numpy().astype(np.int32)
        out[f"encodec.{kind}.wave"] = wave.numpy()


def main() -> None:
    site, root = Path(sys.argv[1]), Path(sys.argv[2])
    sys.path.insert(0, str(site))
    import_audiocraft(root, site)
    torch.set_num_threads(1)
    out: dict[str, np.ndarray] = {}
    losses(out)
    encodec(out)
    OUT.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(OUT / "oracle.npz", **out)
    print(OUT / "oracle.npz", (OUT / "oracle.npz").stat().st_size, "bytes")


if __name__ == "__main__":
    main()
