"""What the decoder reads at each position, the sizes that follow from one dial, and where it looks.

Axes: B batch, T token positions, H heads, D head width.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

HEAD_DIM = 64
INDEX_PAIRS = 16  # rotary pairs that count tokens
BAR_PERIODS = (2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0)  # in bars: how many bars ago
METRE_PERIODS = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0)  # in beats: where in the bar


def _frequencies() -> Tensor:
    """(3, D) radians by which each coordinate turns the pairs that follow it, two of D each."""
    each = (
        [10000.0 ** (-pair / INDEX_PAIRS) for pair in range(INDEX_PAIRS)],
        [2 * math.pi / period for period in BAR_PERIODS],
        [2 * math.pi / period for period in METRE_PERIODS],
    )
    out, start = torch.zeros(len(each), HEAD_DIM // 2, dtype=torch.float64), 0
    for coordinate, turns in zip(out, each, strict=True):
        coordinate[start : start + len(turns)] = torch.tensor(turns, dtype=torch.float64)
        start += len(turns)
    return out.repeat(1, 2)


_FREQUENCY = _frequencies()
_SIDE = torch.tensor([-1.0, 1.0]).repeat_interleave(HEAD_DIM // 2)


@dataclass(frozen=True)
class ModelConfig:
    """One dial, ``depth``; the rest follows. No defaults: they live in the checkpoint."""

    depth: int
    window: int  # tokens a query sees, itself included
    latent: int  # 0: no latent, a plain causal Transformer
    dropout: float
    conditioning: str  # one of music.conditioning.CONDITIONINGS

    @property
    def width(self) -> int:
        return HEAD_DIM * self.heads

    @property
    def heads(self) -> int:
        return self.depth // 2 + 1


class Inputs(NamedTuple):
    """What the decoder reads at each position."""

    tokens: Tensor  # (B, T) int64
    place: Tensor  # (B, T) float64 absolute token position
    bar: Tensor  # (B, T) float64 bar index
    metre: Tensor  # (B, T) float64 beats since the bar began
    p: Tensor  # (B, T, 4) quadrant mixture
    null: Tensor  # (B, T) 1 where unconditioned


def rotation(index: Tensor, bar: Tensor, metre: Tensor) -> tuple[Tensor, Tensor]:
    """Cosines and sines (B, 1, T, D) by which ``rotate`` turns queries and keys.

    RoPE (Su 2021) over three coordinates: the token's index, its bar and its place in the bar.
    Products of rotated queries and keys depend on differences only, so the last two are the
    bar–note relative position: how many bars ago, and how far apart within the bar.
    """
    counted = torch.stack([index, bar, metre], dim=-1)
    angle = (counted @ _FREQUENCY.to(index.device) % (2 * math.pi)).float()[:, None]
    return angle.cos(), angle.sin() * _SIDE.to(index.device)


def rotate(x: Tensor, turns: tuple[Tensor, Tensor]) -> Tensor:
    """Rotate (B, H, T, D) by ``rotation``'s pair; a pair is (x_i, x_{i + D/2})."""
    cos, sin = (turn.to(x.dtype) for turn in turns)
    swapped = x.view(*x.shape[:-1], 2, HEAD_DIM // 2).flip(-2).flatten(-2)
    return torch.addcmul(x * cos, swapped, sin)


def band(length: int, window: int, device: torch.device | None = None) -> Tensor:
    """(T, T) True where query t may see key s: t - window < s <= t."""
    t = torch.arange(length, device=device)
    back = t[:, None] - t[None, :]
    return (back >= 0) & (back < window)
