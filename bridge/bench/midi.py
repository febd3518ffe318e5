"""`emocapsule bench midi`: a MIDI port of the user's own, measured by what comes back from it.

Notes go through a real *hand* to one port and come back at another, to which it leads: the other
end of loopMIDI or of the IAC bus, a cable, a DAW's thru, or our own virtual ports, connected.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection

from bridge.bench import loopback
from bridge.bench.loopback import Heard
from bridge.bench.yardstick import Result
from bridge.errors import BridgeError
from bridge.hand.ports import open_input
from eeg.lsl import clock

OPEN_S = 30.0
LOOK_S = 0.005


def measure(out: str | None, source: str | None, notes: int, wait_s: float) -> Result:
    """Delay from the planned time until a note is back, jitter round its median, losses.

    `out` as in `open_output`, `source` as in `open_input`; without both of them the user has
    `wait_s` to connect them. BridgeError if a port cannot be had or nothing comes back.
    """
    with _listener(source) as (name, line):
        if out is None or source is None:
            sent = out or "emocapsule:notes"
            _say(f"Connect {sent} to {name} now; notes go out in {wait_s:.0f} s.")
        else:
            wait_s = loopback.JOIN_S
        planned = loopback.play(notes, out, wait_s)
        line.send("over")
        heard: Heard = line.recv()
    if not heard:
        raise BridgeError(
            f"Nothing came back at {name}; connect what leaves {out or 'emocapsule:notes'} to it, "
            "or name the two ends of a loop with --out and --in."
        )
    return {"out": out or "virtual", "in": name} | loopback.told(planned, heard)


@contextmanager
def _listener(source: str | None) -> Iterator[tuple[str, Connection]]:
    """A process that listens: the name of its port, and a line that gives what was heard."""
    context = multiprocessing.get_context("spawn")
    line, theirs = context.Pipe()
    process = context.Process(target=listen, args=(source, theirs), daemon=True)
    process.start()
    theirs.close()
    try:
        if not line.poll(OPEN_S):
            raise BridgeError(f"The MIDI port to listen to did not open within {OPEN_S:.0f} s.")
        opened, text = line.recv()
        if not opened:
            raise BridgeError(text)
        yield text, line
    finally:
        process.kill()
        process.join()


def listen(source: str | None, line: Connection) -> None:
    """The process: say what was opened, keep what comes, give it when asked."""
    try:
        port = open_input(clock, source)
    except BridgeError as problem:
        line.send((False, str(problem)))
        return
    line.send((True, port.name))
    heard: Heard = {}
    while not line.poll():
        for time_s, message in port.take():
            if message[0] & 0xF0 == 0x90 and message[2]:
                heard[message[0] & 0x0F, message[1], message[2]] = time_s
        time.sleep(LOOK_S)
    line.send(heard)
    port.close()


def _say(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)


def words(parser: argparse.ArgumentParser) -> None:
    """Its options."""
    parser.add_argument(
        "--out", metavar="NAME", help="as --port of live (default: the virtual port notes)"
    )
    parser.add_argument(
        "--in", dest="source", metavar="NAME",
        help="part of the name of the port where it comes back (default: the virtual port in)",
    )  # fmt: skip
    parser.add_argument("--notes", type=int, default=800, metavar="N", help="(default 800)")
    parser.add_argument(
        "--wait", type=float, default=10.0, metavar="S",
        help="time to connect a virtual port (default 10)",
    )  # fmt: skip


def run(args: argparse.Namespace) -> Result:
    """Measure what was asked for."""
    return measure(args.out, args.source, args.notes, args.wait)
