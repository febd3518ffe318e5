"""Who reads the emotion of a clip: independent of the model, its tokens and its beats.

The judge is a logistic regression and a forest of extremely randomised trees (Geurts et al. 2006)
on plain features, their log probabilities averaged: the best of what was tried by cross-validation
over songs. It learns from windows of as many seconds as it will judge: 30 s, or 4 s for the moment
after a switch. Its temperature is fitted on the held-out fifths of that cross-validation (Guo et
al., ICML 2017).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from music.evaluation.features import feature_table
from music.evaluation.performance import LabelledClip, PerformedClip, read_emopia

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Window = Literal["long", "short"]
SECONDS: dict[Window, float] = {"long": 30.0, "short": 4.0}
EACH: dict[Window, int] = {"long": 3, "short": 6}  # windows of a clip to learn from, at most
FOLDS = 5
QUADRANTS = 4
Fitted = Callable[[Floats], Floats]  # (N, F) to (N, 4)
Learner = Callable[[Floats, Ints, Floats, int], Fitted]  # features, quadrants, weights, seed


@dataclass(frozen=True)
class Windows:
    """Stretches of clips with what is known of each."""

    features: Floats  # (W, F)
    quadrants: Ints  # (W,)
    clips: Ints  # (W,) which clip it is of
    songs: npt.NDArray[np.str_]  # (W,)

    @property
    def weights(self) -> Floats:
        """(W,) so that every clip weighs the same."""
        return np.asarray(1.0 / np.bincount(self.clips)[self.clips])


def stretches(clip: PerformedClip, seconds: float, most: int) -> list[PerformedClip]:
    """The clip if it is no longer than ``seconds``, else ``most`` windows spread over it."""
    spare = clip.duration_s - seconds
    if spare <= 0.0:
        return [clip]
    places = (np.arange(most) + 0.5) / most * spare if most > 1 else np.zeros(1)
    return [clip.cut(float(start), float(start) + seconds) for start in places]


def windows_of(labelled: Sequence[LabelledClip], window: Window) -> Windows:
    """What a judge learns from; windows with too few notes are left out."""
    parts = [stretches(one.clip, SECONDS[window], EACH[window]) for one in labelled]
    clips = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
    table, told = feature_table([one for part in parts for one in part])
    clips = clips[told]
    quadrants = np.array([one.quadrant for one in labelled])[clips]
    return Windows(table[told], quadrants, clips, np.array([one.song for one in labelled])[clips])


# --- learners ------------------------------------------------------------------------------------


def linear(features: Floats, quadrants: Ints, weights: Floats, seed: int) -> Fitted:
    """Logistic regression on standardised features."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    scale = StandardScaler().fit(features)
    line = LogisticRegression(C=0.05, max_iter=2000)
    line.fit(scale.transform(features), quadrants, sample_weight=weights)
    return lambda x: np.asarray(line.predict_proba(scale.transform(x)))


def _forest(kind: str, **settings: Any) -> Learner:
    def learn(features: Floats, quadrants: Ints, weights: Floats, seed: int) -> Fitted:
        from sklearn import ensemble

        trees = getattr(ensemble, kind)(**settings, random_state=seed)
        trees.fit(features, quadrants, sample_weight=weights)
        return lambda x: np.asarray(trees.predict_proba(x))

    return learn


def both(*learners: Learner) -> Learner:
    """The mean of several learners' log probabilities."""

    def learn(features: Floats, quadrants: Ints, weights: Floats, seed: int) -> Fitted:
        fitted = [one(features, quadrants, weights, seed) for one in learners]
        return lambda x: tempered(np.mean([np.log(one(x) + 1e-4) for one in fitted], axis=0), 1.0)

    return learn


