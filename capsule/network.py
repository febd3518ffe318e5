"""The capsule network: region-band features in, routing shares and quadrant probabilities out.

    features (N, regions, bands, 2) --encoder--> primary capsules u_i --W_ij--> votes --routing-->
    class capsules v_j, coupling c_ij --> shares s_j
        --> p = softmax(kappa * log s / temperature + lean + alpha)

A primary capsule is one scalp region in one band ("frontal-left alpha"). Routing by agreement is
Sabour, Frosst and Hinton 2017 ("Dynamic routing between capsules"), equations 1 to 3; routing by
self-attention is Mazzia, Salvetti and Chiaberge 2021 ("Efficient-CapsNet"). Several members with
their own weights run side by side in one tensor and vote together: the coupling of the whole is
the mean of the members' couplings weighted by the length of their primary capsules, so that a
share means the same for the whole as for one member. What alpha tells by itself is a prior for
headsets that nothing was learned from, see `ReadOut`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

Routing = Literal["dynamic", "attention", "uniform"]

CLASSES = 4
AROUSED = (1.0, 1.0, -1.0, -1.0)  # Q1 to Q4: the way of the lean
ALPHA = "alpha"
FEATURES = 2  # of a region-band: the window's z-score and its recent mean
CLIP = 8.0  # z-scores beyond this say nothing more
EPSILON = 1e-6


@dataclass(frozen=True)
class NetworkConfig:
    """The size of a network; saved beside its weights."""

    regions: tuple[str, ...]
    bands: tuple[str, ...]
    routing: Routing = "dynamic"
    iterations: int = 3
    members: int = 4
    hidden: int = 16
    primary_size: int = 8
    class_size: int = 8

    @property
    def capsules(self) -> int:
        """Number of primary capsules, regions x bands."""
        return len(self.regions) * len(self.bands)


@dataclass(frozen=True)
class ReadOut:
    """What makes probabilities of logits, fitted on whoever was left out of training."""

    temperature: float = 1.0  # how sure (Guo et al. 2017)
    lean: float = 0.0  # towards calling a window aroused (Platt 1999); log odds move by twice this
    alpha: float = 0.0  # log odds of arousal for each z-score that alpha lies below other bands


@dataclass(frozen=True)
class LossTerms:
    """Weights of what is added to -log of the probability of the compatible quadrants."""

    smoothing: float = 0.02
    indecision: float = 0.3
    margin: float = 0.2
    reconstruction: float = 0.01


@dataclass(frozen=True)
class Votes:
    """What a forward pass gives. E members, N windows, I primary capsules, D pose size."""

    coupling: Tensor  # (E, N, I, 4), sums to 1 over classes where present, 0 where absent
    activity: Tensor  # (E, N, I), length of the primary capsules, 0 where absent
    pose: Tensor  # (E, N, 4, D)
    lengths: Tensor  # (E, N, 4)
    shares: Tensor  # (E, N, 4), sums to 1
    logits: Tensor  # (E, N, 4), kappa * log shares (uniform routing: kappa * lengths)


@dataclass(frozen=True)
class Reading:
    """The members' votes taken together. A network's own are not tempered yet, a model's are."""

    shares: Tensor  # (N, 4)
    coupling: Tensor  # (N, I, 4)
    pose: Tensor  # (N, 4, E * D), its norm is the length
    lengths: Tensor  # (N, 4)
    logits: Tensor  # (N, 4)


def squash(s: Tensor) -> Tensor:
    """Sabour 2017, equation 1: keeps the direction, brings the length into [0, 1)."""
    squared = (s * s).sum(-1, keepdim=True)
    return s * (torch.sqrt(squared + EPSILON) / (1.0 + squared))


def _gather(coupling: Tensor, votes: Tensor) -> Tensor:
    """Class capsules v_j (E, N, 4, D): the squashed sum of what is sent there (equations 2, 1)."""
    return squash((coupling.unsqueeze(-2) @ votes).squeeze(-2))


def _agreement(votes: Tensor, pose: Tensor) -> Tensor:
    """Scalar products of votes (E, N, 4, I, D) with class capsules (E, N, 4, D): (E, N, 4, I)."""
    return (votes @ pose.unsqueeze(-1)).squeeze(-1)


def routing_shares(activity: Tensor, coupling: Tensor) -> Tensor:
    """s_j = sum_i a_i c_ij / sum_i a_i over the last two axes (I, 4); a quarter each if no a_i."""
    weighted = (activity.unsqueeze(-1) * coupling).sum(-2)
    return (weighted + EPSILON / CLASSES) / (activity.sum(-1, keepdim=True) + EPSILON)


