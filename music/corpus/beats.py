"""Where the beats and bars of a MIDI file are: its tempo map, its metre, slips of a beat tracker.

A beat is a quarter note where a bar is a whole number of quarters (4/4, 3/4, 6/8), else the note
that the time signature counts in (an eighth in 3/8 or 7/8).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from music import vocabulary as v
from music.errors import MusicError
from music.events import MAX_BPM, MIN_BPM

SLIP_OCTAVES = 0.4  # neighbouring tempi further apart than this are a slip
MEND_OCTAVES = 0.2  # how near to half or double the tempo a slip must be to be mended
EVEN_OCTAVES = 0.3  # how near to the tempo beside them evened beats must come
UNEVEN_BEATS = 4
MIN_BARS = 4
MAX_BEATS = 100_000
GRID_STRENGTH = 0.3  # onsets of a free performance over a clock of its own: mostly below
SUBDIVISIONS = (1, 2, 3, 4, 6)  # of a quarter note
Floats = npt.NDArray[np.float64]
Signature = tuple[int, int, int]  # tick, numerator, denominator
Beat = tuple[float, bool]  # length in seconds, whether the tracker heard a bar begin


@dataclass(frozen=True)
class Grid:
    """Beats in order, and which of them begin a bar."""

    times_s: Floats  # (beats + 1,) the last one ends the last beat
    downbeats: tuple[int, ...]  # indices of beats

    def cut(self, start: int, stop: int) -> Grid:
        """Beats ``start`` to ``stop``, which begin a bar whatever stood there."""
        inside = [beat - start for beat in self.downbeats if start < beat < stop]
        return Grid(self.times_s[start : stop + 1], (0, *inside))


def seconds_of(
    ticks: npt.ArrayLike, tempi: Sequence[tuple[int, float]], ticks_per_quarter: int
) -> Floats:
    """When ticks sound, through a tempo map of (tick, quarters a minute); 120 before the first."""
    bpm_at = {0: 120.0} | {int(tick): float(bpm) for tick, bpm in tempi}
    starts = np.array(sorted(bpm_at), dtype=np.float64)
    bpm = np.clip([bpm_at[int(start)] for start in starts], MIN_BPM, MAX_BPM)
    rate_s = 60.0 / (bpm * ticks_per_quarter)
    start_s = np.concatenate([[0.0], np.cumsum(np.diff(starts) * rate_s[:-1])])
    at = np.asarray(ticks, dtype=np.float64)
    segment = np.searchsorted(starts, at, side="right") - 1
    return np.asarray(start_s[segment] + (at - starts[segment]) * rate_s[segment])


def lay_out(
    signatures: Sequence[Signature], ticks_per_quarter: int, end_tick: int
) -> tuple[Floats, tuple[int, ...]]:
    """Ticks of the beats up to the first at or after ``end_tick``, and which begin a bar.

    MusicError for a signature that is none, or more than 100,000 beats.
    """
    metres = [(0, 4, 4), *(s for s in signatures if s[0] < end_tick)]
    if len(metres) > 1 and metres[1][0] <= 0:
        del metres[0]
    ends = [*(tick for tick, _, _ in metres[1:]), end_tick]
    ticks: list[float] = []
    downbeats: list[int] = []
    step = float(ticks_per_quarter)
    for (start, numerator, denominator), end in zip(metres, ends, strict=True):
        count, quarters = beats_of_a_bar(numerator, denominator)
        step = quarters * ticks_per_quarter
        if len(ticks) + (end - start) / step > MAX_BEATS:
            raise MusicError(f"it is longer than {MAX_BEATS} beats; cut it")
        found = np.arange(start, end, step).tolist()
        downbeats += [len(ticks) + beat for beat in _bar_lines(len(found), count)]
        ticks += found
    return np.array([*ticks, ticks[-1] + step]), tuple(downbeats)


def beats_of_a_bar(numerator: int, denominator: int) -> tuple[int, float]:
    """How many beats a bar has, and a beat's length in quarters: (4, 1) for 4/4, (3, ½) for 3/8."""
    if numerator < 1 or denominator < 1:
        raise MusicError(f"its time signature is {numerator}/{denominator}; mend it")
    quarters = 4 * numerator / denominator
    if quarters == int(quarters):
        return int(quarters), 1.0
    return numerator, 4 / denominator


