"""Processes without a MIDI server: replay over real LSL, and beginnings that cannot succeed."""

import json
import multiprocessing
from contextlib import closing
from urllib.request import urlopen

import fakes
import numpy as np
import pytest
import pyxdf
from wire import HEADSET, python

from bridge import pipeline
from bridge.errors import BridgeError
from bridge.page.door import new_door
from bridge.pipeline import Plan
from eeg.synthetic import write_edf

pytestmark = pytest.mark.lsl
LENGTH_S = 5.0


@pytest.fixture(autouse=True)
def nobody_stays():
    yield
    assert not multiprocessing.active_children()


def plan(**changes):
    told = {"port": "none", "composer": fakes.Composer, "recogniser": fakes.recogniser}
    return Plan(**(told | changes))


def test_a_recording_is_replayed_as_a_real_stream_and_leaves_a_session(tmp_path):
    whole = fakes.beginning(LENGTH_S)
    path = tmp_path / "short.edf"
    write_edf(path, whole)
    shown, answers = [], []

    def show(snapshot):
        shown.append(snapshot)
        if snapshot.page and not answers:
            with urlopen(snapshot.page, timeout=10.0) as answer:
                answers.append(answer.status)

    door = new_door()
    last = pipeline.replay(path, plan(folder=tmp_path / "session", page=door), show)
    assert (answers, last.page) == ([200], door.link)
    assert last.restarts == 0
    assert last.capsules >= 4 * (LENGTH_S - 2.5)
    assert last.notes > 10
    assert {"WAITING", "PLAYING"} <= {one.mood for one in shown}
    assert [sentence for one in [*shown, last] for sentence in one.said] == []  # no false alarm
    told = json.loads((tmp_path / "session" / "session.json").read_text())
    assert told["state"] == "complete"
    assert told["samples"] >= 0.9 * len(whole.times_s)
    file = str(tmp_path / "session" / "session.xdf")
    streams, _ = pyxdf.load_xdf(file, dejitter_timestamps=False)
    eeg = next(one for one in streams if one["info"]["type"][0] == "EEG")
    recorded = np.asarray(eeg["time_series"])
    start = int(np.argmin(np.abs(whole.samples_uv - recorded[0]).sum(axis=1)))
    np.testing.assert_allclose(  # as far as an EDF's 16 bits go
        recorded, whole.samples_uv[start : start + len(recorded)], atol=0.5
    )
    steps_s = np.diff(eeg["time_stamps"])
    np.testing.assert_allclose(steps_s, 1 / whole.signal.rate_hz, atol=2e-3)


def test_no_stream_is_one_sentence():
    with pytest.raises(BridgeError, match="no LSL stream named 'nobody'"):
        pipeline.live("nobody", plan(), wait_s=0.5)


def test_a_port_that_is_not_there_is_one_sentence(monkeypatch):
    monkeypatch.setenv("JACK_DEFAULT_SERVER", "nowhere at all")
    with pytest.raises(BridgeError, match=r"No MIDI (port is called 'organ'|system answers)"):
        pipeline.live("nobody", plan(port="organ"), wait_s=0.5)


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(BridgeError, match="cannot be written"):
        pipeline.live("nobody", plan(folder=tmp_path / "file" / "session"), wait_s=0.5)


def test_a_missing_recording_is_one_sentence(tmp_path):
    with pytest.raises(BridgeError, match=r"missing\.edf"):
        pipeline.replay(tmp_path / "missing.edf", plan())


def test_volts_for_microvolts_are_one_sentence():
    with (
        closing(python(HEADSET, "Volts", "volts id", "1e-6")),
        pytest.raises(BridgeError, match="probably in volts"),
    ):
        pipeline.live("Volts", plan(duration_s=20.0))
