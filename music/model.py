"""The CVAE-Transformer: a causal decoder that plays piano under a mixture of emotions.

Axes: B batch, T token positions, H heads, D head width, Z latent width, K bars. One ``forward``
serves training (whole crops, banded mask), the uncached oracle and, with a ``KVCache``, live play,
one token at a time.

Each bar k has a latent z_k. The posterior q(z_k | bar k, c_k) reads the whole bar and exists only
in training; the prior p(z_k | past, c_k) reads the decoder's state at BAR, so live play is causal
(Action2Motion: prior, posterior, generator; Guo 2020). W·z_k is added to what the bar's positions
take as input, LATENT and all that follow. How the emotion enters is ``config.conditioning``; with
``config.latent`` 0 there is no latent and what remains is a plain causal Transformer.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from music import vocabulary as v
from music.cache import KVCache, Place, beside
from music.conditioning import CONDITIONINGS, Context, Emotion, Entry, Layer, Told
from music.inputs import HEAD_DIM, Inputs, ModelConfig, band, rotate, rotation
from music.latent import Gaussian, Posterior, Prior
from music.network import Network

Heard = tuple[Context, list[Told]]


class Block(nn.Module):
    """Pre-norm attention and feed-forward, with the places where a condition may act."""

    def __init__(self, config: ModelConfig, condition: type[Layer]) -> None:
        super().__init__()
        width = config.width
        self.heads, self.dropout, self.width = config.heads, config.dropout, (width,)
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)
        self.up = nn.Linear(width, 4 * width, bias=False)
        self.down = nn.Linear(4 * width, width, bias=False)
        self.condition = condition(config)

    def forward(
        self,
        x: Tensor,
        turns: tuple[Tensor, Tensor],
        tokens: Tensor,
        told: Told,
        mask: Tensor | None,
        place: Place | None,
    ) -> Tensor:
        condition = self.condition
        h = condition.normed(F.layer_norm(x, self.width), 0, told)
        h = self.out(self._attend(h, turns, tokens, told, mask, place))
        x = condition.added(x, h, 0, told)
        h = condition.normed(F.layer_norm(x, self.width), 1, told)
        h = self.down(F.gelu(self.up(h), approximate="tanh"))
        if self.training:
            h = F.dropout(h, self.dropout)
        return condition.added(x, h, 1, told)

    def _attend(
        self,
        h: Tensor,
        turns: tuple[Tensor, Tensor],
        tokens: Tensor,
        told: Told,
        mask: Tensor | None,
        place: Place | None,
    ) -> Tensor:
        batch, length, width = h.shape
        parts = self.qkv(h).view(batch, length, 3 * self.heads, HEAD_DIM).transpose(1, 2)
        both, value = parts.split((2 * self.heads, self.heads), dim=1)  # (B, H, T, D)
        placed, k = rotate(both, turns).chunk(2, dim=1)
        q = both[:, : self.heads]
        asked = self.condition.query(q, told)
        if asked is not q:
            q, placed = asked, rotate(asked, turns)
        if place is not None:
            place.put(k, value)
            k, value = place.keys, place.values
            placed = beside(placed, k.shape[0])
        out = F.scaled_dot_product_attention(placed, k, value, attn_mask=mask)
        if out.shape != q.shape:  # several askings of one past
            out = out.transpose(1, 2).reshape(q.shape)
        out = self.condition.attended(out, q, told, tokens)
        merged: Tensor = out.transpose(1, 2).reshape(batch, length, width)
        return merged


class MusicModel(Network):
    """Decoder, prior and posterior over the token table of ``music.vocabulary``."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config: ModelConfig = config
        entry, layer = CONDITIONINGS[config.conditioning]
        self.embed = nn.Embedding(v.SIZE, config.width)
        self.emotion = Emotion()
        self.entry: Entry = entry(config)
        self.blocks = nn.ModuleList(Block(config, layer) for _ in range(config.depth))
        self.norm = nn.LayerNorm(config.width, bias=False)
        if config.latent:
            self.latent = nn.Linear(config.latent, config.width, bias=False)
            self.prior = Prior(config)
            self.posterior = Posterior(config)
        self._init_weights()

    def _init_weights(self) -> None:
        """Embeddings 0.05; latents an order below, lest their noise drown the tokens; residual
        outputs near zero; all other linears torch's fan-in uniform.
        """
        nn.init.normal_(self.embed.weight, std=0.05)
        if self.config.latent:
            nn.init.normal_(self.latent.weight, std=0.005)
        for name, parameter in self.blocks.named_parameters():
            if name.endswith(("out.weight", "down.weight")):
                nn.init.normal_(parameter, std=0.02 / math.sqrt(2 * self.config.depth))

    def forward(self, inputs: Inputs, z: Tensor, cache: KVCache | None = None) -> Tensor:
        """Decoder states (B, T, width).

        ``z`` (B, T, Z) holds each position's bar latent, zero at BAR. With a cache T must be 1, and
        ``cache.advance`` is called once all layers have put theirs; B may be A times the cache's:
        then A rows in turn ask about one past, and it goes on with the first of them.
        """
        rows, length = inputs.tokens.shape
        if cache is None:
            seen = band(length, self.config.window, inputs.tokens.device)
            return self.states(inputs, z, self.hear(inputs), seen, [None] * self.config.depth)
        if length != 1:
            raise ValueError(f"a cached forward takes one position at a time, not {length}")
        places, mask = cache.open(rows)
        out = self.states(inputs, z, self.hear(inputs, cache), mask, places)
        cache.advance()
        return out

    def states(
        self,
        inputs: Inputs,
        z: Tensor,
        heard: Heard,
        mask: Tensor | None,
        places: Sequence[Place | None],
    ) -> Tensor:
        """What ``forward`` gives, of a condition as it was heard; each layer's ``places``: of the
        one position of a cached forward.
        """
        context, told = heard
        x = self.embed(inputs.tokens)
        if self.config.latent:
            x = x + self.latent(z)
        x = self.entry(x, inputs.tokens, context)
        turns = rotation(inputs.place, inputs.bar, inputs.metre)
        for block, own, place in zip(self.blocks, told, places, strict=True):
            x = block(x, turns, inputs.tokens, own, mask, place)
        out: Tensor = self.norm(x)
        return out

    def hear(self, inputs: Inputs, cache: KVCache | None = None) -> Heard:
        """The condition as each layer will use it; made anew only when it changes: a condition
        holds for many tokens.
        """
        key = (inputs.p, inputs.null)
        known = cache.memo.get(len(inputs.p)) if cache is not None else None
        if known and all(map(torch.equal, known[0], key)):
            return cast(Heard, known[1])
        weights, emotion = self.emotion(inputs)
        context = Context(weights, emotion)
        heard = context, [cast(Block, block).condition.tell(context) for block in self.blocks]
        if cache is not None:
            cache.memo[len(inputs.p)] = key, heard
        return heard

    def prior_of(self, states: Tensor, inputs: Inputs) -> Gaussian:
        """The prior at every position (..., Z), of which only those at BAR mean anything."""
        out: Gaussian = self.prior(states, self.emotion(inputs)[1])
        return out

    def infer(self, inputs: Inputs) -> Gaussian:
        """The posterior at every BAR position (B, T, Z)."""
        weights, _ = self.emotion(inputs)
        out: Gaussian = self.posterior(self.embed(inputs.tokens), inputs, weights)
        return out

    @property
    def shares_past(self) -> bool:
        return self.entry.everywhere

    def new_cache(self, batch: int, rewind: int) -> KVCache:
        c = self.config
        return KVCache(c.depth, batch, c.heads, HEAD_DIM, c.window, rewind)
