"""What chord vectors know: of harmony, and of emotion on songs they never saw.

``neighbours`` and ``fifths`` ask for music theory that nobody taught; ``agreement`` compares how
chord qualities lean with how listeners' labels fall on held-out songs; ``reading`` tells the
quadrant of held-out clips from their chords alone, beside plain counts and controls. Split by song.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from music import vocabulary as v
from music.corpus.dataset import Piece
from music.errors import MusicError
from music.training.chords.vectors import CHORDS, KEYS, ChordVectors, chords_of, transposed, unit

Floats = npt.NDArray[np.float64]
Ids = npt.NDArray[np.int64]
QUALITIES = len(v.QUALITIES)
VALENCE, AROUSAL = np.array([1.0, -1.0, -1.0, 1.0]), np.array([1.0, 1.0, -1.0, -1.0])
STRENGTHS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3)  # inverse regularisation, chosen on train songs
SMOOTHING = 0.5  # of a count


def neighbours(found: ChordVectors, quality: str, count: int) -> list[tuple[str, float]]:
    """The chords most alike to C of a quality: mean cosine over the twelve transpositions."""
    alike = _by_interval(found)[v.QUALITIES.index(quality)].ravel()  # (12 · 11,)
    best = np.argsort(-alike)[1 : count + 1]
    return [(v.CHORDS[1 + i], round(float(alike[i]), 3)) for i in best]


def _by_interval(found: ChordVectors) -> Floats:
    """(11, 12, 11) mean cosine of a quality, so many semitones up, another quality."""
    rows = unit(found.vectors[1:CHORDS].reshape(KEYS, QUALITIES, -1))
    turned = [np.einsum("rqd,rpd->qp", rows, np.roll(rows, -k, axis=0)) for k in range(KEYS)]
    return np.stack(turned, axis=1) / KEYS


def fifths(found: ChordVectors, quality: str, draws: int = 2000) -> dict[str, float]:
    """Pearson correlation of the distance (1 − cosine) of chords of one quality with the steps
    between their roots on the circle of fifths, and on the keyboard; ``p`` is the share of random
    circles that fit as well.
    """
    rows = unit(found.vectors[1:CHORDS].reshape(KEYS, QUALITIES, -1)[:, v.QUALITIES.index(quality)])
    far = 1 - rows @ rows.T
    a, b = np.triu_indices(KEYS, 1)

    def fit(order: Ids) -> float:
        steps = np.abs(order[a] - order[b])
        return float(np.corrcoef(far[a, b], np.minimum(steps, KEYS - steps))[0, 1])

    keyboard = np.arange(KEYS)
    circle = fit(keyboard * 7 % KEYS)
    rng = np.random.default_rng(0)
    chance = [fit(rng.permutation(KEYS)) for _ in range(draws)]
    p = (1 + sum(r >= circle for r in chance)) / (1 + draws)
    return {"fifths": round(circle, 3), "keyboard": round(fit(keyboard), 3), "p": round(p, 4)}


def quality_leaning(found: ChordVectors) -> Floats:
    """(11, 4) nats: a quality's mean lean over its roots."""
    return np.asarray(found.leaning()[1:].reshape(KEYS, QUALITIES, 4).mean(axis=0))


def counted_leaning(pieces: list[Piece]) -> Floats:
    """(11, 4) nats: log P(quality | quadrant), centred like the vectors' lean. The plain way."""
    counts = np.full((4, QUALITIES), SMOOTHING)
    for piece in pieces:
        chords, _ = chords_of(piece)
        assert piece.source.quadrant is not None
        counts[piece.source.quadrant] += np.bincount(
            (chords[chords > 0] - 1) % QUALITIES, minlength=QUALITIES
        )
    told = np.log(counts / counts.sum(axis=1, keepdims=True)).T
    return np.asarray(told - told.mean(axis=1, keepdims=True))


def agreement(lean: Floats, held_out: list[Piece], least: int = 30) -> dict[str, float]:
    """Correlation of a lean (11, 4) with the held-out songs' own, over the qualities that occur
    there at least so often, along valence and arousal.
    """
    chords = np.concatenate([chords_of(piece)[0] for piece in held_out])
    often = np.bincount((chords[chords > 0] - 1) % QUALITIES, minlength=QUALITIES) >= least
    there = counted_leaning(held_out)
    return {
        name: round(float(np.corrcoef(lean[often] @ axis, there[often] @ axis)[0, 1]), 3)
        for name, axis in (("valence", VALENCE), ("arousal", AROUSAL))
    }


