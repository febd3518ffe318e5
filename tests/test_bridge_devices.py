"""`emocapsule devices`: what is on the network, and how good its signal is."""

import argparse

import numpy as np
import pylsl
import pytest
from terminal import emocapsule
from wire import SOON_S, python, until

from bridge.commands.devices import Meter, described, words_of_devices
from eeg import lsl
from eeg.errors import EegError
from eeg.quality import FINE, GOOD, grade
from eeg.signal import Chunk, Signal

RATE_HZ = 128.0
SIGNAL = Signal("cap", RATE_HZ, ("Fp1", "Cz", "O2", "AUX"))


def piece(start: int, count: int) -> Chunk:
    """Fp1 with EEG, Cz with a loose contact, O2 unplugged, something else on AUX."""
    times_s = np.arange(start, start + count) / RATE_HZ
    noise = np.random.default_rng(start).normal(0, 1, (count, 4))
    samples_uv = noise * [15, 250, 0, 15]
    return Chunk(samples_uv, times_s)


def heard(meter: Meter, seconds: float, rate_hz: float = RATE_HZ) -> float:
    """Feed a meter chunks of 8 samples that come at some rate; when the last came."""
    for number in range(int(seconds * rate_hz / 8)):
        meter.push(piece(8 * number, 8), 50 + (number + 1) * 8 / rate_hz)
    return 50 + int(seconds * rate_hz / 8) * 8 / rate_hz


def test_channels_are_told_as_good_fair_off_and_not_used() -> None:
    meter = Meter(SIGNAL)
    assert not meter.known
    assert meter.told(50.0) == "silent"
    now_s = heard(meter, 4)
    assert meter.known
    assert meter.told(now_s) == "128 Hz come, good: Fp1, fair: Cz, off: O2, not used: AUX"
    assert meter.told(now_s + 2.5) == "silent"
    filled = "frontal-left, central, occipital-right"
    assert meter.fills == f"fills 3 of 11 regions of the scalp: {filled}"


@pytest.mark.parametrize("rate_hz", [100.0, 131.0])
def test_the_rate_is_what_really_comes(rate_hz: float) -> None:
    meter = Meter(SIGNAL)
    assert f"{rate_hz:.0f} Hz come" in meter.told(heard(meter, 8, rate_hz))


def test_grades_follow_what_is_used() -> None:
    """Off is what the front end leaves out."""
    assert [grade(q) for q in (1.0, FINE, 0.79, GOOD, 0.49, 0.0)] == [
        "good", "good", "fair", "fair", "off", "off",
    ]  # fmt: skip


def test_a_stream_is_described_in_one_line() -> None:
    muse = lsl.Stream("Muse", "EEG", 256.0, ("TP9", "AF7", ""), "id", "stage", ("uV", "uV", ""))
    assert described(muse) == "Muse (EEG on stage): 256 Hz, uV, 3 channels: TP9 AF7 ?"
    marks = lsl.Stream("marks", "", 0.0, ("",), "", "stage", ("",))
    assert described(marks) == "marks (no type on stage): no steady rate, no unit, 1 channel: ?"
    many = lsl.Stream("mood", "Emotion", 4.0, tuple("abcdef"), "", "stage", ("",) * 6)
    assert described(many).endswith("6 channels: a b c d ...")


@pytest.mark.parametrize(("words", "seconds"), [("", None), ("--watch 3", 3), ("--watch", 86400)])
def test_watching_may_have_an_end(words: str, seconds: float | None) -> None:
    parser = argparse.ArgumentParser()
    words_of_devices(parser)
    assert parser.parse_args(words.split()).watch == seconds


PLAYER = """
from dataclasses import replace
from eeg.player import serve
from eeg.synthetic import sample_recording
recording = sample_recording()
recording.samples_uv[:, 1] = 0.0
serve(replace(recording, events=()), name="played")
"""


@pytest.mark.lsl
def test_devices_tells_what_is_there_and_how_it_is() -> None:
    player = python(PLAYER)
    nameless = pylsl.StreamOutlet(pylsl.StreamInfo("nameless", "EEG", 4, 250, "float32", "n"))
    try:
        until(lambda: "played" in {stream.name for stream in lsl.find_streams(0.5)})
        ran = emocapsule("devices", "--watch", "2")
    finally:
        player.close()
    assert ran.returncode == 0, ran.stderr
    assert "played (EEG on " in ran.stdout
    assert "128 Hz, microvolts, 14 channels: AF3 F7 F3" in ran.stdout
    assert "fills 8 of 11 regions of the scalp: frontal-left" in ran.stdout
    assert "does not name its 4 channels" in ran.stdout
    assert "MIDI ports" in ran.stdout
    lines = [line for line in ran.stdout.splitlines() if line.startswith("  played: ")]
    assert len(lines) == 3
    assert all("Hz come, good: AF3 F3" in line and "off: F7" in line for line in lines)
    assert "  nameless: cannot be used" in ran.stdout
    del nameless


@pytest.mark.lsl
def test_a_stream_that_does_not_name_its_channels_is_named_by_its_user() -> None:
    source = pylsl.StreamOutlet(pylsl.StreamInfo("obci", "EEG", 4, 250, "float32", "o"))
    for name in ("obci=Fp1,x,c3,T3", "o=Fp1,x,c3,T3", "=Fp1,x,c3,T3"):
        with lsl.Intake(name, timeout_s=SOON_S) as intake:
            assert intake.signal.channels == ("Fp1", "x", "C3", "T7")
    for name, says in (
        ("obci=Fp1,Fp2", "2 electrodes are named, but the stream 'obci' has 4"),
        ("obci=Fp1,Fp2,C3,Q4", "'Q4' is no electrode"),
        ("obci", "--stream 'obci=Fp1,Fp2,C3,C4'"),
        ("obci=other", "no LSL stream named 'obci=other'"),
    ):
        with pytest.raises(EegError, match=says):
            lsl.Intake(name, timeout_s=1.0)
    del source
