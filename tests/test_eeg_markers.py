"""Markers of others: every stream of texts is heard, whenever it comes; nobody is waited for."""

import time
import uuid
from contextlib import closing
from dataclasses import replace

import fakes
import numpy as np
import pylsl
import pytest
from pylsl.util import TimeoutError
from wire import until

from bridge import pipeline
from bridge.plan import Plan
from bridge.session.kept import read_session
from bridge.session.xdf import XdfFile, XdfStream
from eeg.lsl import Markers, Outlet, clock
from eeg.markers import MOST_CHARACTERS, MarkerInlets
from eeg.recording import read_recording
from eeg.synthetic import write_edf
from eeg.xdf import LOG_STREAM, read_tracks

pytestmark = pytest.mark.lsl
NAME = "PsychoPy"


@pytest.fixture
def heard():
    """A name or source id that no other stream has."""
    return uuid.uuid4().hex


def texts(inlets, wanted, kept):
    """Whether every wanted text has come by now."""
    kept += inlets.pull()
    return set(wanted) <= {marker.text for marker in kept}


def connected(inlets, outlet):
    """Looks, until the inlet is open."""
    inlets.pull()
    return outlet._outlet.have_consumers()


def test_a_stream_is_found_and_its_texts_are_stamped_on_our_clock(heard):
    inlets, kept = MarkerInlets(heard), []
    outlet = Markers(NAME, heard)
    until(lambda: connected(inlets, outlet))
    sent_s = clock()
    outlet.push("Q1 begins", sent_s)
    until(lambda: texts(inlets, ["Q1 begins"], kept))
    (marker,) = kept
    assert (marker.stream, marker.source_id) == (NAME, heard)
    assert marker.time_s == pytest.approx(sent_s, abs=0.01)


def test_texts_of_a_clock_that_cannot_be_asked_are_stamped_when_they_arrive(heard, monkeypatch):
    """As liblsl does 5 s after the first look, if UDP is held back."""
    real, looks = pylsl.StreamInlet.pull_chunk, []

    def pull_chunk(inlet, *words):
        looks.append(inlet)
        if len(looks) == 1:
            raise TimeoutError("the operation failed due to a timeout.")
        return real(inlet, *words)

    monkeypatch.setattr(pylsl.StreamInlet, "pull_chunk", pull_chunk)
    inlets, kept = MarkerInlets(heard), []
    outlet = Markers(NAME, heard)
    until(lambda: connected(inlets, outlet) and len(looks) > 1)
    sent_s = clock()
    outlet.push("Q1 begins", sent_s - 100.0)
    until(lambda: texts(inlets, ["Q1 begins"], kept))
    assert kept[0].time_s >= sent_s


def test_a_stream_that_goes_and_comes_back_is_heard_again(heard):
    inlets, kept = MarkerInlets(heard), []
    for text in ("before", "after"):
        outlet = Markers(NAME, heard)
        until(lambda one=outlet: connected(inlets, one))
        outlet.push(text, clock())
        until(lambda one=text: texts(inlets, [one], kept))
        del outlet
    assert [marker.text for marker in kept] == ["before", "after"]


def test_only_texts_of_the_wanted_stream_are_taken(heard):
    """By name; neither another stream of markers nor numbers of the same name."""
    inlets, kept = MarkerInlets(heard), []
    numbers = Outlet(heard, "Markers", ("code",), 0.0, "", f"{heard}-numbers")
    other, mine = Markers(NAME, f"{heard}-other"), Markers(heard, f"{heard}-mine")
    until(lambda: connected(inlets, mine))
    for outlet, text in ((other, "other"), (mine, "mine")):
        outlet.push(text, clock())
    numbers.push(np.ones((1, 1)), np.array([clock()]))
    until(lambda: texts(inlets, ["mine"], kept))
    time.sleep(0.2)
    inlets.pull()
    assert [marker.text for marker in kept] == ["mine"]
    assert not other._outlet.have_consumers()
    assert not numbers.has_readers


def test_none_hears_nobody(heard):
    inlets = MarkerInlets("none")
    outlet = Markers(NAME, heard)
    time.sleep(0.5)
    assert inlets.pull() == []
    assert not outlet._outlet.have_consumers()


def test_channels_are_joined_long_texts_cut_and_what_is_no_text_left_out(heard):
    inlets, kept = MarkerInlets(heard), []
    info = pylsl.StreamInfo(NAME, "markers", 2, 0.0, pylsl.cf_string, heard)
    outlet = pylsl.StreamOutlet(info)
    until(lambda: inlets.pull() or outlet.have_consumers())
    outlet.push_sample(["x" * 9000, "y"])
    until(lambda: texts(inlets, ["x" * MOST_CHARACTERS], kept))
    outlet.push_sample(["go", "left"])
    until(lambda: texts(inlets, ["go left"], kept))


# ---------------------------------------------------------------------------- into a session


def test_markers_of_a_replay_are_in_the_session_and_our_own_words_are_no_labels(tmp_path):
    """The recording's events travel as a stream of markers, and notes.mid gets bars meanwhile."""
    events = ((2.0, "Q1 <b>"), (3.5, "Q3"))
    write_edf(tmp_path / "short.edf", replace(fakes.beginning(5.0), events=events))
    folder = tmp_path / "session"
    stand_ins = {"composer": fakes.Composer, "recogniser": fakes.recogniser}
    pipeline.replay(tmp_path / "short.edf", Plan(port="none", folder=folder, **stand_ins))
    kept = read_session(folder)
    marked = [(time_s, text) for time_s, stream, text in kept.said if stream]
    assert [text for _, text in marked] == ["Q1 <b>", "Q3"]
    assert marked[1][0] - marked[0][0] == pytest.approx(1.5, abs=0.05)
    assert kept.facts["markers"] == 2
    assert len(kept.state_s) >= 3
    steps_s = np.diff(kept.bars_s)
    assert len(steps_s) >= 1
    assert steps_s.min() == pytest.approx(2.0, abs=0.001)  # four beats at 120 a minute
    assert steps_s.max() < 3.0  # a busy machine may make one wait
    again = read_recording(folder / "session.xdf")
    assert [text for _, text in again.events] == ["Q1 <b>", "Q3"]


def test_what_the_program_said_ends_no_label(tmp_path):
    with closing(XdfFile(tmp_path / "a.xdf")) as file:
        eeg = file.add(XdfStream("Head", "EEG", ("AF7", "TP9"), 128.0, "float32", "microvolts"))
        file.write(eeg, np.random.default_rng(1).normal(0, 20, (1280, 2)), np.arange(1280) / 128)
        for name, text, time_s in ((NAME, "Q2", 1.0), (LOG_STREAM, "The signal is STALE.", 4.0)):
            form = ("Markers", ("marker",), 0.0, "string")
            file.mark(file.add(XdfStream(name, *form)), [text], [time_s])
    assert read_recording(tmp_path / "a.xdf").events == ((1.0, "Q2"),)
    assert {track.name for track in read_tracks(tmp_path / "a.xdf")} == {"Head", NAME, LOG_STREAM}


def test_a_name_that_xml_cannot_hold_leaves_the_file_readable(tmp_path):
    with closing(XdfFile(tmp_path / "a.xdf")) as file:
        hostile = XdfStream("\x01\x00]]>&lt;", "Markers", ("\x1b",), 0.0, "string", "", "\x08")
        file.mark(file.add(hostile), ["text \x01"], [1.0])
    (track,) = read_tracks(tmp_path / "a.xdf")
    assert track.texts == ("text \x01",)
    assert track.name == "\ufffd\ufffd]]>&lt;"
