"""The picture of a piece: `compose --plot`, a figure as papers print them.

Above the piano roll, in lines of some bars each: notes darker where louder, the pedal below, bar
lines with their numbers, chords by name, and under each line how many notes a second. What was
asked is told above. The same piece gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from bridge.session.picture import (
    DOTS_PER_IN,
    QUADRANTS,
    SIZE,
    minutes,
    save,
    share_time,
)
from bridge.session.roll import FAINT, GRID, INK, LOUDNESS, PAPER, keys, pitches
from bridge.session.trace import Roll, between, roll_of
from music.events import Bar, Chord, Event, Tempo
from music.key import SCALES, Key, find_key
from music.midi import tempo_map_of
from music.vocabulary import NO_CHORD, ROOTS

WIDTH_IN, LEFT, RIGHT = 10.0, 0.06, 0.975  # shares of the width
HEAD_IN, FOOT_IN = 1.25, 0.5
ROLL_IN, RATE_IN, GAP_IN = 1.75, 0.42, 0.62  # of each line
LINE_S, MOST_LINES = 20.0, 8
RATE_OVER_S, RATE_EVERY_S = 2.0, 0.25
FLATS = {1: "Db", 3: "Eb", 6: "Gb", 8: "Ab", 10: "Bb"}
FLAT_MAJORS = (5, 10, 3, 8, 1)
CHORD_PT = 6.2  # room a letter takes, in points


@dataclass(frozen=True)
class Asked:
    """What was asked for: words above the picture."""

    name: str  # of the emotion: Q1, a file
    mixture: tuple[float, float, float, float]
    limits: str = ""  # key, tempo and the like, in words


def draw(path: str | Path, events: Sequence[Event], asked: Asked) -> Path:
    """Draw a piece into a PNG file. Returns its path; BridgeError if it cannot be written."""
    roll, seconds = roll_of(events), tempo_map_of(events).seconds
    end_s = max(float(roll.notes[:, 1].max(initial=1.0)), 1.0)
    bars_s = [seconds(event.onset_beats) for event in events if isinstance(event, Bar)]
    starts_s = _lines(bars_s, end_s)
    ends_s = [*starts_s[1:], end_s]
    line_s = max(np.subtract(ends_s, starts_s))
    height_in = HEAD_IN + FOOT_IN + len(starts_s) * (ROLL_IN + RATE_IN + GAP_IN) - GAP_IN
    figure = Figure(figsize=(WIDTH_IN, height_in), dpi=DOTS_PER_IN, facecolor=PAPER)
    FigureCanvasAgg(figure)
    _head(figure, height_in, events, roll, asked)
    limits, most = pitches(roll), float(_rate(roll, 0.0, end_s)[1].max(initial=1.0))
    flat = is_flat(_heard(roll))
    chords = [
        (seconds(event.onset_beats), chord_name(event.name, flat))
        for event in events
        if isinstance(event, Chord)
    ]
    top_in = height_in - HEAD_IN
    for start_s, stop_s in zip(starts_s, ends_s, strict=True):
        tall, low = ROLL_IN / height_in, RATE_IN / height_in
        top_in -= ROLL_IN
        notes = figure.add_axes((LEFT, top_in / height_in, RIGHT - LEFT, tall))
        top_in -= RATE_IN
        rate = figure.add_axes((LEFT, top_in / height_in, RIGHT - LEFT, low))
        top_in -= GAP_IN
        keys(notes, between(roll, start_s, stop_s), limits)
        _density(rate, roll, (start_s, stop_s), most)
        share_time([notes, rate], start_s, start_s + line_s)
        if stop_s < end_s:
            rate.set_xlabel("")
        _bars(notes, bars_s, start_s, stop_s)
        _chords(notes, [one for one in chords if start_s <= one[0] < stop_s], line_s)
    return save(figure, path)


def chord_name(name: str, flat: bool = False) -> str:
    """A chord as musicians write it, such as Am7, F#dim or, `flat`, Gbdim; empty for none."""
    root, _, kind = name.partition(":")
    if name == NO_CHORD:
        return ""
    return _root(ROOTS.index(root), flat) + {
        "M": "",
        "M7": "maj7",
        "o": "dim",
        "o7": "dim7",
        "/o7": "m7b5",
    }.get(kind, kind)


def key_name(key: Key) -> str:
    """A key by its name, such as "C harmonic minor"."""
    scale = next(name for name, steps in SCALES.items() if steps == key.scale)
    return f"{_root(key.tonic, is_flat(key))} {scale}"


def is_flat(key: Key) -> bool:
    """Whether the key is written with flats: its signature is that of F, Bb, Eb, Ab or Db major."""
    brightest = max(range(12), key=lambda tonic: _shared(key, tonic))
    return brightest in FLAT_MAJORS


def _shared(key: Key, tonic: int) -> tuple[int, bool, bool]:
    """How near a major scale is: shared pitch classes, whether it is the key's own or relative."""
    minor = 3 in key.scale and 4 not in key.scale
    own = tonic == (key.tonic + 3 * minor) % 12
    shared = len(Key(tonic, SCALES["major"]).classes & key.classes)
    return shared, own, (tonic in FLAT_MAJORS) == minor


def _root(pitch_class: int, flat: bool) -> str:
    return FLATS.get(pitch_class, ROOTS[pitch_class]) if flat else ROOTS[pitch_class]


# ---------------------------------------------------------------------------- panels


