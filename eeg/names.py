"""Whether the names of the channels fit the signal: on a head, neighbours hear the same.

Whatever speaks in a brain, or beside it, is heard by all electrodes around (volume conduction;
Nunez et al. 1997, Electroencephalography and Clinical Neurophysiology 103): the nearer two of
them are, the more alike are their signals. Where names were dealt at random, or where the
channels come from no head, that is not so.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

BAND_HZ = (4.0, 30.0)  # above blinks and drift, below most of the muscles
MEMORY_S = 120.0  # names stay, but a cap that was just being put on is to be forgotten
LEAST_S = 45.0  # of signal from both of a pair, as the memory weighs it: 56 s of it
FEWEST_PAIRS = 28  # of eight electrodes: with fewer, true names fit hardly better than others
FOREIGN, FINE = 0.20, 0.35  # fit of names that are not this signal's, and of those beyond doubt
MISNAMED = (
    "The names of the channels do not fit the signal: neighbours are hardly more alike than "
    "electrodes far apart (rank correlation {fit:.2f}, on a head above {fine:.2f}). It says "
    "nothing of the wearer: check the montage and the order of its names."
)


@dataclass(frozen=True)
class NameState:
    """Everything that a `NameFit` remembers."""

    alike: Floats  # (channel, channel) weighted sum of the windows' correlations, times seconds
    heard_s: Floats  # (channel, channel) weighted seconds in which both had a signal


class NameFit:
    """How well likeness of channels follows their nearness, by ranks, over the last two minutes.

    Parameters
    ----------
    places: of the channels (channel, 2), in a drawing of the head.
    size: samples in a window.
    hop_s: from one window to the next.
    """

    def __init__(self, places: Floats, rate_hz: float, size: int, hop_s: float) -> None:
        frequencies_hz = np.fft.rfftfreq(size, 1 / rate_hz)
        self._inside = (frequencies_hz >= BAND_HZ[0]) & (frequencies_hz < BAND_HZ[1])
        self._taper = np.hanning(size)
        self._hop_s, self._keep = hop_s, float(np.exp(-hop_s / MEMORY_S))
        self._shape = (len(places), len(places))
        self._pairs = np.triu_indices(len(places), 1)
        apart = np.linalg.norm(places[:, None] - places, axis=-1)
        self._near = -np.round(apart, 6)[self._pairs]  # alike on both sides of the head
        self.reset()

    def reset(self) -> None:
        """As new."""
        self._alike, self._heard_s = np.zeros(self._shape), np.zeros(self._shape)

    def state(self) -> NameState:
        """A copy of what is remembered."""
        return NameState(self._alike.copy(), self._heard_s.copy())

    def restore(self, state: NameState) -> None:
        """Go on from a copied state."""
        self._alike, self._heard_s = state.alike.copy(), state.heard_s.copy()

    def push(self, clean_uv: Floats, good: Bools) -> float | None:
        """Fit in [-1, 1] after one more window (channel, time), None while too little is known.

        `good` (channel,): has a signal.
        """
        if len(self._near) < FEWEST_PAIRS:
            return None
        spectrum = np.fft.rfft(clean_uv * self._taper, axis=1)[:, self._inside]
        parts = np.hstack([spectrum.real, spectrum.imag])
        parts /= np.linalg.norm(parts, axis=1, keepdims=True) + 1e-12
        both = np.outer(good, good) * self._hop_s
        self._alike = self._keep * self._alike + both * (parts @ parts.T)
        self._heard_s = self._keep * self._heard_s + both
        heard_s = self._heard_s[self._pairs]
        known = heard_s >= LEAST_S
        if known.sum() < FEWEST_PAIRS:
            return None
        alike = self._alike[self._pairs][known] / heard_s[known]
        return _correlation(_ranks(alike), _ranks(self._near[known]))


def warning(fit: float | None) -> str | None:
    """What the user is to be told of a fit, if anything."""
    return MISNAMED.format(fit=fit, fine=FINE) if fit is not None and fit < FOREIGN else None


def _ranks(values: Floats) -> Floats:
    """Ranks less their mean; equal values share one."""
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    ranks: Floats = (np.cumsum(count) - 0.5 * (count - 1))[place]
    ranks -= ranks.mean()
    return ranks


def _correlation(a: Floats, b: Floats) -> float:
    """Pearson's, of values less their mean; 0 if either is constant."""
    size = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / size if size > 0 else 0.0
