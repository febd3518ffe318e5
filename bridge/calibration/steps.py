"""What a sitting is told, and what it asks to be done."""

from __future__ import annotations

from dataclasses import dataclass

from bridge.calibration.programme import Piece


@dataclass(frozen=True)
class Look:
    """Time passes. `recorded`: the signal comes and is kept; `good`: it is a good one.

    `run`: in which recording, by any name.
    """

    now_s: float
    recorded: bool
    good: bool
    run: str


@dataclass(frozen=True)
class Began:
    """The first note of the piece that was called for."""

    at_s: float


@dataclass(frozen=True)
class Ended:
    """Its last note is over."""

    at_s: float


@dataclass(frozen=True)
class Broken:
    """Whoever plays has lost the thread, and plays nothing now."""


@dataclass(frozen=True)
class Answer:
    """A line that the listener typed."""

    text: str


Event = Look | Began | Ended | Broken | Answer


@dataclass(frozen=True)
class Say:
    """Tell the listener."""

    text: str


@dataclass(frozen=True)
class Ask:
    """Tell, and expect an answer in the same line."""

    text: str


@dataclass(frozen=True)
class Mark:
    """Into the recording."""

    text: str
    time_s: float


@dataclass(frozen=True)
class Play:
    """Begin a piece as soon as it can be; `then` is likely to be the next one."""

    piece: Piece
    then: Piece | None


@dataclass(frozen=True)
class Hush:
    """Stop playing."""


Action = Say | Ask | Mark | Play | Hush
