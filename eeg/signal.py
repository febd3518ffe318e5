"""The values that hold samples: what a signal is, a piece of it, and a whole recording."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Point = tuple[float, float, float]


@dataclass(frozen=True)
class Signal:
    """A recording or a stream, described. `passband_hz`: what an earlier filter left, if known."""

    name: str
    rate_hz: float
    channels: tuple[str, ...]
    positions: tuple[Point, ...] | None = None  # any unit of length; NaN where unknown
    source_id: str = ""
    passband_hz: tuple[float, float] | None = None


@dataclass(frozen=True)
class Chunk:
    """Consecutive samples as they came. Times: LSL clock live, seconds from the start in a file."""

    samples_uv: Floats  # (time, channel)
    times_s: Floats  # (time,)


@dataclass(frozen=True)
class Recording:
    """A recording in memory: its EEG channels only."""

    signal: Signal
    samples_uv: Floats  # (time, channel)
    times_s: Floats  # (time,) from the first sample; jitter and gaps as recorded
    events: tuple[tuple[float, str], ...] = ()  # (time_s, label) in order of time
    notes: tuple[str, ...] = ()  # what was assumed, for the user to read

    @property
    def duration_s(self) -> float:
        """From the first sample to the end of the last."""
        return float(self.times_s[-1]) + 1 / self.signal.rate_hz

    def chunks(self, size: int) -> Iterator[Chunk]:
        """The recording in chunks of `size` samples, the last one shorter."""
        for start in range(0, len(self.times_s), size):
            stop = start + size
            yield Chunk(self.samples_uv[start:stop], self.times_s[start:stop])
