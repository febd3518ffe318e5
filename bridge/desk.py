"""The desk: what a hand may set while the music plays, in memory that all processes share.

Anybody may write a cell, by `turn`, `panic` and `mark`: the page is one who does. Who writes last,
wins. *mind* reads it before every event, *hand* and *recorder* in every turn.
"""

from __future__ import annotations

import ctypes
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Protocol

from bridge.errors import BridgeError
from music.condition import STRENGTH
from music.controls import Controls
from music.errors import MusicError
from music.key import SCALES, parse_key
from music.sampling import Sampling
from music.vocabulary import ROOTS, TEMPO_RANGE_BPM

if TYPE_CHECKING:
    from bridge.mind.translate import Translator

RANGES = {  # what a number on the desk may be
    "strength": (1.0, 10.0),  # below 1, doubt would make it stronger
    "temperature": (0.3, 2.0),
    "bpm": TEMPO_RANGE_BPM,
    "valence": (-1.0, 1.0),
    "valence_share": (0.0, 1.0),
    "arousal": (-1.0, 1.0),
    "arousal_share": (0.0, 1.0),
}
SWITCHES = ("hold", "mute", "record")
PRESSED = ("panics", "marks")  # counted, not set
KEYS = tuple(f"{root} {scale}" for scale in SCALES for root in ROOTS)
NONE = 0.0  # in a cell: no lock


class Desk(ctypes.Structure):
    """The cells; `lay` fills them."""

    strength: float
    temperature: float
    bpm: float
    key: int
    hold: int
    mute: int
    record: int
    panics: int
    marks: int
    valence: float
    valence_share: float
    arousal: float
    arousal_share: float

    _fields_ = [
        *((name, ctypes.c_double) for name in RANGES),  # 0 for bpm: no tempo lock
        ("key", ctypes.c_uint32),  # 0: no key lock, else its place in KEYS, from 1
        ("hold", ctypes.c_uint32),
        ("mute", ctypes.c_uint32),
        ("record", ctypes.c_uint32),
        ("panics", ctypes.c_uint32),  # how often it was pressed
        ("marks", ctypes.c_uint32),  # likewise
    ]


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the desk says."""

    strength: float = STRENGTH  # of the guidance, at full confidence and quality
    temperature: float = Sampling.temperature
    bpm: float | None = None  # a fixed tempo
    key: str | None = None  # no note outside it
    hold: bool = False  # one idea for all bars: the latent stays
    mute: bool = False  # no key is struck; clock and controllers go on
    record: bool = True  # what comes is kept, if there is a session folder
    panics: int = 0
    marks: int = 0  # moments to be found again in the recording
    valence: float = 0.0  # by hand, and its share: 0 the wearer alone, 1 the hand alone
    valence_share: float = 0.0
    arousal: float = 0.0
    arousal_share: float = 0.0


class Steerable(Protocol):
    """What `heed` needs of a composer."""

    controls: Controls
    sampling: Sampling


def lay(desk: Desk, wishes: Wishes) -> None:
    """Set everything but what is pressed."""
    for name, value in asdict(wishes).items():
        if name not in PRESSED:
            turn(desk, name, value)


def read(desk: Desk) -> Wishes:
    """All of it as one value."""
    numbers = {name: float(getattr(desk, name)) for name in RANGES if name != "bpm"}
    return Wishes(
        **numbers,
        bpm=desk.bpm if desk.bpm != NONE else None,
        key=KEYS[desk.key - 1] if 0 < desk.key <= len(KEYS) else None,
        hold=bool(desk.hold),
        mute=bool(desk.mute),
        record=bool(desk.record),
        panics=desk.panics,
        marks=desk.marks,
    )


def turn(desk: Desk, name: str, value: object) -> None:
    """Set one thing; None takes a lock off. BridgeError if there is no such thing or value."""
    if name == "key":
        desk.key = 0 if value is None else _key(value)
    elif name in SWITCHES:
        if not isinstance(value, bool):
            raise BridgeError(f"{name} is either true or false, not {value!r:.40}.")
        setattr(desk, name, int(value))
    elif name == "bpm" and value is None:
        desk.bpm = NONE
    elif name in RANGES:
        setattr(desk, name, _number(name, value))
    else:
        known = ", ".join((*RANGES, "key", *SWITCHES))
        raise BridgeError(f"There is no {name!r:.40} on the desk; there are {known}.")


def panic(desk: Desk) -> None:
    """Press it: everything is silenced; once more within two seconds is harder."""
    desk.panics += 1


def mark(desk: Desk) -> None:
    """Press it: the recording gets a marker at this moment."""
    desk.marks += 1


def heed(wishes: Wishes, translator: Translator, composer: Steerable) -> None:
    """Do as the desk says: the emotion by hand, and what the composer keeps to."""
    translator.style = replace(translator.style, top_strength=wishes.strength)
    axes = {
        "valence": (wishes.valence, wishes.valence_share),
        "arousal": (wishes.arousal, wishes.arousal_share),
    }
    for axis, (value, share) in axes.items():
        translator.override(axis, value if share else None, share)
    key = parse_key(wishes.key) if wishes.key else None
    composer.controls = replace(composer.controls, key=key, bpm=wishes.bpm, hold=wishes.hold)
    composer.sampling = replace(composer.sampling, temperature=wishes.temperature)


def _number(name: str, value: object) -> float:
    low, high = RANGES[name]
    if isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high:
        return float(value)
    raise BridgeError(f"{name} is a number from {low:g} to {high:g}, not {value!r:.40}.")


def _key(value: object) -> int:
    try:
        wanted = parse_key(str(value))
    except MusicError as problem:
        raise BridgeError(str(problem)) from problem
    return next(place for place, name in enumerate(KEYS, start=1) if parse_key(name) == wanted)
