"""The piano roll in every picture: bars for notes, darker where louder, the pedal below."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.patches import PathPatch
from matplotlib.path import Path

from bridge.session.trace import Roll

INK, FAINT, PAPER = "#222222", "#8A8A8A", "#FFFFFF"
LOUDNESS = ("#B9CDE5", "#92B1D9", "#6B95CC", "#4478BF", "#2F5DA0", "#1D3E76", "#0B1F4B")
SOFT, LOUD = 25, 110  # velocities: lightest and darkest
GRID = "#E4E4E4"


def piano_title(axes: Axes) -> None:
    """What a piano roll shows."""
    axes.set_title("Piano", loc="left", fontsize=10, weight="bold", color=INK, pad=4)
    key = "darker = louder, line below = pedal"
    axes.set_title(key, loc="right", fontsize=8.5, color=FAINT, pad=4)


def pitches(roll: Roll) -> tuple[float, float]:
    """Lowest and highest to be drawn."""
    played = roll.notes[:, 2]
    return min(played.min(initial=127) - 3, 45), max(played.max(initial=0) + 3, 84)


def keys(axes: Axes, roll: Roll, limits: tuple[float, float]) -> None:
    """Notes as bars, darker where louder; octaves by their C; the pedal as a line below."""
    low, high = limits
    octaves = [pitch for pitch in range(24, 109, 12) if low <= pitch <= high]
    axes.set_yticks(octaves, [f"C{pitch // 12 - 1}" for pitch in octaves])
    axes.hlines(octaves, 0, 1, transform=axes.get_yaxis_transform(), color=GRID, lw=0.7)
    start, end, pitch, velocity = roll.notes.T
    share = np.clip((velocity - SOFT) / (LOUD - SOFT), 0, 1)
    shade = np.round(share * (len(LOUDNESS) - 1)).astype(int)
    left_right = np.stack([start, end, end, start, start], axis=1)
    down_up = pitch[:, None] + np.array([-0.45, -0.45, 0.45, 0.45, -0.45])
    corners = np.stack([left_right, down_up], axis=2)  # (n, 5, 2)
    for level, colour in enumerate(LOUDNESS):  # one outline a shade: small as SVG
        there = corners[shade == level]
        codes = [Path.MOVETO, *[Path.LINETO] * 3, Path.CLOSEPOLY] * len(there)
        if len(there):
            outline = Path(there.reshape(-1, 2), codes)
            axes.add_patch(PathPatch(outline, facecolor=colour, edgecolor="none", zorder=2))
    held = [[(a, low), (b, low)] for a, b in roll.pedal]
    axes.add_collection(LineCollection(held, colors=FAINT, lw=2.5, capstyle="butt", zorder=1))
    axes.set_ylim(low - 1, high)
