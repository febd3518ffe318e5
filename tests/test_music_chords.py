"""emoChord2vec: it finds what belongs together, again and again, and moves chord tokens only."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from music import vocabulary as v
from music.conditioning import DEFAULT
from music.corpus.dataset import Piece, Source
from music.errors import MusicError
from music.inputs import ModelConfig
from music.model import MusicModel
from music.training.chords import scores
from music.training.chords.drawing import draw, plane
from music.training.chords.vectors import (
    CHORDS,
    EVERY,
    WORDS,
    ChordVectors,
    Recipe,
    initialise,
    learn,
    load,
    save,
    sentences,
    transposed,
    unit,
)
from music.training.trainer import Trainer

pytest.importorskip("gensim", reason="gensim has no wheel for this Python")
RECIPE = Recipe(size=16, epochs=20)
TINY = ModelConfig(2, 64, 4, 0.0, DEFAULT)


def piece(song: str, names: list[str], quadrant: int | None = None, split: str = "train") -> Piece:
    """One chord a bar; its tonic is C."""
    tokens = [token for name in names for token in (v.BAR, v.LATENT, v.chord_token(name))]
    source = Source(song, "any", song, split, quadrant, tonic=0)
    return Piece(source, np.array(tokens))


def songs(count: int, split: str = "train") -> list[Piece]:
    """Glad songs turn between C, F and G, sad ones between Am, Dm and E7; in both the dominant is
    as often a suspended chord, so in sad ones the two are interchangeable.
    """
    rng, out = np.random.default_rng(len(split)), []
    for i in range(count):
        glad = i % 2 == 0
        start, other, dominants = (
            ("C:M", "F:M", ("G:M", "G:sus4")) if glad else ("A:m", "D:m", ("E:7", "E:sus4"))
        )
        names = [name for _ in range(8) for name in (start, other, dominants[int(rng.integers(2))])]
        out.append(piece(f"{split} {i}", names, 3 if glad else 2, split))
    return out


@pytest.fixture(scope="module")
def found() -> ChordVectors:
    return learn(songs(20), RECIPE)


def test_interchangeable_chords_become_neighbours(found: ChordVectors) -> None:
    rows = unit(found.vectors[:CHORDS])
    for root in v.ROOTS:
        alike = rows @ rows[v.CHORDS.index(f"{root}:7")]
        assert v.CHORDS[int(np.argsort(-alike)[1])] == f"{root}:sus4"


def test_chords_lean_to_the_emotion_they_were_heard_with(found: ChordVectors) -> None:
    lean = dict(zip(v.QUALITIES, scores.quality_leaning(found), strict=True))
    assert int(lean["M"].argmax()) == 3
    assert int(lean["m"].argmax()) == 2
    assert int(lean["7"].argmax()) == 2


def test_the_same_songs_and_seed_give_the_same_vectors(found: ChordVectors) -> None:
    again = learn(songs(20), RECIPE)
    assert np.array_equal(again.vectors, found.vectors)
    assert np.array_equal(again.contexts, found.contexts)
    other = learn(songs(20), Recipe(size=16, epochs=20, seed=1))
    assert not np.array_equal(other.vectors, found.vectors)


def test_every_song_is_told_in_twelve_keys_with_its_emotion_among_the_chords() -> None:
    told = sentences([piece("a", ["C:M", "N", "A:m7", "G:7"], quadrant=1)], RECIPE)
    assert len(told) == 12
    assert sorted(told)[0] == ["A#:M", "Q2", "N", "G:m7", "Q2", "F:7"]
    assert {line[0] for line in told} == {f"{root}:M" for root in v.ROOTS}
    assert EVERY == 2


def test_mixtures_become_words_only_when_asked_and_by_their_weight() -> None:
    row = np.array([0.0, 0.25, 0.75, 0.0])
    one = piece("a", ["C:M", "F:M"] * 200)
    soft = Piece(one.source, one.tokens, mixture=np.tile(row, (400, 1)))
    assert not any("Q" in word for line in sentences([soft], RECIPE) for word in line)
    told = [w for line in sentences([soft], Recipe(emotion="soft")) for w in line if "Q" in w]
    assert set(told) == {"Q2", "Q3"}
    assert told.count("Q3") / len(told) == pytest.approx(0.75, abs=0.03)
    labelled = [piece("b", ["C:M"] * 4, quadrant=0)]
    assert "Q1" not in {w for line in sentences(labelled, Recipe(emotion="none")) for w in line}


def test_transposing_agrees_with_the_vocabulary() -> None:
    numbers = np.arange(CHORDS)
    for semitones in (-7, 0, 5):
        there = v.transpose(numbers + v.CHORD.start, semitones) - v.CHORD.start
        assert np.array_equal(transposed(numbers, semitones), there)


def test_files_come_back_and_wrong_ones_are_refused(found: ChordVectors, tmp_path: Path) -> None:
    file = tmp_path / "chords.safetensors"
    save(found, file)
    np.testing.assert_allclose(load(file).vectors, found.vectors, rtol=1e-6)
    with pytest.raises(MusicError, match=r"No chord vectors at .*none"):
        load(tmp_path / "none.safetensors")
    bad = tmp_path / "bad.safetensors"
    bad.write_bytes(b"not this")
    with pytest.raises(MusicError, match=r"bad.safetensors is no file of chord vectors"):
        load(bad)
    save_file({"vectors": np.zeros((3, 2), np.float32)}, bad, {"words": "C:M"})
    with pytest.raises(MusicError, match="of this version's chords"):
        load(bad)
    save_file({"vectors": np.zeros((3, 2), np.float32)}, bad, {"words": " ".join(WORDS)})
    with pytest.raises(MusicError, match="bad.safetensors"):
        load(bad)
    save(ChordVectors(found.vectors * np.nan, found.contexts), bad)
    with pytest.raises(MusicError, match="137 finite rows"):
        load(bad)


def test_only_chord_rows_of_a_model_move_and_their_scale_stays(
    found: ChordVectors, tmp_path: Path
) -> None:
    save(found, tmp_path / "chords.safetensors")
    torch.manual_seed(0)
    model = MusicModel(TINY)
    before = {k: t.clone() for k, t in model.state_dict().items()}
    initialise(model, tmp_path / "chords.safetensors")
    after = model.state_dict()
    moved = (before["embed.weight"] != after["embed.weight"]).any(dim=1).numpy()
    heard = np.flatnonzero(found.heard) + v.CHORD.start
    assert len(heard) == 12 * 4  # four qualities were heard, in every key
    assert np.array_equal(np.flatnonzero(moved), heard)
    assert all(torch.equal(before[k], after[k]) for k in before if k != "embed.weight")
    rms = before["embed.weight"][v.CHORD.start : v.CHORD.stop].square().mean().sqrt()
    rows = after["embed.weight"][heard]
    torch.testing.assert_close(rows.square().mean(dim=1).sqrt(), rms.expand(len(heard)))
    centred = found.vectors[np.flatnonzero(found.heard)]
    directions = unit(centred - centred.mean(axis=0))
    placed = unit(rows.double().numpy())
    np.testing.assert_allclose(placed @ placed.T, directions @ directions.T, atol=1e-5)


def test_a_run_begins_with_them_in_its_averaged_weights_too(
    found: ChordVectors, tmp_path: Path
) -> None:
    save(found, tmp_path / "chords.safetensors")
    trainer = Trainer(TINY, 1e-3, "cpu")
    plain = trainer.model.embed.weight.detach().clone()
    trainer.place_chords(tmp_path / "chords.safetensors")
    assert not torch.equal(trainer.model.embed.weight, plain)
    assert torch.equal(trainer.average["embed.weight"], trainer.model.embed.weight)


def on_circle() -> ChordVectors:
    """Vectors whose every quality lies on a perfect circle of fifths."""
    turn = np.arange(12) * 7 % 12 * 2 * np.pi / 12
    rows = np.repeat(np.stack([np.sin(turn), np.cos(turn)], axis=1), 11, axis=0)
    return ChordVectors(np.vstack([[0.0, 0.0], rows, np.zeros((4, 2))]), np.zeros((137, 2)))


def test_a_perfect_circle_of_fifths_is_told_from_none_and_drawn_with_c_on_top() -> None:
    fit = scores.fifths(on_circle(), "M", draws=200)
    assert fit["fifths"] > 0.95 > fit["keyboard"]
    rng = np.random.default_rng(0)
    noise = ChordVectors(rng.normal(size=(137, 16)), rng.normal(size=(137, 16)))
    assert scores.fifths(noise, "M", draws=200)["p"] > 0.05
    chords, words = plane(on_circle())
    c, g = chords[0], chords[7 * 11]
    np.testing.assert_allclose(c, [0.0, 1.0], atol=1e-9)
    np.testing.assert_allclose(g, [0.5, np.sqrt(0.75)], atol=1e-9)
    np.testing.assert_allclose(words, 0.0, atol=1e-3)


def test_quadrants_are_read_on_songs_never_seen_and_not_from_shuffled_labels(
    found: ChordVectors,
) -> None:
    rows = scores.reading({"all": found}, songs(40), songs(40, "valid"), shuffles=2)
    for way in ("counts of qualities", "mean vector, all", "nearest emotion word, all"):
        assert rows[way].valence == 1.0
        assert rows[way].quadrant == 1.0
    assert rows["mean vector, labels shuffled"].quadrant < 0.75
    assert rows["majority"].quadrant == 0.5
    assert rows["majority"].low < 0.5 < rows["majority"].high
    lean = scores.quality_leaning(found)
    assert scores.agreement(lean, songs(40, "valid"))["valence"] > 0.9


def test_the_map_is_a_picture_and_the_same_each_time(found: ChordVectors, tmp_path: Path) -> None:
    draw(found, tmp_path / "a.png")
    draw(found, tmp_path / "b.png")
    picture = (tmp_path / "a.png").read_bytes()
    assert picture.startswith(b"\x89PNG")
    assert picture == (tmp_path / "b.png").read_bytes()
    draw(on_circle(), tmp_path / "b.png")
    assert picture != (tmp_path / "b.png").read_bytes()
