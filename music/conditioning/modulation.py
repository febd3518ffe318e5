"""Each layer's norms and gates move with the emotion: beside slots, and around attention."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from music.conditioning.attention import AttentionLayer
from music.conditioning.base import EMOTION_DIM, SLOTS, Context, Layer, Told
from music.inputs import HEAD_DIM, ModelConfig

PARTS = 6  # scale, shift and gate for both halves of a block


class Modulated(Layer):
    """adaLN-zero (Peebles & Xie 2023), around another way in which the condition acts: the next
    class in the order of resolution.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config)
        self.modulation = nn.Linear(EMOTION_DIM, PARTS * config.width)
        nn.init.zeros_(self.modulation.weight)
        with torch.no_grad():  # scale 0, shift 0, gate 1
            bias = torch.tensor([0.0, 0, 1, 0, 0, 1]).repeat_interleave(config.width)
            self.modulation.bias.copy_(bias)

    def tell(self, context: Context) -> Told:
        """Scale, shift, gate for each half (B, T, width), then what the other way is told."""
        scale, shift, gate, *other = self.modulation(context.emotion).chunk(PARTS, dim=-1)
        return (1 + scale, shift, gate, 1 + other[0], *other[1:], *super().tell(context))

    def normed(self, h: Tensor, half: int, told: Told) -> Tensor:
        return torch.addcmul(told[3 * half + 1], h, told[3 * half])

    def query(self, q: Tensor, told: Told) -> Tensor:
        return super().query(q, told[PARTS:])

    def attended(self, out: Tensor, q: Tensor, told: Told, tokens: Tensor) -> Tensor:
        return super().attended(out, q, told[PARTS:], tokens)

    def added(self, x: Tensor, y: Tensor, half: int, told: Told) -> Tensor:
        return torch.addcmul(x, told[3 * half + 2], y)


class SlotLayer(Layer):
    """Extra keys and values outside the cache, of which query t reads the emotions mixed in c_t.

    slots_t = Σ_j softmax_j(q_t·k_j/√D + log w_tj)·v_j, per head: pseudo-self-attention (Ziegler
    2019) with the capsule's probabilities as the attention prior.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config)
        self.keys = nn.Parameter(torch.randn(config.heads, SLOTS, HEAD_DIM) * 0.02)
        self.values = nn.Parameter(torch.zeros(config.heads, SLOTS, HEAD_DIM))

    def tell(self, context: Context) -> Told:
        """Keys and values of the slots (B, H, SLOTS, D) and log w (B, 1, T, SLOTS)."""
        log_weights = context.weights.clamp_min(1e-6).log()[:, None]
        rows, kind = len(log_weights), context.emotion.dtype
        keys, values = (p.to(kind).expand(rows, -1, -1, -1) for p in (self.keys, self.values))
        return keys, values, log_weights.to(kind)

    def attended(self, out: Tensor, q: Tensor, told: Told, tokens: Tensor) -> Tensor:
        keys, values, log_weights = told
        return out + F.scaled_dot_product_attention(q, keys, values, log_weights)


class ModulationLayer(Modulated, SlotLayer):
    """``modulation``: norms, gates, and slots."""


class ModulatedAttentionLayer(Modulated, AttentionLayer):
    """``modulated-attention``, our default: what a position hears of itself and what it looks back
    at both follow the emotion.
    """
