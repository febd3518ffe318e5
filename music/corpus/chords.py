"""Chord names from what data sets write of them: markers, or a track that spells them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from music import vocabulary as v

_SHAPES = {  # semitones above the root
    "M": {0, 4, 7},
    "m": {0, 3, 7},
    "7": {0, 4, 7, 10},
    "M7": {0, 4, 7, 11},
    "m7": {0, 3, 7, 10},
    "o": {0, 3, 6},
    "o7": {0, 3, 6, 9},
    "/o7": {0, 3, 6, 10},
    "+": {0, 4, 8},
    "sus2": {0, 2, 7},
    "sus4": {0, 5, 7},
}


def from_markers(markers: Iterable[Any]) -> list[tuple[int, str]]:
    """(tick, name) of markers written ``ROOT_QUALITY_BASS``, as EMOPIA and Pop1K7 do."""
    out = []
    for marker in markers:
        parts = marker.text.split("_")
        if len(parts) == 3 and parts[0] != "global":
            name = v.NO_CHORD if parts[0] == "N" else f"{parts[0]}:{parts[1]}"
            out.append((int(marker.time), name))
    return sorted(out, key=lambda chord: chord[0])


def from_notes(track: Any, ticks_per_quarter: int) -> list[tuple[int, str]]:
    """(tick, name) of a track in which notes struck together spell a chord, as POP909-CL's does;
    no chord where it is silent for a quarter or more.
    """
    spelt: dict[int, list[int]] = defaultdict(list)
    ends: dict[int, int] = defaultdict(int)
    for note in track.notes:
        spelt[note.time].append(note.pitch)
        ends[note.time] = max(ends[note.time], note.time + note.duration)
    out: list[tuple[int, str]] = []
    silent_from = 0
    for tick in sorted(spelt):
        if out and tick - silent_from >= ticks_per_quarter:
            out.append((silent_from, v.NO_CHORD))
        out.append((tick, name_of(spelt[tick])))
        silent_from = ends[tick]
    return out


def name_of(pitches: list[int]) -> str:
    """The vocabulary's name of a chord in any inversion, the bass as its root where both do."""
    classes = sorted({pitch % 12 for pitch in pitches})
    bass = min(pitches) % 12
    for root in sorted(classes, key=lambda c: (c - bass) % 12):
        shape = {(c - root) % 12 for c in classes}
        for quality, wanted in _SHAPES.items():
            if shape == wanted:
                return f"{v.ROOTS[root]}:{quality}"
    above = {(c - bass) % 12 for c in classes}  # incomplete or richer: the bass, and its third
    if 4 in above or 3 in above:
        return f"{v.ROOTS[bass]}:{'M' if 4 in above else 'm'}"
    return v.NO_CHORD
