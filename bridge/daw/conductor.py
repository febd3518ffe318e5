"""Where the DAW is that we follow, in memory that all processes share; *mind* and *hand* read it.

Who writes is *hand* by MIDI clock, *link* by Ableton Link. It outlives the writer, whose successor
goes on from it. A reader never waits.
"""

from __future__ import annotations

import ctypes

from bridge.daw.clockin import Beat

ATTEMPTS = 3


class Conductor(ctypes.Structure):
    """The cells."""

    version: int
    running: int
    sure: int
    free: int
    serial: int
    beats: float
    time_s: float
    bpm: float

    _fields_ = [
        ("version", ctypes.c_uint32),  # odd while it is being written
        ("running", ctypes.c_uint32),
        ("sure", ctypes.c_uint32),
        ("free", ctypes.c_uint32),
        ("serial", ctypes.c_uint32),
        ("beats", ctypes.c_double),
        ("time_s", ctypes.c_double),
        ("bpm", ctypes.c_double),
    ]


def write(cells: Conductor, beat: Beat) -> None:
    """Show this."""
    cells.version |= 1
    cells.running, cells.serial = beat.running, beat.serial
    cells.sure, cells.free = beat.sure, beat.free
    cells.beats, cells.time_s, cells.bpm = beat.beats, beat.time_s, beat.bpm
    cells.version += 1


def read(cells: Conductor) -> Beat | None:
    """What is there; None if it was being written all the time."""
    for _ in range(ATTEMPTS):
        version = cells.version
        beat = Beat(
            bool(cells.running), cells.serial, cells.beats, cells.time_s, cells.bpm,
            bool(cells.sure), bool(cells.free),
        )  # fmt: skip
        if version == cells.version and version % 2 == 0:
            return beat
    return None
