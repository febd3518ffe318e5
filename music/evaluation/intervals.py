"""Figures with their intervals: bootstrap (Efron 1979) of a mean, and Spearman's rank order."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Figure = dict[str, float]  # value, low, high, n: a figure and its 95 % interval
DRAWS = 2000


def bootstrap(rows: Floats, statistic: Callable[[Floats], float], seed: int = 0) -> Figure:
    """``statistic`` of ``rows`` (N, ...) with the 2.5th and 97.5th percentile over resampled rows.

    ValueError where there are no rows.
    """
    if not len(rows):
        raise ValueError("there is nothing to take a figure of")
    rng = np.random.default_rng(seed)
    drawn = [statistic(rows[rng.integers(len(rows), size=len(rows))]) for _ in range(DRAWS)]
    low, high = np.nanpercentile(drawn, [2.5, 97.5])
    return {
        "value": float(statistic(rows)),
        "low": float(low),
        "high": float(high),
        "n": len(rows),
    }


def mean(rows: npt.ArrayLike, seed: int = 0) -> Figure:
    """The mean of ``rows`` (N,) and its interval."""
    return bootstrap(np.asarray(rows, dtype=np.float64), lambda some: float(some.mean()), seed)


def percentile(rows: npt.ArrayLike, share: float, seed: int = 0) -> Figure:
    """A percentile of ``rows`` (N,) and its interval; rows may be infinite."""

    def statistic(some: Floats) -> float:
        return float(np.percentile(some, share, method="inverted_cdf"))

    return bootstrap(np.asarray(rows, dtype=np.float64), statistic, seed)


def spearman(a: npt.ArrayLike, b: npt.ArrayLike) -> float:
    """Correlation of the ranks, ties sharing theirs; 0 where one side does not vary."""
    ranks = [_ranks(np.asarray(side, dtype=np.float64)) for side in (a, b)]
    if min(np.ptp(rank) for rank in ranks) == 0:
        return 0.0
    return float(np.corrcoef(ranks[0], ranks[1])[0, 1])


def _ranks(values: Floats) -> Floats:
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(count) - (count - 1) / 2)[place])


def shown(figure: Figure, digits: int = 2) -> str:
    """``.71 [.64, .78]`` as a report writes it."""
    value, low, high = (f"{figure[key]:.{digits}f}" for key in ("value", "low", "high"))
    return f"{value} [{low}, {high}]"
