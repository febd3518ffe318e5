"""Soft labels for music that nobody labelled: how EMOPIA's listeners might have heard it.

A logistic regression on what tokens tell (tempo, density, register, dynamics, key and mode) learns
EMOPIA's train songs in stretches of sixteen bars and reads unlabelled pieces bar by bar, each
collection against its own mean and spread: what is stirred is stirred beside the rest of it. A
collection that is played in another manner than EMOPIA is not read at all. The mixtures are
probabilities, not truth: they let the music model learn a condition from ten times as much piano as
has labels. ``python -m music.corpus.labels`` writes them beside the tokens and prints how well the
regression reads EMOPIA songs left out in turn, and how far every collection is from EMOPIA.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from music import vocabulary as v
from music.corpus.dataset import Piece, Tokens, load
from music.errors import MusicError

Floats = npt.NDArray[np.float64]
QUADRANTS = 4
STRETCH_BARS, HOP_BARS = 16, 4
MIN_NOTES = 8
SCALARS = 12  # of the features, the rest being pitch classes
STRANGE = 0.4  # mean distance from EMOPIA, in its widths; Pop1K7 is .19 away, POP909-CL .55
# Krumhansl & Kessler 1982, probe-tone profiles of C major and C minor
_MAJOR = np.array([6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88])
_MINOR = np.array([6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17])
_KEYS = np.stack(
    [np.roll((p - p.mean()) / p.std() / 12, k) for p in (_MAJOR, _MINOR) for k in range(12)]
)


def features(tokens: Tokens) -> Floats | None:
    """(24,) of a stretch; None with fewer than eight notes. What differs between data sets for
    reasons other than music (pedal, spread of velocities, the chord tracker) is left out.
    """

    def of(family: v.Family) -> Tokens:
        inside = (tokens >= family.start) & (tokens < family.stop)
        return np.asarray(tokens[inside] - family.start)

    tempo, pitch = v.TEMPO_BPM[of(v.TEMPO)], of(v.PITCH) + v.PITCH_RANGE[0]
    count = min(len(pitch), len(of(v.DUR)))
    if count < MIN_NOTES or not len(tempo):
        return None
    pitch, beats = pitch[:count], v.DURATION_BEATS[of(v.DUR)[:count]]
    seconds, velocity = float((60.0 / tempo).sum()), of(v.VEL) * v.VELOCITY_STEP
    chroma = np.bincount(pitch % 12, np.minimum(beats, 4.0), minlength=12).astype(float)
    fit = _KEYS @ ((chroma - chroma.mean()) / (chroma.std() + 1e-9))
    scalars = [
        np.log(seconds / len(tempo)),
        np.log(count / seconds),
        np.log(count / len(tempo)),
        np.log(max(len(of(v.POS)), 1) / seconds),
        velocity.mean(),
        pitch.mean(),
        *np.percentile(pitch, [5, 95]),
        np.log(beats).mean(),
        np.log(beats).mean() + np.log(seconds / len(tempo)),
        fit[:12].max() - fit[12:].max(),
        fit.max(),
    ]
    return np.array([*scalars, *np.roll(chroma, -(int(fit.argmax()) % 12)) / chroma.sum()])


def stretches(tokens: Tokens) -> list[tuple[float, Floats]]:
    """(middle in bars, features) of every sixteen bars, four bars apart; of less if there is
    less.
    """
    bars, out = np.flatnonzero(tokens == v.BAR), []
    for first in range(0, max(len(bars) - STRETCH_BARS, 0) + 1, HOP_BARS):
        last = min(first + STRETCH_BARS, len(bars))
        stop = bars[last] if last < len(bars) else len(tokens)
        found = features(tokens[bars[first] : stop])
        if found is not None:
            out.append(((first + last) / 2, found))
    return out


@dataclass(frozen=True)
class Scale:
    """Where the features of a collection lie: (24,) each."""

    centre: Floats
    width: Floats

    @classmethod
    def of(cls, rows: list[Floats]) -> Scale:
        table = np.array(rows)
        return cls(table.mean(axis=0), table.std(axis=0) + 1e-9)

    def distance(self, other: Scale) -> float:
        """Mean distance of the centres over all but pitch classes, in widths of this."""
        apart = np.abs(other.centre - self.centre) / self.width
        return float(apart[:SCALARS].mean())


class Labeller:
    """Multinomial logistic regression on standardised ``features``; every piece weighs the same."""

    def __init__(self, pieces: list[Piece]) -> None:
        try:
            from sklearn.linear_model import LogisticRegression
        except ImportError as error:
            raise MusicError("Soft labels need scikit-learn: pip install scikit-learn.") from error
        rows, quadrants, weights = [], [], []
        for piece in pieces:
            found = stretches(piece.tokens)
            rows += [row for _, row in found]
            quadrants += [piece.source.quadrant] * len(found)
            weights += [1.0 / len(found)] * len(found)
        self.scale = Scale.of(rows)
        table = (np.array(rows) - self.scale.centre) / self.scale.width
        weight = np.array(weights) * len(weights) / sum(weights)
        self.model = LogisticRegression(C=0.03, max_iter=2000)
        self.model.fit(table, quadrants, sample_weight=weight)

    def mixture(self, tokens: Tokens, scale: Scale | None = None) -> Floats:
        """(bars, 4) probabilities of the quadrants, even where nothing can be read; ``scale`` is
        that of the collection, else what was learned from.
        """
        scale = scale or self.scale
        bars = int((tokens == v.BAR).sum())
        found = stretches(tokens)
        if not found:
            return np.full((bars, QUADRANTS), 1.0 / QUADRANTS)
        rows = (np.array([row for _, row in found]) - scale.centre) / scale.width
        p = self.model.predict_proba(rows)
        middles = np.array([middle for middle, _ in found])
        at = np.arange(bars) + 0.5
        return np.stack([np.interp(at, middles, p[:, j]) for j in range(QUADRANTS)], axis=1)


def cross_validate(pieces: list[Piece], folds: int = 5) -> dict[str, float]:
    """Accuracy of quadrant, arousal and valence by piece, songs left out in turn."""
    songs = sorted({p.source.song for p in pieces})
    fold = {song: i % folds for i, song in enumerate(np.random.default_rng(0).permutation(songs))}
    hits = []
    for k in range(folds):
        labeller = Labeller([p for p in pieces if fold[p.source.song] != k])
        for piece in pieces:
            if fold[piece.source.song] == k and stretches(piece.tokens):
                p, q = labeller.mixture(piece.tokens).mean(axis=0), piece.source.quadrant
                arousal = (p[:2].sum() > 0.5) == (q in (0, 1))
                valence = (p[0] + p[3] > 0.5) == (q in (0, 3))
                hits.append((int(p.argmax()) == q, arousal, valence))
    quadrant, arousal, valence = np.mean(hits, axis=0).round(3).tolist()
    return {"quadrant": quadrant, "arousal": arousal, "valence": valence, "pieces": len(hits)}


def read(labeller: Labeller, pieces: list[Piece]) -> tuple[list[Floats], dict[str, float]]:
    """The mixtures of the unlabelled of ``pieces``, not a number where the collection is too
    strange, and how far each collection is from what ``labeller`` learned.
    """
    unlabelled = [p for p in pieces if p.source.quadrant is None]
    scales, distances = {}, {}
    for name in sorted({p.source.dataset for p in unlabelled}):
        inside = [p.tokens for p in unlabelled if p.source.dataset == name]
        rows = [row for tokens in inside for _, row in stretches(tokens)]
        if rows:
            scales[name] = Scale.of(rows)
            distances[name] = labeller.scale.distance(scales[name])
    mixtures = []
    for piece in unlabelled:
        name = piece.source.dataset
        if distances.get(name, np.inf) < STRANGE:
            mixtures.append(labeller.mixture(piece.tokens, scales[name]))
        else:
            bars = int((piece.tokens == v.BAR).sum())
            mixtures.append(np.full((bars, QUADRANTS), np.nan))
    return mixtures, distances


def attach(pieces: list[Piece], folder: Path) -> list[Piece]:
    """``pieces`` of ``folder`` with the mixtures that ``main`` wrote there, if it did."""
    if not (folder / "labels.npz").exists():
        return pieces
    with np.load(folder / "labels.npz", allow_pickle=False) as arrays:
        mixtures = arrays["p"].astype(np.float64)
    out, start = [], 0
    for piece in pieces:
        stop = start + int((piece.tokens == v.BAR).sum())
        if piece.source.quadrant is None:
            mixture, start = mixtures[start:stop], stop
            piece = replace(piece, mixture=None if np.isnan(mixture).any() else mixture)
        out.append(piece)
    if start != len(mixtures):
        raise MusicError(f"{folder}/labels.npz fits other tokens; make it again.")
    return out


def main(argv: list[str] | None = None) -> int:
    """``python -m music.corpus.labels``."""
    parser = argparse.ArgumentParser(prog="python -m music.corpus.labels", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("data/music"), help="from `prepare`")
    args = parser.parse_args(argv)
    pieces = load(args.data)
    labelled = [p for p in pieces if p.source.quadrant is not None and p.source.split == "train"]
    mixtures, distances = read(Labeller(labelled), pieces)
    table = np.concatenate(mixtures)
    np.savez_compressed(args.data / "labels.npz", p=table.astype(np.float16))
    report = {
        "cross_validation": cross_validate(labelled),
        "distances": {name: round(distance, 2) for name, distance in distances.items()},
        "bars": len(table),
        "bars_read": int((~np.isnan(table[:, 0])).sum()),
        "mean": np.nanmean(table, axis=0).round(3).tolist(),
    }
    print(json.dumps(report))  # noqa: T201
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
