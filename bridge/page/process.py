"""The process *page*: serves the web page; nobody needs it, so it may be killed in a concert.

Two threads: the main one takes what comes over LSL, the server's answers the browsers. Whoever
starts it knows of this file, so what takes long to import is imported when it runs.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from bridge.board import Seat
from bridge.errors import BridgeError
from bridge.page.door import Door, listen
from bridge.page.told import About, Teller
from eeg.lsl import clock

if TYPE_CHECKING:
    from starlette.types import ASGIApp

PULL_S = 0.05
FAREWELL_S = 0.15  # for browsers to be told that it is over
LEAVE_S = 1.0


class Server:
    """Serves an application from a thread of its own. BridgeError if the port cannot be had."""

    def __init__(self, app: ASGIApp, door: Door) -> None:
        import uvicorn

        from bridge.page.server import MOST_BYTES

        try:
            self._socket = listen(door.port)
        except OSError as problem:
            raise BridgeError(f"The page lost its port {door.port} ({problem.strerror}).") from None
        self._server = uvicorn.Server(
            uvicorn.Config(
                app, http="h11", ws="websockets-sansio", lifespan="off", log_level="critical",
                access_log=False, server_header=False, ws_max_size=MOST_BYTES,
                ws_per_message_deflate=False, timeout_graceful_shutdown=1,
            )
        )  # fmt: skip
        self._thread = threading.Thread(
            target=self._server.run, args=([self._socket],), name="server", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """End it; browsers see their connection go."""
        self._server.should_exit = True
        self._thread.join(LEAVE_S)
        self._socket.close()


def main(
    seat: Seat,
    stream: str | None,
    capsules_from: str,
    notes_from: str,
    door: Door,
    about: About,
) -> None:
    """Run until told to leave. `stream`: the EEG's; the other ids name our own streams."""
    from bridge.page.feed import Feed
    from bridge.page.server import new_app

    feed = Feed(stream, capsules_from, notes_from)
    board = seat.board
    server = Server(new_app(door, board.desk, lambda: Teller(board, feed.story, about)), door)
    seat.tell("ready", door.link)
    while not seat.over():
        now_s = clock()
        seat.beat(now_s)
        feed.pull(board, now_s)
        time.sleep(max(0.0, now_s + PULL_S - clock()))
    time.sleep(FAREWELL_S)
    server.close()
