"""`emocapsule headset`: a board that BrainFlow knows becomes an LSL stream."""

import argparse
import contextlib
import signal
import time
from functools import partial
from types import FrameType
from typing import TYPE_CHECKING

from bridge.commands import values
from bridge.commands.telling import say

if TYPE_CHECKING:
    from eeg.boards import Address, Board


def words_of_headset(headset: argparse.ArgumentParser) -> None:
    """What `emocapsule headset` may be told."""
    which = headset.add_mutually_exclusive_group(required=True)
    which.add_argument("--board", metavar="NAME", help="of the headset, for example muse-2, cyton")
    which.add_argument("--list", action="store_true", help="the boards that BrainFlow knows")
    headset.add_argument("--name", metavar="STREAM", help="of the LSL stream (default: the board)")
    headset.add_argument(
        "--channels", metavar="A,B,...",
        help='where the electrodes sit, in order of the inputs, "x" for an input that is not used',
    )  # fmt: skip
    headset.add_argument(
        "--serial-port", default="", metavar="P", help="of the board or its dongle"
    )
    headset.add_argument(
        "--mac", default="", metavar="A", help="Bluetooth address, if there are two"
    )
    headset.add_argument("--serial-number", default="", metavar="N", help="likewise, or its name")
    headset.add_argument("--ip", default="", metavar="A", help="of a board on the network")
    headset.add_argument("--ip-port", type=values.count, default=0, metavar="N", help="likewise")
    headset.add_argument(
        "--timeout", type=values.count, default=0, metavar="S", help="how long to look for it"
    )
    headset.add_argument(
        "--shared", action="store_true",
        help="another program has opened the board, and BrainFlow's streamer sends it to --ip and "
        "--ip-port",
    )  # fmt: skip
    headset.add_argument(
        "--duration", type=values.seconds, metavar="S", help="stop after S seconds"
    )


def headset(args: argparse.Namespace) -> int:
    """A board's samples, sent until Ctrl-C or SIGTERM; the board is let go of."""
    from eeg.boards import Address, Session, find_board, place
    from eeg.headset import Bridge, Rows
    from eeg.lsl import Outlet

    if args.list:
        return _list_boards()
    board = find_board(args.board)
    rows, labels = place(board, args.channels.split(",") if args.channels else None)
    address = Address(
        args.serial_port, args.mac, args.serial_number, args.ip, args.ip_port, args.timeout
    )
    name = args.name or board.title
    identity = _identity(board, address, name)
    connect = partial(Session, board, address, args.shared)
    asked: list[int] = []  # to end; an exception alone may be lost in a library's callback

    def interrupt(number: int, _: FrameType | None) -> None:
        asked.append(number)
        raise KeyboardInterrupt

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, interrupt)
    say(f"Reaching for {board.title} ...")
    session = connect()
    try:
        outlet = Outlet(name, "EEG", labels, session.rate_hz, "microvolts", identity)
        taken = Rows(rows, board.package_row, board.stamp_row)
        bridge = Bridge(board.title, session, connect, taken, outlet, say)
        until_s = time.monotonic() + (args.duration or float("inf"))
        say(f"{name} is on LSL: {' '.join(labels)} at {session.rate_hz:g} Hz. Ctrl-C ends it.")
        with contextlib.suppress(KeyboardInterrupt):
            bridge.run(lambda: bool(asked) or time.monotonic() >= until_s)
    finally:
        session.close()
    print(
        f"{taken.samples} samples sent, {taken.lost} packages lost, {taken.doubled} samples came "
        f"twice; the board was lost {bridge.losses} times."
    )
    return 0


def _identity(board: "Board", address: "Address", name: str) -> str:
    """The same for the same board under the same name, today and tomorrow."""
    return "-".join(part for part in ("emocapsule", board.name, address.identity, name) if part)


def _list_boards() -> int:
    from eeg.boards import boards

    for board in boards():
        where = " ".join(board.electrodes) or f"{len(board.rows)} inputs: name them with --channels"
        print(f"{board.name:<26} {board.rate_hz:>6g} Hz  {where}")
    return 0
