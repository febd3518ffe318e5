"""What may be told of a DAW: port, channel, controllers, clock; `Habits` from it."""

import argparse
import re
from collections.abc import Sequence

from bridge.commands.keeping import limits_of, words_of_limits
from bridge.commands.values import number, tcp_port, whole
from bridge.daw import controlin
from bridge.daw.control import NAMES, ControlMap
from bridge.daw.habits import CURVES, LIGHTEST, STRONGEST, Habits, Incoming, Velocity
from bridge.errors import BridgeError

PROGRAMS = 128
OCTAVES = 48  # semitones up or down
LOCALHOST = "127.0.0.1"


def words_of_port(parser: argparse.ArgumentParser) -> None:
    """Where MIDI goes."""
    parser.add_argument(
        "--port", metavar="NAME",
        help='part of the name of a MIDI port, "none", "synth" for the loudspeaker, or "jack" for '
        "virtual ports exact to JACK's sample (default: virtual ports, emocapsule:notes and "
        "control)",
    )  # fmt: skip
    parser.add_argument(
        "--channel", type=_channel, default=1, metavar="1-16", help="MIDI channel (default 1)"
    )
    parser.add_argument(
        "--cc", type=control_numbers, default={}, metavar="NAME=N,...",
        help=f"controllers by name ({', '.join(NAMES)}; default 20 to 27); NAME=off leaves one out",
    )  # fmt: skip
    parser.add_argument(
        "--cc-14bit", dest="wide", action="store_true",
        help="controllers in 14 bits: N coarse, N + 32 fine",
    )  # fmt: skip


def words_of_daw(parser: argparse.ArgumentParser) -> None:
    """How a DAW or a synth wants it."""
    words_of_port(parser)
    parser.add_argument("--no-cc", action="store_true", help="send no controllers but the pedal")
    parser.add_argument(
        "--transpose", type=_semitones, default=0, metavar="N",
        help="semitones up, or down if negative; what MIDI has no key for comes in by octaves",
    )  # fmt: skip
    parser.add_argument(
        "--velocity-curve", type=curve, default=CURVES["linear"], metavar="CURVE",
        help=f"{', '.join(CURVES)}, or an exponent from 0.2 to 5 (default linear)",
    )  # fmt: skip
    parser.add_argument(
        "--velocity-range", type=_velocity, nargs=2, default=(LIGHTEST, STRONGEST),
        metavar=("LOW", "HIGH"), help="lightest and strongest key, each 1 to 127",
    )  # fmt: skip
    parser.add_argument(
        "--program", type=_program, metavar="1-128",
        help="set the instrument before the first note (default: it stays what it is)",
    )  # fmt: skip
    parser.add_argument(
        "--bank", type=bank, metavar="COARSE[:FINE]", help="of the program, each 0 to 127"
    )
    parser.add_argument("--clock", action="store_true", help="send MIDI clock, with start and stop")
    _words_of_incoming(parser)
    parser.add_argument(
        "--osc", type=host_and_port, metavar="HOST:PORT",
        help=f"send emotion and notes as OSC, too (:PORT is this machine, {LOCALHOST})",
    )  # fmt: skip
    words_of_limits(parser)


def _words_of_incoming(parser: argparse.ArgumentParser) -> None:
    """What is heard of the DAW."""
    first, last = controlin.NUMBERS[0], controlin.NUMBERS[-1]
    parser.add_argument(
        "--clock-in", action="store_true",
        help="follow a MIDI clock: its tempo, bars, start, stop and song position",
    )  # fmt: skip
    parser.add_argument(
        "--link", action="store_true",
        help="follow an Ableton Link session: its tempo and bars (pip install emocapsule[link])",
    )  # fmt: skip
    parser.add_argument(
        "--link-start-stop", action="store_true",
        help="play only while the session plays: switch Start Stop Sync on in the DAW, too",
    )  # fmt: skip
    parser.add_argument(
        "--control-in", type=_channel_or_any, metavar="1-16|any",
        help="let controllers of this channel move emotion, strength and the rest",
    )  # fmt: skip
    parser.add_argument(
        "--cc-in", type=incoming_numbers, default={}, metavar="NAME=N,...",
        help=f"those controllers by name ({', '.join(controlin.NAMES)}; default {first} to {last})",
    )  # fmt: skip
    parser.add_argument(
        "--in", dest="source", metavar="NAME",
        help="part of the name of a MIDI port to hear them on (default: a virtual port, "
        "emocapsule:in)",
    )  # fmt: skip


# ---------------------------------------------------------------------------- words as values


