"""`emocapsule bench live`: the whole wire as a user starts it, measured from outside.

The program is `emocapsule live` itself, with a headset of noise, the page open and watched, and a
recording. While it plays, further notes go through a *hand* of the same code to a receiver that is
yet another process, so that what is measured is measured with the generator running.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from bridge.bench import loopback
from bridge.bench.headset import headset
from bridge.bench.reaction import jump
from bridge.bench.server import burning, cpu_s, family, jack_server, memory_mb
from bridge.bench.yardstick import Result, percentiles, ratio, sleep, timed_ms
from bridge.errors import BridgeError
from capsule.emotion import CAPSULE_STREAM, CAPSULE_TYPE
from eeg.inlet import Inlet
from eeg.lsl import clock

FIRST_NOTE_S = 60.0  # to wait for it
PAGE_S = 60.0  # for the page to answer
SETTLE_S = 3.0  # until all have loaded what they load late
LOOK_S = 0.001
OUR_NOTES = "emocapsule:notes"
OTHER_NOTES = "emocapsule-[0-9]+:notes"  # of the second client of that name


def measure(
    notes: int = 1000, load: bool = False, port: str | None = None, frames: int = 128,
    jumps: int = 12,
) -> Result:  # fmt: skip
    """All of it on a JACK server of its own; `load`: with every core busy besides.

    BridgeError without JACK or JACK-Client, or if nothing is heard.
    """
    cores = os.cpu_count() or 1
    with ExitStack() as stack:
        stack.enter_context(burning(cores if load else 0))
        stack.enter_context(jack_server(frames, private=True))
        name = stack.enter_context(headset())
        results: Result = {
            "conditions": {"frames": frames, "port": port or "rtmidi", "busy_cores": cores * load}
        }
        with performance(name, port) as (pid, start_s, told), watched(told):
            results["start_s"] = round(start_s, 2)
            results["start_in_interpreters"] = round(start_s / _interpreter_s(), 1)
            results |= _meanwhile(pid, notes, port)
        results["reaction"] = jump(jumps)
        results["reaction_on_grid"] = jump(jumps, quantise=1.0)
    return results


def _meanwhile(pid: int, notes: int, port: str | None) -> Result:
    """Lateness of notes, age of capsules and what the program costs, over the same seconds."""
    time.sleep(SETTLE_S)
    yardstick = sleep()
    ages_ms: list[float] = []
    over = threading.Event()
    reader = threading.Thread(target=_capsules, args=(ages_ms, over))
    begin_s, used_s = clock(), cpu_s(family(pid))
    reader.start()
    try:
        delivered = loopback.delivered(notes, port, OTHER_NOTES)
        pids = family(pid)
        percent = 100 * (cpu_s(pids) - used_s) / (clock() - begin_s)
    finally:
        over.set()
        reader.join()
    if not ages_ms:
        raise BridgeError("No emotion was on LSL while notes were measured; give more notes.")
    capsules = percentiles(ages_ms)
    cost = {"cpu_percent": round(percent, 1), "memory_mb": round(memory_mb(pids)), "of": len(pids)}
    return {"delivered": delivered, "capsule": capsules | ratio(capsules, yardstick), "cost": cost}


@contextmanager
def performance(stream: str, port: str | None = None) -> Iterator[tuple[int, float, Path]]:
    """`emocapsule live`: its process, from its start to the first note, a file of what it says."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        listens = [sys.executable, "-m", "bridge.bench.receiver", OUR_NOTES]
        ear = stack.enter_context(subprocess.Popen(listens, stdout=subprocess.PIPE, text=True))
        stack.callback(ear.kill)
        _line(ear, "listening")
        words = ["live", "--stream", stream, "--rest", "0", "--out", str(folder / "session")]
        command = [sys.executable, "-m", "bridge.cli", *words, *(["--port", port] if port else [])]
        told = stack.enter_context((folder / "told").open("w+"))
        begin_s = clock()
        program = stack.enter_context(subprocess.Popen(command, stdout=told, stderr=told))
        stack.callback(_end, program)
        try:
            _line(ear, " 9")
        except BridgeError as problem:
            raise BridgeError(f"{problem} It said: {_said(folder / 'told')}") from problem
        start_s = clock() - begin_s
        ear.kill()
        yield program.pid, start_s, folder / "told"


