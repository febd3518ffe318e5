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
from music.crops import Batch
from music.model import Gaussian, Inputs, MusicModel, spread


@dataclass(frozen=True)
class Terms:
    """What one batch gives. ``nll`` is summed over tokens, ``kl`` (Z,) is the mean over bars."""

    nll: Tensor
    tokens: int
    kl: Tensor
    bars: int

    def loss(self, beta: float, free_bits: float) -> Tensor:
        kl = self.kl.clamp_min(free_bits).sum() * self.bars
        return (self.nll + beta * kl) / max(self.tokens, 1)


def token_nll(model: MusicModel, states: Tensor, batch: Batch) -> Tensor:
    """(B, T) nats; 0 where no target. Sources without a pedal do not teach that there is none."""
    logits = model.logits(states)
    pedal = torch.zeros(v.SIZE, dtype=torch.bool, device=logits.device)
    pedal[v.PEDAL.start : v.PEDAL.stop] = True
    logits = logits.masked_fill(~batch.has_pedal[:, None, None] & pedal, -1e9)
    flat = F.cross_entropy(
        logits.flatten(0, 1), batch.targets.flatten(), ignore_index=-1, reduction="none"
    )
    return flat.view_as(batch.targets)


def prior_at(model: MusicModel, states: Tensor, inputs: Inputs) -> Gaussian:
    """The prior at every position (B, T, Z), of which only those at BAR mean anything."""
    return Gaussian(*model.prior(states, model.emotion_of(inputs)))


def evaluate_terms(
    model: MusicModel,
    batch: Batch,
    noise: Tensor,
    prior_noise: Tensor | None = None,
    prior_bars: Tensor | None = None,
) -> Terms:
    """The terms with z from the posterior.

    Where ``prior_bars`` (B, T) is true at a BAR its z comes from the prior instead (of a first pass
    without gradient), so that the decoder knows the latents it will meet live.
    """
    posterior = model.infer(batch.inputs)
    z = posterior.sample(noise)
    if prior_bars is not None and prior_noise is not None:
        with torch.no_grad():
            states = model(batch.inputs, spread(z, batch.inputs.tokens))
            prior_z = prior_at(model, states, batch.inputs).sample(prior_noise)
        z = torch.where(prior_bars[..., None], prior_z.to(z.dtype), z)
    states = model(batch.inputs, spread(z, batch.inputs.tokens))
    at_bar = batch.inputs.tokens == v.BAR
    prior = prior_at(model, states, batch.inputs)
    kl = Gaussian(*(part[at_bar].float() for part in posterior)).kl_to(
        Gaussian(*(part[at_bar].float() for part in prior))
    )
    nll = token_nll(model, states, batch).sum()
    return Terms(nll, int((batch.targets >= 0).sum()), kl.mean(dim=0), int(at_bar.sum()))


@torch.no_grad()
def sampled_prior_nll(model: MusicModel, batch: Batch, noise: Tensor) -> Tensor:
    """(B, T) nats with every z drawn from the prior, bar after bar, as in live play.

    The mean over draws bounds -log p(x) from above (Jensen). Bars are filled in order: the prior of
    a bar sees the latents drawn for the bars before it.
    """
    tokens = batch.inputs.tokens
    z = torch.zeros(*tokens.shape, model.config.latent)
    bars = batch.inputs.bar.long()
    for bar in range(int(bars.max()) + 1):
        states = model(batch.inputs, spread(z, tokens))
        drawn = prior_at(model, states, batch.inputs).sample(noise)
        z = torch.where(((tokens == v.BAR) & (bars == bar))[..., None], drawn, z)
    return token_nll(model, model(batch.inputs, spread(z, tokens)), batch)
