"""What training does to windows: labels follow, what is absent stays so, nothing is invented."""

import pytest
import torch

from capsule.augment import MOST_RAISED, forget_valence, hide, mirror, raise_one, scramble
from eeg.montage import BANDS, REGIONS

I = len(REGIONS) * len(BANDS)  # noqa: E741 - capsules
HIGH, LOW = [True, True, False, False], [False, False, True, True]
ONE, ALL = [False, True, False, False], [True, True, True, True]


@pytest.fixture
def rng():
    return torch.Generator().manual_seed(0)


def batch(labels, rng, share=0.6):
    n = len(labels)
    present = (torch.rand(n, len(REGIONS), generator=rng) < share).repeat_interleave(len(BANDS), 1)
    return torch.randn(n, I, 2, generator=rng), present, torch.tensor(labels)


def test_the_opposite_of_aroused_is_calm(rng):
    x, _, possible = batch([HIGH, LOW, ONE, ALL], rng)
    turned, labels = mirror(x, possible, 1.0, rng)
    assert torch.equal(turned[:2], -x[:2])
    assert torch.equal(turned[2:], x[2:])  # only what tells arousal and nothing else
    assert labels.tolist() == [LOW, HIGH, ONE, ALL]
    same, kept = mirror(x, possible, 0.0, rng)
    assert torch.equal(same, x)
    assert torch.equal(kept, possible)


def test_a_share_of_the_windows_is_mirrored(rng):
    x, _, possible = batch([HIGH] * 2000, rng)
    _, labels = mirror(x, possible, 0.3, rng)
    assert 0.25 < labels[:, 2].float().mean() < 0.35


def test_scrambled_windows_keep_their_sizes_and_say_nothing(rng):
    x, present, possible = batch([HIGH] * 20, rng)
    dealt, labels = scramble(x, present, possible, 1.0, rng)
    assert labels.all()
    for k in range(20):
        there = present[k]
        before, after = (one[k][there].abs().sort(0).values for one in (x, dealt))
        assert torch.allclose(before, after)
        assert not torch.equal(x[k][there], dealt[k][there]) or there.sum() < 2
    same, kept = scramble(x, present, possible, 0.0, rng)
    assert torch.equal(same, x)
    assert torch.equal(kept, possible)


def test_one_region_that_is_there_is_raised_in_all_its_bands(rng):
    x, present, _ = batch([HIGH] * 400, rng, share=0.3)
    present[:, -len(BANDS) :] = True  # somebody is there
    more = raise_one(x, present, 1.0, rng) - x
    assert not more[~present].any()
    assert torch.allclose(more[..., 0], more[..., 1], atol=1e-5)  # window and recent mean alike
    raised = more[..., 0].view(400, len(REGIONS), len(BANDS))
    assert ((raised > 1e-6).any(2).sum(1) <= 1).all()
    assert ((raised > 1e-6).all(2).sum(1) == 1).float().mean() > 0.99
    assert 0.8 * MOST_RAISED < raised.max() <= MOST_RAISED + 1e-4
    chosen = raised.sum(2).argmax(1).bincount(minlength=len(REGIONS))
    assert chosen.min() > 0
    some = raise_one(x, present, 0.3, rng) != x
    assert 0.2 < some.any(2).any(1).float().mean() < 0.4
    assert torch.equal(raise_one(x, present, 0.0, rng), x)


def test_hiding_takes_whole_regions_and_never_all(rng):
    _, present, _ = batch([HIGH] * 500, rng, share=0.3)
    left = hide(present, 1.0, rng)
    assert not (left & ~present).any()
    assert (left.any(1) == present.any(1)).all()
    by_region = left.view(500, len(REGIONS), len(BANDS))
    assert (by_region.all(2) == by_region.any(2)).all()
    assert left.sum() < present.sum()


def test_a_forgotten_valence_leaves_the_arousal(rng):
    _, _, possible = batch([ONE, HIGH, LOW, [True, False, False, True]], rng)
    labels = forget_valence(possible, 1.0, rng)
    assert labels.tolist() == [HIGH, HIGH, LOW, ALL]
    assert torch.equal(forget_valence(possible, 0.0, rng), possible)
