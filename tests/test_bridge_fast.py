"""A recording through the whole wire on a fake clock."""

import json

import fakes
import mido
import numpy as np
import pytest
import pyxdf

from bridge.daw.control import ControlMap
from bridge.daw.habits import Habits, Incoming
from bridge.errors import BridgeError
from bridge.pipeline import Plan, replay_fast
from capsule.emotion import EmotionCapsule
from music.controls import Controls

LENGTH_S = 30.0


@pytest.fixture
def recording(monkeypatch):
    """Half a minute of the sample recording."""
    cut = fakes.beginning(LENGTH_S)
    monkeypatch.setattr("bridge.fast.read_recording", lambda path: cut)
    return cut


def plan(folder, **changes):
    return Plan(folder=folder, composer=fakes.Composer, recogniser=fakes.recogniser, **changes)


def test_the_same_recording_and_seed_give_the_same_bytes(recording, tmp_path):
    for name, seed in (("one", 5), ("two", 5), ("three", 6)):
        replay_fast("any", plan(tmp_path / name, seed=seed))
    one, two, three = ((tmp_path / n / "notes.mid").read_bytes() for n in ("one", "two", "three"))
    assert one == two
    assert one != three


def test_it_leaves_a_whole_session(recording, tmp_path):
    shown = []
    last = replay_fast("any", plan(tmp_path / "s"), shown.append)
    told = json.loads((tmp_path / "s" / "session.json").read_text())
    assert (told["state"], told["start_s"]) == ("complete", 0.0)
    assert told["duration_s"] == pytest.approx(LENGTH_S + 1.5, abs=0.1)
    lines = (tmp_path / "s" / "capsules.jsonl").read_text().splitlines()
    capsules = [EmotionCapsule.from_json(line) for line in lines]
    assert len(capsules) == told["capsules"] == last.capsules == 4 * (LENGTH_S - 2) + 1
    assert 100 < len(shown) <= 4 * LENGTH_S + 1
    assert {one.mood for one in shown[10:]} == {"PLAYING"}
    streams, _ = pyxdf.load_xdf(str(tmp_path / "s" / "session.xdf"), dejitter_timestamps=False)
    by_type = {stream["info"]["type"][0]: stream for stream in streams}
    np.testing.assert_array_equal(
        by_type["EEG"]["time_series"], recording.samples_uv.astype(np.float32)
    )
    notes = [m for m in by_type["MIDI"]["time_series"] if m[0] & 0xF0 == 0x90]
    assert len(notes) == last.notes == told["notes"] > 100


def test_what_a_daw_would_get_is_in_the_file(recording, tmp_path):
    habits = Habits(channel=3, transpose=12, program=5, controls=ControlMap())
    replay_fast("any", plan(tmp_path / "s", habits=habits))
    messages = list(mido.MidiFile(str(tmp_path / "s" / "notes.mid")))
    messages = [message for message in messages if not message.is_meta]
    assert {message.channel for message in messages} == {2}
    kinds = [message.type for message in messages]
    assert kinds.count("program_change") == 1
    assert kinds.index("program_change") < kinds.index("note_on")
    assert min(m.note for m in messages if m.type == "note_on") >= 72
    controls = {m.control for m in messages if m.type == "control_change"}
    assert controls == {64, 123, *range(20, 28)}


def test_the_music_begins_with_the_signal_not_with_the_first_emotion(recording, tmp_path):
    replay_fast("any", plan(tmp_path / "s", duration_s=4.0))
    first_s = 0.0
    for message in mido.MidiFile(str(tmp_path / "s" / "notes.mid")):
        first_s += message.time
        if message.type == "note_on":
            break
    assert first_s < 0.5  # the first window is full after two seconds


def test_every_note_ends(recording, tmp_path):
    replay_fast("any", plan(tmp_path / "s"))
    down = set()
    for message in mido.MidiFile(str(tmp_path / "s" / "notes.mid")):
        if message.type == "note_on":
            assert message.note not in down
            down.add(message.note)
        elif message.type == "note_off":
            down.discard(message.note)
    assert down == set()


def test_duration_ends_it(recording, tmp_path):
    last = replay_fast("any", plan(tmp_path / "s", duration_s=10.0))
    assert last.elapsed_s == pytest.approx(11.5, abs=0.1)


def test_nothing_comes_in(recording, tmp_path):
    habits = Habits(incoming=Incoming(clock=True))
    with pytest.raises(BridgeError, match="leave out --clock-in"):
        replay_fast("any", plan(tmp_path / "s", habits=habits))


def test_the_composer_is_told_what_to_keep_to(recording, tmp_path):
    keeps = Controls(lowest=36, max_density=8.0, polyphony=5, quantise=0.7)
    made = []

    def composer(seed):
        made.append(fakes.Composer(seed))
        return made[-1]

    replay_fast("any", Plan(folder=tmp_path / "s", composer=composer, recogniser=fakes.recogniser,
                            duration_s=3.0, habits=Habits(keeps=keeps)))  # fmt: skip
    assert made[0].controls == keeps
