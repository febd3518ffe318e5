"""The course of a training run as a picture."""

from __future__ import annotations

from pathlib import Path

PANELS = (  # title, what it shows
    ("nats per token", ("loss", "train_nll", "valid_nll_posterior")),
    ("KL per bar, nats", ("kl_per_bar",)),
    ("latent dimensions in use", ("active_dims",)),
    ("β", ("beta",)),
    ("learning rate", ("lr",)),
    ("share of labelled music", ("labelled",)),
)


def draw(curve: list[dict[str, float]], path: Path) -> None:
    """A panel for each quantity over steps. Nothing where there is no matplotlib or no curve."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:  # a machine that only trains
        return
    if not curve:
        return
    figure = Figure(figsize=(10, 6), layout="constrained")
    for number, (title, names) in enumerate(PANELS, start=1):
        axes = figure.add_subplot(2, 3, number)
        for name in names:
            points = [(one["step"], one[name]) for one in curve if name in one]
            axes.plot(*zip(*points, strict=True) if points else ([], []), marker=".", label=name)
        axes.set_title(title)
        axes.set_xlabel("step")
        if len(names) > 1:
            axes.legend()
    FigureCanvasAgg(figure).print_png(str(path))  # type: ignore[no-untyped-call]
