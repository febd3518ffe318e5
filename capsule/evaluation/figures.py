"""How well probabilities of one of two classes agree with the truth, with intervals over people.

Every figure counts both classes alike: balanced accuracy, F1 as the mean over both classes, AUC,
and the expected calibration error (ECE) with either class weighing one half. Intervals are 95 % by
bootstrap over people (Efron 1979), since windows of one person are not independent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Figure = dict[str, float]  # value, low, high
Statistic = Callable[["Judged"], float]

BINS = 10
DRAWS = 400
ENDS = (0.025, 0.975)


@dataclass(frozen=True)
class Judged:
    """Windows with a probability of the positive class and the truth."""

    p: Floats  # (W,)
    truth: Bools  # (W,)
    person: NDArray[np.str_]  # (W,)
    recording: NDArray[np.str_]  # (W,)

    def where(self, mask: Bools | NDArray[np.intp]) -> Judged:
        """Some of the windows."""
        return Judged(self.p[mask], self.truth[mask], self.person[mask], self.recording[mask])

    def unnamed(self) -> Judged:
        """Without names, which are slow to copy."""
        nobody: NDArray[np.str_] = np.zeros(len(self.p), dtype="U1")
        return Judged(self.p, self.truth, nobody, nobody)

    @property
    def both(self) -> bool:
        """Whether there are windows of both classes, without which no figure means anything."""
        return bool(0 < self.truth.sum() < len(self.truth))

    @property
    def of_one_class(self) -> bool:
        """Whether no recording holds both classes."""
        pairs = {*zip(self.recording.tolist(), self.truth.tolist(), strict=True)}
        return len(pairs) == len(np.unique(self.recording))

    def by_recording(self) -> Judged:
        """The mean probability of each recording."""
        _, first, member = np.unique(self.recording, return_index=True, return_inverse=True)
        mean = np.bincount(member, self.p) / np.bincount(member)
        return Judged(mean, self.truth[first], self.person[first], self.recording[first])


def together(parts: Sequence[Judged]) -> Judged:
    """All windows of several folds."""
    names = ("p", "truth", "person", "recording")
    return Judged(*(np.concatenate([getattr(one, name) for one in parts]) for name in names))


def balanced_accuracy(judged: Judged) -> float:
    """Mean of the shares of both classes that are on their side of one half."""
    right = (judged.p > 0.5) == judged.truth
    return float(np.mean([right[judged.truth == side].mean() for side in (False, True)]))


def f1(judged: Judged) -> float:
    """Mean over both classes of the harmonic mean of precision and recall at one half."""
    told, scores = judged.p > 0.5, []
    for side in (False, True):
        hit = ((told == side) & (judged.truth == side)).sum()
        scores.append(2 * hit / ((told == side).sum() + (judged.truth == side).sum()))
    return float(np.mean(scores))


def auc(judged: Judged) -> float:
    """Chance that a positive window has the higher probability than a negative one."""
    from scipy.stats import rankdata

    ranks = rankdata(judged.p)
    positive = int(judged.truth.sum())
    negative = len(judged.truth) - positive
    above = ranks[judged.truth].sum() - positive * (positive + 1) / 2
    return float(above / (positive * negative))


def _binned(judged: Judged) -> tuple[NDArray[np.intp], Floats]:
    """The bin of each window's p, and its weight: both classes weigh one half."""
    positive = judged.truth.sum()
    weight = np.where(judged.truth, 0.5 / positive, 0.5 / (len(judged.truth) - positive))
    return np.minimum((judged.p * BINS).astype(np.intp), BINS - 1), weight


def ece(judged: Judged) -> float:
    """Expected calibration error of p in BINS bins, both classes weighing the same."""
    bins, weight = _binned(judged)
    gaps = np.bincount(bins, weight * (judged.p - judged.truth), minlength=BINS)
    return float(np.abs(gaps).sum())


def reliability(judged: Judged) -> list[dict[str, float]]:
    """Of each bin that is not empty: mean p, share of positives and weight."""
    bins, weight = _binned(judged)
    mass, told, true = (
        np.bincount(bins, weight * part, minlength=BINS)
        for part in (np.ones(len(bins)), judged.p, judged.truth)
    )
    return [
        {"p": told[k] / mass[k], "true": true[k] / mass[k], "weight": float(mass[k])}
        for k in np.flatnonzero(mass)
    ]


STATISTICS: dict[str, Statistic] = {
    "balanced accuracy": balanced_accuracy, "F1": f1, "AUC": auc, "ECE": ece,
}  # fmt: skip


def resampled(
    judged: Judged, seed: int = 0, draws: int | None = None
) -> Iterator[NDArray[np.intp]]:
    """Rows of people drawn anew, as many as there are; draws that miss a class are left out."""
    rng = np.random.default_rng(seed)
    people, member = np.unique(judged.person, return_inverse=True)
    rows = [np.flatnonzero(member == k) for k in range(len(people))]
    for _ in range(DRAWS if draws is None else draws):
        chosen = np.concatenate([rows[k] for k in rng.integers(len(rows), size=len(rows))])
        if 0 < judged.truth[chosen].sum() < len(chosen):
            yield chosen


def _figure(value: float, drawn: Sequence[float]) -> Figure:
    low, high = np.quantile(drawn or [value], ENDS)
    return {"value": float(value), "low": float(low), "high": float(high)}


def figures(judged: Judged, statistics: Mapping[str, Statistic] = STATISTICS) -> dict[str, Figure]:
    """Each statistic and its interval over people."""
    drawn: dict[str, list[float]] = {name: [] for name in statistics}
    plain = judged.unnamed()
    for rows in resampled(judged):
        some = plain.where(rows)
        for name, statistic in statistics.items():
            drawn[name].append(statistic(some))
    return {name: _figure(one(judged), drawn[name]) for name, one in statistics.items()}


def interval(judged: Judged, statistic: Statistic) -> tuple[float, float]:
    """95 % of a statistic over resampled people."""
    one = figures(judged, {"": statistic})[""]
    return one["low"], one["high"]


def difference(ours: Judged, theirs: Judged, statistic: Statistic) -> Figure:
    """By how much the first is above the second on the same windows, both from the same people."""
    if ours.person.tolist() != theirs.person.tolist() or (ours.truth != theirs.truth).any():
        raise ValueError("the two were not asked about the same windows")

    both = ours.unnamed(), theirs.unnamed()

    def apart(rows: NDArray[np.intp]) -> float:
        above, below = (statistic(one.where(rows)) for one in both)
        return above - below

    return _figure(apart(np.arange(len(ours.p))), [apart(rows) for rows in resampled(ours)])


def shown(one: Figure, digits: int = 3) -> str:
    """``0.812 [0.75, 0.86]`` as a report writes it; no interval where there is one person only."""
    if one["low"] == one["high"]:
        return f"{one['value']:.{digits}f}"
    return f"{one['value']:.{digits}f} [{one['low']:.2f}, {one['high']:.2f}]"
