"""The token table: ids, families and the bins behind them. Facts only; the order of tokens is
grammar's.

A piece is a row of bars::

    BAR LATENT  TEMPO [POS [CHORD] [PEDAL..] [PITCH VEL DUR]..]..  TEMPO [POS ..]..   BAR LATENT ..

One TEMPO opens each beat, so it is the beat marker and any metre works. POS counts 48ths inside the
beat. DUR stands in place of a note-off, so no note can hang. LATENT is a position, never sampled:
the network reads the bar's latent there. The tempo and beat idea is REMI's (Huang & Yang 2020),
with the performed timing kept by a tempo for each beat.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

POSITIONS_PER_BEAT = 48
TEMPO_RANGE_BPM = (30.0, 300.0)
PITCH_RANGE = (21, 108)
VELOCITY_STEP = 4
DURATION_RANGE_BEATS = (1 / POSITIONS_PER_BEAT, 16.0)
MAX_BEATS_PER_BAR = 12
ROOTS = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
QUALITIES = ("M", "m", "7", "M7", "m7", "o", "o7", "/o7", "+", "sus2", "sus4")
NO_CHORD = "N"
CHORDS = (NO_CHORD, *(f"{root}:{quality}" for root in ROOTS for quality in QUALITIES))


@dataclass(frozen=True)
class Family:
    """A run of ids that mean the same kind of thing."""

    name: str
    start: int
    size: int

    @property
    def stop(self) -> int:
        return self.start + self.size

    def __contains__(self, token: int) -> bool:
        return self.start <= token < self.stop

    def id(self, index: int) -> int:
        if not 0 <= index < self.size:
            raise ValueError(f"{self.name} has {self.size} bins, not one numbered {index}")
        return self.start + index


def _lay_out(sizes: dict[str, int]) -> dict[str, Family]:
    families, start = {}, 0
    for name, size in sizes.items():
        families[name] = Family(name, start, size)
        start += size
    return families


FAMILIES = _lay_out(
    {
        "PAD": 1,
        "BAR": 1,
        "LATENT": 1,
        "PEDAL": 2,  # up, down
        "POS": POSITIONS_PER_BEAT,
        "TEMPO": 96,  # bins of 2.5 %: a beat at 120 bpm is at most 6 ms off, and the next mends it
        "CHORD": len(CHORDS),
        "PITCH": PITCH_RANGE[1] - PITCH_RANGE[0] + 1,
        "VEL": 128 // VELOCITY_STEP,
        "DUR": 48,
    }
)
PAD, BAR, LATENT = (FAMILIES[name].start for name in ("PAD", "BAR", "LATENT"))
PEDAL_UP, PEDAL_DOWN = FAMILIES["PEDAL"].start, FAMILIES["PEDAL"].start + 1
POS, TEMPO, CHORD, PITCH, VEL, DUR = (
    FAMILIES[name] for name in ("POS", "TEMPO", "CHORD", "PITCH", "VEL", "DUR")
)
PEDAL = FAMILIES["PEDAL"]
SIZE = max(family.stop for family in FAMILIES.values())  # 450

TEMPO_BPM: npt.NDArray[np.float64] = np.geomspace(*TEMPO_RANGE_BPM, TEMPO.size)
DURATION_BEATS: npt.NDArray[np.float64] = np.geomspace(*DURATION_RANGE_BEATS, DUR.size)


def fingerprint() -> str:
    """A line that changes whenever an id changes meaning; weights are bound to it."""
    parts = [f"{family.name}{family.size}" for family in FAMILIES.values()]
    return " ".join(parts) + f" tempo{TEMPO_RANGE_BPM} dur{DURATION_RANGE_BEATS[1]:g} v1"


def tempo_token(bpm: float) -> int:
    """The nearest bin, in ratio."""
    low, high = TEMPO_RANGE_BPM
    place = math.log(min(max(bpm, low), high) / low) / math.log(high / low) * (TEMPO.size - 1)
    return TEMPO.id(round(place))


def tempo_bpm(token: int) -> float:
    """Beats a minute of a TEMPO token."""
    return float(TEMPO_BPM[token - TEMPO.start])


def duration_token(beats: float) -> int:
    """The nearest bin, in ratio."""
    low, high = DURATION_RANGE_BEATS
    place = math.log(min(max(beats, low), high) / low) / math.log(high / low) * (DUR.size - 1)
    return DUR.id(round(place))


def duration_beats(token: int) -> float:
    """Beats of a DUR token."""
    return float(DURATION_BEATS[token - DUR.start])


def velocity_token(velocity: int) -> int:
    """The bin that holds a MIDI velocity."""
    return VEL.id(min(max(velocity, 1), 127) // VELOCITY_STEP)


def velocity_value(token: int) -> int:
    """The MIDI velocity in the middle of a VEL token's bin."""
    return (token - VEL.start) * VELOCITY_STEP + VELOCITY_STEP // 2


def chord_token(name: str) -> int:
    """``"F#:m7"`` or ``"N"`` to its id; an unknown chord counts as none."""
    return CHORD.id(CHORDS.index(name)) if name in CHORDS else CHORD.id(0)


def describe(token: int) -> str:
    """One token in words, for logs and golden files: ``TEMPO 120.5``, ``PITCH 60``."""
    for family in FAMILIES.values():
        if token in family:
            break
    else:
        raise ValueError(f"token {token} is outside the vocabulary of {SIZE}")
    index = token - family.start
    values: dict[str, Callable[[], str]] = {
        "TEMPO": lambda: f"{TEMPO_BPM[index]:.1f}",
        "POS": lambda: str(index),
        "CHORD": lambda: CHORDS[index],
        "PITCH": lambda: str(PITCH_RANGE[0] + index),
        "VEL": lambda: str(velocity_value(token)),
        "DUR": lambda: f"{DURATION_BEATS[index]:.3f}",
        "PEDAL": lambda: ("up", "down")[index],
    }
    return f"{family.name} {values[family.name]()}" if family.name in values else family.name


def transpose(tokens: npt.NDArray[np.int64], semitones: int) -> npt.NDArray[np.int64]:
    """Shift every pitch and chord root; notes leaving the keyboard fold back by an octave."""
    out = tokens.copy()
    pitch = (tokens >= PITCH.start) & (tokens < PITCH.stop)
    moved = tokens[pitch] - PITCH.start + semitones
    moved = np.where(moved < 0, moved + 12, np.where(moved >= PITCH.size, moved - 12, moved))
    out[pitch] = moved + PITCH.start
    chord = (tokens > CHORD.start) & (tokens < CHORD.stop)
    root, quality = np.divmod(tokens[chord] - CHORD.start - 1, len(QUALITIES))
    out[chord] = CHORD.start + 1 + (root + semitones) % 12 * len(QUALITIES) + quality
    return out


def stretch(tokens: npt.NDArray[np.int64], bins: int) -> npt.NDArray[np.int64]:
    """Move every tempo by so many bins of 2.5 %, inside the table."""
    out = tokens.copy()
    tempo = (tokens >= TEMPO.start) & (tokens < TEMPO.stop)
    out[tempo] = np.clip(tokens[tempo] + bins, TEMPO.start, TEMPO.stop - 1)
    return out
