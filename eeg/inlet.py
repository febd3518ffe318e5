"""Streams of this program coming in: every sample in order, or only the newest. Neither waits.

They are of this machine, so there are no two clocks to compare, which would take half a second.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from eeg.link import Finder

Floats = NDArray[np.float64]


class Inlet:
    """A stream that may not be there yet, may go, and may come back from another process.

    `source_id` tells it from a stream of the same name that belongs to somebody else on the
    network; None takes whichever comes first.
    """

    def __init__(self, name: str, type: str, source_id: str | None = None) -> None:
        wanted = (name, type, source_id)
        self._finder = Finder(
            lambda info: (info.name(), info.type(), source_id and info.source_id()) == wanted,
            synced=False,
        )

    def find(self) -> bool:
        """Look for the stream; whether it is there. From then on what comes waits for `pull`."""
        if self._finder.link is None:
            for info in self._finder.matches()[:1]:
                self._finder.open(info)
        return self.connected

    def pull(self) -> tuple[Floats, Floats] | None:
        """What has come since the last call: values (time, channel), stamps (time,); or None."""
        self.find()
        read = self._finder.read(0.0)
        return read if read is not None and len(read[1]) else None

    @property
    def connected(self) -> bool:
        """Whether the stream is there."""
        return self._finder.link is not None

    @property
    def labels(self) -> tuple[str, ...]:
        """Channel labels of the stream; empty while there is none."""
        link = self._finder.link
        return tuple(channel.label for channel in link.channels) if link else ()


class Newest(Inlet):
    """An inlet for moods: only the last vector counts, the ones it overtook are counted."""

    def __init__(self, name: str, type: str, source_id: str | None = None) -> None:
        super().__init__(name, type, source_id)
        self.dropped = 0

    def take(self) -> tuple[float, Floats] | None:
        """Time and vector of the newest sample since the last call, or None."""
        pulled = self.pull()
        if pulled is None:
            return None
        values, stamps_s = pulled
        self.dropped += len(stamps_s) - 1
        return float(stamps_s[-1]), values[-1]
