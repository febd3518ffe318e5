"""Training crops: what one batch holds. Balanced over quadrants, augmented, sometimes spliced.

A crop begins at a BAR, every bar of a group as likely as any other: to weigh pieces by their tokens
made the music begin a sixth too dense. Emotions are soft: a one-hot mixed with Dirichlet noise.
Where nobody labelled, the one-hot is drawn from what ``labels`` inferred and mixed with that: told
the probabilities alone, the network takes certainty for intensity, and the surest stirred bars play
twice as many notes as stirred music does. Part of the crops forget their valence
or their arousal, as a capsule does that knows only the other, and part have no condition at all
(classifier-free guidance). A splice goes from one piece to another of a different emotion at a
beat, in the same key, while the mixture glides: the live change of a capsule, seen in training.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from music import vocabulary as v
from music.conditioning import QUADRANTS
from music.corpus.dataset import Piece, Tokens
from music.grammar import coordinates
from music.inputs import Inputs

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class CropConfig:
    """How crops are drawn."""

    length: int = 576  # tokens, 1.5 windows
    null: float = 0.12  # crops without a condition
    splice: float = 0.2  # of the labelled crops
    soften: float = 0.3  # at most this much Dirichlet noise in the mixture
    forget: float = 0.25  # crops that forget valence (two in three) or arousal, wholly or in part
    transpose: tuple[int, int] = (-5, 6)
    stretch_bins: int = 2  # of 2.5 % each


class Row(NamedTuple):
    """One crop."""

    tokens: Tokens  # (T,)
    p: Floats  # (T, 4) quadrant mixture
    null: bool  # no condition
    has_pedal: bool


@dataclass(frozen=True)
class Batch:
    """A batch for one step."""

    inputs: Inputs
    targets: Tensor  # (B, T) next token, -1 where nothing is asked
    has_pedal: Tensor  # (B,) bool


class Crops:
    """An endless source of batches from prepared pieces, driven by its own random generator."""

    def __init__(self, pieces: list[Piece], config: CropConfig, seed: int) -> None:
        self.config, self.rng = config, np.random.default_rng(seed)
        self.groups = [[p for p in pieces if p.source.quadrant == q] for q in range(QUADRANTS)]
        self.weights = [_shares([float((p.tokens == v.BAR).sum()) for p in g]) for g in self.groups]
        self.unlabelled = [p for p in pieces if p.source.quadrant is None]
        self.entries, self.entry_weights = _entries(self.unlabelled, config.length)

    def batch(self, size: int, labelled_share: float) -> Batch:
        """``size`` crops, on average ``labelled_share`` of them from labelled pieces."""
        rows = []
        for _ in range(size):
            labelled = self.rng.random() < labelled_share or not self.unlabelled
            rows.append(self._labelled() if labelled else self._unlabelled())
        return collate(rows, self.config.length)

    def _labelled(self) -> Row:
        quadrant = int(self.rng.integers(QUADRANTS))
        while not self.groups[quadrant]:
            quadrant = int(self.rng.integers(QUADRANTS))
        piece = self._draw(quadrant)
        others = [q for q in range(QUADRANTS) if q != quadrant and self.groups[q]]
        if others and self.rng.random() < self.config.splice:
            tokens, p = self._splice(quadrant, piece, int(self.rng.choice(others)))
        else:
            tokens = self._cut(piece, self._shift())
            p = np.tile(self._soft(quadrant), (len(tokens), 1))
        null = bool(self.rng.random() < self.config.null)
        return Row(tokens, self._forget(p), null, piece.source.has_pedal)

    def _unlabelled(self) -> Row:
        at = int(np.searchsorted(self.entry_weights, self.rng.random()))
        which, bar = self.entries[min(at, len(self.entries) - 1)]
        piece = self.unlabelled[which]
        start = int(np.flatnonzero(piece.tokens == v.BAR)[bar])
        tokens = self._move(piece.tokens[start : start + self.config.length], self._shift())
        if piece.mixture is None:
            p, null = np.full((len(tokens), QUADRANTS), 1 / QUADRANTS), True
        else:
            p = self._imagined(piece.mixture[bar + np.cumsum(tokens == v.BAR) - 1])
            null = bool(self.rng.random() < self.config.null)
        return Row(tokens, self._forget(p), null, piece.source.has_pedal)

    def _imagined(self, inferred: Floats) -> Floats:
        """(T, 4): a quadrant a listener may have said, softened by what was ``inferred``."""
        heard = inferred.mean(axis=0)
        quadrant = int(np.searchsorted(np.cumsum(heard), self.rng.random() * heard.sum()))
        share = self.rng.random()
        return share * inferred + (1.0 - share) * self._soft(min(quadrant, QUADRANTS - 1))

    def _draw(self, group: int) -> Piece:
        at = int(np.searchsorted(self.weights[group], self.rng.random()))
        return self.groups[group][min(at, len(self.groups[group]) - 1)]

    def _forget(self, p: Floats) -> Floats:
        """``p`` (T, 4) less part or all of what it says of valence, or of arousal."""
        if self.rng.random() >= self.config.forget:
            return p
        other = [1, 0, 3, 2] if self.rng.random() < 2 / 3 else [3, 2, 1, 0]  # same arousal, valence
        much = min(2.0 * self.rng.random(), 1.0)
        return (1 - much / 2) * p + much / 2 * p[:, other]

    def _shift(self) -> int:
        low, high = self.config.transpose
        return int(self.rng.integers(low, high + 1))

    def _soft(self, quadrant: int) -> Floats:
        noise = self.rng.random() * self.config.soften
        p = noise * self.rng.dirichlet(np.ones(QUADRANTS))
        p[quadrant] += 1.0 - noise
        return p

    def _cut(self, piece: Piece, semitones: int) -> Tokens:
        bars = np.flatnonzero(piece.tokens == v.BAR)
        late = bars[bars + self.config.length <= len(piece.tokens)]
        start = int(self.rng.choice(late if len(late) else bars[:1]))
        return self._move(piece.tokens[start : start + self.config.length], semitones)

    def _move(self, tokens: Tokens, semitones: int) -> Tokens:
        bins = self.config.stretch_bins
        stretched = v.stretch(tokens, int(self.rng.integers(-bins, bins + 1)))
        return v.transpose(stretched, semitones)

    def _splice(self, first: int, a: Piece, second: int) -> tuple[Tokens, Floats]:
        """Pieces of two quadrants joined at a beat, with the mixture gliding across."""
        b = self._draw(second)
        shift = self._shift()
        head, tail = self._cut(a, shift), self._cut(b, _same_key(a, b, shift))
        join = _join(head, tail, self.rng)
        if join is None:
            return head, np.tile(self._soft(first), (len(head), 1))
        i, j = join
        tokens = np.concatenate([head[:i], tail[j:]])[: self.config.length]
        glide = int(self.rng.integers(1, 160))  # tokens
        ramp = np.clip((np.arange(len(tokens)) - i) / glide + 0.5, 0.0, 1.0)[:, None]
        return tokens, (1 - ramp) * self._soft(first) + ramp * self._soft(second)


def _shares(weights: list[float]) -> Floats:
    """Cumulative shares, to be searched with a number in [0, 1)."""
    return np.cumsum(weights) / max(float(np.sum(weights)), 1e-12)


def _entries(pieces: list[Piece], length: int) -> tuple[list[tuple[int, int]], Floats]:
    """(piece, bar) where a crop may begin, and cumulative shares that even out the quadrants."""
    entries: list[tuple[int, int]] = []
    mixtures: list[Floats] = []
    for which, piece in enumerate(pieces):
        bars = np.flatnonzero(piece.tokens == v.BAR)
        room = max(int((bars + length <= len(piece.tokens)).sum()), 1)
        entries += [(which, bar) for bar in range(room)]
        even = np.full((room, QUADRANTS), 1 / QUADRANTS)
        mixtures.append(even if piece.mixture is None else piece.mixture[:room])
    if not entries:
        return [], np.zeros(0)
    p = np.concatenate(mixtures)
    return entries, _shares((p / (p.sum(axis=0) + 1e-9)).sum(axis=1).tolist())


def _same_key(a: Piece, b: Piece, shift: int) -> int:
    if a.source.tonic is None or b.source.tonic is None:
        return shift
    return int((a.source.tonic + shift - b.source.tonic + 5) % 12) - 5


def _join(head: Tokens, tail: Tokens, rng: np.random.Generator) -> tuple[int, int] | None:
    """Where to leave ``head`` and enter ``tail``: two TEMPO tokens on the same beat of a bar."""
    beats = []
    for tokens in (head, tail):
        at = np.flatnonzero((tokens >= v.TEMPO.start) & (tokens < v.TEMPO.stop))
        beats.append((at, np.round(coordinates(tokens)[1][at])))
    (out, out_beat), (into, into_beat) = beats
    keep = (out > len(head) // 4) & (out < 3 * len(head) // 4)
    if not keep.any():
        return None
    choice = int(rng.choice(np.flatnonzero(keep)))
    matches = into[into_beat == out_beat[choice]]
    return (int(out[choice]), int(matches[0])) if len(matches) else None


def collate(rows: list[Row], length: int) -> Batch:
    """Pad rows to one batch of inputs and targets."""
    size = len(rows)
    tokens = np.full((size, length + 1), v.PAD, dtype=np.int64)
    bar, metre = np.zeros((size, length)), np.zeros((size, length))
    p, null = np.full((size, length, QUADRANTS), 0.25), np.zeros((size, length))
    for row, (ids, mixture, is_null, _) in enumerate(rows):
        n = min(len(ids), length)
        tokens[row, : min(len(ids), length + 1)] = ids[: length + 1]
        bar[row, :n], metre[row, :n] = (c[:n] for c in coordinates(ids))
        bar[row, n:] = -1.0  # padding shares no bar with music
        p[row, :n], null[row] = mixture[:n], is_null
    targets = tokens[:, 1:].copy()
    targets[(targets == v.LATENT) | (targets == v.PAD)] = -1
    index = np.tile(np.arange(length, dtype=np.float64), (size, 1))
    inputs = Inputs(
        tokens=torch.from_numpy(tokens[:, :-1].copy()),
        place=torch.from_numpy(index),
        bar=torch.from_numpy(bar),
        metre=torch.from_numpy(metre),
        p=torch.from_numpy(p).float(),
        null=torch.from_numpy(null).float(),
    )
    return Batch(inputs, torch.from_numpy(targets), torch.tensor([row[3] for row in rows]))
