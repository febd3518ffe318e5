"""What a clip is like, in numbers that listeners and other papers share.

Everything is read from events, so real clips (decoded tokens) and generated ones are measured on
the same beats. Definitions are muspy's (Dong et al., ISMIR 2020) where it has one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby

import numpy as np
import numpy.typing as npt

from music.errors import MusicError
from music.evaluation.performance import ONSET, VELOCITY, PerformedClip, from_events
from music.evaluation.tonality import MODES, chroma_of, majorness
from music.events import Bar, Event, Note

Floats = npt.NDArray[np.float64]
STEPS_PER_BEAT = 4  # performed onsets are counted on the sixteenth they lie nearest to
POLYPHONY_STEPS_PER_BEAT = 24  # muspy's default resolution
LOOK_BACK_BARS = 16
LONGEST_LOOP_BARS = 8
BEATS_PER_BAR = 4.0  # where the events name no bars


def describe(events: Sequence[Event]) -> dict[str, float]:
    """Every statistic of a clip by name. MusicError for fewer than two notes."""
    notes = [event for event in events if isinstance(event, Note)]
    if len(notes) < 2:
        raise MusicError("A clip with fewer than two notes cannot be described.")
    clip, bars = from_events(events), bars_of(events)
    span_s = float(clip.notes[-1, ONSET] - clip.notes[0, ONSET])
    iois = onset_intervals(clip)
    return {
        "notes per second": len(notes) / max(span_s, 1e-3),
        "pitch range": float(max(n.pitch for n in notes) - min(n.pitch for n in notes)),
        "pitch classes": float(len({n.pitch % 12 for n in notes})),
        "pitch-class entropy": pitch_class_entropy(notes),
        "scale consistency": scale_consistency(notes),
        "majorness": majorness(chroma_of(clip)),
        "polyphony": polyphony(notes),
        "empty beats": empty_beat_rate(notes),
        "groove consistency": groove_consistency(bars),
        "similarity to the next bar": self_similarity(bars, 1),
        "similarity four bars on": self_similarity(bars, 4),
        "repeated bars": repeated_bars(bars),
        "longest loop": float(longest_loop(bars)),
        "velocity": float(clip.notes[:, VELOCITY].mean()),
        "velocity spread": float(clip.notes[:, VELOCITY].std()),
        "onset interval": float(np.median(iois)) if len(iois) else span_s,
    }


# --- pitch ---------------------------------------------------------------------------------------


def pitch_class_entropy(notes: Sequence[Note]) -> float:
    """Bits of the histogram of pitch classes (muspy; Wu & Yang, ISMIR 2020, "H1")."""
    share = np.bincount([n.pitch % 12 for n in notes], minlength=12) / len(notes)
    some = share[share > 0]
    return float(-(some * np.log2(some)).sum())


def scale_consistency(notes: Sequence[Note]) -> float:
    """Largest share of notes that lie in one major or natural minor scale (muspy)."""
    count = np.bincount([n.pitch % 12 for n in notes], minlength=12)
    return float((MODES[:2] @ count).max() / len(notes))


def polyphony(notes: Sequence[Note]) -> float:
    """Mean number of pitches sounding, over the time steps where any does (muspy)."""
    spans = [(n.pitch, *_span(n, POLYPHONY_STEPS_PER_BEAT)) for n in notes]
    first = min(start for _, start, _ in spans)
    sounding = np.zeros((128, max(end for *_, end in spans) - first), dtype=np.bool_)
    for pitch, start, end in spans:
        sounding[pitch, start - first : end - first] = True
    return float(sounding.sum() / sounding.any(axis=0).sum())


def empty_beat_rate(notes: Sequence[Note]) -> float:
    """Share of the beats from the first to the last note in which none sounds (muspy)."""
    busy = {beat for n in notes for beat in range(*_span(n, 1))}
    return 1.0 - len(busy) / (max(busy) - min(busy) + 1)


def _span(note: Note, per_beat: int) -> tuple[int, int]:
    """First and one past the last time step in which a note sounds, at least one."""
    first = int(note.onset_beats * per_beat)
    end = (note.onset_beats + note.duration_beats) * per_beat
    return first, max(int(np.ceil(end - 1e-6)), first + 1)


# --- rhythm and repetition -----------------------------------------------------------------------

Bars = list[frozenset[tuple[int, int]]]  # of each bar, (sixteenth in the bar, pitch)


def bars_of(events: Iterable[Event]) -> Bars:
    """What is struck in each bar, by the nearest sixteenth, from the first bar to the last struck.

    Bars begin where the events say, or every four beats if they do not.
    """
    events = list(events)
    notes = [event for event in events if isinstance(event, Note)]
    last = max((n.onset_beats for n in notes), default=0.0)
    lines = sorted({event.onset_beats for event in events if isinstance(event, Bar)})
    starts = np.array(lines if len(lines) > 1 else np.arange(0.0, last + 1.0, BEATS_PER_BAR))
    half_step = 0.5 / STEPS_PER_BEAT
    held: list[set[tuple[int, int]]] = [set() for _ in starts]
    for note in notes:
        at = max(int(np.searchsorted(starts, note.onset_beats + half_step, side="right")) - 1, 0)
        step = round((note.onset_beats - float(starts[at])) * STEPS_PER_BEAT)
        held[at].add((max(step, 0), note.pitch))
    while held and not held[-1]:
        held.pop()
    return [frozenset(bar) for bar in held]


def groove_consistency(bars: Bars) -> float:
    """One less the mean Hamming distance of neighbouring bars' onset patterns (Wu & Yang 2020)."""
    patterns = [{step for step, _ in bar} for bar in bars]
    steps = max((step for one in patterns for step in one), default=0) + 1
    steps = int(np.ceil(steps / STEPS_PER_BEAT)) * STEPS_PER_BEAT
    distance = [len(a ^ b) / steps for a, b in zip(patterns, patterns[1:], strict=False)]
    return 1.0 - float(np.mean(distance)) if distance else 1.0


