"""The process *hand*: owns the MIDI port and the ledger, sends what is due, silences everything.

It outlives the others: on the end of the pipe, a lost heartbeat of *mind*, the supervisor's death,
SIGTERM or an error of its own it releases every key before anything else. It imports no torch, mne
or scipy, sleeps plainly to absolute deadlines, and takes real-time priority where that is allowed.
"""

import contextlib
import gc
import os
import time
from collections.abc import Callable, Sequence
from functools import partial
from multiprocessing.connection import Connection

import numpy as np

from bridge.board import LISTENERS_BYTES, Board, Seat
from bridge.errors import BridgeError
from bridge.habits import Habits
from bridge.incoming import Hearing, Input
from bridge.ledger import Ledger
from bridge.player import MOST_EVENTS, Player
from bridge.portless import Nowhere
from bridge.ports import Output, open_input, open_output
from bridge.wire import RECORD_BYTES, SYSTEM, aside, to_row
from eeg.lsl import Outlet, clock

NOTES_STREAM, NOTES_TYPE = "EmocapsuleNotes", "MIDI"
NOTES_CHANNELS = ("status", "data1", "data2")
HEARTBEAT_S = 0.5  # mind silent for longer: everything ends
POLL_S = 0.010  # longest sleep, so the longest that new records wait: they come 100 ms ahead
TURN_S = 0.1  # between looks at the rest of the world
OWED_S = 60.0  # a listener that is back later connects itself
CLOSE_S = 2.0  # rtmidi waits a second for a server that has died
CHECK_S = 1.0  # between looks whether the port is still there
FAREWELL_S = 0.2  # for the last messages to reach the recorder
AGAIN_S = 2.0  # a second panic within it is harder
PRIORITY = 60  # SCHED_FIFO, below JACK's own 70
READ_AT_ONCE = 256

Publish = Callable[[bytes, float], None]
Ends = tuple[Output, Input | None]
Open = Callable[[], Ends]


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
        if self.hearing is not None and self.input is not None:
            self.hearing.push(self.input.take())
            waits = self.hearing.waits(now_s)
        if desk.panics != self._panics:
            self._panics = desk.panics
            self.silence(now_s, second=now_s - self._panicked_s < AGAIN_S)
            self._panicked_s = now_s
        mute = bool(desk.mute) or waits
        if mute and not self.player.muted:
            self._send(self.player.mute(now_s), now_s)
        self.player.muted = mute

    def play(self, now_s: float) -> None:
        """Send what is due."""
        messages = self.player.due(now_s)
        if not self._patched and any(message[0] & 0xF0 == 0x90 for message in messages):
            self._patched = True
            self._send(self._patch, now_s)
        self._send(messages, now_s)

    def silence(self, now_s: float, second: bool = False) -> None:
        """Release everything and forget what waits."""
        self._patched = False
        self._send(self.player.panic(second), now_s)
        self._send(self._ledger.silence(), now_s)

    def _send(self, messages: list[bytes], now_s: float) -> None:
        for message in messages:
            if aside(message) and message[0] < SYSTEM:
                self._values[message[:2]] = message
            self._ledger.before(message)
            self.output.send(message, now_s)
            self._ledger.after(message)
            if message[0] < SYSTEM:  # a recording has times of its own, no clock
                self._publish(message, now_s)

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
        late_ms = sorted(self.player.lateness_ms)
        if late_ms:
            board.lateness_p99_ms = late_ms[int(0.99 * (len(late_ms) - 1))]
            board.lateness_max_ms = max(board.lateness_max_ms, late_ms[-1])


def main(
    seat: Seat,
    records: Connection,
    port: str | None,
    source_id: str,
    habits: Habits | None = None,
    patient: bool = False,
) -> None:
    """Run until told to leave; `port` as in `open_output`, `source_id` names the LSL outlet.

    If `patient`, a port that is not there is waited for: a predecessor had it.
    """
    habits = habits or Habits()
    opened = partial(_open, port, habits)
    outlet = Outlet(NOTES_STREAM, NOTES_TYPE, NOTES_CHANNELS, 0.0, "MIDI", source_id)

    def publish(message: bytes, now_s: float) -> None:
        outlet.push(np.array([to_row(message)], dtype=float), np.array([now_s]))

    output, source = _patiently(seat, opened) if patient else opened()
    hearing = Hearing(habits.incoming, seat.board) if habits.incoming else None
    hand = Hand(seat.board, output, publish, habits.patch(), hearing, source)
    seat.board.fifo = _real_time()
    gc.freeze()
    seat.tell("ready", hand.output.name)
    if source is not None and habits.follows:
        seat.tell("say", f"The piano waits for the clock on {source.name}.")
    try:
        hand.inherit(clock())
        while not seat.over():
            try:
                _turn(seat, hand, records)
            except BridgeError as problem:  # the port has gone
                seat.tell("say", str(problem))
                _reopen(seat, hand, opened)
    finally:
        with contextlib.suppress(BridgeError):
            hand.silence(clock())
        hand.report()
        hand.close()
        time.sleep(FAREWELL_S)


def _turn(seat: Seat, hand: Hand, records: Connection) -> None:
    """Send what is due until it is time to look round."""
    until_s = clock() + TURN_S
    while (now_s := clock()) < until_s:
        seat.beat(now_s)
        hand.heed(now_s)
        hand.play(now_s)
        if not hand.read(records, now_s):
            seat.terminated = True
            return
        hand.watch(seat.alive_s("mind"), now_s)
        wake_s = min(now_s + POLL_S, until_s, hand.player.next_s() or until_s)
        time.sleep(max(0.0, wake_s - clock()))
    hand.report()
    if hand.hearing is not None and (news := hand.hearing.news(now_s)):
        seat.tell("say", news)
    hand.check(now_s)


def _open(port: str | None, habits: Habits) -> Ends:
    """What goes out, and what comes in if anything does. BridgeError if it cannot be had."""
    output = open_output(port, habits.aside)
    if habits.incoming is None:
        return output, None
    try:
        return output, open_input(clock, habits.incoming.port)
    except BridgeError:
        output.close()
        raise


def _reopen(seat: Seat, hand: Hand, opened: Open) -> None:
    """Wait until the port is back or it is time to leave; nothing old is played then."""
    hand.player.panic()
    seat.beat(clock() + CLOSE_S)
    hand.close()
    hand.output, hand.input = _patiently(seat, opened)
    with contextlib.suppress(BridgeError):  # gone again: the next turn finds out
        hand.inherit(clock())
    seat.tell("say", f"The MIDI port {hand.output.name} is open again.")


def _patiently(seat: Seat, opened: Open) -> Ends:
    """The ports, as soon as they are there; nowhere, if it is time to leave before."""
    while True:
        seat.beat(clock())
        try:
            return opened()
        except BridgeError:
            if seat.over():
                return Nowhere(), None
            time.sleep(TURN_S)


def _real_time() -> bool:
    """SCHED_FIFO for this thread, where the system permits it."""
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(PRIORITY))
    except (AttributeError, OSError):
        return False
    return True
