"""Channels under their own names and under others: false alarms, and what is noticed.

    python -m capsule.evaluation.names

Every sitting with eight channels or more, its takes as if recorded one after the other, through
the stages that run live. Other names: permuted at random, each moved by one place, two exchanged.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from capsule.corpus.dataset import APART_S, CHUNK
from capsule.corpus.sitting import Sitting
from capsule.corpus.sources import sources
from eeg.frontend import FrontEnd
from eeg.names import FINE, FOREIGN
from eeg.signal import Chunk

SETS = (
    ("eegmat", "19"), ("eegmat", "14"), ("eegmat", "8"),
    ("dasps", "19"), ("ehrlich", "19"), ("albasri", "19"),
)  # fmt: skip
OTHERS = ("permuted", "moved by one", "two exchanged")
HOP_S = 1.0
ENOUGH_S = 90.0  # of a sitting, under other names
Order = NDArray[np.int64]


def fits(sitting: Sitting, order: Order, most_s: float = float("inf")) -> list[float]:
    """Fit of the names after each window of the first `most_s` seconds, once it is known.

    `order` (channel,): the channel whose samples each name gets.
    """
    front_end = FrontEnd(sitting.takes[0].recording.signal, hop_s=HOP_S)
    offset_s, heard_s, found = 0.0, 0.0, []
    for take in sitting.takes:
        for chunk in take.recording.chunks(CHUNK):
            if heard_s + chunk.times_s[0] > most_s:
                break
            moved = Chunk(chunk.samples_uv[:, order], chunk.times_s + offset_s)
            found += [one.names_fit for one in front_end.push(moved)]
        offset_s += take.recording.duration_s + APART_S
        heard_s += take.recording.duration_s
    return [one for one in found if one is not None]


def another(kind: str, channels: int, rng: np.random.Generator) -> Order:
    """An order of the channels that is not their own."""
    order = np.arange(channels)
    if kind == "permuted":
        return rng.permutation(channels)
    if kind == "moved by one":
        return np.roll(order, 1)
    one, other = rng.choice(channels, 2, replace=False)
    order[[one, other]] = order[[other, one]]
    return order


def row(told: str, subset: str, draws: int, rng: np.random.Generator) -> list[str]:
    """A line of the table: a data set with one set of its channels."""
    (found,) = sources([told])
    own: list[list[float]] = []
    last: dict[str, list[float]] = {kind: [] for kind in OTHERS}
    for sitting in found.sittings(subset):
        channels = len(sitting.takes[0].recording.signal.channels)
        if known := fits(sitting, np.arange(channels)):
            own.append(known)
        for kind in OTHERS:
            for _ in range(1 if kind == "moved by one" else draws):
                last[kind] += fits(sitting, another(kind, channels, rng), ENOUGH_S)[-1:]
    every, least = np.concatenate(own), np.array([min(one) for one in own])
    return [
        f"{told} {channels} ch",
        f"{np.median(every):.2f}, least {every.min():.2f}",
        f"{(least < FOREIGN).sum()} of {len(own)}",
        f"{(every < FOREIGN).mean():.2%}, {(every < FINE).mean():.2%}",
        *(f"{_share(last[k], FOREIGN)}, {_share(last[k], FINE)}" for k in OTHERS),
    ]


def _share(values: list[float], below: float) -> str:
    return f"{np.mean(np.array(values) < below):.2f}"


def main(argv: list[str] | None = None, say: Callable[[str], None] = print) -> int:
    """``python -m capsule.evaluation.names``."""
    parser = argparse.ArgumentParser(prog="python -m capsule.evaluation.names", description=__doc__)
    parser.add_argument("--draws", type=int, default=4, help="of other names for each sitting")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(argv)
    rng = np.random.default_rng(args.seed)
    say(
        "| set | fit of its own names: median, least | sittings with a false alarm | windows with "
        f"one, windows doubted | {' | '.join(f'{kind}: told, doubted' for kind in OTHERS)} |"
    )
    say("|---" * (4 + len(OTHERS)) + "|")
    for told, subset in SETS:
        say(f"| {' | '.join(row(told, subset, args.draws, rng))} |")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