def alpha_below(features: Tensor, present: Tensor, bands: tuple[str, ...]) -> Tensor:
    """By how many z-scores alpha lies below the other bands of its region, mean over regions (N,).

    Of the recent means in `features` (N, I, 2), where `present` (N, I); 0 where no region has
    alpha and another band. Alpha gives way when a brain is at work, whoever's it is (Pfurtscheller
    and Lopes da Silva 1999); beside the other bands it does so whatever the gain of an electrode.
    """
    n, count = len(features), len(bands)
    z = features[..., 1].clamp(-CLIP, CLIP).view(n, -1, count)
    there = present.view(n, -1, count)
    z, alpha = torch.where(there, z, 0.0), bands.index(ALPHA)
    others = there.sum(-1) - there[..., alpha].int()
    below = (z.sum(-1) - z[..., alpha]) / others.clamp(min=1) - z[..., alpha]
    tells = there[..., alpha] & (others > 0)
    told: Tensor = torch.where(tells, below, 0.0).sum(-1) / tells.sum(-1).clamp(min=1)
    return told


def tempered(logits: Tensor, out: ReadOut, below: Tensor | None = None) -> Tensor:
    """Logits (N, 4) through a read-out. `below` (N,): see `alpha_below`; None: nothing is known."""
    aroused = torch.tensor(AROUSED, dtype=logits.dtype)
    if below is None or not out.alpha:
        return logits / out.temperature + out.lean * aroused
    lean = out.lean + 0.5 * out.alpha * below.to(logits.dtype)
    return logits / out.temperature + lean.unsqueeze(-1) * aroused


def read_out(logits: Tensor) -> Tensor:
    """Probabilities from logits that are tempered."""
    return torch.softmax(logits, dim=-1)


def gate(probabilities: Tensor, trust: Tensor) -> Tensor:
    """p <- w p + (1 - w) / 4, with w = `trust` (N,) in [0, 1]."""
    w = trust.unsqueeze(-1)
    return w * probabilities + (1.0 - w) / CLASSES


class CapsuleNetwork(nn.Module):
    """Masked capsule network over named region-band primary capsules.

    Parameters
    ----------
    config: sizes and kind of routing.
    seed: of the initial weights; every member starts elsewhere.
    """

    def __init__(self, config: NetworkConfig, seed: int = 0) -> None:
        super().__init__()
        self.config = config
        rng = torch.Generator().manual_seed(seed)
        e, i, b = config.members, config.capsules, len(config.bands)
        h, d, k = config.hidden, config.primary_size, config.class_size

        def normal(*shape: int, scale: float) -> nn.Parameter:
            return nn.Parameter(torch.randn(shape, generator=rng) * scale)

        self.encoder_in = normal(e, b, FEATURES, h, scale=0.5)  # one small encoder a band
        self.encoder_bias = normal(e, i, h, scale=0.3)  # tells the capsule which region it is
        self.encoder_out = normal(e, b, h, d, scale=h**-0.5)
        self.vote = normal(e, i, d, CLASSES * k, scale=0.3 * d**-0.5)
        self.prior = nn.Parameter(torch.zeros(e, CLASSES, i))  # log prior b_ij before routing
        self.log_kappa = nn.Parameter(torch.full((e,), 2.0))
        self.decoder_in = normal(e, CLASSES * k, 24, scale=(CLASSES * k) ** -0.5)
        self.decoder_out = normal(e, 24, i * FEATURES, scale=24**-0.5)

    def forward(self, features: Tensor, present: Tensor) -> Votes:
        """Route `features` (N, I, 2) of which `present` (N, I) are real.

        Absent features are never looked at: whatever stands there changes nothing.
        """
        x = torch.where(present.unsqueeze(-1), features, 0.0).clamp(-CLIP, CLIP)
        primary = self._primary(x, present)  # (E, N, I, d)
        activity = torch.where(present, torch.sqrt((primary * primary).sum(-1) + EPSILON**2), 0.0)
        coupling, pose = self._route(self._votes(primary), present)
        lengths = torch.sqrt((pose * pose).sum(-1) + EPSILON**2)  # (E, N, 4)
        shares = routing_shares(activity, coupling)
        evidence = lengths if self.config.routing == "uniform" else torch.log(shares)
        logits = self.log_kappa.exp()[:, None, None] * evidence
        return Votes(coupling, activity, pose, lengths, shares, logits)

    def _primary(self, x: Tensor, present: Tensor) -> Tensor:
        """Primary capsules (E, N, I, d): features through their band's encoder, squashed."""
        n = x.shape[0]
        r, b = len(self.config.regions), len(self.config.bands)
        e, h, d = self.config.members, self.config.hidden, self.config.primary_size
        by_band = x.view(n * r, b, FEATURES).transpose(0, 1)  # (b, N*R, 2)
        inner = by_band.unsqueeze(0) @ self.encoder_in  # (E, b, N*R, h)
        inner = inner.view(e, b, n, r, h).permute(0, 2, 3, 1, 4).reshape(e, n, r * b, h)
        inner = torch.tanh(inner + self.encoder_bias.unsqueeze(1))
        outer = inner.view(e, n * r, b, h).transpose(1, 2) @ self.encoder_out  # (E, b, N*R, d)
        primary = outer.view(e, b, n, r, d).permute(0, 2, 3, 1, 4).reshape(e, n, r * b, d)
        return squash(primary) * present.unsqueeze(-1)

    def _votes(self, primary: Tensor) -> Tensor:
        """Votes W_ij u_i (E, N, 4, I, D); zero where the primary capsule is absent."""
        e, n, i, _ = primary.shape
        flat = primary.transpose(1, 2) @ self.vote  # (E, I, N, 4 * D)
        return flat.view(e, i, n, CLASSES, self.config.class_size).permute(0, 2, 3, 1, 4)

    def _route(self, votes: Tensor, present: Tensor) -> tuple[Tensor, Tensor]:
        """Coupling (E, N, I, 4) and class capsules (E, N, 4, D) from votes (E, N, 4, I, D)."""
        votes = votes.contiguous()
        mask = present.unsqueeze(1)  # (N, 1, I)
        logits = self.prior.unsqueeze(1)  # (E, 1, 4, I)
        if self.config.routing == "uniform":
            coupling = (mask / CLASSES).expand(votes.shape[:-1])
            return coupling.transpose(-1, -2), _gather(coupling, votes)
        if self.config.routing == "attention":
            agreement = _agreement(votes, votes.sum(-2)) / self.config.class_size**0.5
            coupling = torch.softmax(logits + agreement, -2) * mask
            return coupling.transpose(-1, -2), _gather(coupling, votes)
        for step in range(self.config.iterations):
            coupling = torch.softmax(logits, -2) * mask  # equation 3
            pose = _gather(coupling.expand(votes.shape[:-1]), votes)
            if step < self.config.iterations - 1:
                logits = logits + _agreement(votes, pose)
        return coupling.transpose(-1, -2), pose

    def read(self, features: Tensor, present: Tensor) -> Reading:
        """All members' votes taken together, by the same definition of coupling and shares."""
        votes = self(features, present)
        activity = votes.activity.sum(0)  # (N, I)
        mass = (votes.activity.unsqueeze(-1) * votes.coupling).sum(0)  # (N, I, 4)
        coupling = mass / (activity.unsqueeze(-1) + EPSILON**2)
        shares = routing_shares(activity, coupling)
        members, n, _, size = votes.pose.shape
        pose = votes.pose.permute(1, 2, 0, 3).reshape(n, CLASSES, members * size) / members**0.5
        lengths = torch.linalg.vector_norm(pose, dim=-1)
        evidence = lengths if self.config.routing == "uniform" else torch.log(shares)
        return Reading(shares, coupling, pose, lengths, self.log_kappa.exp().mean() * evidence)

    def reconstruct(self, pose: Tensor) -> Tensor:
        """Features (E, N, I, 2) told from the class capsules `pose` (E, N, 4, D)."""
        e, n = pose.shape[:2]
        inner = torch.tanh(pose.reshape(e, n, -1) @ self.decoder_in)
        return (inner @ self.decoder_out).view(e, n, self.config.capsules, FEATURES)


