"""Codecs against transformers: files that it saves, random weights."""

import copy
import json
import pickle
import re
from pathlib import Path
from typing import Any

import mmi
import pytest
import torch
from mmi import _mmi, codecs, convert, errors
from torch import Tensor

transformers = pytest.importorskip("transformers")

ENCODEC = {
    "encodec_24khz": {},
    "encodec_48khz": {
        "sampling_rate": 48000,
        "audio_channels": 2,
        "use_causal_conv": False,
        "norm_type": "time_group_norm",
        "normalize": True,
        "chunk_length_s": 1.0,
        "overlap": 0.01,
        "target_bandwidths": [3.0, 6.0, 12.0, 24.0],
    },
    "encodec_32khz": {
        "sampling_rate": 32000,
        "use_causal_conv": False,
        "num_filters": 64,
        "upsampling_ratios": [8, 5, 4, 4],
        "codebook_size": 2048,
        "target_bandwidths": [2.2],
        "use_conv_shortcut": False,
    },
    "encodec_16khz": {
        "sampling_rate": 16000,
        "use_causal_conv": False,
        "num_filters": 64,
        "codebook_size": 2048,
        "target_bandwidths": [2.2],
        "use_conv_shortcut": False,
        "pad_mode": "constant",
    },
}
DAC = {
    "dac_16khz": {
        "downsampling_ratios": [2, 4, 5, 8],
        "n_codebooks": 12,
        "sampling_rate": 16000,
    },
    "dac_24khz": {
        "downsampling_ratios": [2, 4, 5, 8],
        "n_codebooks": 32,
        "sampling_rate": 24000,
    },
    "dac_44khz": {
        "downsampling_ratios": [2, 4, 8, 8],
        "n_codebooks": 9,
        "sampling_rate": 44100,
    },
}
LENGTHS = (1, 319, 320, 4000, 16001)


def small(config: dict[str, Any], kind: str) -> dict[str, Any]:
    if kind == "encodec":
        return {**config, "num_filters": 8, "hidden_size": 16, "codebook_dim": 16}
    return {**config, "encoder_hidden_size": 8, "decoder_hidden_size": 64}


