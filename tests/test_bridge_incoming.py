"""What comes in at *hand* on a fake clock: a DAW's clock mutes and unmutes, controllers turn."""

import pytest

from bridge import desk
from bridge.board import new_board
from bridge.daw import conductor
from bridge.daw.clockin import Beat
from bridge.daw.clockout import CLOCK, START, STOP
from bridge.daw.controlin import NAMES, NUMBERS, ControlIn
from bridge.daw.habits import Incoming
from bridge.daw.incoming import Hearing, RtMidiInput
from bridge.hand.core import Hand
from bridge.hand.portless import Nowhere
from bridge.wire import TimedNote


class Source:
    """An input that can be fed."""

    name = "in"

    def __init__(self):
        self.waiting = []

    def take(self):
        taken, self.waiting = self.waiting, []
        return taken

    def alive(self):
        return True

    def close(self):
        pass


def new_hand(**asked):
    board, sent, source = new_board(), [], Source()
    hearing = Hearing(Incoming(**asked), board)
    hand = Hand(board, Nowhere(), lambda m, t: sent.append((t, m)), (), hearing, source)
    return hand, board, source, sent


def ticks(begin_s, count, bpm=120):
    return [(begin_s + n * 60 / bpm / 24, CLOCK) for n in range(count)]


def test_hand_mutes_until_start_and_at_stop_and_says_so():
    hand, board, source, sent = new_hand(clock=True)
    hand.heed(10.0)
    assert hand.player.muted
    assert hand.hearing.news(10.0) is None
    source.waiting = [(10.0, START), *ticks(10.01, 24)]
    hand.heed(10.5)
    assert not hand.player.muted
    assert hand.hearing.news(10.5) == "The clock runs (120 bpm): music from the next bar on."
    assert hand.hearing.news(10.5) is None
    beat = conductor.read(board.beat)
    assert beat.runs(10.5)
    assert beat.at(10.51) == pytest.approx(1.0, abs=1e-6)
    hand.player.push(TimedNote(10.52, 14.0, 60, 64), 10.5)
    hand.play(10.52)
    source.waiting = [(10.53, STOP)]
    hand.heed(10.53)
    assert [m.hex() for _, m in sent] == ["903c40", "803c00"]
    assert hand.hearing.news(10.53) == "The clock has stopped; the piano waits for it."
    hand.player.push(TimedNote(10.6, 14.0, 60, 64), 10.53)
    hand.play(10.6)
    assert len(sent) == 2


def test_a_clock_that_falls_silent_is_a_stop_too():
    hand, _, source, _ = new_hand(clock=True)
    source.waiting = [(10.0, START), *ticks(10.01, 24)]
    hand.heed(10.5)
    hand.heed(10.7)
    assert not hand.player.muted
    hand.heed(10.8)
    assert hand.player.muted


def test_another_hand_goes_on_counting():
    _, board, source, _ = first = new_hand(clock=True)
    source.waiting = [(10.0, START), *ticks(10.01, 48)]
    first[0].heed(11.0)
    hearing = Hearing(Incoming(clock=True), board)
    hearing.push([(10.01 + n / 48, CLOCK) for n in range(96, 110)])
    assert conductor.read(board.beat).at(10.01 + 2.0) == pytest.approx(4.0, abs=1e-3)


def test_a_beat_that_is_being_written_is_not_read():
    cells = new_board().beat
    beat = Beat(True, 3, 1.5, 20.0, 99.0, True)
    conductor.write(cells, beat)
    assert conductor.read(cells) == beat
    cells.version += 1
    assert conductor.read(cells) is None


def cc(name, position, channel=0):
    return bytes((0xB0 | channel, NUMBERS[NAMES.index(name)], position))


def test_controllers_turn_the_desk():
    hand, board, source, _ = new_hand(controls=True)
    moves = [cc("valence", 127), cc("arousal", 0), cc("arousal_share", 127), cc("strength", 127)]
    moves += [cc("temperature", 0), cc("hold", 127), cc("mute", 64), cc("panic", 100)]
    source.waiting = [(1.0, move) for move in moves]
    hand.heed(1.0)
    wishes = desk.read(board.desk)
    assert (wishes.valence, wishes.valence_share) == (1.0, 1.0)  # who moves it means it
    assert (wishes.arousal, wishes.arousal_share) == (-1.0, 1.0)
    assert (wishes.strength, wishes.temperature) == (10.0, 0.3)
    assert (wishes.hold, wishes.mute, wishes.panics) == (True, True, 1)
    assert hand.player.muted
    source.waiting = [(2.0, cc("valence", 64)), (2.0, cc("valence_share", 0)), (2.0, cc("mute", 0))]
    hand.heed(2.0)
    wishes = desk.read(board.desk)
    assert (wishes.valence, wishes.valence_share, wishes.mute) == (0.0, 0.0, False)
    assert not hand.player.muted


def test_a_panic_button_that_is_let_go_is_pressed_once_and_all_sound_off_is_one():
    cells = new_board().desk
    taker = ControlIn()
    for message in (cc("panic", 127), cc("panic", 127), cc("panic", 0), b"\xb3\x78\x00"):
        taker.push(message, cells)
    assert cells.panics == 2
    taker.push(cc("panic", 127), cells)
    assert cells.panics == 3


def test_another_channel_and_other_messages_move_nothing():
    cells = new_board().desk
    before = desk.read(cells)
    taker = ControlIn(channel=3)
    others = (cc("valence", 127), b"\x90\x66\x7f", b"\xb2\x66", b"\xb2\x14\x7f", b"\xb2\x66\xff")
    for message in others:
        taker.push(message, cells)
    assert desk.read(cells) == before
    taker.push(cc("valence", 127, channel=2), cells)
    assert desk.read(cells).valence == 1.0


def test_an_input_of_rtmidi_stamps_what_it_hears():
    class Port:
        closed = 0

        def ignore_types(self, sysex, timing, active_sense):
            assert (sysex, timing, active_sense) == (True, False, True)

        def set_callback(self, callback):
            self.callback = callback

        def get_ports(self):
            return ["Daw"]

        def cancel_callback(self):
            self.closed += 1

        close_port = delete = cancel_callback

    port, now = Port(), iter((1.0, 2.0))
    source = RtMidiInput(port, "in", lambda: next(now), "Daw")
    for message in ([0xFA], [0xF8]):
        port.callback((message, 0.1), None)
    assert source.take() == [(1.0, START), (2.0, CLOCK)]
    assert source.take() == []
    assert source.alive()
    assert not RtMidiInput(port, "in", lambda: 0.0, "Gone").alive()
    source.close()
    assert port.closed == 3