def capsule_loss(
    network: CapsuleNetwork,
    features: Tensor,
    present: Tensor,
    compatible: Tensor,
    terms: LossTerms,
    heard: Tensor | None = None,
) -> Tensor:
    """Loss of a batch whose labels only say which quadrants are possible.

    `compatible` (N, 4) bool is the set S of a window; all four: nothing is known of it. `heard`
    (E, N) bool tells which members learn from which windows; None: all from all.
    Terms: -log of the probability of S, smoothed; indecision inside S, about which the label says
    nothing; Sabour's margin (equation 4) on the longest class capsule of S and on all outside S;
    reconstruction of the present features from the class capsules. Averaged over what is heard.
    """
    votes = network(features, present)
    known = ~compatible.all(-1)  # (N,) the label says something
    log_p = torch.log_softmax(votes.logits, -1)  # (E, N, 4)
    inside = torch.logsumexp(log_p.masked_fill(~compatible, -1e9), -1)
    outside = torch.logsumexp(log_p.masked_fill(compatible, -1e9), -1)
    total = known * (-(1.0 - terms.smoothing) * inside - terms.smoothing * outside)
    even = inside - log_p.masked_fill(~compatible, 0.0).sum(-1) / compatible.sum(-1)
    total = total + terms.indecision * even  # cross entropy of a quarter each, within S
    longest = votes.lengths.masked_fill(~compatible, 0.0).amax(-1)
    absent = functional.relu(votes.lengths - 0.1).square().masked_fill(compatible, 0.0).sum(-1)
    margin = functional.relu(0.9 - longest).square() + 0.5 * absent
    total = total + terms.margin * known * margin
    error = (network.reconstruct(votes.pose) - features.clamp(-CLIP, CLIP)).square().sum(-1)
    error = error.masked_fill(~present, 0.0).sum(-1) / present.sum(-1).clamp(min=1)
    cost = total + terms.reconstruction * error  # (E, N)
    return cost.mean() if heard is None else (cost * heard).sum() / heard.sum().clamp(min=1)
