"""What *hand* does: owns the MIDI port and the ledger, sends what is due, silences everything."""

from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection

from bridge.board import LISTENERS_BYTES, Board
from bridge.daw.incoming import Hearing, Input
from bridge.errors import BridgeError
from bridge.hand.ledger import Ledger
from bridge.hand.output import Output
from bridge.hand.player import MOST_EVENTS, Player
from bridge.wire import RECORD_BYTES, SYSTEM, aside

NOTES_STREAM, NOTES_TYPE = "EmocapsuleNotes", "MIDI"
NOTES_CHANNELS = ("status", "data1", "data2")
HEARTBEAT_S = 0.4  # mind silent for longer: everything ends, within half a second of the last beat
OWED_S = 60.0  # a listener that is back later connects itself
CHECK_S = 1.0  # between looks whether the port is still there
AGAIN_S = 2.0  # a second panic within it is harder
READ_AT_ONCE = 256

Publish = Callable[[bytes, float], None]


class Hand:
    """Player, ledger and port together; every method takes the time as it is.

    `patch`: messages that set the instrument. They go before the first note, and before the next
    one after a silence or when somebody new listens; who is new is told every controller, too.
    `hearing`: what to make of what comes in on `input`, if anything does.
    """

    def __init__(
        self,
        board: Board,
        output: Output,
        publish: Publish,
        patch: Sequence[bytes] = (),
        hearing: Hearing | None = None,
        source: Input | None = None,
    ) -> None:
        self.player = Player()
        self.output = output
        self.input = source
        self.hearing = hearing
        self._board = board
        self._ledger = Ledger(board.ledger)
        self._publish = publish
        self._patch = list(patch)
        self._patched = False
        self._values: dict[bytes, bytes] = {}  # the last of each controller of emotion
        self._heard_by: set[str] = set()
        self._epoch = board.epoch
        self._panics = board.desk.panics
        self._panicked_s = -AGAIN_S
        self._latest_s = 0.0  # what is sent later is never due earlier
        self._checked_s = 0.0
        self._owed: list[str] = []  # listeners to connect again as soon as they are there
        self._owed_until_s = 0.0

    def inherit(self, now_s: float) -> None:
        """Reach whom a killed predecessor reached, and silence what it left on the board."""
        self._patched = False
        self._owed = self._board.listeners.decode().splitlines()
        self._owed_until_s = now_s + OWED_S
        self._reach(now_s)
        self._send(self._ledger.silence(), now_s)

    def read(self, records: Connection, now_s: float) -> bool:
        """Take what waits in the pipe, not more than fits. False at the end of the pipe."""
        for _ in range(READ_AT_ONCE):
            if self.player.waiting() >= MOST_EVENTS or not records.poll():
                return True
            try:
                record = records.recv_bytes(RECORD_BYTES)
            except (EOFError, OSError):
                return False
            self.player.read(record, now_s, self._epoch)
        return True

    def watch(self, mind_alive_s: float, now_s: float) -> None:
        """Silence everything if mind is another one now, or has not been heard for too long."""
        if self._board.epoch != self._epoch:
            self._epoch = self._board.epoch
            self.silence(now_s)
        elif mind_alive_s and now_s - mind_alive_s > HEARTBEAT_S and self.player.busy():
            self.silence(now_s)

    def heed(self, now_s: float) -> None:
        """Mute and panic, as the desk says; a panic soon after another is the harder one.

        A DAW that is followed and has stopped mutes, too.
        """
        desk, waits = self._board.desk, False
        if self.hearing is not None:
            if self.input is not None:
                self.hearing.push(self.input.take())
            waits = self.hearing.waits(now_s)
        if desk.panics != self._panics:
            self._panics = desk.panics
            self.silence(now_s, second=now_s - self._panicked_s < AGAIN_S)
            self._panicked_s = now_s
        mute = bool(desk.mute) or waits
        if mute and not self.player.muted:
            self._send(self.player.mute(self._latest(now_s)), now_s)
        self.player.muted = mute

    def play(self, now_s: float) -> None:
        """Send what is due, as long before its time as the port wants it."""
        until_s = now_s + self.output.ahead_s
        while (next_s := self.player.next_s()) is not None and next_s <= until_s:
            due_s = self._latest(max(next_s, now_s))
            messages = self.player.due(due_s)
            if not self._patched and any(message[0] & 0xF0 == 0x90 for message in messages):
                self._patched = True
                self._send(self._patch, due_s)
            self._send(messages, due_s)

    def next_s(self) -> float | None:
        """When to play next; None when nothing waits."""
        next_s = self.player.next_s()
        return None if next_s is None else next_s - self.output.ahead_s

    def _latest(self, time_s: float) -> float:
        """`time_s`, or the latest time before that something was sent for."""
        self._latest_s = max(time_s, self._latest_s)
        return self._latest_s

    def silence(self, now_s: float, second: bool = False) -> None:
        """Release everything and forget what waits."""
        self._patched = False
        self._send(self.player.panic(second), now_s)
        self._send(self._ledger.silence(), now_s)

    def _send(self, messages: list[bytes], time_s: float) -> None:
        if messages:
            time_s = self._latest(time_s)
        for message in messages:
            if aside(message) and message[0] < SYSTEM:
                self._values[message[:2]] = message
            self._ledger.before(message)
            self.output.send(message, time_s)
            if not self.output.ahead_s:
                self._ledger.after(message)
            if message[0] < SYSTEM:  # a recording has times of its own, no clock
                self._publish(message, time_s)

    def check(self, now_s: float) -> None:
        """Now and then: note who listens. BridgeError if the port is no longer there."""
        if now_s - self._checked_s < CHECK_S:
            return
        self._checked_s = now_s
        for end in (self.output, self.input):
            if end is not None and not end.alive():
                raise BridgeError(f"The MIDI port {end.name} has gone; waiting for it.")
        self._reach(now_s)

    def _reach(self, now_s: float) -> None:
        """Note who listens, and connect those again who were lost with the port."""
        if self._owed and now_s < self._owed_until_s:
            self.output.connect(self._owed)
        else:
            self._owed = []
        there = self.output.listeners()
        if not set(there) <= self._heard_by:
            self._patched = False
            self._send([*self._values.values()], now_s)
        self._heard_by = set(there)
        self._owed = [one for one in self._owed if one not in there]
        noted = "\n".join([*there, *self._owed]).encode()
        if len(noted) < LISTENERS_BYTES:
            self._board.listeners = noted

    def close(self) -> None:
        """Let go of the ports."""
        for end in (self.output, self.input):
            if end is not None:
                end.close()

    def report(self) -> None:
        """Put the counts on the board."""
        board, counts = self._board, self.player.counts
        board.notes, board.late, board.merged = counts.notes, counts.late, counts.merged
        board.refused, board.panics = counts.refused, counts.panics
        late_ms = sorted(self.output.lateness_ms or self.player.lateness_ms)
        if late_ms:
            board.lateness_p99_ms = late_ms[int(0.99 * (len(late_ms) - 1))]
            board.lateness_max_ms = max(board.lateness_max_ms, late_ms[-1])
