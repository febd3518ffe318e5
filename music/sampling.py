"""From the network's logits to one token: guidance, what is allowed, temperature, top p, a draw."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from music.errors import MusicError


@dataclass(frozen=True)
class Sampling:
    """How a token is drawn from the network's distribution."""

    temperature: float = 1.0
    top_p: float = 0.95

    def __post_init__(self) -> None:
        if not 0.0 < self.temperature <= 5.0:
            raise MusicError(f"A temperature of {self.temperature}; give more than 0, at most 5.")
        if not 0.0 < self.top_p <= 1.0:
            raise MusicError(f"A top-p of {self.top_p}; give more than 0, at most 1.")


def choose(
    logits: npt.NDArray[np.float32],
    strength: float,
    mask: npt.NDArray[np.bool_],
    sampling: Sampling,
    dice: np.random.Generator,
) -> int:
    """Guide, mask, cut to the top p (Holtzman et al. 2020), draw.

    Parameters
    ----------
    logits : (2, V) of the conditioned and of the null row
    strength : classifier-free guidance (Ho & Salimans 2022), null + strength·(conditioned − null)
    mask : (V,) True where a token may follow; at least one must
    dice : gives one random number

    Returns
    -------
    the token's id
    """
    guided = logits[1] + strength * (logits[0] - logits[1]).astype(np.float64)
    guided[~mask] = -np.inf
    weights = np.exp((guided - guided.max()) / sampling.temperature)
    order = np.argsort(-weights, kind="stable")
    cumulative = np.cumsum(weights[order])
    keep = int(np.searchsorted(cumulative, sampling.top_p * cumulative[-1])) + 1
    draw = dice.random() * cumulative[keep - 1]
    return int(order[np.searchsorted(cumulative[:keep], draw, side="right")])
