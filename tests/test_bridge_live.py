"""The live wire, really: a foreign LSL outlet, our processes, JACK and a listener on the port."""

import json
import os
import shutil
import signal
import uuid
from contextlib import closing

import pytest
from wire import HEADSET, Jack, Listener, Ourselves, python, until

pytestmark = [
    pytest.mark.lsl,
    pytest.mark.jack,
    pytest.mark.skipif(shutil.which("jackd") is None, reason="no JACK server on this machine"),
]


@pytest.fixture(scope="module")
def jack():
    pytest.importorskip("jack", reason="JACK-Client is not installed")
    with closing(Jack()) as server:
        os.environ["JACK_DEFAULT_SERVER"] = server.name
        yield server
        del os.environ["JACK_DEFAULT_SERVER"]


@pytest.fixture
def headset():
    """Starts the stream, again under the same source id when it is called again."""
    name = f"Headset {uuid.uuid4().hex[:6]}"
    started = []

    def start():
        started.append(python(HEADSET, name, f"id of {name}"))
        return started[-1]

    start.stream = name
    yield start
    for one in started:
        one.close()


@pytest.fixture
def playing(jack, headset, tmp_path):
    """Ourselves and a listener, ten notes into the music."""
    outlet = headset()
    with closing(Listener()) as listener:
        with closing(Ourselves(headset.stream, tmp_path / "session")) as ourselves:
            until(lambda: len(listener.strikes()) >= 10, "ten notes")
            yield ourselves, listener, outlet
        errors = [line for line in ourselves.errors if "Traceback" in line]
        assert not errors, ourselves.errors


def more_notes(listener, count=10):
    before = len(listener.strikes())
    until(lambda: len(listener.strikes()) >= before + count, "more notes")


def test_an_outlet_lost_and_found_and_an_orderly_end(playing, headset, tmp_path):
    ourselves, listener, outlet = playing
    outlet.kill()
    until(lambda: ourselves.told()["signal"] in ("STALE", "LOST"), "the loss to be seen")
    headset()
    until(lambda: ourselves.told()["signal"] == "LIVE", "the signal to be back")
    more_notes(listener)
    ourselves.kill(signal.SIGINT)
    assert ourselves.ended() == 0
    until(lambda: not listener.down(), "silence", 2.0)
    session = tmp_path / "session"
    told = json.loads((session / "session.json").read_text())
    assert told["state"] == "complete"
    assert told["notes"] == len(listener.strikes())
    assert (session / "capsules.jsonl").read_text().count("\n") == told["capsules"]
    assert told["samples"] > 256


def test_without_its_mind_the_piano_falls_silent_then_goes_on(playing):
    ourselves, listener, _ = playing
    until(listener.down, "a key that is down")
    os.kill(ourselves.pid("mind"), signal.SIGKILL)
    until(lambda: not listener.down(), "silence", 2.0)
    more_notes(listener)
    assert ourselves.told()["restarts"] == 1


def test_a_frozen_mind_is_silence_too(playing):
    ourselves, listener, _ = playing
    mind = ourselves.pid("mind")
    until(listener.down, "a key that is down")
    os.kill(mind, signal.SIGSTOP)
    until(lambda: not listener.down(), "silence", 2.0)
    os.kill(mind, signal.SIGCONT)
    more_notes(listener)


def test_without_its_supervisor_nothing_hangs_and_nobody_stays(playing, tmp_path):
    ourselves, listener, _ = playing
    pids = list(ourselves.told()["pids"].values())
    until(listener.down, "a key that is down")
    ourselves.kill()
    until(lambda: not listener.down(), "silence", 2.0)
    until(lambda: not any(alive(pid) for pid in pids), "the processes to leave")
    told = json.loads((tmp_path / "session" / "session.json").read_text())
    assert told["state"] == "complete"  # the recorder outlived it too


def test_a_hand_that_is_killed_or_frozen_is_replaced_and_reaches_its_listener(
    jack, headset, tmp_path
):
    headset()
    with (
        closing(Listener("--once")) as listener,
        closing(Ourselves(headset.stream, tmp_path / "session")) as ourselves,
    ):
        until(lambda: len(listener.strikes()) >= 10, "ten notes")
        for number in (signal.SIGKILL, signal.SIGSTOP):
            restarts = ourselves.told()["restarts"]
            until(listener.down, "a key that is down")
            os.kill(ourselves.pid("hand"), number)
            until(lambda: not listener.down(), "silence", 3.0)
            more_notes(listener)
            assert ourselves.told()["restarts"] == restarts + 1
        ourselves.kill(signal.SIGTERM)
        assert ourselves.ended() == 0
        until(lambda: not listener.down(), "silence", 2.0)


def test_an_ear_and_a_recorder_that_die_are_replaced(playing, tmp_path):
    ourselves, listener, _ = playing
    for name in ("ear", "recorder"):
        os.kill(ourselves.pid(name), signal.SIGKILL)
    until(lambda: ourselves.told()["restarts"] == 2, "both to be started again")
    capsules = ourselves.told()["capsules"]
    until(lambda: ourselves.told()["capsules"] > capsules, "new capsules")
    more_notes(listener)
    continued = tmp_path / "session" / "continued" / "capsules.jsonl"
    until(lambda: continued.exists() and continued.stat().st_size, "the recording to go on")


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
