"""The wearer's own rest as the measure: features into z-scores and their recent mean, causally.

People, headsets and electrode contacts differ far more than states of one person do. So each
region-band entropy is measured against the wearer's rest, z = (x - mean) / (std + 0.1), from the
first `rest_s` seconds. Until these are over, robust running statistics (median and MAD) serve.
A region that is loud while the others are quiet is a bad contact and is left out.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from eeg.frontend import Features
from eeg.montage import BANDS, REGIONS

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

SHAPE = (len(REGIONS), len(BANDS))
REST_S = 60.0
WINDOW_S = 2.0  # the first window starts this long before its end
CONTEXT_S = 4.0  # time constant of the recent mean
RUNNING_S = 120.0  # memory of the running statistics where no rest is told
LEAST_WINDOWS = 32  # of a region, for a baseline; 8 s of windows at the usual hop
SPREAD_FLOOR = 0.1  # nats
LEAST_RUNNING = 8  # windows before running statistics say anything
LOUD_Z, QUIET_Z = 2.5, 1.25  # a region is loud above, quiet below: recent z, mean over bands
FEWEST_COMPARED = 3  # regions: of two nobody can say which is strange


@dataclass(frozen=True)
class Rest:
    """Statistics of a wearer's rest, per region and band. `known` is False where there are none."""

    mean: Floats  # (regions, bands) nats
    std: Floats  # (regions, bands) nats
    known: Bools  # (regions,)

    def z(self, entropy: Floats) -> Floats:
        """Entropy (regions, bands) against this rest."""
        score: Floats = (entropy - self.mean) / (self.std + SPREAD_FLOOR)
        return score

    @property
    def spread(self) -> float:
        """By how much the regions differ (nats, root mean square over bands); inf for one region.

        A scalp is never even: what is the same everywhere is noise or a source outside the head.
        """
        if self.known.sum() < 2:
            return float("inf")
        return float(np.sqrt(self.mean[self.known].var(axis=0).mean()))


def rest_of(entropy: Floats, present: Bools) -> Rest:
    """Mean and std over windows (W, regions, bands), each region over those where it is present."""
    count = present.sum(0)  # (regions,)
    seen = present[..., None]
    share = np.maximum(count, 1)[:, None]
    mean = np.where(seen, entropy, 0.0).sum(0) / share
    variance = (np.where(seen, entropy - mean, 0.0) ** 2).sum(0) / share
    return Rest(mean, np.sqrt(variance), count >= LEAST_WINDOWS)


def running_rest(entropy: Floats, present: Bools) -> Rest:
    """Like `rest_of`, by median and MAD: a few windows of movement do not spoil it."""
    known = present.sum(0) >= LEAST_RUNNING
    median, mad = np.zeros(SHAPE), np.zeros(SHAPE)
    for region in np.flatnonzero(known):
        kept = entropy[present[:, region], region]  # (windows, bands)
        median[region] = np.median(kept, axis=0)
        mad[region] = 1.4826 * np.median(np.abs(kept - median[region]), axis=0)
    return Rest(median, mad, known)


def alone_loud(z: Floats, present: Bools) -> Bools:
    """(..., regions): which are loud while most of the others are quiet.

    `z` (..., regions, bands): recent means, where `present`. A state of the wearer is heard all
    over the head; what one place alone hears is its electrode, in hair, in sweat or on a brow.
    """
    bands = present.sum(-1)
    size = np.where(present, z, 0.0).sum(-1) / np.maximum(bands, 1)  # (..., regions)
    there = bands > 0
    regions = there.sum(-1, keepdims=True)
    quiet = (there & (size < QUIET_Z)).sum(-1, keepdims=True)
    alone: Bools = (2 * quiet > regions - 1) & (regions >= FEWEST_COMPARED)
    loud: Bools = alone & there & (size > LOUD_Z)
    return loud


@dataclass(frozen=True)
class Prepared:
    """One window as the network sees it, and what the doubt gate asks about."""

    inputs: NDArray[np.float32]  # (regions, bands, 2): z and its recent mean
    present: Bools  # (regions, bands), without what is loud
    loud: Bools  # (regions,) kept from the network, see `alone_loud`
    level: Floats  # (regions, bands) recent mean of the entropy itself, nats
    spread: float  # nats, by how much regions differ at rest, see `Rest.spread`
    rested: bool  # measured against a complete rest


