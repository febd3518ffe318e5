"""A sitting from beginning to end: really, with processes; and, faster than that, to a profile."""

import json
import os
import re
import signal
import sys
from contextlib import closing
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from sitters import HEADSET, RATINGS, SITS
from test_bridge_sitting import Stage
from wire import Program, python, until

from bridge.calibration import markers
from bridge.calibration.kept import heard, kept, lessons
from bridge.calibration.programme import Programme, runs
from bridge.calibration.terminal import Terminal
from bridge.cli import main
from bridge.session.disk import free
from bridge.session.recorder import Session
from capsule.calibrate import calibrate
from capsule.recogniser import Recogniser
from eeg.frontend import FrontEnd
from eeg.markers import Marker
from eeg.signal import Chunk
from eeg.synthetic import EPOC, Step, synthesise
from eeg.xdf import read_tracks

SHORT = Programme(1, 1.0, 1.5, 0.2, 5)
LONG = Programme(3, 14.0, 30.0, 2.0, seed=4)
AXES = {"Q1": (2.0, 2.0), "Q2": (-2.0, 2.0), "Q3": (-2.0, -2.0), "Q4": (2.0, -2.0)}

# ------------------------------------------------------------------------- with processes


@pytest.mark.lsl
def test_a_sitting_that_was_cut_off_goes_on_and_all_of_it_is_in_the_recordings(tmp_path):
    folder, name = tmp_path / "sitting", "Follower"
    SHORT.save(folder)
    before = Stage(SHORT, ratings=RATINGS)
    before.until(lambda: before.plays is not None and before.plays.number == 2)
    record(folder, before, seed=1)
    with (
        closing(python(HEADSET, name, "20")) as headset,
        closing(python(SITS, name, folder)) as sits,
    ):
        until(lambda: "there" in headset.lines, "the headset")
        assert sits.ended() == 0, sits.errors
        until(lambda: sits.lines[-1:] == ["True"], "the end")
    assert [path.parent.name for path in runs(folder)] == ["sitting", "continued"]
    recordings = kept(folder)
    pieces = heard(recordings)
    first, second = ([one.number for one in each.told.heard] for each in recordings)
    assert (first, second) == ([1], [2, 3, 4])
    assert {one.quadrant: (str(one.valence), str(one.arousal)) for one in pieces} == RATINGS
    assert all(each.told.rests for each in recordings)
    for each in recordings:
        stop_s = each.recording.duration_s
        assert all(0 < one.start_s < one.stop_s < stop_s for one in each.told.heard)
    tracks = {one.name: one for one in read_tracks(runs(folder)[1])}
    begun = {text: time_s for time_s, text in zip(tracks[markers.STREAM].times_s,
             tracks[markers.STREAM].texts, strict=True)}  # fmt: skip
    notes = tracks["EmocapsuleNotes"]
    strikes = notes.times_s[(notes.values[:, 0] == 0x90) & (notes.values[:, 2] > 0)]
    for one in recordings[1].told.heard:
        first_s = begun[markers.begins(one.number, one.quadrant)]
        assert np.abs(strikes - first_s).min() < 0.05  # it was heard when it is said to have been
    pitches = set(notes.values[notes.values[:, 0] == 0x90, 1])
    assert pitches == {59 + int(one.quadrant[1]) for one in recordings[1].told.heard}


def test_lines_of_a_terminal_come_one_by_one_and_its_end_is_a_q(capsys):
    out, into = os.pipe()
    terminal = Terminal(out)
    assert terminal.answer() is None
    os.write(into, b" 7\r\n\nx")
    assert until(terminal.answer) == "7"
    assert until(lambda: terminal.answer() is not None)
    os.write(into, b"y\n")
    assert until(terminal.answer) == "xy"
    os.close(into)
    assert until(terminal.answer) == "q"
    terminal.say("Listen.")
    terminal.ask("How? ")
    assert capsys.readouterr().err == "Listen.\nHow? "


# ------------------------------------------------------------------------- in no time


def record(folder, stage, seed):
    """What a headset and the recorder would have made of a sitting: EEG that follows the pieces."""
    start_s, steps, playing = stage.events[0][0] - 5.0, [], (0.0, 0.0)
    for time_s, text in [*stage.events, (stage.now_s + 1.0, "")]:
        steps.append(Step(time_s - start_s, *playing, ""))
        begins = re.search("begins, meant as (Q.)", text)
        playing = AXES[begins[1]] if begins else (0.0, 0.0)
    recording = synthesise(EPOC, 128.0, [s for s in steps if s.until_s > 0], seed)
    session = Session(free(folder), start_s, {})
    for chunk in recording.chunks(1280):
        session.eeg(recording.signal, Chunk(chunk.samples_uv, chunk.times_s + start_s))
    for time_s, text in stage.events:
        session.marker(Marker(markers.STREAM, "id", text, time_s))
    session.abandon(stage.now_s)  # as a kill would leave it


