"""From the network's logits to one token: guidance, what is allowed, temperature, top p, a draw."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from music.condition import Condition
from music.conditioning import QUADRANTS
from music.errors import MusicError

ROWS = 3  # of logits a token is chosen from: the condition, its arousal alone, none
AROUSAL_SHARE = 0.25  # of what strength adds beyond 1, what arousal gets; valence gets all of it


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


def rows_of(condition: Condition) -> list[tuple[tuple[float, ...], float]]:
    """(mixture, 1 where it is to be ignored) of each of the ROWS a network is asked under."""
    null = float(condition.probabilities is None)
    p = condition.probabilities or (1 / QUADRANTS,) * QUADRANTS
    high, low = (p[0] + p[1]) / 2, (p[2] + p[3]) / 2
    return [(p, null), ((high, high, low, low), null), (p, 1.0)]


def choose(
    logits: npt.NDArray[np.float32],
    strength: float,
    mask: npt.NDArray[np.bool_],
    sampling: Sampling,
    dice: np.random.Generator,
) -> int:
    """Guide, mask, cut to the top p (Holtzman et al. 2020), draw.

    Classifier-free guidance (Ho & Salimans 2022), composed of two (Liu et al. 2022): null +
    a·(arousal − null) + s·(whole − arousal). Arousal is heard at once and turns to caricature soon,
    valence is hard to hear: so a grows slowly with the strength s, see AROUSAL_SHARE. At 0 nothing
    of the condition remains, at 1 it is the network's own distribution.

    Parameters
    ----------
    logits : (ROWS, V), as ``rows_of``
    strength : s
    mask : (V,) True where a token may follow; at least one must
    dice : gives one random number

    Returns
    -------
    the token's id
    """
    whole, arousal, null = logits.astype(np.float64)
    of_arousal = min(strength, 1.0) + AROUSAL_SHARE * max(strength - 1.0, 0.0)
    guided = null + of_arousal * (arousal - null) + strength * (whole - arousal)
    guided[~mask] = -np.inf
    weights = np.exp((guided - guided.max()) / sampling.temperature)
    order = np.argsort(-weights, kind="stable")
    cumulative = np.cumsum(weights[order])
    keep = int(np.searchsorted(cumulative, sampling.top_p * cumulative[-1])) + 1
    draw = dice.random() * cumulative[keep - 1]
    return int(order[np.searchsorted(cumulative[:keep], draw, side="right")])
