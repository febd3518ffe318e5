"""What `demo`, `live`, `listen` and `replay` may be told; what they do is in `perform`."""

import argparse
from pathlib import Path

from bridge.commands.daw import words_of_daw
from bridge.commands.listening import FORMATS, words_of_stream, words_of_wearing
from bridge.commands.values import count, seconds, tcp_port


def words_of_demo(demo: argparse.ArgumentParser) -> None:
    """What `emocapsule demo` may be told."""
    _playing(demo)


def words_of_live(live: argparse.ArgumentParser) -> None:
    """What `emocapsule live` may be told."""
    words_of_stream(live)
    live.add_argument(
        "--capsules", nargs="?", const="", metavar="NAME",
        help="another machine listens to the headset: play what its `emocapsule listen` hears "
        "(NAME: as it was told there; default: the only one on the network)",
    )  # fmt: skip
    words_of_wearing(live)
    _playing(live)


def words_of_listen(listen: argparse.ArgumentParser) -> None:
    """What `emocapsule listen` may be told."""
    words_of_stream(listen)
    listen.add_argument(
        "--name", metavar="NAME", help="what `live --capsules` asks for (default: this machine's)"
    )
    words_of_wearing(listen)
    _keeping(listen)


def words_of_replay(replay: argparse.ArgumentParser) -> None:
    """What `emocapsule replay` may be told."""
    replay.add_argument("file", type=Path, metavar="FILE", help=FORMATS)
    replay.add_argument(
        "--fast", action="store_true", help="as fast as the machine can, into files only"
    )
    words_of_wearing(replay)
    _playing(replay)


def _playing(parser: argparse.ArgumentParser) -> None:
    words_of_daw(parser)
    _keeping(parser)
    parser.add_argument("--seed", type=count, default=0, metavar="N", help="of the music")
    parser.add_argument(
        "--page", action=argparse.BooleanOptionalAction, default=True,
        help="show it all in a web page of this machine, whose link is told (default)",
    )  # fmt: skip
    parser.add_argument(
        "--page-port", type=tcp_port, metavar="N",
        help="of the page (default 8765, or any that is free)",
    )  # fmt: skip


def _keeping(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--duration", type=seconds, metavar="S", help="stop after S seconds")
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="the session folder (default: a new one)"
    )
    parser.add_argument(
        "--markers", metavar="NAME",
        help="record this LSL stream of markers only (default: all there are; none: none)",
    )  # fmt: skip
