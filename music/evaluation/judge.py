"""Who reads the emotion of a clip: independent of the model, its tokens and its beats.

``python -m music.evaluation.judge --data ../shared/data`` prints how well this judge and a second
one of another kind read real clips of songs they never heard, and which features part the
quadrants; ``--compare`` every learner that was tried.

The judge is a logistic regression and a forest of extremely randomised trees (Geurts et al. 2006)
on plain features, their log probabilities averaged: the best of what was tried by cross-validation
over songs. It learns from windows of as many seconds as it will judge: 30 s, or 4 s for the moment
after a switch. Its temperature is fitted on the held-out fifths of that cross-validation (Guo et
al., ICML 2017).

It is independent of the model that plays, not of the data: both learn EMOPIA's training songs.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

from music.corpus.dataset import load
from music.evaluation.features import feature_table, features
from music.evaluation.learners import (
    CHOSEN,
    FOLDS,
    LEARNERS,
    QUADRANTS,
    Fitted,
    Floats,
    Ints,
    Learner,
    fit_temperature,
    fold_of,
    tempered,
)
from music.evaluation.performance import (
    LabelledClip,
    PerformedClip,
    from_events,
    read_emopia,
)
from music.evaluation.scores import Scores, bootstrap, confusion, interval_text
from music.grammar import decode

Window = Literal["long", "short"]
SECONDS: dict[Window, float] = {"long": 30.0, "short": 4.0}
EACH: dict[Window, int] = {"long": 3, "short": 6}  # windows of a clip to learn from, at most


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
    places = (np.arange(most) + 0.5) / most * spare
    return [clip.cut(float(start), float(start) + seconds) for start in places]


def windows_of(labelled: Sequence[LabelledClip], window: Window) -> Windows:
    """What a judge learns from; windows with too few notes are left out."""
    parts = [stretches(one.clip, SECONDS[window], EACH[window]) for one in labelled]
    clips = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
    table, told = feature_table([one for part in parts for one in part])
    clips = clips[told]
    quadrants = np.array([one.quadrant for one in labelled])[clips]
    return Windows(table[told], quadrants, clips, np.array([one.song for one in labelled])[clips])


def held_out(windows: Windows, learner: Learner, seed: int) -> Floats:
    """(W, 4) probabilities of each window from a learner that never heard its song."""
    fold, p = fold_of(windows.songs, seed), np.zeros((len(windows.songs), QUADRANTS))
    for k in range(FOLDS):
        rows = fold != k
        known = (windows.features[rows], windows.quadrants[rows], windows.weights[rows])
        p[~rows] = learner(*known, seed)(windows.features[~rows])
    return p


class Reader(Protocol):
    """Who listens: an emotion recogniser that shares nothing with the model."""

    def probabilities(self, clips: Sequence[PerformedClip], window: Window = "long") -> Floats:
        """(N, 4) probabilities of Q1 to Q4."""


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
    def of(
        cls,
        labelled: Sequence[LabelledClip],
        seed: int = 0,
        learner: Learner = LEARNERS[CHOSEN],
    ) -> Judge:
        """From any labelled clips."""
        fitted: dict[Window, Fitted] = {}
        temperature: dict[Window, float] = {}
        for window in SECONDS:
            known = windows_of(labelled, window)
            unheard = held_out(known, learner, seed)
            temperature[window] = fit_temperature(unheard, known.quadrants, known.weights)
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


# --- the program ---------------------------------------------------------------------------------

LENGTHS: tuple[tuple[float, Window], ...] = ((30.0, "long"), (10.0, "long"), (4.0, "short"))


def compare(labelled: Sequence[LabelledClip]) -> None:
    """Every learner on windows of songs left out in turn, by window."""
    for window in SECONDS:
        windows = windows_of(labelled, window)
        for name, learner in LEARNERS.items():
            one = Scores.of(held_out(windows, learner, 0), windows.quadrants)
            print(f"{window:6} {name:34} {one}")


def separation(windows: Windows, names: Sequence[str]) -> None:
    """The features that part high from low arousal, and positive from negative valence, most: how
    many standard deviations lie between the means (Cohen's d), and the means of each quadrant.
    """
    z = (windows.features - windows.features.mean(axis=0)) / (windows.features.std(axis=0) + 1e-9)
    means = np.array([z[windows.quadrants == q].mean(axis=0) for q in range(QUADRANTS)])
    for axis, side in (("arousal", (0, 1)), ("valence", (0, 3))):
        high = np.isin(windows.quadrants, side)
        d = z[high].mean(axis=0) - z[~high].mean(axis=0)
        d /= np.sqrt((z[high].var(axis=0) + z[~high].var(axis=0)) / 2) + 1e-9
        for k in np.argsort(-np.abs(d))[:12]:
            print(f"{axis}  {names[k]:22} d {d[k]:+.2f}   Q1-Q4 {means[:, k].round(2)}")


def through_tokens(folder: Path, split: str) -> list[LabelledClip]:
    """The split's clips as their tokens decode, as generated ones are heard: a judge that reads
    them worse leans on what tokens do not tell.
    """
    return [
        LabelledClip(
            piece.source.path,
            piece.source.song,
            piece.source.quadrant,
            split,
            from_events(decode(piece.tokens)),
        )
        for piece in load(folder)
        if piece.source.split == split and piece.source.quadrant is not None
    ]


def row(title: str, p: Floats, clips: Sequence[LabelledClip]) -> str:
    """Scores with intervals over songs."""
    quadrants, songs = (np.array([getattr(c, of) for c in clips]) for of in ("quadrant", "song"))
    cells = []
    for figure in ("quadrant", "arousal", "valence", "ece"):

        def score(rows: Ints, figure: str = figure) -> float:
            return float(getattr(Scores.of(p[rows], quadrants[rows]), figure))

        cells.append(interval_text(score(np.arange(len(p))), bootstrap(score, songs)))
    return f"{title:44} {len(p):4}  {'  '.join(cells)}"


def main(argv: Sequence[str] | None = None) -> int:
    """``python -m music.evaluation.judge``."""
    from music.evaluation.circle import CircleJudge

    name = "python -m music.evaluation.judge"
    parser = argparse.ArgumentParser(prog=name, description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="has emopia/")
    parser.add_argument("--tokens", type=Path, default=Path("data/music"), help="from `prepare`")
    parser.add_argument("--compare", action="store_true", help="try every learner, some minutes")
    args = parser.parse_args(argv)
    train, valid, test = (read_emopia(args.data, [s]) for s in ("train", "valid", "test"))
    if args.compare:
        compare([*train, *valid])
    separation(windows_of(train, "long"), list(features(train[0].clip)))
    print(f"{'':44} {'n':>4}  {'4Q':17}  {'arousal':17}  {'valence':17}  ECE")
    judges: dict[str, Reader] = {"features": Judge.of(train), "circle": CircleJudge.of(train)}
    for split, clips in (("valid", valid), ("test", test)):
        for kind, judge in judges.items():
            for seconds, window in LENGTHS:
                parts = [stretches(one.clip, seconds, 1)[0] for one in clips]
                p = judge.probabilities(parts, window)
                print(row(f"{split}, {kind}, middle {seconds:g} s", p, clips))
            p = judge.probabilities([one.clip for one in clips])
            print(row(f"{split}, {kind}, whole clips", p, clips))
            quadrants = np.array([one.quadrant for one in clips])
            print(f"{'':6}meant Q1-Q4 (rows), read: {confusion(p, quadrants).tolist()}")
            spelt = through_tokens(args.tokens, split)
            p = judge.probabilities([one.clip for one in spelt])
            print(row(f"{split}, {kind}, as the tokens tell them", p, spelt))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
