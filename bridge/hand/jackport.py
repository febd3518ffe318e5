"""Ports that are exact to the sample: JACK-Client writes each message at the frame it belongs to.

rtmidi puts a message at the beginning of JACK's next period, so its jitter is a period: good at 128
frames, heard at 1024. Here messages come a period early with the time they are due, wait in a
queue, and are written by JACK's own thread in the cycle in which that time lies. JACK-Client is an
optional dependency (`pip install emocapsule[jack]`).
"""

import importlib
import time
from collections import deque
from types import ModuleType
from typing import Any

from bridge.errors import BridgeError
from bridge.hand.ledger import Ledger
from bridge.hand.links import Links
from bridge.wire import aside
from eeg.lsl import clock

SPARE_S = 0.010  # beyond a period, for a hand that wakes late
STALLED_S = 1.0  # a message overdue by so much: the server runs no cycles
FLUSH_S = 0.5  # for what was sent to be written before the port closes


class JackPort:
    """The ports `notes` and, for `control`, `control` of one JACK client.

    `ledger` is marked when a message has really been written. BridgeError if JACK cannot be had,
    saying what to do.
    """

    def __init__(self, client: str, names: list[str], ledger: Ledger) -> None:
        self._ledger = ledger
        self.lateness_ms: deque[float] = deque(maxlen=200)  # of what was written last
        self._queue: deque[tuple[float, bytes]] = deque()  # in order of time
        self._ports: list[Any] = []
        self._lost = False
        jack = _jack()
        try:
            self._client: Any = jack.Client(client, no_start_server=True)
            self._client.set_shutdown_callback(self._lose)
            self._client.set_process_callback(self._write)
            self._client.set_blocksize_callback(self._measure)
            self._measure(self._client.blocksize)
            self._client.activate()  # before there are ports: they can be connected at once
            self._ports += [self._client.midi_outports.register(name) for name in names]
        except jack.JackError as problem:
            raise BridgeError(
                f"JACK does not answer ({problem}); start it, or leave --port jack out."
            ) from problem
        self.name = f"{self._client.name}:{names[0]} (JACK, sample-exact)"
        self._links = Links()

    def _lose(self, status: Any, reason: str) -> None:
        self._lost = True

    def _measure(self, frames: int) -> None:
        self.ahead_s = frames / self._client.samplerate + SPARE_S

    def send(self, message: bytes, time_s: float) -> None:
        """Keep it until its cycle comes; `time_s` must not run backwards. BridgeError if gone."""
        if self._lost:
            raise BridgeError(f"The MIDI port {self.name} has gone (the JACK server ended).")
        self._queue.append((time_s, message))

    def _write(self, frames: int) -> None:
        """One cycle, in JACK's thread: what is due goes to its frame, what is late at once."""
        for port in self._ports:
            port.clear_buffer()
        if not self._queue:
            return
        rate_hz = self._client.samplerate
        begin_s = clock() - self._client.frames_since_cycle_start / rate_hz
        last = 0
        while self._queue:
            time_s, message = self._queue[0]
            frame = round((time_s - begin_s) * rate_hz)
            if frame >= frames:
                return
            last = max(frame, last)
            self.lateness_ms.append(1000.0 * max(0, last - frame) / rate_hz)
            self._ledger.before(message)
            self._ports[-1 if aside(message) else 0].write_midi_event(last, message)
            self._ledger.after(message)
            self._queue.popleft()

    def alive(self) -> bool:
        """Whether the server still runs its cycles."""
        waits = self._queue[0][0] if self._queue else clock()
        return not self._lost and waits > clock() - STALLED_S

    def listeners(self) -> list[str]:
        """Who is connected to our ports."""
        return self._links.names()

    def connect(self, listeners: list[str]) -> None:
        """Connect them again."""
        self._links.remake(listeners)

    def close(self) -> None:
        """Close the ports; what was sent before is delivered."""
        until_s = clock() + FLUSH_S
        while self._queue and not self._lost and clock() < until_s:
            time.sleep(self.ahead_s)
        self._links.close()
        self._client.close()


def _jack() -> ModuleType:
    try:
        return importlib.import_module("jack")
    except ImportError as problem:
        raise BridgeError(
            "--port jack needs JACK-Client; run 'pip install emocapsule[jack]'."
        ) from problem
    except OSError as problem:
        raise BridgeError(
            f"--port jack needs the JACK library, which is not there ({problem}); install JACK."
        ) from problem
