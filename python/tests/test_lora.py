"""mmi.lora against PEFT."""

import copy
import json
import pickle
from pathlib import Path
from typing import Any

import mmi
import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import LlamaConfig, LlamaForCausalLM

IDS = torch.arange(1, 15).reshape(2, 7)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("llama")
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=60,
        hidden_size=64,
        intermediate_size=96,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=64,
        initializer_range=0.1,
    )
    LlamaForCausalLM(config).save_pretrained(made)
    return made


def theirs(folder: Path, **options: Any) -> PeftModel:
    """PEFT's model with an adapter that does something."""
    torch.manual_seed(1)
    model = get_peft_model(
        LlamaForCausalLM.from_pretrained(folder), LoraConfig(task_type="CAUSAL_LM", **options)
    )
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_" in name:
                parameter.normal_(0, 0.15)
    return model.eval()


def differ(a: Any, b: Any) -> float:
    with torch.no_grad():
        left, right = a(IDS), b(IDS)
    if not isinstance(left, torch.Tensor):
        left = left.logits
    return float((left - right).abs().max())


@pytest.mark.parametrize(
    "options",
    [
        {"r": 4, "lora_alpha": 16, "target_modules": ["q_proj", "v_proj"]},
        {"r": 3, "lora_alpha": 7, "use_rslora": True, "target_modules": "all-linear"},
        {
            "r": 4,
            "target_modules": r"model\.layers\.1\.(self_attn\.[qkvo]_proj|mlp\.down_proj)",
            "rank_pattern": {"o_proj": 2, "layers.1.mlp.down_proj": 5},
            "alpha_pattern": {"q_proj": 11},
        },
    ],
)
def test_an_adapter_of_peft_adds_the_same(
    folder: Path, tmp_path: Path, options: dict[str, Any], parity: Any
) -> None:
    reference = theirs(folder, **options)
    reference.save_pretrained(tmp_path)
    base = mmi.lm.load(folder)
    assert differ(reference, base) > 0.1
    model = mmi.lora.load(base, tmp_path)
    parity("LoRA", "logits with PEFT's adapter", differ(reference, model), 1e-5, "peft")
    names = {name for name, _ in model.named_parameters() if "lora_" in name}
    stems = {name.removeprefix("base_model.model.") for name, _ in reference.named_parameters()}
    assert names == {name.replace(".default", "") for name in stems if "lora_" in name}
    merged = mmi.lora.merge(model)
    parity("LoRA", "logits, merged", differ(reference, merged), 1e-5, "peft")
    assert not any("lora_" in name for name, _ in merged.named_parameters())
    mmi.lm.save(merged, tmp_path / "whole")
    difference = differ(reference.merge_and_unload(), mmi.lm.load(tmp_path / "whole"))
    parity("LoRA", "logits, both merged", difference, 1e-5, "peft")


def test_peft_reads_a_trained_adapter(folder: Path, tmp_path: Path, parity: Any) -> None:
    torch.manual_seed(2)
    model = mmi.lora.add(mmi.lm.load(folder), r=4, alpha=8, target_modules=["q_proj", "down_proj"])
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    assert len(trained) == 2 * 2 * 2
    before = model(IDS).detach()
    optimizer = torch.optim.AdamW(trained, lr=0.01)
    losses = []
    for _ in range(20):
        loss = torch.nn.functional.cross_entropy(
            model(IDS)[:, :-1].flatten(0, 1), IDS[:, 1:].flatten()
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]
    assert not torch.allclose(model(IDS), before, atol=0.1)
    mmi.lora.save(model, tmp_path, base="tiny")
    config = json.loads((tmp_path / "adapter_config.json").read_text())
    assert config["r"] == 4 and config["base_model_name_or_path"] == "tiny"
    reference = PeftModel.from_pretrained(LlamaForCausalLM.from_pretrained(folder), tmp_path)
    parity("LoRA", "logits with our adapter", differ(reference.eval(), model), 1e-5, "peft")


def test_copies_keep_their_adapters(folder: Path) -> None:
    model = mmi.lora.add(mmi.lm.load(folder), r=2)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                parameter.normal_()
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert differ(model, other) == 0
        assert [p.requires_grad for p in other.parameters()] == [
            p.requires_grad for p in model.parameters()
        ]


def test_copies_draw_nothing() -> None:
    model = mmi.lora.add(mmi.lm.create(vocab=60, layers=1), r=2)
    before = torch.random.get_rng_state()
    copy.deepcopy(model)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_a_whole_dump_is_read(folder: Path, tmp_path: Path) -> None:
    reference = theirs(folder, r=2, target_modules=["k_proj"])
    reference.save_pretrained(tmp_path)
    state = {name: tensor.contiguous() for name, tensor in reference.state_dict().items()}
    assert any(".base_layer." in name for name in state)
    mmi.save_tensors(tmp_path / "adapter_model.safetensors", list(state.items()), {})
    assert differ(reference, mmi.lora.load(mmi.lm.load(folder), tmp_path)) <= 1e-5


def test_what_is_not_plain_lora_is_refused(folder: Path, tmp_path: Path) -> None:
    model = mmi.lm.load(folder)
    theirs(folder, r=2, use_dora=True).save_pretrained(tmp_path)
    with pytest.raises(mmi.errors.CheckpointError, match="DoRA"):
        mmi.lora.load(model, tmp_path)
    theirs(folder, r=2, modules_to_save=["lm_head"]).save_pretrained(tmp_path)
    with pytest.raises(mmi.errors.CheckpointError, match="modules_to_save"):
        mmi.lora.load(model, tmp_path)
    theirs(folder, r=2, target_modules=["k_proj"]).save_pretrained(tmp_path)
    config = json.loads((tmp_path / "adapter_config.json").read_text())
    config["target_modules"] = ["q_proj"]
    (tmp_path / "adapter_config.json").write_text(json.dumps(config))
    with pytest.raises(mmi.errors.CheckpointError, match="4 missing .* 4 unexpected"):
        mmi.lora.load(model, tmp_path)
    with pytest.raises(mmi.errors.ConfigError, match="no linear layer is called"):
        mmi.lora.add(model, target_modules=["nothing"])
    assert not any("lora_" in name for name, _ in mmi.lm.load(folder).named_parameters())
