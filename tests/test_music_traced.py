"""The recorded forward: what the network says, without asking Python."""

import sys

import pytest
import torch
from networks import LENGTH, at, batch_of, tiny_model

from music.composer import Composer
from music.condition import Condition
from music.conditioning import CONDITIONINGS
from music.evaluation.following import quadrant
from music.guidance import ROWS
from music.inputs import Inputs
from music.traced import TOO_NEW, traced

pytestmark = pytest.mark.skipif(sys.version_info >= TOO_NEW, reason="torch does not trace here")
SHARING = [name for name, (entry, _) in CONDITIONINGS.items() if entry.everywhere]


def feed(model, rows, cache, positions):
    """States of positions, each asked about in so many rows; the first goes on."""
    inputs = batch_of(rows=1).inputs
    z = torch.randn(1, LENGTH, model.config.latent, generator=torch.Generator().manual_seed(3))
    out = []
    for t in positions:
        asked = Inputs(*(part.repeat_interleave(rows, dim=0) for part in at(inputs, t)))
        asked.null[1:] = 1.0
        out.append(model(asked, z[:, t : t + 1].expand(rows, 1, -1), cache)[:, 0])
    return torch.stack(out)


def broken(*_):
    raise AssertionError("asked in Python")


@pytest.mark.parametrize("rows", [1, ROWS])
@pytest.mark.parametrize("conditioning", SHARING)
@torch.inference_mode()
def test_it_says_what_the_network_says(conditioning, rows) -> None:
    """Also once the window is full, when the buffer moves, and after a rewind."""
    model = tiny_model(conditioning)
    swift = traced(model)
    for block in swift.blocks:
        block.forward = broken
    caches = [one.new_cache(batch=1, rewind=30) for one in (model, swift)]
    for positions in (range(120), range(100, LENGTH)):
        for cache in caches:
            cache.rewind(positions.start)
        asked, got = (
            feed(one, rows, cache, positions)
            for one, cache in zip((model, swift), caches, strict=True)
        )
        torch.testing.assert_close(got, asked, atol=2e-5, rtol=1e-4)


@torch.inference_mode()
def test_what_is_not_recorded_is_asked_as_before() -> None:
    model, inputs = tiny_model(), batch_of().inputs
    swift, z = traced(model), torch.zeros(2, LENGTH, 8)
    assert torch.equal(swift(inputs, z), model(inputs, z))
    caches = [one.new_cache(batch=2, rewind=8) for one in (model, swift)]  # two pasts
    asked, got = (
        one(at(inputs, 0), z[:, :1], cache)
        for one, cache in zip((model, swift), caches, strict=True)
    )
    assert torch.equal(got, asked)
    two = [feed(one, 2, one.new_cache(batch=1, rewind=8), range(3)) for one in (model, swift)]
    assert torch.equal(*two)


def test_the_network_itself_can_still_be_trained() -> None:
    model, inputs = tiny_model(), batch_of().inputs
    traced(model)
    model(inputs, torch.zeros(2, LENGTH, 8)).sum().backward()
    assert all(block.qkv.weight.grad is not None for block in model.blocks)


def test_where_torch_does_not_record_it_plays_as_it_is(monkeypatch) -> None:
    model = tiny_model()
    with monkeypatch.context() as changed:
        changed.setattr("music.traced.TOO_NEW", (3, 11))
        assert traced(model) is model
    monkeypatch.delattr("torch.jit.trace")
    assert traced(model) is model


def test_a_network_that_keeps_a_past_for_each_answer_plays_as_it_is() -> None:
    model = tiny_model("prefix")
    assert traced(model) is model


@pytest.mark.filterwarnings("error")
def test_the_composer_that_is_loaded_is_traced_and_rewinds_to_the_same_music() -> None:
    player = Composer.load(seed=0)
    for block in player.model.blocks:
        block.forward = broken
    condition = quadrant(0, 3.0)
    first = [event for _ in range(60) for event in player.step(condition)]
    player.step(Condition((0.1, 0.2, 0.3, 0.4), 7.0))
    player.reset()
    assert [event for _ in range(60) for event in player.step(condition)] == first
