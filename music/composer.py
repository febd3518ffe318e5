"""The trained network at the piano: one token a step, under whatever condition holds now.

The newest token is fed only when the next one is asked for, so a condition acts on the very next
choice. Guidance (Ho & Salimans 2022) runs two rows through one cache, with and without the
condition: logits = null + strength·(conditioned − null). A grammar mask makes every choice valid.
All state is a value: save it, restore it, or rewind to a beat and compose on from there
differently.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from music import vocabulary as v
from music.cache import CacheState
from music.condition import Condition
from music.conditioning import QUADRANTS
from music.errors import MusicError
from music.events import Bar, Event, Pedal, Tempo, TempoMap
from music.grammar import Grammar
from music.inputs import Inputs
from music.model import MusicModel
from music.sampling import Sampling, choose
from music.store import WEIGHTS, load_model

REWIND_TOKENS = 384


@dataclass(frozen=True)
class Moment:
    """Where composing stands before the next token: small, immutable, one kept a token."""

    grammar: Grammar
    token: int  # chosen, not yet fed
    fed: int  # positions in the cache
    z: Tensor  # (Z,) latent of the current bar
    draws: int  # random numbers drawn so far


@dataclass(frozen=True)
class ComposerState:
    """All of a composer's state, as a value."""

    moment: Moment
    history: tuple[Moment, ...]
    cache: CacheState
    tempos: tuple[Tempo, ...]


class Composer:
    """Streams events: ``step(condition)`` chooses one token and returns the events it completes."""

    def __init__(self, model: MusicModel, seed: int, sampling: Sampling | None = None) -> None:
        self.model, self.seed, self.sampling = model.eval(), seed, sampling or Sampling()
        self._cache = model.new_cache(batch=2, rewind=REWIND_TOKENS)
        self.reset()

    @classmethod
    def load(
        cls,
        seed: int,
        temperature: float = 1.0,
        top_p: float = 0.95,
        weights: Path = WEIGHTS,
    ) -> Composer:
        """The network in ``weights``, on one thread: two cost more than they give at this size."""
        torch.set_num_threads(1)
        return cls(load_model(weights), seed, Sampling(temperature, top_p))

    def reset(self) -> None:
        """Back to the first bar, with the same seed."""
        self._cache.reset()
        grammar, _ = Grammar().push(v.BAR)
        self._now = Moment(grammar, v.BAR, 0, torch.zeros(self.model.config.latent), 0)
        self._history: deque[Moment] = deque(maxlen=REWIND_TOKENS)
        self.tempo_map = TempoMap()

    @property
    def horizon_beats(self) -> float:
        """Everything before this beat is composed."""
        return self._now.grammar.horizon_beats

    @property
    def horizon_s(self) -> float:
        """The same in seconds of music."""
        return self.tempo_map.seconds(self.horizon_beats)

    @property
    def tokens_chosen(self) -> int:
        return self._now.fed + 1

    @torch.inference_mode()
    def step(self, condition: Condition) -> list[Event]:
        """Choose the next token; the events it completes, in time order."""
        now = self._now
        state, inputs = self._feed(now, condition)
        z, draws = now.z, now.draws
        if now.token == v.BAR:
            if self.model.config.latent:
                noise = torch.from_numpy(self._dice(draws).standard_normal(len(z))).float()
                z = self.model.prior_of(state[:, None], inputs).sample(noise)[0, 0]
            token, draws = v.LATENT, draws + 1
        else:
            token = choose(
                self.model.logits(state).numpy(),
                condition.strength,
                now.grammar.mask(),
                self.sampling,
                self._dice(draws),
            )
            draws += 1
        self._history.append(now)
        grammar, event = now.grammar.push(token)
        self._now = Moment(grammar, token, now.fed + 1, z, draws)
        if isinstance(event, Tempo):
            self.tempo_map.push(event)
        opening: list[Event] = [Bar(0.0)] if now.fed == 0 else []
        return opening if event is None else [event]

    def rewind(self, to_beats: float) -> None:
        """Forget every choice that sounds at or after ``to_beats``; the next step chooses anew.

        MusicError if that lies further back than what is kept.
        """
        moments = [*self._history, self._now]
        first = len(moments)  # the first choice to forget
        while first and moments[first - 1].grammar.horizon_beats >= to_beats:
            first -= 1
        if first == len(moments):
            return
        if first == 0 and moments[0].fed:
            raise MusicError(f"Beat {to_beats:.2f} lies further back than the composer remembers.")
        self._now = moments[max(first - 1, 0)]
        self._history = deque(moments[: max(first - 1, 0)], maxlen=REWIND_TOKENS)
        self._cache.rewind(self._now.fed)
        self.tempo_map.rewind(to_beats)

    def flush(self) -> list[Event]:
        """What must still be said when the music stops here: the pedal comes up."""
        grammar = self._now.grammar
        return [Pedal(float(grammar.beat + 1), False)] if grammar.pedal_down else []

    def save(self) -> ComposerState:
        tempos = tuple(self.tempo_map.tempos())
        return ComposerState(self._now, tuple(self._history), self._cache.save(), tempos)

    def restore(self, state: ComposerState) -> None:
        self._now, self._history = state.moment, deque(state.history, maxlen=REWIND_TOKENS)
        self._cache.restore(state.cache)
        self.tempo_map = TempoMap()
        for tempo in state.tempos:
            self.tempo_map.push(tempo)

    def _feed(self, now: Moment, condition: Condition) -> tuple[Tensor, Inputs]:
        """Run the newest token through the network: (2, width) conditioned and not."""
        p = torch.full((2, 1, QUADRANTS), 1 / QUADRANTS)
        if condition.probabilities is not None:
            p[:] = torch.tensor(condition.probabilities)
        null = torch.tensor([[0.0 if condition.probabilities is not None else 1.0], [1.0]])
        zero = torch.zeros(2, 1, dtype=torch.float64)
        inputs = Inputs(
            tokens=torch.full((2, 1), now.token),
            place=zero + now.fed,
            bar=zero + now.grammar.bar,
            metre=zero + now.grammar.metre_beats,
            p=p,
            null=null,
        )
        z = torch.zeros_like(now.z) if now.token == v.BAR else now.z
        self._cache.rewind(now.fed)
        return self.model(inputs, z.expand(2, 1, -1), self._cache)[:, 0], inputs

    def _dice(self, draw: int) -> np.random.Generator:
        """The ``draw``-th random source of this seed: a counter is all the state there is."""
        return np.random.Generator(np.random.Philox(key=self.seed, counter=[0, 0, 0, draw]))
