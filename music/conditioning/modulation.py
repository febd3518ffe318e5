"""``modulation``, our default: norms and gates move with the emotion, and queries turn with it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from music.conditioning.attention import AttentionLayer
from music.conditioning.base import EMOTION_DIM, Context, Told
from music.inputs import ModelConfig


class ModulationLayer(AttentionLayer):
    """adaLN-zero (Peebles & Xie 2023), scale, shift and gate for both halves of a block, around
    metadata-aware attention: what a token is and what it looks back at both follow the emotion.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config)
        self.modulation = nn.Linear(EMOTION_DIM, 6 * config.width)
        nn.init.zeros_(self.modulation.weight)
        with torch.no_grad():  # scale 0, shift 0, gate 1
            bias = torch.tensor([0.0, 0, 1, 0, 0, 1]).repeat_interleave(config.width)
            self.modulation.bias.copy_(bias)

    def tell(self, context: Context) -> Told:
        """Scale, shift, gate for each half (B, T, width), and what turns the queries."""
        scale, shift, gate, *other = self.modulation(context.emotion).chunk(6, dim=-1)
        return (1 + scale, shift, gate, 1 + other[0], *other[1:], *super().tell(context))

    def query(self, q: Tensor, told: Told) -> Tensor:
        return super().query(q, told[6:])

    def normed(self, h: Tensor, half: int, told: Told) -> Tensor:
        return torch.addcmul(told[3 * half + 1], h, told[3 * half])

    def added(self, x: Tensor, y: Tensor, half: int, told: Told) -> Tensor:
        return torch.addcmul(x, told[3 * half + 2], y)
