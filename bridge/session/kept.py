"""What a session folder holds, read leniently: whatever is missing or damaged is told, not fatal.

A session that was cut off by a crash has no end in session.json, no footers in session.xdf, and
perhaps half a line at the end of capsules.jsonl; all the rest of it is there. Times are in seconds
from the beginning of the session, as in notes.mid.
"""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from typing import Any

import numpy as np

from bridge.errors import BridgeError
from bridge.session.folder import FILES, PAUSED, RESUMED, STATE, STATE_STREAM
from bridge.session.trace import Roll, Span, Trace, read_capsules, roll_of, trace_played
from eeg.errors import EegError
from eeg.signal import Chunk, Signal
from eeg.xdf import DESK_STREAM, LOG_STREAM, Track, read_tracks
from music.errors import MusicError
from music.events import Bar, Event
from music.midi import read_midi, tempo_map_of

HOP_S = 1.0  # between two looks at each channel's quality
PUSH_S = 10.0  # of signal at once
EMPTY = np.empty((0, 0))

Said = tuple[float, str, str]  # time_s, stream ("" for the program itself), text


@dataclass(frozen=True)
class Heard:
    """The EEG: what it was, and how good each channel was."""

    signal: Signal
    samples: int
    times_s: np.ndarray  # (window,) its end
    quality: np.ndarray  # (window, channel) 0..1


@dataclass(frozen=True)
class Kept:
    """A session as far as it can be read."""

    name: str
    facts: dict[str, Any]
    trace: Trace
    roll: Roll | None = None
    bars_s: np.ndarray = field(default_factory=lambda: np.empty(0))
    heard: tuple[Heard, ...] = ()
    said: tuple[Said, ...] = ()
    pauses: tuple[Span, ...] = ()  # of the recording; a last one that nobody ended ends at inf
    state_s: np.ndarray = field(default_factory=lambda: np.empty(0))
    state: np.ndarray = field(default_factory=lambda: np.empty((0, len(STATE))))
    missing: tuple[str, ...] = ()  # sentences

    @property
    def complete(self) -> bool:
        """Whether the session came to its end."""
        return self.facts.get("state") == "complete"

    def cell(self, name: str) -> np.ndarray:
        """A cell of the board over time (n,)."""
        return self.state[:, STATE.index(name)]


def read_session(folder: str | Path) -> Kept:
    """Everything that can be read. BridgeError if that is nothing at all."""
    folder = Path(folder)
    if not folder.is_dir():
        what = "is a file" if folder.exists() else "does not exist"
        raise BridgeError(f"{folder} {what}; give the folder of a session.")
    if not any((folder / name).is_file() for name in FILES):
        raise BridgeError(f"{folder} holds no session (none of {', '.join(FILES)}).")
    missing: list[str] = []
    facts = _facts(folder / "session.json", missing)
    capsules = _capsules(folder / "capsules.jsonl", missing)
    tracks = _tracks(folder / "session.xdf", missing)
    events = _events(folder / "notes.mid", missing)
    if not (facts or capsules or tracks or events):
        raise BridgeError(f"{folder} holds nothing that can be read: {' '.join(missing)}")
    start_s = _start_s(facts, tracks, capsules[0].time_s if capsules else None)
    missing += _unended(facts, folder)
    state = next((t for t in tracks if _is_state(t)), None)
    said = _said(tracks, start_s)
    return Kept(
        name=folder.resolve().name,
        facts=facts,
        trace=trace_played(capsules, start_s),
        roll=None if events is None else roll_of(events),
        bars_s=_bars_s(events or []),
        heard=tuple(_heard(t, start_s, missing) for t in tracks if _is_eeg(t)),
        said=said,
        pauses=_pauses(said),
        state_s=np.empty(0) if state is None else state.times_s - start_s,
        state=np.empty((0, len(STATE))) if state is None else state.values,
        missing=tuple(missing),
    )


# ---------------------------------------------------------------------------- files


def _facts(path: Path, missing: list[str]) -> dict[str, Any]:
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        missing.append("session.json is missing: when it began and what was asked is not known.")
        return {}
    except (OSError, ValueError, RecursionError):
        missing.append("session.json cannot be read: when it began and what was asked is unknown.")
        return {}
    return told if isinstance(told, dict) else {}


