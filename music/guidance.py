"""Classifier-free guidance: what a network is asked under, and how its answers are weighed.

Steady strength beyond 1 acts on chords and pitches alone, because guided time and touch drift into
music denser and louder than any that was learned. But what was just played holds the music where it
is: so while a new emotion is new, time and touch are guided towards it, too, after a whole turn as
strongly as tones.

All answers are about one past, the one that was played under the conditions that held: so it is
kept once, and only a choice that guidance changes asks more than the condition alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from music.condition import Condition

ROWS = 3  # of logits a token is chosen from: the condition, its arousal alone, none
AROUSAL_SHARE = 0.6  # of what strength adds beyond 1, what arousal gets; valence gets all of it
HALF_BEATS = 4.0  # in which half of a turn is no longer new
LEAST_TURN = 0.02  # of a whole one; anything less is none
UNTOLD = (0.25, 0.25, 0.25, 0.25)


class Strengths(NamedTuple):
    """Of the guidance."""

    tones: float  # of chords and pitches
    time: float  # of positions, tempo and touch, and of which family comes


@dataclass(frozen=True)
class Settled:
    """The mixture that the music has settled in: it follows the condition within some beats."""

    mixture: tuple[float, ...] | None = None
    beats: float = 0.0

    def towards(self, condition: Condition, beats: float) -> Settled:
        """After playing under ``condition`` until ``beats``; the first is settled in at once."""
        p = condition.probabilities or UNTOLD
        if self.mixture is None:
            return Settled(p, beats)
        share = 1.0 - 0.5 ** (max(beats - self.beats, 0.0) / HALF_BEATS)
        moved = tuple(m + share * (q - m) for m, q in zip(self.mixture, p, strict=True))
        return Settled(moved, beats)

    def strengths(self, condition: Condition) -> Strengths:
        """What a condition's strength comes to now."""
        p, strength = condition.probabilities or UNTOLD, condition.strength
        turn = sum(abs(q - m) for m, q in zip(self.mixture or p, p, strict=True)) / 2  # 0 to 1
        more = turn * max(strength - 1.0, 0.0) if turn >= LEAST_TURN else 0.0
        return Strengths(strength, min(strength, 1.0) + more)


def rows_needed(strengths: Strengths, may_sound: bool) -> int:
    """How many of the ROWS the next choice hangs on: the first alone where the network's own
    distribution is to be drawn from. ``may_sound``: a chord or a pitch may be chosen.
    """
    own = strengths.time == 1.0 and (strengths.tones == 1.0 or not may_sound)
    return 1 if own else ROWS


def rows_of(condition: Condition) -> list[tuple[tuple[float, ...], float]]:
    """(mixture, 1 where it is to be ignored) of each of the ROWS a network is asked under; the past
    is played under the first.
    """
    null = float(condition.probabilities is None or condition.strength == 0.0)
    p = condition.probabilities or UNTOLD
    high, low = (p[0] + p[1]) / 2, (p[2] + p[3]) / 2
    return [(p, null), ((high, high, low, low), null), (p, 1.0)]


def guide(logits: npt.NDArray[np.float64], strength: float) -> npt.NDArray[np.float64]:
    """Classifier-free guidance (Ho & Salimans 2022) composed of two (Liu et al. 2022).

    (ROWS, N) to (N,): null + a·(arousal − null) + s·(whole − arousal). Arousal is heard at once and
    turns to caricature soon, valence is hard to hear: so a grows slowly with the strength s, see
    AROUSAL_SHARE. At 0 nothing of the condition remains, at 1 it is the network's own distribution;
    that is also what (1, N) comes to.
    """
    guided: npt.NDArray[np.float64] = logits[0]
    if len(logits) == ROWS:
        whole, arousal, null = logits
        of_arousal = min(strength, 1.0) + AROUSAL_SHARE * max(strength - 1.0, 0.0)
        guided = null + of_arousal * (arousal - null) + strength * (whole - arousal)
    return guided