def self_similarity(bars: Bars, lag: int) -> float:
    """Mean cosine of what is struck in bars ``lag`` apart, by sixteenth and pitch class: a diagonal
    of the self-similarity matrix (Foote, ACM MM 1999). Bars without notes are left out.
    """
    folded = [{(step, pitch % 12) for step, pitch in bar} for bar in bars]
    pairs = [(a, b) for a, b in zip(folded, folded[lag:], strict=False) if a and b]
    cosines = [len(a & b) / np.sqrt(len(a) * len(b)) for a, b in pairs]
    return float(np.mean(cosines)) if cosines else 0.0


def repeated_bars(bars: Bars) -> float:
    """Share of bars with notes that strike just what one of the previous sixteen bars struck."""
    struck = [(k, bar) for k, bar in enumerate(bars) if bar]
    again = [bar in bars[max(k - LOOK_BACK_BARS, 0) : k] for k, bar in struck]
    return float(np.mean(again)) if again else 0.0


def longest_loop(bars: Bars) -> int:
    """Bars of the longest stretch that only repeats what came up to eight bars before it."""
    longest = 0
    for lag in range(1, LONGEST_LOOP_BARS + 1):
        same = [bool(a) and a == b for a, b in zip(bars, bars[lag:], strict=False)]
        runs = [sum(1 for _ in run) for is_same, run in groupby(same) if is_same]
        longest = max([longest, *(run for run in runs if run >= lag)])
    return longest


def onset_intervals(clip: PerformedClip) -> Floats:
    """(K,) seconds between onsets that differ by more than 50 ms, and by less than 5 s."""
    steps = np.diff(clip.notes[:, ONSET])
    return np.asarray(steps[(steps > 0.05) & (steps < 5.0)])
