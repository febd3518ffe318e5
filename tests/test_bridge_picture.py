"""The picture of a session opens, has its size, shows what it should, and is the same twice."""

import json
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.image import imread

from bridge.errors import BridgeError
from bridge.session.picture import DOTS_PER_IN, HEIGHT_IN, WIDTH_IN, draw, picture_session
from bridge.session.trace import read_trace, roll_of, trace_of
from capsule.emotion import EmotionCapsule
from music.events import Note, Pedal, Tempo
from music.midi import write_midi

SIZE = (round(HEIGHT_IN * DOTS_PER_IN), round(WIDTH_IN * DOTS_PER_IN))
START_S = 1000.0


def capsules(count):
    for step in range(count):
        share = step / max(count - 1, 1)
        neutral = EmotionCapsule.neutral(START_S + 2.0 + 0.25 * step, quality=0.9)
        yield replace(neutral, probabilities=[0.7 - 0.6 * share, 0.1, 0.1 + 0.6 * share, 0.1])


@pytest.fixture
def folder(tmp_path):
    lines = [capsule.to_json() for capsule in capsules(80)]
    (tmp_path / "capsules.jsonl").write_text("\n".join(lines) + "\n")
    (tmp_path / "session.json").write_text(json.dumps({"start_s": START_S}))
    notes = [Note(i / 2, 0.5, 48 + i % 30, 30 + i) for i in range(60)]
    write_midi(tmp_path / "notes.mid", [Pedal(0, True), *notes])
    return tmp_path


def test_a_session_becomes_the_same_picture_twice(folder):
    path = picture_session(folder)
    first = path.read_bytes()
    assert path.name == "session.png"
    assert imread(path).shape[:2] == SIZE
    assert picture_session(folder).read_bytes() == first


def test_every_part_leaves_its_mark(folder):
    """Taking away the notes, or what was played, changes the picture."""
    whole = imread(picture_session(folder))
    (folder / "notes.mid").unlink()
    silent = imread(picture_session(folder))
    honest = imread(draw(folder / "a.png", trace_of(list(capsules(80)), 1000.0)))
    assert whole.shape == silent.shape == honest.shape
    assert not np.array_equal(whole, silent)
    assert not np.array_equal(silent, honest)


def test_what_was_played_is_the_translation(folder):
    trace = read_trace(folder / "capsules.jsonl")
    assert trace.played.sum(axis=1) == pytest.approx(1.0)
    assert trace.played[0, 0] > 0.5 > trace.played[-1, 0]
    assert trace.probabilities[0].tolist() == pytest.approx([0.7, 0.1, 0.1, 0.1])


@pytest.mark.parametrize("count", [0, 1, 2])
def test_a_session_of_nearly_nothing_is_drawn(tmp_path, count):
    path = draw(tmp_path / "a.png", trace_of(list(capsules(count))), roll_of([]), "short")
    assert imread(path).shape[:2] == SIZE


def test_times_count_from_the_start_of_the_notes(folder):
    assert read_trace(folder / "capsules.jsonl", 1000.0).times_s[0] == 2.0
    assert read_trace(folder / "capsules.jsonl").times_s[0] == 0.0


def test_roll_is_in_seconds_with_the_pedal_closed():
    events = [Tempo(0, 60), Note(1, 2, 60, 64), Pedal(1, True), Pedal(2, False), Pedal(2.5, True)]
    roll = roll_of(events)
    assert roll.notes.tolist() == [[1.0, 3.0, 60.0, 64.0]]
    assert roll.pedal.tolist() == [[1.0, 2.0], [2.5, 3.0]]


def test_missing_or_broken_capsules_say_so(tmp_path):
    with pytest.raises(BridgeError, match="cannot be read"):
        picture_session(tmp_path)
    (tmp_path / "capsules.jsonl").write_text('{"time_s": 1}\n')
    with pytest.raises(BridgeError, match="one capsule a line"):
        picture_session(tmp_path)
    (tmp_path / "capsules.jsonl").write_text("not json\n")
    with pytest.raises(BridgeError, match="one capsule a line"):
        picture_session(tmp_path)
    with pytest.raises(BridgeError, match="cannot be written"):
        draw(tmp_path / "none" / "a.png", trace_of([]))
