"""What playing prints and leaves behind: the real wire, a fake clock, stand-in networks."""

import json
from dataclasses import replace
from pathlib import Path

import fakes
import pytest

from bridge import pipeline
from bridge.cli import main
from bridge.commands import perform
from bridge.errors import BridgeError
from bridge.session.disk import free
from bridge.session.folder import Session
from music import render
from music.errors import MusicError

SAMPLE = Path(__file__).parents[1] / "recordings" / "sample.edf"
REAL = pipeline.replay_fast


@pytest.fixture
def stand_ins(monkeypatch):
    """Every way to play is the fast one, with networks that load at once. Returns the plans."""
    plans = []

    def play(path, plan, on_status):
        plans.append(plan)
        quick = replace(plan, composer=fakes.Composer, recogniser=fakes.recogniser)
        return REAL(path, quick, on_status)

    monkeypatch.setattr(pipeline, "replay_fast", play)
    monkeypatch.setattr(pipeline, "replay", play)
    return plans


def test_a_replay_tells_the_emotion_and_leaves_a_session(stand_ins, tmp_path, capsys):
    words = ["replay", SAMPLE, "--fast", "--rest", 5, "--duration", 20, "--seed", 3]
    assert main([str(word) for word in [*words, "--out", tmp_path / "s"]]) == 0
    (plan,) = stand_ins
    assert (plan.rest_s, plan.duration_s, plan.seed) == (5.0, 20.0, 3)
    told = capsys.readouterr().out.splitlines()
    emotions = [line for line in told if " feels Q1 0." in line]
    assert 2 <= len(emotions) <= 20
    assert all("valence" in line and "confidence" in line for line in emotions)
    left = {path.name for path in (tmp_path / "s").iterdir()}
    assert left >= {"session.json", "session.xdf", "session.png", "capsules.jsonl", "notes.mid"}
    assert all(any(name in line for line in told) for name in left)


def test_sound_is_left_out_where_there_is_no_synth(stand_ins, tmp_path, capsys, monkeypatch):
    def missing(*_):
        raise MusicError("No soundfont was found; install one.")

    monkeypatch.setattr(render, "render_wav", missing)
    words = ["replay", str(SAMPLE), "--fast", "--duration", "8", "--out", str(tmp_path / "s")]
    assert main(words) == 0
    assert "No audio.wav: No soundfont was found; install one." in capsys.readouterr().err
    assert (tmp_path / "s" / "notes.mid").stat().st_size > 100


def test_the_demo_goes_on_without_a_port(stand_ins, tmp_path, capsys, monkeypatch):
    play = pipeline.replay

    def portless(path, plan, on_status):
        if plan.port is None:  # as the recorder of a performance that never begins
            begun = Session(plan.folder, 10.0, {})
            begun.mark("No MIDI port can be made here.", 10.5)
            begun.discard(11.0)
            raise BridgeError("No MIDI port can be made here.")
        assert free(plan.folder) == plan.folder
        return play(path, plan, on_status)

    monkeypatch.setattr(pipeline, "replay", portless)
    assert main(["demo", "--duration", "8", "--out", str(tmp_path / "s")]) == 0
    assert [plan.port for plan in stand_ins] == ["none"]
    assert "No MIDI port can be made here." in capsys.readouterr().err
    assert json.loads((tmp_path / "s" / "session.json").read_text())["notes"] > 0


def test_a_port_that_was_asked_for_must_be_there(stand_ins, tmp_path, monkeypatch, capsys):
    def portless(path, plan, on_status):
        raise BridgeError(f"There is no MIDI port with {plan.port!r} in its name.")

    monkeypatch.setattr(pipeline, "replay", portless)
    assert main(["demo", "--port", "organ", "--out", str(tmp_path / "s")]) == 1
    said = capsys.readouterr().err.splitlines()[-1]
    assert said == "emocapsule: There is no MIDI port with 'organ' in its name."


def test_an_installed_demo_makes_its_recording(stand_ins, tmp_path, monkeypatch):
    """From a wheel there is no recordings folder; what is made is the sample, byte for byte."""
    monkeypatch.setattr("eeg.__file__", str(tmp_path / "site-packages" / "eeg" / "__init__.py"))
    assert perform._sample(tmp_path).read_bytes() == SAMPLE.read_bytes()


def test_a_session_is_never_written_over(stand_ins, tmp_path, capsys):
    (tmp_path / "session.json").write_text("{}")
    assert main(["replay", str(SAMPLE), "--fast", "--out", str(tmp_path)]) == 1
    assert "holds a session already" in capsys.readouterr().err
    assert stand_ins == []


def test_without_a_name_sessions_get_one(stand_ins, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["replay", str(SAMPLE), "--fast", "--duration", "4"]) == 0
    (folder,) = (tmp_path / "sessions").iterdir()
    assert folder.name.endswith("-sample")


@pytest.fixture
def snapshot():
    """A moment of a session."""
    shown = []
    plan = pipeline.Plan(composer=fakes.Composer, recogniser=fakes.recogniser, duration_s=4.0)
    REAL(SAMPLE, plan, shown.append)
    return shown[-1]


def test_where_nobody_watches_lines_are_few(snapshot, capsys):
    tell = perform.Teller()
    for tenth in range(300):  # half a minute in which nothing changes but for one moment
        p = (0.7, 0.1, 0.1, 0.1) if tenth == 155 else (0.25,) * 4
        tell(replace(snapshot, elapsed_s=tenth / 10, probabilities=p, said=()))
    assert 3 <= len(capsys.readouterr().out.splitlines()) <= 6


def test_where_somebody_watches_one_line_changes(snapshot, capsys, monkeypatch):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    tell = perform.Teller()
    for tenth in range(30):
        said = ("The EEG signal is LOST.",) if tenth == 15 else ()
        tell(replace(snapshot, elapsed_s=tenth / 10, said=said))
    told = capsys.readouterr().out
    assert told.count("\n") == 1
    assert "\rThe EEG signal is LOST.\n" in told
    width = max(len(line) for line in told.replace("\n", "\r").split("\r"))
    assert width < 200
