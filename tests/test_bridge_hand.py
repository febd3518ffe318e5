"""Hand's core on a fake clock, with a port that can fail; and that its process is light."""

import multiprocessing
import subprocess
import sys

import pytest

from bridge.board import Board
from bridge.errors import BridgeError
from bridge.hand.core import HEARTBEAT_S, READ_AT_ONCE, Hand
from bridge.hand.player import MOST_EVENTS
from bridge.wire import TimedControl, TimedNote, TimedPedal, TimedPulse, encode

NOTE = TimedNote(1.0, 3.0, 60, 100)
ON, OFF = b"\x90\x3c\x64", b"\x80\x3c\x00"


class Port:
    name = "port"
    ahead_s, lateness_ms = 0.0, ()

    def __init__(self):
        self.sent, self.times_s, self.there, self.joined = [], [], True, []

    def send(self, message, time_s):
        if not self.there:
            raise BridgeError("gone")
        self.sent.append(message)
        self.times_s.append(time_s)

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


def test_a_port_that_wants_it_gets_everything_ahead_with_its_time_and_in_order(hand):
    hand.output.ahead_s = 0.03
    hand.player.push(TimedNote(1.0, 1.02, 60, 100), 0.9)
    hand.player.push(TimedNote(1.01, 3.0, 62, 100), 0.9)
    assert hand.next_s() == pytest.approx(0.97)
    hand.play(0.96)
    assert hand.output.sent == []
    hand.play(0.975)
    assert hand.output.times_s == [1.0]
    assert hand._board.ledger[60] == 1
    hand.play(0.995)
    assert [message.hex() for message in hand.output.sent] == ["903c64", "903e64", "803c00"]
    assert hand.output.times_s == [1.0, 1.01, 1.02]
    assert hand._board.ledger[60] == 1  # the port itself will tell that it has gone
    hand.silence(1.0)  # never before what waits
    assert [message.hex() for message in hand.output.sent[3:6]] == ["803e00", "b04000", "b07b00"]
    assert set(hand.output.times_s[3:]) == {1.02}


def test_a_mute_ends_what_was_sent_ahead_too(hand):
    hand.output.ahead_s = 0.03
    hand.player.push(TimedNote(1.02, 3.0, 60, 100), 0.9)
    hand.play(0.995)
    hand._board.desk.mute = 1
    hand.heed(1.0)
    assert hand.output.sent == [ON, OFF]
    assert hand.output.times_s == [1.02, 1.02]


def test_what_comes_later_than_the_port_wants_it_keeps_its_time(hand):
    hand.output.ahead_s = 0.03
    hand.player.push(TimedNote(1.02, 3.0, 60, 100), 1.0)
    hand.play(1.0)
    hand.player.push(TimedNote(1.0, 3.0, 62, 100), 1.01)
    hand.play(1.01)
    assert hand.output.times_s == [1.02, 1.02]  # late: as soon as order allows


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


def test_the_program_goes_before_the_first_note_and_again_for_who_comes_new():
    board, patch = Board(), [b"\xb0\x00\x08", b"\xc0\x05"]
    hand = Hand(board, Port(), lambda message, time_s: None, patch)

    def strikes(now_s):
        hand.player.push(TimedNote(now_s, now_s + 0.1, 60, 100), now_s)
        hand.play(now_s)
        hand.play(now_s + 0.2)
        sent, hand.output.sent = hand.output.sent, []
        return sent

    hand.player.push(TimedPedal(0.5, True), 0.4)
    hand.play(0.5)
    assert hand.output.sent == [b"\xb0\x40\x7f"]
    hand.output.sent = []
    assert strikes(1.0) == [*patch, ON, OFF]
    assert strikes(2.0) == [ON, OFF]
    hand.check(3.0)  # a synth listens
    assert strikes(4.0) == [*patch, ON, OFF]
    hand.check(5.0)
    assert strikes(6.0) == [ON, OFF]
    hand.silence(7.0)
    hand.output.sent = []
    assert strikes(8.0) == [*patch, ON, OFF]
    hand.inherit(9.0)  # the port was lost and is open again
    assert strikes(10.0) == [*patch, ON, OFF]


def test_who_comes_new_is_told_the_controllers_of_emotion(hand):
    for value in (10, 11):
        hand.player.push(TimedControl(1.0, 20, value), 0.9)
        hand.player.push(TimedControl(1.0, 52, value), 0.9)
    hand.player.push(TimedPedal(1.0, True), 0.9)
    hand.play(1.0)
    hand.output.sent = []
    hand.check(5.0)
    assert [m.hex() for m in hand.output.sent] == ["b0140b", "b0340b"]
    hand.check(7.0)
    assert len(hand.output.sent) == 2


def test_the_clock_is_stopped_on_every_way_out_and_by_the_next_hand(hand):
    published = []
    hand._publish = lambda message, time_s: published.append(message)
    for number in range(10):
        hand.player.push(TimedPulse(1.0 + number / 50, number, number == 0), 0.9)
    hand.play(0.99)
    hand.play(1.0)
    assert hand.output.sent == [b"\xfa", b"\xf8"]
    heir = Hand(hand._board, Port(), lambda message, time_s: None)
    heir.inherit(1.05)
    assert heir.output.sent == [b"\xfc"]
    hand.watch(1.0, 1.0 + HEARTBEAT_S + 0.1)
    assert hand.output.sent == [b"\xfa", b"\xf8", b"\xfc"]
    assert sum(hand._board.ledger) == 0
    assert published == []


def test_after_a_lost_hand_the_clock_goes_on_at_the_next_bar_line(hand):
    for number in range(90, 100):
        hand.player.push(TimedPulse(1.0 + number / 50, number, number == 96), 2.7)
    for tick in range(270, 310):
        hand.play(tick / 100)
    assert [m.hex() for m in hand.output.sent] == ["f21000", "fb", "f8", "f8", "f8", "f8"]


def test_the_counts_reach_the_board(hand):
    hand.player.push(NOTE, 0.9)
    hand.play(1.004)
    hand.report()
    assert hand._board.notes == 1
    assert hand._board.lateness_max_ms == pytest.approx(4.0)


@pytest.mark.parametrize(
    "module", ["bridge.hand.core", "bridge.session.recorder", "bridge.pipeline"]
)
def test_the_process_is_light(module):
    heavy = ("torch", "mne", "scipy", "matplotlib", "mido", "rich", "symusic", "pyxdf")
    code = f"import sys, {module}; print([one for one in {heavy} if one in sys.modules])"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
