"""A MIDI file that grows as it is played and can be read at any moment, even after a crash."""

import contextlib
import struct
from bisect import insort
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from bridge.errors import BridgeError
from bridge.mind.beats import TimedBeat
from bridge.session.disk import unwritable
from bridge.session.metre import BAR_BEATS, FIRST_US, TICKS_PER_BEAT, Line, Metre, Tempo

_HEADER = b"MThd" + struct.pack(">IHHH", 6, 0, 1, TICKS_PER_BEAT) + b"MTrk"
_NAME = b"\xff\x03\x0aemocapsule"
_MARKER, _CUE = b"\xff\x06", b"\xff\x07"
_ROOM = (
    b"\xff\x7f\x04\x7d\x00\x00\x00"  # for a time signature: nobody's own message, which all skip
)
_END = b"\x00\xff\x2f\x00"
_LENGTH_AT = len(_HEADER)
_TRACK_AT = _LENGTH_AT + 4
MOST_CHARACTERS = 100  # of a marker


@dataclass(order=True, frozen=True)
class _Sign:
    """Something that is not sent, and is written as soon as what comes before it is there."""

    time_s: float
    number: int
    what: TimedBeat | str


class MidiFile:
    """Messages at absolute times into a format-0 file; `start_s` is its beginning.

    Tempo and bar lines are the music's as far as beats are told, which may be before they sound;
    whatever the tempo, each message is within half a tick of its time, and rounding never drifts.
    After each `flush()` the file on disk is whole. A message earlier than the last one takes the
    last one's time. Raises BridgeError if the file cannot be written.
    """

    name = "MIDI file"

    def __init__(self, path: str | Path, start_s: float) -> None:
        self._path = Path(path)
        self._metre = Metre(start_s)
        self._signs: list[_Sign] = []
        self._told = self._bars = 0
        self._tick = 0
        self._track_bytes = 0
        self._waiting = bytearray()
        self._put(0, _NAME)
        self._put(0, _tempo(FIRST_US))
        self._room_at: int | None = self._put(0, _metre(BAR_BEATS))  # where a bar says its beats
        try:
            self._file: BinaryIO = self._path.open("wb", buffering=0)
        except OSError as problem:
            raise unwritable(self._path, problem) from problem
        try:
            self.flush()
        except BridgeError:
            self._file.close()
            raise

    def send(self, message: bytes, time_s: float) -> None:
        """Add one channel message."""
        while self._signs and self._signs[0].time_s <= time_s:
            self._write(self._signs.pop(0))
        self._put(self._metre.at(time_s), message)

    def beat(self, beat: TimedBeat) -> None:
        """A beat of the music, at a time for which messages may yet come."""
        self._sign(beat.time_s, beat)

    def mark(self, text: str, time_s: float) -> None:
        """A marker, likewise."""
        self._sign(time_s, text)

    def _sign(self, time_s: float, what: TimedBeat | str) -> None:
        self._told += 1
        insort(self._signs, _Sign(time_s, self._told, what))

    def _write(self, sign: _Sign) -> None:
        if isinstance(sign.what, str):
            text = sign.what.encode("latin-1", "replace")[:MOST_CHARACTERS]
            self._put(self._metre.at(sign.time_s), _MARKER + _variable(len(text)) + text)
            return
        for one in self._metre.beat(sign.what):
            if isinstance(one, Tempo):
                self._put(one.tick, _tempo(one.us))
            else:
                self._line(one)

    def _line(self, line: Line) -> None:
        """A bar begins; the last one gets its time signature if it was not of four beats."""
        odd = line.beats != BAR_BEATS
        if odd and self._room_at is not None:
            self._mend(self._room_at, _metre(line.beats))
        self._bars += 1
        name = f"bar {self._bars}".encode()
        self._room_at = None
        if line.met:
            self._room_at = self._put(line.tick, _metre(BAR_BEATS) if odd else _ROOM)
        self._put(line.tick, _CUE + _variable(len(name)) + name)

    def _put(self, tick: int, message: bytes) -> int:
        """Append; where in the track the message begins."""
        self._waiting += _variable(tick - self._tick)
        self._tick = tick
        at = self._track_bytes + len(self._waiting)
        self._waiting += message
        return at

    def _mend(self, at: int, message: bytes) -> None:
        """Another message of the same length in its place."""
        if at >= self._track_bytes:
            at -= self._track_bytes
            self._waiting[at : at + len(message)] = message
            return
        try:
            self._file.seek(_TRACK_AT + at)
            self._file.write(message)
        except OSError as problem:
            raise unwritable(self._path, problem) from problem

    def flush(self) -> None:
        """Bring what was sent to the disk, the new end first and the new length after it."""
        if not self._waiting:
            return
        end_at = _TRACK_AT + self._track_bytes
        piece = bytes(self._waiting) + _END
        try:
            self._file.seek(end_at)
            if self._file.write(piece) != len(piece):
                raise OSError(28, "No space left on device")
            self._track_bytes += len(self._waiting)
            self._waiting.clear()
            self._file.seek(0)
            self._file.write(_HEADER + struct.pack(">I", self._track_bytes + len(_END)))
        except OSError as problem:
            with contextlib.suppress(OSError):  # the end as it was
                self._file.seek(end_at)
                self._file.write(_END)
                self._file.truncate(end_at + len(_END))
            raise unwritable(self._path, problem) from problem

    def alive(self) -> bool:
        """A file does not go away."""
        return True

    def close(self) -> None:
        """Flush and close."""
        self.flush()
        self._file.close()


def _tempo(us: int) -> bytes:
    return b"\xff\x51\x03" + us.to_bytes(3, "big")


def _metre(beats: int) -> bytes:
    """A time signature of so many quarters."""
    return b"\xff\x58\x04" + bytes((beats, 2, 24, 8))


def _variable(ticks: int) -> bytes:
    """A delta time: seven bits a byte, the highest bit on all but the last."""
    groups = [ticks & 0x7F]
    while ticks := ticks >> 7:
        groups.append(ticks & 0x7F | 0x80)
    return bytes(reversed(groups))
