"""``attention`` and ``gated``: the metadata inside self-attention."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from music.conditioning.base import EMOTION_DIM, SLOTS, Context, Layer, Told
from music.inputs import HEAD_DIM, ModelConfig


class AttentionLayer(Layer):
    """Metadata-aware self-attention, after the source's S = QKᵀ, A = MᵀS, C = V·A.

    Read literally M multiplies a finished (T, T) score matrix, which mixes the scores of different
    queries, the future's among them. Our reading is causal and has shapes that fit: M_t is a (D, D)
    matrix of each head, mixed from one learned matrix a quadrant by the emotion at query t, and
    stands inside the product: S_ts = q_tᵀ M_t k_s, A = softmax(S), C = A·V. Which keys a query
    finds alike thus depends on the emotion. M starts at the identity.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config)
        self.turn = nn.Parameter(torch.zeros(config.heads, HEAD_DIM, SLOTS * HEAD_DIM))
        nn.init.normal_(self.turn, std=0.02)

    def tell(self, context: Context) -> Told:
        """M (B, H, D, D), mixed once for all tokens under one condition, where one position is
        asked; else what mixes it at each, (B, 1, T, SLOTS, 1).
        """
        weights = context.weights
        if weights.shape[1] > 1:
            return (weights[:, None, :, :, None],)
        turn = self.turn.view(-1, HEAD_DIM, SLOTS, HEAD_DIM)
        return (torch.einsum("bs,hdse->bhde", weights[:, 0].to(turn.dtype), turn),)

    def query(self, q: Tensor, told: Told) -> Tensor:
        (by,) = told
        if by.ndim == q.ndim:
            return q + q @ by.to(q.dtype)
        turned = (q @ self.turn.to(q.dtype)).view(*q.shape[:-1], SLOTS, HEAD_DIM)
        out: Tensor = q + (turned * by.to(q.dtype)).sum(dim=-2)
        return out


class GatedLayer(Layer):
    """Gated self-attention: each head's every output passes a gate that the metadata opens.

    out ← 2·σ(G·e_t + b) ∘ out with e_t the emotion's vector; G starts at zero, so all gates at 1.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config)
        self.heads = config.heads
        self.gate = nn.Linear(EMOTION_DIM, config.width)
        nn.init.zeros_(self.gate.weight)
        nn.init.zeros_(self.gate.bias)

    def tell(self, context: Context) -> Told:
        gate = 2 * self.gate(context.emotion).sigmoid()
        return (gate.view(*gate.shape[:-1], self.heads, HEAD_DIM).transpose(1, 2),)  # (B, H, T, D)

    def attended(self, out: Tensor, q: Tensor, told: Told, tokens: Tensor) -> Tensor:
        return out * told[0]
