"""`emocapsule learn`: one controller moves alone, so that a DAW's MIDI-learn catches it."""

import io
import shutil
from contextlib import closing

import pytest
from daws import CONTROL
from wire import Listener, python

from bridge.cli import main


def test_learn_waits_for_enter_before_each(monkeypatch, capsys):
    monkeypatch.setattr("bridge.daw.control.SWEEP_S", 0.1)
    monkeypatch.setattr("sys.stdin", io.StringIO("\n\n"))
    assert main(["learn", "valence", "q1", "--cc", "q1=11", "--port", "none"]) == 0
    told = capsys.readouterr().err.splitlines()
    assert told[0] == "Let the DAW learn valence (controller 20), then press Enter."
    assert told[1].startswith("valence (controller 20) moves for")
    assert told[2] == "Let the DAW learn q1 (controller 11), then press Enter."


@pytest.mark.lsl
@pytest.mark.jack
@pytest.mark.skipif(shutil.which("jackd") is None, reason="no JACK server on this machine")
def test_only_one_controller_moves(jack):
    with (
        closing(Listener("--once", port=CONTROL)) as control,
        closing(Listener("--once")) as notes,
    ):
        learn = "import sys; from bridge.cli import main; sys.exit(main(sys.argv[1:]))"
        with closing(python(learn, "learn", "arousal", "--channel", "2", "--after", "1")) as us:
            assert us.ended() == 0, us.errors
        messages = [message for _, message in control.events()]
        assert {message[:2] for message in messages} == {b"\xb1\x15"}
        moved = [message[2] for message in messages]
        assert (max(moved), moved[-1]) == (127, 0)
        assert 50 < len(moved) <= 76
        assert notes.events() == []