def _line(program: subprocess.Popen[str], word: str) -> None:
    """Wait for a line of the receiver with that in it. BridgeError if it does not come."""
    clocked = threading.Timer(FIRST_NOTE_S, program.kill)
    clocked.start()
    try:
        assert program.stdout is not None
        for line in program.stdout:
            if word in line:
                return
    finally:
        clocked.cancel()
    raise BridgeError(f"No note came within {FIRST_NOTE_S:.0f} s, or JACK-Client is missing.")


def _end(program: subprocess.Popen[bytes]) -> None:
    """As Ctrl-C does; then there is nothing to wait for but notes that end."""
    program.send_signal(signal.SIGINT)
    with suppress(subprocess.TimeoutExpired):
        program.wait(30.0)
    program.kill()


def _said(path: Path) -> str:
    return " ".join(path.read_text().split()) or "nothing"


def _link(told: Path) -> str:
    """Where the page is, as soon as the program says so. BridgeError if it does not."""
    until_s = clock() + PAGE_S
    while clock() < until_s:
        for word in told.read_text().split():
            if word.startswith("http://"):
                return word
        time.sleep(LOOK_S)
    raise BridgeError(f"The page did not answer within {PAGE_S:.0f} s; it said: {_said(told)}")


@contextmanager
def watched(told: Path) -> Iterator[None]:
    """Somebody looks at the page whose link was told, as a browser would, without drawing it."""
    from websockets.exceptions import WebSocketException
    from websockets.sync.client import connect

    address, _, token = _link(told).partition("#")
    page = connect(
        f"{address.replace('http', 'ws', 1)}live?token={token}",
        additional_headers={"Origin": address.rstrip("/")}, proxy=None,
    )  # fmt: skip

    def look() -> None:
        with suppress(WebSocketException, OSError):
            while True:
                page.recv()

    viewer = threading.Thread(target=look)
    viewer.start()
    try:
        yield
    finally:
        page.close()
        viewer.join()


def _capsules(ages_ms: list[float], over: threading.Event) -> None:
    """From the end of each window to its capsule in the hands of a reader on LSL."""
    inlet = Inlet(CAPSULE_STREAM, CAPSULE_TYPE)
    joined = False
    while not over.is_set():
        pulled = inlet.pull()
        if pulled is not None and joined:
            ages_ms += [1000 * (clock() - float(stamp_s)) for stamp_s in pulled[1]]
        joined = joined or pulled is not None  # the first ones may have waited
        time.sleep(LOOK_S)


def _interpreter_s() -> float:
    """How long a bare interpreter takes to start and leave, the yardstick of a start."""
    bare = [sys.executable, "-c", "pass"]
    return min(timed_ms(lambda: subprocess.run(bare, check=True)) for _ in range(3)) / 1000


def words(parser: argparse.ArgumentParser) -> None:
    """Its options."""
    parser.add_argument("--notes", type=int, default=1000, metavar="N", help="(default 1000)")
    parser.add_argument("--load", action="store_true", help="with every core busy besides")
    parser.add_argument("--port", choices=["jack"], help="sample-exact (default: as without)")
    parser.add_argument(
        "--frames", type=int, default=128, choices=[64, 128, 256, 512, 1024, 2048], metavar="N",
        help="of JACK's period (default 128)",
    )  # fmt: skip
    parser.add_argument("--jumps", type=int, default=12, metavar="N", help="(default 12)")


def run(args: argparse.Namespace) -> Result:
    """Measure what was asked for."""
    return measure(args.notes, args.load, args.port, args.frames, args.jumps)
