"""Language models: LLaMA, Vicuna, Mistral, Gemma and Qwen from transformers' folders.

model = mmi.lm.load("path/to/llama-7b")
ids = model.generate(tokenizer.encode("The sound of rain"), max_new_tokens=50)
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from mmi import _mmi
from mmi._mmi import KvCache
from mmi._model import Model, inference
from mmi.errors import ConfigError

__all__ = ["CausalLM", "KvCache", "create", "load", "save"]

Ids = Sequence[int] | Tensor


@dataclass(frozen=True)
class _Recipe:
    name: str
    options: dict[str, Any] = field(default_factory=dict)
    dtype: torch.dtype = torch.float32
    device: str = "cpu"
    draw: bool = True
    int8: bool = False

    def build(self) -> "CausalLM":
        with torch.random.fork_rng(devices=[]):
            return _build(self)


class CausalLM(Model):
    """A decoder-only transformer: a `torch.nn.Module` whose parameters have the names of
    transformers' files. On a CPU it computes in float32, whatever the type of its weights.

    model(ids)                                     # logits (B,n,V)
    model.generate([1, 15043], max_new_tokens=20)  # the new ids
    """

    @property
    def config(self) -> dict[str, Any]:
        """Sizes and flags."""
        return _mmi.lm_config(self._core)

    def forward(
        self,
        input: Tensor,
        *,
        cache: KvCache | None = None,
        mask: Tensor | None = None,
        last_only: bool = False,
    ) -> Tensor:
        """Logits (B,n,V) float32 of the token behind each of ids (B,n), or of embeddings
        (B,n,hidden) in their place, which are taken as they are (transformers' inputs_embeds).

        `cache` holds what was before and takes what is new; `mask` (B,n) bool, of the input's
        shape (else ShapeError), is true where there is no padding, in the first pass of a text;
        `last_only`: (B,1,V) of the last position.
        """
        return _mmi.lm_forward(
            self._core, input, cache, None if mask is None else mask.bool(), last_only
        )

    def embed(self, ids: Tensor) -> Tensor:
        """(B,n) → (B,n,hidden), scaled where the model wants it."""
        return _mmi.lm_embed(self._core, ids)

    @property
    def embedding_scale(self) -> float:
        """By which `embed` multiplies; 1, but for Gemma. transformers before version 5 scaled
        inputs_embeds of Gemma 1 and 2, too: for a model trained so, multiply yours by this."""
        return _mmi.lm_embedding_scale(self._core)

    def make_cache(self, batch: int, columns: int) -> KvCache:
        """Memory for a text of `columns` tokens."""
        return _mmi.lm_make_cache(self._core, batch, columns)

    def generate(
        self,
        ids: Ids | Sequence[Ids] | None = None,
        *,
        max_new_tokens: int = 256,
        embeddings: Tensor | Sequence[Tensor | None] | None = None,
        seeds: Sequence[int] | int | None = None,
        stop_ids: Sequence[int] | None = None,
        on_token: Callable[[list[int]], object] | None = None,
        **sampling: float,
    ) -> Any:
        """New ids of a prompt, or a list of them for a list of prompts (of any lengths) or a tensor
        (B,n); the most probable ones, unless `temperature` is above 0.

        embeddings: (P,hidden) of each prompt, in front of its ids: (B,P,hidden), or a list.
        seeds: one a prompt; a text depends on its prompt and seed, not on the batch it is in.
        stop_ids: end a text; None: those of the model's configuration.
        on_token: called after each step with one new id a prompt (-1: the text has ended), or with
          the id alone for a single prompt; False ends the generation.
        sampling: temperature, top_k, top_p, typical_mass, repetition_penalty, min_tokens.

        model.generate(ids, temperature=0.8, top_p=0.95, seeds=7, on_token=print)
        """
        prompts, single = _prompts(ids, embeddings)
        vectors = _vectors(embeddings, len(prompts))
        numbers = [seeds] if isinstance(seeds, int) else list(seeds or ())

        def one(step: list[int]) -> object:
            assert on_token is not None
            return on_token(step[0])  # type: ignore[arg-type]

        with inference(self):
            found = _mmi.lm_generate(
                self._core,
                prompts,
                vectors,
                max_new_tokens,
                {"temperature": 0.0, **sampling},
                numbers,
                self.config["eos_ids"] if stop_ids is None else list(stop_ids),
                one if single and on_token is not None else on_token,
            )
        return found[0] if single else found


def _build(recipe: _Recipe) -> CausalLM:
    core = _mmi.create_lm(
        recipe.name,
        recipe.options,
        recipe.dtype,
        torch.device(recipe.device),
        recipe.draw,
        recipe.int8,
    )
    return CausalLM(core, recipe)


def _prompts(
    ids: Ids | Sequence[Ids] | None,
    embeddings: Tensor | Sequence[Tensor | None] | None,
) -> tuple[list[list[int]], bool]:
    """Lists of ids, and whether there is one prompt that stands for itself."""
    if ids is None:
        if embeddings is None:
            raise ConfigError("generate needs ids, embeddings or both")
        single = isinstance(embeddings, Tensor) and embeddings.dim() == 2
        return [[] for _ in range(1 if single else len(embeddings))], single
    if isinstance(ids, Tensor):
        ids = ids.tolist()
    if all(isinstance(item, int) for item in ids):
        return [[int(item) for item in ids]], True  # type: ignore[arg-type]
    return [[int(i) for i in item] for item in ids], False  # type: ignore[union-attr]


def _vectors(
    embeddings: Tensor | Sequence[Tensor | None] | None, count: int
) -> list[Tensor | None]:
    if embeddings is None:
        return []
    if isinstance(embeddings, Tensor) and embeddings.dim() == 2:
        embeddings = [embeddings]
    vectors = list(embeddings)
    if len(vectors) != count:
        raise ConfigError(f"{count} prompts need as many embeddings, but there are {len(vectors)}")
    return vectors


def create(
    name: str = "causal_lm",
    *,
    dtype: torch.dtype = torch.float32,
    device: str = "cpu",
    **options: Any,
) -> CausalLM:
    """A model by name: a published size ("llama-7b", "gemma-2-2b", "qwen3-0.6b" …;
    `mmi.registered()["lm"]` lists them) with `weights="folder"` (none: random), or "causal_lm" with
    sizes and flags of your own. `device="meta"`: names and shapes alone, without memory.
    """
    return _build(_Recipe(name, options, dtype, device))


def load(
    folder: str | os.PathLike[str],
    *,
    dtype: torch.dtype | str = torch.float32,
    device: str = "cpu",
) -> CausalLM:
    """A model from a folder with `config.json` and `model.safetensors` (or its shards), as
    transformers saves it. In eval mode.

    dtype: of the weights; "auto": the file's; "int8": linear layers, and an embedding that is the
    output layer too, as int8 with a scale for each 128 weights, the rest in bfloat16: for
    generation on a CPU in a quarter of float32's memory.

    model = mmi.lm.load("path/to/gemma-2b", dtype="int8")
    """
    if isinstance(dtype, str) and dtype not in ("auto", "int8"):
        raise ConfigError(f'dtype must be a torch.dtype, "auto" or "int8", but is "{dtype}"')
    int8 = dtype == "int8"
    wanted = torch.bfloat16 if int8 else None if isinstance(dtype, str) else dtype
    core = _mmi.load_lm(os.fspath(folder), wanted, torch.device(device), int8)
    # Copies get their values from the copied one, so that nothing needs to be drawn.
    options = _mmi.lm_config(core)
    recipe = _Recipe("causal_lm", options, wanted or torch.float32, device, False, int8)
    return CausalLM(core, recipe)


def save(model: CausalLM, folder: str | os.PathLike[str]) -> None:
    """`config.json` and `model.safetensors`, from which transformers reads the same model."""
    _mmi.save_lm(model._core, os.fspath(folder))
