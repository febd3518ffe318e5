"""Who keeps dying: most end the performance, the one that nobody needs does not."""

import pytest

from bridge import crew as crews
from bridge.crew import Crew
from bridge.errors import BridgeError
from eeg.lsl import clock


def dies(seat):
    seat.tell("ready", "")
    raise RuntimeError("as it does each time.")


def tended(name, monkeypatch):
    monkeypatch.setattr(crews, "MOST_RESTARTS", 1)
    crew = Crew(clock)
    crew.start(name, dies)
    end_s = clock() + 60.0
    try:
        while crew.restarts < 1 or crew._members[name].process.is_alive():
            crew.tend(0.05)
            assert clock() < end_s
        crew.tend(0.05)
        crew.tend(0.05)
    finally:
        crew.stop(1.0)
    return crew.said


def test_a_mind_that_keeps_dying_ends_it(monkeypatch):
    with pytest.raises(BridgeError, match="'mind' failed: RuntimeError"):
        tended("mind", monkeypatch)


def test_an_osc_that_keeps_dying_is_done_without(monkeypatch):
    again, given_up = tended("osc", monkeypatch)
    assert again.endswith("as it does each time. It is started again.")
    assert given_up.endswith("The music goes on without it.")


def test_a_page_that_cannot_even_begin_is_done_without():
    crew = Crew(clock)
    crew.start("page", fails)
    end_s = clock() + 60.0
    try:
        while not crew.loaded():
            crew.tend(0.05)
            assert clock() < end_s
    finally:
        crew.stop(1.0)
    assert crew.said == [
        "The process 'page' failed: RuntimeError: at once The music goes on without it."
    ]
    assert crew.restarts == 0


def fails(seat):
    raise RuntimeError("at once")
