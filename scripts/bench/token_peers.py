"""Eager PyTorch for token_works.py: a transformer that writes tokens, as audiocraft has it."""

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor


class EagerAutoregressive:
    """Causal transformer over columns of the delay pattern with a cache that is concatenated.

    Works on the weights of mmi's `autoregressive_transformer`.
    """

    def __init__(self, state: Mapping[str, Tensor], codebooks: int, heads: int) -> None:
        self.state = state
        self.codebooks = codebooks
        self.heads = heads
        self.layers = 1 + max(int(k.split(".")[2]) for k in state if k.startswith("transformer."))
        self.dim = state["out_norm.weight"].numel()
        self.cache: list[tuple[Tensor, Tensor]] = []
        self.at = 0

    def positions(self, count: int) -> Tensor:
        half = self.dim // 2
        place = torch.arange(self.at, self.at + count, dtype=torch.float32).unsqueeze(1)
        angle = place / 10000 ** (torch.arange(half, dtype=torch.float32) / half)
        return torch.cat([angle.sin(), angle.cos()], 1)

    def norm(self, name: str, x: Tensor) -> Tensor:
        weight = self.state[f"{name}.weight"]
        return F.layer_norm(x, weight.shape, weight, self.state[f"{name}.bias"])

    def run(self, x: Tensor) -> Tensor:
        """(B,n,D) behind what the cache holds -> logits (B,K,V) of the last column."""
        s = self.state
        batch, count, _ = x.shape
        x = x + self.positions(count)
        first = not self.cache
        for i in range(self.layers):
            name = f"transformer.layers.{i}"
            mixed = F.linear(self.norm(f"{name}.norm1", x), s[f"{name}.self_attn.in_proj_weight"])
            q, k, v = (
                t.view(batch, count, self.heads, -1).transpose(1, 2) for t in mixed.chunk(3, -1)
            )
            if first:
                self.cache.append((k, v))
            else:
                k = torch.cat([self.cache[i][0], k], 2)
                v = torch.cat([self.cache[i][1], v], 2)
                self.cache[i] = (k, v)
            out = F.scaled_dot_product_attention(q, k, v, is_causal=first)
            x = x + F.linear(out.transpose(1, 2).flatten(2), s[f"{name}.self_attn.out_proj.weight"])
            hidden = F.gelu(F.linear(self.norm(f"{name}.norm2", x), s[f"{name}.linear1.weight"]))
            x = x + F.linear(hidden, s[f"{name}.linear2.weight"])
        self.at += count
        x = self.norm("out_norm", x[:, -1])
        heads = [F.linear(x, s[f"linears.{k}.weight"]) for k in range(self.codebooks)]
        return torch.stack(heads, 1)

    @torch.no_grad()
    def generate(self, features: Tensor, frames: int, guidance: float, top_k: int) -> Tensor:
        """(B,S,C) -> codes (B,K,frames); classifier-free guidance over a batch of two halves."""
        s = self.state
        self.cache, self.at = [], 0
        batch = features.shape[0]
        special = s["linears.0.weight"].shape[0]
        content = F.linear(features, s["condition_proj.weight"], s["condition_proj.bias"])
        x = torch.cat([content, torch.zeros_like(content)])
        sequence = torch.full((batch, self.codebooks, 1), special)
        for step in range(frames + self.codebooks - 1):
            column = sequence[:, :, -1].repeat(2, 1)
            rows = [F.embedding(column[:, k], s[f"emb.{k}.weight"]) for k in range(self.codebooks)]
            token = torch.stack(rows).sum(0).unsqueeze(1)
            x = torch.cat([x, token], 1) if step == 0 else token
            logits = self.run(x)
            cond, null = logits.chunk(2)
            logits = null + guidance * (cond - null)
            values, index = logits.topk(top_k, -1)
            draw = torch.multinomial(values.softmax(-1).flatten(0, 1), 1).view(batch, -1, 1)
            token_ids = index.gather(-1, draw).squeeze(-1)
            level = torch.arange(self.codebooks)
            real = (step - level >= 0) & (step - level < frames)
            sequence = torch.cat(
                [sequence, torch.where(real, token_ids, special).unsqueeze(-1)], -1
            )
        return torch.stack(
            [sequence[:, k, 1 + k : 1 + k + frames] for k in range(self.codebooks)], 1
        )
