"""mmi lm generate: the tool as the command line gives it, against transformers."""

import json
import shutil
from pathlib import Path
from typing import Any

import mmi
import pytest
import torch
from mmi.__main__ import main
from peft import LoraConfig, get_peft_model
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

Capture = pytest.CaptureFixture[str]
PROMPT = "the sound: of rain"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny LLaMA with a byte-level vocabulary, which is larger than what it was trained on."""
    made = tmp_path_factory.mktemp("lm")
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=300,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        special_tokens=["<s>", "</s>"],
        show_progress=False,
    )
    tokenizer.train_from_iterator(["the sound of rain falls on the roof"] * 20, trainer)
    PreTrainedTokenizerFast(tokenizer_object=tokenizer).save_pretrained(made)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=64,
        bos_token_id=0,
        eos_token_id=1,
        initializer_range=0.2,
    )
    LlamaForCausalLM(config).save_pretrained(made)
    return made


def run(capfd: Capture, *args: str) -> dict[str, Any]:
    assert main(["lm", "generate", *args, "--json", "--quiet"]) == 0, capfd.readouterr().err
    made: dict[str, Any] = json.loads(capfd.readouterr().out)
    return made


def failure(capfd: Capture, *args: str) -> tuple[int, str]:
    code = main(["lm", "generate", *args])
    said = capfd.readouterr()
    assert said.out == "", "nothing but text comes out"
    assert said.err.startswith("mmi: ") and said.err.count("\n") == 1, said.err
    return code, said.err


def expected(folder: Path, count: int) -> str:
    tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)
    model = LlamaForCausalLM.from_pretrained(folder)
    ids = tokenizer(PROMPT, return_tensors="pt").input_ids
    out = model.generate(ids, max_new_tokens=count, do_sample=False, pad_token_id=0)
    return str(tokenizer.decode(out[0], skip_special_tokens=True))


def test_text_is_that_of_transformers(folder: Path, capfd: Capture) -> None:
    text = expected(folder, 30)
    made = run(capfd, str(folder), "--prompt", PROMPT, "max_new_tokens=30")
    assert made["text"] == text
    assert made["values"]["tokens_per_s"] > 0
    assert made["values"]["peak_memory_gib"] > 0
    # Without --json it comes piece by piece, whole characters only.
    assert main(["lm", "generate", str(folder), "--prompt", PROMPT, "max_new_tokens=30"]) == 0
    said = capfd.readouterr()
    assert said.out == text + "\n"
    assert "tokens_per_s" in said.err


def test_weights_of_every_type_and_draws(folder: Path, capfd: Capture) -> None:
    arguments = [str(folder), "--prompt", PROMPT, "max_new_tokens=8"]
    plain = run(capfd, *arguments)["text"]
    tokenizer = mmi.text.load_tokenizer(folder)
    ids = tokenizer.encode(PROMPT)
    types: dict[str, torch.dtype | str] = {"float32": torch.float32, "bf16": torch.bfloat16}
    for dtype, wanted in {**types, "int8": "int8"}.items():
        new = mmi.lm.load(folder, dtype=wanted).generate(ids, max_new_tokens=8)
        text = run(capfd, *arguments, f"dtype={dtype}")["text"]
        assert text == tokenizer.decode([*ids, *new])
        if dtype == "float32":
            assert text == plain
    draws = [
        run(capfd, *arguments, "temperature=2", "top_k=50", f"seed={seed}")["text"]
        for seed in (1, 2, 1)
    ]
    assert draws[0] == draws[2] != draws[1]


def test_an_adapter_of_peft_changes_the_text_as_it_does_there(
    folder: Path, tmp_path: Path, capfd: Capture
) -> None:
    torch.manual_seed(1)
    adapted = get_peft_model(LlamaForCausalLM.from_pretrained(folder), LoraConfig(r=4))
    with torch.no_grad():
        for name, parameter in adapted.named_parameters():
            if "lora_B" in name:
                parameter.normal_(0, 0.5)
    adapted.save_pretrained(tmp_path)
    tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)
    ids = tokenizer(PROMPT, return_tensors="pt").input_ids
    out = adapted.generate(input_ids=ids, max_new_tokens=20, do_sample=False, pad_token_id=0)
    arguments = [str(folder), "--prompt", PROMPT, "max_new_tokens=20"]
    text = run(capfd, *arguments, f"adapter={tmp_path}")["text"]
    assert text == tokenizer.decode(out[0], skip_special_tokens=True)
    assert text != run(capfd, *arguments)["text"]


def test_what_cannot_be_done_is_one_sentence(folder: Path, tmp_path: Path, capfd: Capture) -> None:
    code, said = failure(capfd, str(folder), "--prompt", PROMPT, "max_new_tokens=100")
    assert code == 2 and "beyond the context of 64" in said
    code, said = failure(capfd, "lama-7b")
    assert code == 2 and "did you mean llama-7b?" in said
    code, said = failure(capfd, str(folder))
    assert code == 2 and "--prompt" in said
    code, said = failure(capfd, "llama-7b", "--prompt", "x")
    assert code == 2 and "random weights" in said
    broken = tmp_path / "broken"
    shutil.copytree(folder, broken)
    (broken / "tokenizer.json").unlink()
    (broken / "tokenizer_config.json").unlink()
    code, said = failure(capfd, str(broken), "--prompt", "x")
    assert code == 3 and "no tokenizer" in said
    code, said = failure(capfd, str(folder), "--prompt", "x", f"adapter={tmp_path}")
    assert code == 4 and "adapter_config.json" in said
    (broken / "config.json").unlink()
    code, said = failure(capfd, str(broken), "--prompt", "x")
    assert code == 4 and "config.json" in said