trees = _forest("ExtraTreesClassifier", n_estimators=200, min_samples_leaf=3, max_features=0.3)
LEARNERS: dict[str, Learner] = {
    "logistic regression": linear,
    "random forest": _forest("RandomForestClassifier", n_estimators=200, min_samples_leaf=3),
    "extra trees": trees,
    "boosted trees": _forest(
        "HistGradientBoostingClassifier", max_iter=120, learning_rate=0.06, max_leaf_nodes=8
    ),
    "logistic regression + extra trees": both(linear, trees),
}
CHOSEN = "logistic regression + extra trees"


def tempered(log_p: Floats, temperature: float) -> Floats:
    """(N, 4) softmax of log probabilities divided by the temperature."""
    scaled = log_p / temperature
    p = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    return np.asarray(p / p.sum(axis=1, keepdims=True))


def cross_validated(windows: Windows, learner: Learner, seed: int) -> Floats:
    """(W, 4) probabilities of each window from a learner that never heard its song."""
    songs = np.unique(windows.songs)
    fold_of = np.random.default_rng(seed).permutation(len(songs)) % FOLDS
    fold = fold_of[np.searchsorted(songs, windows.songs)]
    p = np.zeros((len(fold), QUADRANTS))
    for k in range(FOLDS):
        known, held = fold != k, fold == k
        chosen = (windows.features[known], windows.quadrants[known], windows.weights[known])
        p[held] = learner(*chosen, seed)(windows.features[held])
    return p


def fit_temperature(p: Floats, quadrants: Ints, weights: Floats) -> float:
    """The temperature under which held-out windows are likeliest."""
    log_p, rows = np.log(p + 1e-6), np.arange(len(p))
    grid = np.geomspace(0.4, 2.5, 60)
    nats = [-(weights * np.log(tempered(log_p, t)[rows, quadrants])).sum() for t in grid]
    return float(grid[int(np.argmin(nats))])


# --- the judge -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Judge:
    """Reads the probabilities of the four quadrants from clips in seconds."""

    fitted: dict[Window, Fitted]
    temperature: dict[Window, float]

    @classmethod
    def train(cls, data: Path, seed: int = 0) -> Judge:
        """From EMOPIA's training songs in ``data``, without ours for validation; about 30 s."""
        return cls.of(read_emopia(data, ["train"]), seed)

    @classmethod
    def of(cls, labelled: Sequence[LabelledClip], seed: int = 0) -> Judge:
        """From any labelled clips."""
        fitted: dict[Window, Fitted] = {}
        temperature: dict[Window, float] = {}
        for window in SECONDS:
            known, learner = windows_of(labelled, window), LEARNERS[CHOSEN]
            held = cross_validated(known, learner, seed)
            temperature[window] = fit_temperature(held, known.quadrants, known.weights)
            fitted[window] = learner(known.features, known.quadrants, known.weights, seed)
        return cls(fitted, temperature)

    def probabilities(self, clips: Sequence[PerformedClip], window: Window = "long") -> Floats:
        """(N, 4) of Q1..Q4. A clip longer than the window (30 s, 4 s) is read in windows and their
        probabilities averaged; one of fewer than three notes says nothing: a quarter each.
        """
        parts = [stretches(clip, SECONDS[window], EACH[window]) for clip in clips]
        owner = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
        table, told = feature_table([one for part in parts for one in part])
        p = np.full((len(owner), QUADRANTS), 1.0 / QUADRANTS)
        if told.any():
            log_p = np.log(self.fitted[window](table[told]) + 1e-6)
            p[told] = tempered(log_p, self.temperature[window])
        sums = np.zeros((len(clips), QUADRANTS))
        np.add.at(sums, owner, p)
        return np.asarray(sums / np.bincount(owner, minlength=len(clips))[:, None])


def arousal(p: Floats) -> Floats:
    """(N,) probability of high arousal: Q1 or Q2."""
    return np.asarray(p[:, 0] + p[:, 1])


def valence(p: Floats) -> Floats:
    """(N,) probability of positive valence: Q1 or Q4."""
    return np.asarray(p[:, 0] + p[:, 3])
