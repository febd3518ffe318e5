"""The session folder: everything is written as it happens, and can be read at any moment.

`session.xdf` (EEG, capsules, notes, markers), `capsules.jsonl` and `notes.mid` only ever grow.
`session.json` tells what the session was: at its start, and again at its end.

While a recording is paused the files stay open and whole, and nothing that is heard, felt or played
goes into them; the time and its bars go on, so what comes later is where it was.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from math import inf
from pathlib import Path
from typing import Any

import numpy as np

from bridge.board import Board
from bridge.errors import BridgeError
from bridge.hand.core import NOTES_CHANNELS, NOTES_STREAM, NOTES_TYPE
from bridge.hand.ledger import LEDGER_BYTES, Ledger
from bridge.mind.beats import TimedBeat
from bridge.session.disk import Growing, unwritable
from bridge.session.leading import Leading
from bridge.session.smf import MidiFile
from bridge.session.xdf import XdfFile, XdfStream
from bridge.wire import to_row
from capsule.emotion import CAPSULE_STREAM, CAPSULE_TYPE, CHANNELS, EmotionCapsule
from eeg.markers import MARKERS_TYPE, Marker
from eeg.signal import Chunk, Signal
from eeg.xdf import DESK_STREAM, LOG_STREAM

FILES = ("session.xdf", "capsules.jsonl", "notes.mid", "session.json")
HOLDS = ("samples", "capsules", "notes", "markers")  # any of them is worth keeping
STATE_STREAM, STATE_TYPE = "EmocapsuleState", "State"
STATE_EVERY_S = 1.0
PAUSED, RESUMED = "recording paused", "recording resumed"
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
        self._counts = dict.fromkeys((*HOLDS, "sayings", "pauses", "marks"), 0)
        self._from_s = -inf  # what is older is not kept; inf in a pause
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as problem:
            raise unwritable(folder, problem) from problem
        self._capsules = Growing(folder / "capsules.jsonl")
        self._xdf = XdfFile(folder / "session.xdf")
        self._midi = MidiFile(folder / "notes.mid", start_s)
        self._streams: dict[XdfStream, int] = {}
        self._state_s = -inf
        self._leading = Leading()
        self._ledger = Ledger(bytearray(LEDGER_BYTES))  # of what is down in the recording
        self._tell("recording", start_s)

    @property
    def size_bytes(self) -> int:
        """Of what was written so far, nearly."""
        return self._xdf.size_bytes

    @property
    def paused(self) -> bool:
        """Whether nothing is kept."""
        return self._from_s == inf

    def pause(self, now_s: float) -> None:
        """From now on keep nothing but what the program says and what is marked on purpose."""
        self.hush(now_s)
        self._from_s = inf
        self._counts["pauses"] += 1
        self._point(PAUSED, now_s)

    def resume(self, now_s: float) -> None:
        """Keep all that happens from now on."""
        self._from_s = now_s
        self._point(RESUMED, now_s)

    def point(self, text: str, now_s: float) -> None:
        """A moment that somebody wants to find again; also in a pause."""
        self._counts["marks"] += 1
        self._point(text, now_s)

    def eeg(self, signal: Signal, chunk: Chunk) -> None:
        """Samples in µV."""
        kept = chunk.times_s >= self._from_s
        if not kept.any():
            return
        chunk = Chunk(chunk.samples_uv[kept], chunk.times_s[kept])
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
        if capsule.time_s < self._from_s:
            return
        number = self._stream(XdfStream(CAPSULE_STREAM, CAPSULE_TYPE, CHANNELS, 4.0))
        self._xdf.write(number, capsule.to_vector()[np.newaxis], [capsule.time_s])
        self._capsules.write(capsule.to_json().encode() + b"\n")
        self._counts["capsules"] += 1

    def message(self, message: bytes, time_s: float) -> None:
        """A MIDI message as it was sent."""
        if time_s < self._from_s:
            return
        number = self._stream(XdfStream(NOTES_STREAM, NOTES_TYPE, NOTES_CHANNELS, 0.0, "int16"))
        self._xdf.write(number, [to_row(message)], [time_s])
        self._midi.send(message, time_s)
        self._ledger.before(message)
        self._ledger.after(message)
        self._counts["notes"] += message[0] & 0xF0 == 0x90

    def mark(self, text: str, time_s: float) -> None:
        """Something that the program said."""
        number = self._stream(XdfStream(LOG_STREAM, MARKERS_TYPE, ("marker",), 0.0, "string"))
        self._xdf.mark(number, [text], [time_s])
        self._counts["sayings"] += 1

    def marker(self, marker: Marker) -> None:
        """Something that somebody else said, on a stream of markers."""
        if marker.time_s < self._from_s:
            return
        ours = marker.stream in (LOG_STREAM, DESK_STREAM)
        name = f"{marker.stream} of another" if ours else marker.stream
        told = (name, MARKERS_TYPE, ("marker",), 0.0, "string", "", marker.source_id)
        self._xdf.mark(self._stream(XdfStream(*told)), [marker.text], [marker.time_s])
        self._counts["markers"] += 1

    def music(self, beats: Iterable[TimedBeat], played: Sequence[float], now_s: float) -> None:
        """Beats that were fixed in time, and the emotion that is played now."""
        for beat in beats:
            self._midi.beat(beat)
        leader = None if self.paused else self._leading.push(played)
        if leader is not None:
            self._midi.mark(leader, now_s)

    def state(self, board: Board, now_s: float) -> None:
        """How the performance goes, once a second."""
        if self.paused or now_s < self._state_s + STATE_EVERY_S:
            return
        self._state_s = now_s
        number = self._stream(XdfStream(STATE_STREAM, STATE_TYPE, STATE, 0.0, "double64"))
        self._xdf.write(number, [[float(getattr(board, name)) for name in STATE]], [now_s])

    def hush(self, time_s: float) -> None:
        """Write the end of what is down: whoever played it has gone without a word."""
        for message in self._ledger.silence():
            self.message(message, time_s)

    def flush(self) -> None:
        """Bring the notes to the disk; everything else is there already, if the folder is."""
        self._midi.flush()
        self._xdf.check()

    def close(self, end_s: float) -> None:
        """The end of the session."""
        self.hush(end_s)
        self._xdf.close()
        self._midi.close()
        self._capsules.close()
        self._tell("complete", end_s)

    def discard(self, end_s: float) -> None:
        """The end of a session that never began: without files, if there is nothing in them."""
        self.close(end_s)
        if any(self._counts[name] for name in HOLDS):
            return
        with contextlib.suppress(OSError):
            for name in FILES:
                (self.folder / name).unlink(missing_ok=True)

    def abandon(self, now_s: float) -> None:
        """Leave the files as far as they were written, and say so if the disk lets us."""
        self._xdf.abandon()
        self._capsules.close()
        with contextlib.suppress(BridgeError):
            self._midi.close()
        with contextlib.suppress(BridgeError):
            self._tell("failed", now_s)

    def _point(self, text: str, time_s: float) -> None:
        number = self._stream(XdfStream(DESK_STREAM, MARKERS_TYPE, ("marker",), 0.0, "string"))
        self._xdf.mark(number, [text], [time_s])
        self._midi.mark(text, time_s)

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
            with contextlib.suppress(OSError):
                fresh.unlink()
            raise unwritable(path, problem) from problem
