"""Doubt as a gate: how far a window can be trusted, from its signal and its distance from training.

The network has seen EEG only. Of noise, of a chewing jaw or of an electrode in the air it would
speak as surely as of EEG, so what is unlike all training is pulled to a quarter each, and so is
EEG whose channels have the wrong names:
p <- w p + (1 - w) / 4.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from eeg.montage import BANDS
from eeg.names import FINE, FOREIGN

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

THETA, ALPHA, BETA, GAMMA = range(1, 5)
WIDTH_NATS = np.array([0.5 * np.log(band.high_hz - band.low_hz) for band in BANDS])
REST_CAP = 0.3  # most trust before the wearer's rest is complete
FEWEST_REGIONS = 3  # a headset with fewer is trusted less
EVEN_NATS = (0.04, 0.07)  # spread over regions at rest: none trusted below, all above
STEEP_NATS = (0.15, 0.40)  # fall of the spectrum likewise; white noise has 0
GAIN_NATS = 2.0  # amplifiers, hair and skulls differ by this factor; no reason for doubt
SHRINKAGE = 0.2  # of the covariance towards its diagonal
FAR = 3.0  # trust is gone at so many times the distance where it begins to fall
FINE_QUALITY = 0.8  # signal quality from which there is no doubt


@dataclass(frozen=True)
class Doubt:
    """What EEG looked like in training: a Gaussian over all region-band entropies.

    Capsules are counted region by region, I = regions x bands. `near` and `far`: distances at
    which trust begins to fall and is gone; `near_z`, `far_z` likewise for z-scores.
    """

    mean: Floats  # (I,) nats
    covariance: Floats  # (I, I)
    near: float
    far: float
    near_z: float
    far_z: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "_precision", lru_cache(maxsize=64)(self._invert))

    def _invert(self, mask: bytes) -> Floats:
        """Precision matrix of the present capsules, an unknown common gain allowed for."""
        there = np.frombuffer(mask, dtype=bool)
        part = self.covariance[np.ix_(there, there)] + GAIN_NATS**2
        inverse: Floats = np.linalg.inv(part)
        return inverse

    def distance(self, level: Floats, present: Bools) -> float:
        """Mahalanobis distance from training per present capsule; about 1 is usual, 0 if none."""
        there = present.reshape(-1)
        if not there.any():
            return 0.0
        away = level.reshape(-1)[there] - self.mean[there]
        squared = float(away @ self._precision(there.tobytes()) @ away)  # type: ignore[attr-defined]
        return float(np.sqrt(max(squared, 0.0) / there.sum()))

    def trust(self, level: Floats, z: Floats, present: Bools, spread: float) -> float:
        """0..1 from a window's recent entropy and z-scores (regions, bands), where present.

        `spread`: by how much the regions differ at rest, in nats.
        """
        if not present.any():
            return 0.0
        strange = _fall(self.distance(level, present), self.near, self.far)
        moved = _fall(float(np.sqrt((z[present] ** 2).mean())), self.near_z, self.far_z)
        even = 1.0 - _fall(spread, *EVEN_NATS)
        flat = 1.0 - _fall(steepness(level, present), *STEEP_NATS)
        return strange * moved * even * flat


def steepness(level: Floats, present: Bools) -> float:
    """Fall of the spectral density from theta and alpha to the highest valid band, in nats.

    Positive in EEG; zero in white noise,
    negative under strong muscle activity. Infinite where there is nothing to compare.
    """
    valid: Bools = np.any(present, axis=0)  # (bands,)
    low = [band for band in (THETA, ALPHA) if valid[band]]
    high = [band for band in (GAMMA, BETA) if valid[band]]
    if not low or not high:
        return float("inf")
    there: Bools = np.any(present, axis=1)
    density = (level[there] - WIDTH_NATS).mean(0)  # (bands,)
    return float(density[low].mean() - density[high[0]])


def contact(present: Bools, expected: Bools) -> float:
    """0..1: share of the headset's own regions that have a signal, less for very few of them.

    `present`, `expected`: (regions,). A small headset is no reason for doubt, a lost electrode is.
    """
    share = (present & expected).sum() / max(int(expected.sum()), 1)
    return float(share * min(1.0, present.sum() / FEWEST_REGIONS))


def clarity(quality: float) -> float:
    """0..1 from signal quality 0..1."""
    return min(max(quality / FINE_QUALITY, 0.0), 1.0)


def naming(fit: float | None) -> float:
    """0..1 from how well the channels' names fit the signal; 1 where nobody can say."""
    return 1.0 if fit is None else 1.0 - _fall(fit, FOREIGN, FINE)


def fit_doubt(level: Floats, z: Floats, present: Bools, weight: Floats) -> Doubt:
    """Doubt from training windows.

    `level`, `z` (W, I), `present` (W, I), `weight` (W,). Means and covariances are taken over
    whatever windows have both capsules, so recordings with different headsets add up.
    """
    seen = present * weight[:, None]
    mean = (seen * level).sum(0) / np.maximum(seen.sum(0), 1e-12)
    away = np.where(present, level - mean, 0.0)
    mass = seen.T @ present
    pairs = (away * weight[:, None]).T @ away
    spread = np.where(mass > 0, pairs / np.maximum(mass, 1e-12), 0.0)
    diagonal = np.diag(np.diag(spread) + 0.05)
    values, vectors = np.linalg.eigh((1 - SHRINKAGE) * spread + SHRINKAGE * diagonal)
    covariance = (vectors * np.maximum(values, 0.02)) @ vectors.T
    rough = Doubt(mean, covariance, 1.0, 2.0, 1.0, 2.0)
    every = slice(None, None, max(1, len(level) // 4000))
    distances = [rough.distance(a, p) for a, p in zip(level[every], present[every], strict=True)]
    sizes = np.sqrt((z**2 * present).sum(1) / np.maximum(present.sum(1), 1))[every]
    near, near_z = _quantile(distances, weight[every], 0.98), _quantile(sizes, weight[every], 0.98)
    return Doubt(mean, covariance, near, FAR * near, near_z, FAR * near_z)


def _quantile(values: Floats | list[float], weight: Floats, share: float) -> float:
    order = np.argsort(values)
    grown = np.cumsum(weight[order])
    return float(np.asarray(values)[order][np.searchsorted(grown, share * grown[-1])])


def _fall(value: float, near: float, far: float) -> float:
    """1 up to `near`, 0 from `far`."""
    return float(np.clip((far - value) / (far - near), 0.0, 1.0))
