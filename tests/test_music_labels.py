"""Soft labels: what the labeller reads, and how crops use, balance and forget what is known."""

from dataclasses import replace

import numpy as np
import pytest

from music import vocabulary as v
from music.corpus.crops import CropConfig, Crops
from music.corpus.dataset import Piece, Source, save
from music.corpus.encode import Performance, encode
from music.corpus.labels import STRANGE, Labeller, attach, features, read, stretches
from music.errors import MusicError

MINOR, MAJOR = (0, 3, 7, 12), (0, 4, 7, 12)


def music(beat_s: float, chord: tuple[int, ...], velocity: int, root: int = 60, bars: int = 8):
    beats = np.arange(4 * bars + 1) * beat_s
    notes = [(t, t + 0.9 * beat_s, root + step, velocity) for t in beats[:-1] for step in chord]
    return encode(Performance(beats, tuple(notes)))


def piece(quadrant: int | None, number: int, bars: int = 8) -> Piece:
    rng = np.random.default_rng(number)
    loud, bright = quadrant in (0, 1), quadrant in (0, 3)
    tokens = music(
        (0.35 if loud else 0.9) * rng.uniform(0.9, 1.1),
        MAJOR if bright else MINOR,
        int((95 if loud else 50) + rng.integers(-8, 8)),
        int(rng.integers(54, 66)),
        bars,
    )
    dataset = "pop1k7" if quadrant is None else "emopia"
    return Piece(Source("", dataset, f"song {number}", "train", quadrant), tokens)


def test_features_do_not_hear_the_key_but_hear_the_mode():
    c, d = (features(music(0.5, MAJOR, 70, root)) for root in (60, 62))
    assert c is not None
    assert d is not None
    absolute = [5, 6, 7]  # the pitches themselves
    np.testing.assert_allclose(np.delete(c, absolute), np.delete(d, absolute), atol=1e-9)
    minor = features(music(0.5, MINOR, 70))
    assert minor is not None
    assert c[10] > 0.1 > -0.1 > minor[10]  # the margin of major over minor


def test_too_few_notes_are_not_described():
    assert features(music(0.5, (0,), 70, bars=1)[:20]) is None
    assert stretches(np.array([v.BAR, v.LATENT])) == []


def test_the_labeller_reads_every_bar_of_music_it_never_saw():
    labeller = Labeller([piece(q, 10 * n + q) for q in range(4) for n in range(6)])
    for quadrant in range(4):
        p = labeller.mixture(piece(quadrant, 1000 + quadrant, bars=20).tokens)
        assert p.shape == (20, 4)
        np.testing.assert_allclose(p.sum(axis=1), 1.0)
        assert (p.argmax(axis=1) == quadrant).all()


def test_mixtures_find_their_pieces_again_and_refuse_other_tokens(tmp_path):
    pieces = [piece(None, 1), piece(2, 2), piece(None, 3, bars=12)]
    save(tmp_path, pieces)
    assert attach(pieces, tmp_path) == pieces  # nothing written yet
    p = np.arange(80.0).reshape(20, 4) / 100
    np.savez(tmp_path / "labels.npz", p=p.astype(np.float16))
    one, labelled, two = attach(pieces, tmp_path)
    assert labelled.mixture is None
    assert one.mixture is not None
    assert two.mixture is not None
    np.testing.assert_allclose(np.concatenate([one.mixture, two.mixture]), p, atol=1e-3)
    p[-1] = np.nan
    np.savez(tmp_path / "labels.npz", p=p.astype(np.float16))
    assert attach(pieces, tmp_path)[2].mixture is None  # nobody could read it
    with pytest.raises(MusicError, match="other tokens"):
        attach(pieces[:1], tmp_path)


def test_crops_of_unlabelled_music_follow_its_mixture_evenly():
    rare, common = piece(None, 1, bars=40), piece(None, 2, bars=40)
    q2, q4 = np.eye(4)[1], np.eye(4)[3]
    pieces = [
        Piece(rare.source, rare.tokens, np.tile(q2, (40, 1))),
        *(Piece(common.source, common.tokens, np.tile(q4, (40, 1))) for _ in range(7)),
    ]
    config = CropConfig(length=100, null=0.0, forget=0.0)
    p = Crops(pieces, config, seed=0).batch(300, 0.0).inputs.p[:, 0].numpy()
    assert 110 < (p[:, 1] > 0.7).sum() < 190
    assert ((p[:, 1] > 0.7) | (p[:, 3] > 0.7)).all()


def test_what_is_told_of_unlabelled_music_is_drawn_not_averaged():
    """Music of a .6, .4 reading is told as Q1 six times in ten, near enough to certainty."""
    reading = np.tile([0.6, 0.4, 0.0, 0.0], (40, 1))
    one = piece(None, 1, bars=40)
    config = CropConfig(length=100, null=0.0, forget=0.0)
    crops = Crops([Piece(one.source, one.tokens, reading)], config, seed=0)
    p = crops.batch(400, 0.0).inputs.p[:, 0].numpy()
    assert 0.52 < (p[:, 0] > p[:, 1]).mean() < 0.72  # a little more: softened towards .6, .4
    assert (p[:, 0] > 0.7).mean() > 0.3
    assert (p[:, 1] > 0.7).mean() > 0.1
    np.testing.assert_allclose(p.sum(axis=1), 1.0, atol=1e-6)


def test_a_collection_is_read_against_itself_and_a_strange_one_not_at_all():
    known = [piece(q, 10 * n + q) for q in range(4) for n in range(6)]
    kinds = known[::6]
    like = [Piece(replace(p.source, quadrant=None, dataset="like"), p.tokens) for p in kinds]
    strange = [Piece(replace(p.source, dataset="strange"), v.transpose(p.tokens, 30)) for p in like]
    mixtures, distances = read(Labeller(known), [*known, *like, *strange])
    assert distances["like"] < STRANGE < distances["strange"]
    for n, p in enumerate(mixtures[:4]):
        assert p.mean(axis=0).argmax() == n
    assert all(np.isnan(p).all() for p in mixtures[4:])


def test_forgetting_leaves_one_axis_as_it_was():
    pieces = [piece(q, q, bars=20) for q in range(4)]
    config = CropConfig(length=100, null=0.0, splice=0.0, soften=0.0, forget=1.0)
    p = Crops(pieces, config, seed=0).batch(200, 1.0).inputs.p[:, 0].double().numpy()
    arousal, valence = p[:, :2].sum(axis=1), p[:, 0] + p[:, 3]
    keeps_arousal = np.isclose(np.abs(arousal - 0.5), 0.5)
    keeps_valence = np.isclose(np.abs(valence - 0.5), 0.5)
    assert (keeps_arousal | keeps_valence).all()
    assert 0.55 < keeps_arousal.mean() < 0.8
    assert (np.isclose(p.max(axis=1), 0.5)).mean() > 0.35  # wholly forgotten
    np.testing.assert_allclose(p.sum(axis=1), 1.0, atol=1e-6)


def test_one_quadrant_alone_can_be_learnt():
    crops = Crops([piece(2, 5, bars=20)], CropConfig(length=100, splice=1.0, soften=0.0), seed=0)
    assert (crops.batch(20, 1.0).inputs.p.argmax(-1) == 2).float().mean() > 0.5
