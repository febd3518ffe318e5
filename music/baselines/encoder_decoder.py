"""A plain encoder–decoder Transformer next-note model, in chunks, so that it can play without end.

No latent: its likelihood is exact. Axes: B batch, T positions, N chunks of all rows, S what the
encoder gives, H heads, D head width.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from music import vocabulary as v
from music.cache import moved, steps_back
from music.conditioning import EMOTION_DIM, Emotion
from music.inputs import HEAD_DIM, Inputs
from music.network import Plain


@dataclass(frozen=True)
class EncoderDecoderConfig:
    """Sizes of the encoder–decoder."""

    layers: int  # of the encoder, and as many of the decoder
    width: int  # a multiple of HEAD_DIM
    chunk: int  # tokens the decoder writes before the encoder reads them
    dropout: float

    @property
    def latent(self) -> int:
        return 0

    @property
    def heads(self) -> int:
        return self.width // HEAD_DIM


class EncoderDecoder(Plain):
    """Vaswani 2017 on music without end, in chunks: every token is predicted exactly once.

    The encoder reads, in both directions, the quadrant as a token and the chunk before; the decoder
    writes the current chunk, causally, with cross-attention. The quadrant is heard where a chunk
    begins.
    """

    def __init__(self, config: EncoderDecoderConfig) -> None:
        super().__init__()
        self.config: EncoderDecoderConfig = config
        width = config.width
        self.embed = nn.Embedding(v.SIZE, width)
        self.emotion = Emotion()
        self.quadrant = nn.Linear(EMOTION_DIM, width)
        self.place = nn.Parameter(torch.randn(2, config.chunk, width) * 0.02)
        layer = nn.TransformerEncoderLayer(
            width,
            config.heads,
            4 * width,
            config.dropout,
            "gelu",
            batch_first=True,
            norm_first=True,
        )
        self.encoder = nn.TransformerEncoder(
            layer, config.layers, nn.LayerNorm(width), enable_nested_tensor=False
        )
        self.decoder = nn.ModuleList(DecoderLayer(config) for _ in range(config.layers))
        self.norm = nn.LayerNorm(width, bias=False)
        nn.init.normal_(self.embed.weight, std=0.05)

    def forward(self, inputs: Inputs, z: Tensor, cache: ChunkCache | None = None) -> Tensor:
        """States (B, T, width). With a cache T must be 1. ``z`` is not looked at."""
        emotion = self.emotion(inputs)[1]
        if cache is not None:
            return self._step(inputs.tokens, emotion[:, 0], cache)
        (batch, length), chunk = inputs.tokens.shape, self.config.chunk
        count = -(-length // chunk)
        tokens = F.pad(inputs.tokens, (0, count * chunk - length), value=v.PAD)
        before = F.pad(tokens, (chunk, -chunk), value=v.PAD)
        absent = torch.zeros(batch, count, chunk + 1, dtype=torch.bool, device=tokens.device)
        absent[:, 0, 1:] = True
        absent = absent.flatten(0, 1)
        memory = self._read(before.view(-1, chunk), emotion[:, ::chunk].flatten(0, 1), absent)
        x = self.embed(tokens).view(-1, chunk, self.config.width) + self.place[1]
        for layer, heard in zip(self._layers, memory, strict=True):
            x = layer(x, heard, ~absent[:, None, None])
        out: Tensor = self.norm(x).view(batch, count * chunk, -1)[:, :length]
        return out

    def _read(
        self, tokens: Tensor, emotion: Tensor, absent: Tensor | None = None
    ) -> list[tuple[Tensor, Tensor]]:
        """Keys and values of each decoder layer, (N, H, S, D), from chunks (N, S - 1)."""
        music = self.embed(tokens) + self.place[0, : tokens.shape[1]]
        x = torch.cat([self.quadrant(emotion)[:, None], music], dim=1)
        memory = self.encoder(x, src_key_padding_mask=absent)
        return [layer.remember(memory) for layer in self._layers]

    def _step(self, tokens: Tensor, emotion: Tensor, cache: ChunkCache) -> Tensor:
        at = cache.position % self.config.chunk
        if at == 0:
            cache.begin(tokens, self._read(cache.last_chunk(tokens), emotion))
        chunk = cache.chunks[-1]
        chunk.tokens[:, at] = tokens[:, 0]
        x = self.embed(tokens) + self.place[1, at]
        for number, layer in enumerate(self._layers):
            x = layer.step(x, chunk, number, at)
        cache.position += 1
        out: Tensor = self.norm(x)
        return out

    @property
    def _layers(self) -> list[DecoderLayer]:
        return list(cast(Iterable[DecoderLayer], self.decoder))

    def new_cache(self, batch: int, rewind: int) -> ChunkCache:
        return ChunkCache(self.config.chunk, rewind)


@dataclass(frozen=True)
class Chunk:
    """What one chunk's decoder holds: B rows, ``chunk`` places n, S of the encoder."""

    tokens: Tensor  # (B, n)
    keys: Tensor  # (layers, B, H, n, D)
    values: Tensor
    heard_keys: Tensor  # (layers, B, H, S, D)
    heard_values: Tensor

    def each(self, change: Callable[[Tensor], Tensor]) -> Chunk:
        """Every tensor changed, its rows on axis 1."""
        rest = (self.keys, self.values, self.heard_keys, self.heard_values)
        return Chunk(change(self.tokens[None])[0], *(change(part) for part in rest))


