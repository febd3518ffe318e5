"""The report's pictures: small, few, each of what a table says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from music.evaluation.bounds import ACTIVE_NATS
from music.evaluation.courses import WAYS
from music.evaluation.following import AXES

Found = dict[str, Any]
SIZE = (6.0, 3.2)  # inches
COLOURS = {"4Q": "tab:green", "arousal": "tab:red", "valence": "tab:blue"}


def draw(found: dict[str, Found], out: Path) -> list[Path]:
    """A PNG for each section that has a picture."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure as Picture

    written = []
    for section, (name, paint) in PICTURES.items():
        told = found.get(section)
        if not told or told.get("kl") == []:  # a model without latents has no KL to draw
            continue
        picture = Picture(figsize=SIZE, layout="constrained")
        paint(picture, found)
        path = out / f"{name}.png"
        FigureCanvasAgg(picture).print_png(str(path))  # type: ignore[no-untyped-call]
        written.append(path)
    return written


def _band(axes: Any, x: Any, figures: list[Found], colour: str, label: str) -> None:
    axes.plot(x, [f["value"] for f in figures], color=colour, marker=".", label=label)
    low, high = ([f[end] for f in figures] for end in ("low", "high"))
    axes.fill_between(x, low, high, color=colour, alpha=0.15, linewidth=0)


def _following(picture: Any, found: dict[str, Found]) -> None:
    axes, told = picture.subplots(), found["following"]
    x = [float(strength) for strength in told]
    for axis in AXES:
        figures = [at["agreement"][axis] for at in told.values()]
        _band(axes, x, figures, COLOURS[axis], axis)
        real = found.get("judge", {}).get("agreement", {}).get(axis)
        if real:
            axes.axhline(real["value"], color=COLOURS[axis], linestyle=":", linewidth=1)
    likeness = found.get("likeness", {})
    if likeness:
        figures = [likeness[strength]["mean_overlap"] for strength in told]
        _band(axes, x, figures, "black", "overlap")
    axes.set(xlabel="strength", ylabel="agreement (dotted: real clips)", ylim=(0, 1.02))
    axes.legend(fontsize=7)


def _sweeps(picture: Any, found: dict[str, Found]) -> None:
    told = found["sweeps"]
    panes = np.atleast_1d(picture.subplots(1, len(told), sharey=True))
    for axes, (name, at) in zip(panes, told.items(), strict=True):
        for axis in ("arousal", "valence"):
            _band(axes, at["shares"], at[axis]["means"], COLOURS[axis], axis)
        axes.set(title=name, xlabel="share of the second", ylim=(0, 1))
    panes[0].set(ylabel="mean judged")
    panes[0].legend(fontsize=7)


def _switches(picture: Any, found: dict[str, Found]) -> None:
    axes, told = picture.subplots(), found["switches"]
    for way, label, style in (("switch", "jump at 0", "-"), ("control", "no jump", ":")):
        axes.plot(told["bars"], told["all pairs"][way]["margin"], style, color="k", label=label)
    for kind, colour in (("arousal changes", "red"), ("valence alone changes", "blue")):
        margin = told[kind]["switch"]["margin"]
        axes.plot(told["bars"], margin, color=f"tab:{colour}", label=kind, linewidth=1)
    axes.axhline(0, color="grey", linewidth=0.5)
    axes.axvline(0, color="grey", linewidth=0.5)
    axes.set(xlabel="bars since the jump", ylabel="mean p(B) − p(A), last two bars")
    axes.legend(fontsize=7)


def _courses(picture: Any, found: dict[str, Found]) -> None:
    told = found["courses"]
    panes = picture.subplots(1, len(WAYS), sharey=True)
    x = [sum(window) / 2 for window in told["windows_s"]]
    for axes, way in zip(panes, WAYS, strict=True):
        at = told[way]["touch"]
        for key, colour in (("stayed", "tab:red"), ("there", "tab:blue"), ("turned", "black")):
            _band(axes, x, at[key], colour, key)
        axes.axvline(0, color="grey", linewidth=0.5)
        axes.set(title=way, xlabel="seconds since the turn")
    panes[0].set(ylabel="mean velocity")
    panes[0].legend(fontsize=7)


def _likelihood(picture: Any, found: dict[str, Found]) -> None:
    axes, kl = picture.subplots(), sorted(found["likelihood"]["kl"], reverse=True)
    axes.bar(range(1, len(kl) + 1), kl, color="tab:blue")
    axes.axhline(ACTIVE_NATS, color="grey", linestyle=":")
    axes.set(xlabel="dimension, most used first", ylabel="KL, nats a bar")


def _likeness(picture: Any, found: dict[str, Found]) -> None:
    axes, told = picture.subplots(), found["likeness"]
    names = [name for name in next(iter(told.values()))["overlap"] if name != "mean of all"]
    for column, at in told.items():
        real = column.startswith("real")
        values = [at["overlap"][name] for name in names]
        axes.plot(values, names, "k|" if real else ".", label=column)
    axes.set(xlabel="overlap with real held-out clips", xlim=(0, 1))
    axes.tick_params(axis="y", labelsize=6)
    axes.legend(fontsize=7)


PICTURES: dict[str, tuple[str, Callable[[Any, dict[str, Found]], None]]] = {
    "following": ("following", _following),
    "likeness": ("distributions", _likeness),
    "sweeps": ("sweeps", _sweeps),
    "switches": ("switch", _switches),
    "courses": ("courses", _courses),
    "likelihood": ("kl", _likelihood),
}
