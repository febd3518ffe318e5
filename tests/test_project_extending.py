"""The worked examples of docs/extending, taken out of the pages and run against the package."""

import re
import socket
import subprocess
import sys
import uuid
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from wire import Program, until

from bridge.board import Board
from bridge.commands.devices import Meter
from bridge.hand.core import NOTES_CHANNELS, NOTES_STREAM, NOTES_TYPE
from bridge.osc import Line, Voice
from bridge.wire import TimedNote, encode
from capsule.corpus.sitting import recording_of
from capsule.emotion import CAPSULE_STREAM, CAPSULE_TYPE, CHANNELS, EmotionCapsule
from eeg import lsl
from eeg.lsl import clock
from eeg.synthetic import write_edf

ROOT = Path(__file__).parents[1]
PAGES = sorted((ROOT / "docs" / "extending").glob("*.md"))
SOON_S = 30.0


def example(page, number=0):
    """A page's fenced Python block."""
    text = (ROOT / "docs" / "extending" / f"{page}.md").read_text(encoding="utf-8")
    return re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)[number]


@pytest.fixture
def started(tmp_path):
    """Write an example into a file and run it, with these arguments; it is ended with the test."""
    running = []

    def start(code, *arguments):
        file = tmp_path / "example.py"
        file.write_text(code, encoding="utf-8")
        running.append(Program(sys.executable, "-W", "error", file, *arguments))
        return running[-1]

    yield start
    for program in running:
        program.close()


def test_every_page_has_an_example_and_every_example_a_test():
    assert [page.stem for page in PAGES] == ["conditioning", "data-set", "headset", "sink"]
    counts = {page.stem: page.read_text(encoding="utf-8").count("```python") for page in PAGES}
    assert counts == {"conditioning": 1, "data-set": 1, "headset": 1, "sink": 2}


@pytest.mark.lsl
def test_the_headset_is_heard_with_all_its_electrodes_good(started):
    program = started(example("headset"), SOON_S)
    try:
        with lsl.Intake("My headset", timeout_s=SOON_S) as intake:
            signal, meter = intake.signal, Meter(intake.signal)

            def heard():
                chunk = intake.pull(0.1)
                if chunk is not None:
                    meter.push(chunk, clock())
                return meter.known

            until(heard, "two seconds of the headset")
    finally:
        program.close()
    assert (signal.channels, signal.rate_hz) == (("TP9", "AF7", "AF8", "TP10"), 256.0)
    assert signal.source_id == "my-headset-0042"
    assert "good: TP9 AF7 AF8 TP10" in meter.told(clock())
    assert program.errors == []


def test_the_data_set_is_read_and_counted(started, tmp_path):
    folder = tmp_path / "study"
    folder.mkdir()
    for person in ("p01", "p02"):
        for seed, task in enumerate(("rest", "film", "game")):
            samples_uv = np.random.default_rng(seed).normal(0, 10, (12 * 128, 4))
            recording = recording_of(task, samples_uv, 128.0, ("Fp1", "Fp2", "T3", "T4"))
            write_edf(folder / f"{person}_{task}.edf", recording)
    program = started(example("data-set"), folder)
    assert program.ended() == 0, program.errors
    first, *labels = until(lambda: program.lines, "the count")
    assert first.startswith("my-study: 2 people, 4 recordings, ")
    assert [line.split()[:3] for line in labels] == [["A+", "Q1|Q2", "2"], ["V-", "Q2|Q3", "2"]]


def test_the_conditioning_streams_and_matters(tmp_path):
    """In a process of its own: it adds to the table of conditionings."""
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", example("conditioning")],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert ran.stdout.strip() == "streamed equals whole, and the emotion matters", ran.stderr


@pytest.mark.lsl
def test_the_lights_follow_emotion_and_notes(started):
    token = uuid.uuid4().hex
    emotions = lsl.Outlet(CAPSULE_STREAM, CAPSULE_TYPE, CHANNELS, 4.0, "", f"{token}-emotions")
    notes = lsl.Outlet(NOTES_STREAM, NOTES_TYPE, NOTES_CHANNELS, 0.0, "MIDI", f"{token}-notes")
    program = started(example("sink"), SOON_S)
    vector = EmotionCapsule.neutral(clock()).to_vector().astype(float)
    told = {"valence": 0.4, "arousal": 0.5, "confidence": 0.0}
    vector[[CHANNELS.index(name) for name in told]] = list(told.values())

    def seen():
        now = np.array([clock()])
        emotions.push(vector[np.newaxis], now)
        notes.push(np.array([[0x90, 60, 80], [0x80, 60, 64]], dtype=float), np.repeat(now, 2))
        return {"colour 178 178 178", "flash 60 80"} <= set(program.lines)

    with closing(emotions), closing(notes):
        until(seen, "a colour and a flash")
    assert {line.split()[0] for line in program.lines} == {"listening", "colour", "flash"}
    assert program.errors == []


def test_osc_is_heard(started):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    program = started(example("sink", 1), port, 2)
    until(lambda: "listening" in program.lines, "the listener")
    line = Line("127.0.0.1", port, program.errors.append)
    line.open(0.0)
    voice = Voice(line.send)
    voice.hear(encode(TimedNote(1.0, 1.5, 60, 80)))
    voice.play(1.0)
    voice.look(Board(), 1.0)
    line.close()
    assert program.ended() == 0, program.errors
    until(lambda: len(program.lines) == 3, "two messages")
    assert program.lines[1:] == [
        "/emocapsule/note on 60 80 0.5",
        "/emocapsule/state SEARCHING WAITING",
    ]
