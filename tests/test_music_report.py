"""The report: every section beside its baseline, found once, found anew when its ground changes."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from networks import tiny_model
from puppets import PitchJudge, puppet

from music.conditioning import DEFAULT
from music.corpus.dataset import Piece, Source
from music.errors import MusicError
from music.evaluation.following import Playing, corners
from music.evaluation.likeness import copying, likeness, made_of, real_of
from music.evaluation.material import Material, Scale, Settings
from music.evaluation.performance import LabelledClip
from music.evaluation.report import main, parse, report, settings_of
from music.evaluation.sections import SECTIONS, Section, found
from music.evaluation.verdict import verdict
from music.sampling import Sampling
from music.store import save_model

SMALL = Scale(
    clips=3,
    sweep_clips=2,
    jump_seeds=1,
    jump_bars=2,
    course_seeds=1,
    pieces=1,
    samples=2,
    pasts=2,
    draws=2,
    speed_s=20.0,
    speed_pieces=2,
)


def pieces(each: int = 4) -> list[Piece]:
    """Songs by the puppet, whose emotions sound as the judge of the tests hears them."""
    played = puppet().quadrants(each, 1.0)
    return [
        Piece(Source("", "emopia", f"{split} {number}", split, int(q)), clip.tokens)
        for split in ("train", "valid")
        for number, (clip, q) in enumerate(zip(played.clips, played.asked, strict=True))
    ]


@pytest.fixture
def material(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Material:
    torch.set_num_threads(1)
    monkeypatch.setattr("music.evaluation.intervals.DRAWS", 20)
    monkeypatch.setattr("music.evaluation.following.PERMUTATIONS", 50)
    monkeypatch.setattr("music.evaluation.likeness.DRAWS", 3)
    monkeypatch.setattr("music.evaluation.distributions.HALVES", 3)
    model = tiny_model()
    save_model(model, tmp_path / "weights", {})
    settings = Settings(seconds=6.0, shipped=2.0, strengths=(1.0,), scale=SMALL)
    weights, none = tmp_path / "weights", tmp_path / "none"
    found = Material(weights, none, none, tmp_path / "out", settings)
    played = puppet().quadrants(4, 1.0)
    real = [
        LabelledClip(f"{n}", f"song {n}", int(q), "valid", clip)
        for n, (clip, q) in enumerate(zip(played.sound, played.asked, strict=True))
    ]
    found.__dict__.update(judge=PitchJudge(), real=real, pieces=pieces())
    return found


def test_a_whole_report_is_written_and_found_again(material: Material) -> None:
    said: list[str] = []
    whole = report(material, said.append)
    names = [section.name for section in SECTIONS]
    assert said == [f"{name} ..." for name in names]
    text = (material.out / "REPORT.md").read_text()
    for heading in ("Following", "Likeness", "Copying", "Sweeps", "Switches", "Courses"):
        assert f"## {heading}" in text
    for picture in ("following", "distributions", "sweeps", "switch", "courses", "kl"):
        assert f"![]({picture}.png)" in text
        assert (material.out / f"{picture}.png").stat().st_size > 1000
    assert "shuffled" in text
    assert material.fingerprint in text
    assert json.loads((material.out / "report.json").read_text()) == whole
    assert set(whole["figures"]) >= set(names)
    assert "**not met**" in text  # an untrained network shows little

    said.clear()
    assert report(material, said.append) == whole
    assert said == [f"{name}: as found before" for name in names]


def test_a_section_is_found_anew_when_its_ground_changes(material: Material) -> None:
    calls: list[int] = []

    def find(m: Material) -> dict[str, int]:
        calls.append(1)
        return {"n": len(calls)}

    section, quiet = Section("one", find, ("seconds", "scale.clips")), [].append
    assert found(section, material, quiet) == found(section, material, quiet) == {"n": 1}
    other = Material(**(vars_of(material) | {"settings": Settings(seconds=11.0, scale=SMALL)}))
    assert found(section, other, quiet) == {"n": 2}
    same = Material(
        **(vars_of(material) | {"settings": Settings(seconds=11.0, seed=5, scale=SMALL)})
    )
    assert found(section, same, quiet) == {"n": 2}  # the seed is none of its business
    save_model(tiny_model(seed=4), material.weights, {})
    trained = Material(**(vars_of(material) | {"settings": same.settings}))
    assert found(section, trained, quiet) == {"n": 3}


def vars_of(material: Material) -> dict[str, object]:
    return {name: getattr(material, name) for name in ("weights", "data", "tokens", "out")}


def test_clips_are_played_once_and_read_again(material: Material) -> None:
    first = material.played(1.0)
    again = Material(**vars_of(material), settings=material.settings)
    again.__dict__["model"] = None  # nobody plays
    kept = again.played(1.0)
    assert [c.tokens.tolist() for c in kept.clips] == [c.tokens.tolist() for c in first.clips]
    assert [c.events for c in kept.clips] == [c.events for c in first.clips]
    assert np.array_equal(kept.asked, first.asked)


def test_a_run_that_was_stopped_plays_only_what_is_missing(material: Material) -> None:
    requests, out = corners(1, 1.0) + corners(1, 1.0, seed=9), material.out / "blocks"
    how = {"sampling": Sampling(), "seconds": 2.0, "rows": 3, "folder": out}
    whole = Playing(material.model, name="one", **how)
    first = whole.play(requests)
    files = sorted(out.iterdir(), key=lambda file: file.stat().st_mtime_ns)
    assert len(files) == 3  # 8 requests
    files[1].unlink()
    silent = Playing(None, name="one", **how)
    with pytest.raises(AttributeError):
        silent.play(requests)  # the second block needs a network
    assert [c.tokens.tolist() for c in silent.play(requests[:3])] == [
        c.tokens.tolist() for c in first[:3]
    ]
    again = whole.play(requests)
    assert [c.tokens.tolist() for c in again] == [c.tokens.tolist() for c in first]
    for other in (
        Playing(None, name="two", **how),
        Playing(None, name="one", **how | {"seconds": 3.0}),
    ):
        with pytest.raises(AttributeError):
            other.play(requests[:3])


def test_likeness_knows_its_own_from_others(material: Material) -> None:
    real = real_of(material.held_out, 30.0)
    assert len(real.sound) == 16
    own = made_of(puppet().quadrants(4, 1.0))
    other = made_of(puppet(deaf=True).quadrants(4, 1.0))
    told = likeness({"own": own, "other": other}, real, base="own")
    assert set(told) == {"own", "other", "real halves"}
    assert told["own"]["overlap"]["velocity of every note"] > 0.99
    assert told["other"]["mean_overlap"]["value"] < told["own"]["mean_overlap"]["value"]
    assert told["own"]["mean_overlap"]["low"] <= told["own"]["mean_overlap"]["high"]
    assert 0.0 < told["real halves"]["overlap"]["mean of all"] <= 1.0
    gap = told["other"]["gap"]
    assert gap["low"] < gap["value"] < gap["high"] < 0.0
    assert "gap" not in told["own"]


def test_a_clip_that_is_a_training_song_is_caught(material: Material) -> None:
    own = made_of(puppet().quadrants(4, 1.0))
    real = real_of(material.held_out, 30.0)
    told = copying(own, real, material.train)["pitch"]
    assert told["generated"]["longest"] == max(len(clip.notes) - 1 for clip in own.sound)
    none = copying(own, real, [])["pitch"]
    assert none["generated"]["longest"] == none["real"]["longest"] == 0


def test_the_verdict_says_what_is_met_and_what_is_not() -> None:
    def at(value: float) -> dict[str, float]:
        return {"value": value, "low": value - 0.05, "high": value + 0.05, "n": 200}

    shuffled = {axis: at(0.25) for axis in ("4Q", "arousal", "valence")}
    agreement = {"4Q": at(0.8), "arousal": at(0.9), "valence": at(0.8)}
    figures = {
        "following": {"2": {"agreement": agreement, "shuffled": shuffled}},
        "speed": {"times_real_time": 4.9},
        "likelihood": {
            "kl": [0.2, 0.1, 0.06, 0.051, 0.0],
            "active": 4,
            "nats_per_note": {
                "posterior z": at(8.0), "prior z": at(9.0), "another bar's z": at(8.9),
            },
        },
        "likeness": {
            "2": {"mean_overlap": at(0.5), "gap": at(-0.01)}, "1": {"mean_overlap": at(0.6)},
        },
    }  # fmt: skip
    met = {one.asked: one.met for one in verdict(figures, 2.0)}
    assert met == {
        "judge agrees, 4Q ≥ 70%": True,
        "judge agrees, arousal ≥ 91%": False,
        "judge agrees, valence ≥ 76%": True,
        "shuffled condition at chance (.25)": True,
        "overlap with real clips no worse than unguided": False,
        "KL > 0.05 nat in ≥ 4 dimensions": True,
        "nats: posterior z < prior z < another bar's z": False,
        "one thread ≥ 5× real time in the busiest quadrant": False,
    }
    assert verdict({}, 2.0) == []


def test_the_verdict_on_what_ships_is_that_of_each_round_held() -> None:
    def round_won_by(row: str) -> dict[str, object]:
        heard = {"4Q": {"value": 0.5, "n": 200}}
        lines = [
            {"row": name, "nats": {"best": {"value": 8.0 + (name != row)}}, "agreement": heard}
            for name in (DEFAULT, "attention")
        ]
        return {"table": {"lines": lines}}

    both = {"comparison": round_won_by("attention"), "last round": round_won_by(DEFAULT)}
    first, last = verdict(both, 2.0)
    told = "the conditioning that ships leads the {}, of those with a latent"
    assert (first.asked, first.met) == (told.format("comparison"), False)
    assert (last.asked, last.met) == (told.format("last round"), True)
    assert last.found == f"{DEFAULT}: 0.50, 8.000 nats a note"


def test_the_words_of_the_command() -> None:
    settings = settings_of(
        parse(
            ["--quick", "--clips", "7", "--strength", "2.5", "--strengths", "2", "--split", "test"]
        )
    )
    assert settings.scale.clips == 7
    assert settings.scale.pieces is not None
    assert (settings.shipped, settings.split) == (2.5, "test")
    assert settings.all_strengths == [1.0, 2.0, 2.5]
    with pytest.raises(SystemExit):
        parse(["--clips", "1"])


def test_without_weights_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(MusicError, match="No music model"):
        main(["--weights", str(tmp_path), "--out", str(tmp_path / "out")], say=lambda line: None)


def test_the_comparison_is_shown_where_it_was_made(
    material: Material, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("music.evaluation.report.ROUNDS", {"comparison": tmp_path})
    lines = {"lines": [{"row": "lstm"}]}
    only = ["speed"]
    assert "comparison" not in report(material, [].append, only)["figures"]
    (tmp_path / "table.json").write_text(json.dumps(lines))
    (tmp_path / "table.md").write_text("# Conditionings and baselines\n\n| prefix | 8.9 |\n")
    assert report(material, [].append, only)["figures"]["comparison"]["table"] == lines
    text = (material.out / "REPORT.md").read_text()
    assert "## Conditionings and baselines\n\n| prefix | 8.9 |" in text
    (tmp_path / "table.json").write_text("{")
    with pytest.raises(MusicError, match="make the table again"):
        report(material, [].append, only)
