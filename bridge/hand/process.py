"""The process *hand*: sends what is due to absolute deadlines and waits for a port that has gone.

It outlives the others: on the end of the pipe, a lost heartbeat of *mind*, the supervisor's death,
SIGTERM or an error of its own it releases every key before anything else. It imports no torch, mne
or scipy, sleeps plainly to absolute deadlines, and takes real-time priority where that is allowed.
"""

import contextlib
import gc
import os
import time
from collections.abc import Callable
from functools import partial
from multiprocessing.connection import Connection

import numpy as np

from bridge.board import Board, Seat
from bridge.daw.habits import Habits
from bridge.daw.incoming import Hearing, Input
from bridge.errors import BridgeError
from bridge.hand.core import NOTES_CHANNELS, NOTES_STREAM, NOTES_TYPE, Hand
from bridge.hand.ledger import Ledger
from bridge.hand.links import crowded, vacant
from bridge.hand.output import Output
from bridge.hand.portless import Nowhere
from bridge.hand.ports import JACK, open_input, open_output
from bridge.wire import to_row
from eeg.lsl import Outlet, clock

POLL_S = 0.010  # longest sleep, so the longest that new records wait: they come 100 ms ahead
TURN_S = 0.1  # between looks at the rest of the world
VACANT_S = 0.5  # for JACK to clear a killed predecessor's ports away; another's may stay
OPEN_S = 1.0  # JACK takes its time under load
CLOSE_S = 2.0  # rtmidi waits a second for a server that has died
FAREWELL_S = 0.2  # for the last messages to reach the recorder
CROWDED = (
    "Another program has MIDI ports called emocapsule, so those of this one bear a number "
    "(emocapsule-01:notes): connect them by it; a port that is lost is not connected again."
)
PRIORITY = 60  # SCHED_FIFO, below JACK's own 70

Ends = tuple[Output, Input | None]
Open = Callable[[], Ends]


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
    opened = partial(_open, port, habits, seat.board)
    outlet = Outlet(NOTES_STREAM, NOTES_TYPE, NOTES_CHANNELS, 0.0, "MIDI", source_id)

    def publish(message: bytes, now_s: float) -> None:
        outlet.push(np.array([to_row(message)], dtype=float), np.array([now_s]))

    if patient and port in (None, JACK):
        seat.beat(clock() + OPEN_S)
        vacant(VACANT_S)
    output, source = _patiently(seat, opened) if patient else opened()
    hearing = Hearing(habits.incoming, seat.board) if habits.incoming else None
    hand = Hand(seat.board, output, publish, habits.patch(), hearing, source)
    seat.board.fifo = _real_time()
    gc.freeze()
    seat.tell("ready", hand.output.name)
    if port in (None, JACK) and not patient and crowded():
        seat.tell("say", CROWDED)
    if source is not None and habits.incoming and habits.incoming.clock:
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
        wake_s = min(now_s + POLL_S, until_s, hand.next_s() or until_s)
        time.sleep(max(0.0, wake_s - clock()))
    hand.report()
    if hand.hearing is not None and (news := hand.hearing.news(now_s)):
        seat.tell("say", news)
    hand.check(now_s)


def _open(port: str | None, habits: Habits, board: Board) -> Ends:
    """What goes out, and what comes in if anything does. BridgeError if it cannot be had."""
    output = open_output(port, habits.aside, Ledger(board.ledger))
    if habits.incoming is None or not habits.incoming.heard:
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
        seat.beat(clock() + OPEN_S)
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
