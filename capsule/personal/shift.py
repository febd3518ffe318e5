"""What a wearer's own labelled minutes change: a small shift of the shipped network's read-out.

    logits_j <- tau * logits_j + sum_a sigma_aj (b_a + sum_i w_ai z_i)

a: valence and arousal; sigma_aj = +-1/2, on which side of the axis quadrant j lies, so that b and w
are log-odds; z_i: the recent mean of primary capsule i (a region in a band) against the wearer's
rest. It is a shift of rank two of what the primary capsules tell the class capsules: w_ai says for
how much valence or arousal that region and band speak in this wearer. tau = 1, b = 0, w = 0 is the
shipped network, and a Gaussian prior on log tau, b and w pulls there (ridge).

Many fits run side by side, each with its own weights of the same rows: that is all that
leave-one-block-out and permuted labels ask for.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

NAMES = ("valence", "arousal")
AXES = torch.tensor([[0.5, -0.5, -0.5, 0.5], [0.5, 0.5, -0.5, -0.5]])  # NAMES x quadrants
CLIP = 5.0  # z-scores beyond this say nothing more about a state
MOST_TRUST = 0.999  # beyond it, what is surely wrong would have no slope to learn by
READ_OUT_PENALTY = 1.0  # on log tau and b
STEPS, RATE = 60, 0.1


@dataclass(frozen=True)
class Shift:
    """F fits side by side; a profile keeps one of them."""

    log_tau: Tensor  # (F,)
    bias: Tensor  # (F, 2)
    weight: Tensor  # (F, 2, I)

    @classmethod
    def none(cls, fits: int, capsules: int) -> Shift:
        """The shipped network."""
        return cls(torch.zeros(fits), torch.zeros(fits, 2), torch.zeros(fits, 2, capsules))

    def one(self, fit: int) -> Shift:
        """One of the fits alone."""
        some = slice(fit, fit + 1)
        return Shift(self.log_tau[some], self.bias[some], self.weight[some])

    def logits(self, logits: Tensor, z: Tensor) -> Tensor:
        """Shifted logits (F, 4, N) of windows with tempered `logits` (4, N) and `z` (I, N)."""
        told = self.weight @ z.clamp(-CLIP, CLIP) + self.bias[..., None]  # (F, 2, N)
        return self.log_tau.exp()[:, None, None] * logits + AXES.T @ told


def fit(
    logits: Tensor,
    z: Tensor,
    trust: Tensor,
    compatible: Tensor,
    weight: Tensor,
    penalty: Tensor,
    axes: Tensor,
) -> Shift:
    """F shifts, each of which gives the compatible quadrants of its windows most probability.

    Parameters
    ----------
    logits, z: tempered logits (4, N) and z-scores (I, N) of windows; the same for all fits.
    trust: (N,) of the doubt gate, which a fit does not change.
    compatible: (4, N) bool, the quadrants that fit a window's label.
    weight: (F, N), how much a window counts; 0 where it is left out.
    penalty: (F,) on w; infinite: w stays 0, only tau and b are fitted.
    axes: (2,) bool; an axis of which no label speaks stays as it was shipped.
    """
    kept = Shift.none(len(weight), len(z))
    parameters = [one.requires_grad_() for one in (kept.log_tau, kept.bias, kept.weight)]
    told = axes.float()
    free = torch.isfinite(penalty).float()[:, None, None] * told[:, None]
    pull = torch.where(torch.isfinite(penalty), penalty, 0.0)
    optimiser = torch.optim.Adam(parameters, lr=RATE, eps=1e-3)  # rounding errors move nothing
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, STEPS)
    shift = kept
    for _ in range(STEPS):
        shift = Shift(kept.log_tau, kept.bias * told, kept.weight * free)
        cost = -(weight * likelihood(shift.logits(logits, z), trust, compatible)).sum()
        read_out = shift.log_tau.square().sum() + shift.bias.square().sum()
        ridge = (pull * shift.weight.square().sum((1, 2))).sum()
        optimiser.zero_grad()
        (cost + 0.5 * (READ_OUT_PENALTY * read_out + ridge)).backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
    done = (kept.log_tau, kept.bias * told, kept.weight * free)
    return Shift(*(one.detach() for one in done))


def likelihood(logits: Tensor, trust: Tensor, compatible: Tensor) -> Tensor:
    """Log probability (..., N) of the compatible quadrants, gated as the recogniser gates it.

    From logits (..., 4, N), with `trust` (N,) and `compatible` (4, N).
    """
    inside = torch.logsumexp(logits.masked_fill(~compatible, -1e9), -2)
    told = (inside - torch.logsumexp(logits, -2)).exp()
    w = trust.clamp(max=MOST_TRUST)
    return torch.log(w * told + (1.0 - w) * compatible.sum(-2) / len(AXES.T))
