"""Learners beside the network, on the very same inputs: logistic regression and support vectors.

Nearest neighbours are the canary: whatever marks a trial, they find it, so null labels that leak
through a split are read far above chance.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from capsule.corpus.dataset import Examples
from capsule.evaluation.figures import Bools, Floats, Judged, balanced_accuracy, together
from capsule.evaluation.predictions import AROUSAL, Axis
from capsule.evaluation.splits import Cut, dealt

CLIP = 5.0
NEIGHBOURS = 5
MOST = 6000  # windows that support vectors can learn from in reasonable time
Learner = Callable[[Floats, Bools, Floats], Floats]  # inputs, truth, inputs → probabilities


def logistic(inputs: Floats, truth: Bools, asked: Floats) -> Floats:
    """Ridge-penalised, both classes weighing the same."""
    from sklearn.linear_model import LogisticRegression

    line = LogisticRegression(C=0.01, class_weight="balanced", max_iter=500)
    told: Floats = line.fit(inputs, truth).predict_proba(asked)[:, 1]
    return told


def support(inputs: Floats, truth: Bools, asked: Floats) -> Floats:
    """Radial kernel. The probability is a guess from the margin: its ECE is no rival."""
    from sklearn.svm import SVC

    margin = SVC(C=0.3, class_weight="balanced").fit(inputs, truth).decision_function(asked)
    told: Floats = 1.0 / (1.0 + np.exp(-2.0 * margin))
    return told


LEARNERS: dict[str, Learner] = {"logistic regression": logistic, "support vectors (RBF)": support}


def table(data: Examples) -> Floats:
    """Inputs (W, regions x bands x 2), clipped; absent ones are 0."""
    flat: Floats = np.clip(data.inputs, -CLIP, CLIP).reshape(len(data), -1).astype(np.float64)
    return flat


def learned(
    training: Examples,
    test: Examples,
    axis: Axis = AROUSAL,
    chance: NDArray[np.float64] | None = None,
    learners: Sequence[str] = tuple(LEARNERS),
    inputs: tuple[Floats, Floats] | None = None,
) -> dict[str, Judged]:
    """Each learner's word on an axis of `test`.

    `chance` (W,) of `training`: how often each window is drawn; without it, all are used once.
    `inputs`: of both, each (W, N); None: those of `table`. No learner if `training` has not both
    sides.
    """
    known, strange = inputs or (table(training), table(test))
    told, upper = axis.told(training)
    rows = np.flatnonzero(told)
    if chance is not None or len(rows) > MOST:
        weight = np.ones(len(rows)) if chance is None else chance[rows]
        rng = np.random.default_rng(0)
        share = weight / weight.sum()
        rows = rng.choice(rows, min(MOST, int((share > 0).sum())), replace=False, p=share)
    some, truth = axis.of(test), upper[rows]
    if len(np.unique(truth)) < 2 or not len(some):
        return {}
    known, asked = known[rows], strange[axis.told(test)[0]]
    return {name: axis.beside(LEARNERS[name](known, truth, asked), some) for name in learners}


def null_accuracy(
    data: Examples,
    cuts: Sequence[Cut],
    deals: int,
    axis: Axis = AROUSAL,
    inputs: Floats | None = None,
) -> Floats:
    """Balanced accuracy (deals,) of nearest neighbours that learn null labels and are asked them.

    `inputs` (W, N); None: those of `table`. The neighbours do not depend on the labels, so they
    are looked for once.
    """
    from sklearn.neighbors import NearestNeighbors

    inputs, found = table(data) if inputs is None else inputs, []
    for cut in cuts:
        near = NearestNeighbors(n_neighbors=NEIGHBOURS).fit(inputs[cut.training])
        found.append(near.kneighbors(inputs[cut.test], return_distance=False))
    accuracies = []
    for seed in range(deals):
        null = dealt(data, seed)
        told, upper = axis.told(null)
        parts = []
        for cut, near in zip(cuts, found, strict=True):
            votes = np.where(told, upper, 0.5)[cut.training][near].mean(1)
            asked = null.where(cut.test)
            parts.append(axis.beside(votes, asked).where(told[cut.test]))
        accuracies.append(balanced_accuracy(together(parts)))
    return np.array(accuracies)
