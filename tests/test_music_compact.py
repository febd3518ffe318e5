"""Weights in 8 bits: nearly the same music, and the network they came from untouched."""

import pytest
import torch
from networks import LENGTH, at, batch_of, sentence, tiny_model
from torch import nn

from music.compact import LARGE, SUITED, CompactLinear, compact
from music.composer import Composer
from music.condition import Condition
from music.corpus.dataset import Piece, Source
from music.evaluation.speed import cost

suited = pytest.mark.skipif(
    torch.backends.cpu.get_cpu_capability() not in SUITED,
    reason="this processor multiplies 8-bit weights slower than float32, so they are not used",
)


def test_each_weight_is_within_half_a_step() -> None:
    layer = nn.Linear(64, 96, bias=False)
    nn.init.normal_(layer.weight)
    small = CompactLinear(layer)
    step = small.scale.float()[:, None]
    assert ((small.weight * step - layer.weight).abs() <= 0.51 * step).all()
    assert small.weight.abs().max() == 127


@suited
def test_a_layer_gives_what_the_layer_gives_for_any_shape() -> None:
    layer = nn.Linear(256, 768, bias=False)
    small = CompactLinear(layer)
    for shape in ((256,), (3, 256), (3, 1, 256), (2, 7, 256)):
        x = torch.randn(shape)
        got, asked = small(x), layer(x)
        assert got.shape == asked.shape
        assert got.dtype == torch.float32
        assert (got - asked).abs().max() < 0.03 * asked.abs().max()
    assert small(torch.zeros(0, 256)).shape == (0, 768)


@suited
def test_a_network_says_nearly_the_same_and_is_itself_untouched() -> None:
    model = tiny_model()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    small = compact(model)
    inputs = batch_of().inputs
    z = torch.randn(*inputs.tokens.shape, 8, generator=torch.Generator().manual_seed(3))
    with torch.inference_mode():
        asked = model.logits(model(inputs, z)).log_softmax(-1)
        got = small.logits(small(inputs, z)).log_softmax(-1)
    apart = (asked.exp() * (asked - got)).sum(-1)
    assert 0 < apart.mean() < 2e-3
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, before[name])


def test_where_it_would_be_slower_the_network_is_played_as_it_is(monkeypatch) -> None:
    monkeypatch.setattr("torch.backends.cpu.get_cpu_capability", lambda: "DEFAULT")
    model = tiny_model()
    assert compact(model) is model


@suited
@torch.inference_mode()
def test_cached_equals_uncached() -> None:
    small, inputs = compact(tiny_model()), batch_of().inputs
    z = torch.randn(*inputs.tokens.shape, 8, generator=torch.Generator().manual_seed(3))
    cache = small.new_cache(batch=2, rewind=8)
    streamed = [small(at(inputs, t), z[:, t : t + 1], cache) for t in range(LENGTH)]
    apart = (torch.cat(streamed, dim=1) - small(inputs, z)).abs()
    assert apart.mean() < 2e-3  # of states of size 1: rounding on the way in has borders,
    assert apart.max() < 0.1  # and a hair's difference in float32 crosses some


@suited
def test_the_composer_that_is_loaded_is_compact() -> None:
    player = Composer.load(seed=0)
    kinds = {type(getattr(block, name)) for block in player.model.blocks for name in LARGE}
    assert kinds == {CompactLinear}
    assert player.step(Condition((1.0, 0.0, 0.0, 0.0), 2.0))


def test_what_it_costs_is_nothing_for_the_network_itself() -> None:
    model, source = tiny_model(), Source("a.mid", "emopia", "song", "test", 1)
    piece = Piece(source, sentence(1))
    found = cost(model, model, [piece])
    assert found["tokens"] > 50
    assert found["compact"] == found["float32"]
    assert found["kl"] == 0.0 < found["kl_bfloat16"] < 0.1
