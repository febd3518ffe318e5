"""How alike two sets of clips are: overlap and Fréchet distance, and their ceiling.

Real music is no point but a cloud: every figure stands beside the same figure between two random
halves of the real songs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from music.evaluation.features import feature_table
from music.evaluation.performance import VELOCITY, PerformedClip
from music.evaluation.statistics import onset_intervals

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Groups = npt.NDArray[np.generic]
GRID = 256
HALVES = 40
COMPONENTS = 24  # of the judge's features, about five sixths of their variance


def overlap(a: Floats, b: Floats) -> float:
    """Area under the lower of two Gaussian kernel densities, 0 to 1.

    As mgeval (Yang & Lerch, Neural Computing and Applications 2020), but of the values themselves,
    not of the distances between clips. Both densities have one bandwidth, the root mean square of
    Scott's for each, so that a statistic that is nearly always 0 can be compared too.
    """
    both = np.concatenate([a, b])
    if np.ptp(both) == 0.0:
        return 1.0
    scott = [float(s.std()) * len(s) ** -0.2 for s in (a, b)]
    width = max(float(np.hypot(*scott)) / np.sqrt(2), 1e-3 * float(np.ptp(both)))
    grid = np.linspace(both.min() - 4 * width, both.max() + 4 * width, GRID)
    p, q = (np.exp(-0.5 * ((grid[:, None] - s) / width) ** 2).sum(axis=1) for s in (a, b))
    return float(np.minimum(p / p.sum(), q / q.sum()).sum())


def velocities(clips: Sequence[PerformedClip]) -> Floats:
    """(N,) of all notes of all clips."""
    return np.concatenate([clip.notes[:, VELOCITY] for clip in clips])


def log_intervals(clips: Sequence[PerformedClip]) -> Floats:
    """(K,) octaves of seconds between onsets in all clips: a distance of 1 is twice as slow."""
    return np.asarray(np.log2(np.concatenate([onset_intervals(clip) for clip in clips])))


@dataclass(frozen=True)
class FeatureSpace:
    """The judge's features, standardised, on the principal components of some real clips."""

    centre: Floats  # (F,)
    width: Floats  # (F,)
    components: Floats  # (F, COMPONENTS)
    explained: float  # share of the variance that they keep

    @classmethod
    def of(cls, clips: Sequence[PerformedClip]) -> FeatureSpace:
        table, told = feature_table(list(clips))
        table = table[told]
        centre, width = table.mean(axis=0), table.std(axis=0) + 1e-9
        _, sizes, rows = np.linalg.svd((table - centre) / width, full_matrices=False)
        share = float((sizes[:COMPONENTS] ** 2).sum() / (sizes**2).sum())
        return cls(centre, width, rows[:COMPONENTS].T, share)

    def place(self, clips: Sequence[PerformedClip]) -> Floats:
        """(N, COMPONENTS) of the clips that have notes enough."""
        table, told = feature_table(list(clips))
        return np.asarray((table[told] - self.centre) / self.width @ self.components)


def frechet(a: Floats, b: Floats) -> float:
    """Fréchet distance of Gaussians fitted to (N, K) and (M, K) (Heusel et al. 2017; for music
    Retkowski et al. 2024, there in CLaMP's space, here in ``FeatureSpace``).

    Few clips make it larger: compare sets of one size.
    """
    means, spreads = [s.mean(axis=0) for s in (a, b)], [np.cov(s.T) for s in (a, b)]
    values, vectors = np.linalg.eigh(spreads[0])
    root = vectors * np.sqrt(np.maximum(values, 0.0)) @ vectors.T
    shared = np.linalg.eigvalsh(root @ spreads[1] @ root)
    apart = ((means[0] - means[1]) ** 2).sum()
    traces = np.trace(spreads[0]) + np.trace(spreads[1])
    return float(apart + traces - 2.0 * np.sqrt(np.maximum(shared, 0.0)).sum())


def between_halves(figure: Callable[[Ints, Ints], float], songs: Groups, seed: int = 0) -> float:
    """Mean of ``figure(rows, other rows)`` over random halves of the songs: what two sets of real
    music come to.
    """
    rng = np.random.default_rng(seed)
    names, member = np.unique(songs, return_inverse=True)
    values = []
    for _ in range(HALVES):
        first = np.zeros(len(names), dtype=np.bool_)
        first[rng.permutation(len(names))[: len(names) // 2]] = True
        values.append(figure(np.flatnonzero(first[member]), np.flatnonzero(~first[member])))
    return float(np.mean(values))