def _bar_lines(beats: int, count: int) -> list[int]:
    """Bars of ``count`` beats; what the vocabulary has no bar for becomes several shorter ones."""
    parts = -(-count // v.MAX_BEATS_PER_BAR)
    lines = {part * count // parts for part in range(parts)}
    return [beat for beat in range(beats) if beat % count in lines]


def keeps_time(onsets_quarters: npt.ArrayLike, tempi: int) -> bool:
    """Whether a file with so many different tempi knows its beats: onsets lie on some grid.

    The strength of a grid is the length of the mean phase vector of the onsets on it. A free
    performance over a fixed tempo has a median of .12, one on beats .86, quantised music .94
    (EMOPIA as published, EMOPIA with beats, POP909-CL).
    """
    onsets = np.unique(np.asarray(onsets_quarters, dtype=np.float64))
    if tempi > 1:
        return True
    phases = [np.exp(2j * np.pi * k * onsets).mean() for k in SUBDIVISIONS]
    return bool(max(np.abs(phases)) >= GRID_STRENGTH)


def mend(grid: Grid) -> tuple[Grid, int]:
    """The grid with a beat tracker's slips set right where that can be done, and how many jumps
    of the tempo went.

    A stretch at double or half the tempo of the longest one loses every other beat or gains one
    between any two; up to four beats that fit no neighbour (a tracker before it has locked on) are
    spread evenly over their time. Bars are counted on in the phase that most untouched bar lines
    agree with: so this is for music whose bars are all alike, as the tracked data sets' are.
    """
    bar = int(np.median(np.diff(grid.downbeats))) if len(grid.downbeats) > 1 else 4
    lines = np.zeros(len(grid.times_s) - 1, dtype=np.bool_)
    lines[list(grid.downbeats)] = True
    beats = list(zip(np.diff(grid.times_s).tolist(), lines.tolist(), strict=True))
    slips = len(_runs(beats)) - 1
    if slips:
        beats = _mend_uneven(_mend_octaves(beats))
    gone = slips - (len(_runs(beats)) - 1)
    if gone <= 0:
        return grid, 0
    votes = np.bincount([at % bar for at, (_, line) in enumerate(beats) if line], minlength=bar)
    times_s = grid.times_s[0] + np.cumsum([0.0, *(length_s for length_s, _ in beats)])
    downbeats = tuple(range(int(votes.argmax()), len(beats), bar))
    return Grid(times_s, downbeats), gone


def _mend_octaves(beats: list[Beat]) -> list[Beat]:
    """Runs of beats at twice or half the tempo of the longest run, made like it."""
    runs = _runs(beats)
    longest = max(runs, key=lambda run: sum(length_s for length_s, _ in run))
    out: list[Beat] = []
    for run in runs:
        off = _tempo(run) - _tempo(longest)
        if abs(off - 1) < MEND_OCTAVES and len(run) > 1:
            pairs = zip(run[::2], run[1::2], strict=False)
            out += [(a + b, False) for (a, _), (b, _) in pairs] + run[len(run) // 2 * 2 :]
        elif abs(off + 1) < MEND_OCTAVES:
            out += [(length_s / 2, False) for length_s, _ in run for _ in range(2)]
        else:
            out += run
    return out


def _mend_uneven(beats: list[Beat]) -> list[Beat]:
    """Short runs between slips, spread evenly at about the tempo of the longer run beside them."""
    runs, at = _runs(beats), 0
    while at < len(runs) and len(runs) > 1:
        after = at == 0 or at + 1 < len(runs) and len(runs[at + 1]) >= len(runs[at - 1])
        beside = runs[at + 1] if after else runs[at - 1]
        joined = _join(runs[at], beside, after) if len(runs[at]) <= UNEVEN_BEATS else []
        if joined and len(beside) > len(runs[at]):
            at = at if after else at - 1
            runs[at : at + 2] = [joined]
            at = max(at - 1, 0)
        else:
            at += 1
    return [beat for run in runs for beat in run]


def _join(short: list[Beat], beside: list[Beat], after: bool) -> list[Beat]:
    """``short`` spread evenly and joined with ``beside``, which gives way by up to two beats where
    its own do not fit; nothing if that does not help either.
    """
    octaves = _tempo(beside[:UNEVEN_BEATS] if after else beside[-UNEVEN_BEATS:])
    for taken in range(min(3, len(beside) - 1)):
        kept = beside[taken:] if after else beside[: len(beside) - taken]
        given = beside[:taken] if after else beside[len(beside) - taken :]
        spread = _spread([*short, *given], octaves)
        if spread:
            return spread + kept if after else kept + spread
    return []


def _spread(beats: list[Beat], octaves: float) -> list[Beat]:
    """The time of ``beats`` in equal beats at about a tempo, or none if they would not be near."""
    total_s = sum(length_s for length_s, _ in beats)
    count = max(round(total_s * 2.0**octaves / 60.0), 1)
    if abs(_tempo([(total_s / count, False)]) - octaves) > EVEN_OCTAVES:
        return []
    return [(total_s / count, False)] * count


def _runs(beats: list[Beat]) -> list[list[Beat]]:
    """The beats between slips."""
    octaves = np.log2(60.0 / np.maximum([length_s for length_s, _ in beats], 1e-3)).tolist()
    runs = [[beats[0]]]
    for beat, here, before in zip(beats[1:], octaves[1:], octaves, strict=False):
        if abs(here - before) > SLIP_OCTAVES:
            runs.append([])
        runs[-1].append(beat)
    return runs


def _tempo(beats: list[Beat]) -> float:
    """The median tempo in octaves above one beat a minute."""
    return float(np.log2(60.0 / max(float(np.median([length_s for length_s, _ in beats])), 1e-3)))


def steady(grid: Grid, tracked: bool) -> tuple[list[tuple[int, int]], int]:
    """Stretches (first beat, last) of at least four bars inside the vocabulary's tempi, and how
    many slips of a beat tracker they were cut at; a tempo map that a person wrote has none.
    """
    octaves = np.log2(60.0 / np.maximum(np.diff(grid.times_s), 1e-3))
    jumps = np.abs(np.diff(octaves)) > SLIP_OCTAVES
    slips = np.flatnonzero(jumps & tracked) + 1
    low, high = np.log2(v.TEMPO_RANGE_BPM)
    strange = np.flatnonzero((octaves < low) | (octaves > high))
    cuts = np.unique([0, *slips, *strange, *(strange + 1), len(octaves)]).tolist()
    out = []
    for start, stop in zip(cuts, cuts[1:], strict=False):
        lines = [beat for beat in grid.downbeats if start <= beat < stop]
        if len(lines) >= MIN_BARS and start not in strange:
            out.append((start, stop))
    return out, len(slips)
