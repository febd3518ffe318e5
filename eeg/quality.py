"""How far each channel of a window can be trusted, 0 to 1.

Each fault is measured where it can be seen: flatness, clipping and mains hum in the samples as
they came, amplitude after the filter. A channel is as good as its worst fault allows.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from eeg.filter import MAINS_HZ

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

GOOD = 0.5  # channels at or above it are used
FINE = 0.8  # and from here on there is nothing to mend

FLAT_UV = (0.1, 0.5)  # standard deviation: worthless at the first value, fine from the second
LOUD_UV = (400.0, 120.0)  # standard deviation after the filter; EEG with blinks stays below
CLIPPED_SHARE = (0.20, 0.05)  # share of samples that sit exactly at the window's extremes
HUM_RATIO = (40.0, 6.0)  # mains over EEG amplitude; an unshielded board has 10 and is usable


def channel_quality(raw_uv: Floats, clean_uv: Floats, held: Bools, rate_hz: float) -> Floats:
    """Quality (channel,) of one window from samples before and after the filter (channel, time).

    `held` marks samples that were not finite; one is enough to make the channel worthless here.
    """
    spread_uv, clean_spread_uv = raw_uv.std(axis=1), clean_uv.std(axis=1)
    faults = (
        _ramp(np.minimum(spread_uv, clean_spread_uv), *FLAT_UV),
        _ramp(clean_spread_uv, *LOUD_UV),
        _ramp(_clipped_share(raw_uv), *CLIPPED_SHARE),
        _ramp(_hum_uv(raw_uv, rate_hz) / (clean_spread_uv + 1e-6), *HUM_RATIO),
    )
    worst: Floats = np.minimum.reduce(faults)
    return np.where(held.any(axis=1), 0.0, worst)


def grade(quality: float) -> str:
    """The three words that wearers of headsets know: good, fair, and off, which is not used."""
    return "good" if quality >= FINE else "fair" if quality >= GOOD else "off"


def _ramp(value: Floats, worthless: float, fine: float) -> Floats:
    """0 at `worthless`, 1 at `fine`, straight between."""
    return np.clip((value - worthless) / (fine - worthless), 0.0, 1.0)


def _clipped_share(raw_uv: Floats) -> Floats:
    """Share of samples at the window's highest or lowest value, whichever is more."""
    top = (raw_uv == raw_uv.max(axis=1, keepdims=True)).mean(axis=1)
    bottom = (raw_uv == raw_uv.min(axis=1, keepdims=True)).mean(axis=1)
    share: Floats = np.maximum(top, bottom)
    return share


def _hum_uv(raw_uv: Floats, rate_hz: float) -> Floats:
    """Amplitude (rms) within 1.5 Hz of either mains frequency."""
    size = raw_uv.shape[1]
    taper = np.hanning(size)
    frequencies_hz = np.fft.rfftfreq(size, 1 / rate_hz)
    near = np.zeros(len(frequencies_hz), dtype=bool)
    for mains_hz in MAINS_HZ:
        near |= np.abs(frequencies_hz - mains_hz) <= 1.5
    centred = raw_uv - raw_uv.mean(axis=1, keepdims=True)
    spectrum = np.abs(np.fft.rfft(centred * taper, axis=1)) ** 2
    hum: Floats = np.sqrt(2 * spectrum[:, near].sum(axis=1) / (size * (taper**2).sum()))
    return hum
