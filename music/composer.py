"""The trained network at the piano: one token a step, under whatever condition holds now.

The newest token is fed only when the next one is asked for, so a condition acts on the very next
choice. Guidance asks about it in several rows, ``music.guidance.rows_of``, where the choice hangs
on them; ``music.sampling.choose`` weighs their logits. A grammar mask makes every choice valid, and
the player's ``controls`` narrow it; they too act on the very next choice. All state is a value:
save it, restore it, or rewind to a beat and compose on from there differently.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from music import ending, limits
from music import vocabulary as v
from music.cache import CacheState
from music.choice import choose_within
from music.compact import compact
from music.condition import Condition
from music.controls import PLAIN, Controls
from music.energy import DENSITY, Energy
from music.errors import MusicError
from music.events import Bar, Event, Pedal, Tempo, TempoMap
from music.grammar import Grammar
from music.guidance import ROWS, UNTOLD, Pull, Turn, rows_needed, rows_of, strengths_of
from music.inputs import Inputs
from music.latent import Gaussian
from music.limits import Memory
from music.model import MusicModel
from music.sampling import Dice, Sampling
from music.store import WEIGHTS, load_model
from music.traced import traced

REWIND_TOKENS = 384


@dataclass(frozen=True)
class Moment:
    """Where composing stands before the next token: small, immutable, one kept a token."""

    grammar: Grammar
    token: int  # chosen, not yet fed
    fed: int  # positions in the cache
    z: Tensor  # (Z,) latent of the current bar
    draws: int  # random numbers drawn so far
    memory: Memory = Memory()  # what the limits know
    energy: Energy = Energy()  # what guidance hears of what was played
    turn: Turn = Turn()
    prior: Gaussian | None = None  # of the current bar's latent: (Z,)
    take: int = 0  # which draw from it z is
    cadence: ending.Cadence | None = None  # once an end is asked for
    over: bool = False  # the last chord is complete


@dataclass(frozen=True)
class ComposerState:
    """All of a composer's state, as a value."""

    moment: Moment
    history: tuple[Moment, ...]
    cache: CacheState
    tempos: tuple[Tempo, ...]
    controls: Controls


