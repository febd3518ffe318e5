"""Every command has its help; every mistake is one clear sentence and never a traceback."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import edfio
import numpy as np
import pytest

from bridge.cli import build_parser, main
from music.events import Note
from music.midi import read_midi

ROOT = Path(__file__).parents[1]
COMMANDS = "demo devices live replay recognise compose prepare train evaluate bench".split()
EPOC = "AF3 F7 F3 FC5 T7 P7 O1 O2 P8 T8 FC6 F4 F8 AF4".split()
RATE_HZ = 128


def emocapsule(*words, cwd=None):
    """Run the command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "bridge.cli", *map(str, words)],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=120,
    )


def fails(ran, *words):
    """One sentence that holds these words, and exit status 1."""
    assert ran.returncode == 1, ran.stderr
    assert "Traceback" not in ran.stderr
    last = ran.stderr.strip().splitlines()[-1]
    assert last.startswith("emocapsule: ")
    assert last.endswith(".")
    for word in words:
        assert word in last, last
    assert "Unexpected" not in last


def brain_waves(channels=14, seconds=8, seed=0):
    """(channel, time) of something like EEG, in microvolts."""
    rng = np.random.default_rng(seed)
    steps = rng.normal(size=(channels, seconds * RATE_HZ))
    alpha = 8 * np.sin(2 * np.pi * 10 * np.arange(seconds * RATE_HZ) / RATE_HZ)
    return 6 * steps + alpha


def write_edf(path, samples_uv, labels=EPOC, unit="uV", scale=1.0):
    signals = [
        edfio.EdfSignal(row * scale, RATE_HZ, label=label, physical_dimension=unit)
        for row, label in zip(samples_uv, labels, strict=True)
    ]
    edfio.Edf(signals).write(path)
    return path


def write_csv(path, samples_uv, labels=("TP9", "AF7", "AF8", "TP10")):
    rows = [
        ",".join([f"{step / 256:.6f}", *(f"{value:.6g}" for value in values)])
        for step, values in enumerate(samples_uv.T)
    ]
    path.write_text("\n".join([",".join(["timestamps", *labels]), *rows]))
    return path


# ---------------------------------------------------------------------------- the words


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_its_help(command):
    ran = emocapsule(command, "--help")
    assert ran.returncode == 0, ran.stderr
    assert "usage: emocapsule" in ran.stdout


def test_help_names_every_command(capsys):
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])
    told = capsys.readouterr().out
    assert re.findall(r"^ {4}(\w+)", told, re.MULTILINE)[-len(COMMANDS) :] == COMMANDS


def test_version_is_told(capsys):
    with pytest.raises(SystemExit, match="0"):
        main(["--version"])
    assert capsys.readouterr().out.startswith("emocapsule 0.")


@pytest.mark.parametrize(
    "words",
    [
        "",
        "sing",
        "replay",
        "live extra",
        "replay a.edf --fast --faster",
        "live --dur 3",
        "live --duration soon",
        "live --duration -3",
        "live --seed 1.5",
        "compose --out a.mid",
        "compose --quadrant Q5 --out a.mid",
        "compose --quadrant Q1 --mix 1,0,0,0 --out a.mid",
        "compose --mix 0.5,0.5,0.5,0.5 --out a.mid",
        "compose --mix 1,0,0 --out a.mid",
        "compose --mix nan,0,0,1 --out a.mid",
        "compose --quadrant Q1",
        "train piano",
        "train",
        "evaluate piano",
        "evaluate",
    ],
)
def test_wrong_use_is_status_2(words, capsys):
    try:
        status = main(words.split())
    except SystemExit as leaving:
        status = leaving.code
    assert status == 2
    assert "usage: emocapsule" in "".join(capsys.readouterr())


