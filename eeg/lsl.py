"""LSL: which streams there are, the EEG coming in, and streams of our own going out."""

from __future__ import annotations

import time
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import numpy as np
import pylsl
from numpy.typing import NDArray

from eeg.errors import EegError
from eeg.inlet import Inlet as Inlet
from eeg.inlet import Newest as Newest
from eeg.link import MOST_CHANNELS, Finder, Link, Lost, remap, usable
from eeg.montage import canonical, sites
from eeg.outlet import Markers as Markers
from eeg.outlet import Outlet as Outlet
from eeg.signal import Chunk
from eeg.watch import LOST_S, Freshness

Floats = NDArray[np.float64]

LOOK_S = 0.05  # between two looks at what streams there are
SETTLE_S = 0.5  # after the first stream was seen, for others that would make the choice ambiguous


def clock() -> float:
    """Seconds on the clock that LSL stamps with."""
    return float(pylsl.local_clock())


@dataclass(frozen=True)
class Stream:
    """A stream on the network as it describes itself."""

    name: str
    type: str
    rate_hz: float  # 0 if irregular
    channels: tuple[str, ...]  # empty strings where it gives no label
    source_id: str
    hostname: str
    units: tuple[str, ...]  # of each channel, empty strings likewise


def find_streams(timeout_s: float = 1.0) -> list[Stream]:
    """All streams that answer within the timeout, in order of name."""
    found = []
    for info in pylsl.resolve_streams(timeout_s):
        try:
            described = [(channel.label, channel.unit) for channel in Link(info).channels]
        except (EegError, Lost):  # text, too many channels, or gone already
            described = [("", "")] * min(info.channel_count(), MOST_CHANNELS)
        found.append(
            Stream(
                info.name(),
                info.type(),
                info.nominal_srate(),
                tuple(label for label, _ in described),
                info.source_id(),
                info.hostname(),
                tuple(unit for _, unit in described),
            )
        )
    return sorted(found, key=lambda stream: (stream.name, stream.source_id))


class Intake:
    """An EEG stream, read as it comes; when lost, found again and checked again.

    `name` is the stream's name or source_id; without it there must be exactly one stream of type
    EEG. With =A,B,... behind it, those are the electrodes, for bridges that do not name them
    ("x": not used). Of several that fit, the one whose source_id is `prefer`. EegError if there is
    none in time, or if it is not EEG that can be used. `late`: keep what comes late, too.
    """

    def __init__(
        self,
        name: str | None = None,
        timeout_s: float = 10.0,
        prefer: str = "",
        late: bool = False,
    ) -> None:
        self.dropped = 0  # samples left out because they came too late
        self.losses = 0  # how often the source went away
        name, self._labels = _asked(name)
        self._finder = Finder(lambda info: _is_wanted(info, name))
        link = self._finder.open(_choose(self._finder, name, clock() + timeout_s, prefer))
        if link is None:
            raise EegError(f"the stream {name or 'EEG'!r} vanished while it was being opened")
        self.signal, self._columns, self._scales = usable(link, self._labels)
        self._type = link.info.type()
        self._finder.wanted = self._is_same
        self._freshness = Freshness()
        self.late = late
        self._heard_s = clock()

    def __enter__(self) -> Self:
        """Use as a context: the inlet is closed at the end."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the inlet."""
        self.close()

    def close(self) -> None:
        """Let go of the stream."""
        self._finder.link = None

    @property
    def connected(self) -> bool:
        """Whether there is a source; one that has fallen silent still counts."""
        return self._finder.link is not None

    @property
    def blind(self) -> str | None:
        """The machine whose clock cannot be asked, so that samples are timed by their arrival."""
        link = self._finder.link
        return None if link is None or link.synced else str(link.info.hostname())

    def pull(self, timeout_s: float, missing: int | None = None) -> Chunk | None:
        """The samples that have come, after waiting for some; None if there were none in time.

        If somebody waits for so many `missing` samples, they do not wait for company.

        Never raises because the source went away: it is looked for, here, for as long as it
        takes. Raises EegError if it comes back as another (rate, channels, unit).
        """
        until_s = clock() + timeout_s
        while True:
            left_s = max(0.0, until_s - clock())
            if self._finder.link is None:
                if not self._rejoin(left_s):
                    return None
                continue
            read = self._finder.read(left_s, missing)
            if read is None:
                self.losses += 1
                continue
            if len(read[1]):
                chunk = self._chunk(*read)
                if chunk is not None:
                    return chunk
            elif clock() - self._heard_s > LOST_S and self._finder.matches():
                self._finder.lost()  # a cut cable says nothing, but its source has come back
                self.losses += 1
            if clock() >= until_s:
                return None

    def _chunk(self, values: Floats, stamps_s: Floats) -> Chunk | None:
        self._heard_s = clock()
        known = self.blind is None
        times_s, old = self._freshness.admit(stamps_s, self._heard_s, known)
        old = 0 if self.late else old
        self.dropped += old
        if old == len(times_s):
            return None
        return Chunk(values[old:, self._columns] * self._scales, times_s[old:])

    def _rejoin(self, timeout_s: float) -> bool:
        """Look for the stream until the timeout; when it is back, map its channels by label."""
        until_s = clock() + timeout_s
        while True:
            for info in self._finder.matches():
                link = self._finder.open(info)
                if link is not None:
                    self._columns, self._scales = remap(self.signal, link, self._labels)
                    self._freshness = Freshness()
                    self._heard_s = clock()
                    return True
            if clock() >= until_s:
                return False
            time.sleep(min(LOOK_S, max(0.0, until_s - clock())))

    def _is_same(self, info: Any) -> bool:
        """Whether a stream is ours come back: by source_id where there is one."""
        mine = self.signal
        if mine.source_id:
            return bool(info.source_id() == mine.source_id)
        return bool(info.name() == mine.name and info.type() == self._type)


def _asked(text: str | None) -> tuple[str | None, tuple[str, ...]]:
    """Name and electrodes in a text such as "Muse" or "obci=Fp1,Fp2,C3,C4"."""
    name, sign, labels = (text or "").rpartition("=")
    if sign and ("," in labels or canonical(labels)):
        return name or None, sites(labels.split(","))
    return text, ()


def _is_wanted(info: Any, name: str | None) -> bool:
    if name is None:
        return bool(info.type().lower() == "eeg")
    return name in (info.name(), info.source_id())


def _choose(finder: Finder, name: str | None, until_s: float, prefer: str) -> Any:
    """The one stream that is wanted. EegError if there is none, or more than one."""
    what = "no LSL stream of type EEG" if name is None else f"no LSL stream named {name!r}"
    while not finder.matches():
        if clock() >= until_s:
            others = ", ".join(sorted({info.name() for info in finder.seen()})) or "none"
            raise EegError(
                f"{what} was found (streams seen: {others}): start the headset's LSL output, "
                "or replay a recording"
            )
        time.sleep(LOOK_S)
    time.sleep(SETTLE_S)
    matches = finder.matches()
    matches = [info for info in matches if prefer and info.source_id() == prefer] or matches
    if len(matches) != 1:
        names = ", ".join(f"{info.name()} ({info.source_id() or 'no id'})" for info in matches)
        raise EegError(f"there are {len(matches)} EEG streams ({names}): say which by name or id")
    return matches[0]