class Composer:
    """Streams events: ``step(condition)`` chooses one token and returns the events it completes.

    ``controls`` and ``sampling`` may be replaced between two steps.
    """

    def __init__(self, model: MusicModel, seed: int, sampling: Sampling | None = None) -> None:
        self.model, self.seed = model.eval(), seed
        self.sampling, self.controls = sampling or Sampling(), PLAIN
        self._sources = Dice()
        self._pasts = 1 if model.shares_past else ROWS
        self._cache = model.new_cache(self._pasts, rewind=REWIND_TOKENS)
        self.reset()

    @classmethod
    def load(
        cls,
        seed: int,
        temperature: float = 1.0,
        top_p: float = 0.95,
        weights: Path = WEIGHTS,
    ) -> Composer:
        """The network in ``weights``, compact, traced and on one thread: two cost more than they
        give at this size.
        """
        torch.set_num_threads(1)
        model = traced(compact(load_model(weights)))
        return cls(model, seed, Sampling(temperature, top_p))

    def reset(self) -> None:
        """Back to the first bar, with the same seed."""
        self._cache.reset()
        grammar, _ = Grammar().push(v.BAR)
        self._now = Moment(grammar, v.BAR, 0, torch.zeros(self.model.config.latent), 0)
        self._history: deque[Moment] = deque(maxlen=REWIND_TOKENS)
        self.tempo_map = TempoMap()

    @property
    def horizon_beats(self) -> float:
        """Everything before this beat is composed; once finished, where the last note ends."""
        now = self._now
        horizon = now.grammar.horizon_beats
        if not self.finished:
            return horizon
        return max([horizon, *(limits.ends_beats(note) for note in now.memory.sounding)])

    @property
    def horizon_s(self) -> float:
        """The same in seconds of music."""
        return self.tempo_map.seconds(self.horizon_beats)

    @property
    def tokens_chosen(self) -> int:
        return self._now.fed + 1

    @property
    def finished(self) -> bool:
        """Whether the end that was asked for is composed: ``step`` gives nothing more."""
        return self._now.over and self.controls.end

    def ends_s(self, later_bars: int = 0) -> float:
        """When the music would end if ``finish`` were called so many bars from now: an estimate."""
        now = self._now
        end_s = ending.seconds_to_end(now.grammar, now.memory, self.controls)
        return self.horizon_s + end_s + later_bars * ending.BAR_BEATS * 60.0 / now.memory.bpm

    def finish(self) -> None:
        """Stop on a cadence within about two bars."""
        self.controls = replace(self.controls, end=True)

    def resume(self) -> None:
        """No ending, or on after it."""
        self.controls = replace(self.controls, end=False)

    @torch.inference_mode()
    def step(self, condition: Condition) -> list[Event]:
        """Choose the next token; the events it completes, in time order."""
        if self.finished:
            return []
        now = self._heed(self._now)
        now = replace(now, turn=now.turn.now(condition, now.energy))
        pull = self._pull(now)
        strengths = strengths_of(condition, pull)
        rows = max(rows_needed(strengths, now.grammar.may_sound), self._pasts)
        state, inputs = self._feed(now, _told(condition, pull, rows))
        self._history.append(self._now)
        if now.token == v.BAR:
            now = replace(self._latent(now, state, inputs), draws=now.draws + 1)
            token = v.LATENT
        else:
            token = choose_within(
                self.model.logits(state).numpy(), strengths, self.sampling,
                self._dice(now.draws), now.grammar, now.memory, self.controls, now.cadence,
            )  # fmt: skip
            now = replace(now, draws=now.draws + 1)
        if now.cadence and ending.ends(now.grammar, now.memory, now.cadence, token):
            self._now = replace(now, over=True)
            return []
        return self._push(now, token)

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
        return ComposerState(
            self._now, tuple(self._history), self._cache.save(), tempos, self.controls
        )

    def restore(self, state: ComposerState) -> None:
        self._now, self._history = state.moment, deque(state.history, maxlen=REWIND_TOKENS)
        self._cache.restore(state.cache)
        self.controls = state.controls
        self.tempo_map = TempoMap()
        for tempo in state.tempos:
            self.tempo_map.push(tempo)

    def _pull(self, now: Moment) -> Pull | None:
        """What pulls the next choice; no density where the player's is another."""
        asked = now.turn.towards or UNTOLD
        if not (now.grammar.touch_is_next or self.controls.lets(_density(asked[0] + asked[1]))):
            return None
        return now.turn.pull(now.grammar, now.energy)

    def _heed(self, now: Moment) -> Moment:
        """What the controls ask for at once: another latent, an end, or no end after all."""
        controls = self.controls
        if controls.take != now.take and now.prior is not None and now.token != v.BAR:
            noise = self._noise(now, (1, controls.take))
            now = replace(now, z=now.prior.sample(noise), take=controls.take)
        if controls.end:
            cadence = now.cadence or ending.plan(now.grammar)
            cadence = ending.settle(cadence, now.grammar, now.memory, controls)
            return replace(now, cadence=cadence)
        return replace(now, cadence=None, over=False) if now.cadence else now

    def _latent(self, now: Moment, state: Tensor, inputs: Inputs) -> Moment:
        """The bar that begins: its latent, drawn or held."""
        if not self.model.config.latent:
            return now
        mean, log_variance = self.model.prior_of(state[:, None], inputs)
        prior, take = Gaussian(mean[0, 0], log_variance[0, 0]), self.controls.take
        if self.controls.hold and now.fed and take == now.take:
            return replace(now, prior=prior)
        return replace(now, z=prior.sample(self._noise(now, (0, take))), prior=prior, take=take)

    def _push(self, now: Moment, token: int) -> list[Event]:
        grammar, event = now.grammar.push(token)
        if isinstance(event, Tempo):
            event = replace(event, bpm=self.controls.bpm or event.bpm)
            self.tempo_map.push(event)
        memory = now.memory.push(event, self.controls)
        self._now = replace(
            now, grammar=grammar, token=token, fed=now.fed + 1, memory=memory,
            energy=now.energy.push(event),
        )  # fmt: skip
        opening: list[Event] = [Bar(0.0)] if now.fed == 0 else []
        return opening if event is None else [event]

    def _feed(self, now: Moment, told: tuple[Tensor, Tensor]) -> tuple[Tensor, Inputs]:
        """Run the newest token through the network: (rows, width)."""
        p, null = told
        rows = len(p)
        zero = torch.zeros(rows, 1, dtype=torch.float64)
        inputs = Inputs(
            tokens=torch.full((rows, 1), now.token),
            place=zero + now.fed,
            bar=zero + now.grammar.bar,
            metre=zero + now.grammar.metre_beats,
            p=p,
            null=null,
        )
        z = torch.zeros_like(now.z) if now.token == v.BAR else now.z
        self._cache.rewind(now.fed)
        return self.model(inputs, z.expand(rows, 1, -1), self._cache)[:, 0], inputs

    def _noise(self, now: Moment, lane: tuple[int, int]) -> Tensor:
        noise = self._dice(now.draws, lane).standard_normal(len(now.z))
        return torch.from_numpy(noise).float()

    def _dice(self, draw: int, lane: tuple[int, int] = (0, 0)) -> np.random.Generator:
        """The ``draw``-th random source of this seed."""
        return self._sources.at(self.seed, 0, *lane, draw)


def _density(arousal: float) -> float:
    """Notes a second of music of an arousal, on average."""
    calm, stirred = DENSITY
    return float(2.0 ** (calm + arousal * (stirred - calm)))


@lru_cache(maxsize=64)
def _told(condition: Condition, pull: Pull | None, rows: int) -> tuple[Tensor, Tensor]:
    """(rows, 1, 4) mixtures and (rows, 1) whether they are to be ignored."""
    told = rows_of(condition, pull)[:rows]
    return torch.tensor([[p] for p, _ in told]), torch.tensor([[null] for _, null in told])
