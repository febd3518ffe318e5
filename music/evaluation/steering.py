"""Steering while it plays: mixtures between two emotions, and a jump from one to another.

A sweep asks for (1 − t)·A + t·B in equal steps of t; what the judge reads on average must rise or
fall with t. A switch jumps from A to B at a bar; the judge hears the last two bars only, and it has
turned when it finds B likelier than A. The same clip without the jump is the control.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from music.condition import STRENGTH, Condition
from music.conditioning import QUADRANTS
from music.corpus.dataset import Piece
from music.evaluation.following import Playing, agreement, quadrant, sound
from music.evaluation.intervals import Figure, figure, mean, percentile, spearman
from music.evaluation.judge import Reader, arousal, valence
from music.evaluation.performance import PerformedClip, from_events
from music.evaluation.request import Clip, Length, Request
from music.events import Bar, Event
from music.grammar import decode
from music.midi import tempo_map_of

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
IS_AROUSED, IS_BRIGHT = (True, True, False, False), (True, False, False, True)  # Q1 to Q4
WINDOW_BARS = 2
LONGEST_S = 180.0  # of a clip that is asked for in bars
NEVER = 999.0  # bars until a judge turned that did not


def blend(a: int, b: int, share: float, strength: float) -> Condition:
    """(1 − share)·A + share·B."""
    p = (1 - share) * np.eye(QUADRANTS)[a] + share * np.eye(QUADRANTS)[b]
    return Condition((float(p[0]), float(p[1]), float(p[2]), float(p[3])), strength)


def sweep(
    playing: Playing,
    judge: Reader,
    ends: tuple[int, int],
    strength: float,
    steps: int = 11,
    clips: int = 16,
    seed: int = 0,
) -> dict[str, Any]:
    """Mean judged arousal and valence at each step, and the rank order of step and mean.

    The same seeds play at every step. Spearman's figure is signed so that 1 is what was asked; its
    interval is over seeds.
    """
    shares = np.linspace(0.0, 1.0, steps)
    requests = [
        Request(seed + number, ((0.0, blend(*ends, float(share), strength)),))
        for share in shares
        for number in range(clips)
    ]
    heard = [sound(clip, playing.seconds) for clip in playing.play(requests)]
    p = judge.probabilities(heard).reshape(steps, clips, QUADRANTS)
    out: dict[str, Any] = {"from": ends[0], "to": ends[1], "shares": shares.tolist()}
    for axis, read, high in (("arousal", arousal, IS_AROUSED), ("valence", valence, IS_BRIGHT)):
        level = read(p.reshape(-1, QUADRANTS)).reshape(steps, clips)
        sign = int(high[ends[1]]) - int(high[ends[0]])
        out[axis] = {
            "means": [mean(row) for row in level],
            "asked": ("falls", "stays", "rises")[sign + 1],
            "spearman": figure(level.T, partial(_follows, shares, sign)),
        }
    return out


def _follows(shares: Floats, sign: int, level: Floats) -> float:
    return sign * spearman(shares, level.mean(axis=0))


@dataclass(frozen=True)
class Jump:
    """How a switch is tried."""

    before: int = 8  # bars
    after: int = 8
    each: int = 8  # seeds of every ordered pair of emotions
    strength: float = STRENGTH
    seed: int = 0


def switch(playing: Playing, judge: Reader, jump: Jump, real: Sequence[Piece]) -> dict[str, Any]:
    """Bars until the judge turns, after a jump and without one, and what the judge is worth there.

    ``margin`` is mean p_B − p_A of the two bars that end n bars after the jump.
    """
    pairs = [(a, b) for a in range(QUADRANTS) for b in range(QUADRANTS) if a != b]
    seeds = range(jump.seed, jump.seed + jump.each)
    asked = [(a, b, s) for a, b in pairs for s in seeds]
    asked += [(a, a, s) for a in range(QUADRANTS) for s in seeds]
    requests = [_request(jump, *one) for one in asked]
    length = Length(LONGEST_S, jump.before + jump.after)
    p = np.array([two_bars(clip, judge, length) for clip in playing.play(requests, length)])
    place = {one: row for row, one in enumerate(asked)}
    a, b, _ = np.array([one for one in asked if one[0] != one[1]]).T
    turned = p[: len(a)]
    stayed = p[[place[(x, x, s)] for x, _, s in asked[: len(a)]]]
    changes = np.array(IS_AROUSED)[a] != np.array(IS_AROUSED)[b]
    kinds = {"all pairs": np.full(len(a), True), "arousal changes": changes}
    kinds["valence alone changes"] = ~changes
    found: dict[str, Any] = {
        "bars": list(range(1 - jump.before + 1, jump.after + 1)),
        "judge": judge_on_two_bars(judge, real),
    }
    for kind, rows in kinds.items():
        found[kind] = {
            "switch": _turning(_margin(turned, a, b)[rows], jump),
            "control": _turning(_margin(stayed, a, b)[rows], jump),
        }
    return found


def _request(jump: Jump, a: int, b: int, seed: int) -> Request:
    start = (0.0, quadrant(a, jump.strength))
    if a == b:
        return Request(seed, (start,), in_bars=True)
    return Request(seed, (start, (jump.before, quadrant(b, jump.strength))), in_bars=True)


def _margin(p: Floats, a: Ints, b: Ints) -> Floats:
    """(N, bars, 4) to (N, bars) p_B − p_A."""
    rows = np.arange(len(p))
    return np.asarray(p[rows, :, b] - p[rows, :, a])


def _turning(margin: Floats, jump: Jump) -> dict[str, Any]:
    at = jump.before - WINDOW_BARS  # column of the two bars just before the jump
    after = margin[:, at + 1 :] > 0
    bars = np.where(after.any(axis=1), after.argmax(axis=1) + 1.0, NEVER)
    known = margin[:, at] < 0
    out: dict[str, Any] = {
        "margin": [float(x) for x in margin.mean(axis=0)],
        "median_bars": percentile(bars, 50),
        "p90_bars": percentile(bars, 90),
        "within_2_bars": mean(bars <= WINDOW_BARS),
        "judged_A_before": mean(known),
    }
    if known.any():  # a judge that heard B before the jump cannot turn
        out["median_bars_where_judged_A_before"] = percentile(bars[known], 50)
        out["within_2_bars_where_judged_A_before"] = mean(bars[known] <= WINDOW_BARS)
    return out


def two_bars(clip: Clip, judge: Reader, length: Length) -> Floats:
    """(bars − 1, 4) what the judge reads of every two neighbouring bars; a quarter each where the
    clip was cut short.
    """
    edges = [clip.tempo_map.seconds(e.onset_beats) for e in clip.events if isinstance(e, Bar)]
    windows = _windows(from_events(clip.events), [*edges, clip.seconds])
    p = np.full(((length.bars or 0) + 1 - WINDOW_BARS, QUADRANTS), 1 / QUADRANTS)
    windows = windows[: len(p)]
    p[: len(windows)] = judge.probabilities(windows, "short")
    return p


def _windows(heard: PerformedClip, edges_s: list[float]) -> list[PerformedClip]:
    pairs = zip(edges_s, edges_s[WINDOW_BARS:], strict=False)
    return [heard.cut(start, stop) for start, stop in pairs]


def judge_on_two_bars(judge: Reader, real: Sequence[Piece]) -> dict[str, Figure]:
    """The judge's accuracy on every second pair of bars of real held-out pieces, over songs.

    ``pair`` is how often it finds the true emotion likelier than one of the other three.
    """
    windows, asked, songs = [], [], []
    for piece in real:
        events = decode(piece.tokens)
        found = _windows(from_events(events), bar_seconds(events))[::WINDOW_BARS]
        windows += found
        asked += [piece.source.quadrant or 0] * len(found)
        songs += [piece.source.song] * len(found)
    p, truth = judge.probabilities(windows, "short"), np.array(asked)
    likelier = p[np.arange(len(p)), truth][:, None] > p
    pair = mean(likelier.sum(axis=1) / (QUADRANTS - 1), np.array(songs))
    return agreement(p, truth, np.array(songs)) | {"pair": pair}


def bar_seconds(events: Sequence[Event]) -> list[float]:
    """When each bar begins."""
    seconds = tempo_map_of(events).seconds
    return [seconds(event.onset_beats) for event in events if isinstance(event, Bar)]
