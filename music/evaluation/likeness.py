"""Do generated clips lie where real ones lie? Overlaps, quadrant by quadrant, and copied passages.

A model that plays every emotion as a caricature is agreed with and overlaps nothing. So every
statistic's distribution over the clips of a quadrant is laid over that of real held-out clips of
the same quadrant, and the mean over quadrants stands beside two halves of the real songs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from music.conditioning import QUADRANTS
from music.corpus.dataset import Piece
from music.errors import MusicError
from music.evaluation.copying import Spelling, longest_shared
from music.evaluation.distributions import (
    FeatureSpace,
    between_halves,
    frechet,
    log_intervals,
    overlap,
    velocities,
)
from music.evaluation.following import Ints, Played
from music.evaluation.intervals import Figure, percentile
from music.evaluation.performance import PerformedClip, from_events
from music.evaluation.scores import bootstrap
from music.evaluation.statistics import describe
from music.events import Event
from music.grammar import decode
from music.midi import tempo_map_of

Floats = npt.NDArray[np.float64]
Groups = npt.NDArray[np.generic]
DRAWS = 200  # of a bootstrap of all overlaps
SPELLINGS: tuple[Spelling, ...] = ("pitch", "pitch and time")
EVERY_NOTE: dict[str, Callable[[Sequence[PerformedClip]], Floats]] = {
    "velocity of every note": velocities,
    "onset interval of every note": log_intervals,
}


@dataclass(frozen=True)
class Clips:
    """A set of clips, described."""

    sound: list[PerformedClip]
    table: list[dict[str, float]]  # statistics of each
    quadrants: Ints
    groups: Groups  # songs, or the clips themselves where each stands alone


def clips_of(
    events: Sequence[Sequence[Event]], quadrants: Sequence[int], groups: Sequence[str]
) -> Clips:
    """Those with notes enough to be described."""
    sound, table, kept = [], [], []
    for number, one in enumerate(events):
        try:
            table.append(describe(one))
        except MusicError:
            continue
        sound.append(from_events(one))
        kept.append(number)
    return Clips(sound, table, np.array(quadrants)[kept], np.array(groups)[kept])


def real_of(pieces: Sequence[Piece], seconds: float) -> Clips:
    """Real clips from their tokens, as long as generated ones, so that both have the same beats."""
    labelled = [p for p in pieces if p.source.quadrant is not None]
    events = [first_seconds(decode(p.tokens), seconds) for p in labelled]
    quadrants = [p.source.quadrant or 0 for p in labelled]
    return clips_of(events, quadrants, [p.source.song for p in labelled])


def made_of(played: Played) -> Clips:
    """Generated clips; each stands alone."""
    names = [str(number) for number in range(len(played.clips))]
    return clips_of([clip.events for clip in played.clips], played.asked.tolist(), names)


def first_seconds(events: Sequence[Event], seconds: float) -> list[Event]:
    """The events of the first ``seconds``."""
    tempo_map = tempo_map_of(events)
    return [e for e in events if tempo_map.seconds(e.onset_beats) < seconds]


def overlaps(made: Clips, real: Clips) -> dict[str, float]:
    """The overlap with real clips of every statistic of a clip, mean over quadrants, and the mean
    of all of these.
    """
    found = {name: _by_quadrant(made, real, partial(_column, name=name)) for name in real.table[0]}
    return {"mean of all": float(np.mean(list(found.values())))} | found


def note_overlaps(made: Clips, real: Clips) -> dict[str, float]:
    """The same of what is counted note by note."""
    return {
        name: _by_quadrant(made, real, partial(_notes, read=read))
        for name, read in EVERY_NOTE.items()
    }


def every_overlap(made: Clips, real: Clips) -> dict[str, float]:
    """Both."""
    return overlaps(made, real) | note_overlaps(made, real)


def _by_quadrant(made: Clips, real: Clips, values: Callable[[Clips, Ints], Floats]) -> float:
    """Mean over the quadrants that both have; of fewer than two values nothing is said."""
    found = []
    for q in range(QUADRANTS):
        ours, theirs = np.flatnonzero(made.quadrants == q), np.flatnonzero(real.quadrants == q)
        pair = [values(made, ours), values(real, theirs)]
        if min(len(side) for side in pair) > 1:
            found.append(overlap(*pair))
    return float(np.mean(found)) if found else 0.0


def _column(clips: Clips, rows: Ints, name: str) -> Floats:
    return np.array([clips.table[row][name] for row in rows])


def _notes(clips: Clips, rows: Ints, read: Callable[[Sequence[PerformedClip]], Floats]) -> Floats:
    return read(_some(clips, rows)) if len(rows) else np.zeros(0)


def _some(clips: Clips, rows: Ints) -> list[PerformedClip]:
    return [clips.sound[row] for row in rows]


def subset(clips: Clips, rows: Ints) -> Clips:
    """Some of the clips."""
    table = [clips.table[row] for row in rows]
    return Clips(_some(clips, rows), table, clips.quadrants[rows], clips.groups[rows])


def likeness(
    made: dict[str, Clips], real: Clips, seed: int = 0, base: str | None = None
) -> dict[str, Any]:
    """For every set by name, overlaps with an interval over its clips, and the Fréchet distance.

    ``gap`` is how much more a set overlaps than the set ``base``; ``real halves`` is what two
    random halves of the real songs come to. Distances are of sets of one size, half the real clips,
    for that of few clips is larger.
    """
    space = FeatureSpace.of(real.sound)
    size = min(len(real.sound) // 2, *(len(clips.sound) for clips in made.values()))
    found = {name: _against(clips, real, space, size, seed) for name, clips in made.items()}
    if base is not None:
        for name in set(made) - {base}:
            found[name]["gap"] = _gap(made[name], made[base], real, seed)
    halves = _between(real, every_overlap, seed)
    found["real halves"] = {
        "overlap": halves,
        "mean_overlap": {"value": halves["mean of all"], "n": len(real.sound)},
        "frechet": between_halves(
            lambda a, b: frechet(space.place(_some(real, a)), space.place(_some(real, b))),
            real.groups,
            seed,
        ),
    }
    return found


def _against(made: Clips, real: Clips, space: FeatureSpace, size: int, seed: int) -> dict[str, Any]:
    def mean_overlap(rows: Ints) -> float:
        return overlaps(subset(made, rows), real)["mean of all"]

    found, rng = every_overlap(made, real), np.random.default_rng(seed)
    every = np.arange(len(made.sound))
    low, high = bootstrap(mean_overlap, every, seed, DRAWS)
    value = found["mean of all"]
    some = [rng.permutation(len(side.sound))[:size] for side in (made, real)]
    places = [space.place(_some(side, rows)) for side, rows in zip((made, real), some, strict=True)]
    return {
        "overlap": found,
        "mean_overlap": {"value": value, "low": low, "high": high, "n": len(every)},
        "frechet": frechet(*places),
    }


def _gap(ours: Clips, theirs: Clips, real: Clips, seed: int) -> Figure:
    """The mean overlap of ours less theirs, with an interval over the clips and the real songs.

    Drawn together, for a drawn set holds clips twice and overlaps less than the whole.
    """

    def gap(ours: Clips, theirs: Clips, real: Clips) -> float:
        mean = [overlaps(made, real)["mean of all"] for made in (ours, theirs)]
        return mean[0] - mean[1]

    rng = np.random.default_rng(seed)
    drawn = [gap(*(_drawn(one, rng) for one in (ours, theirs, real))) for _ in range(DRAWS)]
    low, high = np.quantile(drawn, (0.025, 0.975))
    value = gap(ours, theirs, real)
    return {"value": value, "low": float(low), "high": float(high), "n": len(ours.sound)}


def _drawn(clips: Clips, rng: np.random.Generator) -> Clips:
    """As many groups, drawn with repetition."""
    names, member = np.unique(clips.groups, return_inverse=True)
    chosen = rng.integers(len(names), size=len(names))
    return subset(clips, np.concatenate([np.flatnonzero(member == k) for k in chosen]))


def _between(
    real: Clips, measure: Callable[[Clips, Clips], dict[str, float]], seed: int
) -> dict[str, float]:
    """The mean of ``measure`` over random halves of the real songs."""
    names = list(measure(real, real))
    tables: dict[str, list[float]] = {name: [] for name in names}

    def once(a: Ints, b: Ints) -> float:
        for name, value in measure(subset(real, a), subset(real, b)).items():
            tables[name].append(value)
        return 0.0

    between_halves(once, real.groups, seed)
    return {name: float(np.nanmean(values)) for name, values in tables.items()}


def copying(made: Clips, real: Clips, train: Sequence[Piece]) -> dict[str, Any]:
    """The longest passage of each clip that a training song holds too, generated and real.

    Lengths in notes after the first; real clips are those of songs never trained on.
    """
    corpus = [from_events(decode(piece.tokens)) for piece in train]
    found: dict[str, Any] = {}
    for spelling in SPELLINGS:
        found[spelling] = {}
        for who, clips in (("generated", made), ("real", real)):
            longest = longest_shared(clips.sound, corpus, spelling)
            found[spelling][who] = {
                "median": percentile(longest, 50),
                "p95": percentile(longest, 95),
                "longest": int(longest.max()),
            }
    return found
