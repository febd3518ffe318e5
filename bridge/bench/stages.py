"""Stages of the wire one by one: percentiles, each beside a yardstick of the same run."""

from __future__ import annotations

import time

import numpy as np

from bridge.bench import loopback
from bridge.bench.headset import headset
from bridge.bench.server import jack_server
from bridge.bench.yardstick import Result, percentiles, products, ratio, sleep, timed_ms
from eeg.lsl import Intake, clock
from eeg.signal import Chunk, Signal
from eeg.synthetic import sample_recording
from music.condition import STRENGTH, Condition

WILD = (0.94, 0.02, 0.02, 0.02)
WARM_UP = 20


def intake(seconds: float = 6.0, rate_hz: float = 256.0) -> Result:
    """Age of the newest sample when Intake hands it over; the outlet is another process."""
    with headset(rate_hz) as name, Intake(name) as stream:
        until_s, ages_ms = clock() + seconds, []
        while clock() < until_s:
            chunk = stream.pull(0.5)
            if chunk is not None:
                ages_ms.append(1000 * (clock() - float(chunk.times_s[-1])))
    figures = percentiles(ages_ms[WARM_UP:])
    return figures | ratio(figures, sleep())


def capsule() -> Result:
    """From the last sample of a window to its capsule, on the sample recording."""
    from bridge.ear import Ear, trained

    recording = sample_recording()
    ear = Ear(recording.signal, trained())
    took_ms = []
    for chunk in recording.chunks(4):
        begin_s = time.perf_counter()
        if ear.push(chunk):
            took_ms.append(1000 * (time.perf_counter() - begin_s))
        if len(took_ms) >= 200:
            break
    return percentiles(took_ms[WARM_UP:])


def hour(minutes: float = 60.0, rate_hz: float = 256.0) -> Result:
    """Seconds to recognise an hour of 32-channel EEG (noise), as `recognise` does."""
    from bridge.ear import Ear, trained

    names = tuple(
        "Fp1 Fp2 AF3 AF4 F7 F3 Fz F4 F8 FC5 FC1 FC2 FC6 T7 C3 Cz C4 T8 CP5 CP1 CP2 CP6 P7 P3 Pz P4 "
        "P8 PO3 PO4 O1 Oz O2".split()
    )
    ear = Ear(Signal("noise", rate_hz, names), trained())
    noise, size = np.random.default_rng(0), round(rate_hz)
    took_s, capsules = 0.0, 0
    for second in range(round(60 * minutes)):
        samples_uv = 10.0 * noise.standard_normal((size, len(names)))
        chunk = Chunk(samples_uv, second + np.arange(size) / rate_hz)
        begin_s = time.perf_counter()
        capsules += len(ear.push(chunk))
        took_s += time.perf_counter() - begin_s
    seconds = 60 * minutes
    return {
        "took_s": round(took_s, 1),
        "times_real_time": round(seconds / took_s, 1),
        "capsules": capsules,
        "yardstick": products(2**22),
    }


def composer(tokens: int = 600) -> Result:
    """A token with guidance, and how much faster than music is heard it is composed."""
    from music.composer import Composer
    from music.guidance import ROWS

    player = Composer.load(seed=0)
    condition = Condition(WILD, strength=STRENGTH)
    took_ms = [timed_ms(lambda: player.step(condition)) for _ in range(tokens)]
    size = sum(one.numel() for one in player.model.state_dict().values())
    figures = percentiles(took_ms[WARM_UP:])
    speed = {
        "tokens_per_s_of_music": round(tokens / player.horizon_s, 2),
        "times_real_time": round(player.horizon_s / (sum(took_ms) / 1000), 2),
    }
    return figures | speed | ratio(figures, products(ROWS * size), "p50")


def notes(count: int = 800) -> Result:
    """Lateness of notes at a JACK receiver in another process."""
    with jack_server():
        return loopback.delivered(count)
