"""The live wire, really: a foreign LSL outlet, our processes, JACK and a listener on the port."""

import json
import os
import shutil
import signal
from contextlib import closing, contextmanager

import mido
import pytest
import pyxdf
from wire import Headset, Jack, Listener, Ourselves, until

pytestmark = [
    pytest.mark.lsl,
    pytest.mark.jack,
    pytest.mark.skipif(shutil.which("jackd") is None, reason="no JACK server on this machine"),
]


@contextmanager
def performance(folder):
    """A headset, ourselves and a listener that connects only once, ten notes into the music."""
    with (
        closing(Headset()) as headset,
        closing(Listener("--once")) as listener,
        closing(Ourselves(headset.name, folder)) as ourselves,
    ):
        until(lambda: len(listener.strikes()) >= 10, "ten notes")
        until(lambda: ourselves.told()["capsules"] > 3, "the wearer's first second")
        yield headset, ourselves, listener
    errors = [line for line in ourselves.errors if "Traceback" in line]
    assert not errors, ourselves.errors


@pytest.fixture(scope="module")
def playing(jack, tmp_path_factory):
    """One performance that all faults happen to."""
    folder = tmp_path_factory.mktemp("live") / "session"
    with performance(folder) as (_, ourselves, listener):
        yield folder, ourselves, listener


def more_notes(listener):
    before = len(listener.strikes())
    until(lambda: len(listener.strikes()) >= before + 10, "more notes")


def test_an_outlet_lost_and_found_and_ctrl_c_leave_no_note_on(jack, tmp_path):
    folder = tmp_path / "session"
    with performance(folder) as (headset, ourselves, listener):
        headset.program.kill()
        until(lambda: ourselves.told()["signal"] in ("STALE", "LOST"), "the loss to be seen")
        headset.start()
        until(lambda: ourselves.told()["signal"] == "LIVE", "the signal to be back")
        more_notes(listener)
        ourselves.kill_all(signal.SIGINT)  # as a terminal does
        assert ourselves.ended() == 0
        until(lambda: not listener.down(), "silence", 2.0)
        told = json.loads((folder / "session.json").read_text())
        assert told["state"] == "complete"
        assert told["notes"] == len(listener.strikes())
    assert (folder / "capsules.jsonl").read_text().count("\n") == told["capsules"] > 3
    assert told["samples"] > 512


def test_without_its_supervisor_nothing_hangs_and_nobody_stays(jack, tmp_path):
    folder = tmp_path / "session"
    with performance(folder) as (_, ourselves, listener):
        pids = list(ourselves.told()["pids"].values())
        until(listener.down, "a key that is down")
        ourselves.kill()
        until(lambda: not listener.down(), "silence", 2.0)
        until(lambda: not any(alive(pid) for pid in pids), "the processes to leave")
    told = json.loads((folder / "session.json").read_text())
    assert told["state"] == "complete"  # the recorder outlived it too


def test_without_its_mind_the_piano_falls_silent_then_goes_on(playing):
    _, ourselves, listener = playing
    restarts = ourselves.told()["restarts"]
    until(listener.down, "a key that is down")
    os.kill(ourselves.pid("mind"), signal.SIGKILL)
    until(lambda: not listener.down(), "silence", 2.0)
    more_notes(listener)
    assert ourselves.told()["restarts"] == restarts + 1


def test_a_frozen_mind_is_silence_too(playing):
    _, ourselves, listener = playing
    mind = ourselves.pid("mind")
    until(listener.down, "a key that is down")
    os.kill(mind, signal.SIGSTOP)
    until(lambda: not listener.down(), "silence", 2.0)
    os.kill(mind, signal.SIGCONT)
    more_notes(listener)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "frozen"])
def test_another_hand_releases_what_the_lost_one_held_and_reaches_its_listener(playing, number):
    _, ourselves, listener = playing
    restarts = ourselves.told()["restarts"]
    held = until(listener.down, "a key that is down")
    heard = len(listener.events())
    os.kill(ourselves.pid("hand"), number)
    until(lambda: held <= listener.released(heard), "the keys to be released", 5.0)
    more_notes(listener)
    assert ourselves.told()["restarts"] == restarts + 1


def test_an_ear_and_a_recorder_that_die_are_replaced(playing):
    folder, ourselves, listener = playing
    restarts = ourselves.told()["restarts"]
    for name in ("ear", "recorder"):
        os.kill(ourselves.pid(name), signal.SIGKILL)
    until(lambda: ourselves.told()["restarts"] == restarts + 2, "both to be started again")
    capsules = ourselves.told()["capsules"]
    until(lambda: ourselves.told()["capsules"] > capsules, "new capsules")
    more_notes(listener)
    continued = folder / "continued" / "capsules.jsonl"
    until(lambda: continued.exists() and continued.stat().st_size, "the recording to go on")
    streams, _ = pyxdf.load_xdf(str(folder / "session.xdf"))  # as the kill left it
    assert {s["info"]["type"][0] for s in streams} >= {"EEG", "Emotion", "MIDI"}
    assert mido.MidiFile(str(folder / "notes.mid")).length > 1.0


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_midi_server_that_dies_is_said_aloud_and_awaited(jack, tmp_path, monkeypatch):
    with closing(Jack()) as server:
        monkeypatch.setenv("JACK_DEFAULT_SERVER", server.name)
        with performance(tmp_path / "session") as (_, ourselves, first):
            server.close()
            first.close()  # JACK's semaphores bear its name: the next one's would be woken for it
            gone = "The MIDI port emocapsule:notes (Jack) has gone; waiting for it."
            until(lambda: gone in ourselves.said(), "the sentence")
            capsules = ourselves.told()["capsules"]
            with closing(Jack(server.name)), closing(Listener("--never")) as listener:
                more_notes(listener)  # connected by us
                assert ourselves.told()["capsules"] > capsules
                until(listener.down, "a key that is down")
                os.kill(ourselves.pid("hand"), signal.SIGSTOP)
                ourselves.kill(signal.SIGTERM)  # in the very moment that hand cannot act
                assert ourselves.ended() == 0
                until(lambda: not listener.down(), "silence", 2.0)
