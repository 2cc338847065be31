"""Language models against transformers: folders that it saves, random weights."""

import copy
import json
import pickle
import threading
import time
from pathlib import Path
from typing import Any

import mmi
import pytest
import torch
from mmi import lm
from torch import Tensor

transformers = pytest.importorskip("transformers")

VOCAB = 160
GEMMA3_ROPE = {
    "full_attention": {"rope_type": "linear", "factor": 8.0, "rope_theta": 1e6},
    "sliding_attention": {"rope_type": "default", "rope_theta": 1e4},
}
LLAMA3_ROPE = {
    "rope_type": "llama3",
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 24,
    "rope_theta": 5e5,
}
YARN_ROPE = {
    "rope_type": "yarn",
    "factor": 4.0,
    "original_max_position_embeddings": 32,
    "rope_theta": 1e4,
}
SLIDING = ["sliding_attention", "full_attention", "sliding_attention"]
# Windows are shorter than prompts.
FAMILIES: dict[str, tuple[str, dict[str, Any]]] = {
    "llama": ("llama", {}),
    "llama, biases": ("llama", {"attention_bias": True, "mlp_bias": True}),
    "llama, tied": ("llama", {"tie_word_embeddings": True}),
    "llama 3": ("llama", {"rope_parameters": LLAMA3_ROPE}),
    "llama, linear": (
        "llama",
        {"rope_parameters": {"rope_type": "linear", "factor": 4.0, "rope_theta": 1e4}},
    ),
    "llama, yarn": ("llama", {"rope_parameters": YARN_ROPE}),
    "mistral": ("mistral", {"sliding_window": 6}),
    "mistral, no window": ("mistral", {"sliding_window": None}),
    "gemma": ("gemma", {}),
    "gemma2": ("gemma2", {"sliding_window": 6, "query_pre_attn_scalar": 24}),
    "gemma3": ("gemma3_text", {"sliding_window": 6, "layer_types": SLIDING}),
    "gemma3, linear": ("gemma3_text", {"sliding_window": 6, "rope_parameters": GEMMA3_ROPE}),
    "qwen2": ("qwen2", {}),
    "qwen2, window": (
        "qwen2",
        {"use_sliding_window": True, "sliding_window": 6, "max_window_layers": 1},
    ),
    "qwen3": ("qwen3", {"tie_word_embeddings": True}),
}


def reference(name: str, kv_heads: int = 2) -> Any:
    """transformers' model with random weights that are not nearly nothing."""
    model_type, options = FAMILIES[name]
    if model_type != "qwen2":
        options = {"head_dim": 16, **options}
    config = transformers.AutoConfig.for_model(
        model_type,
        vocab_size=VOCAB,
        hidden_size=64,
        intermediate_size=112,
        num_hidden_layers=3,
        num_attention_heads=4,
        num_key_value_heads=kv_heads,
        max_position_embeddings=256,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=0,
        **{"tie_word_embeddings": model_type.startswith("gemma"), **copy.deepcopy(options)},
    )
    torch.manual_seed(11)
    model = transformers.AutoModelForCausalLM.from_config(config, attn_implementation="eager")
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            noise = torch.randn_like(parameter)
            # Small embeddings, so that tied models say something else than what they heard.
            scale = 0.03 if "embed" in name else 0.12
            parameter.copy_(scale * noise if parameter.dim() == 2 else parameter + 0.2 * noise)
    return model.eval()


def ids_of(batch: int, n: int, seed: int = 3) -> Tensor:
    return torch.randint(3, VOCAB, (batch, n), generator=torch.Generator().manual_seed(seed))


def largest(a: Tensor, b: Tensor) -> float:
    return float((a - b).abs().max())


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """transformers' model and ours from its folder, each made once."""
    made: dict[tuple[str, int], tuple[Any, lm.CausalLM]] = {}

    def pair(name: str, kv_heads: int = 2) -> tuple[Any, lm.CausalLM]:
        if (name, kv_heads) not in made:
            theirs = reference(name, kv_heads)
            folder = tmp_path_factory.mktemp("lm")
            theirs.save_pretrained(folder)
            made[name, kv_heads] = (theirs, lm.load(folder))
        return made[name, kv_heads]

    return pair


