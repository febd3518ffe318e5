"""LSL streams of our own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pylsl
from numpy.typing import NDArray

from eeg.signal import Point

Floats = NDArray[np.float64]


class Outlet:
    """A stream of numbers of our own, described so that others need no instructions."""

    def __init__(
        self,
        name: str,
        type: str,
        channels: Sequence[str],
        rate_hz: float,
        unit: str,
        source_id: str,
        positions: Sequence[Point] | None = None,
    ) -> None:
        info = pylsl.StreamInfo(name, type, len(channels), rate_hz, pylsl.cf_float32, source_id)
        _label(info, type, channels, unit, positions)
        self._outlet: Any = pylsl.StreamOutlet(info)

    def push(self, samples: Floats, times_s: Floats) -> None:
        """Send samples (time, channel) with their stamps (time,)."""
        if len(times_s):
            self._outlet.push_chunk(
                np.ascontiguousarray(samples, dtype=np.float32), times_s.tolist()
            )

    def close(self) -> None:
        """End the stream; its readers notice at once."""
        self._outlet = None

    @property
    def has_readers(self) -> bool:
        """Whether anybody listens."""
        return bool(self._outlet.have_consumers())


class Markers:
    """A stream of labels of our own."""

    def __init__(self, name: str, source_id: str) -> None:
        info = pylsl.StreamInfo(name, "Markers", 1, 0.0, pylsl.cf_string, source_id)
        _label(info, "Markers", ("label",), "", None)
        self._outlet = pylsl.StreamOutlet(info)

    def push(self, label: str, time_s: float) -> None:
        """Send one label with its stamp."""
        self._outlet.push_sample([label], time_s)

    @property
    def has_readers(self) -> bool:
        """Whether anybody listens."""
        return bool(self._outlet.have_consumers())


def _label(
    info: Any, type: str, channels: Sequence[str], unit: str, positions: Sequence[Point] | None
) -> None:
    """Write labels, types, units and places (in mm) into a stream's description."""
    node = info.desc().append_child("channels")
    for index, label in enumerate(channels):
        channel = node.append_child("channel")
        for key, value in (("label", label), ("type", type), ("unit", unit)):
            channel.append_child_value(key, value)
        if positions is not None and np.isfinite(positions[index]).all():
            place = channel.append_child("location")
            for axis, value_m in zip("XYZ", positions[index], strict=True):
                place.append_child_value(axis, f"{value_m * 1e3:.3f}")
    info.desc().append_child_value("manufacturer", "emocapsule")
