"""Training crops: what one batch holds. Balanced over quadrants, augmented, sometimes spliced.

A crop begins at a BAR. Emotions are soft (a one-hot mixed with Dirichlet noise) and dropped for a
part of the crops (classifier-free guidance). A splice goes from one piece to another of a different
emotion at a beat, in the same key, while the mixture glides: the live change of a capsule, seen in
training.
"""

from __future__ import annotations

from dataclasses import dataclass

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
    transpose: tuple[int, int] = (-5, 6)
    stretch_bins: int = 2  # of 2.5 % each


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
        labelled = [[p for p in pieces if p.source.quadrant == q] for q in range(QUADRANTS)]
        self.groups = [*labelled, [p for p in pieces if p.source.quadrant is None]]
        self.weights = [
            np.array([len(p.tokens) for p in group], float)
            / max(sum(len(p.tokens) for p in group), 1)
            for group in self.groups
        ]

    def batch(self, size: int, labelled_share: float) -> Batch:
        """``size`` crops, on average ``labelled_share`` of them from labelled pieces."""
        rows = []
        for _ in range(size):
            labelled = self.rng.random() < labelled_share or not self.groups[QUADRANTS]
            rows.append(self._labelled() if labelled else self._unlabelled())
        return collate(rows, self.config.length)

    def _labelled(self) -> tuple[Tokens, Floats, bool, bool]:
        quadrant = int(self.rng.integers(QUADRANTS))
        null = bool(self.rng.random() < self.config.null)
        if not null and self.rng.random() < self.config.splice:
            tokens, p = self._splice(quadrant)
        else:
            tokens = self._cut(self._draw(quadrant), self._shift())
            p = np.tile(self._soft(quadrant), (len(tokens), 1))
        return tokens, p, null, True

    def _unlabelled(self) -> tuple[Tokens, Floats, bool, bool]:
        tokens = self._cut(self._draw(QUADRANTS), self._shift())
        return tokens, np.full((len(tokens), QUADRANTS), 0.25), True, False

    def _draw(self, group: int) -> Piece:
        return self.groups[group][self.rng.choice(len(self.groups[group]), p=self.weights[group])]

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
        tokens = piece.tokens[start : start + self.config.length]
        bins = self.config.stretch_bins
        stretched = v.stretch(tokens, int(self.rng.integers(-bins, bins + 1)))
        return v.transpose(stretched, semitones)

    def _splice(self, first: int) -> tuple[Tokens, Floats]:
        """Two pieces of different quadrants joined at a beat, with the mixture gliding across."""
        second = int((first + self.rng.integers(1, QUADRANTS)) % QUADRANTS)
        a, b = self._draw(first), self._draw(second)
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


def collate(rows: list[tuple[Tokens, Floats, bool, bool]], length: int) -> Batch:
    """Pad rows of (tokens, mixture, null, has_pedal) to one batch of inputs and targets."""
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
