"""The picture of a session: where the emotion went, what the piano was told, what it played.

Left the valence-arousal plane; right, on one time axis, the quadrant probabilities as recognised
and as played, how sure and how clean they were, and the piano roll. Drawn without a display and
without the wall clock: the same session gives the same bytes. Colours are Okabe and Ito's, which
colour-blind readers can tell apart; every band carries its name as well.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.colors import Colormap, LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.ticker import FuncFormatter, MultipleLocator

from bridge.errors import BridgeError
from bridge.session.leading import MOODS
from bridge.session.roll import FAINT, INK, PAPER, keys, piano_title, pitches
from bridge.session.trace import Roll, Trace, begin_s, broken, read_trace, roll_of
from music.midi import read_midi

WIDTH_IN, HEIGHT_IN, DOTS_PER_IN = 14.0, 8.2, 200
QUADRANTS = tuple(  # name, mood, valence and arousal of its corner, colour
    (name, mood, *corner)
    for (name, mood), corner in zip(
        MOODS.items(),
        ((+1, +1, "#E69F00"), (-1, +1, "#CC79A7"), (-1, -1, "#0072B2"), (+1, -1, "#009E73")),
        strict=True,
    )
)
SURE, CLEAN = "#222222", "#56B4E9"
TIME = LinearSegmentedColormap.from_list("time", ["#D9D9D9", "#8C6BB1", "#3F007D"])
SIZE = 9  # points
STEPS_S, MOST_TICKS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800), 9


def picture_session(folder: str | Path) -> Path:
    """Draw `session.png` from a session folder's capsules.jsonl, session.json and notes.mid.

    Raises BridgeError if the folder holds no readable capsules.
    """
    folder = Path(folder)
    trace = read_trace(folder / "capsules.jsonl", begin_s(folder))
    notes = folder / "notes.mid"
    roll = roll_of(read_midi(notes)) if notes.is_file() else None
    return draw(folder / "session.png", trace, roll, title=folder.resolve().name)


def draw(path: str | Path, trace: Trace, roll: Roll | None = None, title: str = "") -> Path:
    """Draw a trace, and what was played to it, into a PNG file. Returns its path."""
    figure = Figure(figsize=(WIDTH_IN, HEIGHT_IN), dpi=DOTS_PER_IN, facecolor=PAPER)
    FigureCanvasAgg(figure)
    _head(figure, trace, roll, title)
    plane(figure.add_axes((0.045, 0.33, 0.315, 0.315 * WIDTH_IN / HEIGHT_IN)), trace)
    heights = [3.0, 3.0 * (trace.played is not None), 1.3, 4.2 * (roll is not None)]
    honest, played, sure, piano = _rows(figure, heights)
    bands(honest, trace.times_s, trace.probabilities, "Emotion as recognised")
    if trace.played is not None:
        bands(played, trace.times_s, trace.played, "Emotion as played")
    strips(sure, trace)
    if roll is not None:
        piano_title(piano)
        keys(piano, roll, pitches(roll))
    rows = [row for row in (honest, played, sure, piano) if row in figure.axes]
    share_time(rows, _start_s(trace, roll), _end_s(trace, roll))
    return save(figure, path)


def share_time(rows: Sequence[Axes], start_s: float, end_s: float) -> None:
    """One time axis for rows above one another, told under the last."""
    step_s = next((step for step in STEPS_S if (end_s - start_s) / step <= MOST_TICKS), 3600)
    for row in rows:
        row.set_xlim(start_s, end_s)
        row.xaxis.set_major_locator(MultipleLocator(step_s))
        row.xaxis.set_major_formatter(FuncFormatter(minutes))
        row.tick_params(labelsize=8, colors=INK, length=3)
        row.spines[["top", "right"]].set_visible(False)
        if row is not rows[-1]:
            row.tick_params(labelbottom=False)
    rows[-1].set_xlabel("time, minutes : seconds", fontsize=8.5, color=INK)


def save(figure: Figure, path: str | Path) -> Path:
    """Write a PNG file without a word of when and by what. BridgeError if it cannot be."""
    try:
        figure.savefig(path, metadata={"Software": None, "Title": "emocapsule"})
    except OSError as problem:
        raise BridgeError(f"{path} cannot be written ({problem.strerror}).") from problem
    return Path(path)


# ---------------------------------------------------------------------------- panels


def _rows(figure: Figure, heights: Sequence[float]) -> list[Axes]:
    """Axes of these relative heights above one another on the right; a height of 0 is left out."""
    top, bottom, gap = 0.885, 0.07, 0.058
    scale = (top - bottom - gap * (sum(map(bool, heights)) - 1)) / sum(heights)
    rows = []
    for height in heights:
        row = Axes(figure, (0.41, top - height * scale, 0.535, height * scale))
        if height:
            figure.add_axes(row)
            top -= height * scale + gap
        rows.append(row)
    return rows


def plane(axes: Axes, trace: Trace, time: Colormap = TIME) -> None:
    """The valence-arousal plane, the trace darkening as time goes on."""
    for name, mood, valence, arousal, colour in QUADRANTS:
        corner = [(0, 0), (valence, 0), (valence, arousal), (0, arousal)]
        axes.add_collection(PolyCollection([corner], facecolor=colour, alpha=0.13, zorder=0))
        side = "right" if valence > 0 else "left"
        where = (0.95 * valence, 0.93 * arousal)
        halo = [withStroke(linewidth=3, foreground=PAPER)]  # readable over the trace
        text = {"ha": side, "va": "center", "zorder": 5, "path_effects": halo}
        axes.text(*where, name, text, fontsize=15, weight="bold", color=colour)
        axes.text(where[0], 0.83 * arousal, mood, text, fontsize=SIZE, color=INK)
    axes.axhline(0, color=FAINT, lw=0.8, zorder=1)
    axes.axvline(0, color=FAINT, lw=0.8, zorder=1)
    if trace.played is not None:
        one, two, three, four = trace.played.T
        told = (one + four - two - three, one + two - three - four)  # its valence and arousal
        axes.plot(*told, color=FAINT, lw=0.8, ls=(0, (2, 2)), zorder=2, label="as played")
    points = np.stack([trace.valence, trace.arousal], axis=1)  # (n, 2)
    if len(points) > 1:
        along = np.linspace(0, 1, len(points) - 1)
        segments = np.stack([points[:-1], points[1:]], axis=1)  # (n-1, 2, 2)
        axes.add_collection(
            LineCollection(list(segments), colors=time(along), lw=1.5, capstyle="round", zorder=3)
        )
    if len(points):
        marks = (("begin", points[0], PAPER), ("end", points[-1], time(1.0)))
        for word, point, fill in marks:
            axes.plot(*point, "o", ms=8, mfc=fill, mec=INK, mew=1.2, zorder=4, label=word)
        axes.legend(
            loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3, frameon=False, fontsize=8.5
        )
    axes.set(xlim=(-1, 1), ylim=(-1, 1), aspect="equal")
    axes.set_xlabel("valence: unpleasant to pleasant", fontsize=SIZE, color=INK)
    axes.set_ylabel("arousal: calm to stirred", labelpad=1, fontsize=SIZE, color=INK)
    axes.set_xticks([-1, -0.5, 0, 0.5, 1])
    axes.set_yticks([-1, -0.5, 0, 0.5, 1])
    axes.tick_params(labelsize=8, colors=INK, length=3)
    axes.spines[:].set_color(FAINT)


def bands(axes: Axes, times_s: np.ndarray, probabilities: np.ndarray, title: str) -> None:
    """Four probabilities stacked to 1, each band named at its right end."""
    axes.set_title(title, loc="left", fontsize=10, weight="bold", color=INK, pad=4)
    axes.set_ylim(0, 1)
    axes.set_yticks([0, 0.5, 1])
    if not len(times_s):
        return
    colours = [colour for *_, colour in QUADRANTS]
    times_s, shares = broken(times_s, probabilities)
    axes.stackplot(times_s, shares.T, colors=colours, edgecolor=PAPER, linewidth=0.6)
    middles = np.cumsum(probabilities[-1]) - probabilities[-1] / 2
    for (name, *_, colour), height in zip(QUADRANTS, _apart(middles), strict=True):
        axes.annotate(
            name, (1.0, height), xycoords="axes fraction", xytext=(5, 0),
            textcoords="offset points", va="center", fontsize=9, weight="bold", color=colour,
        )  # fmt: skip


def _apart(heights: np.ndarray) -> list[float]:
    """Ascending heights of labels, moved as little as keeps them readable, within 0 to 1."""
    gap, low, high = 0.11, 0.03, 0.97
    spread: list[float] = []
    for height in heights:
        spread.append(max(float(height), spread[-1] + gap if spread else low))
    for place in reversed(range(len(spread))):
        above = spread[place + 1] - gap if place + 1 < len(spread) else high
        spread[place] = min(spread[place], above)
    return spread


def strips(axes: Axes, trace: Trace) -> None:
    """How sure and how clean it was."""
    axes.set_title("Confidence", loc="left", fontsize=10, weight="bold", color=SURE, pad=4)
    axes.set_title("signal quality", loc="right", fontsize=10, weight="bold", color=CLEAN, pad=4)
    times_s, quality, confidence = broken(trace.times_s, trace.quality, trace.confidence)
    axes.fill_between(times_s, quality, color=CLEAN, alpha=0.35, lw=0)
    axes.plot(times_s, quality, color=CLEAN, lw=1.0)
    axes.plot(times_s, confidence, color=SURE, lw=1.4)
    axes.set_ylim(0, 1.02)
    axes.set_yticks([0, 1])


def _head(figure: Figure, trace: Trace, roll: Roll | None, title: str) -> None:
    """Title above, figures below the plane."""
    figure.text(0.045, 0.945, title or "emotion", fontsize=16, weight="bold", color=INK)
    lasted_s = _end_s(trace, None) - _start_s(trace, None)
    lines = [f"{len(trace.times_s)} capsules in {minutes(lasted_s)}"]
    if len(trace.times_s):
        shares = trace.probabilities.mean(axis=0)
        names = (f"{name} {share:.2f}" for (name, *_), share in zip(QUADRANTS, shares, strict=True))
        lines += [
            "mean probabilities   " + "   ".join(names),
            f"mean confidence {trace.confidence.mean():.2f}, "
            f"mean signal quality {trace.quality.mean():.2f}",
        ]
    if roll is not None:
        lines.append(_played_words(roll))
    figure.text(0.045, 0.235, "\n".join(lines), va="top", linespacing=1.7, fontsize=SIZE, color=INK)


def _played_words(roll: Roll) -> str:
    notes = roll.notes
    if not len(notes):
        return "no notes"
    length_s = max(float(notes[:, 1].max()), 1.0)
    return (
        f"{len(notes)} notes, {len(notes) / length_s:.1f} a second, "
        f"mean velocity {notes[:, 3].mean():.0f}"
    )


def _start_s(trace: Trace, roll: Roll | None) -> float:
    """Where something begins: loading the networks takes a while."""
    starts = [max(0.0, float(trace.times_s[0]) - 2.0)] if len(trace.times_s) else []
    if roll is not None and len(roll.notes):
        starts.append(float(roll.notes[:, 0].min()))
    return min(starts, default=0.0)


def _end_s(trace: Trace, roll: Roll | None) -> float:
    ends = [_start_s(trace, roll) + 1.0, float(trace.times_s[-1]) if len(trace.times_s) else 0.0]
    if roll is not None:
        ends.append(float(roll.notes[:, 1].max(initial=0.0)))
    return max(ends)


def minutes(seconds: float, _: object = None) -> str:
    """A time as minutes and seconds."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"
