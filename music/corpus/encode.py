"""Performed notes to tokens. Offline only: the inverse of ``grammar.decode``.

Rounding never drifts: each TEMPO is chosen against the time that the tokens so far decode to, and
each note is placed by its time in seconds on that decoded beat grid, not on the tracked one. So an
onset is never more than half a 48th of a beat away from where it was played, unless it gives way to
another stroke of its own key.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from music import vocabulary as v

BEATS_PER_BAR = 4
UNISON_S = 1e-3  # strokes of one key closer than this are one stroke, written in two voices
HOLD_S = 8e-3  # written music keeps its place in the beat where that is no further off than this


@dataclass(frozen=True)
class Performance:
    """A stretch of piano music as it was played, with its beats. Times in seconds."""

    beat_times_s: npt.NDArray[np.float64]  # (beats + 1,) the last one ends the last beat
    notes: tuple[tuple[float, float, int, int], ...]  # onset_s, offset_s, pitch, velocity
    chords: tuple[tuple[float, str], ...] = ()  # beat, name
    pedals: tuple[tuple[float, bool], ...] = ()  # time_s, down
    downbeats: tuple[int, ...] | None = None  # beats that begin a bar; None: every fourth
    written: bool = False  # onsets lie on 48ths of the beat: a score, not a performance


@dataclass
class _Slot:
    """What happens at one position."""

    chord: str | None = None
    pedals: list[bool] = field(default_factory=list)
    notes: dict[int, tuple[int, float]] = field(default_factory=dict)  # pitch: velocity, beats


def encode(piece: Performance) -> npt.NDArray[np.int64]:
    """Tokens of a performance, (T,), from beat 0; what comes before beat 0 sounds at beat 0."""
    tempos, grid_s = _quantise_tempo(piece.beat_times_s)
    slots = _place(piece, _Places(piece, grid_s))
    every_fourth = range(0, len(tempos), BEATS_PER_BAR)
    lines = {0, *(every_fourth if piece.downbeats is None else piece.downbeats)}
    tokens: list[int] = []
    for beat, tempo in enumerate(tempos):
        if beat in lines:
            tokens += [v.BAR, v.LATENT]
        tokens.append(tempo)
        for position in sorted(slots[beat]):
            tokens += _spell(position, slots[beat][position])
    return np.array(tokens, dtype=np.int64)


def _quantise_tempo(
    beat_times_s: npt.NDArray[np.float64],
) -> tuple[list[int], npt.NDArray[np.float64]]:
    """A tempo token for each beat, and the beat times that these decode to."""
    grid = [float(beat_times_s[0])]
    tempos = []
    for next_beat_s in beat_times_s[1:]:
        remaining_s = max(float(next_beat_s) - grid[-1], 1e-3)
        tempos.append(v.tempo_token(60.0 / remaining_s))
        grid.append(grid[-1] + 60.0 / v.tempo_bpm(tempos[-1]))
    return tempos, np.array(grid)


class _Places:
    """Times to places on the grid that the tokens decode to."""

    def __init__(self, piece: Performance, grid_s: npt.NDArray[np.float64]) -> None:
        self.piece, self.grid_s = piece, grid_s
        self.index = np.arange(len(grid_s), dtype=np.float64)
        self.last = (len(grid_s) - 1) * v.POSITIONS_PER_BEAT - 1  # the last 48th

    def tick(self, time_s: float) -> int:
        """The 48th in which a stroke or a pedal change falls."""
        if self.piece.written:
            beat = float(np.interp(time_s, self.piece.beat_times_s, self.index))
            place = round(beat * v.POSITIONS_PER_BEAT)
            decoded_s = np.interp(place / v.POSITIONS_PER_BEAT, self.index, self.grid_s)
            if place <= self.last and abs(float(decoded_s) - time_s) <= HOLD_S:
                return place
        beat = float(np.interp(time_s, self.grid_s, self.index))
        return min(max(round(beat * v.POSITIONS_PER_BEAT), 0), self.last)

    def beats(self, time_s: float) -> float:
        """The beat at which a note ends, which may be after the last one."""
        beyond_s = max(time_s - float(self.grid_s[-1]), 0.0)
        beat = float(np.interp(time_s, self.grid_s, self.index))
        return beat + beyond_s / float(self.grid_s[-1] - self.grid_s[-2])


def _place(piece: Performance, places: _Places) -> dict[int, dict[int, _Slot]]:
    """Everything that sounds, by beat and position."""
    slots: dict[int, dict[int, _Slot]] = defaultdict(lambda: defaultdict(_Slot))

    def slot(at: int) -> _Slot:
        beat, position = divmod(at, v.POSITIONS_PER_BEAT)
        return slots[beat][position]

    previous = None
    for beat, chord in piece.chords:
        at = round(beat * v.POSITIONS_PER_BEAT)
        if chord != previous and 0 <= at <= places.last:
            slot(at).chord = previous = chord
    changes = list(pedal_changes(piece.pedals))
    wanted = [places.tick(time_s) for time_s, _ in changes]
    gaps = [1 if down else 0 for _, down in changes]  # a release and a press may share a place
    for at, (_, down) in zip(_settle(wanted, gaps, places.last), changes, strict=False):
        slot(at).pedals.append(down)
    for pitch, strokes in strokes_by_pitch(piece).items():
        wanted = [places.tick(onset_s) for onset_s, _, _ in strokes]
        settled = _settle(wanted, [1] * len(wanted), places.last)
        for at, (_, offset_s, velocity) in zip(settled, strokes, strict=False):
            length = places.beats(offset_s) - at / v.POSITIONS_PER_BEAT
            slot(at).notes[pitch] = (velocity, length)
    return slots


def pedal_changes(pedals: Sequence[tuple[float, bool]]) -> Iterator[tuple[float, bool]]:
    """The pedal's changes only: down, up, down, .. in order of time."""
    is_down = False
    for time_s, down in pedals:
        if down != is_down:
            yield time_s, down
            is_down = down


