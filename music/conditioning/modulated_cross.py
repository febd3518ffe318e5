"""``modulated-cross``: modulation, whose slots stand beside metadata as in MECT."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from music import vocabulary as v
from music.conditioning.base import EMOTION_DIM, SLOTS, Context, Told
from music.conditioning.modulation import ModulationLayer
from music.inputs import HEAD_DIM, ModelConfig

METADATA = 3  # the mixture as the bar's latent colours it, its valence, its arousal


class ModulatedCrossLayer(ModulationLayer):
    """Modulation, and one softmax over the emotions' slots and over metadata made at each position.

    After MECT (Wu 2021), whose random attention bias is indexed by what does not grow: the family
    of the token that asks and what is asked, per head.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config)
        self.sides = nn.Parameter(torch.randn(METADATA - 1, EMOTION_DIM) * 0.5)
        self.key = nn.Linear(EMOTION_DIM, config.width, bias=False)
        self.value = nn.Linear(EMOTION_DIM, config.width, bias=False)
        nn.init.zeros_(self.value.weight)
        self.bias = nn.Parameter(torch.zeros(len(v.FAMILIES), config.heads, SLOTS + METADATA))
        families = [i for i, family in enumerate(v.FAMILIES.values()) for _ in range(family.size)]
        self.family: Tensor
        self.register_buffer("family", torch.tensor(families), persistent=False)

    def tell(self, context: Context) -> Told:
        """As modulation, with zeros beside log w; then keys and values (B, H, T, METADATA, D)."""
        *modulation, log_weights = super().tell(context)
        p = context.weights
        valence = (p[..., 0] + p[..., 3] - p[..., 1] - p[..., 2])[..., None]
        arousal = (p[..., 0] + p[..., 1] - p[..., 2] - p[..., 3])[..., None]
        sides = [context.emotion, valence * self.sides[0], arousal * self.sides[1]]
        metadata = torch.stack(sides, dim=2)  # (B, T, METADATA, E)
        heads = self.keys.shape[0]
        keys, values = (
            project(metadata).unflatten(-1, (heads, HEAD_DIM)).permute(0, 3, 1, 2, 4)
            for project in (self.key, self.value)
        )
        log_weights = torch.cat([log_weights, torch.zeros_like(log_weights[..., :METADATA])], -1)
        return (*modulation, log_weights, keys, values)

    def attended(self, out: Tensor, q: Tensor, told: Told, tokens: Tensor) -> Tensor:
        log_weights, keys, values = told[6:]
        bias = self.bias[self.family[tokens]].transpose(1, 2)  # (B, H, T, SLOTS + METADATA)
        of_slots = q @ self.keys.to(q.dtype).mT
        of_metadata = (q.unsqueeze(-2) * keys).sum(-1)
        scores = torch.cat([of_slots, of_metadata], -1) * HEAD_DIM**-0.5 + log_weights + bias
        read = scores.softmax(dim=-1).to(q.dtype)
        mixed: Tensor = read[..., :SLOTS] @ self.values.to(q.dtype)
        mixed = mixed + (read[..., SLOTS:].unsqueeze(-2) @ values.to(q.dtype)).squeeze(-2)
        return out + mixed
