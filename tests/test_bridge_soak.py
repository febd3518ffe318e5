"""`bench soak`: what it makes of what it hears, and a short one for real."""

import json
import random
import shutil
import signal

import numpy as np
import pytest

from bridge.bench import command, soak
from bridge.bench.soak import ENDS_S, FAULTS, HAND_S, Fault
from bridge.bench.victim import Simple
from bridge.bench.witness import PEDAL, Witness
from music.condition import Condition
from music.events import Note


def test_every_fault_comes_as_often_as_every_other_and_the_seed_decides():
    faults = list(soak._order(2 * len(FAULTS), random.Random(3)))
    assert all(faults.count(fault) == 2 for fault in FAULTS)
    assert faults == list(soak._order(2 * len(FAULTS), random.Random(3)))
    assert faults != list(soak._order(2 * len(FAULTS), random.Random(4)))


def test_what_must_be_silent_has_a_limit():
    assert Fault("hand", signal.SIGKILL).limit_s == HAND_S
    assert Fault("mind", signal.SIGSTOP).limit_s == ENDS_S
    assert Fault("supervisor", signal.SIGKILL).limit_s == ENDS_S
    assert Fault("page", signal.SIGKILL).limit_s is None
    assert Fault("all", signal.SIGSTOP).limit_s is None


MIX = Condition((0.25, 0.25, 0.25, 0.25))


@pytest.fixture
def witness():
    """One that hears what it is told."""
    one = object.__new__(Witness)
    one.struck, one._sounding, one._ended = 0, {}, []
    return one


def test_a_witness_knows_what_sounded_and_for_how_long(witness):
    for time_s, message in (
        (1.0, "b0407f"), (1.0, "903c40"), (1.5, "904040"), (2.0, "803c00"), (2.1, "b04000"),
        (11.0, "904000"), (12.0, "904140"),
    ):  # fmt: skip
        witness._hear(time_s, bytes.fromhex(message))
    assert witness.struck == 3
    assert witness.down() == [0x41]
    assert witness.longer(8.5) == 1
    assert witness.outlived_s(1.2, 0.0) == pytest.approx(0.9)  # the pedal's, not the later key's
    assert witness.outlived_s(0.5, 0.0) == 0.0
    assert PEDAL not in witness.down()


def test_flatness_is_the_growth_in_an_hour():
    times_s = np.arange(0.0, 3600.0, 60.0)
    costs = [soak.Cost(t, 500.0 + t / 360.0, 400.0, 40) for t in times_s]
    told = soak._flatness(costs)
    assert told["memory_mb"]["an_hour"] == pytest.approx(10.0)
    assert told["unfiled_mb"] == {"first": 400.0, "last": 400.0, "max": 400.0, "an_hour": 0.0}
    assert told["open_files"]["max"] == 40
    assert soak._flatness([]) == {}


def test_the_simple_composer_goes_on_for_ever_and_takes_back():
    composer = Simple(0)
    notes = [e for _ in range(64) for e in composer.step(MIX) if isinstance(e, Note)]
    assert len(notes) > 32
    composer.rewind(3.1)
    assert composer.horizon_s == 3.25 / 2


@pytest.mark.lsl
@pytest.mark.jack
@pytest.mark.skipif(shutil.which("jackd") is None, reason="no JACK server on this machine")
def test_a_short_soak_for_real(capsys, monkeypatch):
    pytest.importorskip("jack", reason="JACK-Client is not installed")
    faults = [Fault("mind", signal.SIGKILL), Fault("hand", signal.SIGKILL)]
    monkeypatch.setattr(soak, "FAULTS", faults)
    words = ["soak", "--simple", "--faults", "2", "--minutes", "0.05", "--seed", "1", "--json"]
    assert command.main(words) == 0
    told = json.loads(capsys.readouterr().out.splitlines()[-1])["soak"]
    assert set(told["outlived"]) == {"mind SIGKILL", "hand SIGKILL", "all SIGINT"}
    assert (told["hanging"], told["starts"], told["restarts"], told["unreadable"]) == (0, 1, 2, 0)
    assert told["notes"] > 10
