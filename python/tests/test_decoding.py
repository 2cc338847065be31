import copy
from typing import Any

import mmi
import mmi.decoding
import pytest
import torch
from torch import Tensor


def test_filters_equal_transformers(parity: Any) -> None:
    from transformers.generation.logits_process import (
        RepetitionPenaltyLogitsProcessor,
        TemperatureLogitsWarper,
        TopKLogitsWarper,
        TopPLogitsWarper,
        TypicalLogitsWarper,
    )

    def same(ours: Tensor, theirs: Tensor) -> None:
        parity.equal("sampling", "filtered logits", int((ours != theirs).sum()), ours.numel())

    torch.manual_seed(0)
    for spread in (0.3, 3.0, 12.0):
        logits = spread * torch.randn(40, 97)
        seen = torch.randint(0, 97, (40, 12))
        for options, warper in (
            ({"repetition_penalty": 1.3}, RepetitionPenaltyLogitsProcessor(1.3)),
            ({"temperature": 0.7}, TemperatureLogitsWarper(0.7)),
            ({"top_k": 10}, TopKLogitsWarper(10)),
            ({"top_k": 3, "min_tokens": 5}, TopKLogitsWarper(3, min_tokens_to_keep=5)),
            ({"top_p": 0.9}, TopPLogitsWarper(0.9)),
            ({"top_p": 0.1, "min_tokens": 4}, TopPLogitsWarper(0.1, min_tokens_to_keep=4)),
            ({"typical_mass": 0.15}, TypicalLogitsWarper(0.15)),
            ({"typical_mass": 0.15, "min_tokens": 64}, TypicalLogitsWarper(0.15, -torch.inf, 64)),
            ({"typical_mass": 0.9}, TypicalLogitsWarper(0.9)),
        ):
            ours = mmi.decoding.filter_logits(logits, seen, **options)
            same(ours, warper(seen, logits.clone()))
        together = mmi.decoding.filter_logits(
            logits, seen, repetition_penalty=1.2, temperature=1.5, top_k=30, top_p=0.8
        )
        theirs = logits.clone()
        for step in (
            RepetitionPenaltyLogitsProcessor(1.2),
            TemperatureLogitsWarper(1.5),
            TopKLogitsWarper(30),
            TopPLogitsWarper(0.8),
        ):
            theirs = step(seen, theirs)
        same(together, theirs)


def test_draws_depend_on_seed_and_step() -> None:
    logits = torch.randn(1, 30).expand(200, 30).contiguous()
    first = mmi.decoding.sample(logits, range(200), 3, top_p=0.9)
    assert torch.equal(mmi.decoding.sample(logits[:5], range(5), 3, top_p=0.9), first[:5])
    assert not torch.equal(mmi.decoding.sample(logits, range(200), 4, top_p=0.9), first)
    assert torch.equal(mmi.decoding.sample(logits, range(200), temperature=0.0), logits.argmax(1))
    with pytest.raises(mmi.ConfigError, match="did you mean"):
        mmi.decoding.sample(logits, range(200), top_q=0.9)


class Llama:
    """A tiny language model of transformers without a cache: it sees whole texts."""

    def __init__(self, seed: int) -> None:
        from transformers import LlamaConfig, LlamaForCausalLM

        torch.manual_seed(seed)
        config = LlamaConfig(
            vocab_size=41,
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            bos_token_id=1,
            eos_token_id=2,
            pad_token_id=40,
            initializer_range=0.4,
        )
        self.model = LlamaForCausalLM(config).eval()
        self.texts = torch.zeros(0)

    def step(self, tokens: Tensor) -> Tensor:
        first = tokens.shape[1] > 1
        self.texts = tokens.clone() if first else torch.cat([self.texts, tokens], 1)
        with torch.no_grad():
            logits: Tensor = self.model(self.texts).logits[:, -1]
        return logits

    def reorder(self, index: Tensor) -> None:
        self.texts = self.texts[index]


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize(
    ("stop", "early", "penalty"),
    [
        ("heuristic", False, 1.0),
        ("first", True, 0.6),
        ("never", "never", 1.4),
        ("never", "never", 0.0),
    ],
)
def test_beam_search_equals_transformers(
    seed: int, stop: str, early: Any, penalty: float, parity: Any
) -> None:
    llama = Llama(seed)
    prompt = torch.randint(3, 41, (3, 4), generator=torch.Generator().manual_seed(seed))
    ends = [2, 5, 7, 11, 13]
    ours = mmi.decoding.beam_search(
        llama.step,
        llama.reorder,
        prompt,
        ends,
        beams=4,
        max_new_tokens=10,
        length_penalty=penalty,
        stop=stop,
    )
    theirs = llama.model.generate(
        prompt,
        attention_mask=torch.ones_like(prompt),
        num_beams=4,
        num_return_sequences=4,
        max_new_tokens=10,
        do_sample=False,
        length_penalty=penalty,
        early_stopping=early,
        eos_token_id=ends,
        pad_token_id=40,
        return_dict_in_generate=True,
        output_scores=True,
    )
    wrong = 0
    for b in range(3):
        for i in range(4):
            row = theirs.sequences[4 * b + i, 4:].tolist()
            tokens, score = ours[b][i]
            wrong += row[: len(tokens)] != tokens or not set(row[len(tokens) :]) <= {40}
            difference = abs(score - theirs.sequences_scores[4 * b + i].item())
            parity("beam search", "scores", difference, 1e-4)
    parity.equal("beam search", "hypotheses", wrong, 12)
    assert {len(h.tokens) for found in ours for h in found} != {10}