def _capsules(path: Path, missing: list[str]) -> list[Any]:
    try:
        capsules, damaged = read_capsules(path)
    except BridgeError as problem:
        missing.append(f"No emotions: {problem}" if path.exists() else "capsules.jsonl is missing.")
        return []
    if damaged:
        missing.append(f"{damaged} of the lines of capsules.jsonl cannot be read.")
    return sorted(capsules, key=lambda capsule: capsule.time_s)


def _tracks(path: Path, missing: list[str]) -> list[Track]:
    if not path.is_file():
        missing.append("session.xdf is missing: no EEG, no markers, no course of the timing.")
        return []
    try:
        return read_tracks(path)
    except EegError as problem:
        missing.append(f"No EEG, no markers: {problem}.")
        return []


def _events(path: Path, missing: list[str]) -> list[Event] | None:
    if not path.is_file():
        missing.append("notes.mid is missing: what was played is not known.")
        return None
    try:
        return read_midi(path)
    except MusicError as problem:
        missing.append(f"No notes: {problem}")
        return None


def _unended(facts: dict[str, Any], folder: Path) -> list[str]:
    told = []
    if facts.get("state") == "failed":
        told.append("The recording failed before the session ended: the disk did not take it.")
    elif facts and facts.get("state") != "complete":
        told.append(
            "The session was cut off: it has no end, and its last second may be missing. The "
            "counts are those of what is there."
        )
    parts = sorted(path.parent.name for path in folder.glob("*/session.json"))
    if parts:
        told.append(
            f"The recording was interrupted and goes on in {', '.join(parts)}, which is a session "
            "folder of its own."
        )
    return told


def _start_s(facts: dict[str, Any], tracks: list[Track], first_s: float | None) -> float:
    """The clock time of the beginning: as told, else of the first thing that is there."""
    told = facts.get("start_s")
    if isinstance(told, int | float) and np.isfinite(told):
        return float(told)
    firsts = [float(track.times_s[0]) for track in tracks if len(track.times_s)]
    return min([*firsts, *([] if first_s is None else [first_s])], default=0.0)


# ---------------------------------------------------------------------------- what they say


def _bars_s(events: list[Event]) -> np.ndarray:
    seconds = tempo_map_of(events).seconds
    return np.array([seconds(event.onset_beats) for event in events if isinstance(event, Bar)])


def _is_eeg(track: Track) -> bool:
    return track.kind.lower() == "eeg" and len(track.times_s) > 1 and track.values.shape[1] > 0


def _is_state(track: Track) -> bool:
    return track.name == STATE_STREAM and track.values.shape[1:] == (len(STATE),)


def _said(tracks: list[Track], start_s: float) -> tuple[Said, ...]:
    return tuple(
        sorted(
            (float(time_s) - start_s, "" if track.name == LOG_STREAM else track.name, text)
            for track in tracks
            for time_s, text in zip(track.times_s, track.texts, strict=False)
        )
    )


def _pauses(said: tuple[Said, ...]) -> tuple[Span, ...]:
    """When nothing was to be recorded."""
    turns = [(time_s, text) for time_s, stream, text in said if stream == DESK_STREAM]
    ends_s = [time_s for time_s, text in turns if text == RESUMED]
    begins_s = [time_s for time_s, text in turns if text == PAUSED]
    return tuple(itertools.zip_longest(begins_s, ends_s[: len(begins_s)], fillvalue=inf))


def _heard(track: Track, start_s: float, missing: list[str]) -> Heard:
    """The quality of each channel, by the very stages that play."""
    from eeg.frontend import FrontEnd

    signal = Signal(track.name, track.rate_hz, track.channels, source_id=track.source_id)
    ends_s: list[float] = []
    quality: list[np.ndarray] = []
    size = max(1, round(PUSH_S * track.rate_hz))
    try:
        front_end = FrontEnd(signal, hop_s=HOP_S)
        for at in range(0, len(track.times_s), size):
            stop = at + size
            for one in front_end.push(Chunk(track.values[at:stop], track.times_s[at:stop])):
                ends_s.append(one.end_s - start_s)
                quality.append(one.channel_quality)
    except EegError as problem:
        missing.append(f"No quality of the channels: {problem}.")
    table = np.array(quality).reshape(-1, len(signal.channels))
    return Heard(signal, len(track.times_s), np.array(ends_s), table)
