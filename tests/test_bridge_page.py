"""The page: what is told, who is let in, and a performance that is seen."""

import multiprocessing
import os
import signal
import threading
from contextlib import closing, suppress
from types import SimpleNamespace

import fakes
import pytest
from pages import Show, frame, tune_in
from websockets.exceptions import WebSocketException

from bridge import desk, pipeline
from bridge.board import KEEPING, PROCESSES, new_board
from bridge.errors import BridgeError
from bridge.page.door import new_door
from bridge.page.feed import Scope
from bridge.page.server import obey
from bridge.page.story import Place, Row, Story
from bridge.page.told import SILENT_S, keeping, word
from bridge.plan import Plan
from eeg.montage import REGIONS
from eeg.synthetic import write_edf


@pytest.fixture
def show():
    with closing(Show()) as one:
        yield one


# ---------------------------------------------------------------------------- what is told


def test_a_row_gives_what_is_new_as_far_as_it_is_kept():
    row = Row(3)
    for number in range(5):
        row.append(number)
    assert [row.since(n) for n in (0, 2, 3, 5)] == [[2, 3, 4], [2, 3, 4], [3, 4], []]


def test_each_browser_reads_the_story_from_its_own_place():
    story, one, other = Story(), Place(), Place()
    story.message(1.0, b"\x90\x3c\x40")
    story.tell("grades", ["good"])
    first = story.since(one)
    assert first["messages"] == [[1.0, 0x90, 60, 64]]
    assert first["grades"] == ["good"]
    story.message(2.0, b"\x80\x3c\x00")
    story.tell("grades", ["good"])
    second = story.since(one)
    assert second["messages"] == [[2.0, 0x80, 60, 0]]
    assert "grades" not in second
    assert len(story.since(other)["messages"]) == 2


@pytest.mark.parametrize(
    ("told", "said"),
    [
        (("SEARCHING", "WAITING", False, False), "WAITING"),
        (("LIVE", "PLAYING", False, False), "PLAYING"),
        (("LATE", "HOLD", False, False), "HOLD"),
        (("LOST", "HOLD", False, False), "SIGNAL LOST"),
        (("STALE", "GLIDE", False, False), "SIGNAL LOST"),
        (("LOST", "REST", False, False), "SIGNAL LOST"),
        (("LOST", "REST", True, False), "MUTED"),
        (("LIVE", "PLAYING", True, True), "ENDED"),
    ],
)
def test_one_word_says_how_it_is(told, said):
    assert word(*told) == said


@pytest.mark.parametrize("told", KEEPING)
def test_a_recorder_that_is_silent_is_not_believed(told):
    board = new_board()
    board.keeping = KEEPING.index(told)
    board.alive_s[PROCESSES.index("recorder")] = 100.0
    assert keeping(board, 100.0 + SILENT_S) == told
    assert keeping(board, 100.1 + SILENT_S) == ("OFF" if told == "OFF" else "FAILED")


def test_the_curve_of_a_channel_is_the_same_for_any_chunks():
    recording = fakes.beginning(4.0)

    def drawn(size):
        scope, story = Scope(recording.signal), Story()
        for chunk in recording.chunks(size):
            scope.push(chunk, story)
        return story.since(Place())

    one, other = drawn(7), drawn(64)
    assert one["samples"] == other["samples"]
    rate_hz = len(one["samples"]) / 4.0
    assert 50.0 <= rate_hz <= 150.0
    assert set(one["grades"]) <= {"good", "fair", "off", ""}


# ---------------------------------------------------------------------------- commands


def test_commands_turn_the_desk():
    cells = new_board().desk
    obey('{"turn": "strength", "to": 2.5}', cells)
    obey('{"turn": "key", "to": "D minor"}', cells)
    obey('{"turn": "record", "to": false}', cells)
    obey('{"press": "panic"}', cells)
    obey('{"press": "mark"}', cells)
    wishes = desk.read(cells)
    assert (wishes.strength, wishes.key, wishes.record) == (2.5, "D minor", False)
    assert (wishes.panics, wishes.marks) == (1, 1)


@pytest.mark.parametrize(
    "text",
    [
        "", "null", "[]", "panic", '{"press": "mute"}', '{"turn": "strength"}',
        '{"turn": "strength", "to": NaN}', '{"turn": ["strength"], "to": 1}',
        '{"turn": "strength", "to": 1, "and": 2}', '{"turn": "panics", "to": 1}', "[" * 900,
        '{"turn": "__class__", "to": 1}', '{"turn": "strength", "to": 1e999}',
    ],
)  # fmt: skip
def test_what_is_no_command_is_one_sentence_and_changes_nothing(text):
    cells = new_board().desk
    before = desk.read(cells)
    with pytest.raises(BridgeError):
        obey(text, cells)
    assert desk.read(cells) == before


def test_twenty_frames_a_second_and_each_thing_once(show):
    show.play()
    with tune_in(show) as line:
        first = frame(line)
        assert len(first["samples"]) == 600
        assert first["facts"]["regions"] == list(REGIONS)
        frames = [frame(line) for _ in range(20)]
        assert all(one["samples"] == [] and "votes" not in one for one in frames)
        lasted_s = frames[-1]["now"] - frames[0]["now"]
        assert 0.9 < lasted_s < 3.0  # 0.95; more on a busy machine


# ---------------------------------------------------------------------------- in a performance


@pytest.mark.lsl
def test_a_performance_is_seen_and_goes_on_when_its_page_is_killed(tmp_path):
    path = tmp_path / "short.edf"
    write_edf(path, fakes.beginning(100.0))
    door, over = new_door(), threading.Event()
    talks, killed_at = [], []  # what each connection told; notes at the kill

    def view():
        while not over.wait(0.05):
            with suppress(OSError, WebSocketException), tune_in(SimpleNamespace(door=door)) as line:
                talks.append([])
                while True:
                    talks[-1].append(frame(line))

    def told(talk):
        counts = {name: sum(len(one[name]) for one in talk) for name in ("samples", "messages")}
        return counts | {"ahead": any(one.get("ahead") for one in talk), "frames": len(talk)}

    def seen(talk):
        counts = told(talk)
        return counts["samples"] > 100 and counts["messages"] > 5 and counts["ahead"]

    def show(snapshot):
        if not killed_at and talks and talks[-1] and seen(talks[-1]):
            (page,) = (one for one in multiprocessing.active_children() if one.name == "page")
            os.kill(page.pid, signal.SIGKILL)
            killed_at.append((snapshot.notes, len(talks)))
        elif killed_at and len(talks) > killed_at[0][1] and talks[-1] and seen(talks[-1]):
            os.kill(os.getpid(), signal.SIGTERM)  # as a user who has seen enough

    viewer = threading.Thread(target=view)
    viewer.start()
    try:
        plan = Plan(port="none", page=door, composer=fakes.Composer, recogniser=fakes.recogniser)
        last = pipeline.replay(path, plan, show)
    finally:
        over.set()
        viewer.join()
    assert killed_at, [told(talk) for talk in talks]
    notes, before = killed_at[0]
    assert last.restarts == 1
    assert last.notes > notes
    assert "facts" in talks[before][0]  # the new page tells it all from the beginning
    assert talks[-1][-1]["state"]["word"] == "ENDED"
    signal_ = next(one["signal"] for one in talks[0] if "signal" in one)
    assert len(signal_["channels"]) == 14
