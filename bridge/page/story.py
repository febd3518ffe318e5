"""What the page draws beyond the board, as it came over LSL: emotions, notes, EEG. Pure.

Each browser has read the story up to some place; it is told what has come since, so a browser that
is slow or new gets more at once, and nobody waits for it.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from eeg.montage import BANDS, REGIONS

T = TypeVar("T")

TRAIL_S, ROLL_S, SCOPE_S = 60.0, 20.0, 6.0  # how far back is drawn
MOST_EMOTIONS, MOST_MESSAGES, MOST_SAMPLES = 400, 2000, 1000


class Row(Generic[T]):
    """The newest of a row of things that never ends."""

    def __init__(self, most: int) -> None:
        self.total = 0
        self._kept: deque[T] = deque(maxlen=most)

    def append(self, thing: T) -> None:
        """One more."""
        self._kept.append(thing)
        self.total += 1

    def since(self, total: int) -> list[T]:
        """What came when there were `total` already, as far as it is kept."""
        fresh = min(self.total - total, len(self._kept))
        return list(self._kept)[len(self._kept) - fresh :] if fresh > 0 else []


@dataclass
class Place:
    """How far one browser has read."""

    rows: dict[str, int] = field(default_factory=dict)
    facts: dict[str, int] = field(default_factory=dict)


class Story:
    """Written by the feed, read by the server: the only lock between their two threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rows: dict[str, Row[list[float]]] = {
            "trail": Row(MOST_EMOTIONS),
            "messages": Row(MOST_MESSAGES),
            "samples": Row(MOST_SAMPLES),
        }
        self._facts: dict[str, tuple[int, Any]] = {}  # name: version, value

    def emotion(
        self, time_s: float, honest: Sequence[float], played: Sequence[float], confidence: float
    ) -> None:
        """Probabilities (4,) as recognised, and as played at that moment."""
        axes = (*_axes(honest), *_axes(played), confidence)
        self._append("trail", [round(time_s, 3), *(round(one, 3) for one in axes)])

    def message(self, time_s: float, message: bytes) -> None:
        """A MIDI message that was sent."""
        self._append("messages", [round(time_s, 4), *message])

    def sample(self, time_s: float, values_uv: Sequence[float]) -> None:
        """One point of every channel's curve, in µV."""
        self._append("samples", [round(time_s, 3), *(round(one, 1) for one in values_uv)])

    def tell(self, name: str, value: Any) -> None:
        """A fact that replaces what was said under this name: signal, grades, votes."""
        with self._lock:
            version, old = self._facts.get(name, (0, None))
            if value != old:
                self._facts[name] = (version + 1, value)

    def since(self, place: Place) -> dict[str, Any]:
        """All that is new to who has read up to `place`, which moves on."""
        told: dict[str, Any] = {}
        with self._lock:
            for name, row in self._rows.items():
                told[name] = row.since(place.rows.get(name, 0))
                place.rows[name] = row.total
            for name, (version, value) in self._facts.items():
                if place.facts.get(name) != version:
                    told[name] = value
                    place.facts[name] = version
        return told

    def _append(self, name: str, values: list[float]) -> None:
        with self._lock:
            self._rows[name].append(values)


def votes_of(routing: Any) -> list[list[list[int]]]:
    """Coupling coefficients (regions, bands, 4) in thousandths, as plain numbers."""
    assert routing.shape == (len(REGIONS), len(BANDS), 4)
    thousandths: list[list[list[int]]] = (routing * 1000.0).round().astype(int).tolist()
    return thousandths


def _axes(p: Sequence[float]) -> tuple[float, float]:
    """Valence and arousal of a mixture."""
    return p[0] + p[3] - p[1] - p[2], p[0] + p[1] - p[2] - p[3]
