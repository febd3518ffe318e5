"""`emocapsule learn`: one controller moves alone, so that a DAW in MIDI-learn mode catches it."""

import argparse
import sys
import time
import uuid

from bridge.commands.daw import map_of, words_of_port
from bridge.commands.telling import say
from bridge.commands.values import number
from bridge.daw.control import NAMES, SWEEP_S, sweep
from bridge.daw.habits import Habits
from bridge.errors import BridgeError
from bridge.wire import encode

SOON_S = 0.05


def words_of_learn(parser: argparse.ArgumentParser) -> None:
    """What `emocapsule learn` may be told."""
    parser.add_argument("names", nargs="+", choices=NAMES, metavar="NAME", help=", ".join(NAMES))
    words_of_port(parser)
    parser.add_argument(
        "--after", type=_after, metavar="S",
        help="begin S seconds after the port is there (default: when Enter is pressed)",
    )  # fmt: skip


def _after(text: str) -> float:
    return number(text, 0.0, 3600.0, "a number of seconds within an hour")


def learn(args: argparse.Namespace) -> int:
    """Move one controller after the other, so that a DAW in MIDI-learn mode catches only that."""
    from bridge.crew import Crew
    from bridge.hand import process as hand
    from eeg.lsl import clock

    controls = map_of(args)
    for name in args.names:
        if not controls.events(name, 0, 0.0):
            raise BridgeError(f"No controller carries {name}; give it a number with --cc.")
    habits = Habits(channel=args.channel, controls=controls)
    crew = Crew(clock)
    out, records = crew.pipe()
    source = f"emocapsule-learn-{uuid.uuid4().hex[:8]}"
    crew.start("hand", hand.main, out, args.port, source, habits)
    try:
        while crew.ready("hand") is None:
            crew.tend(SOON_S)
        for name in args.names:
            _wait(f"{name} (controller {controls.numbers[NAMES.index(name)]})", args.after)
            begin_s = clock() + SOON_S
            for event in sweep(controls, name, begin_s):
                records.send_bytes(encode(habits.shaped(event), crew.board.epoch))
            while clock() < begin_s + SWEEP_S:
                crew.tend(SOON_S)
    finally:
        crew.stop(SWEEP_S)
    return 0


def _wait(what: str, after_s: float | None) -> None:
    """Until the DAW is ready for it."""
    if after_s is None:
        say(f"Let the DAW learn {what}, then press Enter.")
        sys.stdin.readline()
    else:
        time.sleep(after_s)
    say(f"{what} moves for {SWEEP_S:.0f} s.")