@pytest.fixture(scope="module")
def sat(tmp_path_factory):
    """A sitting in two parts, the first of which was cut off in its seventh piece."""
    folder = tmp_path_factory.mktemp("sitting")
    LONG.save(folder)
    first = Stage(LONG, ratings=RATINGS)
    first.until(lambda: first.plays is not None and first.plays.number == 7)
    record(folder, first, seed=1)
    rated = {one.number for one in heard(kept(folder))}
    assert rated == {1, 2, 3, 4, 5, 6}
    record(folder, Stage(LONG, rated, ratings=RATINGS).until_over(), seed=2)
    return folder


def test_both_parts_become_one_profile_that_a_recogniser_takes(sat, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("capsule.calibrate.calibrate", partial(calibrate, permutations=9))
    profile = tmp_path / "me.json"
    words = ["calibrate", "--live", "--out", str(sat), "--profile", str(profile)]
    assert main([*words, "--wearer", "Ann"]) == 0
    told = capsys.readouterr()
    assert "12 of 12 pieces are rated" in told.err
    assert "valence of 12 in 12, arousal of 12 in 12" in told.err
    assert "permuted labels" in told.out
    figures = json.loads(profile.read_text())["figures"]
    assert figures["used"] == "fit"
    axes = {one["axis"]: one["calibrated"] for one in figures["axes"]}
    assert axes["arousal"] > 0.8 < axes["valence"]
    recording = kept(sat)[0].recording
    Recogniser.load(FrontEnd(recording.signal).montage, 0.0, profile)


def test_its_recordings_can_be_learned_from_like_any_other(sat):
    from bridge.commands.calibrating import _marked

    first, second = kept(sat)
    labels = [one.label for one in _marked(first.path, first.recording)]
    assert labels[0] == "baseline"
    assert sorted(set(labels[1:])) == ["V+A+", "V+A-", "V-A+", "V-A-"]
    assert len(lessons([first, second])) == 2
    assert len(lessons([replace(first, told=markers.Told()), second])) == 1


def fails(capsys, *words):
    assert main(["calibrate", *map(str, words)]) == 1
    return capsys.readouterr().err.strip().splitlines()[-1]


def test_mistakes_are_one_sentence(sat, tmp_path, capsys):
    mine = ("--profile", tmp_path / "me.json")
    out = ("--live", *mine, "--out")
    assert "begun otherwise" in fails(capsys, *out, sat, "--pieces", 4)
    assert "3 --pieces" in fails(capsys, *out, tmp_path / "new", "--pieces", 2)
    assert "3 --pieces" in fails(capsys, *out, tmp_path / "new", "--seconds", 10)
    assert "leave out --labels" in fails(capsys, "--live", *mine, "--labels", "a.csv")
    assert "--seed is for a sitting" in fails(capsys, "a.edf", *mine, "--seed", 1)
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "session.json").write_text("{}")
    assert "holds a session already" in fails(capsys, *out, tmp_path / "old")
    for wrong in ([], ["a.edf", "--live"]):
        with pytest.raises(SystemExit, match="2"):
            main(["calibrate", *wrong, *map(str, mine)])


# ------------------------------------------------------------------------- as a person does it


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.lsl
def test_the_command_with_the_real_piano_and_a_headset_that_follows_it(tmp_path):
    """About six minutes: what is typed and printed, with nothing shorter than it may be."""
    out, profile = tmp_path / "sitting", tmp_path / "me.json"
    words = "--pieces 3 --seconds 14 --rest 30 --pause 1 --seed 2 --port none --wearer Ann".split()
    command = ("-m", "bridge.cli", "calibrate", "--live", "--profile", profile, "--out", out)
    pieces = {one.number: one.quadrant for one in Programme(3, 14.0, 30.0, 1.0, 2).pieces()}
    with closing(python(HEADSET, "Follower", "40")) as headset:
        until(lambda: "there" in headset.lines, "the headset")
        with closing(Program(sys.executable, *command, *words, reads=True)) as sits:
            rates(sits, out, {number: pieces[number] for number in range(1, 6)})
            until(lambda: written(out, b"piece 5 rated"), "the last rating")
            sits.kill_all(signal.SIGKILL)
        with closing(Program(sys.executable, *command, *words, reads=True)) as sits:
            rates(sits, out / "continued", {number: pieces[number] for number in range(6, 13)})
            assert sits.ended(120.0) == 0, sits.errors
    assert len(heard(kept(out))) == 12
    figures = json.loads(profile.read_text())["figures"]
    assert figures["used"] == "fit"
    streams = {one.name for one in read_tracks(out / "session.xdf")}
    assert {markers.STREAM, "EmocapsuleNotes", "EmotionCapsule", "Follower"} <= streams


def rates(sits, folder, pieces):
    """Answer as each piece is meant."""
    for number, quadrant in pieces.items():
        marked = markers.ends(number).encode()
        until(lambda marked=marked: written(folder, marked), "its end", 180.0)
        for answer in RATINGS[quadrant]:
            sits.process.stdin.write(answer + "\n")
            sits.process.stdin.flush()


def written(folder, text):
    """Whether a text is in the newest recording."""
    path = folder / "session.xdf"
    return path.exists() and text in path.read_bytes()
