"""The numbers between logits and probabilities: of people left out, and of data sets left out."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from windows import made_up

from capsule.corpus.dataset import joined
from capsule.learning import Recipe, build, build_for_strangers
from capsule.network import (
    CLIP,
    CapsuleNetwork,
    NetworkConfig,
    ReadOut,
    alpha_below,
    read_out,
    tempered,
)
from capsule.readout import TASKS, LeftOut, read_out_of_people, read_out_of_sets
from capsule.recogniser import Model
from eeg.montage import BANDS, REGIONS

NAMES = tuple(band.name for band in BANDS)
ALPHA = NAMES.index("alpha")
SHAPE = (len(REGIONS), len(NAMES))
ONE_SET = Recipe(steps=2, batch=16, members=2, shares=(("eegmat", 0.5), ("mane", 0.5)))


def windows(z, present=None):
    """Features and presence as the network takes them, of recent means (regions, bands)."""
    there = np.ones(SHAPE, dtype=bool) if present is None else present
    features = np.stack([np.zeros(SHAPE), z], -1).astype(np.float32)[None]
    return torch.from_numpy(features).flatten(1, 2), torch.from_numpy(there[None]).flatten(1, 2)


def below(z, present=None):
    return float(alpha_below(*windows(z, present), NAMES)[0])


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**16), st.floats(-2.0, 2.0))
def test_how_loud_an_electrode_is_tells_nothing_of_alpha(seed, gain):
    rng = np.random.default_rng(seed)
    z, there = rng.normal(size=SHAPE), rng.random(SHAPE) < 0.7
    louder = z + gain * (np.arange(SHAPE[0]) % 2)[:, None]  # of every other region
    assert below(louder, there) == pytest.approx(below(z, there), abs=1e-4)
    hidden = np.where(there, z, 99.0)
    assert below(hidden, there) == pytest.approx(below(z, there), abs=1e-5)


def test_alpha_below_is_by_how_much_and_nothing_where_nothing_tells():
    z = np.zeros(SHAPE)
    z[:, ALPHA] = -1.5
    assert below(z) == pytest.approx(1.5)
    assert below(-z) == pytest.approx(-1.5)
    assert below(100 * z) == pytest.approx(CLIP)
    some = np.zeros(SHAPE, dtype=bool)
    some[3, [0, ALPHA]] = True  # one region, of which two bands are known
    assert below(z, some) == pytest.approx(1.5)
    for alone in ([ALPHA], [0, 1], []):  # no other band, no alpha, nothing
        some[:] = False
        some[3, alone] = True
        assert below(z, some) == 0.0


def test_a_read_out_moves_log_odds_of_arousal_and_no_valence():
    logits = torch.randn(50, 4, generator=torch.Generator().manual_seed(0)).double()
    z = torch.linspace(-2.0, 2.0, 50).double()
    plain, moved = (
        torch.log(read_out(tempered(logits, out, z)))
        for out in (ReadOut(0.7), ReadOut(0.7, 0.3, 1.2))
    )
    assert torch.allclose(moved[:, 0] - moved[:, 1], plain[:, 0] - plain[:, 1])
    assert torch.allclose(moved[:, 3] - moved[:, 2], plain[:, 3] - plain[:, 2])
    more = (moved[:, 0] - moved[:, 2]) - (plain[:, 0] - plain[:, 2])
    assert torch.allclose(more, 0.6 + 1.2 * z)
    assert torch.allclose(tempered(logits, ReadOut(2.0, alpha=9.0)), logits / 2.0)  # nothing known


def test_temperature_and_lean_are_found_again():
    rng = np.random.default_rng(0)
    logits = rng.normal(0.0, 3.0, (20_000, 4))
    told = torch.softmax(tempered(torch.from_numpy(logits), ReadOut(1.6, -0.4)), -1).numpy()
    aroused = rng.random(len(told)) < told[:, :2].sum(1)
    compatible = np.stack([aroused, aroused, ~aroused, ~aroused], 1)
    some = np.sort(rng.permutation(np.flatnonzero(aroused))[: int((~aroused).sum())])
    kept = np.sort(np.concatenate([some, np.flatnonzero(~aroused)]))  # both count alike
    shift = np.log(aroused.mean() / (1.0 - aroused.mean())) / 2.0  # what that takes away
    found = read_out_of_people(torch.from_numpy(logits[kept]), compatible[kept])
    assert found.temperature == pytest.approx(1.6, rel=0.05)
    assert found.lean == pytest.approx(-0.4 - shift, abs=0.05)
    assert found.alpha == 0.0
    happy = np.tile([True, False, False, False], (len(logits), 1))
    assert read_out_of_people(torch.from_numpy(logits), happy).lean == 0.0  # nobody calm: no lean


def left_out(truth, count, seed):
    """Windows of a set whose labels are what a read-out says of them; classes about even."""
    rng = np.random.default_rng(seed)
    logits = torch.from_numpy(rng.normal(0.0, 2.0, (count, 4)))
    z = torch.from_numpy(rng.normal(0.0, 1.0, count))
    p = read_out(tempered(logits, truth, z)).numpy()
    aroused = rng.random(count) < p[:, :2].sum(1)
    return LeftOut(logits, z, np.stack([aroused, aroused, ~aroused, ~aroused], 1))


def test_temperature_and_alpha_of_strange_headsets_are_found_again_each_set_alike():
    truth = ReadOut(3.0, alpha=1.2)
    found = read_out_of_sets([left_out(truth, 20_000, 0), left_out(truth, 2_000, 1)])
    assert found.temperature == pytest.approx(3.0, rel=0.08)
    assert found.alpha == pytest.approx(1.2, abs=0.1)
    assert found.lean == 0.0
    one, other = left_out(ReadOut(1.0), 30_000, 2), left_out(ReadOut(1.0, alpha=2.0), 2_000, 3)
    halves = read_out_of_sets([one, other]).alpha
    assert 0.5 < halves < 1.5  # by number of windows it would be .1
    against = read_out_of_sets([left_out(ReadOut(1.0, alpha=-1.0), 2_000, 4)])
    assert against.alpha == 0.0  # that alpha rises with work is never learned


def test_every_task_is_left_out_for_strangers_and_people_for_the_known():
    labels = {"eegmat": ["rest", "arithmetic"], "mane": ["horror", "relaxing music"]}
    parts = [made_up(4, labels[name], name) for name in TASKS]
    both = joined(parts)
    model, plain = build_for_strangers(both, ONE_SET), build(both, ONE_SET)
    assert model.known == plain.known == plain.strange != model.strange
    assert model.strange.lean == 0.0
    for name, one in model.network.state_dict().items():
        assert torch.equal(one, plain.network.state_dict()[name])
    alone = build_for_strangers(parts[0], replace(ONE_SET, shares=(("eegmat", 1.0),)))
    assert alone.strange == alone.known  # nothing to learn from without it


def test_a_known_headset_is_read_as_such_by_whoever_says_so():
    network = CapsuleNetwork(NetworkConfig(REGIONS, NAMES, members=1))
    model = replace(Model.load(), network=network.eval(), known=ReadOut(0.5), strange=ReadOut(5.0))
    data = made_up(1, ["rest"], each=3)
    strange, known = (
        one.read(data.inputs, data.present).logits for one in (model, model.of_known_headset)
    )
    assert torch.allclose(known, 10.0 * strange)
    assert model.of_known_headset.name != model.name  # a profile of one is none of the other


def test_the_shipped_read_outs_are_as_the_card_says_of_them():
    model = Model.load()
    assert model.strange.temperature > 2.0 * model.known.temperature  # far less sure of strangers
    assert model.strange.alpha > 0.0 == model.known.alpha
    assert set(TASKS) == {"eegmat", "mane"}
