"""``modulation``, our default: each layer's norms and gates move with the emotion, and slots."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from music.conditioning.base import EMOTION_DIM, SLOTS, Context, Layer, Told
from music.inputs import HEAD_DIM, ModelConfig


class ModulationLayer(Layer):
    """adaLN-zero (Peebles & Xie 2023), scale, shift and gate for both halves of a block, and slots:
    extra keys and values outside the cache, of which query t reads the emotions mixed in c_t.

    slots_t = Σ_j softmax_j(q_t·k_j/√D + log w_tj)·v_j, per head: pseudo-self-attention (Ziegler
    2019) with the capsule's probabilities as the attention prior.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config)
        self.modulation = nn.Linear(EMOTION_DIM, 6 * config.width)
        nn.init.zeros_(self.modulation.weight)
        with torch.no_grad():  # scale 0, shift 0, gate 1
            bias = torch.tensor([0.0, 0, 1, 0, 0, 1]).repeat_interleave(config.width)
            self.modulation.bias.copy_(bias)
        self.keys = nn.Parameter(torch.randn(config.heads, SLOTS, HEAD_DIM) * 0.02)
        self.values = nn.Parameter(torch.zeros(config.heads, SLOTS, HEAD_DIM))

    def tell(self, context: Context) -> Told:
        """Scale, shift, gate for each half (B, T, width); keys and values of the slots (B, H,
        SLOTS, D) and log w (B, 1, T, SLOTS).
        """
        scale, shift, gate, *other = self.modulation(context.emotion).chunk(6, dim=-1)
        log_weights = context.weights.clamp_min(1e-6).log()[:, None]
        slots = (
            part.to(scale.dtype).expand(len(scale), -1, -1, -1) for part in (self.keys, self.values)
        )
        return (
            1 + scale,
            shift,
            gate,
            1 + other[0],
            *other[1:],
            *slots,
            log_weights.to(scale.dtype),
        )

    def normed(self, h: Tensor, half: int, told: Told) -> Tensor:
        return torch.addcmul(told[3 * half + 1], h, told[3 * half])

    def attended(self, out: Tensor, q: Tensor, told: Told, tokens: Tensor) -> Tensor:
        keys, values, log_weights = told[6:]
        return out + F.scaled_dot_product_attention(q, keys, values, log_weights)

    def added(self, x: Tensor, y: Tensor, half: int, told: Told) -> Tensor:
        return torch.addcmul(x, told[3 * half + 2], y)
