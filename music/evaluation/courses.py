"""A course as a person gives it: from a strong emotion to a mild one, stirred to calm and back.

What is told of a person is seldom a corner. So a course goes from a mixture that one emotion leads
by far to one that another leads by a little, of the other arousal, and is compared with music that
was in the second all along and music that stays in the first: how much of the way between them is
left? Touch and density are counted; of arousal, the judge is asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from music.condition import Condition
from music.conditioning import QUADRANTS
from music.evaluation.following import Playing, sound
from music.evaluation.intervals import figure, mean
from music.evaluation.judge import Reader, arousal
from music.evaluation.performance import VELOCITY, PerformedClip
from music.evaluation.request import Length, Request

Floats = npt.NDArray[np.float64]
STRENGTH = 5.0  # of guidance: a person is seldom told with all confidence
STRONG, MILD = 0.85, 0.55  # of the emotion that leads; the others share the rest
BEFORE_S, AFTER_S = 30.0, 24.0
WINDOWS_S = ((-12.0, 0.0), (2.0, 8.0), (8.0, 14.0), (14.0, 24.0))  # since the turn
HEARD = ("touch", "density", "arousal")
STIRRED, CALM = (0, 1), (2, 3)
WAYS = {"down": (STIRRED, CALM), "up": (CALM, STIRRED)}


def led_by(quadrant: int, share: float) -> Condition:
    """A mixture that one emotion leads."""
    p = [(1.0 - share) / (QUADRANTS - 1)] * QUADRANTS
    p[quadrant] = share
    return Condition((p[0], p[1], p[2], p[3]), STRENGTH)


def courses(playing: Playing, judge: Reader, each: int, seed: int = 0) -> dict[str, Any]:
    """``each`` seeds of every ordered pair of emotions that differ in arousal.

    Of each way and each of HEARD: the mean in every window of music that turned, that was there
    all along (the same seeds) and that stayed; and ``left``, of the way between the last two, with
    an interval over courses.
    """
    asked = {
        way: [
            _requests(a, b, number)
            for a in first
            for b in second
            for number in range(seed, seed + each)
        ]
        for way, (first, second) in WAYS.items()
    }
    once = list(dict.fromkeys(r for some in asked.values() for three in some for r in three))
    seconds = BEFORE_S + AFTER_S
    clips = playing.play(once, Length(seconds))
    heard = dict(zip(once, read([sound(clip, seconds) for clip in clips], judge), strict=True))
    found: dict[str, Any] = {"windows_s": WINDOWS_S, "strength": STRENGTH, "before_s": BEFORE_S}
    for way, some in asked.items():
        table = np.array([[heard[request] for request in three] for three in some])
        found[way] = {
            name: {
                "turned": [mean(rows) for rows in table[:, 0, :, i].T],
                "there": [mean(rows) for rows in table[:, 1, :, i].T],
                "stayed": [mean(rows) for rows in table[:, 2, :, i].T],
                "left": [figure(table[:, :, at, i], _left) for at in range(1, len(WINDOWS_S))],
            }
            for i, name in enumerate(HEARD)
        }
    return found


def _requests(a: int, b: int, seed: int) -> tuple[Request, Request, Request]:
    """Music that turns from A to B, that is in B all along, that stays in A."""
    strong, mild = led_by(a, STRONG), led_by(b, MILD)
    turned = Request(seed, ((0.0, strong), (BEFORE_S, mild)))
    return turned, Request(seed, ((0.0, mild),)), Request(seed, ((0.0, strong),))


def _left(rows: Floats) -> float:
    """Of (N, 3) turned, there and stayed: how much of the way is left, 0 where it is there."""
    turned, there, stayed = rows.mean(axis=0)
    return float((turned - there) / (stayed - there)) if stayed != there else 0.0


def read(pieces: Sequence[PerformedClip], judge: Reader) -> Floats:
    """(N, windows, HEARD) mean velocity, notes a second and the judge's arousal of each window; the
    velocity of a window without notes is 0.
    """
    out = np.zeros((len(pieces), len(WINDOWS_S), len(HEARD)))
    for at, (start, stop) in enumerate(WINDOWS_S):
        parts = [piece.cut(BEFORE_S + start, BEFORE_S + stop) for piece in pieces]
        notes = [part.notes[:, VELOCITY] for part in parts]
        out[:, at, 0] = [touch.mean() if len(touch) else 0.0 for touch in notes]
        out[:, at, 1] = [len(touch) / (stop - start) for touch in notes]
        out[:, at, 2] = arousal(judge.probabilities(parts, "short"))
    return out
