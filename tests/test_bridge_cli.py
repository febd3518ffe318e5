"""Every command has its help; every mistake is one clear sentence and never a traceback."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from terminal import emocapsule, fails

from bridge.cli import build_parser, main
from music.events import Note
from music.midi import read_midi

ROOT = Path(__file__).parents[1]
COMMANDS = (
    "demo devices headset live listen replay learn recognise calibrate compose report prepare train"
    " evaluate bench"
).split()


# ---------------------------------------------------------------------------- the words


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_its_help(command):
    ran = emocapsule(command, "--help")
    assert ran.returncode == 0, ran.stderr
    assert "usage: emocapsule" in ran.stdout


def test_prepare_is_for_music_or_with_a_word_for_the_capsule_network(capsys):
    for words, told in ((["prepare"], "music.npz"), (["prepare", "capsule"], "known: eegmat")):
        with pytest.raises(SystemExit, match="0"):
            main([*words, "--help"])
        assert told in capsys.readouterr().out
    assert main(["prepare", "capsule", "--data", "deep"]) == 1
    assert "there is no data set 'deep'" in capsys.readouterr().err


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
        "headset",
        "headset --board cyton --list",
        "devices --watch soon",
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


@pytest.mark.parametrize(
    ("content", "said"), [(None, "a.json"), ("", "a.json"), ("{}", "a.json"), ("[1]", "a.json")]
)
def test_a_bad_capsule_file_is_one_sentence(tmp_path, content, said):
    path = tmp_path / "a.json"
    if content is not None:
        path.write_text(content)
    fails(emocapsule("compose", "--capsule", path, "--out", tmp_path / "a.mid"), said)


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