@pytest.mark.parametrize("kv_heads", [1, 2, 4])
@pytest.mark.parametrize("name", FAMILIES)
def test_logits_are_transformers(pairs: Any, name: str, kv_heads: int, parity: Any) -> None:
    theirs, ours = pairs(name, kv_heads)
    ids = ids_of(2, 24)
    with torch.no_grad():
        expected = theirs(ids).logits
        assert expected.std() > 0.1
        whole = ours(ids)
        parity(name, "logits, whole and in steps", largest(whole, expected), 2e-5)
        # In steps.
        cache = ours.make_cache(2, 24)
        parts = [ours(ids[:, :9], cache=cache)]
        parts += [ours(ids[:, i : i + 1], cache=cache) for i in range(9, 20)]
        parts.append(ours(ids[:, 20:], cache=cache))
        steps = torch.cat(parts, 1)
        parity(name, "logits, whole and in steps", largest(steps, expected), 2e-5)
        cached = largest(steps, whole)
        parity("language models", "logits with cache", cached, 1e-5, "libmmi without cache")


@pytest.mark.parametrize("name", FAMILIES)
def test_greedy_text_is_transformers(pairs: Any, name: str, parity: Any) -> None:
    theirs, ours = pairs(name)
    prompt = ids_of(1, 12)
    # A penalty makes the text of a random model one of many words.
    for penalty in (1.0, 2.0):
        expected = theirs.generate(
            prompt,
            attention_mask=torch.ones_like(prompt),
            max_new_tokens=64,
            do_sample=False,
            eos_token_id=None,
            repetition_penalty=penalty,
        )[0, 12:].tolist()
        found = ours.generate(prompt[0], max_new_tokens=64, stop_ids=[], repetition_penalty=penalty)
        wrong = sum(a != b for a, b in zip(found, expected, strict=True))
        parity.equal("language models", "64 greedy tokens", wrong, 64)
    assert len(set(expected)) > 16


@pytest.mark.parametrize("name", FAMILIES)
def test_padded_batch_is_transformers(pairs: Any, name: str, parity: Any) -> None:
    theirs, ours = pairs(name)
    lengths = [11, 4, 1, 8]
    prompts = [ids_of(1, n, seed=n)[0].tolist() for n in lengths]
    padded = torch.tensor([[0] * (11 - len(p)) + p for p in prompts])
    mask = torch.tensor([[0] * (11 - len(p)) + [1] * len(p) for p in prompts])
    with torch.no_grad():
        expected = theirs(padded, attention_mask=mask).logits
        found = ours(padded, mask=mask)
        difference = largest(found[mask.bool()], expected[mask.bool()])
        parity("language models", "logits of a left-padded batch", difference, 2e-5)
        alone = [ours(torch.tensor([p]))[0] for p in prompts]
        difference = largest(found[mask.bool()], torch.cat(alone))
        parity(
            "language models",
            "logits of a left-padded batch",
            difference,
            1e-5,
            "libmmi, one by one",
        )
    texts = ours.generate(prompts, max_new_tokens=20, stop_ids=[])
    made = theirs.generate(
        padded, attention_mask=mask, max_new_tokens=20, do_sample=False, eos_token_id=None
    )
    assert texts == made[:, 11:].tolist()
    assert texts == [ours.generate(p, max_new_tokens=20, stop_ids=[]) for p in prompts]


