"""How probabilities of quadrants agree with what was meant: figures and their intervals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
BINS = 10
DRAWS = 1000


@dataclass(frozen=True)
class Scores:
    """Shares of clips read as meant, and how far confidence is from accuracy."""

    quadrant: float
    arousal: float
    valence: float
    ece: float

    @classmethod
    def of(cls, p: Floats, quadrants: Ints) -> Scores:
        """From probabilities (N, 4) and the quadrants meant (N,). Arousal is read from p1 + p2,
        valence from p1 + p4; ECE is that of the likeliest quadrant in ten bins (Guo et al. 2017).
        """
        read, sure = p.argmax(axis=1), p.max(axis=1)
        bins = np.minimum((sure * BINS).astype(int), BINS - 1)
        gaps = np.bincount(bins, (read == quadrants) - sure, minlength=BINS) / len(p)
        return cls(
            quadrant=float((read == quadrants).mean()),
            arousal=float(((p[:, 0] + p[:, 1] > 0.5) == (quadrants < 2)).mean()),
            valence=float(((p[:, 0] + p[:, 3] > 0.5) == np.isin(quadrants, (0, 3))).mean()),
            ece=float(np.abs(gaps).sum()),
        )


def confusion(p: Floats, quadrants: Ints) -> Ints:
    """(4, 4) clips by the quadrant meant (row) and read (column)."""
    table = np.zeros((4, 4), dtype=np.int64)
    np.add.at(table, (quadrants, p.argmax(axis=1)), 1)
    return table


def bootstrap(
    figure: Callable[[Ints], float],
    groups: npt.NDArray[np.generic],
    seed: int = 0,
    draws: int = DRAWS,
) -> tuple[float, float]:
    """95 % of ``figure(rows)`` over resampled groups, such as songs: clips of one are not
    independent (percentile interval, Efron 1979).
    """
    rng = np.random.default_rng(seed)
    names, member = np.unique(groups, return_inverse=True)
    rows = [np.flatnonzero(member == k) for k in range(len(names))]
    values = [
        figure(np.concatenate([rows[k] for k in rng.integers(len(rows), size=len(rows))]))
        for _ in range(draws)
    ]
    low, high = np.quantile(values, (0.025, 0.975))
    return float(low), float(high)


def interval_text(value: float, ends: tuple[float, float]) -> str:
    """``.712 [.65 .78]``."""
    return f"{value:.3f} [{ends[0]:.2f} {ends[1]:.2f}]"
