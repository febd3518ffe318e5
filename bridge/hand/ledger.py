"""The ledger of what sounds, and the messages that end all of it."""

from collections.abc import MutableSequence

from bridge.daw.clockout import CONTINUE, START, STOP
from bridge.wire import ALL_NOTES_OFF, ALL_SOUND_OFF, SUSTAIN

ROLLING = 16 * 128 + 16  # the cell of the clock
LEDGER_BYTES = ROLLING + 1  # a byte a key, then a byte a pedal, then the clock's

Key = tuple[int, int]  # channel 0-15, pitch


class Ledger:
    """Which keys and pedals are down, and whether the clock runs, in bytes that may be shared.

    Mark before a note-on goes out, clear after a note-off has gone: whoever finds the bytes after
    a crash may release a key too many, never one too few.
    """

    def __init__(self, cells: MutableSequence[int]) -> None:
        self._cells = cells

    def before(self, message: bytes) -> None:
        """`message` is about to be sent."""
        self._note(message, down=True)

    def after(self, message: bytes) -> None:
        """`message` has been sent."""
        self._note(message, down=False)

    def _note(self, message: bytes, down: bool) -> None:
        if message in ((START, CONTINUE) if down else (STOP,)):
            self._cells[ROLLING] = int(down)
        kind, channel = message[0] & 0xF0, message[0] & 0x0F
        if kind == (0x90 if down else 0x80):
            self._cells[channel * 128 + message[1]] = int(down)
        elif kind == 0xB0 and message[1] == SUSTAIN and (message[2] > 0) == down:
            self._cells[16 * 128 + channel] = int(down)

    def down(self) -> list[Key]:
        """The keys that are down."""
        return [divmod(cell, 128) for cell in range(16 * 128) if self._cells[cell]]

    def silence(self) -> list[bytes]:
        """What releases everything the ledger holds; empty if nothing is down."""
        keys = self.down()
        pedals = [channel for channel in range(16) if self._cells[16 * 128 + channel]]
        stops = [STOP] if self._cells[ROLLING] else []
        return silence(keys, {channel for channel, _ in keys} | set(pedals)) + stops


def silence(keys: list[Key], channels: set[int], second: bool = False) -> list[bytes]:
    """Individual note-offs, then pedal up and All Notes Off; All Sound Off on a second panic."""
    messages = [note_off(key) for key in sorted(keys)]
    for channel in sorted(channels):
        messages += [control(channel, SUSTAIN, 0), control(channel, ALL_NOTES_OFF, 0)]
        if second:
            messages.append(control(channel, ALL_SOUND_OFF, 0))
    return messages


def note_off(key: Key) -> bytes:
    """A key is released."""
    return bytes((0x80 | key[0], key[1], 0))


def control(channel: int, controller: int, value: int) -> bytes:
    """A controller takes a value."""
    return bytes((0xB0 | channel, controller, value))
