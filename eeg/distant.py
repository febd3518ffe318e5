"""A stream of our own kind from another machine, on this machine's clock.

liblsl measures how far the clocks of the two machines are apart, and every stamp is corrected by
that (`proc_clocksync`). A process that dies is noticed at once, but a machine that loses its power,
or its cable, says nothing: so a stream that is silent is given up as soon as it is offered anew.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eeg.errors import EegError
from eeg.link import Finder
from eeg.lsl import LOOK_S, SETTLE_S, clock
from eeg.watch import LOST_S, Freshness

Floats = NDArray[np.float64]
CLOCK_S = 3.0  # for the two clocks to be compared
Wanted = Callable[[str, str], bool]  # of a stream's name and source id


class Distant:
    """A stream that may come late, go, and come back, also by another way or from another process.

    What was held up on its way for a second longer than the quickest is dropped.
    """

    def __init__(self, type: str, wanted: Wanted) -> None:
        self._finder = Finder(
            lambda info: info.type() == type and wanted(info.name(), info.source_id())
        )
        self._freshness = Freshness()
        self._heard_s = clock()
        self.labels: tuple[str, ...] = ()
        self.source_id = ""
        self.host = ""

    def find(self, timeout_s: float) -> bool:
        """Look for the stream; whether it is there, and from then on the one with its source id.

        EegError if there are several, or if its machine's clock cannot be asked.
        """
        until_s = clock() + timeout_s
        while not self._finder.matches():
            if clock() >= until_s:
                return False
            time.sleep(LOOK_S)
        time.sleep(SETTLE_S)
        matches = self._finder.matches()
        if len({info.source_id() for info in matches}) > 1:
            names = ", ".join(f"{info.source_id()} on {info.hostname()}" for info in matches)
            raise EegError(f"there are {len(matches)} streams of that kind ({names}): say which")
        opened = any(self._open(info) for info in matches)
        if not opened and self.host:
            raise EegError(
                f"the clock of {self.host} cannot be asked: let LSL through its firewall and this "
                "machine's, TCP and also UDP, ports 16571 to 16603"
            )
        return opened

    def _open(self, info: Any) -> bool:
        link = self._finder.open(info)
        if link is None:
            return False
        self.host, mine = info.hostname(), info.source_id()
        if not link.clock_is_known(CLOCK_S):
            self._finder.put_off(info)
            return False
        self.labels = tuple(channel.label for channel in link.channels)
        if not self.source_id:
            self.source_id = mine
            self._finder.wanted = lambda info: info.source_id() == mine
        self._freshness = Freshness()
        self._heard_s = clock()
        return True

    @property
    def connected(self) -> bool:
        """Whether there is a source; one that has fallen silent still counts."""
        return self._finder.link is not None

    def pull(self, timeout_s: float) -> tuple[Floats, Floats] | None:
        """Values (time, channel) and stamps (time,) on our clock that came meanwhile; or None."""
        read = self._finder.read(timeout_s)
        if read is None:
            if not any(self._open(info) for info in self._finder.matches()[:1]):
                time.sleep(min(LOOK_S, timeout_s))
            return None
        values, stamps_s = read
        if not len(stamps_s):
            if clock() - self._heard_s > LOST_S and self._finder.matches():
                self._finder.lost()
            return None
        self._heard_s = clock()
        times_s, old = self._freshness.admit(stamps_s, self._heard_s)
        return (values[old:], times_s[old:]) if old < len(times_s) else None
