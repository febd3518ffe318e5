"""From the network's logits to one token: guidance, what is allowed, temperature, top p, draws."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from music import vocabulary as v
from music.condition import Condition
from music.errors import MusicError

ROWS = 3  # of logits a token is chosen from: the condition, its arousal alone, none
STARTS = np.array([family.start for family in v.FAMILIES.values()])
STOPS = np.array([family.stop for family in v.FAMILIES.values()])
AROUSAL_SHARE = 0.6  # of what strength adds beyond 1, what arousal gets; valence gets all of it
TONES = [list(v.FAMILIES).index(name) for name in ("CHORD", "PITCH")]  # what strength > 1 steers


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
    p = condition.probabilities or (0.25, 0.25, 0.25, 0.25)
    high, low = (p[0] + p[1]) / 2, (p[2] + p[3]) / 2
    return [(p, null), ((high, high, low, low), null), (p, 1.0)]


def choose(
    logits: npt.NDArray[np.float32],
    strength: float,
    mask: npt.NDArray[np.bool_],
    sampling: Sampling,
    dice: np.random.Generator,
) -> int:
    """Guide, mask, draw a family of tokens, then a token within it, cut to the top p.

    Drawn in two steps because families are of unequal size: "another note here" is a few likely
    tokens, "time goes on" many unlikely ones, so that one cut over all of them (Holtzman et al.
    2020) thickens the music. So does any cut of what a family says of time and touch (a long wait,
    a soft key), and any guidance of it beyond 1 makes a caricature: these are drawn as the network
    has them, and top p and more strength act on chords and pitches alone.

    Parameters
    ----------
    logits : (ROWS, V), as ``rows_of``
    strength : of the guidance, see ``guide``
    mask : (V,) True where a token may follow; at least one must
    dice : gives two random numbers

    Returns
    -------
    the token's id
    """
    allowed, plain = np.where(mask, logits.astype(np.float64), -np.inf), min(strength, 1.0)
    with np.errstate(invalid="ignore"):  # -inf of a family that may not follow
        masses = guide(np.logaddexp.reduceat(allowed, STARTS, axis=1), plain)
    family = _draw(np.nan_to_num(masses, nan=-np.inf), 1.0, 1.0, dice)
    here = np.arange(STARTS[family], STOPS[family])
    here = here[mask[here]]
    strength, top_p = (strength, sampling.top_p) if family in TONES else (plain, 1.0)
    return int(here[_draw(guide(allowed[:, here], strength), sampling.temperature, top_p, dice)])


def guide(logits: npt.NDArray[np.float64], strength: float) -> npt.NDArray[np.float64]:
    """Classifier-free guidance (Ho & Salimans 2022) composed of two (Liu et al. 2022).

    (ROWS, N) to (N,): null + a·(arousal − null) + s·(whole − arousal). Arousal is heard at once and
    turns to caricature soon, valence is hard to hear: so a grows slowly with the strength s, see
    AROUSAL_SHARE. At 0 nothing of the condition remains, at 1 it is the network's own distribution.
    """
    whole, arousal, null = logits
    of_arousal = min(strength, 1.0) + AROUSAL_SHARE * max(strength - 1.0, 0.0)
    guided: npt.NDArray[np.float64] = (
        null + of_arousal * (arousal - null) + strength * (whole - arousal)
    )
    return guided


def _draw(
    logits: npt.NDArray[np.float64], temperature: float, top_p: float, dice: np.random.Generator
) -> int:
    weights = np.exp((logits - logits.max()) / temperature)
    order = np.argsort(-weights, kind="stable")
    cumulative = np.cumsum(weights[order])
    keep = int(np.searchsorted(cumulative, top_p * cumulative[-1])) + 1
    draw = dice.random() * cumulative[min(keep, len(order)) - 1]
    return int(order[np.searchsorted(cumulative[: keep - 1], draw, side="right")])
