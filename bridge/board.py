"""What the processes share: a board in shared memory, and a line to the supervisor from each.

No locks, so that a process killed at any moment blocks nobody. Every cell has one writer, but those
of the desk; a cell is eight bytes or less. The board survives whoever writes it: the ledger on it
tells a new *hand* what a killed one left sounding.
"""

import ctypes
import json
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.sharedctypes import RawValue
from typing import Any

from bridge.daw.conductor import Conductor
from bridge.desk import Desk, Wishes, lay
from bridge.hand.ledger import LEDGER_BYTES
from bridge.mind.ahead import Ahead
from bridge.mind.beats import Beats

PROCESSES = ("ear", "mind", "hand", "recorder", "osc", "page", "link")
SIGNALS = ("SEARCHING", "LIVE", "LATE", "STALE", "LOST")  # how the EEG arrives
KEEPING = ("OFF", "RECORDING", "PAUSED", "FAILED")  # what becomes of what is heard
MOODS = ("WAITING", "PLAYING", "HOLD", "GLIDE", "REST")  # what the piano does
LISTENERS_BYTES = 4096
SAID_BYTES = 512
SOURCE_BYTES = 256
NO_EEG = ""  # for a stream's name: another machine has the headset, and records it
RUN, QUIET, END = 0, 1, 2  # board.stop: play; no more notes; nothing more at all

_Four = ctypes.c_double * 4


class Board(ctypes.Structure):
    """One cell a fact; the comment says who writes it."""

    stop: int
    go: int
    epoch: int
    ledger: Any
    listeners: bytes
    alive_s: Any
    source: bytes
    signal: int
    sample_age_s: float
    gaps: int
    capsules: int
    capsule_s: float
    probabilities: Any
    valence: float
    arousal: float
    confidence: float
    quality: float
    mood: int
    played: Any
    strength: float
    underruns: int
    rewinds: int
    notes: int
    late: int
    merged: int
    refused: int
    panics: int
    lateness_p99_ms: float
    lateness_max_ms: float
    fifo: int
    recorded_bytes: int
    keeping: int
    pauses: int
    marks: int
    restarts: int
    sayings: int
    said: bytes
    bpm: float
    own_bpm: float
    ahead: Ahead
    beats: Beats
    desk: Desk
    beat: Conductor

    _fields_ = [
        ("stop", ctypes.c_uint32),  # supervisor, down to epoch
        ("go", ctypes.c_uint32),  # who plays and who records are there: music may begin
        ("epoch", ctypes.c_uint32),  # which mind is the living one
        ("alive_s", ctypes.c_double * len(PROCESSES)),  # each its own
        ("source", ctypes.c_char * SOURCE_BYTES),  # ear, down to quality: the id of its stream
        ("signal", ctypes.c_uint32),
        ("sample_age_s", ctypes.c_double),
        ("gaps", ctypes.c_uint64),
        ("capsules", ctypes.c_uint64),
        ("capsule_s", ctypes.c_double),
        ("probabilities", _Four),
        ("valence", ctypes.c_double),
        ("arousal", ctypes.c_double),
        ("confidence", ctypes.c_double),
        ("quality", ctypes.c_double),
        ("mood", ctypes.c_uint32),  # mind, down to rewinds
        ("played", _Four),
        ("strength", ctypes.c_double),
        ("underruns", ctypes.c_uint64),
        ("rewinds", ctypes.c_uint64),
        ("notes", ctypes.c_uint64),  # hand, down to ledger
        ("late", ctypes.c_uint64),
        ("merged", ctypes.c_uint64),
        ("refused", ctypes.c_uint64),
        ("panics", ctypes.c_uint64),
        ("lateness_p99_ms", ctypes.c_double),
        ("lateness_max_ms", ctypes.c_double),
        ("fifo", ctypes.c_uint32),
        ("ledger", ctypes.c_ubyte * LEDGER_BYTES),
        ("listeners", ctypes.c_char * LISTENERS_BYTES),  # who was connected, a line each
        ("recorded_bytes", ctypes.c_uint64),  # recorder, down to marks
        ("keeping", ctypes.c_uint32),
        ("pauses", ctypes.c_uint32),
        ("marks", ctypes.c_uint32),
        ("restarts", ctypes.c_uint32),  # supervisor, down to said
        ("sayings", ctypes.c_uint32),
        ("said", ctypes.c_char * SAID_BYTES),  # the newest sentence
        ("bpm", ctypes.c_double),  # mind, down to beats
        ("own_bpm", ctypes.c_double),
        ("ahead", Ahead),
        ("beats", Beats),
        ("desk", Desk),  # whoever has a hand on it
        ("beat", Conductor),  # hand, or link
    ]


def new_board() -> Board:
    """A board that can be handed to spawned processes: zeros, and the desk as it usually stands."""
    board: Board = RawValue(Board)
    lay(board.desk, Wishes())
    return board


@dataclass
class Seat:
    """What one process holds: its name, the board, and its line to the supervisor."""

    name: str
    board: Board
    line: Connection
    terminated: bool = False

    def beat(self, now_s: float) -> None:
        """Say "alive" on the board."""
        self.board.alive_s[PROCESSES.index(self.name)] = now_s

    def alive_s(self, name: str) -> float:
        """When another process last said "alive"; 0 if it never did."""
        return float(self.board.alive_s[PROCESSES.index(name)])

    def over(self, level: int = QUIET) -> bool:
        """Whether to leave: told to, terminated, or the supervisor has died."""
        return self.terminated or self.board.stop >= level or orphaned()

    def tell(self, kind: str, text: str) -> None:
        """Send the supervisor a word: loaded, ready, say, fail (our fault), wrong (the user's)."""
        words = json.dumps([kind, text[:500]]).encode()
        try:
            self.line.send_bytes(words)
        except OSError:  # the supervisor has gone; over() says so too
            self.terminated = True


def orphaned() -> bool:
    """Whether the process that started this one has died."""
    parent = multiprocessing.parent_process()
    return parent is not None and not parent.is_alive()


def child(body: Callable[..., None], seat: Seat, *arguments: Any) -> None:
    """The first frame of every process: signals, and errors as sentences.

    Ctrl-C reaches every process of the terminal; only the supervisor decides what it means.
    """
    for name in ("SIGINT", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: setattr(seat, "terminated", True))
    try:
        body(seat, *arguments)
    except Exception as problem:
        kind, text = judged(seat.name, problem)
        seat.tell(kind, text)
        sys.stderr.flush()
        os._exit(1)  # threads of the libraries must not keep a failed process alive


def judged(name: str, problem: BaseException) -> tuple[str, str]:
    """Whose error it is, and what to tell: our packages' own words, or what failed and how."""
    ours = type(problem).__module__.partition(".")[0] in ("bridge", "eeg", "capsule", "music")
    if ours:
        return "wrong", str(problem)
    return "fail", f"The process {name!r} failed: {type(problem).__name__}: {problem}"
