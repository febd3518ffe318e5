"""Faults of the disk and of the recorder, injected into one performance: see FAULTS.md."""

import json
import os
import resource
import shutil
import signal
import time

import mido
import pytest
import pyxdf
from faulty import performing
from wire import Headset, until

from eeg.lsl import clock

pytestmark = [
    pytest.mark.lsl,
    pytest.mark.jack,
    pytest.mark.skipif(shutil.which("jackd") is None, reason="no JACK server on this machine"),
]


@pytest.fixture(scope="module")
def stage(jack, tmp_path_factory):
    folder = tmp_path_factory.mktemp("disk") / "session"
    with performing(Headset(), folder) as stage:
        until(lambda: len(eeg(folder)) > 256, "the recording")
        yield stage


def eeg(folder):
    """Stamps of the EEG that is in a folder."""
    if not (folder / "session.xdf").exists():
        return []
    streams, _ = pyxdf.load_xdf(str(folder / "session.xdf"), dejitter_timestamps=False)
    found = [one["time_stamps"] for one in streams if one["info"]["type"][0] == "EEG"]
    return found[0] if found else []


def whole(folder):
    """How many samples, capsules and notes; all of it can be read, and no key is struck twice."""
    lines = (folder / "capsules.jsonl").read_text().splitlines()
    assert all("probabilities" in json.loads(line) for line in lines)
    struck, down = 0, set()
    for message in mido.MidiFile(str(folder / "notes.mid")).tracks[0]:
        struck += message.type == "note_on"
        if message.type == "note_on":
            assert message.note not in down
            down.add(message.note)
        elif message.type == "note_off":
            down.discard(message.note)
    return len(eeg(folder)), len(lines), struck


def says(stage, words):
    until(lambda: any(words in sentence for sentence in stage.ourselves.said()), words)


def whole_yet(folder):
    capsules = folder / "capsules.jsonl"
    return capsules.exists() and capsules.stat().st_size > 0 and len(eeg(folder)) > 256


def test_a_recorder_that_froze_has_lost_nothing(stage):
    pid = stage.ourselves.pid("recorder")
    os.kill(pid, signal.SIGSTOP)
    time.sleep(3.0)
    stage.plays()
    now_s = clock()
    os.kill(pid, signal.SIGCONT)
    until(lambda: eeg(stage.folder)[-1] > now_s, "what came meanwhile")
    stamps_s = eeg(stage.folder)
    assert (stamps_s[1:] - stamps_s[:-1]).max() < 0.5  # a headset may be late under load


def test_a_killed_recorder_loses_a_second_at_most_and_is_never_written_over(stage):
    for name in ("continued", "continued-2"):
        before = stage.folder if name == "continued" else stage.folder / "continued"
        killed_s = clock()
        os.kill(stage.ourselves.pid("recorder"), signal.SIGKILL)
        assert eeg(before)[-1] > killed_s - 1.0
        samples, capsules, struck = whole(before)
        assert min(samples, capsules, struck) > 0
        until(lambda name=name: whole_yet(stage.folder / name), "the recording to go on")
        assert whole(before) == (samples, capsules, struck)


def test_a_full_disk_stops_the_recording_not_the_music_and_it_goes_on_with_room(stage):
    pid, restarts = stage.ourselves.pid("recorder"), stage.told("restarts")
    full = stage.folder / "continued-2"
    least = min((full / name).stat().st_size for name in ("capsules.jsonl", "session.xdf"))
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (least + 3000, resource.RLIM_INFINITY))
    says(stage, "RECORDING FAILED")
    assert min(whole(full)) > 0
    assert json.loads((full / "session.json").read_text())["state"] == "failed"
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
    stage.plays()
    says(stage, "The recording goes on in")
    until(lambda: whole_yet(stage.folder / "continued-3"), "the recording to go on")
    assert stage.told("restarts") == restarts


def test_a_folder_that_is_deleted_is_told_and_made_anew(stage):
    shutil.rmtree(stage.folder)
    says(stage, "was deleted")
    stage.plays()
    until(lambda: whole_yet(stage.folder), "the recording to go on")


def test_a_killed_hand_leaves_no_note_on_in_the_recording(stage):
    until(stage.listener.down, "a key that is down")
    os.kill(stage.ourselves.pid("hand"), signal.SIGKILL)
    struck = whole(stage.folder)[2]
    until(lambda: whole(stage.folder)[2] > struck + 20, "the notes of another hand")


def test_killed_all_at_once_the_last_second_is_all_that_is_lost(stage):
    killed_s = clock()
    stage.ourselves.kill_all(signal.SIGKILL)
    stage.ourselves.ended()
    assert eeg(stage.folder)[-1] > killed_s - 1.0
    samples, capsules, struck = whole(stage.folder)
    assert min(samples, capsules, struck) > 0
