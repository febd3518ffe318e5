"""Routing, read-out, loss and gate of the capsule network."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from capsule.doubt import Doubt, clarity, contact
from capsule.network import (
    CLASSES,
    CapsuleNetwork,
    LossTerms,
    NetworkConfig,
    ReadOut,
    capsule_loss,
    gate,
    read_out,
    routing_shares,
    squash,
    tempered,
)
from eeg.montage import BANDS, REGIONS

CONFIG = NetworkConfig(REGIONS, tuple(band.name for band in BANDS))
KINDS = ("dynamic", "attention", "uniform")
I = CONFIG.capsules  # noqa: E741 - the paper's index


@pytest.fixture(params=KINDS)
def network(request):
    torch.set_num_threads(1)
    return CapsuleNetwork(replace(CONFIG, routing=request.param), seed=3).eval()


def batch(n=6, seed=0, share=0.6):
    rng = torch.Generator().manual_seed(seed)
    present = torch.rand(n, len(REGIONS), generator=rng) < share
    present[:, 0] = True
    return torch.randn(n, I, 2, generator=rng), present.repeat_interleave(len(BANDS), 1)


def test_it_is_small():
    assert sum(one.numel() for one in CapsuleNetwork(CONFIG).parameters()) <= 200_000


def test_shares_and_probabilities_sum_to_one(network):
    x, present = batch()
    votes = network(x, present)
    reading = network.read(x, present)
    for one in (
        votes.shares,
        reading.shares,
        read_out(tempered(reading.logits, ReadOut(0.7, 0.3))),
    ):
        assert torch.allclose(one.sum(-1), torch.ones(()), atol=1e-5)
        assert (one >= 0).all()


def test_coupling_sums_to_one_where_present_and_is_zero_elsewhere(network):
    x, present = batch()
    for coupling in (*network(x, present).coupling, network.read(x, present).coupling):
        sums = coupling.sum(-1)
        assert torch.allclose(sums, present.float(), atol=1e-4)


def test_shares_are_the_coupling_weighted_by_activity(network):
    x, present = batch()
    votes, reading = network(x, present), network.read(x, present)
    assert torch.allclose(routing_shares(votes.activity, votes.coupling), votes.shares)
    whole = routing_shares(votes.activity.sum(0), reading.coupling)
    assert torch.allclose(whole, reading.shares, atol=1e-5)


def test_length_is_the_norm_of_the_pose(network):
    reading = network.read(*batch())
    assert torch.allclose(reading.pose.norm(dim=-1), reading.lengths, atol=1e-6)
    assert (reading.lengths < 1).all()


def test_absent_values_change_nothing(network):
    x, present = batch()
    other = torch.where(present.unsqueeze(-1), x, torch.full_like(x, float("nan")))
    for name in ("shares", "coupling", "pose", "logits"):
        a, b = (getattr(network.read(one, present), name) for one in (x, other))
        assert torch.equal(a, b), name


def test_windows_do_not_see_one_another(network):
    x, present = batch(8)
    whole = network.read(x, present).logits
    order = torch.randperm(8, generator=torch.Generator().manual_seed(1))
    assert torch.allclose(network.read(x[order], present[order]).logits, whole[order], atol=1e-5)
    for k in range(8):
        alone = network.read(x[k : k + 1], present[k : k + 1]).logits
        assert torch.allclose(alone[0], whole[k], atol=1e-5)


def test_nothing_present_gives_a_quarter_each(network):
    x, present = batch()
    reading = network.read(x, torch.zeros_like(present))
    assert torch.allclose(reading.shares, torch.full((6, 4), 0.25))
    assert torch.allclose(read_out(reading.logits), torch.full((6, 4), 0.25))
    assert reading.coupling.abs().max() == 0


@settings(deadline=None, max_examples=25)
@given(st.sampled_from(KINDS), st.integers(0, 999), st.floats(0, 1e30), st.floats(0, 1))
def test_no_finite_input_gives_a_nan(kind, seed, scale, share):
    network = CapsuleNetwork(replace(CONFIG, routing=kind), seed=seed)
    x, present = batch(seed=seed, share=share)
    x = (x.double() * scale).clamp(-3e38, 3e38).float()
    votes = network(x, present)
    for one in (votes.shares, votes.logits, votes.pose, votes.lengths, votes.coupling):
        assert torch.isfinite(one).all()
    possible = torch.zeros(len(x), 4, dtype=torch.bool)
    possible[:, :2] = True
    loss = capsule_loss(network, x, present, possible, LossTerms())
    loss.backward()
    assert all(torch.isfinite(p.grad).all() for p in network.parameters() if p.grad is not None)


def test_routing_follows_the_paper_step_by_step():
    """Equations 1 to 3 of Sabour 2017 in plain loops, against the tensors."""
    network = CapsuleNetwork(replace(CONFIG, members=1), seed=5)
    with torch.no_grad():
        network.prior.normal_(generator=torch.Generator().manual_seed(2))
    x, present = batch(1)
    votes = network(x, present)
    primary = network._primary(torch.where(present.unsqueeze(-1), x, 0.0), present)[0, 0]
    u = np.zeros((I, CLASSES, 8))
    for i in range(I):
        w = network.vote[0, i].detach().numpy().reshape(8, CLASSES, 8)
        for j in range(CLASSES):
            u[i, j] = primary[i].detach().numpy() @ w[:, j]
    b = network.prior[0].detach().numpy().T.copy()  # (I, 4)
    there = [i for i in range(I) if present[0, i]]
    for step in range(3):
        c = np.exp(b) / np.exp(b).sum(1, keepdims=True)
        s = np.array([sum(c[i, j] * u[i, j] for i in there) for j in range(CLASSES)])
        v = squash(torch.tensor(s)).numpy()
        if step < 2:
            b = b + np.einsum("ijd,jd->ij", u, v)
    np.testing.assert_allclose(votes.pose[0, 0].detach().numpy(), v, atol=1e-5)
    np.testing.assert_allclose(votes.coupling[0, 0, there].detach().numpy(), c[there], atol=1e-5)


def test_a_member_learns_nothing_from_what_it_does_not_hear():
    network = CapsuleNetwork(replace(CONFIG, members=2), seed=1)
    x, present = batch(8, share=0.9)
    possible = torch.tensor([[True, True, False, False]]).expand(8, 4)
    heard = torch.tensor([[True] * 8, [False] * 8])
    capsule_loss(network, x, present, possible, LossTerms(), heard).backward()
    for one in network.parameters():
        assert one.grad[1].abs().max() == 0
    assert network.vote.grad[0].abs().max() > 0
    everybody = capsule_loss(network, x, present, possible, LossTerms(), torch.ones_like(heard))
    assert everybody == capsule_loss(network, x, present, possible, LossTerms())


@pytest.mark.parametrize("kind", KINDS)
def test_a_tiny_set_is_learnt(kind):
    torch.manual_seed(0)
    x, present = batch(64, share=0.9)
    high = x[:, 2::5, 0].mean(1) > 0  # alpha of all regions
    possible = torch.stack([high, high, ~high, ~high], -1)
    network = CapsuleNetwork(replace(CONFIG, routing=kind, members=2), seed=1)
    optimiser = torch.optim.Adam(network.parameters(), 5e-3)
    losses = []
    for _ in range(80):
        loss = capsule_loss(network, x, present, possible, LossTerms())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    p = read_out(network.read(x, present).logits)
    assert losses[-1] < 0.6 * losses[0]
    assert ((p[:, :2].sum(1) > 0.5) == high).float().mean() > 0.95


def test_what_the_label_leaves_open_stays_open():
    x, present = batch(32, share=1.0)
    possible = torch.tensor([True, True, False, False]).repeat(32, 1)
    network = CapsuleNetwork(CONFIG, seed=1)
    optimiser = torch.optim.Adam(network.parameters(), 5e-3)
    for _ in range(60):
        loss = capsule_loss(network, x, present, possible, LossTerms())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    p = read_out(network.read(x, present).logits)
    assert p[:, :2].sum(1).min() > 0.8
    assert (p[:, 0] - p[:, 1]).abs().max() < 0.25


def test_a_window_of_which_nothing_is_known_is_drawn_to_a_quarter_each():
    x, present = batch(4)
    network = CapsuleNetwork(CONFIG, seed=2)
    everything = torch.ones(4, 4, dtype=torch.bool)
    terms = LossTerms(margin=0.0, reconstruction=0.0)
    loss = float(capsule_loss(network, x, present, everything, terms).detach())
    even = terms.indecision * np.log(4)
    assert loss >= even - 1e-5


def test_gate_ends():
    p = torch.tensor([[0.7, 0.1, 0.1, 0.1]] * 3)
    out = gate(p, torch.tensor([1.0, 0.0, 0.5]))
    assert torch.allclose(out[0], p[0])
    assert torch.allclose(out[1], torch.full((4,), 0.25))
    assert torch.allclose(out[2], (p[0] + 0.25) / 2)


def test_contact_and_clarity():
    own = np.zeros(len(REGIONS), dtype=bool)
    own[:4] = True
    assert contact(own, own) == 1  # a small headset is no reason for doubt
    half = own.copy()
    half[:1] = False
    assert 0.7 < contact(half, own) < 1
    assert contact(np.zeros_like(own), own) == 0
    assert (clarity(0.0), clarity(0.8), clarity(1.0)) == (0.0, 1.0, 1.0)


def test_distance_allows_for_gain_but_not_for_shape():
    rng = np.random.default_rng(0)
    doubt = Doubt(rng.normal(size=I), 0.1 * np.eye(I), 2.0, 6.0, 2.0, 6.0)
    everywhere = np.ones((len(REGIONS), len(BANDS)), dtype=bool)
    usual = doubt.mean.reshape(everywhere.shape)
    assert doubt.distance(usual + 1.0, everywhere) < 0.2
    assert doubt.distance(usual + rng.normal(0, 3, usual.shape), everywhere) > 6
    assert doubt.distance(usual, np.zeros_like(everywhere)) == 0
