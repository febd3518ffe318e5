"""The figures: a bigram that is one, stretches that lose nothing, clips described as they are."""

import numpy as np
import pytest
from test_music_grammar import small_piece
from test_music_model import tiny_model

from music import vocabulary as v
from music.corpus.dataset import Piece, Source
from music.corpus.encode import encode
from music.errors import MusicError
from music.evaluation.likelihood import (
    MAX_TOKENS,
    Bigram,
    describe,
    following,
    likelihood,
    scored,
    stretches,
)
from music.grammar import decode


def piece(repeats: int, quadrant: int = 0) -> Piece:
    tokens = np.tile(encode(small_piece()), repeats)
    return Piece(Source("", "emopia", "song", "valid", quadrant), tokens)


def test_stretches_begin_at_bars_and_lose_nothing() -> None:
    whole = piece(40)
    parts = [tokens for _, tokens in stretches([whole])]
    assert len(parts) > 1
    assert all(tokens[0] == v.BAR and len(tokens) <= MAX_TOKENS for tokens in parts)
    assert np.array_equal(np.concatenate(parts), whole.tokens)


def test_the_bigram_is_a_distribution_and_knows_what_it_has_seen() -> None:
    seen = piece(4)
    bigram = Bigram([seen], alpha=1.0)
    np.testing.assert_allclose(bigram.table.sum(axis=1), 1.0)
    np.testing.assert_allclose(bigram.unigram.sum(), 1.0)
    nats, unigram = bigram.nll(seen.tokens)
    assert nats < 0.6 * unigram
    a, b = seen.tokens[:-1], seen.tokens[1:]
    by_hand = -sum(np.log(bigram.table[x, y]) for x, y in zip(a, b, strict=True) if y != v.LATENT)
    assert nats == pytest.approx(by_hand)


def test_the_latents_place_is_never_scored() -> None:
    tokens = piece(1).tokens
    assert scored(tokens).sum() == len(tokens) - 1 - (tokens[1:] == v.LATENT).sum()


def test_an_untrained_network_is_worse_than_a_bigram_and_the_rows_are_per_token() -> None:
    table = likelihood(tiny_model(), [piece(4)], [piece(2)])
    assert table["bigram"] < table["prior z, right condition"] < 20
    assert table["tokens"] == scored(piece(2).tokens).sum()
    assert table["notes"] == 40


def test_a_clip_is_described_as_it_is() -> None:
    told = describe(decode(encode(small_piece())))
    assert told["notes_per_s"] == pytest.approx(20 / (19 * 0.37), rel=0.02)
    assert told["velocity"] == pytest.approx(49.5, abs=1.5)
    with pytest.raises(MusicError, match="fewer than two"):
        describe([])


def test_following_lists_real_clips_and_every_strength() -> None:
    rows = following(tiny_model(), [piece(2, 1)], clips=1, strengths=[1.0, 2.0], seconds=20.0)
    assert [(row["clips"], row["quadrant"]) for row in rows[:2]] == [
        ("real held-out", "Q2"),
        ("generated, strength 1", "Q1"),
    ]
    assert len(rows) == 9
