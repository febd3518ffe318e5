"""MIDI files to performances: notes and pedal in seconds, beats, bars and chords.

EMOPIA and Pop1K7 are one track with a tracked beat a tempo event and chords as markers. POP909-CL
is written music; its second track spells the chords and is no music. A user's file is all of its
tracks but drums, and refused where it does not know its beats.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from music.corpus.beats import MIN_BARS, Grid, keeps_time, lay_out, mend, seconds_of, steady
from music.corpus.chords import from_markers, from_notes
from music.corpus.dataset import Source
from music.corpus.encode import Performance, pedal_changes
from music.errors import MusicError
from music.events import Note
from music.midi import SUSTAIN, read_midi

TRACKED = ("emopia", "pop1k7")  # by a beat tracker, which slips; in 4/4
MIN_NOTES = 8
EARLY_S = 0.03  # how early a note may be that belongs to the first beat
WRITTEN = 0.95  # share of onsets on 48ths of a beat that makes a score
Floats = npt.NDArray[np.float64]
Chords = list[tuple[float, str]]  # beat or second, name


@dataclass(frozen=True)
class Reading:
    """What a file holds, and the stretches of it that can be learned from."""

    source: Source  # with what only the file tells: key, pedal
    stretches: tuple[Performance, ...]
    notes_outside: int  # of all stretches
    pedals_outside: int
    never_released: int  # notes without an end, which are left out
    slips_mended: int
    slips_cut: int


@dataclass(frozen=True)
class _Music:
    """Everything in a file that sounds, in seconds."""

    notes: list[tuple[float, float, int, int]]  # onset_s, offset_s, pitch, velocity; in order
    pedals: list[tuple[float, bool]]  # changes only
    chords: Chords  # by second


def read(source: Source) -> Reading:
    """The stretches of a file between what cannot be mended. MusicError says why it has none."""
    path = source.path
    struck = _struck(path) if source.dataset == "folder" else None
    score = _open(path)
    tracks, chord_track = _tracks(score, source)
    tpq, tempi = score.ticks_per_quarter, [(t.time, t.qpm) for t in score.tempos]
    tables = [track.notes.numpy() for track in tracks]
    notes = {key: np.concatenate([t[key] for t in tables]) for key in tables[0]}
    onsets = notes["time"]
    if source.dataset == "folder" and not keeps_time(onsets / tpq, len({bpm for _, bpm in tempi})):
        raise MusicError(
            f"{path} does not know its beats: one tempo throughout, and its notes lie on no grid "
            "of it. Record to a click, or give a file whose tempo map follows the music."
        )
    signatures = [(s.time, s.numerator, s.denominator) for s in score.time_signatures]
    try:
        ticks, downbeats = lay_out(signatures, tpq, _end_tick(tracks, tpq))
    except MusicError as problem:
        raise MusicError(f"{path}: {problem}.") from problem

    def clock(at: npt.ArrayLike) -> Floats:
        return seconds_of(at, tempi, tpq)

    grid, mended = Grid(clock(ticks), downbeats), 0
    written, tracked = False, source.dataset in TRACKED
    if tracked:
        grid, mended = mend(grid)
    else:
        places = np.interp(onsets, ticks, np.arange(len(ticks))) * 48
        written = bool(np.mean(np.abs(places - np.round(places)) < 0.02) >= WRITTEN)
    chords = from_markers(score.markers)
    if chord_track is not None:
        chords = from_notes(chord_track, tpq)
    chord_times_s = clock([tick for tick, _ in chords]).tolist()
    named = [(at, name) for at, (_, name) in zip(chord_times_s, chords, strict=True)]
    music = _Music(_sounding(notes, clock), _pedals(tracks, clock), named)
    spans, cut = steady(grid, tracked)
    stretches = tuple(_stretches(grid, spans, music, written, tracked))
    return Reading(
        source=_known(source, score, bool(music.pedals)),
        stretches=stretches,
        notes_outside=len(music.notes) - sum(len(part.notes) for part in stretches),
        pedals_outside=_outside(music.pedals, stretches),
        never_released=max(struck - len(music.notes), 0) if struck is not None else 0,
        slips_mended=mended,
        slips_cut=cut,
    )


def _struck(path: str) -> int:
    """How many notes a user's file begins; MusicError, in words for users, if it is none."""
    return sum(isinstance(event, Note) for event in read_midi(path))


def _open(path: str) -> Any:
    import symusic

    try:
        return symusic.Score(Path(path))
    except Exception as error:  # symusic raises bare RuntimeErrors and ValueErrors of its own
        raise MusicError(f"{path} is not a MIDI file that can be read: {error}") from error


def _tracks(score: Any, source: Source) -> tuple[list[Any], Any | None]:
    """The tracks that are music, and the one that spells chords."""
    tracks = [track for track in score.tracks if not track.is_drum and len(track.notes)]
    chord_track = None
    if source.dataset == "pop909":
        if len(tracks) > 1 or (tracks and tracks[0].name == "chords"):
            chord_track = tracks.pop()
        tracks = tracks[:1]
    if not tracks:
        raise MusicError(f"{source.path} holds no notes.")
    return tracks, chord_track


