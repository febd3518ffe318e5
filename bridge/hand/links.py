"""Who listens to our JACK ports: read while we play, remade when *hand* had to be replaced.

rtmidi cannot tell, so this asks JACK itself, if JACK-Client is installed. Where it is not, or the
system is not JACK, there is nothing to remember: ALSA and CoreMIDI let the listener connect again.
"""

import contextlib
import importlib
import time
from typing import Any

OURS = (
    "^emocapsule(-[0-9]+)?:notes$",
    "^emocapsule(-control)?(-[0-9]+)?:control$",  # sample-exact ports are one client's
    "^emocapsule-in(-[0-9]+)?:in$",
)
CLIENT = "emocapsule-links"
LOOK_S = 0.005


def crowded() -> bool:
    """Whether JACK has more than one client called as ours is: then ours bear a number."""
    links = Links()
    try:
        return links.crowd() > 1
    finally:
        links.close()


def vacant(most_s: float) -> None:
    """Wait until JACK has no port called as ours is: else we would not get the name, nor know which
    connections were ours.
    """
    links, until_s = Links(), time.monotonic() + most_s
    try:
        while links.crowd() and time.monotonic() < until_s:
            time.sleep(LOOK_S)
    finally:
        links.close()


class Links:
    """The connections of our virtual ports."""

    def __init__(self) -> None:
        self.lost = False  # the server has died; rtmidi itself would go on as if nothing were
        self._client: Any = None
        try:
            self._jack: Any = importlib.import_module("jack")
        except (ImportError, OSError):  # neither JACK-Client nor libjack need be there
            return
        try:
            client = self._jack.Client(CLIENT, no_start_server=True)
        except self._jack.JackError:  # no server
            return
        client.set_shutdown_callback(lambda status, reason: setattr(self, "lost", True))
        self._client = client

    def names(self) -> list[str]:
        """Each at the other end: which of our ports it is on (its place in OURS), a tab, its name.

        A port of ours that cannot be told from another program's has none.
        """
        try:
            return [
                f"{place}\t{other.name}"
                for place, pattern in enumerate(OURS)
                for port in self._port(pattern)
                for other in self._client.get_all_connections(port)
            ]
        except self._jack.JackError:  # the server dies at this moment
            return []

    def remake(self, names: list[str]) -> None:
        """Connect ours to these again, as far as they are still there."""
        for name in names:
            place, _, other = name.partition("\t")
            for port in self._port(OURS[int(place)]):
                with contextlib.suppress(self._jack.JackError):  # gone, or connected by its owner
                    ends = (port.name, other) if port.is_output else (other, port.name)
                    self._client.connect(*ends)

    def crowd(self) -> int:
        """How many ports are called as that of our notes is."""
        return len(self._called(OURS[0]))

    def _port(self, pattern: str) -> list[Any]:
        """Our port, if it is there, and alone."""
        found = self._called(pattern)
        return found if len(found) == 1 else []

    def _called(self, pattern: str) -> list[Any]:
        if self._client is None or self.lost:
            return []
        try:
            return list(self._client.get_ports(pattern, is_midi=True))
        except self._jack.JackError:  # one of them went while it was looked up
            return []

    def close(self) -> None:
        """Leave JACK."""
        if self._client is not None:
            self._client.close()
            self._client = None
