"""Performed notes to tokens. Offline only: the inverse of ``grammar.decode``.

Rounding never drifts: each TEMPO is chosen against the time that the tokens so far decode to, and
each note is placed by its time in seconds on that decoded beat grid, not on the tracked one. So an
onset is never more than half a 48th of a beat away from where it was played.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from music import vocabulary as v

BEATS_PER_BAR = 4  # EMOPIA and Pop1K7 are tracked in 4/4


@dataclass(frozen=True)
class Performance:
    """A stretch of piano music as it was played, with its beats. Times in seconds."""

    beat_times_s: npt.NDArray[np.float64]  # (beats + 1,) the last one ends the last beat
    notes: tuple[tuple[float, float, int, int], ...]  # onset_s, offset_s, pitch, velocity
    chords: tuple[tuple[int, str], ...] = ()  # beat index, name
    pedals: tuple[tuple[float, bool], ...] = ()  # time_s, down


@dataclass
class _Slot:
    """What happens at one position."""

    chord: str | None = None
    pedals: list[bool] = field(default_factory=list)
    notes: dict[int, tuple[int, float]] = field(default_factory=dict)  # pitch: velocity, beats


def encode(piece: Performance) -> npt.NDArray[np.int64]:
    """Tokens of a performance, (T,), from beat 0; what comes before beat 0 sounds at beat 0."""
    tempos, grid_s = _quantise_tempo(piece.beat_times_s)
    slots = _place(piece, grid_s)
    tokens: list[int] = []
    for beat, tempo in enumerate(tempos):
        if beat % BEATS_PER_BAR == 0:
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


def _place(piece: Performance, grid_s: npt.NDArray[np.float64]) -> dict[int, dict[int, _Slot]]:
    """Everything that sounds, by beat and position."""
    last = (len(grid_s) - 1) * v.POSITIONS_PER_BEAT - 1
    beats_at = np.arange(len(grid_s), dtype=np.float64)

    def tick(time_s: float) -> int:
        beat = float(np.interp(time_s, grid_s, beats_at))
        return min(max(round(beat * v.POSITIONS_PER_BEAT), 0), last)

    slots: dict[int, dict[int, _Slot]] = defaultdict(lambda: defaultdict(_Slot))

    def slot(at: int) -> _Slot:
        beat, position = divmod(at, v.POSITIONS_PER_BEAT)
        return slots[beat][position]

    previous = None
    for beat, chord in piece.chords:
        if chord != previous and 0 <= beat < len(grid_s) - 1:
            slots[beat][0].chord = previous = chord
    for at, down in _pedal_ticks(piece, tick, last):
        slot(at).pedals.append(down)
    for onset_s, offset_s, pitch, velocity in piece.notes:
        if not v.PITCH_RANGE[0] <= pitch <= v.PITCH_RANGE[1]:
            continue
        at = tick(onset_s)
        end = float(np.interp(offset_s, grid_s, beats_at))
        end += max(offset_s - grid_s[-1], 0.0) / (grid_s[-1] - grid_s[-2])
        length = end - at / v.POSITIONS_PER_BEAT
        held = slot(at).notes.get(pitch)
        if held is None or held[1] < length:
            slot(at).notes[pitch] = (velocity, length)
    return slots


def _pedal_ticks(
    piece: Performance, tick: Callable[[float], int], last: int
) -> list[tuple[int, bool]]:
    """Pedal changes that alternate, a release and a press sharing a tick at most in that order."""
    out: list[tuple[int, bool]] = []
    is_down, busy = False, -1
    for time_s, down in piece.pedals:
        if down == is_down:
            continue
        at = max(tick(time_s), busy)
        if at > last:
            break
        out.append((at, down))
        is_down, busy = down, at + (1 if down else 0)
    return out


def _spell(position: int, slot: _Slot) -> list[int]:
    tokens = [v.POS.id(position)]
    if slot.chord is not None:
        tokens.append(v.chord_token(slot.chord))
    tokens += [v.PEDAL_DOWN if down else v.PEDAL_UP for down in slot.pedals]
    for pitch, (velocity, length) in sorted(slot.notes.items()):
        tokens.append(v.PITCH.id(pitch - v.PITCH_RANGE[0]))
        tokens += [v.velocity_token(velocity), v.duration_token(length)]
    return tokens