def shares(pieces: list[Piece]) -> Floats:
    """(n, 133) how often each chord occurs in a clip, its tonic moved to C."""
    out = np.zeros((len(pieces), CHORDS))
    for row, piece in zip(out, pieces, strict=True):
        if piece.source.tonic is None:
            raise MusicError(f"{piece.source.path} has a label but no tonic; prepare it again.")
        chords, _ = chords_of(piece)
        row += np.bincount(transposed(chords, -piece.source.tonic), minlength=CHORDS)
        row /= max(len(chords), 1)
    return out


def of_qualities(chords: Floats) -> Floats:
    """(n, 133) shares of chords to (n, 12) shares of qualities, none first."""
    by_root = chords[:, 1:].reshape(-1, KEYS, QUALITIES)
    return np.hstack([chords[:, :1], by_root.sum(axis=1)])


@dataclass(frozen=True)
class Reading:
    """Quadrants read from clips: shares that are right, and a 95 % interval of the first."""

    quadrant: float
    arousal: float
    valence: float
    low: float
    high: float


def score(p: Floats, held_out: list[Piece], seed: int = 0) -> Reading:
    """``p`` (n, 4) against the labels; the interval draws songs, not clips."""
    label = np.array([piece.source.quadrant for piece in held_out])
    hits = np.stack(
        [
            p.argmax(axis=1) == label,
            (p @ AROUSAL > 0) == (AROUSAL[label] > 0),
            (p @ VALENCE > 0) == (VALENCE[label] > 0),
        ]
    )
    _, song = np.unique([piece.source.song for piece in held_out], return_inverse=True)
    weight = np.random.default_rng(seed).multinomial(
        song.max() + 1, np.full(song.max() + 1, 1 / (song.max() + 1)), 2000
    )[:, song]
    low, high = np.percentile((weight @ hits[0]) / weight.sum(axis=1), [2.5, 97.5])
    return Reading(*(round(float(x), 3) for x in (*hits.mean(axis=1), low, high)))


def regress(train: Floats, labels: Ids, songs: list[str], held_out: Floats) -> Floats:
    """(n, 4) of a logistic regression whose strength five folds of train songs chose."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import log_loss
    from sklearn.model_selection import GroupKFold, cross_val_predict
    from sklearn.pipeline import Pipeline, make_pipeline
    from sklearn.preprocessing import StandardScaler

    def model(strength: float) -> Pipeline:
        return make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=3000))

    def loss(strength: float) -> float:
        told = cross_val_predict(
            model(strength), train, labels, groups=songs, cv=GroupKFold(5), method="predict_proba"
        )
        return float(log_loss(labels, told))

    best = model(min(STRENGTHS, key=loss)).fit(train, labels)
    p = np.zeros((len(held_out), len(VALENCE)))  # a quadrant that train songs lack keeps 0
    p[:, best.classes_] = best.predict_proba(held_out)
    return p


def reading(
    learned: dict[str, ChordVectors],
    train: list[Piece],
    held_out: list[Piece],
    shuffles: int = 10,
) -> dict[str, Reading]:
    """A row for each way to tell the quadrant of a held-out clip from its chords; the last is the
    mean over so many shuffles of the train labels.
    """
    labels = np.array([piece.source.quadrant for piece in train])
    songs = [piece.source.song for piece in train]
    mine, theirs = shares(train), shares(held_out)
    ways = {
        "counts of qualities": (of_qualities(mine), of_qualities(theirs)),
        "counts of chords": (mine, theirs),
    }
    for name, found in learned.items():
        rows = unit(found.vectors[:CHORDS])
        ways[f"mean vector, {name}"] = (mine @ rows, theirs @ rows)
    out = {way: score(regress(a, labels, songs, b), held_out) for way, (a, b) in ways.items()}
    for name, found in learned.items():
        if found.knows_emotion:
            told = of_qualities(theirs)[:, 1:] @ quality_leaning(found)
            out[f"nearest emotion word, {name}"] = score(_soft(told), held_out)
    majority = np.tile(np.bincount(labels, minlength=4) / len(labels), (len(held_out), 1))
    out["majority"] = score(majority, held_out)
    rng = np.random.default_rng(0)
    a, b = ways[f"mean vector, {next(iter(learned))}"]
    null = [score(regress(a, rng.permutation(labels), songs, b), held_out) for _ in range(shuffles)]
    fields = (np.mean([getattr(one, f) for one in null]) for f in Reading.__dataclass_fields__)
    out["mean vector, labels shuffled"] = Reading(*(round(float(x), 3) for x in fields))
    return out


def _soft(told: Floats) -> Floats:
    e = np.exp(told - told.max(axis=1, keepdims=True))
    return np.asarray(e / e.sum(axis=1, keepdims=True))
