"""The baselines: streamed equals whole, nothing sees the future, they rewind and are kept."""

import json
from pathlib import Path

import pytest
import torch
from networks import at, batch_of

from music import vocabulary as v
from music.baselines import EncoderDecoder, EncoderDecoderConfig, Lstm, LstmConfig
from music.condition import Condition
from music.errors import MusicError
from music.evaluation.request import Request
from music.evaluation.sampler import play
from music.grammar import Decoder
from music.inputs import Inputs
from music.network import Cache, Network
from music.sampling import Sampling
from music.store import load_model, load_network, save_model
from music.training.objective import evaluate_terms

LENGTH, CHUNK = 150, 40


def lstm() -> Network:
    return Lstm(LstmConfig(2, 32, 48, 0.0))


def encoder_decoder() -> Network:
    return EncoderDecoder(EncoderDecoderConfig(2, 64, CHUNK, 0.0))


BOTH = pytest.mark.parametrize("make", [lstm, encoder_decoder])


def strong(network: Network) -> Network:
    """Weights large enough that every path matters."""
    torch.manual_seed(0)
    for parameter in network.parameters():
        if parameter.ndim >= 2:
            torch.nn.init.normal_(parameter, std=0.25)
    return network.eval()


def nothing(inputs: Inputs) -> torch.Tensor:
    return inputs.p[..., :0]


def feed(network: Network, inputs: Inputs, cache: Cache, span: range) -> list[torch.Tensor]:
    return [network(at(inputs, t), nothing(at(inputs, t)), cache) for t in span]


@BOTH
@torch.no_grad()
def test_prior_and_posterior_have_no_dimension(make) -> None:
    network, inputs = make(), batch_of(length=20).inputs
    posterior = network.infer(inputs)
    prior = network.prior_of(network(inputs, nothing(inputs)), inputs)
    assert posterior.kl_to(prior).shape == (2, 20, network.config.latent) == (2, 20, 0)


@BOTH
@torch.no_grad()
def test_cached_equals_uncached(make) -> None:
    """150 positions with a condition that changes at each, three and a half chunks of 40."""
    network, inputs = strong(make()), batch_of().inputs
    whole = network(inputs, nothing(inputs))
    cache = network.new_cache(batch=2, rewind=0)
    streamed = torch.cat(feed(network, inputs, cache, range(LENGTH)), dim=1)
    torch.testing.assert_close(streamed, whole, atol=2e-5, rtol=1e-4)
    assert float((whole[0] - whole[1]).abs().mean()) > 0.03


@BOTH
@pytest.mark.parametrize("back", [100, 81, 80, 79, 40])
@torch.no_grad()
def test_a_rewound_future_leaves_no_trace(make, back: int) -> None:
    network, inputs = strong(make()), batch_of().inputs
    other = Inputs(*(part.roll(7, dims=1) for part in inputs))
    whole = network(inputs, nothing(inputs))
    cache = network.new_cache(batch=2, rewind=80)
    feed(network, inputs, cache, range(back))
    feed(network, other, cache, range(back, 120))
    cache.rewind(back)
    again = torch.cat(feed(network, inputs, cache, range(back, LENGTH)), dim=1)
    torch.testing.assert_close(again, whole[:, back:], atol=2e-5, rtol=1e-4)
    with pytest.raises(ValueError, match="cannot rewind"):
        cache.rewind(LENGTH - 81)


@BOTH
@torch.no_grad()
def test_what_was_saved_is_unmoved_by_what_follows(make) -> None:
    network, inputs = strong(make()), batch_of().inputs
    cache = network.new_cache(batch=2, rewind=10)
    feed(network, inputs, cache, range(90))
    saved = cache.save()
    first = torch.cat(feed(network, inputs, cache, range(90, 110)), dim=1)
    cache.reset()
    assert cache.position == 0
    feed(network, inputs, cache, range(30))
    cache.restore(saved)
    assert cache.position == 90
    assert torch.equal(torch.cat(feed(network, inputs, cache, range(90, 110)), dim=1), first)


