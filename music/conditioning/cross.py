"""``cross``: tokens attend to several metadata embeddings, with a random attention bias (MECT)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from music import vocabulary as v
from music.conditioning.base import EMOTION_DIM, Context, Layer, Told
from music.inputs import HEAD_DIM, ModelConfig

METADATA = 4  # the mixture, its valence, its arousal, and one for what needs none


class CrossLayer(Layer):
    """A cross-transformer after MECT (Wu 2021): Q from the tokens, K and V from the metadata.

    MECT adds a randomly initialised, trained matrix of (positions, positions) to its scores, which
    fixes a greatest length and cannot stream. Here that matrix is indexed by what does not grow:
    the family of the token that asks and the metadatum that is asked, per head.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config)
        self.heads = config.heads
        self.sides = nn.Parameter(torch.randn(METADATA - 1, EMOTION_DIM) * 0.5)
        self.key = nn.Linear(EMOTION_DIM, config.width, bias=False)
        self.value = nn.Linear(EMOTION_DIM, config.width, bias=False)
        self.u = nn.Parameter(torch.zeros(config.heads, 1, HEAD_DIM))
        self.bias = nn.Parameter(torch.empty(len(v.FAMILIES), config.heads, METADATA))
        nn.init.kaiming_normal_(self.bias)
        families = [i for i, family in enumerate(v.FAMILIES.values()) for _ in range(family.size)]
        self.family: Tensor
        self.register_buffer("family", torch.tensor(families), persistent=False)

    def tell(self, context: Context) -> Told:
        """Keys and values (B, H, T, METADATA, D)."""
        p = context.weights
        valence = (p[..., 0] + p[..., 3] - p[..., 1] - p[..., 2])[..., None]
        arousal = (p[..., 0] + p[..., 1] - p[..., 2] - p[..., 3])[..., None]
        sides = [
            valence * self.sides[0],
            arousal * self.sides[1],
            self.sides[2].expand_as(context.emotion),
        ]
        metadata = torch.stack([context.emotion, *sides], dim=2)  # (B, T, METADATA, E)
        keys, values = (
            project(metadata).unflatten(-1, (self.heads, HEAD_DIM)).permute(0, 3, 1, 2, 4)
            for project in (self.key, self.value)
        )
        return keys, values

    def attended(self, out: Tensor, q: Tensor, told: Told, tokens: Tensor) -> Tensor:
        keys, values = told
        bias = self.bias[self.family[tokens]].transpose(1, 2)  # (B, H, T, METADATA)
        scores = ((q + self.u).unsqueeze(-2) * keys).sum(-1) * HEAD_DIM**-0.5 + bias
        mixed: Tensor = (scores.softmax(dim=-1).to(values.dtype).unsqueeze(-1) * values).sum(-2)
        return out + mixed