@dataclass(frozen=True)
class BaselineState:
    """Everything that a `Baseline` remembers."""

    rest: Rest | None
    end_s: float | None
    seen: tuple[tuple[float, Floats, Bools], ...]
    level: Floats  # (regions, bands) recent mean of entropy, times its weight
    weight: Floats  # (regions,)
    last_s: float | None


class Baseline:
    """Features in, z-scores out; learns the rest on its way unless it is given.

    Parameters
    ----------
    rest_s: length of the wearer's rest at the beginning. 0: never at rest, so running statistics
        over the last RUNNING_S seconds serve for ever.
    rest: a rest that is known already; then `rest_s` plays no part.
    meanwhile: a rest of another day, which serves until this day's is complete.

    The rest ends `rest_s` seconds after the first sample, by the clock, whatever was lost
    meanwhile; if then not one region has LEAST_WINDOWS good windows, as soon as one has.
    """

    def __init__(
        self, rest_s: float = REST_S, rest: Rest | None = None, meanwhile: Rest | None = None
    ) -> None:
        self._rest_s, self._given, self._meanwhile = rest_s, rest, meanwhile
        self.reset()

    @property
    def rest(self) -> Rest | None:
        """The rest that serves; None while none is complete."""
        return self._rest if self._rest is not None else self._meanwhile

    def reset(self) -> None:
        """As new; a rest that was given stays."""
        self._rest = self._given
        self._end_s: float | None = None
        self._last_s: float | None = None
        self._seen: deque[tuple[float, Floats, Bools]] = deque()
        self._forget_context()

    def state(self) -> BaselineState:
        """A copy of what is remembered."""
        return BaselineState(
            self._rest, self._end_s, tuple(self._seen),
            self._level.copy(), self._weight.copy(), self._last_s,
        )  # fmt: skip

    def restore(self, state: BaselineState) -> None:
        """Go on from a copied state."""
        self._rest, self._end_s, self._seen = state.rest, state.end_s, deque(state.seen)
        self._level, self._weight = state.level.copy(), state.weight.copy()
        self._last_s = state.last_s

    def push(self, features: Features) -> Prepared:
        """One window against the rest, or against what has been seen so far."""
        if features.gap:
            self._forget_context()
        entropy = features.entropy.astype(np.float64)
        self._recall(entropy, features.present, features.end_s)
        if self._rest is None:
            self._learn(features, entropy)
        rest = self.rest if self.rest is not None else self._taken(running_rest)
        level = self._level / np.maximum(self._weight, 1e-12)[:, None]
        present = (features.present & rest.known)[:, None] & features.band_valid
        scores = np.stack([rest.z(entropy), rest.z(level)], axis=-1)
        loud = alone_loud(scores[..., 1], present)
        present &= ~loud[:, None]
        inputs: NDArray[np.float32] = np.where(present[..., None], scores, 0.0).astype(np.float32)
        return Prepared(inputs, present, loud, level, rest.spread, self.rest is not None)

    def _learn(self, features: Features, entropy: Floats) -> None:
        """Take the rest if it is over with this window, else add the window to it."""
        if self._end_s is None:
            self._end_s = features.end_s - WINDOW_S + self._rest_s
        if self._rest_s > 0 and features.end_s > self._end_s + 1e-6:
            rest = self._taken(rest_of)
            if rest.known.any():
                self._rest = rest
                self._seen.clear()
                return
        self._seen.append((features.end_s, entropy, features.present.copy()))
        while self._seen[0][0] < features.end_s - max(self._rest_s, RUNNING_S):
            self._seen.popleft()

    def _taken(self, statistics: Callable[[Floats, Bools], Rest]) -> Rest:
        if not self._seen:
            return Rest(np.zeros(SHAPE), np.zeros(SHAPE), np.zeros(SHAPE[0], dtype=bool))
        _, entropy, present = zip(*self._seen, strict=True)
        return statistics(np.stack(entropy), np.stack(present))

    def _forget_context(self) -> None:
        self._level, self._weight = np.zeros(SHAPE), np.zeros(SHAPE[0])
        self._last_s = None

    def _recall(self, entropy: Floats, present: Bools, end_s: float) -> None:
        """Fold a window into the recent mean (exponential, corrected for its short start)."""
        step_s = end_s - self._last_s if self._last_s is not None else CONTEXT_S
        share = 1.0 - np.exp(-max(step_s, 0.0) / CONTEXT_S)
        part = np.where(present, share, 0.0)[:, None]
        self._level = (1.0 - part) * self._level + part * entropy
        self._weight = (1.0 - part[:, 0]) * self._weight + part[:, 0]
        self._last_s = end_s
