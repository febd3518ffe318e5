"""The process *recorder*: a session folder that is written as things happen and survives a crash.

`session.xdf` (EEG, capsules, notes, markers), `capsules.jsonl` and `notes.mid` only ever grow, and
what is on disk can be read at any moment; a kill loses what arrived in the last tenth of a second.
`session.json` tells what the session was: at its start, and again at its end.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Mapping
from math import inf
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

from bridge.board import END, Board, Seat
from bridge.errors import BridgeError
from bridge.hand.core import NOTES_CHANNELS, NOTES_STREAM, NOTES_TYPE
from bridge.session.smf import MidiFile
from bridge.session.xdf import XdfFile, XdfStream
from bridge.wire import from_row, to_row
from capsule.emotion import CAPSULE_STREAM, CAPSULE_TYPE, CHANNELS, EmotionCapsule
from eeg.errors import EegError
from eeg.lsl import Inlet, Intake, clock
from eeg.markers import MARKERS_TYPE, Marker, MarkerInlets
from eeg.signal import Chunk, Signal
from eeg.xdf import LOG_STREAM

LOOK_S = 0.1
FIND_S = 1.0
LAST_S = 0.3  # for hand's last note-offs, if it left at the same moment
FILES = ("session.xdf", "capsules.jsonl", "notes.mid", "session.json")
STATE_STREAM, STATE_TYPE = "EmocapsuleState", "State"
STATE_EVERY_S = 1.0
STATE = (
    "signal", "sample_age_s", "gaps", "mood", "strength", "bpm", "notes", "late", "underruns",
    "rewinds", "panics", "restarts", "lateness_p99_ms", "lateness_max_ms", "fifo",
)  # cells of the board  # fmt: skip


class Session:
    """The folder. Every method may raise BridgeError: the disk is full, or not there any more."""

    def __init__(self, folder: Path, start_s: float, facts: Mapping[str, Any]) -> None:
        self.folder = folder
        self._start_s = start_s
        self._facts = dict(facts)
        self._counts = {"samples": 0, "capsules": 0, "notes": 0, "markers": 0, "sayings": 0}
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._capsules = (folder / "capsules.jsonl").open("w", encoding="utf-8", buffering=1)
        except OSError as problem:
            raise _unwritable(folder, problem) from problem
        self._xdf = XdfFile(folder / "session.xdf")
        self._midi = MidiFile(folder / "notes.mid", start_s)
        self._streams: dict[XdfStream, int] = {}
        self._state_s = -inf
        self._tell("recording", start_s)

    @property
    def size_bytes(self) -> int:
        """Of what was written so far, nearly."""
        return self._xdf.size_bytes

    def eeg(self, signal: Signal, chunk: Chunk) -> None:
        """Samples in µV."""
        number = self._stream(
            XdfStream(
                signal.name, "EEG", signal.channels, signal.rate_hz, "float32", "microvolts",
                signal.source_id,
            ),
            float(chunk.times_s[0]),
        )  # fmt: skip
        self._xdf.write(number, chunk.samples_uv, chunk.times_s)
        self._counts["samples"] += len(chunk.times_s)

    def capsule(self, capsule: EmotionCapsule) -> None:
        """An emotion."""
        number = self._stream(XdfStream(CAPSULE_STREAM, CAPSULE_TYPE, CHANNELS, 4.0))
        self._xdf.write(number, capsule.to_vector()[np.newaxis], [capsule.time_s])
        try:
            self._capsules.write(capsule.to_json() + "\n")
        except OSError as problem:
            raise _unwritable(self.folder, problem) from problem
        self._counts["capsules"] += 1

    def message(self, message: bytes, time_s: float) -> None:
        """A MIDI message as it was sent."""
        number = self._stream(XdfStream(NOTES_STREAM, NOTES_TYPE, NOTES_CHANNELS, 0.0, "int16"))
        self._xdf.write(number, [to_row(message)], [time_s])
        self._midi.send(message, time_s)
        self._counts["notes"] += message[0] & 0xF0 == 0x90

    def mark(self, text: str, time_s: float) -> None:
        """Something that the program said."""
        number = self._stream(XdfStream(LOG_STREAM, MARKERS_TYPE, ("marker",), 0.0, "string"))
        self._xdf.mark(number, [text], [time_s])
        self._counts["sayings"] += 1

    def marker(self, marker: Marker) -> None:
        """Something that somebody else said, on a stream of markers."""
        told = (marker.stream, MARKERS_TYPE, ("marker",), 0.0, "string", "", marker.source_id)
        self._xdf.mark(self._stream(XdfStream(*told)), [marker.text], [marker.time_s])
        self._counts["markers"] += 1

    def state(self, board: Board, now_s: float) -> None:
        """How the performance goes, once a second."""
        if now_s < self._state_s + STATE_EVERY_S:
            return
        self._state_s = now_s
        number = self._stream(XdfStream(STATE_STREAM, STATE_TYPE, STATE, 0.0, "double64"))
        self._xdf.write(number, [[float(getattr(board, name)) for name in STATE]], [now_s])

    def flush(self) -> None:
        """Bring the notes to the disk; everything else is there already."""
        self._midi.flush()

    def close(self, end_s: float) -> None:
        """The end of the session."""
        self._xdf.close()
        self._midi.close()
        self._capsules.close()
        self._tell("complete", end_s)

    def _stream(self, stream: XdfStream, time_s: float | None = None) -> int:
        if stream not in self._streams:
            self._streams[stream] = number = self._xdf.add(stream)
            self._xdf.offset(number, self._start_s if time_s is None else time_s)
        return self._streams[stream]

    def _tell(self, state: str, now_s: float) -> None:
        lasted_s = round(now_s - self._start_s, 3)
        told = {"state": state, **self._facts, "start_s": self._start_s, "duration_s": lasted_s}
        path = self.folder / "session.json"
        fresh = path.with_suffix(".part")
        try:
            fresh.write_text(json.dumps(told | self._counts, indent=2) + "\n", encoding="utf-8")
            os.replace(fresh, path)
        except OSError as problem:
            raise _unwritable(path, problem) from problem


def _unwritable(path: Path, problem: OSError) -> BridgeError:
    return BridgeError(f"{path} cannot be written ({problem.strerror}); choose another folder.")


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

    `markers_from`: name or source id of the markers to keep, None for all, "none" for none.
    """
    session = Session(folder, clock(), facts)
    capsules = Inlet(CAPSULE_STREAM, CAPSULE_TYPE, capsules_from)
    notes = Inlet(NOTES_STREAM, NOTES_TYPE, notes_from)
    capsules.pull()
    notes.pull()
    seat.tell("loaded", str(folder))
    markers = MarkerInlets(markers_from)
    intake: Intake | None = None
    try:
        while not seat.over(END):
            seat.beat(clock())
            intake = intake or _intake(stream)
            if intake is not None and not _take_eeg(session, intake):
                intake = None
            _take_own(session, capsules, notes, sayings)
            for marker in markers.pull():
                session.marker(marker)
            session.state(seat.board, clock())
            session.flush()
            seat.board.recorded_bytes = session.size_bytes
        time.sleep(LAST_S)
        _take_own(session, capsules, notes, sayings)
        session.close(clock())
    except BridgeError as problem:  # the music goes on without a recording
        seat.tell("say", f"RECORDING FAILED: {problem}")
        while not seat.over(END):
            seat.beat(clock())
            time.sleep(LOOK_S)


def _intake(stream: str | None) -> Intake | None:
    with contextlib.suppress(EegError):  # not there yet: ear tells the user what is wrong
        return Intake(stream, timeout_s=FIND_S)
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
    while sayings.poll():
        try:
            text = sayings.recv_bytes().decode()
        except (EOFError, OSError):
            return
        session.mark(text, clock())
