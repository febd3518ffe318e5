"""Where the DAW is that we follow, in memory that all processes share: *hand* writes, *mind* reads.

It outlives *hand*, whose successor goes on counting from it. A reader never waits.
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
    serial: int
    beats: float
    time_s: float
    bpm: float

    _fields_ = [
        ("version", ctypes.c_uint32),  # odd while it is being written
        ("running", ctypes.c_uint32),
        ("sure", ctypes.c_uint32),
        ("serial", ctypes.c_uint32),
        ("beats", ctypes.c_double),
        ("time_s", ctypes.c_double),
        ("bpm", ctypes.c_double),
    ]


def write(cells: Conductor, beat: Beat) -> None:
    """Show this."""
    cells.version |= 1
    cells.running, cells.sure, cells.serial = beat.running, beat.sure, beat.serial
    cells.beats, cells.time_s, cells.bpm = beat.beats, beat.time_s, beat.bpm
    cells.version += 1


def read(cells: Conductor) -> Beat | None:
    """What is there; None if it was being written all the time."""
    for _ in range(ATTEMPTS):
        version = cells.version
        beat = Beat(
            bool(cells.running), cells.serial, cells.beats, cells.time_s, cells.bpm,
            bool(cells.sure),
        )  # fmt: skip
        if version == cells.version and version % 2 == 0:
            return beat
    return None
