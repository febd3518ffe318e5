"""The network: cached equals uncached, nothing sees the future, the condition never voids the
cache."""

import json
from pathlib import Path

import pytest
import torch
from networks import LENGTH, at, batch_of, tiny_model
from torch import Tensor

from music import vocabulary as v
from music.cache import KVCache
from music.conditioning import CONDITIONINGS, DEFAULT
from music.corpus.crops import Batch
from music.errors import MusicError
from music.inputs import Inputs, ModelConfig
from music.latent import Gaussian, spread
from music.model import MusicModel
from music.store import load_model, save_model
from music.training.objective import evaluate_terms, sampled_prior_nll, token_nll


def latents(inputs: Inputs) -> Tensor:
    generator = torch.Generator().manual_seed(3)
    return spread(torch.randn(*inputs.tokens.shape, 8, generator=generator), inputs.tokens)


def feed(model: MusicModel, inputs: Inputs, z: Tensor, cache: KVCache, span: range) -> list[Tensor]:
    return [model(at(inputs, t), z[:, t : t + 1], cache) for t in span]


@pytest.mark.parametrize("conditioning", CONDITIONINGS)
@torch.no_grad()
def test_cached_equals_uncached_beyond_the_window_and_across_changes(conditioning: str) -> None:
    """150 positions, a window of 40: the condition changes at each, the latent at each bar."""
    model, inputs = tiny_model(conditioning), batch_of().inputs
    z = latents(inputs)
    whole = model.logits(model(inputs, z))
    cache = model.new_cache(batch=2, rewind=8)
    streamed = model.logits(torch.cat(feed(model, inputs, z, cache, range(LENGTH)), dim=1))
    assert len({tuple(row) for row in z[0].tolist()}) > 5
    torch.testing.assert_close(streamed, whole, atol=2e-5, rtol=1e-4)


@pytest.mark.parametrize("conditioning", [c for c, (e, _) in CONDITIONINGS.items() if e.everywhere])
@torch.no_grad()
def test_askings_of_one_past_are_what_a_whole_forward_with_the_last_condition_changed_says(
    conditioning: str,
) -> None:
    """Two pasts, now and then asked about in three ways, which leaves no trace in what follows."""
    model, inputs = tiny_model(conditioning), batch_of().inputs
    z, cache = latents(inputs), model.new_cache(batch=2, rewind=8)
    dice = torch.Generator().manual_seed(1)
    for t in range(110):  # a window of 40, moved to the front of its buffer at 96
        if t not in (0, 1, 30, 55, 96, 97, 109):
            model(at(inputs, t), z[:, t : t + 1], cache)
            continue
        rows = Inputs(*(part.repeat_interleave(3, dim=0) for part in at(inputs, t)))
        rows.p.view(2, 3, 4)[:, 1:] = torch.rand(2, 2, 4, generator=dice).softmax(dim=-1)
        rows.null.view(2, 3)[:, 2] = 1.0
        told = model(rows, z[:, t : t + 1].repeat_interleave(3, dim=0), cache)
        for asking in range(3):
            heard = Inputs(*(part[:, : t + 1].clone() for part in inputs))
            heard.p[:, t], heard.null[:, t] = (part[asking::3, 0] for part in (rows.p, rows.null))
            whole = model(heard, z[:, : t + 1])[:, t]
            torch.testing.assert_close(told[asking::3, 0], whole, atol=2e-5, rtol=1e-4)


def test_more_askings_than_there_is_room_for_are_refused() -> None:
    model, inputs = tiny_model(), batch_of().inputs
    rows = Inputs(*(part.repeat_interleave(5, dim=0) for part in at(inputs, 0)))
    z = latents(inputs)[:, :1].repeat_interleave(5, dim=0)
    with pytest.raises(ValueError, match="10 rows ask about 2 pasts; at most 4 each"):
        model(rows, z, model.new_cache(batch=2, rewind=8))


