"""The pictures of a report: the same panels as in session.png, as SVG that a style sheet colours.

Text stays text, colours become variables of the page, so that the dark page and paper are drawn
from one file. Names that came over the network are cut to plain characters before they are drawn;
matplotlib escapes them.
"""

from __future__ import annotations

import io
import itertools
import re
from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, ListedColormap
from matplotlib.figure import Figure

from bridge.board import SIGNALS
from bridge.session.kept import Heard, Kept
from bridge.session.picture import (
    CLEAN,
    QUADRANTS,
    bands,
    plane,
    share_time,
    strips,
)
from bridge.session.roll import FAINT, GRID, INK, LOUDNESS, PAPER, keys, pitches
from bridge.session.trace import Roll, Span, Trace, between
from eeg.quality import FINE, GOOD

WIDE_IN, PLANE_IN = 8.4, 5.2
LEFT, RIGHT = 0.075, 0.945  # shares of the width
MOST_POINTS = 1200  # of a curve: more than there are dots on a screen
LEAST_LINE_S, MOST_LINES = 60.0, 20  # of the piano roll
LINE_IN, BOTTOM_IN = 1.3, 0.42
MOST_NAME = 16
MOST_MARKS = 60
OFF, FAIR = "#D55E00", "#F0E442"  # quality, with CLEAN for good
TRAIL = LinearSegmentedColormap.from_list("trail", ["#C9B8E8", "#9A73D2", "#7A3FC0"])
THEMED = {
    INK: "ink", FAINT: "faint", PAPER: "paper", GRID: "grid", CLEAN: "clean",
    **{colour: name.lower() for name, *_, colour in QUADRANTS},
    **{colour: f"loud{level}" for level, colour in enumerate(LOUDNESS)},
}  # fmt: skip
_COLOURS = re.compile("|".join(THEMED), re.IGNORECASE)
_NAMED = re.compile(r' id="[A-Za-z.0-9]+_\d+"')
_FONT = re.compile(r"font: (\w+ )?([\d.]+px) [^;\"]+")
_OUTLINE = re.compile(r' d="[^"]*"')
_LONG = re.compile(r"(\.\d\d)\d+")


def svg(figure: Figure, told: str) -> str:
    """The figure as an SVG element; `told`: what it shows, for those who cannot see it."""
    file = io.StringIO()
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": told}):
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    text = file.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r' (width|height)="[\d.]+pt"', "", text, count=2)
    text = _NAMED.sub("", text)
    text = _FONT.sub(
        lambda found: f"font-weight: {found[1] or 'normal'}; font-size: {found[2]}", text
    )
    text = _OUTLINE.sub(lambda found: _LONG.sub(r"\1", found[0]), text)
    text = _COLOURS.sub(lambda found: f"var(--{_theme(found[0])})", text)
    return text.replace("<svg", f'<svg role="img" aria-label="{told}"', 1)


def _theme(colour: str) -> str:
    return next(name for known, name in THEMED.items() if known.lower() == colour.lower())


def plane_svg(trace: Trace) -> str:
    """The valence-arousal plane."""
    figure = Figure(figsize=(PLANE_IN, PLANE_IN), facecolor="none")
    axes = figure.add_axes((0.11, 0.09, 0.86, 0.86), facecolor="none")
    plane(axes, thinned(trace), TRAIL)
    return svg(figure, "Path in the valence-arousal plane")


def course_svg(kept: Kept) -> str:
    """Probabilities as recognised and as played, confidence and quality, markers above."""
    trace = thinned(kept.trace)
    honest, played, sure = _rows(4.9, (3.0, 3.0, 1.4))
    bands(honest, trace.times_s, trace.probabilities, "Emotion as recognised")
    if trace.played is not None:
        bands(played, trace.times_s, trace.played, "Emotion as played")
    strips(sure, trace)
    for axes in (honest, played, sure):
        for number, time_s in marks(kept)[:MOST_MARKS]:
            axes.axvline(time_s, color=INK, lw=0.8, ls=(0, (2, 2)))
            if axes is honest:
                where: dict[str, Any] = {
                    "xycoords": ("data", "axes fraction"),
                    "ha": "center",
                    "va": "bottom",
                }
                axes.annotate(str(number), (time_s, 1.0), fontsize=7, color=INK, **where)
    _timed([honest, played, sure], kept)
    return svg(_figure(honest), "Course of emotion, confidence and signal quality")