def strokes_by_pitch(piece: Performance) -> dict[int, list[tuple[float, float, int]]]:
    """(onset_s, offset_s, velocity) by key of the keyboard, in order; a key that two voices strike
    at once is struck once, as loud as the louder and as long as the longer.
    """
    out: dict[int, list[tuple[float, float, int]]] = defaultdict(list)
    for onset_s, offset_s, pitch, velocity in sorted(piece.notes):
        if not v.PITCH_RANGE[0] <= pitch <= v.PITCH_RANGE[1]:
            continue
        strokes = out[pitch]
        if strokes and onset_s - strokes[-1][0] < UNISON_S:
            first_s, end_s, loud = strokes.pop()
            strokes.append((first_s, max(end_s, offset_s), max(loud, velocity)))
        else:
            strokes.append((onset_s, offset_s, velocity))
    return out


def _settle(wanted: Sequence[int], gaps: Sequence[int], last: int) -> list[int]:
    """Places near those wanted, each at least its gap before the next and none after the last; what
    finds no room at all is left off at the end.
    """
    fitting = 1 + int(np.searchsorted(np.cumsum(gaps[:-1]), last, side="right"))
    places: list[int] = []
    for at, gap in zip(wanted[:fitting], [0, *gaps], strict=False):
        places.append(max(at, places[-1] + gap) if places else at)
    room = last
    for i in range(len(places) - 1, -1, -1):
        places[i] = min(places[i], room)
        room = places[i] - (gaps[i - 1] if i else 0)
    return places


def _spell(position: int, slot: _Slot) -> list[int]:
    tokens = [v.POS.id(position)]
    if slot.chord is not None:
        tokens.append(v.chord_token(slot.chord))
    tokens += [v.PEDAL_DOWN if down else v.PEDAL_UP for down in slot.pedals]
    for pitch, (velocity, length) in sorted(slot.notes.items()):
        tokens.append(v.PITCH.id(pitch - v.PITCH_RANGE[0]))
        tokens += [v.velocity_token(velocity), v.duration_token(length)]
    return tokens
