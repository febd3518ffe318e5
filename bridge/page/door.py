"""Where the page is: a port of this machine alone, and the token that opens it."""

from __future__ import annotations

import os
import secrets
import socket
from dataclasses import dataclass

from bridge.errors import BridgeError

HOST, PORT = "127.0.0.1", 8765
NAMES = (HOST, "localhost")  # what a browser on this machine may call it


@dataclass(frozen=True)
class Door:
    """A port and a secret; who has both may see and control."""

    port: int
    token: str

    @property
    def link(self) -> str:
        """What to open; what stands behind # is never sent, so no log and no other page has it."""
        return f"http://{HOST}:{self.port}/#{self.token}"

    @property
    def hosts(self) -> frozenset[str]:
        """What a request's Host may be."""
        return frozenset(f"{name}:{self.port}" for name in NAMES)

    @property
    def origins(self) -> frozenset[str]:
        """What a request's Origin may be."""
        return frozenset(f"http://{host}" for host in self.hosts)


def new_door(port: int | None = None) -> Door:
    """A door with a new token, at this port; without one, at the usual port or any free one.

    BridgeError if somebody has the port that was asked for.
    """
    token = secrets.token_urlsafe(16)
    try:
        with listen(PORT if port is None else port) as socket_:
            return Door(socket_.getsockname()[1], token)
    except OSError as problem:
        if port is not None:
            raise BridgeError(
                f"Port {port} cannot be had for the page ({problem.strerror}); choose another with "
                "--page-port, or --no-page."
            ) from problem
    with listen(0) as socket_:
        return Door(socket_.getsockname()[1], token)


def listen(port: int) -> socket.socket:
    """A socket that listens there; OSError if it cannot."""
    found = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        if os.name == "posix":  # elsewhere it would let two programs have one port
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind((HOST, port))
        found.listen()
    except (OSError, OverflowError):
        found.close()
        raise
    return found
