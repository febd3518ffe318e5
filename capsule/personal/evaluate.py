"""What personal calibration is worth to people of data sets, by blocks and in order of time.

    python -m capsule.personal.evaluate                    Ehrlich's and Albasri's people
    python -m capsule.personal.evaluate ehrlich --seed 1

For each person twice. Leave-one-block-out over all their stretches, as `emocapsule calibrate` tells
it. And in order of time: the first three quarters of the stretches calibrate, the last quarter is
told, by the plain recogniser, by the fit whether or not it is worth it, and as used. The
network is trained here without the data sets that are looked at, so nobody in it was ever seen.
The rest is all rests of a recording, later ones too. Intervals are 95 % over people (bootstrap).
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from capsule.calibrate import Run, blocks_of, hear, report
from capsule.corpus.labels import BASELINE
from capsule.corpus.sitting import Sitting
from capsule.corpus.sources import TRAINING, sittings
from capsule.errors import CapsuleError
from capsule.learning import Recipe, build_for_strangers, everything
from capsule.personal.blocks import Blocks, by_block, sound_axes, widened
from capsule.personal.learn import accuracy, fitted, learn
from capsule.personal.shift import NAMES
from capsule.profile import Figures
from capsule.recogniser import Model

DATASETS = ("ehrlich", "albasri")
FIRST = 0.75  # of the stretches
DRAWS = 2000
READERS = ("plain", "fit", "as used")

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Later:
    """The last stretches of a person, told by READERS."""

    blocks: int
    right: dict[str, tuple[float, ...]]  # axis: balanced accuracy by each; NaN: all of one side
    nats: tuple[float, ...]  # log probability of a block by each


def runs_of(sitting: Sitting) -> list[Run]:
    """Each recording of a sitting, its rest labelled as such."""
    runs = []
    for take in sitting.takes:
        stretches = tuple(
            replace(one, label=BASELINE) if one.label in sitting.rest else one
            for one in take.stretches
        )
        runs.append(Run(take.recording, stretches))
    return runs


def people(dataset: str) -> dict[str, list[Run]]:
    """Recordings of each person of a data set, in order of time."""
    found: dict[str, list[Run]] = {}
    for sitting in sittings(dataset):
        found.setdefault(sitting.person, []).extend(runs_of(sitting))
    return found


def unseen(datasets: Sequence[str]) -> Model:
    """A network that was trained without these data sets."""
    data = everything([one for one in TRAINING if one not in datasets])
    return build_for_strangers(data, Recipe())


def in_order(blocks: Blocks, seed: int = 0) -> Later | None:
    """The last stretches told by what the first ones taught; None if their order is no good.

    CapsuleError if the first ones are too few.
    """
    count = len(blocks.compatible)
    early = torch.arange(count) < round(FIRST * count)
    first, last = blocks.of(early), blocks.of(~early)
    axes, _ = sound_axes(first)
    if not axes.any():
        return None
    used, _ = learn(first, seed)
    fit = fitted(widened(first, axes), axes)
    last = widened(last, axes)
    told = [
        last.logits if one is None else one.logits(last.logits, last.z)[0]
        for one in (None, fit, used)
    ]
    right = {
        NAMES[a]: tuple(accuracy(last, one, last.compatible, a) for one in told)
        for a in range(2)
        if axes[a]
    }
    nats = tuple(float(by_block(last, one, last.compatible).mean()) for one in told)
    return Later(len(last.compatible), right, nats)


def interval(values: Floats, seed: int = 0) -> tuple[float, float]:
    """95 % of the mean over resampled people."""
    rng = np.random.default_rng(seed)
    drawn = rng.choice(values, (DRAWS, len(values))).mean(1)
    low, high = np.quantile(drawn, (0.025, 0.975))
    return float(low), float(high)


def table(dataset: str, model: Model, seed: int) -> list[str]:
    """Both views of every person of a data set, and the means over people."""
    lines = [f"{dataset}: leave one stretch out"]
    everybody: list[Figures] = []
    later: list[Later] = []
    for person, runs in people(dataset).items():
        try:
            blocks = blocks_of(model, runs, hear(model, runs))
            _, figures = learn(blocks, seed)
            ordered = in_order(blocks, seed)
        except CapsuleError as problem:
            lines.append(f"  {person}: {problem}")
            continue
        lines += [f"  {person}", *(f"    {line}" for line in report(figures).splitlines())]
        everybody += [figures] if figures.axes else []
        if ordered is not None:
            later.append(ordered)
            lines += [f"    {line}" for line in _said(ordered)]
    return lines + _together(everybody, later)


def _said(later: Later) -> list[str]:
    lines = [f"in order of time, the last {later.blocks} told by {' / '.join(READERS)}"]
    lines += [f"{axis:10s}{_row(values)} right" for axis, values in later.right.items()]
    return [*lines, f"{'':10s}{_row(later.nats)} nats"]


def _row(values: Sequence[float]) -> str:
    return " / ".join(f"{one:.2f}" for one in values)


def _together(everybody: Sequence[Figures], later: Sequence[Later]) -> list[str]:
    """Means over people with their intervals, of what is more than by the plain recogniser."""
    gains: dict[str, list[float]] = {}
    for figures in everybody:
        for axis in figures.axes:
            gains.setdefault(f"{axis.axis} right, fit", []).append(axis.calibrated - axis.plain)
        gains.setdefault("nats, fit", []).append(figures.fit.nats)
        gains.setdefault("nats, temperature alone", []).append(figures.temperature.nats)
    for one in later:
        for k, reader in enumerate(READERS[1:], 1):
            for name, right in one.right.items():
                gains.setdefault(f"later: {name} right, {reader}", []).append(right[k] - right[0])
            gains.setdefault(f"later: nats, {reader}", []).append(one.nats[k] - one.nats[0])
    lines = ["  more than by the plain recogniser, mean over people [95 %]"] if gains else []
    return lines + [f"    {what:32s}{_mean(values)}" for what, values in gains.items()]


def _mean(values: Sequence[float]) -> str:
    """The mean over the people who have a value, with its interval."""
    known = np.array(values)[np.isfinite(values)]
    low, high = interval(known)
    return f"{known.mean():+.2f} [{low:+.2f} {high:+.2f}], {len(known)} people"


def main(argv: Sequence[str] | None = None) -> int:
    """Print what calibration is worth."""
    parser = argparse.ArgumentParser(
        prog="python -m capsule.personal.evaluate", description=__doc__
    )
    parser.add_argument("datasets", nargs="*", default=list(DATASETS), metavar="DATASET")
    parser.add_argument("--seed", type=int, default=0, help="of the permuted labels")
    args = parser.parse_args(argv)
    torch.set_num_threads(1)
    model = unseen(args.datasets)
    for dataset in args.datasets:
        print("\n".join(table(dataset, model, args.seed)), flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
