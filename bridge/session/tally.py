"""What a session's notes did with its emotions: how much in each quadrant, how fast on a jump."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bridge.session.trace import Span, Trace

LASTS_S = 2.0  # a quadrant that is played for less is passed through
LEAST = 0.3  # a mixture whose highest share is less is neutral
NEUTRAL = 4  # where a quadrant's number would be
ROUND_S = 8.0  # of music compared before and after a jump


@dataclass(frozen=True)
class Share:
    """What was played in one quadrant."""

    quadrant: int  # 0 to 3, or NEUTRAL
    seconds: float
    notes: int
    a_second: float  # notes; NaN where there was no time
    velocity: float  # mean; NaN where there was no note


@dataclass(frozen=True)
class Jump:
    """The quadrant that is played changes."""

    time_s: float
    before: int
    after: int
    first_note_s: float  # from the jump to the next onset; NaN if there was none
    a_second: tuple[float, float]  # notes, before and after
    velocity: tuple[float, float]  # mean, likewise


def stretches(trace: Trace) -> list[tuple[float, float, int]]:
    """Start, end and quadrant of what was played (recognised, where nothing is known of it)."""
    shares = trace.probabilities if trace.played is None else trace.played
    if not len(shares):
        return []
    highest = np.where(shares.max(axis=1) < LEAST, NEUTRAL, shares.argmax(axis=1))
    changes = [0, *(np.flatnonzero(np.diff(highest)) + 1).tolist()]
    ends_s = [*trace.times_s[changes[1:]].tolist(), float(trace.times_s[-1])]
    cut = zip(changes, ends_s, strict=True)
    whole = [(float(trace.times_s[at]), end_s, int(highest[at])) for at, end_s in cut]
    kept: list[tuple[float, float, int]] = []
    for start_s, end_s, quadrant in whole:
        brief = end_s - start_s < LASTS_S
        if kept and (brief or kept[-1][2] == quadrant):
            kept[-1] = (kept[-1][0], end_s, kept[-1][2])
        else:
            kept.append((start_s, end_s, quadrant))
    return kept


def by_quadrant(trace: Trace, notes: np.ndarray, pauses: Sequence[Span] = ()) -> list[Share]:
    """For each quadrant, and for neutral. Notes are (n, 4): start_s, end_s, pitch, velocity.

    `pauses` of the recording count nowhere.
    """
    parts = stretches(trace)
    if parts and len(notes):  # before the first capsule it is neutral; the last holds to the end
        first_s, (start_s, end_s, last) = float(notes[:, 0].min()), parts[-1]
        parts[-1] = start_s, max(end_s, float(np.nextafter(notes[:, 0].max(), np.inf))), last
        if first_s < parts[0][0]:
            parts.insert(0, (first_s, parts[0][0], NEUTRAL))
    shares = []
    for quadrant in (*range(4), NEUTRAL):
        spans = [(start_s, end_s) for start_s, end_s, which in parts if which == quadrant]
        seconds = sum(
            end_s - start_s - paused_s(start_s, end_s, pauses) for start_s, end_s in spans
        )
        inside = [_within(notes, *span) for span in spans]
        heard = np.concatenate([notes[:0], *inside])
        shares.append(Share(quadrant, seconds, len(heard), *_liveliness(heard, seconds)))
    return shares


def jumps(trace: Trace, notes: np.ndarray, pauses: Sequence[Span] = ()) -> list[Jump]:
    """Where the played quadrant changed for good, and what the notes did, as far as recorded."""
    parts = stretches(trace)
    found = []
    for (begin_s, time_s, before), (_, end_s, after) in zip(parts, parts[1:], strict=False):
        if paused_s(time_s - LASTS_S, time_s + LASTS_S, pauses):
            continue  # it was in the pause
        later = notes[notes[:, 0] >= time_s, 0]
        earlier = (to_s for _, to_s in pauses if to_s <= time_s)
        pause_s = min((from_s for from_s, _ in pauses if from_s >= time_s), default=np.inf)
        then = max(begin_s, time_s - ROUND_S, *earlier), time_s
        now = time_s, min(end_s, time_s + ROUND_S, pause_s)
        old, new = (_liveliness(_within(notes, *span), span[1] - span[0]) for span in (then, now))
        first_s = float(later.min()) - time_s if len(later) else np.nan
        pairs = (old[0], new[0]), (old[1], new[1])
        found.append(Jump(time_s, before, after, first_s, *pairs))
    return found


def paused_s(start_s: float, end_s: float, pauses: Sequence[Span]) -> float:
    """How much of a stretch was not recorded."""
    return sum(max(0.0, min(end_s, to_s) - max(start_s, from_s)) for from_s, to_s in pauses)


def _within(notes: np.ndarray, start_s: float, end_s: float) -> np.ndarray:
    inside: np.ndarray = notes[(notes[:, 0] >= start_s) & (notes[:, 0] < end_s)]
    return inside


def _liveliness(notes: np.ndarray, seconds: float) -> tuple[float, float]:
    """Notes a second, and their mean velocity."""
    a_second = len(notes) / seconds if seconds > 0 else np.nan
    return a_second, float(notes[:, 3].mean()) if len(notes) else np.nan
