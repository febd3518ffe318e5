"""What calm and stirred piano music is like in touch and density: the scale of ``music.energy``.

``python -m music.evaluation.stirred`` prints it from EMOPIA's training songs, and beside it how
well each of the two tells stirred from calm in songs that were left out.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from music.energy import DENSITY, TOUCH
from music.evaluation.features import FEWEST_NOTES
from music.evaluation.performance import VELOCITY, LabelledClip, read_emopia

Floats = npt.NDArray[np.float64]
WINDOW_S, EACH_S = 8.0, 4.0


class Windows(NamedTuple):
    """Of labelled clips: (N,) each."""

    touch: Floats  # mean velocity
    density: Floats  # log2 of notes a second
    stirred: npt.NDArray[np.bool_]


def windows_of(clips: Sequence[LabelledClip]) -> Windows:
    """Every stretch of WINDOW_S that begins EACH_S after the one before and has notes enough."""
    touch, density, stirred = list[float](), list[float](), list[bool]()
    for one in clips:
        for start_s in np.arange(0.0, one.clip.duration_s - WINDOW_S + 1e-6, EACH_S):
            notes = one.clip.cut(float(start_s), float(start_s) + WINDOW_S).notes
            if len(notes) >= FEWEST_NOTES:
                touch.append(float(notes[:, VELOCITY].mean()))
                density.append(float(np.log2(len(notes) / WINDOW_S)))
                stirred.append(one.quadrant < 2)
    return Windows(np.array(touch), np.array(density), np.array(stirred))


def means(values: Floats, stirred: npt.NDArray[np.bool_]) -> tuple[float, float]:
    """Of calm windows and of stirred ones."""
    return float(values[~stirred].mean()), float(values[stirred].mean())


def told(
    values: Floats, stirred: npt.NDArray[np.bool_], scale: tuple[float, float]
) -> tuple[float, float]:
    """Balanced accuracy of the scale's middle, and how far windows of one arousal lie from their
    mean on it (standard deviation).
    """
    arousal = (values - scale[0]) / (scale[1] - scale[0])
    right = [float(((arousal > 0.5) == stirred)[stirred == kind].mean()) for kind in (False, True)]
    apart = [float(arousal[stirred == kind].std()) for kind in (False, True)]
    return float(np.mean(right)), float(np.mean(apart))


def main(argv: list[str] | None = None, say: Callable[[str], None] = print) -> int:
    """``python -m music.evaluation.stirred``."""
    name = "python -m music.evaluation.stirred"
    parser = argparse.ArgumentParser(prog=name, description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="holds emopia/")
    args = parser.parse_args(argv)
    for split in ("train", "valid", "test"):
        w = windows_of(read_emopia(args.data, [split]))
        say(f"{split}: {len(w.stirred)} windows of {WINDOW_S:g} s")
        for kind, values, scale in (("touch", w.touch, TOUCH), ("density", w.density, DENSITY)):
            calm, stirred = means(values, w.stirred)
            right, apart = told(values, w.stirred, scale)
            say(
                f"  {kind:8} calm {calm:.2f}, stirred {stirred:.2f}; by the scale {scale}: right "
                f"{right:.3f}, deviation {apart:.2f}"
            )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