def _lines(bars_s: Sequence[float], end_s: float) -> list[float]:
    """Where lines of about one length begin: at bars, so that none is cut, if there are any."""
    count = min(max(1, round(end_s / LINE_S)), MOST_LINES)
    even_s = [end_s * line / count for line in range(count)]
    near = [min(bars_s, key=lambda bar: abs(bar - at)) if bars_s else at for at in even_s[1:]]
    return [0.0, *sorted({at for at in near if 0.0 < at < end_s})]


def _head(
    figure: Figure, height_in: float, events: Sequence[Event], roll: Roll, asked: Asked
) -> None:
    """What was asked, and what came of it."""
    parts = sorted(zip(asked.mixture, QUADRANTS, strict=True), key=lambda part: -part[0])
    mood = parts[0][1][1] if parts[0][0] > 0.5 else "a mixture"
    title = f"{asked.name}: {mood}"
    figure.text(LEFT, 1 - 0.36 / height_in, title, fontsize=15, weight="bold", color=INK,
                parse_math=False)  # fmt: skip
    mixture = "   ".join(
        f"{name} {share:.2f}" for (name, *_), share in zip(QUADRANTS, asked.mixture, strict=True)
    )
    asked_for = "   ".join(filter(None, ["asked:", mixture, asked.limits]))
    figure.text(LEFT, 1 - 0.60 / height_in, asked_for, fontsize=SIZE, color=INK, parse_math=False)
    figure.text(LEFT, 1 - 0.80 / height_in, _came(events, roll), fontsize=SIZE, color=INK)
    left = RIGHT - 0.16
    for level, colour in enumerate(LOUDNESS):
        box = (left + 0.012 * level, 1 - 0.37 / height_in, 0.012, 0.1 / height_in)
        figure.add_axes(box, facecolor=colour, xticks=[], yticks=[]).spines[:].set_visible(False)
    beside: dict[str, Any] = {"fontsize": 8, "color": FAINT, "va": "bottom"}
    figure.text(left - 0.005, 1 - 0.38 / height_in, "soft", ha="right", **beside)
    figure.text(left + 0.09, 1 - 0.38 / height_in, "loud", **beside)


def _came(events: Sequence[Event], roll: Roll) -> str:
    notes = roll.notes
    if not len(notes):
        return "no notes"
    length_s = float(notes[:, 1].max())
    beats = max((event.onset_beats for event in events), default=0.0)
    bpm = 60.0 * beats / max(tempo_map_of(events).seconds(beats), 1e-9)
    tempi = [event.bpm for event in events if isinstance(event, Tempo)]
    span = f" ({min(tempi):.0f} to {max(tempi):.0f})" if len(set(tempi)) > 1 else ""
    bars = sum(isinstance(event, Bar) for event in events)
    heard = key_name(_heard(roll)).replace("harmonic ", "")
    return (
        f"{len(notes)} notes in {minutes(length_s)}, {len(notes) / length_s:.1f} a second, "
        f"{bars} bars, mean tempo {bpm:.0f} bpm{span}, mean velocity {notes[:, 3].mean():.0f}, "
        f"nearest key {heard}"
    )


def _heard(roll: Roll) -> Key:
    """The key that fits best what is held for how long."""
    start_s, end_s, pitch, _ = roll.notes.T
    return find_key(np.bincount(pitch.astype(int) % 12, end_s - start_s, minlength=12).tolist())


def _bars(axes: Axes, bars_s: Sequence[float], start_s: float, stop_s: float) -> None:
    """Bar lines, each with its number below the line above."""
    for number, bar_s in enumerate(bars_s, start=1):
        if start_s <= bar_s < stop_s:
            axes.axvline(bar_s, color=FAINT, lw=0.7, zorder=1)
            where: dict[str, Any] = {
                "xycoords": ("data", "axes fraction"),
                "textcoords": "offset points",
            }
            axes.annotate(str(number), (bar_s, 1.0), (2, 12), fontsize=7, color=FAINT, **where)


def _chords(axes: Axes, chords: Sequence[tuple[float, str]], line_s: float) -> None:
    """Names above the line; one that would touch the last is left out."""
    room_s = line_s / ((RIGHT - LEFT) * WIDTH_IN * 72.0)  # seconds a point
    free_s = -np.inf
    for chord_s, text in chords:
        if text and chord_s >= free_s:
            where: dict[str, Any] = {
                "xycoords": ("data", "axes fraction"),
                "textcoords": "offset points",
            }
            axes.annotate(text, (chord_s, 1.0), (2, 3), fontsize=8, color=INK, **where)
            free_s = chord_s + room_s * CHORD_PT * (len(text) + 0.5)


def _density(axes: Axes, roll: Roll, span_s: tuple[float, float], most: float) -> None:
    times_s, rates = _rate(roll, *span_s)
    axes.fill_between(times_s, rates, color=GRID, lw=0)
    axes.plot(times_s, rates, color=INK, lw=0.9)
    axes.set_ylim(0, 1.08 * most)
    axes.set_yticks([0, int(most)])
    axes.set_ylabel("notes/s", fontsize=7, color=INK, labelpad=2)


def _rate(roll: Roll, start_s: float, stop_s: float) -> tuple[np.ndarray, np.ndarray]:
    """Times, and notes a second in the two seconds around each."""
    times_s = np.arange(start_s, stop_s + RATE_EVERY_S / 2, RATE_EVERY_S)
    onsets_s = np.sort(roll.notes[:, 0])
    later = np.searchsorted(onsets_s, times_s + RATE_OVER_S / 2)
    sooner = np.searchsorted(onsets_s, times_s - RATE_OVER_S / 2)
    return times_s, (later - sooner) / RATE_OVER_S
