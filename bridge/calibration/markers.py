"""What happens in a sitting as markers of its recording, and read back from there.

    rest begins · rest ends · piece 3 begins, meant as Q2 · piece 3 ends · piece 3 rated
    valence 7 arousal 3 · piece 3 broken off · rest broken off

The recording is all that a sitting is kept in: what is resumed, and what a profile is learned
from, are these. A piece counts if it was heard to its end and rated in the same recording.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from capsule.corpus.labels import BASELINE, SAM, rated
from capsule.corpus.sitting import Stretch

STREAM = "EmocapsuleCalibration"
REST_BEGINS, REST_ENDS, REST_BROKEN = "rest begins", "rest ends", "rest broken off"
NO_ANSWER = "-"
_PIECE = re.compile(
    r"piece (?P<number>[1-9]\d{0,3}) (?:(?P<begins>begins), meant as (?P<quadrant>Q[1-4])|"
    r"(?P<ends>ends)|(?P<broken>broken off)|"
    r"rated valence (?P<valence>[1-9]|-) arousal (?P<arousal>[1-9]|-))"
)


@dataclass(frozen=True)
class Heard:
    """A piece that was heard and rated; a rating is 1 to 9, or None where none was given."""

    number: int
    quadrant: str  # as which it was meant
    start_s: float
    stop_s: float
    valence: int | None
    arousal: int | None

    @property
    def label(self) -> str:
        """What the ratings say, by the rule that all data sets are read by."""
        return rated(self.valence, self.arousal, SAM)


@dataclass(frozen=True)
class Told:
    """What the markers of one recording say."""

    rests: tuple[Stretch, ...] = ()
    heard: tuple[Heard, ...] = ()

    def stretches(self) -> tuple[Stretch, ...]:
        """The rest, and each piece under the label of its listener, in order of time."""
        pieces = [Stretch(one.start_s, one.stop_s, one.label) for one in self.heard]
        kept = [one for one in (*self.rests, *pieces) if one.label == BASELINE or one.quadrants]
        return tuple(sorted(kept, key=lambda one: one.start_s))


def begins(number: int, quadrant: str) -> str:
    """Its first note."""
    return f"piece {number} begins, meant as {quadrant}"


def ends(number: int) -> str:
    """Its last note is over."""
    return f"piece {number} ends"


def broken(number: int) -> str:
    """It was not heard to its end."""
    return f"piece {number} broken off"


def rates(number: int, valence: int | None, arousal: int | None) -> str:
    """What the listener said of it."""
    v, a = (NO_ANSWER if one is None else one for one in (valence, arousal))
    return f"piece {number} rated valence {v} arousal {a}"


def told(events: Iterable[tuple[float, str]]) -> Told:
    """Read events (time_s, text) in order of time; those of others are passed over."""
    rests: list[Stretch] = []
    heard: dict[int, Heard] = {}
    rest_s: float | None = None
    piece: tuple[int, str, float] | None = None  # that plays
    over: tuple[int, str, float, float] | None = None  # that is to be rated
    for time_s, text in events:
        if text in (REST_BEGINS, REST_ENDS, REST_BROKEN):
            if text == REST_ENDS and rest_s is not None and time_s > max(rest_s, 0.0):
                rests.append(Stretch(max(rest_s, 0.0), time_s, BASELINE))
            rest_s = time_s if text == REST_BEGINS else None
        if not (found := _PIECE.fullmatch(text)):
            continue
        number = int(found["number"])
        if found["begins"]:
            piece, over = (number, found["quadrant"], time_s), None
        elif found["ends"] and piece is not None and piece[0] == number:
            over = (*piece, time_s) if time_s > piece[2] >= 0.0 else None
            piece = None
        elif found["broken"]:
            piece = over = None
        elif found["valence"] and over is not None and over[0] == number:
            ratings = (_rating(found["valence"]), _rating(found["arousal"]))
            heard[number] = Heard(*over, *ratings)
            over = None
    return Told(tuple(rests), tuple(heard.values()))


def _rating(text: str) -> int | None:
    return None if text == NO_ANSWER else int(text)


def as_meant(heard: Sequence[Heard]) -> str:
    """How many pieces were felt as they were meant, on each axis, of those that were told apart."""
    words = []
    for axis, sign, high in (("valence", "V", ("Q1", "Q4")), ("arousal", "A", ("Q1", "Q2"))):
        said = [one for one in heard if sign in one.label]
        right = [one for one in said if (f"{sign}+" in one.label) == (one.quadrant in high)]
        words.append(f"{axis} of {len(right)} in {len(said)}")
    return "felt as it was meant: " + ", ".join(words)