Saved = tuple[int, tuple[Chunk, ...]]


class ChunkCache:
    """The chunk being written and as many before it as may be taken back, and one to read."""

    def __init__(self, chunk: int, rewind: int) -> None:
        self.chunk, self.rewind_limit = chunk, rewind
        self.reset()

    def reset(self) -> None:
        self.position = 0
        self.chunks: deque[Chunk] = deque(maxlen=-(-self.rewind_limit // self.chunk) + 2)

    def begin(self, tokens: Tensor, heard: list[tuple[Tensor, Tensor]]) -> None:
        """A new chunk for the rows of ``tokens`` (B, 1), with what the encoder made for it."""
        keys, values = (torch.stack(parts) for parts in zip(*heard, strict=True))
        layers, batch, heads, _, width = keys.shape
        empty = keys.new_zeros(2, layers, batch, heads, self.chunk, width)
        self.chunks.append(
            Chunk(tokens.new_full((batch, self.chunk), v.PAD), empty[0], empty[1], keys, values)
        )

    def last_chunk(self, tokens: Tensor) -> Tensor:
        """(B, n) of the chunk that is full, (B, 0) at the beginning; rows as in ``tokens``."""
        return self.chunks[-1].tokens if self.chunks else tokens[:, :0]

    def rewind(self, position: int) -> None:
        """Forget everything from ``position`` on. ValueError if that is no longer possible."""
        steps_back(self.position, position, self.rewind_limit)
        begun, stay = (-(-end // self.chunk) for end in (self.position, position))
        for _ in range(begun - stay):
            self.chunks.pop()
        self.position = position

    def save(self) -> Saved:
        return self.position, tuple(one.each(Tensor.clone) for one in self.chunks)

    def restore(self, state: Saved) -> None:
        self.reset()
        self.position = state[0]
        self.chunks.extend(one.each(Tensor.clone) for one in state[1])

    def to(self, device: torch.device, dtype: torch.dtype) -> None:
        """Nothing to do: what comes is made by the network, as it computes."""

    def move(self, start: int, to: int, rows: int) -> None:
        changed = [one.each(lambda part: moved(part, start, to, rows)) for one in self.chunks]
        self.chunks = deque(changed, maxlen=self.chunks.maxlen)

    def truncate(self, rows: int) -> None:
        kept = [one.each(lambda part: part[:, :rows]) for one in self.chunks]
        self.chunks = deque(kept, maxlen=self.chunks.maxlen)


class DecoderLayer(nn.Module):
    """Pre-norm self-attention, cross-attention and feed-forward; its own, for the cache's sake."""

    def __init__(self, config: EncoderDecoderConfig) -> None:
        super().__init__()
        width = config.width
        self.heads, self.dropout = config.heads, config.dropout
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(3))
        self.qkv = nn.Linear(width, 3 * width)
        self.query, self.key_value = nn.Linear(width, width), nn.Linear(width, 2 * width)
        self.outs = nn.ModuleList(nn.Linear(width, width) for _ in range(2))
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def remember(self, memory: Tensor) -> tuple[Tensor, Tensor]:
        """The keys and values (N, H, S, D) of what the encoder read."""
        key, value = self.key_value(memory).chunk(2, dim=-1)
        return self._split(key), self._split(value)

    def forward(self, x: Tensor, heard: tuple[Tensor, Tensor], present: Tensor) -> Tensor:
        """(N, T, width) to the same; ``present`` (N, 1, 1, S) masks what was heard."""
        q, k, value = (self._split(p) for p in self.qkv(self.norms[0](x)).chunk(3, dim=-1))
        own = F.scaled_dot_product_attention(q, k, value, is_causal=True)
        return self._rest(self._add(x, self.outs[0](_merge(own))), heard, present)

    def step(self, x: Tensor, chunk: Chunk, number: int, at: int) -> Tensor:
        """One position (B, 1, width), the ``at``-th of its chunk."""
        q, k, value = (self._split(p) for p in self.qkv(self.norms[0](x)).chunk(3, dim=-1))
        chunk.keys[number, :, :, at], chunk.values[number, :, :, at] = k[:, :, 0], value[:, :, 0]
        k, value = (part[number, :, :, : at + 1] for part in (chunk.keys, chunk.values))
        own = F.scaled_dot_product_attention(q, k, value)
        heard = (chunk.heard_keys[number], chunk.heard_values[number])
        return self._rest(self._add(x, self.outs[0](_merge(own))), heard, None)

    def _rest(self, x: Tensor, heard: tuple[Tensor, Tensor], present: Tensor | None) -> Tensor:
        q = self._split(self.query(self.norms[1](x)))
        x = self._add(
            x, self.outs[1](_merge(F.scaled_dot_product_attention(q, *heard, attn_mask=present)))
        )
        return self._add(x, self.down(F.gelu(self.up(self.norms[2](x)))))

    def _add(self, x: Tensor, y: Tensor) -> Tensor:
        return x + F.dropout(y, self.dropout, self.training)

    def _split(self, x: Tensor) -> Tensor:
        return x.view(*x.shape[:-1], self.heads, HEAD_DIM).transpose(1, 2)


def _merge(x: Tensor) -> Tensor:
    return x.transpose(1, 2).flatten(2)
