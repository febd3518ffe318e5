"""Hand's core on a fake clock, with a port that can fail; and that its process is light."""

import multiprocessing
import subprocess
import sys

import pytest

from bridge.board import Board
from bridge.errors import BridgeError
from bridge.hand import HEARTBEAT_S, READ_AT_ONCE, Hand
from bridge.player import MOST_EVENTS
from bridge.wire import TimedNote, TimedPedal, encode

NOTE = TimedNote(1.0, 3.0, 60, 100)
ON, OFF = b"\x90\x3c\x64", b"\x80\x3c\x00"


class Port:
    name = "port"

    def __init__(self):
        self.sent, self.there, self.joined = [], True, []

    def send(self, message, time_s):
        if not self.there:
            raise BridgeError("gone")
        self.sent.append(message)

    def alive(self):
        return self.there

    def listeners(self):
        return ["synth:in"]

    def connect(self, listeners):
        self.joined += listeners

    def close(self):
        pass


@pytest.fixture
def hand():
    board = Board()
    board.epoch = 1
    return Hand(board, Port(), lambda message, time_s: None)


@pytest.fixture
def pipe():
    out, records = multiprocessing.Pipe(duplex=False)
    yield out, records
    out.close()
    records.close()


def test_records_become_messages_and_the_ledger_follows(hand, pipe):
    out, records = pipe
    records.send_bytes(encode(NOTE, epoch=1))
    assert hand.read(out, 0.9)
    hand.play(1.0)
    assert hand.output.sent == [ON]
    assert sum(hand._board.ledger) == 1
    hand.play(3.0)
    assert hand.output.sent == [ON, OFF]
    assert sum(hand._board.ledger) == 0


def test_what_is_no_record_is_counted(hand, pipe):
    out, records = pipe
    records.send_bytes(b"\xff" * 24)
    records.send_bytes(b"short")
    assert hand.read(out, 0.0)
    assert hand.player.counts.refused == 2


def test_the_end_of_the_pipe_is_seen(hand, pipe):
    out, records = pipe
    records.send_bytes(encode(NOTE, epoch=1))
    records.close()
    assert not hand.read(out, 0.9)
    assert hand.player.waiting() == 1


def test_a_full_hand_leaves_the_rest_in_the_pipe(hand, pipe):
    out, records = pipe
    for number in range(MOST_EVENTS):
        hand.player.push(TimedPedal(5.0 + number, True), 0.0 + number)
    records.send_bytes(encode(NOTE, epoch=1))
    assert hand.read(out, 0.9)
    assert out.poll()
    assert READ_AT_ONCE < MOST_EVENTS


def test_a_lost_heartbeat_silences_everything_once(hand):
    hand.player.push(NOTE, 0.9)
    hand.player.push(TimedNote(1.2, 3.0, 64, 100), 0.9)
    hand.play(1.0)
    hand.watch(1.0, 1.0 + HEARTBEAT_S)
    assert hand.output.sent == [ON]
    hand.watch(1.0, 1.01 + HEARTBEAT_S)
    assert [m.hex() for m in hand.output.sent[1:]] == ["803c00", "b04000", "b07b00"]
    hand.watch(1.0, 2.0 + HEARTBEAT_S)
    hand.play(2.0 + HEARTBEAT_S)
    assert len(hand.output.sent) == 4


def test_a_mind_that_has_not_begun_is_not_missed(hand):
    hand.player.push(NOTE, 0.9)
    hand.play(1.0)
    hand.watch(0.0, 2.0)
    assert hand.output.sent == [ON]


def test_another_mind_silences_what_the_last_one_began(hand, pipe):
    out, records = pipe
    hand.player.push(NOTE, 0.9)
    hand.play(1.0)
    hand._board.epoch = 2
    hand.watch(1.0, 1.1)
    assert OFF in hand.output.sent
    for epoch in (1, 2):  # one that the dead mind still had in the pipe, and one of the new
        records.send_bytes(encode(TimedNote(1.5, 2.0, 60 + epoch, 80), epoch))
    hand.read(out, 1.2)
    hand.play(1.5)
    assert [m[1] for m in hand.output.sent if m[0] == 0x90] == [60, 62]


def test_a_port_that_goes_leaves_its_notes_on_the_ledger_for_the_next(hand):
    hand.check(5.0)  # who listens is noted
    hand.player.push(NOTE, 0.9)
    hand.play(1.0)
    hand.output.there = False
    with pytest.raises(BridgeError):
        hand.play(3.0)
    with pytest.raises(BridgeError, match="has gone"):
        hand.check(10.0)
    heir = Hand(hand._board, Port(), lambda message, time_s: None)
    heir.inherit(4.0)
    assert heir.output.joined == ["synth:in"]
    assert [m.hex() for m in heir.output.sent] == ["803c00", "b04000", "b07b00"]
    assert sum(heir._board.ledger) == 0


def test_the_counts_reach_the_board(hand):
    hand.player.push(NOTE, 0.9)
    hand.play(1.004)
    hand.report()
    assert hand._board.notes == 1
    assert hand._board.lateness_max_ms == pytest.approx(4.0)


@pytest.mark.parametrize("module", ["bridge.hand", "bridge.recorder", "bridge.pipeline"])
def test_the_process_is_light(module):
    heavy = ("torch", "mne", "scipy", "matplotlib", "mido", "rich", "symusic", "pyxdf")
    code = f"import sys, {module}; print([one for one in {heavy} if one in sys.modules])"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
