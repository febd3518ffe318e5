"""Differential entropy of each channel in each band.

For a Gaussian signal of variance σ² it is ½·ln(2πe·σ²), so it needs no more than the band's power
(Duan, Zhu & Lu, NER 2013; Shi, Jiao & Lu, EMBC 2013).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from eeg.filter import HIGHEST_SHARE_OF_RATE, band_pass, power_gain
from eeg.montage import BANDS

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

TAPERS = 3
FLOOR_UV2 = 1e-4  # least band power, so that a dead channel has a finite entropy


def valid_bands(rate_hz: float, passband_hz: tuple[float, float] | None = None) -> Bools:
    """Which bands (band,) the rate can hold and an earlier filter has left whole."""
    low_hz, high_hz = passband_hz or (0.0, rate_hz)
    top_hz = min(high_hz, HIGHEST_SHARE_OF_RATE * rate_hz)
    return np.array([band.low_hz >= low_hz and band.high_hz <= top_hz for band in BANDS])


class BandEntropy:
    """Band entropies from windows of one size: a multitaper spectrum, summed over each band.

    Three sine tapers (Riedel & Sidorenko, IEEE Trans. Signal Processing 1995) are averaged, at a
    resolution of 1 Hz: on white noise the entropy's variance is 1.7 (beta) to 1.9 (delta) times
    smaller than with one Hann taper. The gain of our own filter is divided out, so that the edges
    of delta and gamma mean the same at every sampling rate.
    """

    def __init__(self, rate_hz: float, size: int) -> None:
        frequencies_hz = np.fft.rfftfreq(size, 1 / rate_hz)
        orders, samples = np.arange(1, TAPERS + 1)[:, None], np.arange(1, size + 1)
        angles = np.pi * orders * samples / (size + 1)
        self._tapers = np.sqrt(2 / (size + 1)) * np.sin(angles)  # (taper, time), energy 1 each
        # (frequency, band): weight of a squared Fourier coefficient in the band's power
        scale = 2.0 / (TAPERS * size)
        gain = power_gain(band_pass(rate_hz), np.maximum(frequencies_hz, 1e-3), rate_hz)
        self._weights = np.zeros((len(frequencies_hz), len(BANDS)))
        for index, band in enumerate(BANDS):
            inside = (frequencies_hz >= band.low_hz) & (frequencies_hz < band.high_hz)
            width_hz = inside.sum() * rate_hz / size
            if inside.any():  # bins cover the band up to one bin: scale to its exact width
                full = (band.high_hz - band.low_hz) / width_hz
                self._weights[inside, index] = scale * full / np.maximum(gain[inside], 0.05)

    def __call__(self, samples_uv: Floats) -> Floats:
        """Entropy in nats (channel, band) of a window (channel, time) in µV."""
        centred = samples_uv - samples_uv.mean(axis=1, keepdims=True)
        coefficients = np.fft.rfft(centred * self._tapers[:, None], axis=2)
        power = (np.abs(coefficients) ** 2).sum(axis=0)  # (channel, frequency)
        variance_uv2 = np.maximum(power @ self._weights, FLOOR_UV2)
        entropy: Floats = 0.5 * np.log(2 * np.pi * np.e * variance_uv2)
        return entropy
