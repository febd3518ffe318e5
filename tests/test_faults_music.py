"""Faults of those who make the music, injected into one performance: see FAULTS.md."""

import os
import shutil
import signal
import time
from contextlib import closing

import pytest
from faulty import ASKED, CHORD, performing
from wire import Headset, Listener, Ourselves, python, until

pytestmark = [
    pytest.mark.lsl,
    pytest.mark.jack,
    pytest.mark.skipif(shutil.which("jackd") is None, reason="no JACK server on this machine"),
]

PLAYED = set(range(60, 76)) | {"pedal"}  # by a composer that is well


@pytest.fixture(scope="module")
def stage(jack, tmp_path_factory):
    folder = tmp_path_factory.mktemp("music")
    os.environ[ASKED] = str(folder / "fault")
    with performing(Headset(), folder / "s", composer="faulty.Composer") as stage:
        yield stage
    del os.environ[ASKED]


def asks(stage, fault):
    asked, part = stage.folder.with_name("fault"), stage.folder.with_name("part")
    part.write_text(fault)
    part.rename(asked)
    until(lambda: not asked.exists(), "the composer to be asked")


@pytest.mark.parametrize("fault", ["stall", "hog"])
def test_a_composer_that_stalls_or_keeps_the_interpreter_is_silence_and_no_more(stage, fault):
    restarts = stage.told("restarts")
    until(stage.listener.down, "a key that is down")
    asks(stage, fault)
    until(lambda: not stage.listener.down(), "silence", 2.0)
    stage.plays()
    assert stage.told("restarts") == restarts


@pytest.mark.parametrize("fault", ["invalid", "crash", "hang"])
def test_a_composer_that_fails_is_begun_anew(stage, fault):
    restarts = stage.told("restarts")
    until(stage.listener.down, "a key that is down")
    asks(stage, fault)
    until(lambda: not stage.listener.down(), "silence", 2.0)
    until(lambda: stage.told("restarts") == restarts + 1, "another mind")
    stage.plays()
    why = {"invalid": "pitch 999", "crash": "'mind' died (-11)", "hang": "'mind' hangs"}[fault]
    assert any(why in sentence for sentence in stage.ourselves.said())


def test_a_flood_of_notes_is_thinned_and_every_one_of_them_ends(stage):
    restarts, before = stage.told("restarts"), len(stage.listener.strikes())
    asks(stage, "flood")
    until(lambda: len(stage.listener.strikes()) > before + 400, "the flood")

    def over():  # that no key of it is down is not enough: so it is between two of its waves
        strikes = stage.listener.strikes()
        return strikes[-1][0] - max(t for t, key in strikes if key not in PLAYED) > 1.0

    until(over, "its end")
    assert not stage.listener.down() & (set(CHORD) - PLAYED)
    stage.plays()
    assert stage.told("restarts") == restarts


HOG = "while True: pass"


def test_under_load_and_without_its_supervisor_the_music_goes_on_and_an_endless_note_ends(stage):
    restarts = stage.told("restarts")
    asks(stage, "hold")
    until(lambda: 30 in stage.listener.down(), "the endless note")
    with closing(python(HOG)), closing(python(HOG)):
        stage.plays(10)
    stage.ourselves.kill(signal.SIGSTOP)
    stage.plays(10)
    time.sleep(1.0)  # more than hand may be silent, if anybody looked
    stage.ourselves.kill(signal.SIGCONT)
    stage.plays()
    until(lambda: 30 not in stage.listener.down(), "the endless note to end", 9.0)
    struck = [t for t, key in stage.listener.strikes() if key == 30][-1]
    ended = [t for t, e in stage.listener.sent(0x80) if e[1] == 30][-1]
    assert 7.5 < ended - struck < 8.5
    assert stage.told("restarts") == restarts


def test_frozen_together_and_woken_they_play_nothing_old(stage):
    restarts = stage.told("restarts")
    stage.ourselves.kill_all(signal.SIGSTOP)
    time.sleep(2.0)
    heard = len(stage.listener.strikes())
    stage.ourselves.kill_all(signal.SIGCONT)
    stage.plays()
    times = [t for t, _ in stage.listener.strikes()[heard:]]
    assert not [t for t in times if t < times[0] + 0.05][2:]  # no burst
    until(lambda: stage.told("signal") == "LIVE", "the signal")
    assert stage.told("restarts") == restarts, stage.ourselves.said()


def test_a_listener_that_freezes_dies_and_comes_back_hears_the_music_again(stage):
    restarts = stage.told("restarts")
    with closing(Listener("--never")) as frozen:
        frozen.kill(signal.SIGSTOP)
        time.sleep(1.0)
        frozen.kill(signal.SIGCONT)
        stage.plays()
        frozen.kill()
        stage.plays()
    with closing(Listener("--never")):
        stage.plays()
    assert stage.told("restarts") == restarts


def test_a_second_program_beside_ours_takes_nothing_from_it(stage, tmp_path):
    restarts = stage.told("restarts")
    second = Ourselves(stage.headset.name, tmp_path / "s", composer="faulty.Composer")
    with closing(second):
        until(lambda: second.lines and second.told()["notes"] > 5, "the second one's music")
        stage.plays()
        second.kill(signal.SIGTERM)
        assert second.ended() == 0
        assert any("Another program has MIDI ports" in sentence for sentence in second.said())
    stage.plays()
    assert stage.told("restarts") == restarts


def test_in_the_middle_of_a_chord_it_ends_in_order(stage):
    until(stage.listener.down, "a key that is down")
    stage.ourselves.kill(signal.SIGTERM)
    assert stage.ourselves.ended() == 0
    until(lambda: not stage.listener.down(), "silence", 2.0)
