"""Faults of the signal, injected one after the other into one performance: see FAULTS.md."""

import math
import os
import shutil
import signal
from contextlib import closing

import numpy as np
import pytest
import pyxdf
from faulty import MUSE, Headset, performing
from wire import python, until

from eeg import lsl

pytestmark = [
    pytest.mark.lsl,
    pytest.mark.jack,
    pytest.mark.skipif(shutil.which("jackd") is None, reason="no JACK server on this machine"),
]


@pytest.fixture(scope="module")
def stage(jack, tmp_path_factory):
    folder = tmp_path_factory.mktemp("signal") / "session"
    with performing(Headset(), folder) as stage:
        yield stage


@pytest.fixture
def unhurt(stage):
    """After the fault the signal is well again, the music goes on, and nobody had to die for it."""
    restarts = stage.told("restarts")
    yield stage
    stage.headset.goes("none")
    until(lambda: stage.told("signal") in ("LIVE", "LATE"), "a living signal")
    stage.plays()
    assert stage.told("restarts") == restarts, stage.ourselves.said()


@pytest.mark.parametrize("faults", [("all-nan", "flat"), ("railed", "mains", "muscle")])
def test_a_signal_that_says_nothing_is_doubted_and_every_number_stays_one(unhurt, faults):
    for wrong in faults:
        unhurt.headset.goes(wrong)
        until(lambda: unhurt.told("quality") < 0.3, "the quality to fall")
        unhurt.capsules(8)  # a whole window of it
        assert unhurt.told("quality") < 0.3
        assert all(math.isfinite(number) for number in unhurt.numbers())
    unhurt.plays()
    unhurt.headset.goes("none")
    until(lambda: unhurt.told("quality") > 0.7, "the quality to be back")


def test_one_channel_of_nan_costs_its_share_only(unhurt):
    unhurt.headset.goes("nan")
    until(lambda: unhurt.told("quality") <= 0.8, "the quality to fall")
    unhurt.capsules(2)
    assert unhurt.told("quality") > 0.6
    assert all(math.isfinite(number) for number in unhurt.numbers())


def test_uneven_signals_are_borne(unhurt):
    """Stamps that repeat or run back a little, samples in bursts, a fifth of them lost."""
    gaps = unhurt.told("gaps")
    for wrong in ("again", "back", "bursts", "loss"):
        unhurt.headset.goes(wrong)
        unhurt.capsules(4)
    unhurt.plays()
    assert unhurt.told("gaps") == gaps


def test_a_clock_that_is_set_by_ten_minutes_is_followed_and_single_wild_stamps_are_not(unhurt):
    for wrong in ("ahead 600", "jumping"):
        gaps = unhurt.told("gaps")
        unhurt.headset.goes(wrong)
        until(lambda gaps=gaps: unhurt.told("gaps") > gaps, "the gap to be noticed")
        unhurt.capsules(4)
        until(lambda: unhurt.told("signal") in ("LIVE", "LATE"), "a living signal")
        assert unhurt.told("sample_age_s") < 1.0


def test_a_silent_headset_is_noticed_and_its_backlog_is_not_played(unhurt):
    gaps = unhurt.told("gaps")
    unhurt.headset.program.kill(signal.SIGSTOP)
    until(lambda: unhurt.told("sample_age_s") > 2.0, "two seconds of silence")
    assert unhurt.told("signal") == "STALE"
    assert "The EEG signal is STALE." in unhurt.ourselves.said()
    unhurt.headset.program.kill(signal.SIGCONT)
    until(lambda: unhurt.told("signal") == "LIVE", "the signal to be back")
    until(lambda: unhurt.told("gaps") > gaps, "the gap to be noticed")
    unhurt.capsules(2)


HOSTILE = """
import sys, time, pylsl
kind, name = sys.argv[1:]
info = pylsl.StreamInfo(name, "EEG", 10_000 if kind == "wide" else 4, 256, "float32", kind)
node = info.desc()
if kind == "bomb":
    node.append_child_value("lol", "&lol9;" * 200_000)
    for _ in range(2000):
        node = node.append_child("channels")
    for _ in range(20_000):
        node.append_child_value("channel", "<![CDATA[" * 20)
outlet = pylsl.StreamOutlet(info)
print("there", flush=True)
while True:
    outlet.push_sample([0.0] * info.channel_count())
    time.sleep(0.01)
"""


def test_hostile_streams_beside_ours_change_nothing(unhurt):
    """Ten thousand channels, a description that is a bomb, and a twin of our headset's name."""
    with (
        closing(python(HOSTILE, "wide", "Hostile wide")) as wide,
        closing(python(HOSTILE, "bomb", "Hostile bomb")) as bomb,
        closing(python(HOSTILE, "twin", unhurt.headset.name)) as twin,
    ):
        for one in (wide, bomb, twin):
            until(lambda one=one: "there" in one.lines, "the stream")
        found = until(
            lambda: [s for s in lsl.find_streams(0.5) if s.name.startswith("Hostile")][1:],
            "both streams to be listed",
        )
        assert max(len(stream.channels) for stream in found) <= 512
        unhurt.capsules(4)
        assert unhurt.told("quality") > 0.7  # not the twin's, which is flat
        unhurt.plays()


def test_another_ear_and_recorder_choose_the_same_of_two_twins(stage):
    restarts = stage.told("restarts")
    with closing(python(HOSTILE, "twin", stage.headset.name)) as twin:
        until(lambda: "there" in twin.lines, "the twin")
        until(lambda: sum(s.name == stage.headset.name for s in lsl.find_streams(0.5)) == 2, "both")
        for name in ("ear", "recorder"):
            os.kill(stage.ourselves.pid(name), signal.SIGKILL)
        until(lambda: stage.told("restarts") == restarts + 2, "both to be started again")
        stage.capsules(4)
        until(lambda: stage.told("quality") > 0.7, "our own headset")
        eeg = stage.folder / "continued" / "session.xdf"
        until(lambda: eeg.exists() and stage.headset.name.encode() in eeg.read_bytes(), "its EEG")
        stage.plays()


@pytest.mark.parametrize(("rate_hz", "labels"), [(128, MUSE), (256, "TP10,AF8,AF7")])
def test_a_stream_that_comes_back_as_another_is_taken_as_what_it_is(stage, rate_hz, labels):
    restarts = stage.told("restarts")
    stage.headset.start(rate_hz, labels)
    until(lambda: stage.told("restarts") > restarts, "ear to begin anew")
    assert any("start anew" in sentence for sentence in stage.ourselves.said())
    stage.capsules(4)
    stage.plays()


def test_everything_was_recorded_and_each_stream_as_what_it_was(stage):
    stage.ourselves.kill(signal.SIGHUP)
    assert stage.ourselves.ended() == 0
    until(lambda: not stage.listener.down(), "silence", 2.0)
    streams = []
    for folder in (stage.folder, stage.folder / "continued"):
        streams += pyxdf.load_xdf(str(folder / "session.xdf"), dejitter_timestamps=False)[0]
    eeg = [one for one in streams if one["info"]["type"][0] == "EEG"]
    kinds = {(one["info"]["nominal_srate"][0], one["info"]["channel_count"][0]) for one in eeg}
    assert kinds == {("256", "4"), ("128", "4"), ("256", "3")}
    assert any(np.isnan(one["time_series"]).any() for one in eeg)  # as it came
    said = {t for one in streams if one["info"]["type"][0] == "Markers"
            for (t,) in one["time_series"]}  # fmt: skip
    assert {"The EEG signal is STALE.", "The EEG signal is LIVE."} <= said