def _channel(text: str) -> int:
    return whole(text, 1, 16, "a channel")


def _channel_or_any(text: str) -> int | str:
    return "any" if text == "any" else _channel(text)


def _semitones(text: str) -> int:
    return whole(text, -OCTAVES, OCTAVES, "a number of semitones")


def _velocity(text: str) -> int:
    return whole(text, LIGHTEST, STRONGEST, "a velocity")


def _program(text: str) -> int:
    return whole(text, 1, PROGRAMS, "a program")


def bank(text: str) -> tuple[int, int]:
    """Coarse, or coarse:fine."""
    coarse, _, fine = text.partition(":")
    return whole(coarse, 0, 127, "a bank"), whole(fine or "0", 0, 127, "a bank")


def curve(text: str) -> float:
    """The exponent of a velocity curve."""
    if text in CURVES:
        return CURVES[text]
    return number(text, 0.2, 5.0, f"a velocity curve: {', '.join(CURVES)}, or 0.2 to 5")


def control_numbers(text: str) -> dict[str, int | None]:
    """Which controller carries what; None is off."""
    return _numbers(text, NAMES)


def incoming_numbers(text: str) -> dict[str, int | None]:
    """Which incoming controller moves what; None is off."""
    return _numbers(text, controlin.NAMES)


def _numbers(text: str, names: Sequence[str]) -> dict[str, int | None]:
    told: dict[str, int | None] = {}
    for part in text.split(","):
        name, _, value = (word.strip().lower() for word in part.partition("="))
        if name not in names:
            raise argparse.ArgumentTypeError(
                f"{part!r} is not NAME=NUMBER with a name of {', '.join(names)}"
            )
        told[name] = None if value == "off" else whole(value, 0, 127, "a controller")
    return told


def host_and_port(text: str) -> tuple[str, int]:
    """Where OSC goes; an IPv6 address stands in brackets."""
    match = re.fullmatch(r"(?:\[([^]]+)\]|([^:\[\]\s]*)):(\d{1,5})", text)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT, such as 127.0.0.1:9000")
    return match[1] or match[2] or LOCALHOST, tcp_port(match[3])


def habits_of(args: argparse.Namespace) -> Habits:
    """All of it as one value. BridgeError if some of it does not go together."""
    if args.bank is not None and args.program is None:
        raise BridgeError("A bank goes with a program; add --program.")
    if args.no_cc and (args.cc or args.wide):
        raise BridgeError("With --no-cc there are no controllers; leave out --cc and --cc-14bit.")
    return Habits(
        channel=args.channel,
        transpose=args.transpose,
        velocity=Velocity(args.velocity_curve, *args.velocity_range),
        program=args.program,
        bank=args.bank,
        controls=None if args.no_cc else map_of(args),
        clock=args.clock,
        keeps=limits_of(args),
        incoming=_incoming_of(args),
    )


def _incoming_of(args: argparse.Namespace) -> Incoming | None:
    """What is heard of the DAW, if anything is."""
    if args.clock_in and args.link:
        raise BridgeError("Either MIDI clock leads or Link; leave out --clock-in or --link.")
    if args.clock and (args.clock_in or args.link):
        theirs = "--link" if args.link else "--clock-in"
        raise BridgeError(f"Either the DAW's clock leads or ours; leave out --clock or {theirs}.")
    if args.link_start_stop and not args.link:
        raise BridgeError("There is no session whose start to wait for; add --link.")
    if args.link:
        from bridge.daw import link

        link.require()
    if args.cc_in and not args.control_in:
        raise BridgeError("Incoming controllers need a channel; add --control-in any.")
    if args.source and not (args.clock_in or args.control_in):
        raise BridgeError("Nothing would be heard; add --clock-in or --control-in.")
    if not (args.clock_in or args.control_in or args.link):
        return None
    pairs = zip(controlin.NAMES, controlin.NUMBERS, strict=True)
    numbers = tuple(args.cc_in.get(name, usual) for name, usual in pairs)
    controlin.check(numbers)
    channel = None if args.control_in == "any" else args.control_in
    return Incoming(
        args.source,
        args.clock_in,
        bool(args.control_in),
        channel,
        numbers,
        args.link,
        args.link_start_stop,
    )


def map_of(args: argparse.Namespace) -> ControlMap:
    """Which controller carries what."""
    usual = ControlMap()
    pairs = zip(NAMES, usual.numbers, strict=True)
    return ControlMap(tuple(args.cc.get(name, kept) for name, kept in pairs), args.wide)
