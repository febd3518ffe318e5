"""What the music keeps to, told in the same words to `compose` and to whatever plays."""

from __future__ import annotations

import argparse

from bridge.commands import values
from bridge.commands.values import Register
from music.controls import PLAIN, Controls

WHOLE = (PLAIN.lowest, PLAIN.highest)  # the piano's register


def words_of_limits(parser: argparse.ArgumentParser) -> argparse._ArgumentGroup:
    """The limits, in a group of their own to which a command may add."""
    asked = parser.add_argument_group("what the music keeps to")
    asked.add_argument(
        "--register", type=int, nargs=2, action=Register, metavar=("LOW", "HIGH"),
        default=WHOLE,
        help="lowest and highest MIDI pitch, an octave apart or more; 60 is middle C (default: the "
        f"piano's {WHOLE[0]} {WHOLE[1]})",
    )  # fmt: skip
    asked.add_argument(
        "--max-density",
        type=values.density,
        metavar="N",
        help="at most N notes a second, over time",
    )
    asked.add_argument(
        "--min-density", type=values.density, default=0.0, metavar="N",
        help="encourage N notes a second or more",
    )  # fmt: skip
    asked.add_argument(
        "--polyphony", type=values.voices, metavar="N", help="at most N keys held at once"
    )
    asked.add_argument(
        "--quantise", type=values.share, default=0.0, metavar="Q",
        help="0 as performed (default), 1 on the grid of sixteenths or triplets",
    )  # fmt: skip
    return asked


def limits_of(args: argparse.Namespace) -> Controls:
    """All of them as one value. MusicError if two do not go together."""
    lowest, highest = args.register
    return Controls(
        lowest=lowest,
        highest=highest,
        max_density=args.max_density,
        min_density=args.min_density,
        polyphony=args.polyphony,
        quantise=args.quantise,
    )