def test_patterns_round_trip() -> None:
    codes = torch.randint(0, 9, (2, 4, 7))
    for pattern, steps in (("flatten", 28), ("delay", 10), ("parallel", 7)):
        sequence = mmi.decoding.weave(codes, pattern, 9)
        assert sequence.shape == (2, 4, 1 + steps)
        assert torch.equal(mmi.decoding.unweave(sequence, pattern, 7), codes)
    with pytest.raises(mmi.ConfigError, match='not "spiral"'):
        mmi.decoding.weave(codes, "spiral", 9)


def test_masked_decoding_takes_any_network() -> None:
    sizes = []

    def network(tokens: Tensor, step: int) -> Tensor:
        sizes.append((step, int((tokens == 6).sum())))
        return torch.zeros(*tokens.shape, 6)

    blank = torch.zeros(1, 4, 200, dtype=torch.int64)
    codes = mmi.decoding.decode_masked(network, blank, 6, [1], steps=16)
    assert codes.min() == 0 and codes.max() == 5
    counts = [800, 796, 784, 765, 739, 705, 665, 618, 565, 507, 444, 377, 306, 232, 156, 78]
    assert sizes == list(enumerate(counts))


TINY = {"dim": 32, "heads": 2}
DEPTH = {
    "masked_transformer": {"multiway_layers": 1, "shared_layers": 1, "decoding": {"steps": 4}},
    "autoregressive_transformer": {"layers": 2, "decoding": {"guidance": 2.0}},
}


@pytest.mark.parametrize("name", list(DEPTH))
def test_heads_are_modules_that_learn_and_generate(name: str) -> None:
    torch.manual_seed(0)
    options = TINY | DEPTH[name] | {"dropout": 0.0}
    head = mmi.decoding.create_head(name, options, codebooks=2, entries=12, condition_features=5)
    features, codes = torch.randn(3, 4, 5), torch.randint(0, 12, (3, 2, 6))
    adam = torch.optim.Adam(head.parameters(), 3e-3)
    losses = []
    for step in range(120):
        adam.zero_grad()
        loss = head.loss(features, codes, step)
        loss.loss.backward()
        adam.step()
        losses.append(loss.loss.item())
    assert losses[0] > 2 and sum(losses[-10:]) / 10 < 1.1
    assert loss.entropy.shape == loss.accuracy.shape == (2,)
    made = head.generate(features, 9, [1, 2, 3], prompt=codes[..., :2])
    assert made.shape == (3, 2, 9) and made.max() < 12
    assert torch.equal(made[..., :2], codes[..., :2])
    assert head.training
    twin = copy.deepcopy(head)
    assert torch.equal(twin.generate(features, 9, [1, 2, 3], prompt=codes[..., :2]), made)
    assert head.logits(features, codes).shape == (3, 2, 6, 12)
    if name == "masked_transformer":
        hole = torch.zeros_like(codes, dtype=torch.bool)
        hole[:, :, 2:4] = True
        filled = head.complete(features, codes, hole, [4, 5, 6])
        assert torch.equal(filled[~hole], codes[~hole])
        with pytest.raises(mmi.ConfigError, match="on_frame: only an autoregressive_transformer"):
            head.generate(features, 9, [1, 2, 3], on_frame=print)
    else:
        with pytest.raises(mmi.ConfigError, match="only a masked_transformer"):
            head.complete(features, codes, None, [4, 5, 6])


def test_an_autoregressive_head_streams_its_frames() -> None:
    torch.manual_seed(0)
    options = TINY | DEPTH["autoregressive_transformer"]
    head = mmi.decoding.create_head(
        "autoregressive_transformer", options, codebooks=2, entries=12, condition_features=5
    )
    features = torch.randn(3, 4, 5)
    whole = head.generate(features, 9, [1, 2, 3])
    heard: list[tuple[int, Tensor]] = []

    def listen(t: int, codes: Tensor) -> bool:
        heard.append((t, codes))
        return t < 5

    made = head.generate(features, 9, [1, 2, 3], on_frame=listen)
    assert [t for t, _ in heard] == list(range(6))
    assert torch.equal(torch.stack([codes for _, codes in heard], -1), whole[..., :6])
    assert torch.equal(made, whole[..., :6])

    def fail(t: int, codes: Tensor) -> None:
        raise ValueError("no more")

    with pytest.raises(ValueError, match="no more"):
        head.generate(features, 9, [1, 2, 3], on_frame=fail)
