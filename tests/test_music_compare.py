"""The comparison: the rows are alike in size, nothing is made twice, and the table says what is."""

import json
from pathlib import Path

import numpy as np
import pytest
from pieces import small_piece

from music.conditioning import DEFAULT
from music.corpus.dataset import Piece, Source, save
from music.corpus.encode import encode
from music.errors import MusicError
from music.evaluation import compare, contestants, measure
from music.evaluation.contestants import ROWS, Contestant, Preset, train_one
from music.evaluation.likelihood import NONE, OTHERS, PRIOR, RIGHT
from music.evaluation.measure import Scale, Shelf, chosen, size_of
from music.evaluation.performance import LabelledClip, clip_of
from music.evaluation.ranking import Standing, best, finalists, standings
from music.evaluation.table import nats_of
from music.store import build
from music.training import trainer

TINY = ["--steps", "2", "--depth", "2", "--window", "40", "--clips", "1", "--seconds", "1"]
TINY += ["--samples", "2", "--pieces", "2"]


@pytest.fixture
def tokens(tmp_path: Path) -> Path:
    """A piece a quadrant and split, and two that nobody labelled."""
    pieces = []
    for split in ("train", "valid", "test"):
        for quadrant in range(4):
            source = Source(f"{quadrant}", "emopia", f"{split} {quadrant}", split, quadrant, 0)
            pieces.append(Piece(source, np.tile(encode(small_piece()), 2)))
    pieces += [
        Piece(Source(f"{n}", "pop1k7", f"{n}", "train"), encode(small_piece())) for n in (0, 1)
    ]
    save(tmp_path / "tokens", pieces)
    return tmp_path / "tokens"


class Deaf:
    """A judge that always hears Q1."""

    trained = 0

    @classmethod
    def train(cls, data: Path, seed: int) -> "Deaf":
        cls.trained += 1
        return cls()

    def probabilities(self, clips, window="long"):
        return np.tile([0.7, 0.1, 0.1, 0.1], (len(clips), 1))


def clips(data: Path, splits: list[str], seconds: float) -> list[LabelledClip]:
    clip = clip_of([(0.1 * n, 0.2, 60.0 + n, 60.0) for n in range(8)], [])
    return [LabelledClip(f"{q}", f"song {q}", q, "valid", clip) for q in range(4)]


