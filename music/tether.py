"""What draws guided music back from where real music does not stay: too dense, too high, too low.

Guidance answers what was just played, so what is dense grows denser. A tether is slack where nine
of ten stretches of real music lie, of calm and of stirred songs alike (``python -m
music.evaluation.stirred``); beyond, it makes another note the less likely, or one further out,
the further it is.
"""

from __future__ import annotations

import numpy as np

from music import vocabulary as v
from music.condition import Condition
from music.controls import PLAIN, Controls
from music.energy import Energy
from music.grammar import Grammar
from music.limits import Lean

CROWDED = 0.75  # of arousal's scale beyond the arousal that is asked
THINS = 3.0  # nats for each unit of that scale beyond
LOWEST, HIGHEST = 54.0, 70.0  # of mean pitch
TURNS = 0.02  # nats a semitone for each semitone of the mean beyond
_PITCHES = np.arange(v.PITCH_RANGE[0], v.PITCH_RANGE[1] + 1, dtype=np.float32)


def tether(
    condition: Condition, energy: Energy, grammar: Grammar, controls: Controls = PLAIN
) -> Lean | None:
    """(V,) to add to the logits of the next choice; None where the music is not held.

    Nothing is held that a player steers by ``controls``, and nothing at strength 1 or less.
    """
    p, taut = condition.probabilities, min(max(condition.strength - 1.0, 0.0), 1.0)
    if p is None or not taut:
        return None
    crowd = 0.0 if controls.steers_density else _beyond(energy.crowd, p[0] + p[1] + CROWDED)
    steers_register = (controls.lowest, controls.highest) != (PLAIN.lowest, PLAIN.highest)
    astray = 0.0 if steers_register else _outside(energy.register)
    if not crowd and not astray:
        return None
    bias = np.zeros(v.SIZE, dtype=np.float32)
    bias[v.POS.start : v.POS.stop] = -THINS * taut * crowd
    pitches = -TURNS * taut * astray * (_PITCHES - (LOWEST + HIGHEST) / 2)
    if grammar.kind == "DUR":  # a position that is open gets its note: only more are held back
        pitches = pitches - THINS * taut * crowd
    bias[v.PITCH.start : v.PITCH.stop] = pitches
    return bias


def _beyond(heard: float | None, most: float) -> float:
    return 0.0 if heard is None else max(heard - most, 0.0)


def _outside(heard: float | None) -> float:
    """Semitones above the highest mean, or below the lowest: negative."""
    return 0.0 if heard is None else max(heard - HIGHEST, 0.0) + min(heard - LOWEST, 0.0)