def _end_tick(tracks: list[Any], ticks_per_quarter: int) -> int:
    """Where the last note ends, or the pedal that still holds it."""
    tables = [track.notes.numpy() for track in tracks]
    end = max(int((table["time"] + table["duration"]).max()) for table in tables)
    pedal = [int(c.time) for t in tracks for c in t.controls if c.number == SUSTAIN]
    return max(1, end, *(tick + 1 for tick in pedal if tick < end + 4 * ticks_per_quarter))


def _sounding(notes: dict[str, Any], clock: Any) -> list[tuple[float, float, int, int]]:
    heard = notes["velocity"] > 0
    columns = (
        clock(notes["time"][heard]),
        clock((notes["time"] + notes["duration"])[heard]),
        notes["pitch"][heard],
        notes["velocity"][heard],
    )
    return sorted(zip(*(column.tolist() for column in columns), strict=True))


def _pedals(tracks: list[Any], clock: Any) -> list[tuple[float, bool]]:
    """Changes of the pedal; of several tracks' pedals, one that is down holds."""
    events = sorted(
        (
            (c.time, number, c.value >= 64)
            for number, t in enumerate(tracks)
            for c in t.controls
            if c.number == SUSTAIN
        ),
        key=lambda event: event[0],
    )
    down: set[int] = set()
    states = []
    for tick, number, is_down in events:
        (down.add if is_down else down.discard)(number)
        states.append((tick, bool(down)))
    seconds = clock([tick for tick, _ in states]).tolist() if states else []
    return list(pedal_changes([(at, d) for at, (_, d) in zip(seconds, states, strict=True)]))


def _known(source: Source, score: Any, has_pedal: bool) -> Source:
    """The source with what the file itself tells of a key and a pedal."""
    if source.dataset in TRACKED:
        return source
    tonic = None
    if len(score.key_signatures):
        sign = score.key_signatures[0]
        tonic = (sign.key * 7 + (9 if sign.tonality else 0)) % 12
    return replace(source, tonic=tonic, has_pedal=has_pedal)


def _stretches(
    grid: Grid, spans: list[tuple[int, int]], music: _Music, written: bool, tracked: bool
) -> Iterator[Performance]:
    """Performances of the spans of a grid, from the bar in which something sounds."""
    onsets = np.array([note[0] for note in music.notes])
    taken = 0  # notes that belong to no later stretch
    for start, stop in spans:
        first = max(int(np.searchsorted(onsets, grid.times_s[start] - EARLY_S)), taken)
        taken = int(np.searchsorted(onsets, grid.times_s[stop]))
        inside = music.notes[first:taken]
        if len(inside) < MIN_NOTES:
            continue
        bars = [beat for beat in grid.downbeats if start < beat < stop]
        while bars and inside[0][0] >= grid.times_s[bars[0]] - EARLY_S:
            start = bars.pop(0)
        if len(bars) + 1 < MIN_BARS:
            continue
        part = grid.cut(start, stop)
        low, high = float(part.times_s[0]), float(part.times_s[-1])
        yield Performance(
            part.times_s,
            tuple(inside),
            tuple(_chords_within(part, music.chords, tracked)),
            tuple(_held(music.pedals, low, high)),
            part.downbeats,
            written,
        )


def _held(
    pedals: list[tuple[float, bool]], low: float, high: float
) -> Iterator[tuple[float, bool]]:
    """Pedal changes from ``low`` to ``high``; one that is down already goes down at ``low``."""
    before = [down for at, down in pedals if at < low]
    if before and before[-1]:
        yield low, True
    yield from ((at, down) for at, down in pedals if low <= at < high)


def _outside(pedals: list[tuple[float, bool]], stretches: tuple[Performance, ...]) -> int:
    times = np.array([at for at, _ in pedals])
    inside = sum(
        int(np.count_nonzero((times >= s.beat_times_s[0]) & (times < s.beat_times_s[-1])))
        for s in stretches
    )
    return len(pedals) - inside


def _chords_within(grid: Grid, chords: Chords, whole_beats: bool) -> Iterator[tuple[float, str]]:
    """Chords by beat of the grid; the one that holds when it begins comes first."""
    beats = np.arange(len(grid.times_s))
    low, high = grid.times_s[0] - EARLY_S, grid.times_s[-1]
    before = [name for at, name in chords if at < low]
    inside = [(at, name) for at, name in chords if low <= at < high]
    places = [float(np.interp(at, grid.times_s, beats)) for at, _ in inside]
    if whole_beats:
        places = [float(round(place)) for place in places]
    if before and (not places or places[0] > 0):
        yield 0.0, before[-1]
    yield from ((place, name) for place, (_, name) in zip(places, inside, strict=True))
