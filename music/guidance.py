"""Classifier-free guidance: what a network is asked under, and how its answers are weighed.

Steady strength beyond 1 acts on chords and pitches alone, because guided time and touch drift into
music denser and louder than any that was learned. But what was just played holds the music where it
is, so that time and touch would follow a new emotion late, a mild one not at all. They are pulled:
the network is asked, too, under the arousal that the music is heard to have, and its choice leans
away from that towards the condition, until the music is where it was asked for, and no longer.

All answers are about one past, the one that was played under the conditions that held: so it is
kept once, and only a choice that guidance changes asks more than the condition alone.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from music.condition import Condition

STEADY, ROWS = 3, 4  # of logits a token is chosen from, see ``rows_of``: without a pull, and with
AROUSAL_SHARE = 0.6  # of what strength adds beyond 1, what arousal gets; valence gets all of it
PULL = 0.5  # of what strength adds beyond 1
AT_EASE = 0.3  # of arousal: so far from what is asked music of one emotion varies
UNTOLD = (0.25, 0.25, 0.25, 0.25)


class Strengths(NamedTuple):
    """Of the guidance."""

    tones: float  # of chords and pitches
    time: float  # of positions, tempo and touch, and of which family comes
    pull: float = 0.0  # of these away from what is heard


def strengths_of(condition: Condition, heard: float | None) -> Strengths:
    """What a condition's strength comes to where the music is heard to have so much arousal, 0 to
    1; ``heard`` is None where nothing is known of that.
    """
    p, strength = condition.probabilities, condition.strength
    far = p is not None and heard is not None and abs(heard - p[0] - p[1]) > AT_EASE
    pull = PULL * max(strength - 1.0, 0.0) if far else 0.0
    return Strengths(strength, min(strength, 1.0), pull)


def rows_needed(strengths: Strengths, may_sound: bool) -> int:
    """How many of the ROWS the next choice hangs on: the first alone where the network's own
    distribution is to be drawn from. ``may_sound``: a chord or a pitch may be chosen.
    """
    if strengths.pull:
        return ROWS
    own = strengths.time == 1.0 and (strengths.tones == 1.0 or not may_sound)
    return 1 if own else STEADY


def rows_of(
    condition: Condition, heard: float | None = None
) -> list[tuple[tuple[float, ...], float]]:
    """(mixture, 1 where it is to be ignored) of each of the ROWS a network is asked under: the
    condition, its arousal alone, none, and its valence with the arousal that is ``heard``. The past
    is played under the first.
    """
    null = float(condition.probabilities is None or condition.strength == 0.0)
    p = condition.probabilities or UNTOLD
    high, low = (p[0] + p[1]) / 2, (p[2] + p[3]) / 2
    return [(p, null), ((high, high, low, low), null), (p, 1.0), (_as_heard(p, heard), null)]


def _as_heard(p: tuple[float, ...], heard: float | None) -> tuple[float, ...]:
    """A mixture with another arousal; where it knows no valence of that, with an even one."""
    if heard is None:
        return p
    stirred, calm = p[0] + p[1], p[2] + p[3]
    bright = p[0] / stirred if stirred > 0.0 else 0.5
    mild = p[3] / calm if calm > 0.0 else 0.5
    return (
        heard * bright,
        heard * (1.0 - bright),
        (1.0 - heard) * (1.0 - mild),
        (1.0 - heard) * mild,
    )


def guide(logits: npt.NDArray[np.float64], strength: float) -> npt.NDArray[np.float64]:
    """Classifier-free guidance (Ho & Salimans 2022) composed of two (Liu et al. 2022).

    (ROWS, N) or (STEADY, N) to (N,): null + a·(arousal − null) + s·(whole − arousal). Arousal is
    heard at once and turns to caricature soon, valence is hard to hear: so a grows slowly with the
    strength s, see AROUSAL_SHARE. At 0 nothing of the condition remains, at 1 it is the network's
    own distribution; that is also what (1, N) comes to.
    """
    if len(logits) < STEADY:
        own: npt.NDArray[np.float64] = logits[0]
        return own
    whole, arousal, null = logits[:STEADY]
    of_arousal = min(strength, 1.0) + AROUSAL_SHARE * max(strength - 1.0, 0.0)
    guided: npt.NDArray[np.float64] = (
        null + of_arousal * (arousal - null) + strength * (whole - arousal)
    )
    return guided


def lead(logits: npt.NDArray[np.float64], strengths: Strengths) -> npt.NDArray[np.float64]:
    """What guides time and touch: (ROWS, N) to (N,), and without a pull as ``guide``."""
    guided = guide(logits, strengths.time)
    if strengths.pull:
        guided = guided + strengths.pull * (logits[0] - logits[-1])
    return guided
