"""A board's samples as an LSL stream: in order of the channels, on LSL's clock, come what may."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from eeg import lsl
from eeg.errors import EegError
from eeg.signal import Chunk
from eeg.watch import LOST_S, STALE_S

Floats = NDArray[np.float64]

TICK_S = 1 / 64  # between two looks at the board
RETRY_S = 3.0  # between two attempts to reach a board that was lost
CLOCK_SET_S = 0.05  # the system's clock has been set if it is off by more than this


@dataclass(frozen=True)
class Numbering:
    """How a board counts its packages, learned as they come, and how many never came.

    Boards count in ways of their own: by ones up to 255 (Cyton), odd numbers only (Daisy), twelve
    samples under one number up to 65535 (Muse), from 101 to 200 (Ganglion). So the step is the
    least that was seen, and the turn goes from the highest seen to the lowest: what is counted as
    lost was lost, but more may have been, while numbers are still new.
    """

    last: int | None = None
    step: int = 0  # 0: not known yet
    lowest: int = 0
    highest: int = 0
    lost: int = 0

    def after(self, number: int) -> Numbering:
        """Having seen one more number."""
        if self.last is None:
            return replace(self, last=number, lowest=number, highest=number)
        lowest, highest = min(self.lowest, number), max(self.highest, number)
        ahead = number - self.last
        step, lost = self.step, self.lost
        if ahead > 0:
            step = min(step or ahead, ahead)
            lost += ahead // step - 1
        elif ahead < 0 and step:
            lost += (highest - self.last) // step + (number - lowest) // step
        return Numbering(number, step, lowest, highest, lost)


@dataclass(frozen=True)
class RowsState:
    """Everything that `Rows` remembers."""

    numbering: Numbering
    doubled: int
    samples: int
    offset_s: float | None
    before: Floats | None


class Rows:
    """Rows of a board → chunks. Pure: both clocks are arguments.

    BrainFlow stamps each sample with the system's clock when it reads it, so one offset brings it
    to LSL's. It is kept until the system's clock is set, which shows as a jump; stamps are not
    smoothed, but none lies ahead of the clock. A sample that is the one before it once more, number
    and stamp included, is left out and counted.

    Parameters
    ----------
    rows: of each channel in order of the channels; microvolts, which is what BrainFlow gives.
    package_row, stamp_row: of package numbers, and of seconds since 1970.
    """

    def __init__(self, rows: Sequence[int], package_row: int, stamp_row: int) -> None:
        self._wanted = [package_row, stamp_row, *rows]
        self.restore(RowsState(Numbering(), 0, 0, None, None))

    def state(self) -> RowsState:
        """A copy of what is remembered."""
        return RowsState(self._numbering, self.doubled, self.samples, self._offset_s, self._before)

    def restore(self, state: RowsState) -> None:
        """Go on from a copied state."""
        self._numbering, self.doubled, self.samples = state.numbering, state.doubled, state.samples
        self._offset_s, self._before = state.offset_s, state.before

    def restart(self) -> None:
        """The board counts anew; what was lost and doubled so far stays counted."""
        self._numbering = Numbering(lost=self._numbering.lost)
        self._before = None

    @property
    def lost(self) -> int:
        """Packages that never came, at least."""
        return self._numbering.lost

    def push(self, data: Floats, system_s: float, now_s: float) -> list[Chunk]:
        """At most one chunk of what a board gave (row, sample), at that time on both clocks."""
        data = data[self._wanted]
        before = data[:, :0] if self._before is None else self._before
        together = np.hstack([before, data])
        again = np.zeros(together.shape[1], dtype=bool)
        again[1:] = (together[:, 1:] == together[:, :-1]).all(axis=0)
        data = data[:, ~again[before.shape[1] :]]
        self.doubled += int(again.sum())
        if not data.shape[1]:
            return []
        self._before = data[:, -1:].copy()
        self.samples += data.shape[1]
        for number in data[0][np.isfinite(data[0])]:
            self._numbering = self._numbering.after(int(number))
        times_s = np.minimum(data[1] + self._offset(system_s, now_s), now_s)
        return [Chunk(np.ascontiguousarray(data[2:].T), times_s)]

    def flush(self) -> list[Chunk]:
        """Nothing is held back."""
        return []

    def _offset(self, system_s: float, now_s: float) -> float:
        offset_s = now_s - system_s
        if self._offset_s is None or abs(offset_s - self._offset_s) > CLOCK_SET_S:
            self._offset_s = offset_s
        return self._offset_s


class Source(Protocol):
    """What is needed of an open board; `eeg.boards.Session` is one."""

    def pull(self) -> Floats:
        """What has come (row, sample). EegError if the board is gone."""

    def close(self) -> None:
        """Let go of it."""


class Bridge:
    """A board and the stream it becomes. A board that falls silent is reached for again and again.

    The stream stays while the board is away, and goes on as the same when it is back.

    Parameters
    ----------
    name: of the board, for what is told.
    board, connect: the open board, and what opens it anew; EegError if it cannot be reached.
    tell: is given a sentence whenever something happens that a person should know.
    """

    def __init__(
        self,
        name: str,
        board: Source,
        connect: Callable[[], Source],
        rows: Rows,
        outlet: lsl.Outlet,
        tell: Callable[[str], None],
        clock: Callable[[], float] = lsl.clock,
        system_clock: Callable[[], float] = time.time,
    ) -> None:
        self.losses = 0
        self._name, self._connect, self._rows = name, connect, rows
        self._outlet, self._tell, self._clock, self._system = outlet, tell, clock, system_clock
        self._told = ""
        self._board: Source | None = board
        self._heard_s = self._since_s = clock()  # the last sample; the connection
        self._retry_s = 0.0

    def step(self) -> None:
        """Pass on what has come, and see to the connection."""
        if self._board is None:
            if self._clock() >= self._retry_s:
                self._reach()
            return
        try:
            data = self._board.pull()
        except EegError as problem:
            self._lose(str(problem))
            return
        now_s = self._clock()
        for chunk in self._rows.push(data, self._system(), now_s):
            self._outlet.push(chunk.samples_uv, chunk.times_s)
            if self._told:
                self._tell(f"{self._name} sends again after {now_s - self._heard_s:.0f} s.")
            self._told, self._heard_s = "", now_s
        self._watch(now_s)

    def _watch(self, now_s: float) -> None:
        """Say that a board is silent, and give it up later; one just opened has twice the time."""
        patience = 1 if self._heard_s > self._since_s else 2
        silent_s = now_s - max(self._heard_s, self._since_s)
        if silent_s > patience * LOST_S:
            self._lose("")
        elif silent_s > patience * STALE_S and not self._told:
            self._say(f"{self._name} sends nothing; see that it is on, charged and near")

    def run(
        self, stop: Callable[[], bool] = lambda: False, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        """Do that until told to stop; lets go of the board however it ends."""
        try:
            while not stop():
                self.step()
                sleep(TICK_S)
        finally:
            self.close()

    def close(self) -> None:
        """Let go of the board."""
        if self._board is not None:
            self._board.close()
            self._board = None

    def _lose(self, why: str) -> None:
        self.losses += 1
        self.close()
        self._retry_s = self._clock()
        if why:
            self._say(why)

    def _reach(self) -> None:
        try:
            self._board = self._connect()
        except EegError as problem:
            self._say(str(problem))
            self._retry_s = self._clock() + RETRY_S
            return
        self._rows.restart()
        self._since_s = self._clock()

    def _say(self, sentence: str) -> None:
        if sentence != self._told:
            self._told = sentence
            self._tell(f"{sentence}; it is tried again and again.")
