"""recognise: an emotion every quarter second; a bad recording is one clear sentence."""

import json

import edfio
import numpy as np
import pytest
from terminal import emocapsule, fails

from eeg.synthetic import sample_recording

EPOC = "AF3 F7 F3 FC5 T7 P7 O1 O2 P8 T8 FC6 F4 F8 AF4".split()
RATE_HZ = 128


def brain_waves(channels=14, seconds=8):
    """(channel, time) of something like EEG, in microvolts."""
    rng = np.random.default_rng(0)
    steps = rng.normal(size=(channels, seconds * RATE_HZ))
    alpha = 8 * np.sin(2 * np.pi * 10 * np.arange(seconds * RATE_HZ) / RATE_HZ)
    return 6 * steps + alpha


def write_edf(path, samples_uv, labels=EPOC):
    signals = [
        edfio.EdfSignal(row, RATE_HZ, label=label, physical_dimension="uV")
        for row, label in zip(samples_uv, labels, strict=True)
    ]
    edfio.Edf(signals).write(path)
    return path


def write_csv(path, samples_uv):
    rows = [
        ",".join([f"{step / 256:.6f}", *(f"{value:.6g}" for value in values)])
        for step, values in enumerate(samples_uv.T)
    ]
    path.write_text("\n".join(["timestamps,TP9,AF7,AF8,TP10", *rows]))
    return path


def recognised(path, *words):
    ran = emocapsule("recognise", path, *words)
    assert ran.returncode == 0, ran.stderr
    return [json.loads(line) for line in ran.stdout.splitlines()]


def test_recognise_tells_one_emotion_every_quarter_second(tmp_path):
    path = write_edf(tmp_path / "a.edf", brain_waves(seconds=8))
    lines = recognised(path, "--rest", 4)
    times_s = [line["time_s"] for line in lines]
    assert times_s[0] == pytest.approx(2.0, abs=0.02)
    assert np.diff(times_s) == pytest.approx(0.25, abs=0.01)
    for line in lines:
        keys = ["time_s", "probabilities", "valence", "arousal", "confidence", "quality"]
        assert list(line) == keys
        assert sum(line["probabilities"]) == pytest.approx(1.0, abs=1e-4)
        assert -1 <= line["valence"] <= 1
        assert -1 <= line["arousal"] <= 1
        assert 0 <= line["confidence"] <= 1


def test_dead_channels_are_no_mistake_but_doubt(tmp_path):
    """NaN and flat channels beside good ones are left out; nothing but flat ones is ignorance."""
    samples = brain_waves(4, 8)
    samples[0], samples[3] = np.nan, 0.0
    lines = recognised(write_csv(tmp_path / "two.csv", samples))
    assert all(np.isfinite(line["probabilities"]).all() for line in lines)
    lines = recognised(write_csv(tmp_path / "dead.csv", np.full((4, 2000), np.nan)))
    for line in lines:
        assert line["probabilities"] == pytest.approx([0.25] * 4, abs=1e-6)
        assert line["quality"] == 0.0


def test_names_in_the_wrong_order_are_told_and_nothing_is_read(tmp_path):
    recording = sample_recording()
    for labels, told in ((EPOC, False), (sorted(EPOC), True)):
        path = write_edf(tmp_path / "a.edf", recording.samples_uv[: 80 * RATE_HZ].T, labels)
        ran = emocapsule("recognise", path)
        last = json.loads(ran.stdout.splitlines()[-1])
        assert (ran.returncode, "do not fit the signal" in ran.stderr) == (0, told), ran.stderr
        assert (last["confidence"] < 0.05) == told


def test_recognise_writes_and_draws(tmp_path):
    path = write_edf(tmp_path / "a.edf", brain_waves(seconds=5))
    out, plot = tmp_path / "a.jsonl", tmp_path / "a.png"
    ran = emocapsule("recognise", path, "--out", out, "--plot", plot, "--routing")
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout == ""
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    votes = lines[0]["routing"]["frontal-left"]["alpha"]
    assert sum(votes) == pytest.approx(1.0, abs=1e-2) or sum(votes) == 0.0
    assert plot.read_bytes().startswith(b"\x89PNG")


# ---------------------------------------------------------------------------- mistakes

BAD = {
    "missing.edf": (lambda path: None, "no file"),
    "empty.edf": (lambda path: path.write_bytes(b""), "empty"),
    "noise.edf": (lambda path: path.write_bytes(bytes(range(256)) * 40), "cannot be read"),
    "words.csv": (lambda path: path.write_text("dear diary,\ntoday\n"), "words.csv"),
    "words.docx": (lambda path: path.write_text("dear diary"), "ending"),
    "heart.edf": (lambda path: write_edf(path, brain_waves(2), ["ECG", "EMG"]), "heart.edf"),
    "odd.edf": (lambda path: write_edf(path, brain_waves(3), ["one", "two", "three"]), "Fp1"),
    "short.edf": (lambda path: write_edf(path, brain_waves(seconds=1)), "two seconds"),
    "volts.csv": (lambda path: write_csv(path, brain_waves(4, 8) * 1e-6), "volts"),
}
BAD["slow.csv"] = (
    lambda path: path.write_text(
        "timestamps,TP9,AF7,AF8,TP10\n" + "\n".join(f"{n},800,801,802,{n}" for n in range(90))
    ),
    "samples a second",
)


@pytest.mark.parametrize("name", BAD)
def test_a_bad_recording_is_one_sentence(tmp_path, name):
    make, said = BAD[name]
    make(tmp_path / name)
    fails(emocapsule("recognise", tmp_path / name), said)


def test_a_folder_is_no_recording(tmp_path):
    fails(emocapsule("recognise", tmp_path))


@pytest.mark.parametrize("words", [["--out", "none/a.jsonl"], ["--plot", "none/a.png"]])
def test_what_cannot_be_written_is_one_sentence(tmp_path, words):
    path = write_edf(tmp_path / "a.edf", brain_waves())
    fails(emocapsule("recognise", path, *words, cwd=tmp_path), "cannot be written")


def test_a_missing_profile_is_one_sentence(tmp_path):
    path = write_edf(tmp_path / "a.edf", brain_waves())
    fails(emocapsule("recognise", path, "--profile", tmp_path / "none.json"), "none.json")
