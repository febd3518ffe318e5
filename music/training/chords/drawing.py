"""The map of chord vectors: which chords live together, and how their qualities lean.

Left the two main components of the chords' directions, turned so that C is on top and G to its
right: whoever sees a circle of fifths sees what skip-gram found. Right the lean of each quality to
valence and arousal, with its spread over the twelve roots. Drawn without a display; the same
vectors give the same bytes.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap, TwoSlopeNorm
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from music import vocabulary as v
from music.training.chords.scores import AROUSAL, QUALITIES, VALENCE
from music.training.chords.vectors import CHORDS, EMOTIONS, KEYS, ChordVectors, unit

Floats = npt.NDArray[np.float64]
WIDTH_IN, HEIGHT_IN, DOTS_PER_IN = 13.0, 6.9, 160
INK, FAINT = "#222222", "#8A8A8A"
LEAN = LinearSegmentedColormap.from_list("lean", ["#0072B2", "#BFC3C7", "#E69F00"])
NAMES = dict(zip(v.QUALITIES, v.QUALITIES, strict=True)) | {
    "M": "major",
    "m": "minor",
    "o": "dim",
    "o7": "dim7",
    "/o7": "half-dim7",
    "+": "aug",
}
CORNERS = dict(zip(EMOTIONS, ((1, 1), (0, 1), (0, 0), (1, 0)), strict=True))  # right, up


def draw(found: ChordVectors, file: Path) -> None:
    """Draw the map into a PNG file."""
    figure = Figure(figsize=(WIDTH_IN, HEIGHT_IN), dpi=DOTS_PER_IN, facecolor="white")
    FigureCanvasAgg(figure)
    left = figure.add_axes((0.02, 0.03, 0.44, 0.84))
    right = figure.add_axes((0.545, 0.1, 0.435, 0.74))
    valence = found.leaning()[1:] @ VALENCE
    most = max(float(np.percentile(np.abs(valence), 95)), 1e-3)
    norm = TwoSlopeNorm(0.0, -most, most)
    figure.text(0.02, 0.945, "Chords that live together", color=INK, size=14, weight="bold")
    note = f"two components of {CHORDS - 1} chords and the emotion words; colour: lean to valence"
    figure.text(0.02, 0.905, note, color=FAINT, size=10)
    _circle(left, found, LEAN(norm(valence)))
    figure.text(0.515, 0.945, "How their qualities lean", color=INK, size=14, weight="bold")
    note = "nats, mean over the twelve roots; bars: standard deviation over roots"
    figure.text(0.515, 0.905, note, color=FAINT, size=10)
    _lean(right, found)
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, metadata={"Software": None})


def plane(found: ChordVectors) -> tuple[Floats, Floats]:
    """Chords (132, 2) and emotion words (4, 2) on the chords' two main components, C on top."""
    centre = found.vectors[1:CHORDS].mean(axis=0)
    rows, words = (unit(part - centre) for part in np.split(found.vectors[1:], [CHORDS - 1]))
    axes = np.linalg.svd(rows - rows.mean(axis=0), full_matrices=False)[2][:2].T
    flat = rows @ axes
    c, g = (flat[v.ROOTS.index(root) * QUALITIES] for root in ("C", "G"))
    up = c / max(float(np.hypot(*c)), 1e-12)
    side = np.array([up[1], -up[0]])
    turn = np.stack([side if g @ side >= 0 else -side, up], axis=1)
    return flat @ turn, words @ axes @ turn


def _circle(ax: Axes, found: ChordVectors, colours: Floats) -> None:
    chords, words = plane(found)
    quality = np.array(v.QUALITIES * KEYS)
    triad = np.isin(quality, ("M", "m"))
    for which, size, edge, above in ((~triad, 26, "white", 2), (triad, 70, INK, 3)):
        ax.scatter(
            chords[which, 0],
            chords[which, 1],
            s=size,
            c=colours[which],
            edgecolor=edge,
            linewidth=0.7,
            zorder=above,
        )
    for i in np.flatnonzero(triad):
        x, y = chords[i]
        out = np.array([x, y]) / max(float(np.hypot(x, y)), 1e-12) * 17  # points
        root = v.ROOTS[i // QUALITIES]
        if quality[i] == "M":
            _write(ax, root, (x, y), out, 13, "bold")
        else:
            _write(ax, f"{root}m", (x, y), -out, 10, "normal")
    ax.scatter(words[:, 0], words[:, 1], marker="*", s=60, color=INK, zorder=4)
    together = (float(words[:, 0].mean()), float(words[:, 1].mean()))
    _write(ax, f"{'  '.join(EMOTIONS)}\nbelong to no key", together, np.array([0, -20]), 11, "bold")
    ax.set_aspect("equal")
    ax.margins(0.06)
    ax.set_axis_off()


def _lean(ax: Axes, found: ChordVectors) -> None:
    lean = found.leaning()[1:].reshape(KEYS, QUALITIES, 4)
    at = np.stack([lean @ VALENCE, lean @ AROUSAL], axis=-1)  # (12, 11, 2)
    middle, spread = at.mean(axis=0), at.std(axis=0)
    ax.axhline(0, color=FAINT, linewidth=0.8, zorder=0)
    ax.axvline(0, color=FAINT, linewidth=0.8, zorder=0)
    limit = max(1.05 * float((np.abs(middle) + spread).max()), 1e-3)
    sides = _sides(middle / limit)
    for quality, (x, y), (dx, dy), side in zip(v.QUALITIES, middle, spread, sides, strict=True):
        colour = LEAN(0.5 + x / limit / 2)
        ax.errorbar(x, y, xerr=dx, yerr=dy, color=colour, alpha=0.45, linewidth=1.2, zorder=1)
        ax.scatter(x, y, s=70, color=colour, edgecolor=INK, linewidth=0.7, zorder=2)
        _write(ax, NAMES[quality], (x, y), np.array([0, 13 * side]), 10, "normal")
    for word, (right, up) in CORNERS.items():
        ax.text(
            0.03 + 0.94 * right,
            0.04 + 0.92 * up,
            word,
            transform=ax.transAxes,
            size=17,
            weight="bold",
            color=INK,
            ha="right" if right else "left",
            va="top" if up else "bottom",
        )
    ax.set(xlim=(-limit, limit), ylim=(-limit, limit))
    ax.set_xlabel("valence: Q1, Q4 above Q2, Q3", color=INK)
    ax.set_ylabel("arousal: Q1, Q2 above Q3, Q4", color=INK)
    ax.spines[["top", "right"]].set_visible(False)


def _sides(at: Floats) -> list[int]:
    """Above (+1) or below (−1) each point, away from the nearest other; ``at`` (n, 2)."""
    out = []
    for i, point in enumerate(at):
        apart = np.hypot(*((at - point) * (1.0, 2.0)).T)
        apart[i] = np.inf
        out.append(1 if point[1] >= at[int(apart.argmin()), 1] else -1)
    return out


def _write(
    ax: Axes, text: str, at: tuple[float, float], away: Floats, size: int, weight: str
) -> None:
    """Text so many points away from a place, with a halo."""
    ax.annotate(
        text,
        at,
        xytext=(float(away[0]), float(away[1])),
        textcoords="offset points",
        ha="center",
        va="center",
        size=size,
        weight=weight,
        color=INK,
        zorder=5,
        path_effects=[withStroke(linewidth=2.5, foreground="white")],
    )
