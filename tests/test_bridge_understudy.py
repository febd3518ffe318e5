"""Who stands by, and who replaces a process that was killed."""

import os
import signal

from wire import until

from bridge import crew as crews
from bridge.crew import Crew
from eeg.lsl import clock


def plays(seat, told):
    seat.tell("ready", told)
    while not seat.over():
        seat.beat(clock())


def performance(monkeypatch):
    monkeypatch.setattr(crews, "REST_S", 0.0)
    crew = Crew(clock)
    crew.start("hand", plays, "first", again=("again",))
    until(lambda: crew.tend(0.05) or crew.ready("hand"), "the first")
    assert crew._members["hand"].understudy is None  # it would cost time while all load
    crew.board.capsules = 1
    until(lambda: crew.tend(0.05) or crew._members["hand"].understudy, "the understudy")
    return crew, crew._members["hand"]


def test_the_understudy_takes_over_and_has_one_in_turn(monkeypatch):
    crew, hand = performance(monkeypatch)
    try:
        waiting = hand.understudy.process.pid
        os.kill(hand.process.pid, signal.SIGKILL)
        until(lambda: crew.tend(0.05) or crew.ready("hand") == "again", "the understudy to play")
        assert (hand.process.pid, hand.process.name) == (waiting, "hand")
        assert crew.restarts == 1
        until(lambda: crew.tend(0.05) or hand.understudy, "another understudy")
        assert hand.understudy.process.pid != waiting
    finally:
        crew.stop(1.0)
    assert not hand.understudy.process.is_alive()


def test_an_understudy_that_has_died_is_done_without(monkeypatch):
    crew, hand = performance(monkeypatch)
    try:
        hand.understudy.dismiss()
        os.kill(hand.process.pid, signal.SIGKILL)
        until(lambda: crew.tend(0.05) or crew.ready("hand") == "again", "a new process")
    finally:
        crew.stop(1.0)
