"""The CVAE-Transformer: a causal decoder that plays piano under a mixture of emotions.

Axes: B batch, T token positions, H heads, D head width, Z latent width, K bars. One ``forward``
serves training (whole crops, banded mask), the uncached oracle and, with a ``KVCache``, live play,
one token at a time.

Each bar k has a latent z_k. The posterior q(z_k | bar k, c_k) reads the whole bar and exists only
in training; the prior p(z_k | past, c_k) reads the decoder's state at BAR, so live play is causal
(Action2Motion: prior, posterior, generator; Guo 2020). LATENT takes W·z_k as input, z_k is added to
the bar's later positions, and it colours each layer's modulation (MuseMorphose's in-attention:
Wu & Yang 2021).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from music import vocabulary as v
from music.cache import KVCache
from music.conditioning import EMOTION_DIM, SLOTS, Emotion, Modulation, Slots, slot_weights

HEAD_DIM = 64
INDEX_PAIRS = 16  # rotary pairs that count tokens
BAR_PERIODS = (2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0)  # in bars: how many bars ago
LOG_VARIANCE = (-8.0, 0.0)  # of posterior and prior
METRE_PERIODS = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0)  # in beats: where in the bar


@dataclass(frozen=True)
class ModelConfig:
    """One dial, ``depth``; the rest follows. No defaults: they live in the checkpoint."""

    depth: int
    window: int  # tokens a query sees, itself included
    latent: int
    dropout: float

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


def rotation(index: Tensor, bar: Tensor, metre: Tensor) -> Tensor:
    """(B, T, D/2) complex rotations of queries and keys.

    RoPE (Su 2021) over three coordinates: the token's index, its bar and its place in the bar.
    Products of rotated queries and keys depend on differences only, so the last two are the
    bar–note relative position: how many bars ago, and how far apart within the bar.
    """
    frequency = 10000.0 ** -(torch.arange(INDEX_PAIRS, dtype=torch.float64) / INDEX_PAIRS)
    turn = 2 * math.pi
    bars = turn / torch.tensor(BAR_PERIODS, dtype=torch.float64)
    beats = turn / torch.tensor(METRE_PERIODS, dtype=torch.float64)
    device = index.device
    angle = torch.cat(
        [
            index[..., None] * frequency.to(device),
            bar[..., None] * bars.to(device),
            metre[..., None] * beats.to(device),
        ],
        dim=-1,
    )
    return torch.polar(torch.ones_like(angle), angle % turn).to(torch.complex64)


def rotate(x: Tensor, turns: Tensor) -> Tensor:
    """Rotate (B, H, T, D) by (B, T, D/2); pairs are the two halves of D."""
    cos, sin = turns.real[:, None].to(x.dtype), turns.imag[:, None].to(x.dtype)
    a, b = x.chunk(2, dim=-1)
    return torch.cat([a * cos - b * sin, a * sin + b * cos], dim=-1)


def band(length: int, window: int, device: torch.device | None = None) -> Tensor:
    """(T, T) True where query t may see key s: t - window < s <= t."""
    t = torch.arange(length, device=device)
    back = t[:, None] - t[None, :]
    return (back >= 0) & (back < window)


class Block(nn.Module):
    """Pre-norm attention and feed-forward, both modulated by the emotion."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        width = config.width
        self.heads, self.dropout = config.heads, config.dropout
        self.norm1 = nn.LayerNorm(width, elementwise_affine=False)
        self.norm2 = nn.LayerNorm(width, elementwise_affine=False)
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)
        self.up = nn.Linear(width, 4 * width, bias=False)
        self.down = nn.Linear(4 * width, width, bias=False)
        self.modulation = Modulation(width)
        self.slots = Slots(config.heads, HEAD_DIM)

    def forward(
        self,
        x: Tensor,
        turns: Tensor,
        emotion: Tensor,
        weights: Tensor,
        mask: Tensor | None,
        cache: tuple[KVCache, int] | None,
    ) -> Tensor:
        scale1, shift1, gate1, scale2, shift2, gate2 = self.modulation(emotion)
        h = self.norm1(x) * (1 + scale1) + shift1
        x = x + gate1 * self.out(self._attend(h, turns, weights, mask, cache))
        h = self.norm2(x) * (1 + scale2) + shift2
        h = self.down(F.gelu(self.up(h), approximate="tanh"))
        out: Tensor = x + gate2 * F.dropout(h, self.dropout, self.training)
        return out

    def _attend(
        self,
        h: Tensor,
        turns: Tensor,
        weights: Tensor,
        mask: Tensor | None,
        cache: tuple[KVCache, int] | None,
    ) -> Tensor:
        batch, length, width = h.shape
        q, k, value = (
            part.view(batch, length, self.heads, HEAD_DIM).transpose(1, 2)  # (B, H, T, D)
            for part in self.qkv(h).chunk(3, dim=-1)
        )
        slots = self.slots(q, weights)
        q, k = rotate(q, turns), rotate(k, turns)
        if cache is not None:
            k, value = cache[0].append(cache[1], k, value)
        out = F.scaled_dot_product_attention(q, k, value, attn_mask=mask) + slots
        merged: Tensor = out.transpose(1, 2).reshape(batch, length, width)
        return merged


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


