"""Figures with their intervals, as values that go into JSON, and Spearman's rank order."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from music.evaluation.scores import bootstrap

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
DRAWS = 1000
Figure = dict[str, float]  # value, low, high, n: a figure, its 95 % interval, how many it is of


def figure(
    rows: Floats,
    statistic: Callable[[Floats], float],
    groups: npt.NDArray[np.generic] | None = None,
) -> Figure:
    """``statistic`` of ``rows`` (N, ...) and its bootstrap interval over groups, or over rows."""
    if not len(rows):
        raise ValueError("there is nothing to take a figure of")
    groups = np.arange(len(rows)) if groups is None else groups
    low, high = bootstrap(lambda chosen: statistic(rows[chosen]), groups, draws=DRAWS)
    return {"value": statistic(rows), "low": low, "high": high, "n": len(rows)}


def mean(rows: npt.ArrayLike, groups: npt.NDArray[np.generic] | None = None) -> Figure:
    """The mean of ``rows`` (N,) and its interval."""
    values = np.asarray(rows, dtype=np.float64)
    return figure(values, lambda some: float(some.mean()), groups)


def percentile(rows: npt.ArrayLike, share: float) -> Figure:
    """A percentile of ``rows`` (N,), one of its values, and its interval."""

    def statistic(some: Floats) -> float:
        return float(np.sort(some)[max(int(np.ceil(share / 100 * len(some))) - 1, 0)])

    return figure(np.asarray(rows, dtype=np.float64), statistic)


def spearman(a: npt.ArrayLike, b: npt.ArrayLike) -> float:
    """Correlation of the ranks, ties sharing theirs; 0 where one side does not vary."""
    x, y = (_ranks(np.asarray(side, dtype=np.float64)) for side in (a, b))
    if min(np.ptp(x), np.ptp(y)) == 0:
        return 0.0
    return float(np.corrcoef(x, y)[0, 1])


def _ranks(values: Floats) -> Floats:
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(count) - (count - 1) / 2)[place])


def shown(one: Figure, digits: int = 2) -> str:
    """``.71 [.64, .78]`` as a report writes it."""
    value, low, high = (f"{one[key]:.{digits}f}" for key in ("value", "low", "high"))
    return f"{value} [{low}, {high}]"