def reference(name: str, published: bool = False) -> Any:
    """transformers' network with random weights, its codebooks at the scale of its latents."""
    torch.manual_seed(5)
    if name in ENCODEC:
        config = ENCODEC[name] if published else small(ENCODEC[name], "encodec")
        model = transformers.EncodecModel(transformers.EncodecConfig(**config))
        with torch.no_grad():
            wave = noise(model.config.audio_channels, model.config.sampling_rate // 2)
            scale = model.encoder(wave).std()
            for layer in model.quantizer.layers:
                layer.codebook.embed.normal_(0, float(scale))
                scale = 0.85 * scale
        return model.eval()
    config = DAC[name] if published else small(DAC[name], "dac")
    model = transformers.DacModel(transformers.DacConfig(**config))
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1 and parameter.shape[0] > 1:  # 0.02 everywhere would be silence
                fan_in = parameter[0].numel()
                parameter.normal_(0, 0.6 * fan_in**-0.5)
    return model.eval()


def noise(channels: int, length: int, batch: int = 1) -> Tensor:
    return 0.3 * torch.randn(batch, channels, length, generator=torch.Generator().manual_seed(9))


@pytest.fixture(params=[*ENCODEC, *DAC])
def pair(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, Any, codecs.Codec]:
    model = reference(request.param)
    model.save_pretrained(tmp_path)
    return request.param, model, codecs.load(tmp_path)


def near(parity: Any, name: str, what: str, found: Tensor, expected: Tensor) -> None:
    """Within 1e-4, or that share of the largest value where it is below 1."""
    assert found.shape == expected.shape
    bar = 1e-4 * min(1.0, float(expected.abs().max()))
    parity(name, what, float((found - expected).abs().max()), bar)


def test_latents_and_waves_are_those_of_transformers(
    pair: tuple[str, Any, codecs.Codec], parity: Any
) -> None:
    name, theirs, ours = pair
    with torch.no_grad():
        for length in LENGTHS:
            wave = noise(ours.format.channels, length, batch=2)
            if name in DAC:
                wave = torch.nn.functional.pad(wave, (0, -length % ours.format.hop))
            expected = theirs.encoder(wave)
            near(parity, name, "latents", ours.latents(wave), expected)
            near(parity, name, "wave", ours.from_latents(expected), theirs.decoder(expected))


def test_codes_are_those_of_transformers(pair: tuple[str, Any, codecs.Codec], parity: Any) -> None:
    name, theirs, ours = pair
    with torch.no_grad():
        if name in DAC:
            wave = noise(1, 100 * ours.format.hop)
            expected = theirs.encode(wave).audio_codes
            codes = ours.encode(wave).codes
        else:
            wave = noise(ours.format.channels, 2 * ours.format.sample_rate_hz + 4000)
            bandwidth = theirs.config.target_bandwidths[-1]
            encoded = theirs.encode(wave, bandwidth=bandwidth)
            expected = torch.cat(list(encoded.audio_codes), 2)
            if encoded.last_frame_pad_length:
                expected = expected[..., : -encoded.last_frame_pad_length]
            tokens = ours.encode(wave, kbps=bandwidth)
            codes = tokens.codes
            if encoded.audio_scales[0] is not None:
                scales = torch.cat(encoded.audio_scales, 1)
                torch.testing.assert_close(tokens.scales, scales, rtol=1e-5, atol=1e-7)
    assert codes.shape == expected.shape
    wrong = int((codes != expected).sum())
    parity.equal(name, "codes", wrong, codes.numel(), allowed=5e-4)


def test_decoding_is_that_of_transformers(pair: tuple[str, Any, codecs.Codec], parity: Any) -> None:
    name, theirs, ours = pair
    with torch.no_grad():
        if name in DAC:
            tokens = ours.encode(noise(1, 50 * ours.format.hop))
            expected = theirs.decode(audio_codes=tokens.codes).audio_values[:, None]
            sound = ours.decode(tokens)[..., : expected.shape[2]]
        else:
            wave = noise(ours.format.channels, 2 * ours.format.sample_rate_hz + 4000)
            encoded = theirs.encode(wave, bandwidth=theirs.config.target_bandwidths[-1])
            expected = theirs.decode(
                encoded.audio_codes,
                encoded.audio_scales,
                last_frame_pad_length=encoded.last_frame_pad_length,
            ).audio_values[..., : wave.shape[2]]
            sound = ours.decode(ours.encode(wave))
    near(parity, name, "wave of its codes", sound, expected)


def test_transformers_reads_what_we_save(
    pair: tuple[str, Any, codecs.Codec], tmp_path: Path
) -> None:
    name, theirs, ours = pair
    codecs.save(ours, tmp_path / "ours")
    kind = transformers.DacModel if name in DAC else transformers.EncodecModel
    read, report = kind.from_pretrained(tmp_path / "ours", output_loading_info=True)
    assert not report["missing_keys"] and not report["unexpected_keys"]
    for (key, expected), (other, value) in zip(
        theirs.state_dict().items(), read.state_dict().items(), strict=True
    ):
        assert key == other
        torch.testing.assert_close(value, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["encodec_24khz", "dac_16khz"])
def test_published_size(name: str, tmp_path: Path, parity: Any) -> None:
    theirs = reference(name, published=True)
    theirs.save_pretrained(tmp_path)
    ours = codecs.create(name, weights=str(tmp_path))
    with torch.no_grad():
        wave = noise(1, 50 * ours.format.hop)
        expected = theirs.encoder(wave)
        near(parity, f"{name}, published size", "latents", ours.latents(wave), expected)
        sound = theirs.decoder(expected)
        near(parity, f"{name}, published size", "wave", ours.from_latents(expected), sound)


def upstream_name(name: str, key: str) -> str:
    """The key of transformers' tensor in the checkpoints of encodec and descript-audio-codec."""
    key = key.replace("parametrizations.weight.original0", "weight_g")
    key = key.replace("parametrizations.weight.original1", "weight_v")
    if name in ENCODEC:
        key = re.sub(r"^(encoder|decoder)\.layers\.", r"\1.model.", key)
        strided = re.match(r"decoder\.model\.(\d+)\.conv\.", key)
        transposed = strided is not None and int(strided[1]) in (3, 6, 9, 12)
        key = key.replace(".conv.", ".convtr.convtr." if transposed else ".conv.conv.")
        key = key.replace(".norm.", ".conv.norm.")
        return re.sub(
            r"^quantizer\.layers\.(\d+)\.codebook", r"quantizer.vq.layers.\1._codebook", key
        )
    part = {"snake1": "0", "conv1": "1", "snake2": "2", "conv2": "3"}
    unit = re.match(r"(encoder|decoder)\.block\.(\d)\.(?:res_unit(\d)\.)?(\w+)\.(.+)", key)
    if unit:
        side, block, number, layer, rest = unit.groups()
        stem = f"{'encoder.block' if side == 'encoder' else 'decoder.model'}.{int(block) + 1}.block"
        if number:
            first = -1 if side == "encoder" else 1
            return f"{stem}.{int(number) + first}.block.{part[layer]}.{rest}"
        place = {"encoder": {"snake1": 3, "conv1": 4}, "decoder": {"snake1": 0, "conv_t1": 1}}
        return f"{stem}.{place[side][layer]}.{rest}"
    for ours, theirs in (
        ("encoder.conv1", "encoder.block.0"),
        ("encoder.snake1", "encoder.block.5"),
        ("encoder.conv2", "encoder.block.6"),
        ("decoder.conv1", "decoder.model.0"),
        ("decoder.snake1", "decoder.model.5"),
        ("decoder.conv2", "decoder.model.6"),
    ):
        key = key.replace(ours + ".", theirs + ".")
    return key


@pytest.mark.parametrize("name", ["encodec_24khz", "encodec_48khz", "dac_16khz"])
def test_upstream_names_are_read(name: str, tmp_path: Path) -> None:
    theirs = reference(name)
    theirs.save_pretrained(tmp_path)
    ours = codecs.load(tmp_path)
    if name in DAC:
        theirs.apply_weight_norm()
    renamed = {upstream_name(name, key): value for key, value in theirs.state_dict().items()}
    assert renamed.keys().isdisjoint(
        k for k in theirs.state_dict() if not k.startswith("quantizer")
    )
    _mmi.save_tensors(tmp_path / "model.safetensors", list(renamed.items()), {})
    again = codecs.load(tmp_path)
    for (key, expected), (other, value) in zip(
        ours.state_dict().items(), again.state_dict().items(), strict=True
    ):
        assert key == other
        torch.testing.assert_close(value, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["encodec_24khz", "encodec_48khz", "dac_44khz"])
def test_published_checkpoints_become_folders(name: str, tmp_path: Path) -> None:
    theirs = reference(name)
    theirs.save_pretrained(tmp_path / "theirs")
    if name in DAC:
        theirs.apply_weight_norm()
    state: Any = {upstream_name(name, key): value for key, value in theirs.state_dict().items()}
    if name in DAC:
        kwargs = {
            "encoder_dim": theirs.config.encoder_hidden_size,
            "encoder_rates": list(theirs.config.downsampling_ratios),
            "decoder_dim": theirs.config.decoder_hidden_size,
            "n_codebooks": theirs.config.n_codebooks,
            "codebook_size": theirs.config.codebook_size,
            "codebook_dim": theirs.config.codebook_dim,
            "sample_rate": theirs.config.sampling_rate,
        }
        state = {"state_dict": state, "metadata": {"kwargs": kwargs}}
    torch.save(state, tmp_path / "codec.pth")
    folder = convert.convert(tmp_path / "codec.pth").parent
    assert folder == tmp_path / "codec"
    codec, expected = codecs.load(folder), codecs.load(tmp_path / "theirs")
    assert codec.format.sample_rate_hz == expected.format.sample_rate_hz
    with torch.no_grad():
        wave = noise(expected.format.channels, 4 * expected.format.hop)
        torch.testing.assert_close(codec.latents(wave), expected.latents(wave))
        latents = expected.latents(wave)
        torch.testing.assert_close(codec.from_latents(latents), expected.from_latents(latents))


def test_the_description_of_another_model_is_not_overwritten(tmp_path: Path) -> None:
    theirs = reference("encodec_24khz")
    state = {upstream_name("encodec_24khz", key): t for key, t in theirs.state_dict().items()}
    torch.save(state, tmp_path / "codec.pth")
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / "config.json").write_text('{"model_type": "llama"}')
    with pytest.raises(errors.DataError, match=r"models/config\.json is not this codec's"):
        convert.convert(tmp_path / "codec.pth", folder / "codec.safetensors")
    assert [path.name for path in folder.iterdir()] == ["config.json"]
    assert (folder / "config.json").read_text() == '{"model_type": "llama"}'
    for _ in range(2):  # its own may be there
        convert.convert(tmp_path / "codec.pth", tmp_path / "own" / "codec.safetensors")
    assert len(list((tmp_path / "own").iterdir())) == 2