def channels_svg(heard: Heard, kept: Kept) -> str:
    """Each channel's quality over time: good, fair, off."""
    names = heard.signal.channels
    (axes,) = _rows(0.85 + 0.19 * len(names), (1.0,))
    shades = ListedColormap([OFF, FAIR, CLEAN])
    step = max(1, len(heard.times_s) // MOST_POINTS)
    table = heard.quality[: len(heard.quality) // step * step]
    table = table.reshape(-1, step, len(names)).mean(axis=1)
    grades = (table >= GOOD).astype(int) + (table >= FINE)
    first_s, last_s = float(heard.times_s[0]), float(heard.times_s[-1])
    box = (first_s, last_s, len(names) - 0.5, -0.5)
    look: dict[str, Any] = {
        "cmap": shades,
        "vmin": 0,
        "vmax": 2,
        "alpha": 0.85,
        "interpolation": "nearest",
    }
    axes.imshow(grades.T, aspect="auto", extent=box, **look)
    axes.set_yticks(range(len(names)), [plain(name) for name in names], parse_math=False)
    axes.set_title("Signal quality by channel", loc="left", fontsize=10, weight="bold", color=INK)
    key = "blue good, yellow fair, red off (not used)"
    axes.set_title(key, loc="right", fontsize=8.5, color=FAINT)
    _timed([axes], kept)
    axes.tick_params(axis="y", labelsize=7)
    return svg(_figure(axes), "Signal quality of each channel over time")


def piano_svg(kept: Kept, roll: Roll) -> str:
    """The piano roll in lines, as a score is written; bar lines where they are known."""
    start_s, end_s = span_s(kept)
    line_s = max(LEAST_LINE_S, 30.0 * np.ceil((end_s - start_s) / MOST_LINES / 30.0))
    count = max(1, int(np.ceil((end_s - start_s) / line_s)))
    limits = pitches(roll)
    lines = _rows(0.25 + LINE_IN * count, (1.0,) * count, gap_in=0.28, top_in=0.08)
    for number, axes in enumerate(lines):
        from_s = start_s + number * line_s
        keys(axes, between(roll, from_s, from_s + line_s), limits)
        inside = kept.bars_s[(kept.bars_s >= from_s) & (kept.bars_s <= from_s + line_s)]
        axes.vlines(inside, 0, 1, transform=axes.get_xaxis_transform(), color=GRID, lw=0.7)
        _timed([axes], kept, (from_s, from_s + line_s))
        axes.set_xlabel("")
        axes.tick_params(labelsize=7)
    return svg(_figure(lines[0]), "Piano roll: darker is louder, the line below is the pedal")


def timing_svg(kept: Kept) -> str:
    """Lateness of notes over time, and how the signal arrived."""
    late, signal = _rows(2.2, (3.0, 0.7))
    times_s = kept.state_s
    late.plot(times_s, kept.cell("lateness_p99_ms"), color=INK, lw=1.2)
    late.set_ylim(0, None)
    late.set_title("Lateness of notes, ms", loc="left", fontsize=10, weight="bold", color=INK)
    late.set_title("99 of 100 are within", loc="right", fontsize=8.5, color=FAINT)
    signal.set_title("Signal", loc="left", fontsize=10, weight="bold", color=INK)
    key = "blue live, yellow late, red stale, lost or searched for"
    signal.set_title(key, loc="right", fontsize=8.5, color=FAINT)
    shades = [CLEAN if s == "LIVE" else FAIR if s == "LATE" else OFF for s in SIGNALS]
    ends_s = [*times_s[1:], times_s[-1] + 1.0]
    states = np.clip(kept.cell("signal").astype(int), 0, len(SIGNALS) - 1)
    for from_s, to_s, state in zip(times_s, ends_s, states, strict=True):
        signal.axvspan(from_s, to_s, color=shades[state], alpha=0.85, lw=0)
    signal.set_yticks([])
    _timed([late, signal], kept)
    return svg(_figure(late), "Lateness of notes and state of the signal over time")


def marks(kept: Kept) -> list[tuple[int, float]]:
    """Number and time of what others marked while there was something to draw."""
    first_s, last_s = span_s(kept)
    times_s = [time_s for time_s, stream, _ in kept.said if stream]
    return [one for one in enumerate(times_s, start=1) if first_s <= one[1] <= last_s]


def span_s(kept: Kept) -> tuple[float, float]:
    """From the first thing that is there to the last."""
    ends = [times_s[[0, -1]] for times_s in _times(kept) if len(times_s)]
    if not ends:
        return 0.0, 1.0
    low, high = float(np.min(ends)), float(np.max(ends))
    return low, max(high, low + 1.0)


def _timed(rows: Sequence[Axes], kept: Kept, span: Span | None = None) -> None:
    """One time axis for rows above one another; what was paused is grey in them."""
    start_s, end_s = span or span_s(kept)
    seen = [(max(from_s, start_s), min(to_s, end_s)) for from_s, to_s in kept.pauses]
    for axes, (from_s, to_s) in itertools.product(rows, seen):
        if from_s < to_s:
            axes.axvspan(from_s, to_s, color=GRID, lw=0, zorder=2.5)
    share_time(rows, start_s, end_s)


def _times(kept: Kept) -> list[np.ndarray]:
    notes = np.empty(0) if kept.roll is None else np.sort(kept.roll.notes[:, :2], axis=None)
    return [kept.trace.times_s, notes, *(heard.times_s for heard in kept.heard)]


def thinned(trace: Trace, most: int = MOST_POINTS) -> Trace:
    """No more points than can be seen: means of neighbours."""
    step = -(-len(trace.times_s) // most)
    if step <= 1:
        return trace
    edges = np.arange(0, len(trace.times_s), step)
    counts = np.diff([*edges, len(trace.times_s)])
    means = {}
    for one in fields(Trace):
        values = getattr(trace, one.name)
        if values is not None:
            sums = np.add.reduceat(values, edges, axis=0)
            means[one.name] = (sums.T / counts).T
    return replace(trace, **means)


def plain(name: str) -> str:
    """A name as it can be drawn in any font: cut, and without anything unusual."""
    return name.encode("ascii", "replace").decode()[:MOST_NAME]


def _rows(
    height_in: float, heights: Sequence[float], gap_in: float = 0.36, top_in: float = 0.3
) -> list[Axes]:
    """Axes of these relative heights above one another, in one figure."""
    figure = Figure(figsize=(WIDE_IN, height_in), facecolor="none")
    room_in = height_in - top_in - BOTTOM_IN - gap_in * (len(heights) - 1)
    top_in, rows = height_in - top_in, []
    for height in heights:
        tall_in = room_in * height / sum(heights)
        box = (LEFT, (top_in - tall_in) / height_in, RIGHT - LEFT, tall_in / height_in)
        rows.append(figure.add_axes(box, facecolor="none"))
        top_in -= tall_in + gap_in
    return rows


def _figure(axes: Axes) -> Figure:
    figure = axes.figure
    assert isinstance(figure, Figure)
    return figure
