"""How well probabilities of one of two classes agree with the truth, with intervals over people."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

BINS = 10
DRAWS = 1000


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


def auc(judged: Judged) -> float:
    """Chance that a positive window has the higher probability than a negative one."""
    from scipy.stats import rankdata

    ranks = rankdata(judged.p)
    positive = int(judged.truth.sum())
    negative = len(judged.truth) - positive
    above = ranks[judged.truth].sum() - positive * (positive + 1) / 2
    return float(above / (positive * negative))


def ece(judged: Judged) -> float:
    """Expected calibration error of p in BINS bins, both classes weighing the same."""
    positive = judged.truth.sum()
    weight = np.where(judged.truth, 0.5 / positive, 0.5 / (len(judged.truth) - positive))
    bins = np.minimum((judged.p * BINS).astype(int), BINS - 1)
    gaps = np.bincount(bins, weight * (judged.p - judged.truth), minlength=BINS)
    return float(np.abs(gaps).sum())


def interval(judged: Judged, figure: Callable[[Judged], float], seed: int = 0) -> tuple[float, ...]:
    """95 % of the figure over resampled people."""
    rng = np.random.default_rng(seed)
    people = np.unique(judged.person)
    rows = {one: np.flatnonzero(judged.person == one) for one in people}
    values = []
    for _ in range(DRAWS if len(judged.p) < 1000 else DRAWS // 5):
        chosen = rng.choice(people, len(people))
        some = judged.where(np.concatenate([rows[one] for one in chosen]))
        if 0 < some.truth.sum() < len(some.truth):
            values.append(figure(some))
    return tuple(float(one) for one in np.quantile(values, (0.025, 0.975)))
