"""What travels from mind to hand: records of a fixed size, and MIDI as rows of three."""

import math
from pathlib import Path

import pytest

from bridge.errors import BridgeError
from bridge.hand.player import Player
from bridge.wire import (
    RECORD_BYTES,
    TimedControl,
    TimedNote,
    TimedPedal,
    TimedPulse,
    decode,
    encode,
    from_row,
    to_row,
)

GOLDEN = Path(__file__).parent / "golden" / "wire.txt"
GOLDEN_EVENTS = [
    TimedNote(12.5, 13.25, 60, 100, 0),
    TimedNote(-1.0, 0.0, 108, 1, 15),
    TimedPedal(2.0, True, 3),
    TimedPedal(2.5, False, 3),
    TimedControl(0.125, 20, 127, 9),
    TimedPulse(3.25, 70_000, True),
    TimedPulse(3.5, 70_001),
]


def test_records_are_the_bytes_of_the_golden_file():
    # tests/golden/wire.txt: one record a line, in hex, in the order of GOLDEN_EVENTS, epoch 7
    lines = [line for line in GOLDEN.read_text().splitlines() if not line.startswith("#")]
    assert [encode(event, epoch=7).hex() for event in GOLDEN_EVENTS] == lines
    assert [decode(bytes.fromhex(line)) for line in lines] == [(e, 7) for e in GOLDEN_EVENTS]


def test_messages_of_two_bytes_survive_rows_of_three():
    for message in (b"\x90\x3c\x64", b"\xb0\x40\x00", b"\xc5\x07", b"\xc0\x00", b"\xe0\x00\x40"):
        assert len(to_row(message)) == 3
        assert from_row([float(value) for value in to_row(message)]) == message


def test_at_one_instant_the_clock_is_first():
    player = Player()
    player.push(TimedNote(1.0, 2.0, 60, 64), 0.0)
    player.push(TimedControl(1.0, 20, 64), 0.0)
    player.push(TimedPulse(1.0, 0, True), 0.0)
    assert [message.hex() for message in player.due(1.0)] == ["fa", "f8", "b01440", "903c40"]


def test_a_record_fits_a_pipe_whole():
    assert RECORD_BYTES <= 512  # POSIX's least PIPE_BUF


@pytest.mark.parametrize(
    "event",
    [
        TimedNote(1.0, 2.0, 128, 64),
        TimedNote(1.0, 2.0, 60, 0),
        TimedNote(2.0, 2.0, 60, 64),
        TimedNote(math.nan, 2.0, 60, 64),
        TimedNote(1.0, math.inf, 60, 64),
        TimedNote(1.0, 2.0, 60, 64, 16),
        TimedPedal(math.nan, True),
        TimedControl(1.0, 64, 0),
        TimedPulse(1.0, -1),
        TimedPulse(math.nan, 0),
        TimedControl(1.0, 123, 0),
        TimedControl(1.0, 20, 128),
    ],
)
def test_what_is_not_midi_is_refused(event):
    player = Player()
    player.push(event, 0.0)
    assert player.counts.refused == 1
    assert player.next_s() is None
    with pytest.raises(BridgeError):
        decode(encode(event))
