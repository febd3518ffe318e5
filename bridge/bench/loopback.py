"""Notes through a real *hand* to a receiver in another process, timed."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO

import numpy as np

from bridge.bench.yardstick import Result, percentiles, ratio, sleep
from bridge.crew import Crew
from bridge.errors import BridgeError
from bridge.hand import process as hand
from bridge.wire import TimedNote, encode
from eeg.lsl import clock

GAPS_S = (0.005, 0.025)
NOTICE_S = 0.12  # as mind gives
OPEN_S = 60.0  # for the port to be there
JOIN_S = 1.0  # for the receiver to connect
AFTER_S = 0.5  # for what was sent last to be heard
LOOK_S = 0.02
KEYS, VELOCITIES, CHANNELS = 88, 127, 16

Key = tuple[int, int, int]  # channel, pitch, velocity: each note is another
Heard = dict[Key, float]


def delivered(notes: int, port: str | None = None, source: str = "emocapsule:notes") -> Result:
    """How late notes are at a JACK receiver in another process, jitter round the median, losses.

    `port`: as in `open_output`; `source`: a pattern for the name that it then has on JACK. Both
    clocks are the system's monotonic one. BridgeError without JACK or JACK-Client.
    """
    with receiver(source) as heard:
        planned = play(notes, port)
        times_s = heard()
    return told(planned, times_s)


def told(planned: Heard, heard: Heard) -> Result:
    """Planned and heard times as figures. BridgeError if nothing was heard."""
    if not heard:
        raise BridgeError("The receiver heard nothing; is the MIDI port connected?")
    late_ms = [1000 * (heard[key] - due_s) for key, due_s in planned.items() if key in heard]
    jitter_ms = np.abs(np.array(late_ms) - np.median(late_ms)).tolist()
    figures = percentiles(late_ms) | {"lost": len(planned) - len(late_ms)}
    return figures | ratio(figures, sleep()) | {"jitter": percentiles(jitter_ms)}


def play(notes: int, port: str | None, join_s: float = JOIN_S) -> Heard:
    """Notes through a real hand at random gaps of 5 to 25 ms: which, and when each was planned.

    The first one goes `join_s` after the port is open.
    """
    if notes > KEYS * VELOCITIES * CHANNELS:
        raise BridgeError(f"Not more than {KEYS * VELOCITIES * CHANNELS} notes can be told apart.")
    rng = np.random.default_rng(0)
    crew = Crew(clock)
    out, records = crew.pipe()
    crew.start("hand", hand.main, out, port, f"emocapsule-bench-{uuid.uuid4().hex[:6]}")
    planned = {}
    until_s = clock() + OPEN_S
    try:
        while crew.ready("hand") is None:
            crew.tend(0.1)
            if clock() > until_s:
                raise BridgeError(f"The MIDI port was not open within {OPEN_S:.0f} s.")
        time.sleep(join_s)
        due_s = clock() + 2 * NOTICE_S
        for number in range(notes):
            due_s += rng.uniform(*GAPS_S)
            time.sleep(max(0.0, due_s - NOTICE_S - clock()))
            rest, pitch = divmod(number, KEYS)
            channel, velocity = divmod(rest, VELOCITIES)
            note = TimedNote(due_s, due_s + 0.05, 21 + pitch, 1 + velocity, channel)
            planned[channel, 21 + pitch, 1 + velocity] = due_s
            records.send_bytes(encode(note, crew.board.epoch))
        time.sleep(NOTICE_S + AFTER_S)
    finally:
        crew.stop(3.0)
    return planned


@contextmanager
def receiver(source: str) -> Iterator[Callable[[], Heard]]:
    """A process that listens on JACK; what it has heard, once asked, and when."""
    command = [sys.executable, "-m", "bridge.bench.receiver", source]
    with tempfile.TemporaryFile("a+") as lines, subprocess.Popen(command, stdout=lines) as program:

        def heard() -> Heard:
            program.terminate()
            program.wait()
            return dict(_strikes(lines))

        try:
            until_s = clock() + 30.0
            while "listening" not in _all(lines):
                if program.poll() is not None or clock() > until_s:
                    raise BridgeError("The receiver did not start; it needs JACK-Client and JACK.")
                time.sleep(LOOK_S)
            yield heard
        finally:
            program.kill()


def _all(lines: IO[str]) -> str:
    lines.seek(0)
    return lines.read()


def _strikes(lines: IO[str]) -> Iterator[tuple[Key, float]]:
    for line in _all(lines).splitlines():
        time_s, _, event = line.partition(" ")
        message = bytes.fromhex(event) if event else b""
        if len(message) == 3 and message[0] & 0xF0 == 0x90 and message[2]:
            yield (message[0] & 0x0F, message[1], message[2]), float(time_s)
