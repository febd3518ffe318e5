"""The training objective of the CVAE-Transformer, and the same terms measured without training.

L = cross-entropy per token + β·Σ_d max(KL_d, free bits) per token; KL_d is the batch mean over bars
of KL(posterior ‖ learned prior) in dimension d (free bits: Kingma 2016; cyclical β: Fu 2019).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from music import vocabulary as v
from music.corpus.crops import Batch
from music.inputs import Inputs
from music.latent import Gaussian, spread
from music.network import Network


@dataclass(frozen=True)
class Terms:
    """What one batch gives. ``nll`` is summed over tokens, ``kl`` (Z,) is the mean over bars."""

    nll: Tensor
    tokens: int
    kl: Tensor
    bars: int
    states: Tensor  # (B, T, width) of the decoder

    def loss(self, beta: float, free_bits: float) -> Tensor:
        kl = self.kl.clamp_min(free_bits).sum() * self.bars
        return (self.nll + beta * kl) / max(self.tokens, 1)


def token_nll(model: Network, states: Tensor, batch: Batch) -> Tensor:
    """(B, T) nats; 0 where no target. Sources without a pedal do not teach that there is none."""
    logits = model.logits(states)
    pedal = torch.zeros(v.SIZE, dtype=torch.bool, device=logits.device)
    pedal[v.PEDAL.start : v.PEDAL.stop] = True
    logits = logits.masked_fill(~batch.has_pedal[:, None, None] & pedal, -1e9)
    flat = F.cross_entropy(
        logits.flatten(0, 1), batch.targets.flatten(), ignore_index=-1, reduction="none"
    )
    return flat.view_as(batch.targets)


def evaluate_terms(
    model: Network, batch: Batch, noise: Tensor, heard: Inputs | None = None
) -> Terms:
    """The terms with every z from the posterior; ``heard``, if given, is what the decoder reads.

    ``noise`` is (B, T, Z); a model without latent has Z = 0 and an exact nll.
    """
    if not model.config.latent:
        return plain_terms(model, batch, heard)
    posterior = model.infer(batch.inputs)
    return terms_given(model, batch, posterior, posterior.sample(noise), heard)


def plain_terms(model: Network, batch: Batch, heard: Inputs | None = None) -> Terms:
    """The terms of a model without latent: cross-entropy alone."""
    nothing = batch.inputs.p[..., :0]  # (B, T, 0)
    states = model(heard or batch.inputs, nothing)
    nll = token_nll(model, states, batch).sum()
    return Terms(nll, int((batch.targets >= 0).sum()), nothing[0, 0], 0, states)


def terms_given(
    model: Network, batch: Batch, posterior: Gaussian, z: Tensor, heard: Inputs | None = None
) -> Terms:
    """The terms for latents ``z`` (B, T, Z) at the BAR positions, wherever they came from."""
    states = model(heard or batch.inputs, spread(z, batch.inputs.tokens))
    at_bar = batch.inputs.tokens == v.BAR
    prior = model.prior_of(states, batch.inputs)
    kl = Gaussian(*(part[at_bar].float() for part in posterior)).kl_to(
        Gaussian(*(part[at_bar].float() for part in prior))
    )
    nll = token_nll(model, states, batch).sum()
    return Terms(nll, int((batch.targets >= 0).sum()), kl.mean(dim=0), int(at_bar.sum()), states)


def some_from_prior(model: Network, inputs: Inputs, z: Tensor, share: float) -> Tensor:
    """``z`` with a share of the bars drawn from the prior: the latents the decoder meets live."""
    with torch.no_grad():
        states = model(inputs, spread(z, inputs.tokens))
        drawn = model.prior_of(states, inputs).sample(torch.randn_like(z))
    chosen = torch.rand(inputs.tokens.shape, device=z.device) < share
    return torch.where(chosen[..., None], drawn.to(z.dtype), z)


def misheard(inputs: Inputs, share: float) -> Inputs:
    """A share of pitches, velocities and durations hidden from the decoder (Bowman 2016).

    What it cannot read of the past it must learn from the latent: this keeps the latent in use.
    """
    sound = (inputs.tokens >= v.PITCH.start) & (inputs.tokens < v.DUR.stop)
    hidden = sound & (torch.rand(inputs.tokens.shape, device=inputs.tokens.device) < share)
    return inputs._replace(tokens=inputs.tokens.masked_fill(hidden, v.PAD))


@torch.no_grad()
def sampled_prior_nll(model: Network, batch: Batch, noise: Tensor) -> Tensor:
    """(B, T) nats with every z drawn from the prior, bar after bar, as in live play.

    The mean over draws bounds -log p(x) from above (Jensen). Bars are filled in order: the prior of
    a bar sees the latents drawn for the bars before it.
    """
    tokens, bars = batch.inputs.tokens, batch.inputs.bar.long()
    z = torch.zeros(*tokens.shape, model.config.latent)
    if not model.config.latent:
        return token_nll(model, model(batch.inputs, z), batch)
    for bar in range(int(bars.max()) + 1):
        here = (tokens == v.BAR) & (bars == bar)
        reach = int(here.any(dim=0).nonzero().max()) + 1  # what comes later changes nothing
        heard = Inputs(*(part[:, :reach] for part in batch.inputs))
        states = model(heard, spread(z[:, :reach], heard.tokens))
        drawn = model.prior_of(states, heard).sample(noise[:, :reach])
        z[:, :reach] = torch.where(here[:, :reach, None], drawn, z[:, :reach])
    return token_nll(model, model(batch.inputs, spread(z, tokens)), batch)
