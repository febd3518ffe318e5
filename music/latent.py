"""The latent of a bar: a posterior that has read the bar, a prior that has only heard the past.

Axes: B batch, T token positions, Z latent width.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from music import vocabulary as v
from music.conditioning import EMOTION_DIM, SLOTS
from music.inputs import METRE_PERIODS, Inputs, ModelConfig

LOG_VARIANCE = (-8.0, 0.0)  # of posterior and prior


class Gaussian(NamedTuple):
    """A diagonal normal."""

    mean: Tensor  # (..., Z)
    log_variance: Tensor

    def sample(self, noise: Tensor) -> Tensor:
        return self.mean + (0.5 * self.log_variance).exp() * noise

    def kl_to(self, other: Gaussian) -> Tensor:
        """KL(self ‖ other) per dimension, in nats."""
        ratio = (self.log_variance - other.log_variance).exp()
        shift = (self.mean - other.mean).square() * (-other.log_variance).exp()
        return 0.5 * (ratio + shift - 1.0 + other.log_variance - self.log_variance)


class Posterior(nn.Module):
    """q(z_k | bar k, c_k), training only: a bidirectional encoder inside each bar.

    ACTOR's learned distribution tokens (Petrovich 2021), one pair per emotion, mixed by the
    capsule's probabilities: the μ token sits at BAR, the σ token at LATENT, so a crop is encoded in
    one pass with a mask that keeps bars apart.
    """

    WIDTH, HEADS, LAYERS = 192, 3, 2
    SPREAD = 0.7  # of the means over bars

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.embed = nn.Linear(config.width, self.WIDTH)
        self.mean_token = nn.Embedding(SLOTS, self.WIDTH)
        self.variance_token = nn.Embedding(SLOTS, self.WIDTH)
        layer = nn.TransformerEncoderLayer(
            self.WIDTH,
            self.HEADS,
            4 * self.WIDTH,
            0.0,
            "gelu",
            batch_first=True,
            norm_first=True,
        )
        self.encoder = nn.TransformerEncoder(layer, self.LAYERS, enable_nested_tensor=False)
        self.mean = nn.Linear(self.WIDTH, config.latent)
        self.log_variance = nn.Linear(self.WIDTH, config.latent)
        self.metre = nn.Linear(2 * len(METRE_PERIODS), self.WIDTH)
        self.centre: Tensor
        self.width: Tensor
        self.register_buffer("centre", torch.zeros(config.latent))
        self.register_buffer("width", torch.ones(config.latent))

    def forward(self, embedded: Tensor, inputs: Inputs, weights: Tensor) -> Gaussian:
        """A Gaussian (B, T, Z) of which only the values at BAR positions mean anything."""
        x = self.embed(embedded) + self.metre(_waves(inputs.metre).to(embedded.dtype))
        is_bar, is_latent = inputs.tokens == v.BAR, inputs.tokens == v.LATENT
        x = torch.where(is_bar[..., None], weights @ self.mean_token.weight, x)
        x = torch.where(is_latent[..., None], weights @ self.variance_token.weight, x)
        apart = inputs.bar[:, :, None] != inputs.bar[:, None, :]
        mask = torch.zeros_like(apart, dtype=x.dtype).masked_fill(apart, float("-inf"))
        x = self.encoder(x, mask=mask.repeat_interleave(self.HEADS, dim=0))
        mean = self._spread_out(self.mean(x).float(), is_bar)
        return Gaussian(mean, self.log_variance(x.roll(-1, dims=1)).float().clamp(*LOG_VARIANCE))

    def _spread_out(self, mean: Tensor, is_bar: Tensor) -> Tensor:
        """Means with a fixed spread over bars in every dimension, so that KL cannot vanish.

        For that the noise must not outgrow the spread: LOG_VARIANCE ends at 0.
        Zhu et al. 2020, "A batch normalized inference network keeps the KL vanishing away".
        """
        if self.training:
            rows = mean[is_bar]
            centre, width = rows.mean(dim=0), rows.std(dim=0) + 1e-3
            with torch.no_grad():
                self.centre.lerp_(centre, 0.02)
                self.width.lerp_(width, 0.02)
        else:
            centre, width = self.centre, self.width
        return self.SPREAD * (mean - centre) / width


def _waves(metre: Tensor) -> Tensor:
    angle = metre[..., None] * (2 * math.pi / torch.tensor(METRE_PERIODS, device=metre.device))
    return torch.cat([angle.sin(), angle.cos()], dim=-1)


class Prior(nn.Module):
    """p(z_k | past, c_k) from the decoder's state at BAR."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.hidden = nn.Linear(config.width + EMOTION_DIM, 256)
        self.out = nn.Linear(256, 2 * config.latent)

    def forward(self, state: Tensor, emotion: Tensor) -> Gaussian:
        """(..., width), (..., EMOTION_DIM) to a Gaussian (..., Z)."""
        out = self.out(F.silu(self.hidden(torch.cat([state, emotion], dim=-1))))
        mean, log_variance = out.float().chunk(2, dim=-1)
        return Gaussian(mean, log_variance.clamp(*LOG_VARIANCE))


def spread(at_bar: Tensor, tokens: Tensor) -> Tensor:
    """Carry each bar's value (B, T, Z), given at its BAR, over its later positions; 0 at BAR."""
    t = torch.arange(tokens.shape[1], device=tokens.device).expand_as(tokens)
    is_bar = tokens == v.BAR
    start = torch.where(is_bar, t, 0).cummax(dim=1).values
    carried = at_bar.gather(1, start[..., None].expand(-1, -1, at_bar.shape[-1]))
    return carried.masked_fill(is_bar[..., None], 0.0)