@pytest.mark.parametrize("name", ["llama", "gemma", "gemma2", "gemma3"])
def test_embeddings_are_taken_as_transformers_takes_them(
    pairs: Any, name: str, parity: Any
) -> None:
    theirs, ours = pairs(name)
    vectors = torch.randn(2, 7, 64, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected = theirs(inputs_embeds=vectors).logits
        parity("language models", "logits of vectors", largest(ours(vectors), expected), 2e-5)
        ids = ids_of(2, 5)
        text = theirs.get_input_embeddings()(ids)
        assert largest(ours.embed(ids), text) <= 1e-6
    made = theirs.generate(
        inputs_embeds=torch.cat([vectors, text], 1),
        attention_mask=torch.ones(2, 12, dtype=torch.long),
        max_new_tokens=16,
        do_sample=False,
        eos_token_id=None,
    )
    found = ours.generate(ids, embeddings=vectors, max_new_tokens=16, stop_ids=[])
    assert found == made.tolist()
    assert ours.generate(ids[0], embeddings=vectors[0], max_new_tokens=16, stop_ids=[]) == found[0]


@pytest.mark.parametrize("name", ["llama", "gemma3", "qwen2"])
def test_sharded_folder_is_the_same_model(pairs: Any, name: str, tmp_path: Path) -> None:
    theirs, ours = pairs(name)
    theirs.save_pretrained(tmp_path, max_shard_size="100KB")
    assert len(list(tmp_path.glob("model-*.safetensors"))) > 2
    sharded = lm.load(tmp_path)
    for key, value in ours.state_dict().items():
        assert torch.equal(sharded.state_dict()[key], value), key


@pytest.mark.parametrize("name", FAMILIES)
def test_transformers_reads_what_is_saved(pairs: Any, name: str, tmp_path: Path) -> None:
    theirs, ours = pairs(name)
    lm.save(ours, tmp_path)
    again = transformers.AutoModelForCausalLM.from_pretrained(
        tmp_path, attn_implementation="eager"
    ).eval()
    ids = ids_of(2, 24)
    with torch.no_grad():
        assert torch.equal(again(ids).logits, theirs(ids).logits)


def test_files_of_version_4_are_read(pairs: Any, tmp_path: Path) -> None:
    """Rotary fields at the top, as the published folders have them."""
    theirs, _ = pairs("gemma3, linear")
    theirs.save_pretrained(tmp_path)
    described = json.loads((tmp_path / "config.json").read_text())
    rope = described.pop("rope_parameters")
    described["rope_theta"] = rope["full_attention"].pop("rope_theta")
    described["rope_scaling"] = rope["full_attention"]
    described["rope_local_base_freq"] = rope["sliding_attention"]["rope_theta"]
    described["torch_dtype"] = described.pop("dtype")
    described["sliding_window_pattern"] = described.pop("_sliding_window_pattern")
    del described["layer_types"], described["tie_word_embeddings"]
    (tmp_path / "config.json").write_text(json.dumps(described))
    ids = ids_of(1, 24)
    with torch.no_grad():
        assert largest(lm.load(tmp_path)(ids), theirs(ids).logits) <= 2e-5


def test_half_precision_folder(pairs: Any, tmp_path: Path) -> None:
    theirs, _ = pairs("llama")
    copy.deepcopy(theirs).to(torch.bfloat16).save_pretrained(tmp_path)
    again = transformers.AutoModelForCausalLM.from_pretrained(
        tmp_path, attn_implementation="eager", dtype=torch.float32
    )
    ids = ids_of(1, 12)
    with torch.no_grad():
        expected = again(ids).logits
        wide = lm.load(tmp_path)
        small = lm.load(tmp_path, dtype="auto")
        assert {p.dtype for p in wide.parameters()} == {torch.float32}
        assert {p.dtype for p in small.parameters()} == {torch.bfloat16}
        assert largest(wide(ids), expected) <= 2e-5
        assert largest(small(ids), expected) <= 2e-5


def test_int8_is_near_and_is_a_module_too(pairs: Any, tmp_path: Path) -> None:
    theirs, ours = pairs("gemma3")
    theirs.save_pretrained(tmp_path)
    small = lm.load(tmp_path, dtype="int8")
    ids = ids_of(1, 24)
    with torch.no_grad():
        expected = ours(ids)
        assert 1e-4 < largest(small(ids), expected) < 0.1 * float(expected.std())
        assert small.model.layers.get_submodule("0.mlp.up_proj").weight.dtype == torch.int8
        assert small.model.embed_tokens.weight.dtype == torch.int8  # the output layer, too
        for copied in (copy.deepcopy(small), pickle.loads(pickle.dumps(small))):
            assert torch.equal(copied(ids), small(ids))
    with pytest.raises(mmi.ConfigError, match="quantised"):
        lm.save(small, tmp_path)


def test_samples_depend_on_seed_and_prompt_alone(pairs: Any) -> None:
    _, model = pairs("llama")
    prompts = [[5, 6, 7], [9], [5, 6, 7]]
    options = {"max_new_tokens": 12, "temperature": 1.5, "top_p": 0.95, "top_k": 80}
    batch = model.generate(prompts, seeds=[1, 2, 3], **options)
    assert batch == model.generate(prompts, seeds=[1, 2, 3], **options)
    assert batch[0] != batch[2]
    alone = [model.generate(p, seeds=s, **options) for p, s in zip(prompts, (1, 2, 3), strict=True)]
    assert batch == alone


def test_samples_have_the_networks_distribution(pairs: Any) -> None:
    _, model = pairs("qwen3")
    with torch.no_grad():
        expected = (model(torch.tensor([[4, 8]]), last_only=True)[0, 0] / 2).softmax(0)
    count = 4000
    drawn = model.generate(
        [[4, 8]] * count, seeds=range(count), max_new_tokens=1, temperature=2.0, stop_ids=[]
    )
    found = torch.bincount(torch.tensor(drawn).flatten(), minlength=VOCAB)
    frequent = expected * count > 16
    chi2 = ((found - expected * count) ** 2 / (expected * count))[frequent].sum()
    # Mean n, standard deviation sqrt(2 n) of a chi-squared number.
    n = int(frequent.sum())
    assert n > 10 and chi2 < n + 4 * (2 * n) ** 0.5


def test_tokens_arrive_one_by_one_and_may_end_it(pairs: Any) -> None:
    _, model = pairs("llama")
    heard: list[int] = []
    full = model.generate([5, 6], max_new_tokens=8, stop_ids=[], on_token=heard.append)
    assert heard == full
    steps: list[list[int]] = []
    model.generate([[5, 6], [7]], max_new_tokens=3, stop_ids=[], on_token=steps.append)
    assert len(steps) == 3 and steps[0][0] == full[0]
    short = model.generate([5, 6], max_new_tokens=8, stop_ids=[], on_token=lambda _: False)
    assert short == full[:1]

    def broken(_: int) -> None:
        raise ZeroDivisionError("in between")

    with pytest.raises(ZeroDivisionError, match="in between"):
        model.generate([5, 6], max_new_tokens=8, on_token=broken)
    assert model.generate([5, 6], max_new_tokens=8, stop_ids=full[3:4]) == full[:4]


def test_other_threads_run_during_generation(pairs: Any) -> None:
    _, model = pairs("llama")
    ticks = 0
    done = threading.Event()

    def tick() -> None:
        nonlocal ticks
        while not done.is_set():
            ticks += 1
            time.sleep(0.0005)

    thread = threading.Thread(target=tick)
    thread.start()
    model.generate([[5, 6]] * 16, max_new_tokens=200, stop_ids=[])
    done.set()
    thread.join()
    assert ticks > 10


def test_is_a_module_like_any_other(pairs: Any) -> None:
    theirs, model = pairs("llama")
    assert isinstance(model, torch.nn.Module)
    assert list(model.state_dict()) == list(theirs.state_dict())
    ids = ids_of(1, 10)
    with torch.no_grad():
        expected = model(ids)
        for copied in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
            assert torch.equal(copied(ids), expected)
    own = lm.create(vocab=VOCAB, layers=2)
    before = torch.random.get_rng_state()
    copy.deepcopy(own)
    assert torch.equal(torch.random.get_rng_state(), before), "a copy draws nothing"
    optimizer = torch.optim.AdamW(own.parameters(), lr=3e-3)
    losses = []
    for _ in range(40):
        optimizer.zero_grad()
        logits = own(ids)[:, :-1]
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten())
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.1 * losses[0]
    assert own.generate(ids[0, :3], max_new_tokens=7, stop_ids=[]) == ids[0, 3:].tolist()