def test_words_of_the_contract_are_understood():
    parse = build_parser().parse_args
    live = "live --stream A --profile p.json --rest 30 --port none --duration 9 --out d --seed 4"
    args = parse([*live.split(), "--no-page"])
    assert (args.stream, args.rest, args.port, args.duration) == ("A", 30.0, "none", 9.0)
    assert (args.out, args.seed, args.page) == (Path("d"), 4, False)
    replay = "replay a.edf --fast --profile p --rest 0 --port loop --duration 9 --out d --seed 4"
    assert parse(replay.split()).fast
    args = parse("recognise a.edf --out b.jsonl --profile p --rest 9 --plot c.png".split())
    assert (args.file, args.out, args.plot) == (Path("a.edf"), Path("b.jsonl"), Path("c.png"))
    args = parse("compose --mix .1,.2,.3,.4 --seconds 9 --seed 4 --out f.mid --wav f.wav".split())
    assert args.mix == (0.1, 0.2, 0.3, 0.4)


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


@pytest.mark.parametrize(
    ("content", "said"), [(None, "a.json"), ("", "a.json"), ("{}", "a.json"), ("[1]", "a.json")]
)
def test_a_bad_capsule_file_is_one_sentence(tmp_path, content, said):
    path = tmp_path / "a.json"
    if content is not None:
        path.write_text(content)
    fails(emocapsule("compose", "--capsule", path, "--out", tmp_path / "a.mid"), said)


def test_a_missing_profile_is_one_sentence(tmp_path):
    path = write_edf(tmp_path / "a.edf", brain_waves())
    fails(emocapsule("recognise", path, "--profile", tmp_path / "none.json"), "none.json")


# ---------------------------------------------------------------------------- recognise


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


# ---------------------------------------------------------------------------- play

SAMPLE = ROOT / "recordings" / "sample.edf"
REAL = {
    "Muse": "eeg/bird_muse/subjecta-relaxed-1.csv.gz",
    "14 channels": "eeg/albasri_relax_conc/S001E01.edf",
    "19 channels": "eeg/eegmat/Subject00_1.edf",
}


@pytest.mark.slow
@pytest.mark.data
@pytest.mark.parametrize("headset", REAL)
def test_real_recordings_play_without_a_word_about_channels(headset, data, tmp_path):
    words = ["--fast", "--rest", "5", "--duration", "15", "--out", tmp_path / "s"]
    ran = emocapsule("replay", data / REAL[headset], *words)
    assert ran.returncode == 0, ran.stderr
    assert " feels Q1 " in ran.stdout
    notes = [event for event in read_midi(tmp_path / "s" / "notes.mid") if isinstance(event, Note)]
    assert len(notes) > 10
    lines = (tmp_path / "s" / "capsules.jsonl").read_text().splitlines()
    assert len(lines) == 4 * (15 - 2) + 1


@pytest.mark.slow
def test_fast_replay_gives_the_same_bytes_twice(tmp_path):
    for name in ("one", "two"):
        words = ["--fast", "--duration", "20", "--seed", "7", "--out", tmp_path / name]
        ran = emocapsule("replay", SAMPLE, *words)
        assert ran.returncode == 0, ran.stderr
    one, two = ((tmp_path / name / "notes.mid").read_bytes() for name in ("one", "two"))
    assert one == two
    assert len(one) > 300


@pytest.mark.slow
@pytest.mark.lsl
@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C is sent otherwise on Windows")
def test_ctrl_c_ends_a_performance_in_good_order(tmp_path):
    words = ["replay", SAMPLE, "--port", "none", "--out", tmp_path / "s"]
    playing = subprocess.Popen(
        [sys.executable, "-m", "bridge.cli", *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    with playing:
        told = iter(playing.stdout.readline, "")
        assert any(" feels Q1 " in line for line in told)
        os.killpg(playing.pid, signal.SIGINT)  # as a terminal does: to every process
        rest, complaints = playing.communicate(timeout=60)
    assert playing.returncode == 0, complaints
    assert "Traceback" not in complaints
    assert "session.png" in rest
    assert json.loads((tmp_path / "s" / "session.json").read_text())["state"] == "complete"
