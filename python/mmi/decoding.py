"""Tokens from logits: filters, draws, codebook patterns, decoding loops, and heads that use them.

head = mmi.decoding.create_head("masked_transformer", {"dim": 128, "heads": 4},
                                codebooks=4, entries=1024, condition_features=512)
codes = head.generate(features, frames=250, seeds=[1, 2])
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from torch import Tensor

from mmi import _mmi
from mmi._model import Model, inference

__all__ = [
    "Hypothesis",
    "TokenHead",
    "TokenLoss",
    "beam_search",
    "create_head",
    "decode_masked",
    "filter_logits",
    "sample",
    "unweave",
    "weave",
]


class TokenLoss(NamedTuple):
    """Mean over the tokens that count; cross entropy and accuracy of each codebook (K)."""

    loss: Tensor
    entropy: Tensor
    accuracy: Tensor


class Hypothesis(NamedTuple):
    """New tokens of a text and log p / (their number) ** length_penalty."""

    tokens: list[int]
    score: float


@dataclass(frozen=True)
class _Recipe:
    name: str
    codebooks: int
    entries: int
    condition_features: int
    options: dict[str, Any] = field(default_factory=dict)
    codebook_rows: Tensor | None = None

    def build(self) -> "TokenHead":
        with torch.random.fork_rng(devices=[]):
            return _build(self)


class TokenHead(Model):
    """A network that writes the codes (B,K,T) of a codec from features (B,S,C) of a condition.

    `mask` (B,S) bool is true where the condition is real; None: everywhere.
    """

    def generate(
        self,
        features: Tensor,
        frames: int,
        seeds: Sequence[int],
        *,
        mask: Tensor | None = None,
        prompt: Tensor | None = None,
        on_frame: Callable[[int, Tensor], bool | None] | None = None,
    ) -> Tensor:
        """Codes (B,K,frames) int64; `prompt` (B,K,T0) are the first ones. One seed a sample: what a
        sample draws depends on its seed, not on the batch it is in.

        on_frame, of an autoregressive head: gets every new complete frame t and its codes (B,K) as
        soon as they are there; False ends the generation after it.
        """
        with inference(self):
            found = _mmi.token_head_generate(
                self._core, features, mask, frames, list(seeds), prompt, on_frame
            )
        return found[0]

    def complete(
        self,
        features: Tensor,
        codes: Tensor,
        masked: Tensor | None,
        seeds: Sequence[int],
        *,
        mask: Tensor | None = None,
    ) -> Tensor:
        """Of a masked head: generates where `masked` (B,K,T) bool is true and leaves the rest."""
        with inference(self):
            found = _mmi.token_head_complete(self._core, features, mask, codes, masked, list(seeds))
        return found[0]

    def loss(
        self,
        features: Tensor,
        codes: Tensor,
        seed: int,
        *,
        mask: Tensor | None = None,
        progress: float = 0.0,
    ) -> TokenLoss:
        """Training loss of codes (B,K,T) int64; masks and dropped conditions come from `seed`."""
        return TokenLoss(*_mmi.token_head_loss(self._core, features, mask, codes, seed, progress))

    def logits(self, features: Tensor, codes: Tensor, *, mask: Tensor | None = None) -> Tensor:
        """(B,K,T,V) under teacher forcing; in codes of a masked head, V stands for MASK."""
        return _mmi.token_head_logits(self._core, features, mask, codes)


def _build(recipe: _Recipe) -> TokenHead:
    core = _mmi.create_token_head(
        recipe.name,
        recipe.options,
        recipe.codebooks,
        recipe.entries,
        recipe.condition_features,
        recipe.codebook_rows,
    )
    return TokenHead(core, recipe)


def create_head(
    name: str,
    options: Mapping[str, Any] | None = None,
    *,
    codebooks: int,
    entries: int,
    condition_features: int,
    codebook_rows: Tensor | None = None,
) -> TokenHead:
    """`masked_transformer` or `autoregressive_transformer`, initialised from torch's generator.

    `codebook_rows` (K,V,E): a codec's own vectors (`codec.token_vectors()`), kept as they are;
    without them the rows are learned.
    """
    rows = None if codebook_rows is None else codebook_rows.detach()
    return _build(_Recipe(name, codebooks, entries, condition_features, dict(options or {}), rows))


def filter_logits(logits: Tensor, seen: Tensor | None = None, **options: float) -> Tensor:
    """Logits (R,V) with -inf where a token is out. Options, in the order of their work:
    repetition_penalty (of the ids in `seen` (R,L)), temperature, top_k, top_p, typical_mass;
    min_tokens is what each filter keeps at least."""
    return _mmi.filter_logits(logits, options, seen)


def sample(
    logits: Tensor,
    seeds: Sequence[int],
    step: int = 0,
    seen: Tensor | None = None,
    **options: float,
) -> Tensor:
    """A token (R) int64 for each row of logits (R,V): a function of the row, its seed and `step`.
    Options as of filter_logits; temperature 0 takes the most probable one."""
    return _mmi.sample_tokens(logits, list(seeds), step, options, seen)[0]


def weave(codes: Tensor, pattern: str, special: int) -> Tensor:
    """Codes (B,K,T) int64 → the sequence (B,K,1+S) of "flatten", "delay" or "parallel": a start
    column, then S steps; `special` where there is no code."""
    return _mmi.weave_codes(codes, pattern, special)


def unweave(sequence: Tensor, pattern: str, frames: int) -> Tensor:
    """The inverse of weave: (B,K,1+S) → (B,K,frames)."""
    return _mmi.unweave_codes(sequence, pattern, frames)


def decode_masked(
    network: Callable[[Tensor, int], Tensor],
    tokens: Tensor,
    entries: int,
    seeds: Sequence[int],
    *,
    masked: Tensor | None = None,
    **options: Any,
) -> Tensor:
    """Iterative parallel decoding with any network: tokens (B',K,T), MASK = entries, and the number
    of the pass → logits (B',K,T,V). B' is 2 B under guidance: conditional half, then the other.
    Options: mode, steps, level_steps, coarse_levels, schedule, guidance, guidance_final, noise,
    temperature_final, sampling, span (frames masked and drawn together; 1)."""
    return _mmi.decode_masked(network, tokens, masked, entries, list(seeds), options)[0]


def beam_search(
    step: Callable[[Tensor], Tensor],
    reorder: Callable[[Tensor], None],
    prompt: Tensor,
    stop_ids: Sequence[int] = (),
    **options: Any,
) -> list[list[Hypothesis]]:
    """Hypotheses of each sample of `prompt` (B,T0), best first.

    step: new tokens (B beams,n), the whole prompt at first → logits (B beams,V) of the next one;
    reorder: row r of the network's memory becomes what row index[r] was. Options: beams,
    max_new_tokens, length_penalty, stop ("first", "heuristic" or "never").
    """
    found = _mmi.beam_search(step, reorder, prompt, list(stop_ids), options)
    return [[Hypothesis(*hypothesis) for hypothesis in sample] for sample in found]