def test_published_sizes_without_memory() -> None:
    model = lm.create("llama-7b", device="meta")
    assert sum(p.numel() for p in model.parameters()) == 6_738_415_616
    assert {p.device.type for p in model.parameters()} == {"meta"}
    config = transformers.LlamaConfig()
    with torch.device("meta"):
        theirs = transformers.LlamaForCausalLM(config)
    shapes = {key: value.shape for key, value in theirs.state_dict().items()}
    assert {key: value.shape for key, value in model.state_dict().items()} == shapes
    assert "gemma-2-2b" in mmi.registered()["lm"]


def test_faults_are_one_sentence(pairs: Any, tmp_path: Path) -> None:
    theirs, model = pairs("llama")
    with pytest.raises(mmi.ConfigError, match="beyond the context of 256"):
        model.generate([3] * 250, max_new_tokens=10)
    with pytest.raises(mmi.ConfigError, match=r"ids lie in \[160, 160\]"):
        model(torch.tensor([[160]]))
    with pytest.raises(mmi.ConfigError, match="ids, embeddings or both"):
        model.generate()
    with pytest.raises(mmi.ConfigError, match="temprature"):
        model.generate([3], max_new_tokens=2, temprature=1.0)
    with pytest.raises(mmi.ConfigError, match='"float16"'):
        lm.load(tmp_path, dtype="float16")
    with pytest.raises(mmi.CheckpointError, match=r"config\.json"):
        lm.load(tmp_path)
    theirs.save_pretrained(tmp_path)
    described = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**described, "model_type": "mamba"}))
    with pytest.raises(mmi.CheckpointError, match="mamba.*llama, mistral, gemma"):
        lm.load(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({**described, "vocab_size": 7}))
    with pytest.raises(mmi.CheckpointError, match=r"embed_tokens.weight is \[160, 64\] there"):
        lm.load(tmp_path)
    broken = copy.deepcopy(model)
    with torch.no_grad():
        broken.model.norm.weight[0] = float("nan")
    with pytest.raises(mmi.NumericError):
        broken.generate([3, 4], max_new_tokens=2)
