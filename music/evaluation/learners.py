"""What may learn quadrants from a table of features, and how each is tried: songs left out in turn.

scikit-learn does the learning; it is only needed to judge, never to play.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Fitted = Callable[[Floats], Floats]  # (N, F) to probabilities (N, 4)
Learner = Callable[[Floats, Ints, Floats, int], Fitted]  # features, quadrants, weights, seed
FOLDS = 5
QUADRANTS = 4


def linear(features: Floats, quadrants: Ints, weights: Floats, seed: int) -> Fitted:
    """Logistic regression on standardised features. The seed does not matter."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    scale = StandardScaler().fit(features)
    line = LogisticRegression(C=0.05, max_iter=2000)
    line.fit(scale.transform(features), quadrants, sample_weight=weights)
    return lambda x: np.asarray(line.predict_proba(scale.transform(x)))


def forest(kind: str, **settings: Any) -> Learner:
    """One of scikit-learn's ensembles of trees."""

    def learn(features: Floats, quadrants: Ints, weights: Floats, seed: int) -> Fitted:
        from sklearn import ensemble

        trees = getattr(ensemble, kind)(**settings, random_state=seed)
        trees.fit(features, quadrants, sample_weight=weights)
        return lambda x: np.asarray(trees.predict_proba(x))

    return learn


def together(*learners: Learner) -> Learner:
    """The mean of several learners' log probabilities."""

    def learn(features: Floats, quadrants: Ints, weights: Floats, seed: int) -> Fitted:
        fitted = [one(features, quadrants, weights, seed) for one in learners]
        return lambda x: tempered(np.mean([np.log(one(x) + 1e-4) for one in fitted], axis=0), 1.0)

    return learn


TREES = forest("ExtraTreesClassifier", n_estimators=200, min_samples_leaf=3, max_features=0.3)
LEARNERS: dict[str, Learner] = {
    "logistic regression": linear,
    "random forest": forest(
        "RandomForestClassifier", n_estimators=200, min_samples_leaf=3, max_features=0.2
    ),
    "extra trees": TREES,
    "boosted trees": forest(
        "HistGradientBoostingClassifier", max_iter=120, learning_rate=0.06, max_leaf_nodes=8
    ),
    "logistic regression + extra trees": together(linear, TREES),
}
CHOSEN = "logistic regression + extra trees"


def tempered(log_p: Floats, temperature: float) -> Floats:
    """(N, 4) softmax of log probabilities divided by the temperature."""
    scaled = log_p / temperature
    p = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    return np.asarray(p / p.sum(axis=1, keepdims=True))


def fit_temperature(p: Floats, quadrants: Ints, weights: Floats) -> float:
    """The temperature under which held-out rows are likeliest (Guo et al., ICML 2017)."""
    log_p, rows = np.log(p + 1e-6), np.arange(len(p))
    grid = np.geomspace(0.4, 2.5, 60)
    nats = [-(weights * np.log(tempered(log_p, t)[rows, quadrants])).sum() for t in grid]
    return float(grid[int(np.argmin(nats))])


def fold_of(songs: npt.NDArray[np.str_], seed: int) -> Ints:
    """(N,) which of FOLDS each row is in; a song lies in one fold."""
    names, member = np.unique(songs, return_inverse=True)
    return np.asarray((np.random.default_rng(seed).permutation(len(names)) % FOLDS)[member])
