"""calibrate as a person types it: what it prints, what it writes, and mistakes as one sentence."""

import json

import pytest

from bridge.cli import build_parser, main
from bridge.commands.listening import settle_rest
from eeg.synthetic import EPOC, Step, synthesise, write_edf

ORDER = "+--++-"
AT_REST_S, EACH_S = 24.0, 14.0


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    """Rest, and six stretches of pleasant and unpleasant, named by annotations."""
    steps, until_s = [Step(AT_REST_S, 0.0, 0.0, "rest")], AT_REST_S
    for sign in ORDER:
        until_s += EACH_S
        steps.append(Step(until_s, 2.0 if sign == "+" else -2.0, 0.0, f"valence {sign}"))
    path = tmp_path_factory.mktemp("calibrate") / "me.edf"
    write_edf(path, synthesise(EPOC, 128.0, steps))
    return path


def run(*words):
    return main([str(word) for word in words])


def test_markers_become_a_profile_that_recognise_takes(recording, tmp_path, capsys):
    profile = tmp_path / "ann.json"
    assert run("calibrate", recording, "--profile", profile, "--wearer", "Ann") == 0
    said = capsys.readouterr()
    assert "valence" in said.out
    assert "permuted labels" in said.out
    assert "3 of V+ (42 s), 3 of V- (42 s), 1 of baseline (24 s)" in said.err
    told = json.loads(profile.read_text())
    assert told["wearer"] == "Ann"
    assert told["figures"]["used"] == "fit"
    assert run("recognise", recording, "--profile", profile) == 0
    mine = capsys.readouterr().out.splitlines()
    assert run("recognise", recording, "--profile", profile, "--rest", AT_REST_S) == 0
    recentred = capsys.readouterr().out.splitlines()
    assert run("recognise", recording, "--rest", AT_REST_S) == 0
    plain = capsys.readouterr().out.splitlines()
    assert len(mine) == len(plain)
    assert mine[-1] == recentred[-1] != plain[-1]


def test_a_table_does_as_well(recording, tmp_path, capsys):
    rows = [f"{AT_REST_S + k * EACH_S},{AT_REST_S + (k + 1) * EACH_S},V{sign}"
            for k, sign in enumerate(ORDER[:3])]  # fmt: skip
    table = tmp_path / "labels.csv"
    table.write_text("\n".join(["start_s,end_s,label", *rows]))
    words = ("--labels", table, "--rest", AT_REST_S, "--profile", tmp_path / "a.json")
    assert run("calibrate", recording, *words) == 1
    said = capsys.readouterr().err
    assert "1 of V+ (14 s), 2 of V- (28 s)" in said
    assert "at least 3 separate stretches" in said
    assert not (tmp_path / "a.json").exists()


def fails(capsys, *words):
    assert run("calibrate", *words) == 1
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert last.startswith("emocapsule: ")
    assert "Unexpected" not in last
    return last


def test_mistakes_are_one_sentence(recording, tmp_path, capsys):
    out = ("--profile", tmp_path / "a.json")
    assert "no file" in fails(capsys, tmp_path / "none.edf", *out)
    assert "no folder" in fails(capsys, recording, "--profile", tmp_path / "none" / "a.json")
    assert "labels.csv" in fails(capsys, recording, "--labels", tmp_path / "labels.csv", *out)
    bare = tmp_path / "bare.edf"
    write_edf(bare, synthesise(EPOC, 128.0, [Step(4.0, 0.0, 0.0, "eyes open")]))
    assert "they are eyes open" in fails(capsys, bare, *out)


def test_rest_is_a_minute_or_the_profile_s_unless_it_is_told():
    for words, seconds in (
        ("recognise a.edf", 60.0), ("recognise a.edf --profile p", 0.0), ("live", 60.0),
        ("live --profile p --rest 30", 30.0), ("replay a.edf --rest 0", 0.0),
        ("calibrate a.edf b.edf --profile p", None),
    ):  # fmt: skip
        args = build_parser().parse_args(words.split())
        settle_rest(args)
        assert args.rest == seconds