@torch.no_grad()
def test_cached_equals_uncached_after_a_rewind() -> None:
    model, inputs = tiny_model(), batch_of().inputs
    z, other = latents(inputs), Inputs(*(part.roll(7, dims=1) for part in batch_of().inputs))
    whole = model(inputs, z)
    cache = model.new_cache(batch=2, rewind=30)
    feed(model, inputs, z, cache, range(100))
    feed(model, other, z, cache, range(100, 128))  # another future, taken back
    cache.rewind(100)
    resumed = torch.cat(feed(model, inputs, z, cache, range(100, LENGTH)), dim=1)
    torch.testing.assert_close(resumed, whole[:, 100:], atol=2e-5, rtol=1e-4)


@torch.no_grad()
def test_a_restored_cache_goes_on_bit_for_bit() -> None:
    model, inputs = tiny_model(), batch_of().inputs
    z, cache = latents(inputs), model.new_cache(batch=2, rewind=8)
    feed(model, inputs, z, cache, range(110))
    saved = cache.save()
    first = feed(model, inputs, z, cache, range(110, 140))
    fresh = model.new_cache(batch=2, rewind=8)
    fresh.restore(saved)
    for a, b in zip(first, feed(model, inputs, z, fresh, range(110, 140)), strict=True):
        assert torch.equal(a, b)


def test_the_cache_says_how_far_back_it_reaches() -> None:
    cache = KVCache(layers=1, batch=1, heads=1, head_dim=2, window=4, rewind=3)
    for _ in range(30):
        cache.open(rows=1)[0][0].put(torch.zeros(1, 1, 1, 2), torch.zeros(1, 1, 1, 2))
        cache.advance()
    cache.rewind(27)
    with pytest.raises(ValueError, match="at most 3 back"):
        cache.rewind(20)


@pytest.mark.parametrize("conditioning", CONDITIONINGS)
@torch.no_grad()
def test_the_future_never_changes_the_past(conditioning: str) -> None:
    model, inputs = tiny_model(conditioning), batch_of().inputs
    z = latents(inputs)
    changed = Inputs(*(part.clone() for part in inputs))
    changed.tokens[:, 90:] = v.BAR
    changed.p[:, 90:] = torch.tensor([0.0, 0.0, 0.0, 1.0])
    torch.testing.assert_close(model(changed, z)[:, :90], model(inputs, z)[:, :90])


@torch.no_grad()
def test_the_posterior_of_a_bar_sees_that_bar_only() -> None:
    model, inputs = tiny_model(), batch_of(rows=1).inputs
    changed = Inputs(*(part.clone() for part in inputs))
    inside = (inputs.bar == 2) & (inputs.tokens > v.LATENT)
    changed.tokens[inside] = v.PITCH.start
    moved = (model.infer(changed).mean - model.infer(inputs).mean).abs().sum(-1)
    at_bar = inputs.tokens == v.BAR
    assert (moved[at_bar & (inputs.bar == 2)] > 1e-3).all()
    assert (moved[at_bar & (inputs.bar != 2)] == 0).all()


@torch.no_grad()
def test_latent_and_condition_reach_the_logits() -> None:
    model, inputs = tiny_model(), batch_of(rows=1).inputs
    z = latents(inputs)
    base = model(inputs, z)
    assert (model(inputs, z.roll(1, 0) * -1) - base).abs().max() > 1e-2
    other = inputs._replace(p=inputs.p.roll(1, dims=-1))
    assert (model(other, z) - base).abs().max() > 1e-2


@torch.no_grad()
def test_without_a_condition_the_mixture_is_unread() -> None:
    model, inputs = tiny_model(), batch_of(rows=1).inputs
    inputs = inputs._replace(null=torch.ones_like(inputs.null))
    other = inputs._replace(p=inputs.p.roll(1, dims=-1))
    z = latents(inputs)
    torch.testing.assert_close(model(other, z), model(inputs, z))


def test_kl_is_that_of_torch_distributions() -> None:
    torch.manual_seed(1)
    a, b = (Gaussian(torch.randn(5, 3), torch.randn(5, 3)) for _ in range(2))
    normal = [torch.distributions.Normal(g.mean, (0.5 * g.log_variance).exp()) for g in (a, b)]
    torch.testing.assert_close(a.kl_to(b), torch.distributions.kl_divergence(*normal))


