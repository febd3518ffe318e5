"""Classifier-free guidance: what a network is asked under, and how its answers are weighed.

Steady strength beyond 1 acts on chords and pitches alone, because guided time and touch drift into
music denser and louder than any that was learned. But what was just played holds the music where it
is, so that time and touch would follow a new emotion late, a mild one not at all. So while it turns
they are pulled: the network is asked, too, under the emotion in which the music still is, its
arousal as it is heard, its valence as it was asked for some beats ago, and the choice leans away
from that; and where the music went past what was asked, towards what lies as far on this side. A
turn lasts some bars and until touch and density are where they were asked to be.

All answers are about one past, the one that was played under the conditions that held: so it is
kept once, and only a choice that guidance changes asks more than the condition alone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from music.condition import Condition
from music.energy import Energy
from music.grammar import Grammar

STEADY, ROWS = 3, 4  # of logits a token is chosen from, see ``rows_of``: without a pull, and with
AROUSAL_SHARE, VALENCE_SHARE = 0.6, 1.5  # of what strength adds beyond 1, what each of them gets
PULL = 0.5  # of what strength adds beyond 1
ANOTHER = 0.1  # of a mixture that has moved: a turn begins
TURN_BEATS = 24.0  # and lasts at least so long: what is heard lags, and would end it on the way
NEAR = 0.1  # of arousal, from what is asked to what is heard; or longer, until it is as near
HALF_BEATS = 4.0  # in which half of another valence is no longer new
NEW = 0.25  # of valence, from what is asked to what settled
AWAY, TOWARDS = 1.0, -1.0
Mixture = tuple[float, float, float, float]
UNTOLD: Mixture = (0.25, 0.25, 0.25, 0.25)


class Strengths(NamedTuple):
    """Of the guidance."""

    tones: float  # of chords and pitches
    time: float  # of positions, tempo and touch, and of which family comes
    pull: float = 0.0  # of these away from another emotion; below 0 towards it


class Pull(NamedTuple):
    """An emotion that the next choice leans away from, or towards."""

    mixture: Mixture
    share: float = AWAY  # of the strength of a pull


@dataclass(frozen=True, slots=True)
class Turn:
    """On the way from one emotion to another; where no other was asked for, there all along."""

    towards: Mixture | None = None  # as it was asked when this turn began; None: nothing yet
    began_beats: float = 0.0
    touch: bool = False  # whether it is on the way
    density: bool = False
    settled: Mixture = UNTOLD  # follows what is asked within some beats
    at_beats: float = 0.0

    def now(self, condition: Condition, energy: Energy) -> Turn:
        """The same after more was heard or another condition came; the first is no turn."""
        p, beats = condition.probabilities or UNTOLD, energy.at_beats
        if self.towards is None:
            return Turn(p, settled=p, at_beats=beats)
        if distance(p, self.towards) > ANOTHER:
            turn = replace(self, towards=p, began_beats=beats, touch=True, density=True)
        elif self.touch or self.density:
            young = beats - self.began_beats < TURN_BEATS
            touch = self.touch and (young or _is_off(p, energy.of_touch))
            density = self.density and (young or _is_off(p, energy.of_density))
            turn = replace(self, touch=touch, density=density)
        else:
            turn = self
        if beats == self.at_beats:
            return turn
        share = 1.0 - 0.5 ** ((beats - self.at_beats) / HALF_BEATS)
        a, b, c, d = (m + share * (q - m) for m, q in zip(self.settled, p, strict=True))
        return replace(turn, settled=(a, b, c, d), at_beats=beats)

    def pull(self, grammar: Grammar, energy: Energy) -> Pull | None:
        """What pulls the next choice, if anything does: a velocity by the touch that is heard, all
        else by the density.
        """
        if self.towards is None or not (self.touch if grammar.touch_is_next else self.density):
            return None
        heard = energy.of_touch if grammar.touch_is_next else energy.of_density
        if heard is None:
            return None
        asked = _arousal(self.towards)
        is_past = heard > 1.0 if asked > 0.5 else heard < 0.0
        if is_past and abs(_valence(self.settled) - _valence(self.towards)) <= NEW:
            return Pull(_with_arousal(self.towards, 2.0 * asked - heard), TOWARDS)
        return Pull(_with_arousal(self.settled, heard))


def distance(one: Mixture, other: Mixture) -> float:
    """Total variation between two mixtures, 0 to 1."""
    return sum(abs(a - b) for a, b in zip(one, other, strict=True)) / 2


def _arousal(p: Mixture) -> float:
    return p[0] + p[1]


def _valence(p: Mixture) -> float:
    return p[0] + p[3]


def _is_off(asked: Mixture, heard: float | None) -> bool:
    return heard is not None and abs(heard - _arousal(asked)) > NEAR


def _with_arousal(p: Mixture, arousal: float) -> Mixture:
    """A mixture with another arousal; where it knows no valence of that, with an even one."""
    stirred, calm = p[0] + p[1], p[2] + p[3]
    bright = p[0] / stirred if stirred > 0.0 else 0.5
    mild = p[3] / calm if calm > 0.0 else 0.5
    high = min(max(arousal, 0.0), 1.0)
    low = 1.0 - high
    return high * bright, high * (1.0 - bright), low * (1.0 - mild), low * mild


def strengths_of(condition: Condition, pull: Pull | None) -> Strengths:
    """What a condition's strength comes to, on the way from somewhere or not."""
    strength = condition.strength
    share = 0.0 if pull is None or condition.probabilities is None else pull.share
    return Strengths(strength, min(strength, 1.0), share * PULL * max(strength - 1.0, 0.0))


