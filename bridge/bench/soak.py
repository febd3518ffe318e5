"""`emocapsule bench soak`: a performance that is hurt at random moments, heard from outside.

The performance is real (`bridge.bench.victim`), on a JACK server of its own, with a headset of
noise, a page and a recording. Its processes are ended, killed and frozen, one or all of them, each
in turn and in a random order; whatever ends the whole is begun anew. A receiver in yet another
process tells how long what sounded at the moment of a fault went on.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import numpy as np

from bridge.bench.headset import headset
from bridge.bench.server import UNFILED, family, jack_server, memory_mb
from bridge.bench.witness import Performance, Witness
from bridge.bench.yardstick import Result
from bridge.errors import BridgeError
from eeg.errors import EegError
from eeg.lsl import clock
from eeg.xdf import read_tracks

ENDS_S, HAND_S = 0.5, 1.0  # a note may go on for so long after a fault, and after one of hand's
LONGEST_S = 8.5  # a note that sounds longer hangs
FROZEN_S = (0.8, 2.0)  # for so long is frozen who is frozen
PLAYS = 5  # notes after which the music is taken to go on
WAIT_S = 60.0  # for it to do so
SAMPLE_S = 5.0  # between two looks at memory
SETTLED_S = 20.0  # of a performance, from where on its memory counts
SINGLES = ("ear", "mind", "hand", "recorder", "page")


class Fault(NamedTuple):
    """Who gets which signal: a process by name, the supervisor, or everybody at once."""

    whom: str
    number: signal.Signals

    @property
    def fatal(self) -> bool:
        """Whether it ends the performance."""
        return self.whom not in SINGLES and self.number != signal.SIGSTOP

    @property
    def limit_s(self) -> float | None:
        """How long what sounds may outlive it; None where it plays on."""
        if self.whom == "hand":
            return HAND_S
        if self.whom == "mind" or self.fatal:
            return ENDS_S
        return None


class Cost(NamedTuple):
    """Of a performance at a time, in MB; `unfiled_mb` leaves out what is read from files."""

    time_s: float
    memory_mb: float
    unfiled_mb: float
    open_files: int


FAULTS = [
    Fault(whom, number)
    for whom in SINGLES
    for number in (signal.SIGTERM, signal.SIGKILL, signal.SIGSTOP)
] + [
    Fault("all", signal.SIGINT),
    Fault("supervisor", signal.SIGTERM),
    Fault("supervisor", signal.SIGKILL),
    Fault("supervisor", signal.SIGSTOP),
    Fault("all", signal.SIGSTOP),
]


def measure(minutes: float, faults: int, seed: int = 0, simple: bool = False) -> Result:
    """So many faults over so many minutes. BridgeError if there is no JACK, or the music ends."""
    soak = _Soak(simple)
    chance = random.Random(seed)
    with ExitStack() as stack:
        stack.enter_context(jack_server(private=True))
        stack.enter_context(soak.there(stack.enter_context(headset())))
        begin_s = clock()
        for number, fault in enumerate(_order(faults, chance), start=1):
            soak.plays()
            due_s = begin_s + 60.0 * minutes * (number - chance.random()) / max(1, faults)
            soak.watch(due_s)
            soak.hurt(fault, chance.uniform(*FROZEN_S))
        soak.plays()
        soak.watch(begin_s + 60.0 * minutes)
        lasted_s = clock() - begin_s
        soak.end(Fault("all", signal.SIGINT))
        time.sleep(1.0)
    return {"minutes": round(lasted_s / 60, 2), "seed": seed} | soak.result()


def _order(count: int, chance: random.Random) -> Iterator[Fault]:
    """Every fault as often as every other, in an order that nobody has chosen."""
    left: list[Fault] = []
    for _ in range(count):
        if not left:
            left = chance.sample(FAULTS, len(FAULTS))
        yield left.pop()


class _Soak:
    """The performance, who listens to it, and what was found."""

    def __init__(self, simple: bool) -> None:
        self._simple = simple
        self._starts = 0
        self._restarts = 0
        self._outlived_s: dict[Fault, list[float]] = {}
        self._costs: list[Cost] = []
        self._unreadable: list[str] = []
        self._said: set[str] = set()

    @contextlib.contextmanager
    def there(self, stream: str) -> Iterator[None]:
        """The folder, the receiver and the performance; all of it ends with the block."""
        self._stream = stream
        with tempfile.TemporaryDirectory() as folder, Witness() as self._witness:
            self._folder = Path(folder)
            self._start()
            try:
                yield
            finally:
                self._performance.kill()

    def _start(self) -> None:
        self._starts += 1
        self._run = self._folder / str(self._starts)
        self._performance = Performance(self._stream, self._run, self._simple)
        self._started_s = clock()

    def plays(self) -> None:
        """Wait until there is music. BridgeError if there is none in time."""
        before, until_s = self._witness.struck, clock() + WAIT_S
        while self._witness.struck < before + PLAYS or not self._performance.pids:
            if self._witness.ended:
                raise BridgeError("The receiver has ended; what sounds cannot be told any more.")
            if clock() > until_s or self._performance.ended:
                told = {**self._performance.told, "said": sorted(self._performance.said)}
                raise BridgeError(f"The music did not go on; the program said: {told}")
            time.sleep(0.02)

    def watch(self, until_s: float) -> None:
        """Let it play, and look at what it costs."""
        while (left_s := until_s - clock()) > 0:
            if clock() > self._started_s + SETTLED_S:
                pids = family(self._performance.pid)
                memory = (memory_mb(pids), memory_mb(pids, UNFILED))
                self._costs.append(Cost(clock(), *memory, _open_files(pids)))
            time.sleep(min(left_s, SAMPLE_S))

    def hurt(self, fault: Fault, frozen_s: float) -> None:
        """One fault, and how long what sounded went on."""
        if fault.fatal:
            self.end(fault)
            self._start()
            return
        pid = self._performance.pids.get(fault.whom, self._performance.pid)
        at_s = clock()
        self._send(fault, pid)
        if fault.number == signal.SIGSTOP:
            time.sleep(frozen_s)
            self._send(Fault(fault.whom, signal.SIGCONT), pid)
        self._heard(fault, at_s)

    def end(self, fault: Fault) -> None:
        """A fault that is the end of it."""
        everybody = family(self._performance.pid)
        at_s = clock()
        self._send(fault, self._performance.pid)
        self._heard(fault, at_s)
        until_s = clock() + WAIT_S
        while clock() < until_s and any(map(_alive, everybody)):
            time.sleep(0.05)
        self._restarts += self._performance.restarts
        self._said |= self._performance.said
        self._performance.kill()
        for path in sorted(self._run.rglob("session.xdf")):
            try:
                read_tracks(path)
            except EegError as problem:
                self._unreadable.append(str(problem))

    def _send(self, fault: Fault, pid: int) -> None:
        with contextlib.suppress(ProcessLookupError):  # replaced already
            (os.killpg if fault.whom == "all" else os.kill)(pid, fault.number)

    def _heard(self, fault: Fault, at_s: float) -> None:
        if fault.limit_s is not None:
            self._outlived_s.setdefault(fault, []).append(self._witness.outlived_s(at_s, LONGEST_S))

    def result(self) -> Result:
        """What was found."""
        rows = {
            f"{fault.whom} {fault.number.name}": {
                "n": len(times_s),
                "median_ms": round(1000 * float(np.median(times_s))),
                "max_ms": round(1000 * max(times_s)),
            }
            for fault, times_s in sorted(self._outlived_s.items())
        }
        late = sum(
            time_s > (fault.limit_s or 0.0)
            for fault, times_s in self._outlived_s.items()
            for time_s in times_s
        )
        return {
            "notes": self._witness.struck,
            "outlived": rows,
            "over_the_limit": late,
            "hanging": len(self._witness.down()) + self._witness.longer(LONGEST_S),
            "starts": self._starts,
            "restarts": self._restarts,
            "unreadable": len(self._unreadable),
        } | _flatness(self._costs)


def _flatness(costs: list[Cost]) -> Result:
    """Memory and open files at the beginning, at the end, at most, and how memory grows."""
    if len(costs) < 2:
        return {}
    hours = np.array([cost.time_s for cost in costs]) / 3600.0
    found: Result = {}
    for name in ("memory_mb", "unfiled_mb", "open_files"):
        course = np.array([getattr(cost, name) for cost in costs], dtype=float)
        slope = np.polyfit(hours - hours[0], course, 1)[0]
        ends = {"first": course[0], "last": course[-1], "max": course.max(), "an_hour": slope}
        found[name] = {which: round(float(one), 1) for which, one in ends.items()}
    return found


def _open_files(pids: list[int]) -> int:
    count = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            count += len(os.listdir(f"/proc/{pid}/fd"))
    return count


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def words(parser: argparse.ArgumentParser) -> None:
    """Its options."""
    parser.add_argument("--minutes", type=float, default=5.0, metavar="M", help="(default 5)")
    parser.add_argument("--faults", type=int, default=20, metavar="N", help="(default 20)")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="of the faults")
    parser.add_argument("--simple", action="store_true", help="compose without the network")


def run(args: argparse.Namespace) -> Result:
    """Measure what was asked for."""
    return measure(args.minutes, args.faults, args.seed, args.simple)