def test_pedal_is_not_unlearnt_from_sources_without_one() -> None:
    """A row without a pedal gives no gradient to the pedal's ids; a row with one does."""
    model, batch = tiny_model().train(), batch_of(rows=2)
    for row, expected in ((0, True), (1, False)):
        model.zero_grad()
        only = Batch(
            Inputs(*(part[row : row + 1] for part in batch.inputs)),
            batch.targets[row : row + 1],
            batch.has_pedal[row : row + 1],
        )
        silent = ~torch.isin(only.inputs.tokens, torch.arange(v.PEDAL.start, v.PEDAL.stop))
        only.targets[~silent] = -1
        states = torch.randn(1, LENGTH, 128)
        token_nll(model, states, only).sum().backward()
        gradient = model.embed.weight.grad
        assert gradient is not None
        assert bool(gradient[v.PEDAL.start : v.PEDAL.stop].abs().sum() > 0) is expected


@pytest.mark.parametrize("conditioning", CONDITIONINGS)
@torch.no_grad()
def test_a_condition_acts_where_it_holds_and_not_before(conditioning: str) -> None:
    """Another mixture from position 70 on changes nothing before it and all bars after it."""
    model, inputs = tiny_model(conditioning), batch_of().inputs
    z, p = latents(inputs), inputs.p.clone()
    p[:, 70:] = p[:, 70:].flip(-1)
    before, after = model(inputs, z), model(inputs._replace(p=p), z)
    torch.testing.assert_close(after[:, :70], before[:, :70], atol=0, rtol=0)
    heard = 70 + int((inputs.tokens[0, 70:] == v.LATENT).int().argmax())  # prefix: the next bar
    assert (after[0, heard:] - before[0, heard:]).abs().amax(dim=-1).min() > 1e-4
    assert torch.equal(after[1], before[1])  # the row without a condition hears none


@torch.no_grad()
def test_without_a_latent_the_likelihood_is_exact_and_needs_no_noise() -> None:
    model, batch = tiny_model("prefix", latent=0), batch_of()
    noise = torch.zeros(2, LENGTH, 0)
    terms = evaluate_terms(model, batch, noise)
    assert terms.kl.numel() == 0
    drawn = sampled_prior_nll(model, batch, noise)
    torch.testing.assert_close(drawn.sum(), terms.nll)
    assert float(terms.loss(beta=1.0, free_bits=0.5)) == pytest.approx(
        float(terms.nll) / terms.tokens
    )


def test_a_few_steps_learn_a_tiny_corpus_and_use_the_latent() -> None:
    torch.manual_seed(0)
    model, batch = MusicModel(ModelConfig(2, 64, 4, 0.0, DEFAULT)), batch_of(rows=1, length=60)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    losses = []
    for _ in range(40):
        terms = evaluate_terms(model, batch, torch.randn(1, 60, 4))
        loss = terms.loss(beta=0.1, free_bits=0.1)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(terms.nll.detach()) / terms.tokens)
    assert losses[-1] < 0.6 * losses[0]
    per_token = sampled_prior_nll(model, batch, torch.randn(1, 60, 4))
    assert bool(per_token.isfinite().all())
    assert float(per_token[batch.targets < 0].abs().sum()) == 0


def test_weights_round_trip_and_damage_is_told_in_a_sentence(tmp_path: Path) -> None:
    save_model(tiny_model(), tmp_path, {"step": 1})
    loaded = load_model(tmp_path)
    torch.testing.assert_close(loaded.embed.weight, tiny_model().embed.weight.half().float())
    whole = (tmp_path / "model.safetensors").read_bytes()
    (tmp_path / "model.safetensors").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(MusicError, match="damaged"):
        load_model(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"vocabulary": "another"}))
    with pytest.raises(MusicError, match="another vocabulary"):
        load_model(tmp_path)
    with pytest.raises(MusicError, match="No music model"):
        load_model(tmp_path / "nowhere")
