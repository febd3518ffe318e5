"""The report's pictures: reliability, and what fewer channels cost."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from capsule.evaluation.rows import CAPSULE, RIVALS, TANGENT

Found = dict[str, Any]
SIZE = (6.0, 3.2)  # inches
COLOURS = {
    CAPSULE: "tab:red", RIVALS[0]: "tab:blue", RIVALS[1]: "tab:green", TANGENT[1]: "tab:purple",
}  # fmt: skip


def draw(found: dict[str, Found], out: Path) -> None:
    """The PNGs of the section on people, if it is there."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure as Picture

    people: Found = found.get("people", {}).get("montages", {})
    others: Found = found.get("tangent", {}).get("montages", {})
    montages: Found = {
        subset: {"rows": (others[subset]["rows"] if subset in others else {}) | one["rows"]}
        for subset, one in people.items()
    }
    for name, paint in PICTURES.items() if montages else ():
        picture = Picture(figsize=SIZE, layout="constrained")
        paint(picture, montages)
        canvas = FigureCanvasAgg(picture)
        canvas.print_png(str(out / f"{name}.png"))  # type: ignore[no-untyped-call]


def _reliability(picture: Any, montages: Found) -> None:
    panes = picture.subplots(1, len(montages), sharey=True, squeeze=False)[0]
    for axes, (subset, told) in zip(panes, montages.items(), strict=True):
        axes.plot([0, 1], [0, 1], color="grey", linewidth=0.5)
        for name, colour in COLOURS.items():
            if name in told["rows"]:
                bins = told["rows"][name]["reliability"]
                axes.plot(
                    [one["p"] for one in bins], [one["true"] for one in bins],
                    color=colour, marker=".", linewidth=1, label=name,
                )  # fmt: skip
        axes.set(title=f"{subset} channels", xlabel="told", xlim=(0, 1), ylim=(0, 1))
    panes[0].set(ylabel="share of arithmetic, classes alike")
    names = panes[0].get_legend_handles_labels()
    picture.legend(*names, loc="outside lower center", ncols=len(COLOURS), fontsize=6)


def _montages(picture: Any, montages: Found) -> None:
    axes = picture.subplots()
    for place, (name, colour) in enumerate(COLOURS.items()):
        told = {
            subset: one["rows"][name]["figures"]["balanced accuracy"]
            for subset, one in montages.items()
            if name in one["rows"]
        }
        x = [k + 0.12 * (place - 1.5) for k in range(len(told))]
        low, value, high = ([one[key] for one in told.values()] for key in ("low", "value", "high"))
        axes.vlines(x, low, high, color=colour, linewidth=1)
        axes.plot(x, value, ".", color=colour, label=name)
    axes.set_xticks(range(len(montages)), [f"{subset} channels" for subset in montages])
    axes.axhline(0.5, color="grey", linestyle=":")
    axes.set(ylabel="balanced accuracy")
    axes.legend(fontsize=7, loc="lower left")


PICTURES: dict[str, Callable[[Any, Found], None]] = {
    "reliability": _reliability,
    "montages": _montages,
}
