"""How likely music is under a model with latents: bounds, since the sum over latents has no form.

With z from the posterior q and weights w_k = p(x, z_k) / q(z_k | x):

- ELBO: −E[log w], never below −log p(x) (Kingma & Welling 2014);
- IWAE: −E[log 1/K Σ_k w_k], never below −log p(x) either, and closer the larger K (Burda,
  Grosse & Salakhutdinov 2016).

All bars of a stretch are drawn together, so one weight is that of the whole stretch. A model
without latents needs no bound: its figure is exact.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from music import vocabulary as v
from music.corpus.crops import Batch, Row, collate
from music.inputs import Inputs
from music.latent import Gaussian, spread
from music.network import Network
from music.training.objective import token_nll

Floats = npt.NDArray[np.float64]
ACTIVE_NATS = 0.05  # a dimension with more KL than this carries something


@dataclass(frozen=True)
class Bound:
    """Nats of one stretch of music. Without latents both bounds are the exact figure."""

    iwae: float
    elbo: float
    kl: Floats  # (Z,) summed over bars
    bars: int


def batch_of(row: Row) -> Batch:
    """A stretch alone."""
    return collate([row], len(row.tokens))


def alone(model: Network, row: Row) -> float:
    """Exact nats of a stretch under a model without latents."""
    batch = batch_of(row)
    return float(token_nll(model, model(batch.inputs, batch.inputs.p[..., :0]), batch).sum())


def bound(model: Network, row: Row, samples: int, generator: torch.Generator) -> Bound:
    """Bounds of a stretch from ``samples`` draws of its latents, all in one batch."""
    if not model.config.latent:
        exact = alone(model, row)
        return Bound(exact, exact, np.zeros(0), 0)
    batch = repeated(batch_of(row), samples)
    once = Inputs(*(part[:1] for part in batch.inputs))
    posterior = Gaussian(*(part.float() for part in model.infer(once)))
    shape = (samples, *posterior.mean.shape[1:])
    z = posterior.sample(torch.randn(shape, generator=generator))
    states = model(batch.inputs, spread(z, batch.inputs.tokens))
    prior = Gaussian(*(part.float() for part in model.prior_of(states, batch.inputs)))
    at_bar = once.tokens[0] == v.BAR
    ratio = (log_density(prior, z) - log_density(posterior, z))[:, at_bar].sum(dim=(1, 2))
    log_w = ratio.double() - token_nll(model, states, batch).double().sum(dim=1)
    kl = posterior.kl_to(prior).mean(dim=0)[at_bar].sum(dim=0)
    iwae = math.log(samples) - float(log_w.logsumexp(dim=0))
    return Bound(iwae, -float(log_w.mean()), kl.double().numpy(), int(at_bar.sum()))


def repeated(batch: Batch, times: int) -> Batch:
    """The rows of a batch of one, ``times`` over."""
    return Batch(
        Inputs(*(part.expand(times, *part.shape[1:]) for part in batch.inputs)),
        batch.targets.expand(times, -1),
        batch.has_pedal.expand(times),
    )


def log_density(normal: Gaussian, z: Tensor) -> Tensor:
    """(..., Z) nats in each dimension."""
    square = (z - normal.mean).square() * (-normal.log_variance).exp()
    return -0.5 * (square + normal.log_variance + math.log(2 * math.pi))
