"""What is taken from others, as *hand* hears it: a clock for *mind*, controllers for the desk."""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from bridge.daw import conductor
from bridge.daw.clockin import Beat, ClockIn
from bridge.daw.controlin import ControlIn
from bridge.daw.habits import Incoming

if TYPE_CHECKING:
    from bridge.board import Board

MOST = 4096  # messages that wait to be taken; the oldest go first


class Input(Protocol):
    """Where messages come from."""

    name: str

    def take(self) -> list[tuple[float, bytes]]:
        """What came since the last time, and when."""

    def alive(self) -> bool:
        """False if what was opened has gone."""

    def close(self) -> None:
        """Let go of it."""


class RtMidiInput:
    """An input of rtmidi, which stamps a message as it comes, in a thread of its own."""

    def __init__(
        self, port: Any, name: str, clock: Callable[[], float], source: str | None = None
    ) -> None:
        self.name = name
        self._port = port
        self._clock = clock
        self._source = source  # somebody's port, which may go
        self._heard: deque[tuple[float, bytes]] = deque(maxlen=MOST)
        port.ignore_types(sysex=True, timing=False, active_sense=True)
        port.set_callback(self._hear)

    def _hear(self, event: tuple[list[int], float], _: object) -> None:
        self._heard.append((self._clock(), bytes(event[0])))

    def take(self) -> list[tuple[float, bytes]]:
        """What came since the last time, and when."""
        return [self._heard.popleft() for _ in range(len(self._heard))]

    def alive(self) -> bool:
        """Whether the port listened to is still listed; our own is."""
        try:
            return self._source is None or self._source in self._port.get_ports()
        except Exception:  # the server is no longer there to be asked
            return False

    def close(self) -> None:
        """Close the port."""
        with contextlib.suppress(Exception):  # the server may have died
            self._port.cancel_callback()
            self._port.close_port()
            self._port.delete()


class Hearing:
    """Understands what came; every method takes the time as it is."""

    def __init__(self, asked: Incoming, board: Board) -> None:
        self._board = board
        self._leads = asked.leads
        self._beat = Beat()  # where a Link session is
        self._clock = ClockIn(conductor.read(board.beat)) if asked.clock else None
        self._controls = ControlIn(asked.numbers, asked.channel) if asked.controls else None
        self._ran = False

    def push(self, messages: list[tuple[float, bytes]]) -> None:
        """Take them in order."""
        for time_s, message in messages:
            if self._clock is not None:
                self._clock.push(message, time_s)
            if self._controls is not None:
                self._controls.push(message, self._board.desk)
        if messages and self._clock is not None:
            conductor.write(self._board.beat, self._clock.beat)

    def waits(self, now_s: float) -> bool:
        """Whether there is a clock, or a session, to follow that does not run."""
        return self._leads and not self._where().runs(now_s)

    def _where(self) -> Beat:
        if self._clock is not None:
            return self._clock.beat
        self._beat = conductor.read(self._board.beat) or self._beat
        return self._beat

    def news(self, now_s: float) -> str | None:
        """A sentence when what is followed has begun to run, or no longer does."""
        if not self._leads:
            return None
        beat = self._where()
        runs = beat.runs(now_s) and (self._ran or beat.sure)
        if runs == self._ran:
            return None
        self._ran = runs
        if runs:
            return f"The clock runs ({beat.bpm:.0f} bpm): music from the next bar on."
        return "The clock has stopped; the piano waits for it."
