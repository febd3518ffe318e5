"""What every conditioning shares: the mixture as weights and as a vector, and where it may act.

A conditioning is an ``Entry`` (at the network's input) and a ``Layer`` for each block. None touches
the KV cache: a condition acts at the position where it holds, keys and values already cached keep
the emotion under which they were played, and so a new emotion never invalidates anything. ``p`` is
(B, T, 4) with rows that sum to 1; ``null`` is (B, T), 1 where the network is to play without a
condition (classifier-free guidance, Ho & Salimans 2022).

Axes: B batch, T positions, H heads, D head width.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from music.inputs import Inputs, ModelConfig

QUADRANTS = 4
SLOTS = QUADRANTS + 1  # and one for "no condition"
EMOTION_DIM = 64
Told = tuple[Tensor, ...]


def slot_weights(p: Tensor, null: Tensor) -> Tensor:
    """(B, T, SLOTS) mixture of the five slots, summing to 1."""
    null = null[..., None].to(p.dtype)
    return torch.cat([p * (1 - null), null], dim=-1)


class Context(NamedTuple):
    """The condition at each position."""

    weights: Tensor  # (B, T, SLOTS)
    emotion: Tensor  # (B, T, EMOTION_DIM)


class Emotion(nn.Module):
    """The mixture as a vector: Σ_j p_j·E_j, then a small network."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(SLOTS, EMOTION_DIM)
        self.mix = nn.Sequential(nn.Linear(EMOTION_DIM, EMOTION_DIM), nn.SiLU())

    def forward(self, inputs: Inputs) -> tuple[Tensor, Tensor]:
        """Weights (B, T, SLOTS) and vector (B, T, EMOTION_DIM) of a batch of positions."""
        weights = slot_weights(inputs.p, inputs.null)
        return weights, self.mix(weights @ self.table.weight)


class Entry(nn.Module):
    """Acts on the embedded tokens. This one does nothing.

    ``everywhere``: a condition acts at each position, not at some alone that later ones look back
    at; then guidance can ask under several conditions about one past.
    """

    everywhere = True

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()

    def forward(self, x: Tensor, tokens: Tensor, context: Context) -> Tensor:
        """(B, T, width) embedded ``tokens`` (B, T) to the same."""
        return x


class Layer(nn.Module):
    """Acts inside a block at four places, each of which does nothing here.

    ``tell`` makes of a condition what the four then use, for as long as that condition holds.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()

    def tell(self, context: Context) -> Told:
        return ()

    def normed(self, h: Tensor, half: int, told: Told) -> Tensor:
        """After the norm before attention (half 0) or feed-forward (half 1): (B, T, width)."""
        return h

    def query(self, q: Tensor, told: Told) -> Tensor:
        """Queries before they are rotated to their place: (B, H, T, D)."""
        return q

    def attended(self, out: Tensor, q: Tensor, told: Told, tokens: Tensor) -> Tensor:
        """What attention gave for queries ``q`` of ``tokens`` (B, T), before the heads are merged:
        (B, H, T, D).
        """
        return out

    def added(self, x: Tensor, y: Tensor, half: int, told: Told) -> Tensor:
        """The stream ``x`` with what attention (half 0) or feed-forward (half 1) gave, ``y``: both
        (B, T, width).
        """
        return x + y