@BOTH
@torch.no_grad()
def test_rows_that_end_leave_the_others_alone(make) -> None:
    network, inputs = strong(make()), batch_of(rows=3).inputs
    whole = network(inputs, nothing(inputs))
    cache = network.new_cache(batch=3, rewind=0)
    feed(network, inputs, cache, range(50))
    cache.move(2, 0, 1)  # the third takes the first one's place
    cache.truncate(2)
    rest = Inputs(*(part[[2, 1]] for part in inputs))
    streamed = torch.cat(feed(network, rest, cache, range(50, 100)), dim=1)
    torch.testing.assert_close(streamed, whole[[2, 1], 50:100], atol=2e-5, rtol=1e-4)


@BOTH
@torch.no_grad()
def test_nothing_sees_the_future(make) -> None:
    network, inputs = strong(make()), batch_of().inputs
    tokens = inputs.tokens.clone()
    tokens[:, 90:] = v.PITCH.start
    a = network(inputs, nothing(inputs))
    b = network(inputs._replace(tokens=tokens), nothing(inputs))
    torch.testing.assert_close(a[:, :90], b[:, :90])
    assert float((a[:, 90:] - b[:, 90:]).abs().min(dim=-1).values.max()) > 0


@BOTH
@torch.no_grad()
def test_the_condition_is_heard(make) -> None:
    network, inputs = strong(make()), batch_of().inputs
    one = torch.zeros_like(inputs.p)
    one[..., 1] = 1.0
    a = network(inputs._replace(p=one), nothing(inputs))
    b = network(inputs._replace(p=one.roll(1, dims=-1)), nothing(inputs))
    assert float((a[0] - b[0]).abs().mean()) > 1e-2
    torch.testing.assert_close(a[1], b[1])  # the second row has no condition: p does not matter


@BOTH
def test_every_weight_learns(make) -> None:
    network, batch = make().train(), batch_of()
    noise = torch.zeros(*batch.targets.shape, 0)
    terms = evaluate_terms(network, batch, noise)
    assert terms.kl.numel() == 0
    terms.loss(beta=0.5, free_bits=0.1).backward()
    still = [n for n, p in network.named_parameters() if p.grad is None or not p.grad.any()]
    assert not still


@BOTH
def test_a_batch_of_clips_is_each_of_them_alone(make) -> None:
    network = strong(make())
    conditions = [Condition((1.0, 0, 0, 0), 3.0), Condition((0, 0, 1.0, 0), 2.0)]
    requests = [Request(seed, ((0.0, conditions[seed % 2]),)) for seed in range(4)]
    together = play(network, requests, 20.0, Sampling(0.9, 0.9))
    assert len({len(clip.tokens) for clip in together}) > 1
    assert max(len(clip.tokens) for clip in together) > CHUNK
    for request, clip in zip(requests, together, strict=True):
        (alone,) = play(network, [request], 20.0, Sampling(0.9, 0.9))
        assert alone.tokens.tolist() == clip.tokens.tolist()
        decoder = Decoder()
        for token in clip.tokens:
            decoder.push(int(token))
        assert decoder.refused == 0


@BOTH
def test_a_kept_network_is_the_same_and_says_what_it_is(make, tmp_path: Path) -> None:
    network, inputs = strong(make()).half().float(), batch_of().inputs
    save_model(network, tmp_path, {})
    loaded = load_network(tmp_path)
    assert loaded.config == network.config
    with torch.no_grad():
        a, b = network(inputs, nothing(inputs)), loaded(inputs, nothing(inputs))
    assert torch.equal(a, b)
    with pytest.raises(MusicError, match="baseline"):
        load_model(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"kind": "oracle"}))
    with pytest.raises(MusicError, match="damaged"):
        load_network(tmp_path)