def rows_needed(strengths: Strengths, may_sound: bool) -> int:
    """How many of the ROWS the next choice hangs on: the first alone where the network's own
    distribution is to be drawn from. ``may_sound``: a chord or a pitch may be chosen.
    """
    if strengths.pull:
        return ROWS
    own = strengths.time == 1.0 and (strengths.tones == 1.0 or not may_sound)
    return 1 if own else STEADY


def rows_of(condition: Condition, pull: Pull | None = None) -> list[tuple[Mixture, float]]:
    """(mixture, 1 where it is to be ignored) of each of the ROWS a network is asked under: the
    condition, its arousal alone, none, and the emotion that pulls. The past is played under the
    first.
    """
    null = float(condition.probabilities is None or condition.strength == 0.0)
    p = condition.probabilities or UNTOLD
    high, low = (p[0] + p[1]) / 2, (p[2] + p[3]) / 2
    return [
        (p, null),
        ((high, high, low, low), null),
        (p, 1.0),
        (pull.mixture if pull else p, null),
    ]


def guide(logits: npt.NDArray[np.float64], strength: float) -> npt.NDArray[np.float64]:
    """Classifier-free guidance (Ho & Salimans 2022) composed of two (Liu et al. 2022).

    (ROWS, N) or (STEADY, N) to (N,): null + a·(arousal − null) + v·(whole − arousal). Arousal is
    heard at once and turns to caricature soon, valence is hard to hear: so beyond 1 a grows slower
    with the strength than v, see AROUSAL_SHARE. At 0 nothing of the condition remains, at 1 it is
    the network's own distribution; that is also what (1, N) comes to.
    """
    if len(logits) < STEADY:
        own: npt.NDArray[np.float64] = logits[0]
        return own
    whole, arousal, null = logits[:STEADY]
    least, more = min(strength, 1.0), max(strength - 1.0, 0.0)
    of_arousal, of_valence = (least + share * more for share in (AROUSAL_SHARE, VALENCE_SHARE))
    guided: npt.NDArray[np.float64] = (
        null + of_arousal * (arousal - null) + of_valence * (whole - arousal)
    )
    return guided


def lead(logits: npt.NDArray[np.float64], strengths: Strengths) -> npt.NDArray[np.float64]:
    """What leads time and touch: (ROWS, N) to (N,), and without a pull as ``guide``."""
    guided = guide(logits, strengths.time)
    if strengths.pull:
        guided = guided + strengths.pull * (logits[0] - logits[-1])
    return guided
