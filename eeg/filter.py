"""Causal filters whose output does not depend on how the samples were cut into chunks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import signal

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

LOW_HZ, HIGH_HZ = 0.5, 45.0
MAINS_HZ = (50.0, 60.0)  # both: a recording seldom says where it was made
MAINS_Q = 25.0
IMPOSSIBLE_UV = 1e8  # no amplifier gives 100 V: such a number is an error in transmission
HIGHEST_SHARE_OF_RATE = 0.45  # a filter edge or a band above this share of the rate is left out


def band_pass(rate_hz: float) -> Floats:
    """Second-order sections (section, 6): high-pass .5 Hz, low-pass 45 Hz, notches at the mains."""
    parts = [signal.butter(2, LOW_HZ, "highpass", fs=rate_hz, output="sos")]
    if HIGH_HZ <= HIGHEST_SHARE_OF_RATE * rate_hz:
        parts.append(signal.butter(4, HIGH_HZ, "lowpass", fs=rate_hz, output="sos"))
    for mains_hz in MAINS_HZ:
        if mains_hz <= 0.5 * 0.95 * rate_hz:
            parts.append(signal.tf2sos(*signal.iirnotch(mains_hz, MAINS_Q, fs=rate_hz)))
    return np.vstack(parts)


def power_gain(sections: Floats, frequencies_hz: Floats, rate_hz: float) -> Floats:
    """|H(f)|² of the filter at the given frequencies."""
    _, response = signal.sosfreqz(sections, worN=frequencies_hz, fs=rate_hz)
    gain: Floats = np.abs(response) ** 2
    return gain


@dataclass(frozen=True)
class FilterState:
    """Everything a `Filter` remembers."""

    zi: Floats  # (section, 2, channel)
    first_uv: Floats  # (channel,) NaN until the channel's first finite sample
    last_uv: Floats  # (channel,) last finite sample


class Filter:
    """Band-pass and notch of many channels, stateful.

    Each channel is filtered from its own first sample on: that sample is subtracted and the
    filter starts at rest, which for a filter that stops DC is the state in which a constant
    input has lasted for ever. Samples that are not finite (or impossible) are replaced by the last
    one that was and reported, so that one NaN does not live on in the recursion.
    """

    def __init__(self, rate_hz: float, channels: int) -> None:
        self.sections = band_pass(rate_hz)
        self._channels = channels
        self.reset()

    def reset(self) -> None:
        """As new: the next sample is the first."""
        self._zi = np.zeros((len(self.sections), 2, self._channels))
        self._first_uv = np.full(self._channels, np.nan)
        self._last_uv = np.zeros(self._channels)

    def state(self) -> FilterState:
        """A copy of what is remembered."""
        return FilterState(self._zi.copy(), self._first_uv.copy(), self._last_uv.copy())

    def restore(self, state: FilterState) -> None:
        """Go on from a copied state."""
        self._zi = state.zi.copy()
        self._first_uv = state.first_uv.copy()
        self._last_uv = state.last_uv.copy()

    def push(self, samples_uv: Floats) -> tuple[Floats, Bools]:
        """Filter (time, channel); also tell which samples (time, channel) were held."""
        held = ~(np.abs(samples_uv) < IMPOSSIBLE_UV)  # NaN among them
        if len(samples_uv) == 0:
            return samples_uv.copy(), held
        whole = self._hold(samples_uv, held) if held.any() else samples_uv
        self._last_uv = whole[-1].copy()
        unseen = np.isnan(self._first_uv)
        if unseen.any():
            seen_now = unseen & ~held.all(axis=0)
            start = np.argmin(held, axis=0)
            self._first_uv[seen_now] = samples_uv[start, np.arange(self._channels)][seen_now]
        offset = np.where(np.isnan(self._first_uv), 0.0, self._first_uv)
        centred = whole - offset
        if held.any():
            centred[np.logical_and.accumulate(held, axis=0) & unseen] = 0.0
        clean, self._zi = signal.sosfilt(self.sections, centred, axis=0, zi=self._zi)
        return clean, held

    def _hold(self, samples_uv: Floats, held: Bools) -> Floats:
        """Samples with every value that is not finite replaced by the last finite one."""
        rows = np.arange(1, len(samples_uv) + 1)[:, None]
        source = np.maximum.accumulate(np.where(held, 0, rows), axis=0)  # 0: from before
        table = np.vstack([self._last_uv, samples_uv])
        return np.take_along_axis(table, source, axis=0)
