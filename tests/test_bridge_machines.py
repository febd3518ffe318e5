"""One machine listens, another one plays: started, stopped, cut off, and back by themselves."""

import json
import signal
from contextlib import ExitStack, closing

import numpy as np
import pytest
import pyxdf
from machines import AHEAD_S, HEARS, LISTENS, PLAYS, Network, can_be_apart
from wire import HEADSET, until

from bridge.cli import build_parser, main
from bridge.relay import address, wanted

pytestmark = pytest.mark.lsl
APART = can_be_apart()
NAME = "Anna"


@pytest.fixture
def stack():
    with ExitStack() as kept:
        yield kept


def told(program, name):
    return json.loads(program.lines[-1])[name] if program.lines else None


def times_s(folder):
    """Capsules of a session by what they hold, which is the same on both machines: their stamps."""
    lines = [json.loads(line) for line in (folder / "capsules.jsonl").read_text().splitlines()]
    return {tuple(one["probabilities"]): one["time_s"] for one in lines}


def listens(network, folder):
    return network.second.python(LISTENS, NAME, "Headset there", folder)


@pytest.mark.skipif(not APART, reason="needs root and Linux's namespaces of network and time")
def test_two_machines_with_two_clocks_play_as_one_whatever_happens_to_the_other(stack, tmp_path):
    network = stack.enter_context(closing(Network(apart=True)))
    plays = stack.enter_context(closing(network.first.python(PLAYS, NAME, tmp_path / "piano")))
    headset = network.second.python(HEADSET, "Headset there", "id there")
    stack.enter_context(closing(headset))
    there = stack.enter_context(closing(listens(network, tmp_path / "there")))
    until(lambda: (told(plays, "notes") or 0) > 5, "the music")
    assert told(plays, "signal") in ("LIVE", "LATE")
    assert told(plays, "sample_age_s") < 1.0  # five seconds, were it not for LSL's correction
    assert NAME in told(plays, "stream")

    network.power_fails(there, headset)
    until(lambda: told(plays, "mood") == "REST", "the piano to close")
    until(lambda: silent(plays), "silence")
    network.power_returns()
    stack.enter_context(closing(network.second.python(HEADSET, "Headset there", "id there")))
    again = stack.enter_context(closing(listens(network, tmp_path / "again")))
    notes = told(plays, "notes")
    until(lambda: told(plays, "mood") == "PLAYING", "the emotion to be back")
    until(lambda: told(plays, "notes") > notes + 5, "more music")
    assert told(plays, "restarts") == 0
    for program in (plays, again):
        program.kill(signal.SIGINT)
        assert program.ended() == 0, program.errors
    here, far = times_s(tmp_path / "piano"), times_s(tmp_path / "there")
    apart_s = [far[one] - here[one] for one in here if one in far]
    np.testing.assert_allclose(apart_s, AHEAD_S, atol=0.02)
    given, kept = int(again.lines[-1]), len(times_s(tmp_path / "again"))
    assert kept >= given - 4, "the recording began later than the emotion"
    streams, _ = pyxdf.load_xdf(str(tmp_path / "again" / "session.xdf"))
    assert {s["info"]["type"][0] for s in streams} >= {"EEG", "Emotion"}
    streams, _ = pyxdf.load_xdf(str(tmp_path / "piano" / "session.xdf"))
    assert "EEG" not in {s["info"]["type"][0] for s in streams}


@pytest.mark.skipif(not APART, reason="needs root and Linux's namespaces of network and time")
def test_a_headset_whose_machine_does_not_tell_its_clock_is_timed_by_arrival(stack):
    network = stack.enter_context(closing(Network(apart=True)))
    network.firewall()
    stack.enter_context(closing(network.second.python(HEADSET, "Headset there", "id there")))
    hears = stack.enter_context(closing(network.first.python(HEARS, "Headset there")))
    until(lambda: hears.lines, "its samples")
    assert hears.lines[0] == "True True", hears.errors


def silent(plays):
    """No note in the last second of what was told, four times a second."""
    counts = [json.loads(line)["notes"] for line in plays.lines[-5:]]
    return len(counts) == 5 and counts[0] == counts[-1]


@pytest.mark.skipif(APART, reason="the same is tried with two namespaces")
def test_a_listener_that_stops_is_a_piano_that_closes_and_goes_on(stack, tmp_path):
    network = stack.enter_context(closing(Network(apart=False)))
    plays = stack.enter_context(closing(network.first.python(PLAYS, NAME, tmp_path / "piano")))
    headset = network.second.python(HEADSET, "Headset there", "id there")
    stack.enter_context(closing(headset))
    there = stack.enter_context(closing(listens(network, tmp_path / "there")))
    until(lambda: (told(plays, "notes") or 0) > 5, "the music")
    there.kill_all(signal.SIGKILL)
    until(lambda: told(plays, "mood") == "REST", "the piano to close")
    stack.enter_context(closing(listens(network, tmp_path / "again")))
    until(lambda: told(plays, "mood") == "PLAYING", "the emotion to be back")


def test_whose_capsules_are_meant():
    assert wanted("Anna", address("Anna"))
    assert wanted(address("Anna"), address("Anna"))
    assert not wanted("Anna", address("Annabel"))
    assert wanted("", address("Annabel"))
    assert not wanted("", "emocapsule-capsules-0")  # of a performance that has a piano of its own


def test_what_is_meant_for_the_other_machine_is_refused(capsys):
    for words in ("--stream Muse", "--rest 30", "--profile me.json"):
        assert main(["live", "--capsules", "Anna", *words.split()]) == 1
        assert "another machine listens" in capsys.readouterr().err
    assert build_parser().parse_args(["live", "--capsules"]).capsules == ""
