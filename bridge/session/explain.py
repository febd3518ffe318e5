"""The picture of a recording: where the emotion went, how surely, and what the scalp voted for.

Above, as in a session's picture, the valence-arousal plane, the probabilities, confidence and
quality. Below, a scalp map for each quadrant and band: the share of its vote that a region gave to
the quadrant (the routing's coupling coefficient), when that quadrant was told. The same capsules
give the same bytes.
"""

from collections.abc import Sequence
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure

from bridge.session.picture import (
    DOTS_PER_IN,
    QUADRANTS,
    SIZE,
    bands,
    minutes,
    plane,
    save,
    share_time,
    strips,
)
from bridge.session.roll import FAINT, INK, PAPER
from bridge.session.trace import Trace, trace_of
from eeg.montage import BANDS, REGIONS
from eeg.scalp import topomap

if TYPE_CHECKING:
    from capsule.emotion import EmotionCapsule, Origin

WIDTH_IN, HEIGHT_IN = 14.0, 12.0
LEFT, PLANE, RIGHT, WIDE = 0.045, 0.315, 0.41, 0.535  # shares of the width
MAP_IN, MAP_STEP_IN, TOP_MAP_IN = 1.36, 1.37, 4.4  # side, distance and height of scalp maps
EVEN = 0.25  # a vote that says nothing
LEAST_SPAN = 0.05  # of the colours, either side of an even vote
TOLD = 8  # strongest votes in words
CAPTION = (
    "Maps: the share of its vote that a region gives to a quadrant in a band (coupling coefficient "
    "of the routing), mean over time weighted by signal quality and by the quadrant's probability. "
    "0.25 says nothing. Dots are electrodes, grey is scalp without one."
)
CALIBRATED = " The wearer's own calibration comes after these votes."


def draw(path: str | Path, capsules: "Sequence[EmotionCapsule]", title: str = "") -> Path:
    """Draw the capsules of a recording into a PNG file. Returns its path."""
    trace, votes = trace_of(capsules, 0.0), mean_votes(capsules)
    origin = capsules[-1].origin if capsules else None
    figure = Figure(figsize=(WIDTH_IN, HEIGHT_IN), dpi=DOTS_PER_IN, facecolor=PAPER)
    FigureCanvasAgg(figure)
    figure.text(LEFT, 0.966, title or "emotion", fontsize=16, weight="bold", color=INK)
    if origin is not None:
        figure.text(LEFT, 0.949, _whence(origin), fontsize=8.5, color=FAINT)
    plane(figure.add_axes((LEFT, 0.545, PLANE, PLANE * WIDTH_IN / HEIGHT_IN)), trace)
    emotion = figure.add_axes((RIGHT, 0.72, WIDE, 0.1925))
    sure = figure.add_axes((RIGHT, 0.585, WIDE, 0.09))
    bands(emotion, trace.times_s, trace.probabilities, "Emotion as recognised")
    strips(sure, trace)
    first_s, last_s = (trace.times_s[[0, -1]].tolist()) if len(trace.times_s) else (0.0, 0.0)
    share_time([emotion, sure], max(0.0, first_s - 2.0), max(last_s, first_s + 1.0))
    _maps(figure, votes, origin.montage.split() if origin else [])
    words = {"va": "top", "linespacing": 1.7, "fontsize": SIZE}
    figure.text(LEFT, 0.47, _words(trace, votes), words, color=INK)
    caption = CAPTION + (CALIBRATED if origin and origin.profile else "")
    figure.text(LEFT, 0.03, fill(caption, 74), fontsize=8, linespacing=1.5, color=FAINT)
    return save(figure, path)


def mean_votes(capsules: "Sequence[EmotionCapsule]") -> np.ndarray:
    """Coupling (regions, bands, 4) with each quadrant, in the mean of when that was told.

    NaN where there was no signal.
    """
    total = np.zeros((len(REGIONS), len(BANDS), len(QUADRANTS)))
    weight = np.zeros_like(total)
    for capsule in capsules:
        counts = capsule.quality * capsule.probabilities.astype(float)
        there = capsule.routing.sum(-1, keepdims=True)
        total += counts * capsule.routing
        weight += counts * there
    return np.where(weight > 0, total / np.maximum(weight, 1e-12), np.nan)


