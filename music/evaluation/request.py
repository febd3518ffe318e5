"""One clip that is asked for: its course of conditions, where playing it stands, how it is kept,
and a name for the code that plays it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from music import vocabulary as v
from music.condition import Condition
from music.controls import PLAIN
from music.corpus.dataset import whole
from music.energy import Energy
from music.events import Bar, Event, Pedal, Tempo, TempoMap
from music.grammar import Grammar
from music.guidance import Pull, Turn
from music.limits import Memory
from music.sampling import Dice

MAX_TOKENS_PER_S = 400  # a clip that is denser than this is cut short


class Branch(NamedTuple):
    """From a bar on, random numbers of other seeds: the past stays, what follows may differ."""

    bar: int
    latent_seed: int
    token_seed: int


class Length(NamedTuple):
    """How much to play: whichever comes first."""

    seconds: float
    bars: int | None = None


@dataclass(frozen=True)
class Request:
    """One clip to play: from each place on, a condition; places count seconds, or bars."""

    seed: int
    schedule: tuple[tuple[float, Condition], ...]  # ascending, the first at 0
    in_bars: bool = False
    branch: Branch | None = None

    def __post_init__(self) -> None:
        places = [place for place, _ in self.schedule]
        if not places or places[0] != 0 or places != sorted(set(places)):
            raise ValueError(f"a schedule begins at 0 and ascends, not {places}")

    def at(self, place: float) -> Condition:
        return [condition for start, condition in self.schedule if start <= place][-1]


@dataclass(frozen=True)
class Clip:
    """What was played for a request."""

    request: Request
    tokens: npt.NDArray[np.int64]  # (T,) from the first BAR
    events: tuple[Event, ...]  # onsets before the asked seconds, the pedal up at the end
    tempo_map: TempoMap
    seconds: float  # of music


@dataclass
class Player:
    """Where one request stands."""

    request: Request
    condition: Condition
    grammar: Grammar
    tokens: list[int] = field(default_factory=lambda: [v.BAR])
    events: list[Event] = field(default_factory=lambda: [Bar(0.0)])
    tempo_map: TempoMap = field(default_factory=TempoMap)
    memory: Memory = Memory()
    energy: Energy = Energy()
    turn: Turn = Turn()
    sources: Dice = field(default_factory=Dice)

    @classmethod
    def start(cls, request: Request) -> Player:
        return cls(request, request.at(0.0), Grammar().push(v.BAR)[0])

    def push(self, token: int) -> None:
        self.tokens.append(token)
        self.grammar, event = self.grammar.push(token)
        if isinstance(event, Tempo):
            self.tempo_map.push(event)
        self.memory = self.memory.push(event, PLAIN)
        self.energy = self.energy.push(event)
        if event is not None:
            self.events.append(event)
        if len(self.request.schedule) > 1:
            here = self.grammar.bar if self.request.in_bars else self.horizon_s
            self.condition = self.request.at(max(here, 0.0))

    def heed(self) -> None:
        """The condition that holds, before the next choice."""
        self.turn = self.turn.now(self.condition, self.energy)

    @property
    def pull(self) -> Pull | None:
        """The emotion that pulls the next choice, if one does."""
        return self.turn.pull(self.grammar, self.energy)

    @property
    def horizon_s(self) -> float:
        return self.tempo_map.seconds(self.grammar.horizon_beats)

    def is_done(self, length: Length) -> bool:
        if length.bars is not None and self.grammar.bar >= length.bars:
            return True
        full = len(self.tokens) >= MAX_TOKENS_PER_S * length.seconds
        return full or self.horizon_s >= length.seconds

    def clip(self, length: Length) -> Clip:
        end_s = min(length.seconds, self.horizon_s)
        kept = [e for e in self.events if self.tempo_map.seconds(e.onset_beats) < end_s]
        down = [e.down for e in kept if isinstance(e, Pedal)]
        if down and down[-1]:
            kept.append(Pedal(self.tempo_map.beats(end_s), False))
        return Clip(self.request, np.array(self.tokens), tuple(kept), self.tempo_map, end_s)

    def dice(self) -> np.random.Generator:
        """The random source of the next choice, by the same counter as the composer's."""
        seed, branch = self.request.seed, self.request.branch
        if branch is not None and self.grammar.bar >= branch.bar:
            seed = branch.latent_seed if self.tokens[-1] == v.BAR else branch.token_seed
        return self.sources.at(seed, 0, 0, 0, len(self.tokens) - 1)


def keep(path: Path, clips: Sequence[Clip]) -> None:
    """The clips' tokens in a file, whole or not at all."""
    tokens = np.concatenate([clip.tokens for clip in clips]).astype(np.uint16)
    ends = np.cumsum([len(clip.tokens) for clip in clips])
    whole(path, lambda file: np.savez_compressed(file, tokens=tokens, ends=ends))


def kept(path: Path, requests: Sequence[Request], length: Length) -> list[Clip]:
    """The clips of ``requests`` whose tokens were kept."""
    with np.load(path, allow_pickle=False) as arrays:
        parts = np.split(arrays["tokens"].astype(np.int64), arrays["ends"][:-1])
    return [_replayed(r, part, length) for r, part in zip(requests, parts, strict=True)]


def _replayed(request: Request, tokens: npt.NDArray[np.int64], length: Length) -> Clip:
    player = Player.start(request)
    for token in tokens[1:]:
        player.push(int(token))
    return player.clip(length)


def key_of(value: Any) -> str:
    """A short name for what figures or clips depend on: anything JSON can spell."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]


def version_of(*modules: ModuleType) -> str:
    """A few digits that change with the code of the modules."""
    sums = hashlib.sha256()
    for module in modules:
        sums.update(Path(str(module.__file__)).read_bytes())
    return sums.hexdigest()[:12]