class MusicModel(nn.Module):
    """Decoder, prior and posterior over the token table of ``music.vocabulary``."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.embed = nn.Embedding(v.SIZE, config.width)
        self.latent = nn.Linear(config.latent, config.width, bias=False)
        self.colour = nn.Linear(config.latent, EMOTION_DIM, bias=False)
        self.emotion = Emotion()
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.depth))
        self.norm = nn.LayerNorm(config.width, bias=False)
        self.prior = Prior(config)
        self.posterior = Posterior(config)
        self._init_weights()

    def _init_weights(self) -> None:
        """Embeddings 0.05; latents an order below, lest their noise drown the tokens; residual
        outputs near zero; all other linears torch's fan-in uniform.
        """
        nn.init.normal_(self.embed.weight, std=0.05)
        nn.init.normal_(self.latent.weight, std=0.005)
        nn.init.normal_(self.colour.weight, std=0.05)
        for name, parameter in self.blocks.named_parameters():
            if name.endswith(("out.weight", "down.weight")):
                nn.init.normal_(parameter, std=0.02 / math.sqrt(2 * self.config.depth))

    def forward(self, inputs: Inputs, z: Tensor, cache: KVCache | None = None) -> Tensor:
        """Decoder states (B, T, width).

        ``z`` (B, T, Z) holds each position's bar latent, zero at BAR. With a cache T must be 1, and
        ``cache.advance`` is called once all layers have appended.
        """
        weights = slot_weights(inputs.p, inputs.null)
        emotion = self.emotion(weights) + self.colour(z)
        x = self.embed(inputs.tokens) + self.latent(z)
        turns = rotation(inputs.place, inputs.bar, inputs.metre)
        length = inputs.tokens.shape[1]
        if cache is not None and length != 1:
            raise ValueError(f"a cached forward takes one position at a time, not {length}")
        mask = band(length, self.config.window, x.device) if cache is None else None
        for layer, block in enumerate(self.blocks):
            place = None if cache is None else (cache, layer)
            x = block(x, turns, emotion, weights, mask, place)
        if cache is not None:
            cache.advance()
        out: Tensor = self.norm(x)
        return out

    def logits(self, state: Tensor) -> Tensor:
        """(..., width) to (..., vocabulary): the embedding, tied."""
        return F.linear(state, self.embed.weight).float()

    def emotion_of(self, inputs: Inputs) -> Tensor:
        """(B, T, EMOTION_DIM) what the prior is told."""
        out: Tensor = self.emotion(slot_weights(inputs.p, inputs.null))
        return out

    def infer(self, inputs: Inputs) -> Gaussian:
        """The posterior at every BAR position (B, T, Z)."""
        weights = slot_weights(inputs.p, inputs.null)
        out: Gaussian = self.posterior(self.embed(inputs.tokens), inputs, weights)
        return out

    def new_cache(self, batch: int, rewind: int) -> KVCache:
        c = self.config
        return KVCache(c.depth, batch, c.heads, HEAD_DIM, c.window, rewind)


def spread(at_bar: Tensor, tokens: Tensor) -> Tensor:
    """Carry each bar's value (B, T, Z), given at its BAR, over its later positions; 0 at BAR."""
    t = torch.arange(tokens.shape[1], device=tokens.device).expand_as(tokens)
    is_bar = tokens == v.BAR
    start = torch.where(is_bar, t, 0).cummax(dim=1).values
    carried = at_bar.gather(1, start[..., None].expand(-1, -1, at_bar.shape[-1]))
    return carried.masked_fill(is_bar[..., None], 0.0)