XP_CFG = """
sample_rate: 16000
channels: 1
compression_model: {model}
encodec:
  autoencoder: seanet
  quantizer: rvq
  sample_rate: ${{sample_rate}}
  causal: false
  renormalize: false
seanet:
  dimension: {dimension}
  channels: ${{channels}}
  causal: ${{encodec.causal}}
  n_filters: {filters}
  n_residual_layers: 1
  ratios: [8, 5, 4, 2]
  norm: weight_norm
  kernel_size: 7
  residual_kernel_size: 3
  last_kernel_size: 7
  dilation_base: 2
  pad_mode: constant
  true_skip: true
  compress: 2
  lstm: 2
  decoder: {{trim_right_ratio: 1.0, final_activation: null}}
rvq: {{n_q: 4, bins: 2048}}
"""


def test_audiocraft_checkpoints_become_folders(tmp_path: Path) -> None:
    theirs = reference("encodec_16khz")
    theirs.save_pretrained(tmp_path / "theirs")
    state = {
        upstream_name("encodec_16khz", key): value for key, value in theirs.state_dict().items()
    }
    sizes = {"dimension": theirs.config.hidden_size, "filters": theirs.config.num_filters}
    source = tmp_path / "compression_state_dict.bin"
    described = XP_CFG.format(model="encodec", **sizes)
    torch.save({"best_state": state, "xp.cfg": described, "exported": True}, source)
    folder = convert.convert(source).parent
    assert folder == tmp_path / "compression_state_dict"
    codec, expected = codecs.load(folder), codecs.load(tmp_path / "theirs")
    assert codec.format.sample_rate_hz == 16000 and codec.format.codebooks == 4
    wave = noise(1, 4001)
    with torch.no_grad():
        assert (codec.encode(wave).codes == expected.encode(wave).codes).all()
        torch.testing.assert_close(codec.latents(wave), expected.latents(wave))
    for text, message in [
        (
            described.replace("  pad_mode: constant\n", ""),
            "xp.cfg of this codec lacks seanet.pad_mode",
        ),
        (XP_CFG.format(model="dac", **sizes), "is a dac with seanet with rvq, not an EnCodec"),
        ("a: [", "xp.cfg"),
    ]:
        torch.save({"best_state": state, "xp.cfg": text}, source)
        with pytest.raises((errors.DataError, errors.ConfigError), match=message):
            convert.convert(source, tmp_path / "other" / "model.safetensors")
        assert not (tmp_path / "other").exists()


