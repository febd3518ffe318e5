"""What a picture shows, as numbers: the course of the emotion and the piano roll.

Times are in seconds from the start of the picture.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bridge.errors import BridgeError
from bridge.mind.translate import Translator
from capsule.emotion import EmotionCapsule
from capsule.errors import CapsuleError
from music import midi
from music.events import Event, Note, Pedal

Span = tuple[float, float]  # from_s, to_s
BREAK_S, BREAK = 5.0, 4.0  # without a capsule, in seconds and in usual steps: no line goes through


@dataclass(frozen=True)
class Trace:
    """The course of the emotion: n capsules. `played` is None where nothing was played."""

    times_s: np.ndarray  # (n,) from the start of the picture
    probabilities: np.ndarray  # (n, 4) as recognised
    valence: np.ndarray  # (n,)
    arousal: np.ndarray  # (n,)
    confidence: np.ndarray  # (n,)
    quality: np.ndarray  # (n,)
    played: np.ndarray | None = None  # (n, 4) what the composer was told


@dataclass(frozen=True)
class Roll:
    """What was played, in seconds from the start of the picture."""

    notes: np.ndarray  # (n, 4): start_s, end_s, pitch, velocity
    pedal: np.ndarray  # (n, 2): down_s, up_s


def begin_s(folder: Path) -> float | None:
    """The clock time at which notes.mid begins, if session.json tells it."""
    try:
        told = json.loads((folder / "session.json").read_text(encoding="utf-8"))
        return float(told["start_s"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def read_trace(path: str | Path, begin_s: float | None = None) -> Trace:
    """The trace in a file of one capsule a line; times count from `begin_s`, else the first.

    What was played follows from the capsules: the translation is made again.
    """
    capsules, damaged = read_capsules(path)
    if damaged > 1:  # a crash leaves half a line, no more
        raise BridgeError(f"{path} does not hold one capsule a line ({damaged} are none).")
    return trace_played(capsules, begin_s)


def read_capsules(path: str | Path) -> tuple[list[EmotionCapsule], int]:
    """The capsules in a file of one a line, and how many lines are none. BridgeError if all are."""
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as problem:
        raise BridgeError(f"{path} cannot be read ({problem.strerror}).") from problem
    capsules, damaged, why = [], 0, ""
    for line in filter(str.strip, text.splitlines()):
        try:
            capsules.append(EmotionCapsule.from_json(line))
        except (ValueError, TypeError, CapsuleError) as problem:
            damaged, why = damaged + 1, str(problem)
    if damaged and not capsules:
        raise BridgeError(f"{path} does not hold one capsule a line ({why}).")
    return capsules, damaged


def trace_played(capsules: Sequence[EmotionCapsule], begin_s: float | None = None) -> Trace:
    """The trace of capsules with what was played to them, by the translation made again."""
    translator = Translator()
    played = []
    for capsule in capsules:
        translator.hear(capsule, capsule.time_s)
        played.append(translator.played(capsule.time_s).condition.probabilities)
    return trace_of(capsules, begin_s, np.array(played, dtype=np.float64).reshape(-1, 4))


def trace_of(
    capsules: Sequence[EmotionCapsule],
    begin_s: float | None = None,
    played: np.ndarray | None = None,
) -> Trace:
    """The trace of capsules, and of what the composer was told, (n, 4), if it was."""

    def column(name: str) -> np.ndarray:
        return np.array([getattr(capsule, name) for capsule in capsules], dtype=np.float64)

    times_s = column("time_s")
    if begin_s is None:
        begin_s = float(times_s[0]) if len(times_s) else 0.0
    return Trace(
        times_s=times_s - begin_s,
        probabilities=column("probabilities").reshape(-1, 4),
        valence=column("valence"),
        arousal=column("arousal"),
        confidence=column("confidence"),
        quality=column("quality"),
        played=played,
    )


def roll_of(events: Sequence[Event]) -> Roll:
    """The piano roll of events, in seconds by their own tempo."""
    seconds = midi.tempo_map_of(events).seconds
    notes = [
        (
            seconds(event.onset_beats),
            seconds(event.onset_beats + event.duration_beats),
            event.pitch,
            event.velocity,
        )
        for event in events
        if isinstance(event, Note)
    ]
    end_s = max((note[1] for note in notes), default=0.0)
    pedal: list[tuple[float, float]] = []
    down_s = None
    for event in [*events, Pedal(midi.MAX_BEATS, False)]:
        if isinstance(event, Pedal) and event.down and down_s is None:
            down_s = seconds(event.onset_beats)
        elif isinstance(event, Pedal) and not event.down and down_s is not None:
            pedal.append((down_s, max(down_s, min(seconds(event.onset_beats), end_s))))
            down_s = None
    return Roll(np.array(notes).reshape(-1, 4), np.array(pedal).reshape(-1, 2))


def broken(times_s: np.ndarray, *columns: np.ndarray) -> list[np.ndarray]:
    """Times and columns (n, ...) with a row of NaN in every break, so that none is drawn through.

    A recording that was paused has one, and so has a signal that was lost for long.
    """
    steps_s = np.diff(times_s)
    if not len(steps_s):
        return [times_s, *columns]
    at = np.flatnonzero(steps_s > max(BREAK_S, BREAK * float(np.median(steps_s)))) + 1
    holes = [np.insert(column, at, np.nan, axis=0) for column in columns]
    return [np.insert(times_s, at, times_s[at]), *holes]


def between(roll: Roll, from_s: float, to_s: float) -> Roll:
    """What sounds in a stretch, cut at its edges."""
    notes = roll.notes[(roll.notes[:, 1] > from_s) & (roll.notes[:, 0] < to_s)].copy()
    pedal = roll.pedal[(roll.pedal[:, 1] > from_s) & (roll.pedal[:, 0] < to_s)].copy()
    for spans in (notes[:, :2], pedal):
        np.clip(spans, from_s, to_s, out=spans)
    return Roll(notes, pedal)
