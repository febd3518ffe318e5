"""What will be heard next, in memory that all processes share: *mind* writes it, displays read it.

Notes that are committed, so on their way to *hand*, and notes that are composed but may yet be
taken back. A reader never waits; what it reads while the writer writes is thrown away.
"""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Sequence
from typing import Any

from bridge.wire import TimedNote

MOST = 96  # notes; what is beyond is not shown
ATTEMPTS = 3
_NOTE = struct.Struct("<ddBBBx")  # on_s, off_s, pitch, velocity, committed


class Ahead(ctypes.Structure):
    """The cells."""

    version: int
    count: int
    notes: Any

    _fields_ = [
        ("version", ctypes.c_uint32),  # odd while it is being written
        ("count", ctypes.c_uint32),
        ("notes", ctypes.c_ubyte * (MOST * _NOTE.size)),
    ]


def write(ahead: Ahead, committed: Sequence[TimedNote], planned: Sequence[TimedNote]) -> None:
    """Show these, in order of time."""
    marked = [(note, 1) for note in committed] + [(note, 0) for note in planned]
    records = [
        _NOTE.pack(note.on_s, note.off_s, note.pitch, note.velocity, sure)
        for note, sure in marked[:MOST]
    ]
    data = b"".join(records)
    ahead.version |= 1
    ctypes.memmove(ahead.notes, data, len(data))
    ahead.count = len(records)
    ahead.version += 1


def read(ahead: Ahead) -> list[tuple[TimedNote, bool]] | None:
    """Notes, and whether each is committed; None if it was being written all the time."""
    for _ in range(ATTEMPTS):
        version = ahead.version
        data = bytes(ahead.notes)[: min(ahead.count, MOST) * _NOTE.size]
        if version == ahead.version and version % 2 == 0:
            return [
                (TimedNote(on_s, off_s, pitch, velocity), bool(sure))
                for on_s, off_s, pitch, velocity, sure in _NOTE.iter_unpack(data)
            ]
    return None
