"""`emocapsule bench`: how fast and how punctual this machine is.

`emocapsule bench [STAGE ...]` measures stages one by one, `bench live` the whole wire, `bench midi`
a MIDI port that you name. The yardsticks beside the figures are what the machine does by itself in
the same run: how late a bare sleep wakes, how long bare products of a network's size take.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from bridge.bench import live, midi, pages, reaction, soak, stages, yardstick
from bridge.bench.yardstick import Result

STAGES: dict[str, tuple[Callable[[], Result], str]] = {
    "sleep": (yardstick.sleep, "a bare sleep wakes late by (ms)"),
    "intake": (stages.intake, "age of the newest sample at intake (ms)"),
    "capsule": (stages.capsule, "window to capsule (ms)"),
    "hour": (stages.hour, "an hour of 32 channels recognised (s)"),
    "composer": (stages.composer, "a token, with guidance (ms)"),
    "notes": (stages.notes, "lateness of notes at a JACK receiver (ms)"),
    "jump": (reaction.jump, "capsule that jumps to the first note composed under it (ms)"),
}
WHOLE = {
    "live": (live, "the whole wire, from outside"),
    "midi": (midi, "one MIDI port"),
    "pages": (pages, "what viewers of the page do to the lateness of notes"),
    "soak": (soak, "what becomes of the notes when processes are killed and frozen"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the stages that are named, or all; or one of the words that have options of their own."""
    argv = list(argv or ())
    with ended_in_order():
        return _whole(argv[0], argv[1:]) if argv and argv[0] in WHOLE else _stages(argv)


@contextmanager
def ended_in_order() -> Iterator[None]:
    """What is terminated ends what it has started, too: servers, headsets, busy cores."""
    kept = signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, kept)


def _stages(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="emocapsule bench",
        description="Measure speed and timing on this machine.",
        epilog=f"{', '.join(f'emocapsule bench {name}' for name in WHOLE)} have --help, too.",
    )
    parser.add_argument(
        "name", nargs="*", choices=[*STAGES, []], metavar="STAGE",
        help=f"{', '.join(STAGES)} (default: all of them); or {', '.join(WHOLE)}",
    )  # fmt: skip
    _json(parser)
    args = parser.parse_args(argv)
    results: dict[str, Result] = {}
    for name in args.name or STAGES:
        work, what = STAGES[name]
        try:
            results[name] = work()
        except Exception as problem:
            if args.name:
                raise
            results[name] = {"skipped": " ".join(str(problem).split())}
        print(f"{name:<9} {what}")
        _tell(results[name], "          ")
    if args.json:
        print(json.dumps(results))
    return 0


def _whole(name: str, argv: Sequence[str]) -> int:
    program, what = WHOLE[name]
    parser = argparse.ArgumentParser(
        prog=f"emocapsule bench {name}", description=f"Measure {what}.", allow_abbrev=False
    )
    program.words(parser)
    _json(parser)
    args = parser.parse_args(argv)
    result = program.run(args)
    _tell(result, "")
    if args.json:
        print(json.dumps({name: result}))
    return 0


def _json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="one line of JSON last")


def _tell(result: Result, indent: str) -> None:
    plain = {key: value for key, value in result.items() if not isinstance(value, dict)}
    if plain:
        print(indent + "  ".join(f"{key} {value}" for key, value in plain.items()))
    for key, value in result.items():
        if isinstance(value, dict):
            print(f"{indent}{key}:")
            _tell(value, indent + "  ")
