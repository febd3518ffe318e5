"""A recording that is paused by hand: what is in the folder, and that the folder says so."""

import json
import os
import signal
import threading
import time
from contextlib import suppress
from dataclasses import replace
from multiprocessing import active_children
from types import SimpleNamespace

import fakes
import mido
import numpy as np
import pytest
from pages import frame, tune_in
from websockets.exceptions import WebSocketException
from wire import until

from bridge import desk, pipeline
from bridge.board import KEEPING, new_board
from bridge.mind.beats import TimedBeat
from bridge.page.door import new_door
from bridge.plan import Plan
from bridge.session.folder import PAUSED, RESUMED, Session
from bridge.session.kept import read_session
from bridge.session.picture import picture_session
from bridge.session.recorder import Buttons
from bridge.session.report import page
from bridge.session.tally import by_quadrant, jumps
from bridge.session.trace import broken, read_capsules
from capsule.emotion import EmotionCapsule
from eeg.lsl import clock
from eeg.markers import Marker
from eeg.recording import read_recording
from eeg.signal import Chunk, Signal
from eeg.synthetic import write_edf
from eeg.xdf import DESK_STREAM, LOG_STREAM, read_tracks

RATE_HZ, START_S, END_S = 128, 100.0, 160.0
PAUSE_S = (110.0, 130.0)
HEADSET = Signal("Head", float(RATE_HZ), ("AF3", "T7", "T8", "Oz"), source_id="h")


def kept(time_s):
    return not PAUSE_S[0] < time_s <= PAUSE_S[1]


