"""Samples into overlapping windows at exact positions; here is the one transpose of the package."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Window:
    """A stretch of samples of constant length."""

    values: Floats  # (column, time)
    end_s: float  # stamp of the last sample
    span_s: float  # from the first stamp to the last: longer than it should be if samples are lost
    gap: bool  # the first window after an interruption


@dataclass(frozen=True)
class WindowState:
    """Everything that `Windows` remembers."""

    values: Floats  # (time, column)
    times_s: Floats  # (time,)
    seen: int
    emitted: int
    gap: bool


class Windows:
    """Cuts windows of `window_s` every `hop_s`.

    Window k ends after sample `size + round(k · hop · rate)`: the position is computed, not
    accumulated, so 62.5 samples a hop stay 62.5 on the average for ever.
    """

    def __init__(self, rate_hz: float, columns: int, window_s: float, hop_s: float) -> None:
        self.size = round(window_s * rate_hz)
        self._hop = hop_s * rate_hz
        self._columns = columns
        self.reset()

    def reset(self, gap: bool = False) -> None:
        """Forget everything; with `gap`, say so in the next window."""
        self._parts: list[tuple[Floats, Floats]] = []  # newest samples, not yet stacked
        self._values, self._times_s = np.empty((0, self._columns)), np.empty(0)
        self._seen = self._emitted = 0
        self._gap = gap

    def state(self) -> WindowState:
        """A copy of what is remembered."""
        self._stack()
        return WindowState(
            self._values.copy(), self._times_s.copy(), self._seen, self._emitted, self._gap
        )

    def restore(self, state: WindowState) -> None:
        """Go on from a copied state."""
        self._parts = []
        self._values, self._times_s = state.values.copy(), state.times_s.copy()
        self._seen, self._emitted, self._gap = state.seen, state.emitted, state.gap

    def push(self, values: Floats, times_s: Floats) -> list[Window]:
        """Take values (time, column) with their stamps (time,); give the windows they complete."""
        self._parts.append((values, times_s))
        self._seen += len(times_s)
        if self._next_end() > self._seen:
            return []
        self._stack()
        windows = []
        while (end := self._next_end()) <= self._seen:
            windows.append(self._cut(end - self._seen + len(self._times_s)))
            self._emitted += 1
            self._gap = False
        drop = len(self._times_s) - (self._seen - (self._next_end() - self.size))
        self._values, self._times_s = self._values[drop:], self._times_s[drop:]
        return windows

    def _stack(self) -> None:
        self._values = np.vstack([self._values, *(values for values, _ in self._parts)])
        self._times_s = np.concatenate([self._times_s, *(times for _, times in self._parts)])
        self._parts = []

    @property
    def missing(self) -> int:
        """How many more samples complete the next window."""
        return self._next_end() - self._seen

    def _next_end(self) -> int:
        """Number of samples after which the next window is complete."""
        return self.size + int(np.floor(self._emitted * self._hop + 0.5))

    def _cut(self, stop: int) -> Window:
        times_s = self._times_s[stop - self.size : stop]
        values = np.ascontiguousarray(self._values[stop - self.size : stop].T)
        return Window(values, float(times_s[-1]), float(times_s[-1] - times_s[0]), self._gap)
