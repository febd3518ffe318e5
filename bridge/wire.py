"""What travels from *mind* to *hand*: timed events and their fixed-size binary records.

Times are absolute seconds of the clock both processes share. A record is far smaller than
`PIPE_BUF`, so a pipe holds whole records only, even if its writer is killed.
"""

import math
import struct
from collections.abc import Iterable
from dataclasses import dataclass

from bridge.errors import BridgeError

SUSTAIN, ALL_SOUND_OFF, ALL_NOTES_OFF = 64, 120, 123
BANK = (0, 32)  # controllers that belong to a program change: coarse, fine
SYSTEM = 0xF0  # from this status on a message has no channel: clock, start, stop, song position
PULSES_A_BEAT = 24

_WIRE = struct.Struct("<BBBBIdd")  # kind, channel, number, value, epoch, start_s, end_s
RECORD_BYTES = _WIRE.size
_NOTE, _PEDAL, _CONTROL, _PULSE = 1, 2, 3, 4


@dataclass(frozen=True, slots=True)
class TimedNote:
    """A key struck at `on_s` and released at `off_s`; channel counts from 0."""

    on_s: float
    off_s: float
    pitch: int
    velocity: int
    channel: int = 0


@dataclass(frozen=True, slots=True)
class TimedPedal:
    """The sustain pedal goes down or up at `time_s`."""

    time_s: float
    down: bool
    channel: int = 0


@dataclass(frozen=True, slots=True)
class TimedControl:
    """A controller (0 to 119, not the sustain pedal) takes `value` at `time_s`."""

    time_s: float
    controller: int
    value: int
    channel: int = 0


@dataclass(frozen=True, slots=True)
class TimedPulse:
    """One of the clock's 24 pulses a beat; `number` counts from the bar line of Start.

    `bar`: a bar begins here, so a clock that stands may start or go on with it.
    """

    time_s: float
    number: int
    bar: bool = False


Timed = TimedNote | TimedPedal | TimedControl | TimedPulse


def aside(message: bytes) -> bool:
    """Whether a message belongs on the port `control`: the clock's, and controllers of emotion.

    Notes, and what goes with them (pedal, bank and program, All Notes Off), are for `notes`.
    """
    if message[0] >= SYSTEM:
        return True
    if message[0] & 0xF0 != 0xB0:
        return False
    return message[1] not in (*BANK, SUSTAIN) and message[1] < ALL_SOUND_OFF


def to_row(message: bytes) -> list[int]:
    """A channel message as three numbers, for LSL and XDF, whose samples have one width."""
    return [*message, 0][:3]


def from_row(row: Iterable[float]) -> bytes:
    """The message of three numbers: a program change has two bytes."""
    message = bytes(int(value) for value in row)
    return message[:2] if message[0] & 0xE0 == 0xC0 else message


def encode(event: Timed, epoch: int = 0) -> bytes:
    """The fixed-size record of one event, little-endian, `RECORD_BYTES` long.

    `epoch` numbers the writer: records of a writer that has died are told from its successor's.
    """
    if isinstance(event, TimedNote):
        head = (_NOTE, event.channel, event.pitch, event.velocity)
        return _WIRE.pack(*head, epoch, event.on_s, event.off_s)
    if isinstance(event, TimedPedal):
        return _WIRE.pack(_PEDAL, event.channel, 0, event.down, epoch, event.time_s, 0.0)
    if isinstance(event, TimedPulse):
        return _WIRE.pack(_PULSE, 0, 0, event.bar, epoch, event.time_s, float(event.number))
    head = (_CONTROL, event.channel, event.controller, event.value)
    return _WIRE.pack(*head, epoch, event.time_s, 0.0)


def decode(record: bytes) -> tuple[Timed, int]:
    """The event and the epoch of a record. BridgeError if it is none, or not valid MIDI."""
    if len(record) != RECORD_BYTES:
        raise BridgeError(f"A record of {len(record)} bytes; records have {RECORD_BYTES}.")
    kind, channel, number, value, epoch, start_s, end_s = _WIRE.unpack(record)
    event: Timed
    if kind == _NOTE:
        event = TimedNote(start_s, end_s, number, value, channel)
    elif kind == _PEDAL and number == 0 and value in (0, 1):
        event = TimedPedal(start_s, bool(value), channel)
    elif kind == _CONTROL:
        event = TimedControl(start_s, number, value, channel)
    elif kind == _PULSE and (channel, number) == (0, 0) and value in (0, 1) and end_s.is_integer():
        event = TimedPulse(start_s, int(end_s), bool(value))
    else:
        raise BridgeError(f"A record of the unknown kind {kind}.")
    check(event)
    return event, epoch


def check(event: Timed) -> None:
    """BridgeError unless the event can be played: finite times in order, MIDI's numbers."""
    if isinstance(event, TimedNote):
        sound = 0 <= event.pitch <= 127 and 1 <= event.velocity <= 127
        timely = math.isfinite(event.on_s) and math.isfinite(event.off_s)
        sound = sound and timely and event.off_s > event.on_s
    elif isinstance(event, TimedPedal):
        sound = math.isfinite(event.time_s)
    elif isinstance(event, TimedPulse):
        if not (event.number >= 0 and math.isfinite(event.time_s)):
            raise BridgeError(f"{event} cannot be sent; pulses count from 0, times are finite.")
        return
    else:
        sound = 0 <= event.controller < ALL_SOUND_OFF and event.controller != SUSTAIN
        sound = sound and 0 <= event.value <= 127 and math.isfinite(event.time_s)
    if not (sound and 0 <= event.channel <= 15):
        raise BridgeError(f"{event} cannot be played; times must be finite, numbers MIDI's.")