def test_a_codec_is_a_module(tmp_path: Path) -> None:
    reference("encodec_24khz").save_pretrained(tmp_path)
    codec = codecs.load(tmp_path)
    wave = noise(1, 3200)
    codes = codec.encode(wave).codes
    drawn = torch.get_rng_state()
    for other in (copy.deepcopy(codec), pickle.loads(pickle.dumps(codec))):
        assert torch.equal(other.encode(wave).codes, codes)
    assert torch.equal(torch.get_rng_state(), drawn)  # copies draw nothing of the caller's
    assert not codec.decode(codes).requires_grad
    assert not any(piece.requires_grad for piece in codec.decode_pieces([codec.encode(wave)]))
    loss = (codec.from_latents(codec.latents(wave)) - wave).pow(2).mean()
    loss.backward()
    assert all(p.grad is not None for p in codec.parameters())


def test_long_sound_in_pieces(tmp_path: Path) -> None:
    reference("dac_16khz").save_pretrained(tmp_path)
    codec = codecs.load(tmp_path)
    wave = noise(1, 20000)
    tokens = list(codec.encode_pieces(wave.split(3000, 2)))
    whole = codec.encode(wave)
    assert torch.equal(torch.cat([t.codes for t in tokens], 2), whole.codes)
    sound = torch.cat(list(codec.decode_pieces(tokens)), 2)[..., :20000]
    torch.testing.assert_close(sound, codec.decode(whole), rtol=0, atol=1e-5)


def test_codes_of_other_shapes_are_refused_by_embed_and_streams() -> None:
    codec = codecs.create("encodec", filters=4, dim=8, codebooks=2, codebook_size=16)
    for wrong in (torch.zeros(1, 3, 5), torch.zeros(1, 0, 5), torch.zeros(2, 5)):
        codes = wrong.long()
        with pytest.raises(errors.ShapeError, match=r"\(B, 1 to 2, T\) int64"):
            codec.embed(codes)
        with pytest.raises(errors.ShapeError, match=r"\(B, 1 to 2, T\) int64"):
            list(codec.decode_pieces([codecs.Tokens(codes)]))
    with pytest.raises(errors.DataError, match=r"in \[0, 16\)"):
        codec.embed(torch.full((1, 2, 5), 16))


def test_faults_are_named(tmp_path: Path) -> None:
    with pytest.raises(mmi.errors.CheckpointError, match="mmi convert"):
        codecs.load(tmp_path)
    reference("encodec_24khz").save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, "num_filters": 16}))
    with pytest.raises(mmi.errors.CheckpointError, match=r"encoder\.layers"):
        codecs.load(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({**config, "pad_mode": "circular"}))
    with pytest.raises(mmi.errors.CheckpointError, match="circular"):
        codecs.load(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({**config, "model_type": "mimi"}))
    with pytest.raises(mmi.errors.CheckpointError, match="mimi"):
        codecs.load(tmp_path)
    with pytest.raises(mmi.errors.ConfigError, match="both"):
        codecs.create("encodec", filters=4).encode(noise(1, 320), codebooks=1, kbps=3)
