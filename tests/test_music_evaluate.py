"""Likelihood: a bigram that is one, stretches that lose nothing, bounds that are bounds."""

import json
import math

import numpy as np
import pytest
import torch
from networks import tiny_model
from pieces import small_piece
from torch import Tensor

from music import vocabulary as v
from music.corpus.crops import Row
from music.corpus.dataset import Piece, Source
from music.corpus.encode import encode
from music.evaluation.bounds import alone, batch_of, bound, log_density
from music.evaluation.likelihood import (
    MAX_TOKENS,
    NONE,
    OTHERS,
    POSTERIOR,
    PRIOR,
    RIGHT,
    SHUFFLED,
    Bigram,
    bound_of,
    likelihood,
    notes_in,
    scored,
    stretches,
)
from music.inputs import Inputs
from music.latent import Gaussian
from music.model import MusicModel
from music.training.objective import token_nll


def piece(repeats: int, quadrant: int = 0, song: str = "song") -> Piece:
    tokens = np.tile(encode(small_piece()), repeats)
    return Piece(Source("", "emopia", song, "valid", quadrant), tokens)


def row(repeats: int = 1) -> Row:
    tokens = piece(repeats).tokens
    return Row(tokens, np.tile([1.0, 0.0, 0.0, 0.0], (len(tokens), 1)), False, True)


def dice() -> torch.Generator:
    return torch.Generator().manual_seed(0)


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
    assert notes_in(tokens) == 20


def test_figures_are_per_note_with_intervals_over_songs() -> None:
    held_out = [piece(2, 1, "a"), piece(1, 2, "b"), piece(1, 3, "c")]
    found = likelihood(tiny_model(), [piece(4)], held_out, samples=4)
    assert (found["songs"], found["notes"], found["samples"]) == (3, 80, 4)
    nats = found["nats_per_note"]
    assert {RIGHT, OTHERS, NONE, PRIOR, POSTERIOR, SHUFFLED, "bigram", "unigram"} <= set(nats)
    tokens_per_note = found["tokens"] / found["notes"]
    assert nats["bigram"]["value"] < nats[RIGHT]["value"] < 20 * tokens_per_note
    assert nats[RIGHT]["value"] <= nats["ELBO, right"]["value"]
    assert nats[RIGHT]["low"] <= nats[RIGHT]["value"] <= nats[RIGHT]["high"]
    worth = found["worth_per_note"]["right condition over none"]
    assert worth["value"] == pytest.approx(nats[NONE]["value"] - nats[RIGHT]["value"])
    assert len(found["kl"]) == 8
    assert found["active"] == sum(kl > 0.05 for kl in found["kl"])
    json.dumps(found)


@torch.no_grad()
def test_without_latents_the_figure_is_exact() -> None:
    model = tiny_model(latent=0)
    found = likelihood(model, [piece(4)], [piece(2)], samples=4)
    assert found["samples"] == found["active"] == 0
    assert not {PRIOR, POSTERIOR, SHUFFLED, "ELBO, right"} & set(found["nats_per_note"])
    batch = batch_of(row(2))
    nll = token_nll(model, model(batch.inputs, torch.zeros(*batch.targets.shape, 0)), batch)
    assert alone(model, row(2)) == pytest.approx(float(nll.sum()))
    assert found["nats_per_note"][RIGHT]["value"] == pytest.approx(float(nll.sum()) / 40)
    assert bound_of(RIGHT, found["samples"]) == "exact"


class PriorAsPosterior:
    """A model whose prior is what its posterior finds: every weight is p(x | z) alone."""

    def __init__(self, model: MusicModel) -> None:
        self._model, self.config, self.logits = model, model.config, model.logits

    def __call__(self, inputs: Inputs, z: Tensor) -> Tensor:
        return self._model(inputs, z)

    def infer(self, inputs: Inputs) -> Gaussian:
        return self._model.infer(inputs)

    def prior_of(self, states: Tensor, inputs: Inputs) -> Gaussian:
        return self._model.infer(inputs)


@torch.no_grad()
def test_where_the_latent_says_nothing_both_bounds_are_exact() -> None:
    model = tiny_model()
    torch.nn.init.zeros_(model.latent.weight)
    found = bound(PriorAsPosterior(model), row(), 5, dice())
    batch = batch_of(row())
    exact = token_nll(model, model(batch.inputs, torch.zeros(*batch.targets.shape, 8)), batch)
    assert found.iwae == pytest.approx(float(exact.sum()), rel=1e-5)
    assert found.elbo == pytest.approx(float(exact.sum()), rel=1e-5)
    np.testing.assert_allclose(found.kl, 0.0, atol=1e-5)


@torch.no_grad()
def test_more_samples_bring_the_bound_down_to_what_is_known() -> None:
    """z changes no token here, so −log p(x) is known although prior and posterior differ."""
    model = tiny_model()
    torch.nn.init.zeros_(model.latent.weight)
    model.posterior.width.fill_(8.0)  # the two kept near enough for importance sampling
    torch.nn.init.zeros_(model.posterior.log_variance.weight)
    batch = batch_of(row())
    exact = token_nll(model, model(batch.inputs, torch.zeros(*batch.targets.shape, 8)), batch)
    truth = float(exact.sum())
    few, many = (bound(model, row(), samples, dice()) for samples in (1, 100))
    assert many.elbo > truth + 0.1
    assert truth - 0.5 < many.iwae < truth + 0.5 * (many.elbo - truth)
    assert few.iwae == pytest.approx(few.elbo)
    assert many.elbo - truth == pytest.approx(float(many.kl.sum()), rel=0.3)


def test_the_density_is_that_of_a_normal() -> None:
    normal = Gaussian(torch.tensor([1.0]), torch.tensor([math.log(4.0)]))
    at = torch.tensor([2.5])
    by_hand = torch.distributions.Normal(1.0, 2.0).log_prob(at)
    torch.testing.assert_close(log_density(normal, at), by_hand)


def test_each_figure_says_what_it_is() -> None:
    assert bound_of(RIGHT, 16) == "upper bound: IWAE, K = 16"
    assert "no bound" in bound_of(POSTERIOR, 16)
    assert bound_of("bigram", 16) == "exact"
