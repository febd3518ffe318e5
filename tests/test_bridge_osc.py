"""OSC out: the core on a fake clock, a real socket, and hosts that are not there."""

import socket
import time
from contextlib import closing

import pytest
from pythonosc.osc_message import OscMessage

from bridge.board import MOODS, SIGNALS, Board
from bridge.hand.player import LATE_S, LONGEST_S
from bridge.osc import RETRY_S, STATE_S, Line, Voice
from bridge.wire import TimedNote, TimedPedal, encode


@pytest.fixture
def sent():
    return []


@pytest.fixture
def voice(sent):
    return Voice(lambda address, arguments: sent.append((address.rpartition("/")[2], arguments)))


def test_notes_are_told_when_they_are_due(voice, sent):
    voice.hear(encode(TimedNote(2.0, 2.5, 64, 90)))
    voice.hear(encode(TimedNote(1.0, 1.25, 60, 80)))
    voice.hear(encode(TimedPedal(0.5, True)))
    voice.hear(b"rubbish")
    assert voice.next_s() == 1.0
    voice.play(0.99)
    assert sent == []
    voice.play(1.0)
    voice.play(2.01)
    assert sent == [("note", ["on", 60, 80, 0.25]), ("note", ["on", 64, 90, 0.5])]
    assert voice.next_s() is None


def test_late_notes_are_dropped_and_endless_ones_end(voice, sent):
    voice.hear(encode(TimedNote(1.0, 2.0, 60, 80)))
    voice.hear(encode(TimedNote(2.0, 99.0, 61, 80)))
    voice.play(1.0 + LATE_S + 1.0)
    assert sent == []
    voice.hear(encode(TimedNote(3.0, 99.0, 61, 80)))
    voice.play(3.0)
    assert sent == [("note", ["on", 61, 80, LONGEST_S])]


def test_each_capsule_is_told_once_and_the_state_each_second(voice, sent):
    board = Board()
    voice.look(board, 0.0)
    assert sent == [("state", [SIGNALS[0], MOODS[0]])]
    board.valence, board.arousal, board.confidence, board.quality = 0.5, -0.5, 0.25, 1.0
    board.probabilities[:] = (0.25, 0.0, 0.25, 0.5)
    board.capsules, board.signal, board.mood = 1, 1, 1
    sent.clear()
    for tick in range(10):
        voice.look(board, 0.1 + tick / 100)
    assert sent == [
        ("emotion", [0.5, -0.5, 0.25, 1.0]),
        ("probabilities", [0.25, 0.0, 0.25, 0.5]),
        ("state", ["LIVE", "PLAYING"]),
    ]
    voice.look(board, 0.1 + STATE_S)
    assert sent[3:] == [("state", ["LIVE", "PLAYING"])]


def test_messages_arrive_over_udp():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(5.0)
        with closing(Line("localhost", receiver.getsockname()[1], pytest.fail)) as line:
            line.open(0.0)
            line.send("/emocapsule/note", ["on", 60, 80, 0.25])
        message = OscMessage(receiver.recv(1000))
    assert (message.address, message.params) == ("/emocapsule/note", ["on", 60, 80, 0.25])


def test_a_name_that_nobody_knows_is_told_once_and_tried_again(monkeypatch):
    said, known = [], [False]

    def getaddrinfo(host, port, **_):
        if not known[0]:
            raise socket.gaierror(-2, "Name or service not known")
        return [(socket.AF_INET, socket.SOCK_DGRAM, 17, "", ("127.0.0.1", port))]

    monkeypatch.setattr("bridge.osc.socket.getaddrinfo", getaddrinfo)
    line = Line("nobody.invalid", 9, said.append)
    for tick in range(30):
        line.open(tick / 10)
        line.send("/emocapsule/state", ["LIVE", "PLAYING"])
    assert said == [
        "OSC does not reach nobody.invalid:9 (Name or service not known); the music goes on."
    ]
    known[0] = True
    line.open(RETRY_S)
    line.send("/emocapsule/state", ["LIVE", "PLAYING"])
    line.close()
    assert said[1:] == ["OSC reaches nobody.invalid:9 again."]


def test_a_network_that_is_away_is_told_once_and_costs_no_time():
    class Away:
        def send_message(self, address, arguments):
            raise OSError(101, "Network is unreachable")

    said = []
    line = Line("10.0.0.1", 9000, said.append)
    line._client = Away()
    start_s = time.monotonic()
    for _ in range(1000):
        line.send("/emocapsule/state", ["LIVE", "PLAYING"])
    assert time.monotonic() - start_s < 1.0
    assert said == ["OSC does not reach 10.0.0.1:9000 (Network is unreachable); the music goes on."]
