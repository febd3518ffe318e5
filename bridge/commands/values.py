"""Words of the command line as values; what is none is wrong use, told in a sentence."""

import argparse
import re
from typing import Any

from music.controls import Controls
from music.errors import MusicError
from music.key import Key, parse_key

SECONDS_A_DAY = 86_400.0


def number(text: str, low: float, high: float, what: str) -> float:
    """Between `low` and `high`, or it is not `what`."""
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not low <= value <= high:
        raise argparse.ArgumentTypeError(f"{text!r} is not {what}")
    return value


def seconds(text: str) -> float:
    """A length of time."""
    return number(text, 0.0, SECONDS_A_DAY, "a number of seconds within a day")


def strength(text: str) -> float:
    """Of guidance."""
    return number(text, 0.0, 20.0, "a number from 0 to 20")


def density(text: str) -> float:
    """Notes a second."""
    return number(text, 0.01, 1000.0, "a number of notes a second from 0.01 to 1000")


def tempo(text: str) -> float:
    """Beats a minute."""
    return number(text, 30.0, 300.0, "a tempo from 30 to 300 beats a minute")


def share(text: str) -> float:
    """From none to all."""
    return number(text, 0.0, 1.0, "a number from 0 to 1")


def temperature(text: str) -> float:
    """Of sampling."""
    return number(text, 0.01, 5.0, "a temperature from 0.01 to 5")


def top_p(text: str) -> float:
    """Of sampling."""
    return number(text, 0.01, 1.0, "a probability from 0.01 to 1")


def voices(text: str) -> int:
    """Keys held at once."""
    if (most := count(text)) < 1:
        raise argparse.ArgumentTypeError("a polyphony of 0 would be silence; give 1 or more")
    return most


def key(text: str) -> Key:
    """A key by its name."""
    try:
        return parse_key(text)
    except MusicError as problem:
        raise argparse.ArgumentTypeError(str(problem)) from problem


class Register(argparse.Action):
    """Two pitches that make sense together."""

    def __call__(self, parser: Any, namespace: Any, values: Any, option: Any = None) -> None:
        try:
            Controls(lowest=values[0], highest=values[1])
        except MusicError as problem:
            raise argparse.ArgumentError(self, str(problem)) from problem
        setattr(namespace, self.dest, tuple(values))


def count(text: str) -> int:
    """A whole number."""
    if not text.isdecimal() or len(text) > 18:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0")
    return int(text)


def whole(text: str, low: int, high: int, what: str) -> int:
    """A whole number between `low` and `high`, or it is not `what`."""
    if not (re.fullmatch(r"[+-]?\d{1,18}", text) and low <= int(text) <= high):
        raise argparse.ArgumentTypeError(f"{text!r} is not {what} from {low} to {high}")
    return int(text)


def tcp_port(text: str) -> int:
    """A port of this machine, or of another."""
    return whole(text, 1, 65535, "a port")


def mix(text: str) -> tuple[float, ...]:
    """Probabilities of the four quadrants."""
    shares = [number(share, 0.0, 1.0, "a probability") for share in text.split(",")]
    if len(shares) != 4 or abs(sum(shares) - 1.0) > 1e-3:
        raise argparse.ArgumentTypeError(f"{text!r} is not four probabilities that sum to 1")
    return tuple(shares)
