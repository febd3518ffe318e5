"""How an emotion enters the decoder: a mixture of quadrants as per-layer modulation and as slots.

Neither touches the KV cache: the condition acts at the position where it holds, and keys and values
already cached keep the emotion under which they were played. ``p`` is (B, T, 4) with rows that sum
to 1; ``null`` is (B, T), 1 where the network is to play without a condition (classifier-free
guidance, Ho & Salimans 2022).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

QUADRANTS = 4
SLOTS = QUADRANTS + 1  # and one for "no condition"
EMOTION_DIM = 64


def slot_weights(p: Tensor, null: Tensor) -> Tensor:
    """(B, T, SLOTS) mixture of the five slots, summing to 1."""
    null = null[..., None].to(p.dtype)
    return torch.cat([p * (1 - null), null], dim=-1)


class Emotion(nn.Module):
    """The mixture as a vector: Σ_j p_j·E_j (DESIGN: emotion embedding), then a small network."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(SLOTS, EMOTION_DIM)
        self.mix = nn.Sequential(nn.Linear(EMOTION_DIM, EMOTION_DIM), nn.SiLU())

    def forward(self, weights: Tensor) -> Tensor:
        """(B, T, SLOTS) to (B, T, EMOTION_DIM)."""
        out: Tensor = self.mix(weights @ self.table.weight)
        return out


class Modulation(nn.Module):
    """adaLN-zero (Peebles & Xie 2023): scale, shift and gate for both halves of a block."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.linear = nn.Linear(EMOTION_DIM, 6 * width)
        nn.init.zeros_(self.linear.weight)
        with torch.no_grad():  # scale 0, shift 0, gate 1
            self.linear.bias.copy_(torch.tensor([0.0, 0, 1, 0, 0, 1]).repeat_interleave(width))

    def forward(self, emotion: Tensor) -> tuple[Tensor, ...]:
        out: Tensor = self.linear(emotion)
        return out.chunk(6, dim=-1)


class Slots(nn.Module):
    """Extra keys and values outside the cache: query t reads the emotions mixed in c_t.

    out_t = Σ_j softmax_j(q_t·k_j/√D + log w_tj)·v_j, per head: pseudo-self-attention (Ziegler 2019)
    with the capsule's probabilities as the attention prior.
    """

    def __init__(self, heads: int, head_dim: int) -> None:
        super().__init__()
        self.keys = nn.Parameter(torch.randn(heads, SLOTS, head_dim) * 0.02)
        self.values = nn.Parameter(torch.zeros(heads, SLOTS, head_dim))
        self.scale = head_dim**-0.5

    def forward(self, query: Tensor, weights: Tensor) -> Tensor:
        """(B, H, T, D) queries and (B, T, SLOTS) weights to (B, H, T, D)."""
        scores = query @ self.keys.transpose(-1, -2) * self.scale
        scores = scores + weights.clamp_min(1e-6).log()[:, None]
        out: Tensor = scores.softmax(dim=-1).to(query.dtype) @ self.values.to(query.dtype)
        return out
