"""The process *osc*: emotion, state and notes as OSC messages over UDP, for whoever wants them.

    /emocapsule/emotion        valence arousal confidence quality   as the capsule says, each time
    /emocapsule/probabilities  q1 q2 q3 q4                          likewise
    /emocapsule/note           "on" pitch velocity duration_s       when the note is due
    /emocapsule/state          signal mood                          on change, and each second

It is a process of its own, reads the board and overhears *mind*, and nobody ever waits for it: a
host that cannot be reached, or a name that nobody knows, costs the music nothing.
"""

import heapq
import socket
import time
from collections.abc import Callable
from multiprocessing.connection import Connection

from pythonosc.udp_client import SimpleUDPClient

from bridge.board import MOODS, SIGNALS, Board, Seat
from bridge.errors import BridgeError
from bridge.hand.player import LATE_S, LONGEST_S, MOST_EVENTS
from bridge.wire import RECORD_BYTES, TimedNote, decode
from eeg.lsl import clock

POLL_S = 0.010
STATE_S = 1.0  # the state is told so often even if it stays
RETRY_S = 5.0  # between two attempts to find a host by its name

Argument = str | int | float
Send = Callable[[str, list[Argument]], None]


class Voice:
    """The pure core: records and the board in, messages out; the time is an argument."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._heap: list[tuple[float, int, int, float]] = []  # on_s, pitch, velocity, duration_s
        self._capsules = 0
        self._state: tuple[str, str] | None = None
        self._state_s = 0.0

    def hear(self, record: bytes) -> None:
        """One record of the wire; only notes are of interest."""
        try:
            event, _ = decode(record)
        except BridgeError:
            return
        if isinstance(event, TimedNote) and len(self._heap) < MOST_EVENTS:
            duration_s = min(event.off_s - event.on_s, LONGEST_S)
            heapq.heappush(self._heap, (event.on_s, event.pitch, event.velocity, duration_s))

    def next_s(self) -> float | None:
        """When the next note is due."""
        return self._heap[0][0] if self._heap else None

    def play(self, now_s: float) -> None:
        """Tell the notes that are due; too late ones are dropped, as on the MIDI port."""
        while self._heap and self._heap[0][0] <= now_s:
            on_s, pitch, velocity, duration_s = heapq.heappop(self._heap)
            if now_s - on_s <= LATE_S:
                self._send("/emocapsule/note", ["on", pitch, velocity, duration_s])

    def look(self, board: Board, now_s: float) -> None:
        """Tell what is new on the board."""
        number = board.capsules
        emotion: list[Argument] = [board.valence, board.arousal, board.confidence, board.quality]
        probabilities: list[Argument] = list(board.probabilities)
        if number != self._capsules and number == board.capsules:  # else ear was writing: next time
            self._capsules = number
            self._send("/emocapsule/emotion", emotion)
            self._send("/emocapsule/probabilities", probabilities)
        state = (SIGNALS[board.signal], MOODS[board.mood])
        if state != self._state or now_s - self._state_s >= STATE_S:
            self._state, self._state_s = state, now_s
            self._send("/emocapsule/state", [*state])


class Line:
    """The way to one host. What cannot be sent is forgotten; `say` is told once, and on return."""

    def __init__(self, host: str, port: int, say: Callable[[str], None]) -> None:
        self.name = f"{host}:{port}"
        self._where = (host, port)
        self._say = say
        self._client: SimpleUDPClient | None = None
        self._failing = False
        self._tried_s = -RETRY_S

    def open(self, now_s: float) -> None:
        """Find the host, if that is still to be done; a lookup may take seconds."""
        if self._client is not None or now_s - self._tried_s < RETRY_S:
            return
        self._tried_s = now_s
        try:
            found = socket.getaddrinfo(*self._where, type=socket.SOCK_DGRAM)
            found.sort(key=lambda one: one[0] != socket.AF_INET)  # as those who listen mostly do
            self._client = SimpleUDPClient(str(found[0][4][0]), self._where[1])
        except OSError as problem:
            self._fails(problem)

    def send(self, address: str, arguments: list[Argument]) -> None:
        """Send one message, if that is possible."""
        if self._client is None:
            return
        try:
            self._client.send_message(address, arguments)
        except OSError as problem:
            self._fails(problem)
            return
        if self._failing:
            self._failing = False
            self._say(f"OSC reaches {self.name} again.")

    def close(self) -> None:
        """Let go of it."""
        if self._client is not None:
            self._client.close()

    def _fails(self, problem: OSError) -> None:
        if not self._failing:
            self._failing = True
            why = problem.strerror or problem
            self._say(f"OSC does not reach {self.name} ({why}); the music goes on.")


def main(seat: Seat, records: Connection, host: str, port: int) -> None:
    """Run until told to leave; `records` brings what *mind* tells *hand*."""
    line = Line(host, port, lambda sentence: seat.tell("say", sentence))
    voice = Voice(line.send)
    seat.tell("ready", line.name)
    while not seat.over():
        now_s = clock()
        seat.beat(now_s)
        line.open(now_s)
        while records.poll():
            try:
                voice.hear(records.recv_bytes(RECORD_BYTES))
            except (EOFError, OSError):
                return
        voice.play(clock())
        voice.look(seat.board, clock())
        wake_s = min(now_s + POLL_S, voice.next_s() or now_s + POLL_S)
        time.sleep(max(0.0, wake_s - clock()))
    line.close()
