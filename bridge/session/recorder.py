"""The process *recorder*: a session folder that is written as things happen and survives a crash.

What cannot be written is said aloud, and as soon as that is possible the recording goes on in a
folder in the first one (`continued`, `continued-2`, ...). The music never waits for it.
A kill loses what arrived in the last tenth of a second. What the desk asks for, a pause of the
recording or a mark, is done within that time; it outlives a kill, for the desk does.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping
from math import inf
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from bridge.board import END, KEEPING, NO_EEG, Board, Seat
from bridge.errors import BridgeError
from bridge.hand.core import NOTES_STREAM, NOTES_TYPE
from bridge.mind.beats import Reader
from bridge.session.disk import free, roomy
from bridge.session.folder import Session
from bridge.wire import from_row
from capsule.emotion import CAPSULE_STREAM, CAPSULE_TYPE, EmotionCapsule
from eeg.errors import EegError
from eeg.lsl import Inlet, Intake, clock
from eeg.markers import MarkerInlets

LOOK_S = 0.1
FIND_S = 1.0
JOIN_S = 3.0  # for hand to be found; where nobody plays there is none
AGAIN_S = 5.0  # until a recording that failed is tried anew
LAST_S = 0.3  # for hand's last note-offs, if it left at the same moment


def main(
    seat: Seat,
    folder: Path,
    facts: Mapping[str, Any],
    stream: str | None,
    capsules_from: str,
    notes_from: str,
    sayings: Connection,
    markers_from: str | None = None,
) -> None:
    """Run until the very end. `sayings` brings what the program says; ids name our own streams.

    `stream`: of the EEG, its name or source id; None for the only one there is, NO_EEG for none.
    `markers_from`: name or source id of the markers to keep, None for all, "none" for none.
    """
    session: Session | None = Session(free(folder), clock(), facts)
    again_s = inf
    capsules = Inlet(CAPSULE_STREAM, CAPSULE_TYPE, capsules_from)
    notes = Inlet(NOTES_STREAM, NOTES_TYPE, notes_from)
    _join(capsules, notes)
    seat.tell("loaded", str(folder))  # from now on no note goes unrecorded
    markers, beats = MarkerInlets(markers_from), Reader(seat.board.beats)
    buttons = Buttons(seat.board)
    intake: Intake | None = None
    while not seat.over(END):
        seat.beat(clock())
        if session is None:
            buttons.in_vain()
            time.sleep(LOOK_S)
            if clock() > again_s:
                session, again_s = _anew(seat, folder, facts), clock() + AGAIN_S
            continue
        try:
            buttons.obey(session, clock())
            intake = intake or _intake(stream, seat.board)
            if intake is not None and not _take_eeg(session, intake):
                intake = None
            session.music(beats.take(), seat.board.played, clock())
            _take_own(session, capsules, notes, sayings)
            for marker in markers.pull():
                session.marker(marker)
            session.state(seat.board, clock())
            session.flush()
            seat.board.recorded_bytes = session.size_bytes
        except BridgeError as problem:
            _failed(seat, session, problem)
            session, again_s = None, clock() + AGAIN_S
    if session is None:
        return
    time.sleep(LAST_S)
    try:
        _take_own(session, capsules, notes, sayings)
        end = session.close if seat.board.go else session.discard
        end(clock())
    except BridgeError as problem:
        _failed(seat, session, problem)


def _join(capsules: Inlet, notes: Inlet) -> None:
    """Wait for hand; what ear sends meanwhile waits for us."""
    until_s = clock() + JOIN_S
    while clock() < until_s:
        capsules.find()
        if notes.find():
            return
        time.sleep(LOOK_S)


class Buttons:
    """What the desk wants of the recording, and on the board what is done."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._marks = board.desk.marks
        self._paused = KEEPING[board.keeping] == "PAUSED"  # by who was killed meanwhile

    def obey(self, session: Session, now_s: float) -> None:
        """Pause or go on, and mark."""
        board, record = self._board, bool(self._board.desk.record)
        if record and session.paused:
            session.resume(now_s)
        elif not record and not session.paused:
            session.pause(now_s)
            board.pauses += not self._paused
        self._paused = not record
        board.keeping = KEEPING.index("RECORDING" if record else "PAUSED")
        while self._marks != board.desk.marks:
            self._marks += 1
            board.marks += 1
            session.point(f"mark {board.marks}", now_s)

    def in_vain(self) -> None:
        """There is no recording: what is marked meanwhile is not made up for."""
        self._board.keeping = KEEPING.index("FAILED")
        self._marks = self._board.desk.marks


def _failed(seat: Seat, session: Session, problem: BridgeError) -> None:
    """The music goes on without a recording."""
    seat.tell("say", f"RECORDING FAILED: {problem}")
    session.abandon(clock())


def _anew(seat: Seat, folder: Path, facts: Mapping[str, Any]) -> Session | None:
    """The recording goes on, if it can."""
    if not roomy(folder):
        return None
    try:
        session = Session(free(folder), clock(), facts)
    except BridgeError:
        return None
    seat.tell("say", f"The recording goes on in {session.folder}.")
    return session


def _intake(stream: str | None, board: Board) -> Intake | None:
    """The stream, the one of ear's choice; None if it is not there: ear tells what is wrong."""
    if stream == NO_EEG:
        time.sleep(LOOK_S)
        return None
    with contextlib.suppress(EegError):
        return Intake(stream, FIND_S, prefer=board.source.decode(errors="replace"), late=True)
    return None


def _take_eeg(session: Session, intake: Intake) -> bool:
    """False if the stream came back as another one."""
    until_s = clock() + LOOK_S
    while (left_s := until_s - clock()) > 0:
        try:
            chunk = intake.pull(left_s)
        except EegError:
            return False
        if chunk is not None:
            session.eeg(intake.signal, chunk)
    return True


def _take_own(session: Session, capsules: Inlet, notes: Inlet, sayings: Connection) -> None:
    for vector, time_s in zip(*(capsules.pull() or ((), ())), strict=True):
        session.capsule(EmotionCapsule.from_vector(vector, float(time_s)))
    for values, time_s in zip(*(notes.pull() or ((), ())), strict=True):
        session.message(from_row(values), float(time_s))
    if not notes.connected:
        session.hush(clock())
    while sayings.poll():
        try:
            text = sayings.recv_bytes().decode()
        except (EOFError, OSError):
            return
        session.mark(text, clock())
