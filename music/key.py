"""Keys: what a player calls them, the notes and chords inside them, and which one is heard."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from music import vocabulary as v
from music.errors import MusicError

SCALES = {  # semitones above the tonic
    "major": (0, 2, 4, 5, 7, 9, 11),
    "minor": (0, 2, 3, 5, 7, 8, 10),
    "harmonic minor": (0, 2, 3, 5, 7, 8, 11),
    "melodic minor": (0, 2, 3, 5, 7, 9, 11),
    "dorian": (0, 2, 3, 5, 7, 9, 10),
    "phrygian": (0, 1, 3, 5, 7, 8, 10),
    "lydian": (0, 2, 4, 6, 7, 9, 11),
    "mixolydian": (0, 2, 4, 5, 7, 9, 10),
    "locrian": (0, 1, 3, 5, 6, 8, 10),
    "pentatonic": (0, 2, 4, 7, 9),
    "minor pentatonic": (0, 3, 5, 7, 10),
    "blues": (0, 3, 5, 6, 7, 10),
}
SAME = {
    "": "major", "ionian": "major", "m": "minor", "natural minor": "minor", "aeolian": "minor",
    "major pentatonic": "pentatonic",
}  # fmt: skip
LEAST_HEARD_BEATS = 8.0  # of notes, before a key is taken for heard
LETTERS = {"c": 0, "d": 2, "e": 4, "f": 5, "g": 7, "a": 9, "b": 11}
QUALITY_TONES = {
    "M": (0, 4, 7), "m": (0, 3, 7), "7": (0, 4, 7, 10), "M7": (0, 4, 7, 11), "m7": (0, 3, 7, 10),
    "o": (0, 3, 6), "o7": (0, 3, 6, 9), "/o7": (0, 3, 6, 10), "+": (0, 4, 8), "sus2": (0, 2, 7),
    "sus4": (0, 5, 7),
}  # fmt: skip
# How well each degree fits, heard by listeners: Krumhansl & Kessler 1982.
MAJOR_FIT = (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88)
MINOR_FIT = (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17)
_FITS = np.array([np.roll(fit, tonic) for fit in (MAJOR_FIT, MINOR_FIT) for tonic in range(12)])
_FITS = (_FITS - _FITS.mean(axis=1, keepdims=True)) / _FITS.std(axis=1, keepdims=True)


@dataclass(frozen=True)
class Key:
    """A tonic, as a pitch class from C = 0, and the semitones above it that belong."""

    tonic: int
    scale: tuple[int, ...]

    @cached_property
    def classes(self) -> frozenset[int]:
        """The pitch classes that belong."""
        return frozenset((self.tonic + step) % 12 for step in self.scale)

    @cached_property
    def home(self) -> str:
        """The triad on the tonic, as the token table calls it."""
        return self._chord(0, ("M", "m", "o"))

    @cached_property
    def away(self) -> str:
        """The chord before the last: the dominant as far as the scale has one."""
        return self._chord(7, ("7", "M", "m7", "m", "sus4", "sus2"))

    @cached_property
    def away_classes(self) -> tuple[int, ...]:
        """Pitch classes of that chord, the indispensable ones first."""
        if self.away != v.NO_CHORD:
            return chord_classes(self.away)
        steps = [step for step in (7, 10, 5, 2) if step in self.scale]
        return tuple((self.tonic + step) % 12 for step in steps)

    def _chord(self, step: int, qualities: Sequence[str]) -> str:
        root = (self.tonic + step) % 12
        for quality in qualities:
            name = f"{v.ROOTS[root]}:{quality}"
            if self.classes.issuperset(chord_classes(name)):
                return name
        return v.NO_CHORD


def chord_classes(name: str) -> tuple[int, ...]:
    """Pitch classes of a chord of the token table, root first; none for "N"."""
    if name == v.NO_CHORD:
        return ()
    root, quality = name.split(":")
    return tuple((v.ROOTS.index(root) + step) % 12 for step in QUALITY_TONES[quality])


def parse_key(name: str) -> Key:
    """ "C minor", "F# dorian", "Bb", "Am" to a key. MusicError for what is none."""
    words = " ".join(re.sub("[-_]", " ", name).split())
    match = re.fullmatch(r"([A-Ga-g])([#b♯♭]?) ?(.*)", words)
    mode = match[3].lower() if match else ""
    mode = SAME.get(mode, mode)
    if match is None or mode not in SCALES:
        raise MusicError(
            f'"{name}" is no key; give a note and a scale, such as "C minor" or "F# dorian" '
            f"({', '.join(SCALES)})."
        )
    shift = {"": 0, "#": 1, "♯": 1, "b": -1, "♭": -1}[match[2]]
    return Key((LETTERS[match[1].lower()] + shift) % 12, SCALES[mode])


def home(weights: Sequence[float]) -> npt.NDArray[np.bool_] | None:
    """(V,) True for the chords and pitches within the seven tones that hold most of these 12
    pitch-class weights (beats); None while too little was heard to tell.
    """
    heard = np.asarray(weights, dtype=np.float64)
    if heard.sum() < LEAST_HEARD_BEATS:
        return None
    return _HOMES[int(np.argmax(_SEVEN @ heard))]


def _at_home(classes: frozenset[int]) -> npt.NDArray[np.bool_]:
    inside = np.zeros(v.SIZE, dtype=np.bool_)
    for number, name in enumerate(v.CHORDS):
        inside[v.CHORD.id(number)] = classes.issuperset(chord_classes(name))
    for token in range(v.PITCH.start, v.PITCH.stop):
        inside[token] = (v.PITCH_RANGE[0] + token - v.PITCH.start) % 12 in classes
    return inside


_MAJORS = [Key(tonic, SCALES["major"]).classes for tonic in range(12)]
_SEVEN = np.array([[float(pitch in classes) for pitch in range(12)] for classes in _MAJORS])
_HOMES = [_at_home(classes) for classes in _MAJORS]


def find_key(weights: Sequence[float]) -> Key:
    """The major or minor key that fits these 12 pitch-class weights best; C major for silence.

    Krumhansl's correlation with the profiles of `MAJOR_FIT` and `MINOR_FIT`.
    """
    heard = np.asarray(weights, dtype=np.float64)
    best = int(np.argmax(_FITS @ (heard - heard.mean())))
    return Key(best % 12, SCALES["major" if best < 12 else "harmonic minor"])
