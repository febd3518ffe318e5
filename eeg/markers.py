"""Markers of others: every stream of texts of the type Markers on the network, or one of them.

This is what users of LSL's recorder expect: whoever says what happens in an experiment (PsychoPy,
a stimulus, a foot switch) says it on such a stream. A stream that comes later is found, one that
goes is let go, and nothing here waits for anybody.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pylsl
from pylsl.util import LostError, TimeoutError

MARKERS_TYPE = "Markers"
NONE = "none"
MOST_STREAMS = 16
MOST_AT_ONCE = 256
MOST_CHARACTERS = 500  # of a text; a name has fewer


@dataclass(frozen=True)
class Marker:
    """A text of somebody's, stamped on our clock. Channels of one sample are joined by a blank.

    If the clock of its machine cannot be asked (a firewall holds UDP back) it is stamped when it
    arrives.
    """

    stream: str
    source_id: str
    text: str
    time_s: float


class MarkerInlets:
    """All streams of markers, those with one name or source id, or, with "none", none."""

    def __init__(self, wanted: str | None = None) -> None:
        self._wanted = wanted
        self._resolver = None if wanted == NONE else pylsl.ContinuousResolver(forget_after=2.0)
        self._inlets: dict[str, tuple[Any, Any]] = {}  # uid: what it is, its inlet
        self._lost: set[str] = set()
        self._blind: set[str] = set()  # of machines whose clock cannot be asked

    def pull(self) -> list[Marker]:
        """What has come since the last call."""
        if self._resolver is None:
            return []
        for info in self._resolver.results():
            if len(self._inlets) < MOST_STREAMS and self._is_new(info):
                self._open(info, pylsl.proc_clocksync)
        return [marker for uid in list(self._inlets) for marker in self._take(uid)]

    def _open(self, info: Any, flags: int) -> None:
        inlet = pylsl.StreamInlet(info, recover=False, processing_flags=flags)
        self._inlets[info.uid()] = (info, inlet)

    def _is_new(self, info: Any) -> bool:
        if info.uid() in self._inlets or info.uid() in self._lost:
            return False
        if info.type().lower() != MARKERS_TYPE.lower() or info.channel_format() != pylsl.cf_string:
            return False
        return self._wanted is None or self._wanted in (info.name(), info.source_id())

    def _take(self, uid: str) -> Iterator[Marker]:
        info, inlet = self._inlets[uid]
        try:
            rows, times_s = inlet.pull_chunk(0.0, MOST_AT_ONCE)
        except LostError:
            self._lost.add(uid)
            del self._inlets[uid]
            return
        except TimeoutError:
            self._blind.add(uid)
            self._open(info, pylsl.proc_none)
            return
        except UnicodeDecodeError:  # no text after all
            return
        name, source_id = info.name()[:MOST_CHARACTERS], info.source_id()[:MOST_CHARACTERS]
        for row, time_s in zip(rows or (), times_s, strict=True):
            text = " ".join(part for part in row if part)[:MOST_CHARACTERS]
            at_s = pylsl.local_clock() if uid in self._blind else time_s
            yield Marker(name, source_id, text, float(at_s))
