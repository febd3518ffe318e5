"""A process that has imported everything and waits for its cue: who replaces *hand* has no time.

To start Python and import what *hand* needs takes half a second, in which a key that a killed hand
left down sounds on.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from bridge.board import Seat, orphaned

LOOK_S = 0.5  # between two looks whether it is still needed


@dataclass
class Understudy:
    """The process, its line to the supervisor, and where its cue is given."""

    process: Any
    line: Connection
    cue: Connection

    def enter(self) -> bool:
        """Let it play; False if it is not there to do so."""
        with contextlib.suppress(OSError):
            if self.process.is_alive():
                self.cue.send_bytes(b"now")
                return True
        return False

    def dismiss(self) -> None:
        """It is not needed; it holds nothing."""
        self.process.kill()
        self.process.join()


def waits(seat: Seat, cue: Connection, body: Callable[..., None], *arguments: Any) -> None:
    """The body of such a process: to unpickle `body` was to import what it needs."""
    while not cue.poll(LOOK_S):
        if seat.terminated or orphaned():
            return
    body(seat, *arguments)
