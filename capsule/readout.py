"""The numbers that make probabilities of the network's logits, fitted on whoever was left out.

Two read-outs. Of somebody new with a headset that was learned from: temperature and lean, by what
each member says of the people it never saw. Of a headset that was not: there the network is far too
sure, while alpha gives way to work on any head. So its temperature and the weight of alpha come
from data sets left out whole: people, headset and task.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize
from torch import Tensor

from capsule.corpus.dataset import Examples
from capsule.network import CapsuleNetwork, ReadOut, alpha_below, tempered

TASKS = ("eegmat", "mane")  # sets whose labels say what was done, not how somebody rated it
BOTH_VALENCES = [1, 0, 3, 2]  # the quadrant of the same arousal, for each
AT_ONCE = 2048  # windows
COLDEST, HOTTEST = 0.1, 10.0  # temperatures
MOST_LEAN = 2.0
MOST_ALPHA = 5.0  # log odds for a z-score


class LeftOut(NamedTuple):
    """Windows of a data set, and what a network says of them that never saw it."""

    logits: Tensor  # (W, 4)
    below: Tensor  # (W,) see `alpha_below`
    compatible: NDArray[np.bool_]  # (W, 4) by arousal alone: no valence is read across data sets

    @classmethod
    def read(cls, network: CapsuleNetwork, data: Examples) -> LeftOut:
        """What `network` says of `data`."""
        logits, below = [], []
        with torch.inference_mode():
            for inputs, present, _ in _parts(data):
                logits.append(network.read(inputs, present).logits)
                below.append(alpha_below(inputs, present, network.config.bands))
        either = data.compatible | data.compatible[:, BOTH_VALENCES]
        return cls(torch.cat(logits), torch.cat(below), either)

    def through(self, out: ReadOut) -> Tensor:
        """The logits (W, 4) through a read-out."""
        return tempered(self.logits.double(), out, self.below)


def judged_by_strangers(
    network: CapsuleNetwork, data: Examples, member: NDArray[np.int64]
) -> Tensor:
    """Logits (W, 4) of each window by the one member that never learned from its person."""
    found = []
    with torch.inference_mode():
        for inputs, present, here in _parts(data):
            votes = network(inputs, present)
            found.append(votes.logits[member[here], np.arange(len(inputs))])
    return torch.cat(found)


def read_out_of_people(logits: Tensor, compatible: NDArray[np.bool_]) -> ReadOut:
    """Temperature and lean that give these labels (W, 4) most probability under `logits` (W, 4).

    Every set of quadrants counts alike. The lean is 0 unless some labels are aroused, others calm.
    """
    high, low = (bool((~compatible[:, side].any(1)).any()) for side in ([2, 3], [0, 1]))
    most = MOST_LEAN if high and low else 0.0

    def cost(sharpness: float, lean: float) -> float:
        return _cost(tempered(logits.double(), ReadOut(1.0 / sharpness, lean)), compatible)

    temperature, lean = _least(cost, (-most, most))
    return ReadOut(temperature, lean)


def read_out_of_sets(parts: Sequence[LeftOut]) -> ReadOut:
    """Temperature and weight of alpha that give the labels of all sets most probability.

    Every set counts alike, and in it every set of quadrants.
    """

    def cost(sharpness: float, alpha: float) -> float:
        out = ReadOut(1.0 / sharpness, alpha=alpha)
        return float(np.mean([_cost(one.through(out), one.compatible) for one in parts]))

    temperature, alpha = _least(cost, (0.0, MOST_ALPHA))
    return ReadOut(temperature, alpha=alpha)


def _least(
    cost: Callable[[float, float], float], bounds: tuple[float, float]
) -> tuple[float, float]:
    """The temperature and the other number where `cost`, convex in 1 over the first, is least."""
    found = minimize(
        lambda told: cost(*told), np.array([1.0, 0.0]), method="L-BFGS-B",
        bounds=[(1.0 / HOTTEST, 1.0 / COLDEST), bounds],
    )  # fmt: skip
    return float(1.0 / found.x[0]), float(found.x[1])


def _cost(logits: Tensor, compatible: NDArray[np.bool_]) -> float:
    """Mean of - log of the probability of the compatible quadrants, every set of them alike."""
    fits = torch.from_numpy(compatible)
    kind = compatible @ np.array([1, 2, 4, 8])
    _, number, count = np.unique(kind, return_inverse=True, return_counts=True)
    weight = torch.from_numpy(1.0 / count[number])
    log_p = torch.log_softmax(logits, -1)
    inside = torch.logsumexp(log_p.masked_fill(~fits, -torch.inf), -1)
    return float(-(inside * weight).sum() / weight.sum())


def _parts(data: Examples) -> list[tuple[Tensor, Tensor, slice]]:
    """Inputs (N, I, 2) and presence (N, I) of AT_ONCE windows after another."""
    slices = [slice(start, start + AT_ONCE) for start in range(0, len(data), AT_ONCE)]
    return [
        (
            torch.from_numpy(data.inputs[here]).flatten(1, 2),
            torch.from_numpy(data.present[here]).flatten(1, 2),
            here,
        )
        for here in slices
    ]
