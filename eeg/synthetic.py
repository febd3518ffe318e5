"""Synthetic EEG with a scripted emotional course: what the sample recording and the tests hear.

    python -m eeg.synthetic recordings/sample.edf

Not a model of a brain, but the ingredients that a front end has to cope with: a 1/f background
shared by neighbours, rhythms that wax and wane, blinks, mains hum, drift. The course moves the
rhythms as the literature has it: arousal lowers alpha and raises frontal-midline theta, beta and
gamma; positive valence lowers left frontal alpha against right (Davidson 1992).
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from eeg.montage import Montage, direction
from eeg.signal import Recording, Signal

Floats = NDArray[np.float64]

EPOC = tuple("AF3 F7 F3 FC5 T7 P7 O1 O2 P8 T8 FC6 F4 F8 AF4".split())
STEP_UV = 0.1  # the resolution of the written file


@dataclass(frozen=True)
class Step:
    """A stretch of the course: valence and arousal in [−1, 1] until a time."""

    until_s: float
    valence: float
    arousal: float
    label: str


SAMPLE_COURSE = (
    Step(24.0, 0.0, 0.0, "rest"),
    Step(42.0, 0.9, -0.9, "Q4"),
    Step(60.0, 0.9, 0.9, "Q1"),
    Step(78.0, -0.9, 0.9, "Q2"),
    Step(96.0, -0.9, -0.9, "Q3"),
    Step(104.0, 0.0, 0.0, "rest"),
)


@dataclass(frozen=True)
class Rhythm:
    """A waxing and waning oscillation under one electrode.

    Its amplitude is multiplied by exp(by_valence · valence + by_arousal · arousal).
    """

    site: str
    frequency_hz: float
    width_hz: float
    amplitude_uv: float
    by_valence: float = 0.0
    by_arousal: float = 0.0


RHYTHMS = (
    Rhythm("O1", 10.2, 0.8, 11.0, 0.0, -0.5),
    Rhythm("O2", 10.1, 0.8, 12.0, 0.0, -0.5),
    Rhythm("Pz", 10.4, 0.9, 8.0, 0.0, -0.5),
    Rhythm("F3", 9.6, 0.9, 5.0, -0.4, -0.4),
    Rhythm("F4", 9.7, 0.9, 5.0, 0.4, -0.4),
    Rhythm("Fz", 6.0, 0.7, 5.0, 0.0, 0.5),
    Rhythm("F7", 20.0, 4.0, 2.5, 0.1, 0.5),
    Rhythm("F8", 20.5, 4.0, 2.5, -0.1, 0.5),
    Rhythm("Cz", 18.0, 3.0, 2.5, 0.0, 0.4),
    Rhythm("T7", 37.0, 4.0, 1.6, 0.1, 0.6),
    Rhythm("T8", 37.0, 4.0, 1.6, -0.1, 0.6),
)
BACKGROUND_SITES = tuple("Fp1 Fp2 F7 F3 Fz F4 F8 T7 C3 Cz C4 T8 P7 P3 Pz P4 P8 O1 Oz O2".split())
BACKGROUND_UV = 6.0
SPREAD_RAD = 0.6  # how far a source is seen
BLINK_UV, BLINK_S, BLINK_EVERY_S = 120.0, 0.35, 5.0
HUM_HZ, HUM_UV = 50.0, 3.0
DRIFT_UV, SENSOR_UV = 25.0, 0.6
CHANGE_S = 1.5  # an emotion follows the script with this time constant


def synthesise(
    channels: Sequence[str], rate_hz: float, course: Sequence[Step], seed: int = 1
) -> Recording:
    """EEG of the course at 10-20 `channels`, the same for the same seed.

    Rounded to STEP_UV; each step of the course is an event at its start.
    """
    rng = np.random.default_rng(seed)
    sites = Montage.from_channels(channels).channels
    count = round(course[-1].until_s * rate_hz)
    times_s = np.arange(count) / rate_hz
    valence, arousal = _follow(course, times_s)
    samples_uv = _background(rng, sites, count, rate_hz)
    for rhythm in RHYTHMS:
        gain = np.exp(rhythm.by_valence * valence + rhythm.by_arousal * arousal)
        wave_uv = rhythm.amplitude_uv * gain * _oscillation(rng, rhythm, count, rate_hz)
        samples_uv += wave_uv[:, None] * _seen(rhythm.site, sites)
    samples_uv += _blinks(rng, times_s)[:, None] * _seen("Fpz", sites) ** 2
    samples_uv += _hum(rng, times_s, len(sites)) + _drift(rng, count, rate_hz, len(sites))
    samples_uv += rng.normal(0.0, SENSOR_UV, samples_uv.shape)
    starts_s = [0.0, *(step.until_s for step in course[:-1])]
    return Recording(
        signal=Signal("synthetic", rate_hz, tuple(channels)),
        samples_uv=np.round(samples_uv / STEP_UV) * STEP_UV,
        times_s=times_s,
        events=tuple((start, step.label) for start, step in zip(starts_s, course, strict=True)),
        notes=("synthetic: no person was recorded",),
    )


def sample_recording() -> Recording:
    """The sample recording: 14 channels, 128 Hz, rest and then all four quadrants."""
    return synthesise(EPOC, 128.0, SAMPLE_COURSE)


def _follow(course: Sequence[Step], times_s: Floats) -> tuple[Floats, Floats]:
    """Valence and arousal (time,), gliding from step to step."""
    index = np.searchsorted([step.until_s for step in course[:-1]], times_s, side="right")
    target = np.array([(step.valence, step.arousal) for step in course])[index]  # (time, 2)
    keep = np.exp(-(times_s[1] - times_s[0]) / CHANGE_S)
    state = np.empty_like(target)
    state[0] = target[0]
    for i in range(1, len(target)):
        state[i] = keep * state[i - 1] + (1 - keep) * target[i]
    return state[:, 0], state[:, 1]


def _seen(source: str, sites: Sequence[str]) -> Floats:
    """How strongly each site sees a source (site,): 1 above it, fading with the angle."""
    cosines = np.array([direction(site) for site in sites]) @ direction(source)
    strength: Floats = np.exp(-0.5 * (np.arccos(np.clip(cosines, -1, 1)) / SPREAD_RAD) ** 2)
    return strength


def _noise(rng: np.random.Generator, count: int, shape: Floats) -> Floats:
    """Gaussian noise (count,) of unit variance with the given amplitude spectrum (frequency,)."""
    size = len(shape)
    spectrum = shape * (rng.normal(size=size) + 1j * rng.normal(size=size))
    wave = np.fft.irfft(spectrum, n=count)
    unit: Floats = wave / wave.std()
    return unit


def _background(
    rng: np.random.Generator, sites: Sequence[str], count: int, rate_hz: float
) -> Floats:
    """1/f power from sources all over the scalp (time, site)."""
    frequencies_hz = np.fft.rfftfreq(count, 1 / rate_hz)
    shape = np.where(frequencies_hz > 0.3, 1 / np.sqrt(np.maximum(frequencies_hz, 0.3)), 0.0)
    waves = np.stack([_noise(rng, count, shape) for _ in BACKGROUND_SITES], axis=1)
    mixing = np.stack([_seen(source, sites) for source in BACKGROUND_SITES])  # (source, site)
    mixed: Floats = BACKGROUND_UV * waves @ (mixing / np.linalg.norm(mixing, axis=0))
    return mixed


def _oscillation(rng: np.random.Generator, rhythm: Rhythm, count: int, rate_hz: float) -> Floats:
    """Narrow-band noise with an amplitude that wanders over seconds (time,)."""
    frequencies_hz = np.fft.rfftfreq(count, 1 / rate_hz)
    peak = np.exp(-0.5 * ((frequencies_hz - rhythm.frequency_hz) / rhythm.width_hz) ** 2)
    slow = ((frequencies_hz > 0.02) & (frequencies_hz < 0.3)).astype(float)
    return _noise(rng, count, peak) * np.exp(0.3 * _noise(rng, count, slow))


def _blinks(rng: np.random.Generator, times_s: Floats) -> Floats:
    """A raised cosine for each blink, at irregular times (time,)."""
    wave_uv = np.zeros(len(times_s))
    start_s = 2.0
    while start_s < times_s[-1]:
        phase = (times_s - start_s) / BLINK_S
        inside = (phase >= 0) & (phase <= 1)
        wave_uv[inside] += BLINK_UV * rng.uniform(0.7, 1.2) * np.sin(np.pi * phase[inside]) ** 2
        start_s += BLINK_S + rng.exponential(BLINK_EVERY_S)
    return wave_uv


def _hum(rng: np.random.Generator, times_s: Floats, sites: int) -> Floats:
    amplitude_uv = HUM_UV * rng.uniform(0.3, 1.5, sites)
    phase = rng.uniform(-0.5, 0.5, sites)
    wave: Floats = amplitude_uv * np.sin(2 * np.pi * HUM_HZ * times_s[:, None] + phase)
    return wave


def _drift(rng: np.random.Generator, count: int, rate_hz: float, sites: int) -> Floats:
    """Electrode potentials that wander over tens of seconds (time, site)."""
    frequencies_hz = np.fft.rfftfreq(count, 1 / rate_hz)
    highest_hz = max(0.08, 1.5 * rate_hz / count)  # at least one wave in a short recording
    shape = ((frequencies_hz > 0) & (frequencies_hz < highest_hz)).astype(float)
    wander: Floats = np.stack([_noise(rng, count, shape) for _ in range(sites)], axis=1)
    return DRIFT_UV * wander


def write_edf(path: str | Path, recording: Recording) -> None:
    """Write a recording as EDF+ with its events as annotations; equal input gives equal bytes.

    Amplitudes beyond ±3276 µV are clipped, and the length is cut to whole seconds.
    """
    import edfio

    seconds = int(len(recording.times_s) / recording.signal.rate_hz)
    count = round(seconds * recording.signal.rate_hz)
    physical_uv = (-3276.8, 3276.7)  # the 16 bits of EDF in steps of STEP_UV
    signals = [
        edfio.EdfSignal(
            np.clip(recording.samples_uv[:count, index], *physical_uv),
            sampling_frequency=recording.signal.rate_hz,
            label=label,
            physical_dimension="uV",
            physical_range=physical_uv,
            digital_range=(-32768, 32767),
        )
        for index, label in enumerate(recording.signal.channels)
    ]
    edfio.Edf(
        signals,
        recording=edfio.Recording(startdate=date(2020, 1, 1), equipment_code="emocapsule"),
        starttime=time(12, 0, 0),
        annotations=[edfio.EdfAnnotation(at_s, None, label) for at_s, label in recording.events],
    ).write(path)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m eeg.synthetic PATH.edf")
    write_edf(sys.argv[1], sample_recording())
