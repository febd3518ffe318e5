"""Notes through a real *hand* and a real JACK server to a receiver in another process, timed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np

from bridge.crew import Crew
from bridge.errors import BridgeError
from bridge.hand import process as hand
from bridge.wire import TimedNote, encode
from eeg.lsl import clock

GAPS_S = (0.005, 0.025)
NOTICE_S = 0.12  # as mind gives


def lateness(notes: int) -> tuple[list[float], int]:
    """Milliseconds from the planned time to the receiver's, and how many notes never came.

    Both clocks are the system's monotonic one. BridgeError without JACK or JACK-Client.
    """
    heard = {}
    with _jack(), _receiver() as lines:
        planned = _play(notes)
        time.sleep(0.5)
        for line in lines():
            time_s, event = line.split()
            status, pitch, velocity = bytes.fromhex(event)
            if status & 0xF0 == 0x90:
                heard[pitch, velocity] = float(time_s)
    if not heard:
        raise BridgeError("The receiver heard nothing; is the JACK server running?")
    late_ms = [1000 * (heard[key] - due_s) for key, due_s in planned.items() if key in heard]
    return late_ms, len(planned) - len(late_ms)


def _play(notes: int) -> dict[tuple[int, int], float]:
    """Notes through a real hand at random gaps of 5 to 25 ms: (pitch, velocity) to planned time."""
    rng = np.random.default_rng(0)
    crew = Crew(clock)
    out, records = crew.pipe()
    crew.start("hand", hand.main, out, None, f"emocapsule-bench-{uuid.uuid4().hex[:6]}")
    planned = {}
    try:
        while crew.ready("hand") is None:
            crew.tend(0.1)
        time.sleep(1.0)  # for the receiver to connect
        due_s = clock() + 0.2
        for number in range(notes):
            due_s += rng.uniform(*GAPS_S)
            time.sleep(max(0.0, due_s - NOTICE_S - clock()))
            key = (21 + number % 88, 1 + number // 88 % 127)
            planned[key] = due_s
            records.send_bytes(encode(TimedNote(due_s, due_s + 0.05, *key), crew.board.epoch))
        time.sleep(0.3)
    finally:
        crew.stop(3.0)
    return planned


@contextmanager
def _receiver() -> Iterator[Callable[[], list[str]]]:
    command = [sys.executable, "-m", "bridge.bench.receiver", "emocapsule:notes"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        if "listening" not in program.stdout.readline():
            raise BridgeError("The receiver did not start; it needs JACK-Client.")

        def lines() -> list[str]:
            program.terminate()
            return program.communicate()[0].splitlines()

        try:
            yield lines
        finally:
            program.kill()


@contextmanager
def _jack() -> Iterator[None]:
    """The JACK server that runs, or one without a sound card for this measurement."""
    if shutil.which("jackd") is None or shutil.which("jack_lsp") is None:
        raise BridgeError("There is no JACK on this machine; install jackd2 to measure MIDI.")
    if _answers():
        yield
        return
    name = f"emocapsule-{uuid.uuid4().hex[:6]}"
    options = ["-S", "-n", name, "-d", "dummy", "-r", "48000", "-p", "128"]
    os.environ["JACK_DEFAULT_SERVER"] = name
    with subprocess.Popen(
        ["jackd", "-R", "-P", "70", *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as server:
        until_s = clock() + 5.0
        while not _answers() and clock() < until_s:
            time.sleep(0.05)
        try:
            yield
        finally:
            server.terminate()
            del os.environ["JACK_DEFAULT_SERVER"]


def _answers() -> bool:
    return subprocess.run(["jack_lsp"], capture_output=True).returncode == 0
