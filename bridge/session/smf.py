"""A MIDI file that grows as it is played and can be read at any moment, even after a crash."""

import struct
from pathlib import Path
from typing import BinaryIO

from bridge.errors import BridgeError

TICKS_PER_BEAT = 960
TICKS_PER_S = 2 * TICKS_PER_BEAT  # at the file's one tempo, 120 a minute
_HEADER = b"MThd" + struct.pack(">IHHH", 6, 0, 1, TICKS_PER_BEAT) + b"MTrk"
_NAME = b"\x00\xff\x03\x0aemocapsule"
_TEMPO = b"\x00\xff\x51\x03" + (500_000).to_bytes(3, "big")
_END = b"\x00\xff\x2f\x00"
_LENGTH_AT = len(_HEADER)
_TRACK_AT = _LENGTH_AT + 4


class MidiFile:
    """Messages at absolute times into a format-0 file; `start_s` is its beginning.

    Ticks are 0.52 ms, counted from the start, so rounding never drifts. After each `flush()` the
    file on disk is whole. A message earlier than the last one takes the last one's time. Raises
    BridgeError if the file cannot be written.
    """

    name = "MIDI file"

    def __init__(self, path: str | Path, start_s: float) -> None:
        self._path = Path(path)
        self._start_s = start_s
        self._tick = 0
        self._track_bytes = 0
        self._waiting = bytearray(_NAME + _TEMPO)
        try:
            self._file: BinaryIO = self._path.open("wb", buffering=0)
        except OSError as problem:
            raise self._unwritable(problem) from problem
        try:
            self.flush()
        except BridgeError:
            self._file.close()
            raise

    def send(self, message: bytes, time_s: float) -> None:
        """Add one channel message."""
        tick = max(self._tick, round((time_s - self._start_s) * TICKS_PER_S))
        self._waiting += _variable(tick - self._tick) + message
        self._tick = tick

    def flush(self) -> None:
        """Bring what was sent to the disk, the new end first and the new length after it."""
        if not self._waiting:
            return
        try:
            self._file.seek(_TRACK_AT + self._track_bytes)
            self._file.write(bytes(self._waiting) + _END)
            self._track_bytes += len(self._waiting)
            self._waiting.clear()
            self._file.seek(0)
            length = struct.pack(">I", self._track_bytes + len(_END))
            self._file.write(_HEADER + length)
        except OSError as problem:
            raise self._unwritable(problem) from problem

    def alive(self) -> bool:
        """A file does not go away."""
        return True

    def close(self) -> None:
        """Flush and close."""
        self.flush()
        self._file.close()

    def _unwritable(self, problem: OSError) -> BridgeError:
        return BridgeError(
            f"{self._path} cannot be written ({problem.strerror}); choose another folder."
        )


def _variable(ticks: int) -> bytes:
    """A delta time: seven bits a byte, the highest bit on all but the last."""
    groups = [ticks & 0x7F]
    while ticks := ticks >> 7:
        groups.append(ticks & 0x7F | 0x80)
    return bytes(reversed(groups))
