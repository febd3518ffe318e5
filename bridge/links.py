"""Who listens to our JACK port: read while we play, remade when *hand* had to be replaced.

rtmidi cannot tell, so this asks JACK itself, if JACK-Client is installed. Where it is not, or the
system is not JACK, there is nothing to remember: ALSA and CoreMIDI let the listener connect again.
"""

import contextlib
import importlib
from typing import Any

OURS = "^emocapsule(-[0-9]+)?:notes$"
CLIENT = "emocapsule-links"


class Links:
    """The connections of our virtual port."""

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
        """The ports that listen to ours; none if ours cannot be told from another program's."""
        port = self._port()
        if port is None:
            return []
        return [other.name for other in self._client.get_all_connections(port)]

    def remake(self, names: list[str]) -> None:
        """Connect ours to these again, as far as they are still there."""
        port = self._port()
        for name in names if port is not None else []:
            with contextlib.suppress(self._jack.JackError):  # gone, or connected by its owner
                self._client.connect(port.name, name)

    def _port(self) -> Any:
        if self._client is None or self.lost:
            return None
        found = self._client.get_ports(OURS, is_midi=True, is_output=True)
        return found[0] if len(found) == 1 else None

    def close(self) -> None:
        """Leave JACK."""
        if self._client is not None:
            self._client.close()
            self._client = None
