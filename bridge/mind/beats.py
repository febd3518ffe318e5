"""The beats of the music in memory that all processes share: *mind* writes, a recording reads.

A ring with one writer: a beat is written first and counted after, so a reader that keeps up gets
every beat once and in order, and one that does not loses the oldest. Nobody waits.
"""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

MOST = 64  # beats; at 300 a minute these are 12 seconds
_BEAT = struct.Struct("<dd?7x")


@dataclass(frozen=True, slots=True)
class TimedBeat:
    """A beat of the music sounds at `time_s`; until the next one `bpm` holds."""

    time_s: float
    bpm: float
    bar: bool  # begins here


class Beats(ctypes.Structure):
    """The cells."""

    count: int
    ring: Any

    _fields_ = [
        ("count", ctypes.c_uint64),
        ("ring", ctypes.c_ubyte * (MOST * _BEAT.size)),
    ]


def write(beats: Beats, told: Iterable[TimedBeat]) -> None:
    """Tell these, in order of time."""
    for beat in told:
        at = beats.count % MOST * _BEAT.size
        record = _BEAT.pack(beat.time_s, beat.bpm, beat.bar)
        ctypes.memmove(ctypes.addressof(beats.ring) + at, record, len(record))
        beats.count += 1


class Reader:
    """Gives each beat once, from now on."""

    def __init__(self, beats: Beats) -> None:
        self._beats = beats
        self._seen = beats.count

    def take(self) -> list[TimedBeat]:
        """What has been told since the last call."""
        count = self._beats.count
        data = bytes(self._beats.ring)
        sure = self._beats.count - MOST + 1  # older ones may have been written over meanwhile
        taken = []
        for number in range(max(self._seen, sure, 0), count):
            taken.append(TimedBeat(*_BEAT.unpack_from(data, number % MOST * _BEAT.size)))
        self._seen = count
        return taken