@pytest.fixture
def go(tokens: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(compare, "Judge", Deaf)
    monkeypatch.setattr(compare, "real_clips", clips)
    monkeypatch.setattr(Deaf, "trained", 0)
    monkeypatch.setattr(measure, "TIMED_TOKENS", 8)
    monkeypatch.setattr(trainer, "draw", lambda curve, path: None)
    out = tmp_path / "out"

    def run(*words: str) -> Path:
        where = ["--tokens", str(tokens), "--data", str(tmp_path), "--out", str(out)]
        assert compare.main([*TINY, *where, *words]) == 0
        return out

    return run


def test_all_rows_are_about_as_large_and_what_tells_most_comes_first() -> None:
    playing = {name: size_of(build(Preset(1).config(row)))["playing"] for name, row in ROWS.items()}
    assert list(playing)[:3] == [DEFAULT, "modulation", "prefix-plain"]
    assert len(playing) == 11
    assert 1.8e6 < min(playing.values()) <= max(playing.values()) < 2.5e6


def test_the_table_is_made_once_and_from_what_there_is(
    go, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = ("--only", DEFAULT, "lstm", "--seeds", "0", "7")
    out = go(*rows)
    assert Deaf.trained == 1
    table = json.loads((out / "table.json").read_text())
    lines = {(line["row"], line["seed"]): line for line in table["lines"]}
    assert sorted(lines) == [("lstm", 0), ("lstm", 7), (DEFAULT, 0), (DEFAULT, 7)]
    assert lines[DEFAULT, 0]["nats"]["best"]["bound"] in ("IWAE", "prior")
    assert lines["lstm", 0]["nats"]["best"]["bound"] == "exact"
    assert all(line["agreement"]["4Q"]["value"] == 0.25 for line in lines.values())
    assert table["real"]["arousal"]["value"] == 0.5
    text = (out / "table.md").read_text()
    assert all(word in text for word in ("LSTM", "CVAE (ships)", "seed 7", "2 steps", "IWAE"))
    assert "Best, of those" in text
    assert text.rstrip().endswith(f" {DEFAULT}.")
    assert (out / "table.png").stat().st_size > 1000

    measured = {path: path.read_bytes() for path in out.rglob("*.json")}
    monkeypatch.setattr(contestants, "learn", None)  # would raise if it were called
    go(*rows)
    assert Deaf.trained == 1
    assert {path: path.read_bytes() for path in out.rglob("*.json")} == measured
    capsys.readouterr()
    go("--list", *rows)
    assert capsys.readouterr().out.splitlines()[1] == (
        "lstm             2 of 2 steps  parameters, playing, ms_per_token, nats, agreement"
    )


def test_training_and_measuring_are_stages_of_their_own(go) -> None:
    only = ("--only", "lstm", "--seeds", "0")
    out = go("--stage", "train", *only)
    assert not (out / "table.json").exists()
    go("--stage", "table", *only)
    (line,) = json.loads((out / "table.json").read_text())["lines"]
    assert line["steps"] == 2
    assert "nats" not in line
    go("--stage", "measure", *only)
    (line,) = json.loads((out / "table.json").read_text())["lines"]
    assert line["nats"]["songs"] == 2
    go("--stage", "table", *only[:2], "--seeds", "0", "--pieces", "1")
    (line,) = json.loads((out / "table.json").read_text())["lines"]
    assert "nats" not in line  # what was scored on more pieces is not shown as if on fewer


def test_a_stopped_row_goes_on_and_other_settings_are_refused(tokens: Path, tmp_path: Path) -> None:
    said: list[str] = []
    row, preset = ROWS["prefix-plain"], Preset(3, depth=2, window=40)
    one = Contestant(row, 0, preset, tokens, tmp_path / "out")
    train_one(one, said.append)
    assert one.is_trained
    config = json.loads((one.folder / "config.json").read_text())
    resume = json.loads((one.folder / "resume.json").read_text())
    for name, kept in (("config.json", config), ("resume.json", resume)):
        (one.folder / name).write_text(json.dumps(kept | {"step": 2}))
    assert not one.is_trained
    said.clear()
    train_one(one, said.append)
    assert "from step 2" in said[0]
    assert one.is_trained
    longer = Contestant(row, 0, Preset(4, depth=2, window=40), tokens, tmp_path / "out")
    with pytest.raises(MusicError, match=r"steps.*another --out"):
        train_one(longer, said.append)


def test_two_rows_at_a_time_are_trained_in_processes_of_their_own(go) -> None:
    out = go("--stage", "train", "--jobs", "2", "--only", "lstm", "prefix-plain", "--seeds", "0")
    assert {path.parent.name for path in out.rglob("model.safetensors")} == {
        "lstm-0",
        "prefix-plain-0",
    }


def test_a_shelf_takes_again_what_was_taken_otherwise(tmp_path: Path) -> None:
    taken: list[int] = []

    def take() -> dict[str, int]:
        taken.append(len(taken))
        return {"figure": taken[-1]}

    for settings, figure in (({"k": 1}, 0), ({"k": 1}, 0), ({"k": 2}, 1)):
        assert Shelf(tmp_path / "m.json").get("x", settings, take) == {"figure": figure}
    assert Shelf(tmp_path / "m.json").peek("x", {"k": 2}) == {"figure": 1}
    assert Shelf(tmp_path / "m.json").peek("x", {"k": 1}) is None


def test_the_lowest_bound_counts_and_finalists_are_the_default_and_the_best_of_either_kind() -> (
    None
):
    def told(right: float, prior: float) -> dict[str, object]:
        nats = {RIGHT: right, PRIOR: prior, NONE: 10.5, OTHERS: 11.0, "bigram": 13.0}
        rest = {"samples": 16, "songs": 3, "notes": 9, "active": 2, "precision": "float32"}
        return rest | {"nats_per_note": {k: {"value": x} for k, x in nats.items()}}

    assert nats_of(told(10.0, 10.2))["best"] == {"value": 10.0, "bound": "IWAE"}
    assert nats_of(told(10.3, 10.2))["best"] == {"value": 10.2, "bound": "prior"}
    lines = [
        {"row": name, "nats": nats_of(told(nats, 20.0))}
        for name, nats in (
            (DEFAULT, 10.0), ("cross", 9.0), ("prefix-plain", 8.0), ("gated", 9.5), ("lstm", 9.9),
        )
    ]  # fmt: skip
    assert finalists([*lines, {"row": "prefix"}]) == ["prefix-plain", "cross", "gated", DEFAULT]
    assert finalists(lines[:2]) == ["cross", DEFAULT]
    better = [{"row": "attention", "nats": nats_of(told(10.5, 20.0))}, lines[0]]
    assert finalists(better) == ["attention", DEFAULT]
    assert finalists([{"row": "prefix"}]) == []


def test_the_best_agrees_within_a_standard_error_of_the_greatest_with_the_fewest_nats() -> None:
    rows = [
        Standing("modulation", 10.0, 0.60, 192, 3),
        Standing("cross", 9.9, 0.58, 192, 3),
        Standing("attention", 9.0, 0.56, 192, 3),  # the error of the greatest is .035
        Standing("prefix", 8.0, 0.90, 64, 1),  # one seed
        Standing("prefix-plain", 7.0, 0.90, 192, 3),  # no latent
    ]
    assert best(rows) == rows[1]
    assert best(rows[:1]) == rows[0]
    assert best(rows[4:]) is None
    heard = {"4Q": {"value": 0.5, "n": 64}}
    lines = [
        {"row": "cross", "nats": {"best": {"value": 9.0}}, "agreement": heard},
        {"row": "cross", "nats": {"best": {"value": 10.0}}, "agreement": heard},
        {"row": "cross", "nats": {"best": {"value": 99.0}}},
        {"row": "lstm", "agreement": heard},
    ]
    assert standings(lines) == [Standing("cross", 9.5, 0.5, 128, 2)]


def test_scored_pieces_are_spread_over_the_split() -> None:
    pieces = [
        Piece(Source(f"{q}{n}", "emopia", f"{q}{n}", "valid", q), np.zeros(3, dtype=np.int64))
        for q in range(4)
        for n in range(5)
    ]
    some = chosen(pieces[::-1], "valid", 8)
    assert [sum(p.source.quadrant == q for p in some) for q in range(4)] == [2, 2, 2, 2]
    assert len(chosen(pieces, "valid", 100)) == 20
    assert Scale().of_clips == {"each": 16, "seconds": 20.0}
