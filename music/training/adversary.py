"""The adversarial term: a critic that tells played tokens from the network's own (``--adversary``).

After the source's MECTGan. Tokens cannot be differentiated, so the critic reads, at each position,
a straight-through Gumbel-softmax sample of what the network would play next (Jang et al. 2017), in
place of what was played; it knows the emotion and looks some thirty tokens back and ahead. Both
sides use the non-saturating loss (Goodfellow et al. 2014).

Axes: B batch, T positions, V vocabulary.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from music import vocabulary as v
from music.conditioning import SLOTS


class Adversary(nn.Module):
    """Convolutions over one-hot or sampled tokens beside the emotion: a score a position."""

    WIDTH, LAYERS, KERNEL = 128, 4, 5

    def __init__(self) -> None:
        super().__init__()
        self.token = nn.Linear(v.SIZE, self.WIDTH, bias=False)
        self.emotion = nn.Linear(SLOTS, self.WIDTH)
        self.layers = nn.ModuleList(
            nn.Conv1d(self.WIDTH, self.WIDTH, self.KERNEL, padding="same", dilation=2**i)
            for i in range(self.LAYERS)
        )
        self.score = nn.Linear(self.WIDTH, 1)

    def forward(self, tokens: Tensor, weights: Tensor) -> Tensor:
        """(B, T, V) and the mixture (B, T, SLOTS) to how real it sounds, (B, T)."""
        x = (self.token(tokens) + self.emotion(weights)).transpose(1, 2)
        for layer in self.layers:
            x = x + F.gelu(layer(x))
        out: Tensor = self.score(x.transpose(1, 2)).squeeze(-1)
        return out


def played(targets: Tensor) -> Tensor:
    """(B, T) next tokens, -1 where none is asked, to one-hot (B, T, V), zero there."""
    real = F.one_hot(targets.clamp_min(0), v.SIZE).float()
    return real * (targets >= 0)[..., None]


def imagined(logits: Tensor, targets: Tensor) -> Tensor:
    """One sample a position, (B, T, V), through which a gradient reaches ``logits``."""
    sampled = F.gumbel_softmax(logits.float(), tau=1.0, hard=True)
    return sampled * (targets >= 0)[..., None]


def critic_loss(critic: nn.Module, real: Tensor, fake: Tensor, weights: Tensor) -> Tensor:
    """What the critic minimises: real above zero, imagined below."""
    scores: Tensor = critic(torch.cat([real, fake.detach()]), weights.repeat(2, 1, 1))
    of_real, of_fake = scores.chunk(2)
    loss: Tensor = F.softplus(-of_real).mean() + F.softplus(of_fake).mean()
    return loss


def deceit_loss(critic: Adversary, fake: Tensor, weights: Tensor) -> Tensor:
    """What the network minimises beside its likelihood: imagined music that sounds real."""
    for parameter in critic.parameters():
        parameter.requires_grad_(False)
    loss: Tensor = F.softplus(-critic(fake, weights)).mean()
    for parameter in critic.parameters():
        parameter.requires_grad_(True)
    return loss


def optimiser(critic: Adversary) -> torch.optim.Optimizer:
    """Adam with the settings usual for critics (Radford et al. 2016)."""
    return torch.optim.Adam(critic.parameters(), lr=2e-4, betas=(0.5, 0.9))
