"""An LSTM next-note model. No latent: its likelihood is exact.

It streams: a cached forward gives the states of the whole crop.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from music import vocabulary as v
from music.cache import moved, steps_back
from music.conditioning import EMOTION_DIM, Emotion
from music.inputs import Inputs
from music.network import Plain

State = tuple[Tensor, Tensor]  # hidden and cell, (layers, B, hidden) each


@dataclass(frozen=True)
class LstmConfig:
    """Sizes of the LSTM."""

    layers: int
    width: int  # of the embedding
    hidden: int
    dropout: float

    @property
    def latent(self) -> int:
        return 0


class Lstm(Plain):
    """An LSTM over tokens, the mixture's vector concatenated at every step (as in Sulun 2022)."""

    def __init__(self, config: LstmConfig) -> None:
        super().__init__()
        self.config: LstmConfig = config
        self.embed = nn.Embedding(v.SIZE, config.width)
        self.emotion = Emotion()
        self.lstm = nn.LSTM(
            config.width + EMOTION_DIM,
            config.hidden,
            config.layers,
            batch_first=True,
            dropout=config.dropout,
        )
        self.out = nn.Linear(config.hidden, config.width)
        self.norm = nn.LayerNorm(config.width, bias=False)
        nn.init.normal_(self.embed.weight, std=0.05)

    def forward(self, inputs: Inputs, z: Tensor, cache: LstmCache | None = None) -> Tensor:
        """States (B, T, width). With a cache T must be 1. ``z`` is not looked at."""
        x = torch.cat([self.embed(inputs.tokens), self.emotion(inputs)[1]], dim=-1)
        with torch.autocast(x.device.type, enabled=False):  # a state that adds up its roundings
            h, state = self.lstm(x.float(), None if cache is None else cache.newest)
        if cache is not None:
            cache.push(state)
        out: Tensor = self.norm(self.out(h))
        return out

    def new_cache(self, batch: int, rewind: int) -> LstmCache:
        return LstmCache(rewind)


class LstmCache:
    """The recurrent state after each of the last positions: as many as may be taken back."""

    def __init__(self, rewind: int) -> None:
        self.rewind_limit = rewind
        self.reset()

    def reset(self) -> None:
        self.position = 0
        self._states: deque[State] = deque(maxlen=self.rewind_limit + 1)

    @property
    def newest(self) -> State | None:
        return self._states[-1] if self._states else None

    def push(self, state: State) -> None:
        self._states.append(state)
        self.position += 1

    def rewind(self, position: int) -> None:
        """Forget everything from ``position`` on. ValueError if that is no longer possible."""
        back = steps_back(self.position, position, self.rewind_limit)
        for _ in range(back):
            self._states.pop()
        self.position = position

    def save(self) -> tuple[int, tuple[State, ...]]:
        return self.position, tuple(self._states)

    def restore(self, state: tuple[int, tuple[State, ...]]) -> None:
        self.reset()
        self.position = state[0]
        self._states.extend(state[1])

    def to(self, device: torch.device, dtype: torch.dtype) -> None:
        """Nothing to do: the first state comes from the network, as it computes."""

    def move(self, start: int, to: int, rows: int) -> None:
        states = [(moved(h, start, to, rows), moved(c, start, to, rows)) for h, c in self._states]
        self._states = deque(states, maxlen=self.rewind_limit + 1)

    def truncate(self, rows: int) -> None:
        states = [(h[:, :rows].contiguous(), c[:, :rows].contiguous()) for h, c in self._states]
        self._states = deque(states, maxlen=self.rewind_limit + 1)