def strongest(votes: np.ndarray, count: int = TOLD) -> list[tuple[float, str, str, str]]:
    """Share, quadrant, region and band of the votes that are highest above even, if any are."""
    known = np.nan_to_num(votes, nan=0.0)
    found = []
    for place in np.argsort(-known, axis=None, kind="stable")[:count]:
        region, band, quadrant = np.unravel_index(place, votes.shape)
        if (share := float(known[region, band, quadrant])) > EVEN:
            found.append((share, QUADRANTS[quadrant][0], REGIONS[region], BANDS[band].name))
    return found


# ---------------------------------------------------------------------------- panels


def _maps(figure: Figure, votes: np.ndarray, electrodes: Sequence[str]) -> None:
    """A row of maps for each quadrant, a column for each band, one scale of colours for all."""
    known = votes[np.isfinite(votes)]
    limits = (
        min(known.min(initial=EVEN), EVEN - LEAST_SPAN),
        max(known.max(initial=EVEN), EVEN + LEAST_SPAN),
    )
    wide, tall = MAP_IN / WIDTH_IN, MAP_IN / HEIGHT_IN
    across = (WIDE - wide) / (len(BANDS) - 1)
    figure.text(RIGHT, 0.518, "What the scalp voted for", fontsize=10, weight="bold", color=INK)
    for row, (name, *_, colour) in enumerate(QUADRANTS):
        bottom = (TOP_MAP_IN - row * MAP_STEP_IN) / HEIGHT_IN
        colours = LinearSegmentedColormap.from_list(name, [PAPER, colour])
        for column, band in enumerate(BANDS):
            axes = figure.add_axes((RIGHT + column * across, bottom, wide, tall))
            topomap(axes, votes[:, column, row], limits, colours, electrodes)
            if row == 0:
                told = f"{band.name}\n{band.low_hz:g} to {band.high_hz:g} Hz"
                axes.set_title(told, fontsize=8.5, color=INK, pad=2)
        where = {"fontsize": 13, "weight": "bold", "ha": "right", "va": "center"}
        figure.text(RIGHT - 0.005, bottom + tall / 2, name, where, color=colour)
        scale = figure.add_axes((RIGHT + WIDE + 0.008, bottom + 0.2 * tall, 0.007, 0.6 * tall))
        _scale(scale, limits, colours)


def _scale(axes: Axes, limits: tuple[float, float], colours: LinearSegmentedColormap) -> None:
    """What a colour means."""
    bar = axes.figure.colorbar(ScalarMappable(Normalize(*limits), colours), cax=axes)
    ticks = (limits[0], EVEN, limits[1])
    bar.set_ticks(list(ticks), labels=[f"{one:.2f}" for one in ticks])
    bar.outline.set_edgecolor(FAINT)
    axes.tick_params(labelsize=7, colors=INK, length=2)


def _words(trace: Trace, votes: np.ndarray) -> str:
    """Figures under the plane."""
    if not len(trace.times_s):
        return "no capsules"
    shares = trace.probabilities.mean(axis=0)
    names = (f"{name} {share:.2f}" for (name, *_), share in zip(QUADRANTS, shares, strict=True))
    lines = [
        f"{len(trace.times_s)} capsules in {minutes(float(trace.times_s[-1]))}",
        "mean probabilities   " + "   ".join(names),
        f"mean confidence {trace.confidence.mean():.2f}, "
        f"mean signal quality {trace.quality.mean():.2f}",
    ]
    highest = [f"{share:.2f}  {name}  {where}, {b}" for share, name, where, b in strongest(votes)]
    return "\n".join([*lines, "", "strongest votes", *highest] if highest else lines)


def _whence(origin: "Origin") -> str:
    """Model, channels and profile."""
    profile = f", profile: {origin.profile}" if origin.profile else ""
    return f"{origin.model}, {len(origin.montage.split())} channels{profile}"
