"""What the network says of windows, as it says it live; axes, controls and the plain distance."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from capsule.corpus.dataset import Examples
from capsule.doubt import clarity, contact
from capsule.evaluation.figures import Bools, Floats, Judged, together
from capsule.network import gate, read_out
from capsule.recogniser import Model


@dataclass(frozen=True)
class Axis:
    """Arousal or valence: the quadrants on its upper side and on its lower."""

    name: str
    upper: tuple[int, int]
    lower: tuple[int, int]

    def told(self, data: Examples) -> tuple[Bools, Bools]:
        """Whether the label tells this axis (W,), and whether it is the upper side (W,)."""
        fit = data.compatible
        without = (self.lower, self.upper)  # an upper label leaves the lower quadrants out
        upper, lower = (np.logical_not(np.any(fit[:, side], axis=1)) for side in without)
        told: Bools = upper != lower
        return told, upper

    def of(self, data: Examples) -> Examples:
        """The windows whose label tells it."""
        return data.where(self.told(data)[0])

    def judged(self, p: Floats, data: Examples) -> Judged:
        """Probabilities of the quadrants (W, 4), of the windows whose label tells this axis."""
        told, upper = self.told(data)
        return self.beside(p[:, self.upper].sum(1), data).where(told)

    def beside(self, p: Floats, data: Examples) -> Judged:
        """Probabilities of the upper side (W,) beside the truth, of all windows."""
        return Judged(p, self.told(data)[1], data.person, data.recording)


AROUSAL = Axis("arousal", (0, 1), (2, 3))
VALENCE = Axis("valence", (0, 3), (1, 2))
AXES = (AROUSAL, VALENCE)


def probabilities(model: Model, data: Examples, sign: float = 1.0) -> Floats:
    """Gated probabilities (W, 4), as the recogniser gives them. `sign` -1 reflects the z-scores."""
    inputs = data.inputs * np.float32(sign)
    reading = model.read(inputs, data.present)
    trust = [
        model.doubt.trust(level.astype(float), z.astype(float), there, float(spread))
        * contact(there.any(1), expected)
        * clarity(float(quality))
        for level, z, there, spread, expected, quality in zip(
            data.level, inputs[..., 1], data.present, data.spread, data.expected, data.quality,
            strict=True,
        )
    ]  # fmt: skip
    p = gate(read_out(reading.logits), torch.tensor(trust, dtype=torch.float32))
    told: Floats = p.numpy().astype(np.float64)
    return told


def read(model: Model, data: Examples, axis: Axis = AROUSAL) -> Judged:
    """What the model says of an axis, of the windows whose label tells it."""
    some = axis.of(data)
    return axis.judged(probabilities(model, some), some)


def distance(test: Examples) -> Judged:
    """How unlike rest a window is, in whatever direction: what a network must not live on."""
    size = np.sqrt((test.inputs[..., 1] ** 2).sum((1, 2)) / np.maximum(test.present.sum((1, 2)), 1))
    return far(size.astype(np.float64), test)


def far(size: Floats, test: Examples) -> Judged:
    """Distances from rest (W,), brought into [0, 1)."""
    return AROUSAL.beside(size / (1.0 + size), test)


def drift(model: Model, held: Examples) -> Judged:
    """EEGMAT's second minute of rest against its third: must be at chance."""
    return drifting(read(model, held), held)


def drifting(judged: Judged, held: Examples) -> Judged:
    """The same of what anybody says of `held`, whose windows all tell arousal."""
    rest = (held.label == "rest") & (held.time_s < 180.5)
    return replace(judged.where(rest), truth=held.time_s[rest] >= 121.0)


def mirror(model: Model, held: Examples) -> Judged:
    """Arithmetic against its reflection in the rest, which is as far from rest as it is."""
    task = held.where(held.label == "arithmetic")
    ahead, back = (AROUSAL.judged(probabilities(model, task, sign), task) for sign in (1.0, -1.0))
    return mirrored(ahead, back)


def mirrored(ahead: Judged, back: Judged) -> Judged:
    """What is said of windows of one class and of their reflections, which are of the other."""
    return together([ahead, replace(back, truth=~back.truth)])


def majority(training: Examples, test: Examples, axis: Axis) -> Judged:
    """The share of the upper side among those learned from, for every window."""
    told, upper = axis.told(training)
    some = axis.of(test)
    share: NDArray[np.float64] = np.full(len(some), upper[told].mean() if told.any() else 0.5)
    return axis.beside(share, some)