def play(session, board, buttons, end_s=END_S):
    """A minute with everything in it, in tenths of a second; paused from 0:10 to 0:30."""
    rng = np.random.default_rng(1)
    for tenth in range(round((end_s - START_S) * 10)):
        now_s = START_S + tenth / 10
        desk.turn(board.desk, "record", kept(now_s + 0.05))
        if tenth in (50, 150):
            desk.mark(board.desk)
        buttons.obey(session, now_s)
        beat = [TimedBeat(now_s, tenth / 5, tenth % 20 == 0)] if tenth % 5 == 0 else []
        session.music(beat, (0.9, 0.1, 0.0, 0.0), now_s)
        times_s = now_s + np.arange(1, RATE_HZ // 10 + 1) / RATE_HZ
        session.eeg(HEADSET, Chunk(rng.normal(0, 20, (len(times_s), 4)), times_s))
        shares = np.array((0.7, 0.1, 0.1, 0.1) if now_s < 120 else (0.1, 0.1, 0.7, 0.1))
        neutral = EmotionCapsule.neutral(now_s, 1.0)
        session.capsule(replace(neutral, probabilities=shares))
        if tenth % 4 == 0:  # each overlaps the next, and the pause's two ends
            session.message(bytes((0x90, 60 + tenth % 12, 64)), now_s)
            session.message(bytes((0x80, 60 + (tenth - 4) % 12, 0)), now_s + 0.05)
        session.state(board, now_s)
        if tenth % 100 == 0:
            session.marker(Marker("Lab", "", f"at {now_s:g}", now_s + 0.05))
        if tenth == 200:
            session.mark("The EEG signal is STALE.", now_s)
        session.flush()


@pytest.fixture
def board():
    return new_board()


@pytest.fixture
def session(tmp_path, board):
    one = Session(tmp_path / "evening", START_S, {"seed": 1})
    play(one, board, Buttons(board))
    one.close(END_S)
    return tmp_path / "evening"


def test_nothing_of_a_pause_is_in_any_file(session):
    tracks = {track.name: track for track in read_tracks(session / "session.xdf")}
    for name in ("Head", "EmotionCapsule", "EmocapsuleNotes", "EmocapsuleState", "Lab"):
        times_s = tracks[name].times_s
        assert not np.any((times_s > PAUSE_S[0]) & (times_s < PAUSE_S[1])), name
        assert times_s.min() < PAUSE_S[0]
        assert times_s.max() > PAUSE_S[1]
    capsules, damaged = read_capsules(session / "capsules.jsonl")
    assert damaged == 0
    assert all(kept(capsule.time_s) or capsule.time_s == PAUSE_S[1] for capsule in capsules)
    assert tracks[LOG_STREAM].texts == ("The EEG signal is STALE.",)  # no secret of the wearer's


def test_the_folder_says_that_there_was_a_pause(session, board):
    (track,) = (one for one in read_tracks(session / "session.xdf") if one.name == DESK_STREAM)
    assert track.texts == ("mark 1", PAUSED, "mark 2", RESUMED)
    np.testing.assert_allclose(track.times_s, (105.0, PAUSE_S[0], 115.0, PAUSE_S[1]))
    told = json.loads((session / "session.json").read_text())
    assert (told["pauses"], told["marks"], told["markers"]) == (1, 2, 4)
    assert (board.pauses, board.marks, KEEPING[board.keeping]) == (1, 2, "RECORDING")
    recording = read_recording(session / "session.xdf")
    assert {text for _, text in recording.events} == {f"at {s}" for s in (100, 130, 140, 150)}


def test_its_notes_are_where_they_were_and_none_hangs(session):
    now_s, down, strikes, marks = 0.0, set(), [], {}
    for message in mido.MidiFile(session / "notes.mid"):
        now_s += message.time
        if message.type == "note_on":
            strikes.append(now_s)
            down.add(message.note)
        elif message.type == "note_off":
            down.discard(message.note)
        elif message.type == "marker":
            marks[message.text] = now_s
        if 10.01 < now_s < 29.99:
            assert not down
    wanted = [t / 10 for t in range(0, 600, 4) if t < 100 or t >= 300]
    np.testing.assert_allclose(strikes, wanted, atol=0.01)
    assert marks[PAUSED] == pytest.approx(10.0, abs=0.01)
    assert marks[RESUMED] == pytest.approx(30.0, abs=0.01)


def test_the_report_tells_it_and_counts_nothing_in_it(session):
    read = read_session(session)
    assert read.pauses == ((10.0, 30.0),)
    text = page(read)
    assert "The recording was paused by hand from 0:10 to 0:30." in text
    for row in ("Pauses of the recording</td><td>1</td><td>1", "Moments marked</td><td>2</td><td>2",
                "Markers of others</td><td>4</td><td>4"):  # fmt: skip
        assert row in text
    seconds = sum(one.seconds for one in by_quadrant(read.trace, read.roll.notes, read.pauses))
    assert seconds == pytest.approx(40.0, abs=1.0)
    assert not jumps(read.trace, read.roll.notes, read.pauses)  # it fell into the pause
    assert picture_session(session).stat().st_size > 10_000


def test_killed_in_a_pause_it_can_be_read_and_says_so(tmp_path, board):
    one = Session(tmp_path / "evening", START_S, {})
    play(one, board, Buttons(board), end_s=PAUSE_S[0] + 3.0)
    read = read_session(tmp_path / "evening")  # nothing was closed
    assert read.pauses == ((10.0, np.inf),)
    assert "paused by hand from 0:10 to the end." in page(read)
    assert max(read.roll.notes[:, 1]) <= 10.01
    # whoever comes in its place keeps to the pause, and does not count it again
    another = Session(tmp_path / "evening" / "continued", PAUSE_S[0] + 4.0, {})
    Buttons(board).obey(another, PAUSE_S[0] + 4.0)
    assert another.paused
    assert board.pauses == 1
    one.close(END_S)
    another.close(END_S)
    assert read_session(tmp_path / "evening" / "continued").pauses == ((0.0, np.inf),)


def test_without_a_recording_it_says_so_and_makes_nothing_up(tmp_path, board):
    buttons = Buttons(board)
    desk.mark(board.desk)
    buttons.in_vain()
    assert KEEPING[board.keeping] == "FAILED"
    one = Session(tmp_path / "a", START_S, {})
    buttons.obey(one, START_S)
    assert (KEEPING[board.keeping], board.marks) == ("RECORDING", 0)
    one.discard(START_S)
    assert not list((tmp_path / "a").iterdir())


def test_nobody_else_can_pause_it(tmp_path, board):
    one = Session(tmp_path / "a", START_S, {})
    one.marker(Marker(DESK_STREAM, "", PAUSED, START_S + 1.0))
    one.marker(Marker(LOG_STREAM, "", "All is well.", START_S + 2.0))
    one.close(END_S)
    read = read_session(tmp_path / "a")
    assert read.pauses == ()
    assert all(stream.endswith(" of another") for _, stream, _ in read.said)


def test_no_line_is_drawn_through_a_break():
    times_s, values = np.array([0.0, 0.25, 0.5, 20.0, 20.25]), np.arange(10.0).reshape(5, 2)
    seen_s, seen = broken(times_s, values)
    assert seen_s.tolist() == [0.0, 0.25, 0.5, 20.0, 20.0, 20.25]
    assert np.isnan(seen).all(axis=1).tolist() == [False, False, False, True, False, False]
    assert [len(one) for one in broken(times_s[:1], values[:1])] == [1, 1]


@pytest.mark.lsl
def test_paused_on_the_page_it_stays_so_though_the_recorder_is_killed(tmp_path):
    path, door = tmp_path / "short.edf", new_door()
    write_edf(path, fakes.beginning(90.0))
    stamps_s = {}

    def press(step, line, command, word):
        line.send(json.dumps(command))
        until(lambda: frame(line)["state"]["keeping"] == word, f"{word} after {step}")
        stamps_s[step] = clock()

    def opened():
        with suppress(OSError, WebSocketException):
            return tune_in(SimpleNamespace(door=door))

    def perform():
        with until(opened, "the page") as line:
            until(lambda: frame(line)["state"]["capsules"] > 4, "the music")
            press("mark", line, {"press": "mark"}, "RECORDING")
            press("pause", line, {"turn": "record", "to": False}, "PAUSED")
            (recorder,) = (one for one in active_children() if one.name == "recorder")
            os.kill(recorder.pid, signal.SIGKILL)
            until(lambda: frame(line)["state"]["restarts"] == 1, "another recorder")
            time.sleep(1.0)
            press("resume", line, {"turn": "record", "to": True}, "RECORDING")
            until(lambda: frame(line)["now"] > stamps_s["resume"] + 1.0, "a second more")

    viewer = threading.Thread(target=perform)
    shown = []

    def show(snapshot):
        if not shown:
            viewer.start()
        elif not viewer.is_alive():
            os.kill(os.getpid(), signal.SIGTERM)
        shown.append(snapshot)

    plan = Plan(port="none", folder=tmp_path / "s", page=door, composer=fakes.Composer,
                recogniser=fakes.recogniser)  # fmt: skip
    last = pipeline.replay(path, plan, show)
    viewer.join()
    assert (last.restarts, last.pauses, last.marks) == (1, 1, 1)
    first, second = read_session(tmp_path / "s"), read_session(tmp_path / "s" / "continued")
    assert [text for _, stream, text in first.said if stream == DESK_STREAM] == ["mark 1", PAUSED]
    assert [text for _, stream, text in second.said if stream == DESK_STREAM] == [PAUSED, RESUMED]
    for folder in (tmp_path / "s", tmp_path / "s" / "continued"):
        (track,) = (one for one in read_tracks(folder / "session.xdf") if one.kind == "EEG")
        inside = (track.times_s > stamps_s["pause"]) & (track.times_s < stamps_s["resume"] - 0.5)
        assert len(track.times_s) > 0
        assert not inside.any()
