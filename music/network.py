"""What every music network is, the model and the baselines it is measured against.

A network reads ``Inputs`` and latents ``z`` (B, T, Z), and ``forward(inputs, z, cache=None)`` gives
states (B, T, width), whole crops at once or, with a cache, one position at a time: the same states.
``config.latent`` 0 means Z = 0: no latent, no prior, no posterior, an exact likelihood.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from music.inputs import Inputs
from music.latent import Gaussian


class NetworkConfig(Protocol):
    """The sizes of a network."""

    @property
    def latent(self) -> int:
        """Width of a bar's latent; 0: none."""


class Cache(Protocol):
    """What a network remembers of the positions it was fed, for a batch of rows."""

    @property
    def position(self) -> int:
        """Positions ever fed and not taken back."""

    def reset(self) -> None:
        """Forget everything."""

    def rewind(self, position: int) -> None:
        """Forget everything from ``position`` on. ValueError if that is no longer possible."""

    def save(self) -> Any:
        """All that it holds, as a value."""

    def restore(self, state: Any) -> None:
        """Hold what was saved."""

    def to(self, device: torch.device, dtype: torch.dtype) -> None:
        """Hold what comes on a device, in a precision."""

    def move(self, start: int, to: int, rows: int) -> None:
        """Rows from ``start`` on take the place of those from ``to`` on."""

    def truncate(self, rows: int) -> None:
        """Only the first ``rows`` rows go on."""


class Network(nn.Module, ABC):
    """Tokens in, states and tied logits out; with a latent also a prior and a posterior."""

    config: NetworkConfig
    embed: nn.Embedding

    @property
    def shares_past(self) -> bool:
        """Whether rows that ask under several conditions may share one row of a cache."""
        return False

    def logits(self, state: Tensor) -> Tensor:
        """(..., width) to (..., vocabulary): the embedding, tied."""
        return F.linear(state, self.embed.weight).float()

    @abstractmethod
    def new_cache(self, batch: int, rewind: int) -> Cache:
        """An empty cache for ``batch`` rows that can take back ``rewind`` positions."""

    @abstractmethod
    def prior_of(self, states: Tensor, inputs: Inputs) -> Gaussian:
        """The prior at every position (..., Z), of which only those at BAR mean anything."""

    @abstractmethod
    def infer(self, inputs: Inputs) -> Gaussian:
        """The posterior at every BAR position (B, T, Z)."""


class Plain(Network):
    """A network that knows no latent: prior and posterior have no dimension."""

    def prior_of(self, states: Tensor, inputs: Inputs) -> Gaussian:
        return Gaussian(states[..., :0], states[..., :0])

    def infer(self, inputs: Inputs) -> Gaussian:
        return Gaussian(inputs.p[..., :0], inputs.p[..., :0])
