"""What a sitting is to be, kept in its folder, so that the same order goes on after a stop.

The pieces come in rounds, each quadrant once a round, in an order drawn by the seed: balanced over
the sitting, so that an emotion is not the same as early or late, and never the same one twice in a
row. How long: the rest is a minute, which is what the network's measure needs (see the model card);
a piece 30 s, as long as FACED's clips (Chen et al. 2023), between the 20 s of Ehrlich et al. (2019)
and DEAP's 60 s; the silence before it 10 s, as between Ehrlich's.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np

from bridge.errors import BridgeError
from bridge.session.disk import unwritable

FORMAT = "emocapsule sitting 1"
FILE = "calibration.json"
RECORDING = "session.xdf"
QUADRANTS = ("Q1", "Q2", "Q3", "Q4")
LEAST_S = 14.0  # of a piece: its first 4 s tell of what was before, and 8 s must be left
LEAST_REST_S = 30.0


@dataclass(frozen=True)
class Piece:
    """One of them; `number` counts from 1."""

    number: int
    quadrant: str
    seed: int


@dataclass(frozen=True)
class Programme:
    """Everything that is settled before the first sample."""

    rounds: int = 4  # pieces of each quadrant; fewer than 3 teach nothing
    piece_s: float = 30.0
    rest_s: float = 60.0
    pause_s: float = 10.0  # of silence before a piece
    seed: int = 0

    def pieces(self) -> tuple[Piece, ...]:
        """In their order."""
        rng = np.random.default_rng(self.seed)
        order: list[str] = []
        for _ in range(self.rounds):
            drawn = rng.permutation(QUADRANTS).tolist()
            if order and drawn[0] == order[-1]:
                drawn.append(drawn.pop(0))
            order += drawn
        seeds = rng.integers(2**31, size=len(order)).tolist()
        pairs = zip(order, seeds, strict=True)
        return tuple(Piece(n, *pair) for n, pair in enumerate(pairs, start=1))

    def save(self, folder: Path) -> None:
        """Into the folder of the sitting. BridgeError if it cannot be written."""
        path = folder / FILE
        try:
            folder.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps({"format": FORMAT} | asdict(self), indent=1) + "\n")
        except OSError as problem:
            raise unwritable(path, problem) from problem

    @classmethod
    def load(cls, folder: Path) -> Programme | None:
        """Of a sitting that was begun there; None if none was. BridgeError if it is damaged."""
        path = folder / FILE
        if not path.exists():
            return None
        try:
            told = json.loads(path.read_text(encoding="utf-8"))
            sound = isinstance(told, dict) and told.pop("format") == FORMAT
            kinds = {one.name: type(one.default) for one in fields(cls)}
            sound = sound and {name: type(told.get(name)) for name in told} == kinds
        except (OSError, ValueError, KeyError, RecursionError):
            sound = False
        if not sound:
            raise BridgeError(f"{path} is damaged; begin anew in another folder.")
        return cls(**told)


def runs(folder: Path) -> list[Path]:
    """The recordings of a sitting in order of time: each start of it has one of its own."""
    return list(itertools.takewhile(Path.exists, (one / RECORDING for one in _places(folder))))


def _places(folder: Path) -> Iterator[Path]:
    """Where the recorder goes on, in its order (`bridge.session.disk.free`)."""
    yield folder
    yield folder / "continued"
    for number in itertools.count(2):
        yield folder / f"continued-{number}"
