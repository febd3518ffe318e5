"""How electrodes go together, against the wearer's rest: cross-spectra as tangent vectors.

recording → the stages that run live → real cross-spectra of each window and their recent mean →
whitened by the mean of the wearer's rest → tangent vector in units of the rest's spread (Barachant,
Bonnet, Congedo & Jutten, IEEE Trans. Biomedical Engineering 2012; mean and tangent space are those
of pyriemann).

Nodes are channels or, so that headsets can be compared, the mean signals of scalp regions. Windows,
rest and recent mean are those of the entropies (`capsule.baseline`); what is on the diagonal is,
where nodes are independent, the entropy's change. The gain of a node changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from capsule.baseline import CONTEXT_S, LEAST_WINDOWS, REST_S, SPREAD_FLOOR, WINDOW_S
from capsule.corpus.dataset import CHUNK, Examples, examples
from capsule.corpus.sitting import Sitting
from capsule.corpus.sources import source
from eeg.features import FLOOR_UV2, BandEntropy
from eeg.frontend import FrontEnd
from eeg.montage import BANDS, REGIONS
from eeg.quality import GOOD
from eeg.signal import Signal

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

USED = ("theta", "alpha", "beta")  # delta is full of the eyes, gamma of the muscles
SHRUNK = 0.1  # towards equal, independent nodes: theta of 2 s has hardly more than 19 dimensions
MOSTLY = 0.5  # share of the rest's windows in which a node must be good


class CrossSpectra(BandEntropy):
    """Band entropies; the real cross-spectra of each window are put aside on the way."""

    def __init__(self, rate_hz: float, size: int) -> None:
        super().__init__(rate_hz, size)
        self._aside: list[Floats] = []

    def __call__(self, samples_uv: Floats) -> Floats:
        """Entropy in nats (channel, band) of a window (channel, time) in µV."""
        centred = samples_uv - samples_uv.mean(axis=1, keepdims=True)
        spectrum = np.fft.rfft(centred * self._tapers[:, None], axis=2).transpose(1, 0, 2)
        found = []
        for weight in self._weights.T[[band.name in USED for band in BANDS]]:
            scaled = spectrum[..., weight > 0] * np.sqrt(weight[weight > 0])
            parts = np.concatenate([scaled.real, scaled.imag], axis=2).reshape(len(scaled), -1)
            found.append(parts @ parts.T)
        self._aside.append(np.array(found))
        return super().__call__(samples_uv)

    def taken(self) -> list[Floats]:
        """Of the windows since this was last asked: (bands, channel, channel) in µV²."""
        taken, self._aside = self._aside, []
        return taken


class CrossingFrontEnd(FrontEnd):
    """The front end, with the cross-spectra of its windows in `cross`."""

    def __init__(self, signal: Signal) -> None:
        super().__init__(signal)
        self._entropy = self.cross = CrossSpectra(signal.rate_hz, self._windows.size)


@dataclass(frozen=True)
class Crossed:
    """All windows of a sitting, W of them, four a second; n nodes."""

    cross: NDArray[np.float32]  # (W, bands, n, n) µV²
    good: Bools  # (W, n)
    rest: Bools  # (W,) of the wearer's rest
    first: Bools  # (W,) of a take, or after an interruption: nothing is recent
    time_s: Floats  # (W,) in the take, to the window's end
    take: NDArray[np.int64]  # (W,)
    nodes: tuple[str, ...]
    regions: tuple[str, ...]  # of each node

    @classmethod
    def of(cls, sitting: Sitting) -> Crossed:
        """Of the channels that the front end uses."""
        front_end = CrossingFrontEnd(sitting.takes[0].recording.signal)
        placed = list(front_end.montage.placed)
        rows: list[tuple[NDArray[np.float32], Bools, bool, bool, float, int]] = []
        for number, take in enumerate(sitting.takes):
            front_end.reset()
            for chunk in take.recording.chunks(CHUNK):
                found = front_end.push(chunk)
                for one, cross in zip(found, front_end.cross.taken(), strict=True):
                    good = one.channel_quality[placed] >= GOOD
                    rest = _at_rest(sitting, number, one.end_s)
                    new = one.gap or not rows or rows[-1][-1] != number
                    rows.append((cross.astype(np.float32), good, rest, new, one.end_s, number))
        columns = [np.array(column) for column in zip(*rows, strict=True)]
        return cls(
            cross=columns[0],
            good=columns[1],
            rest=columns[2],
            first=columns[3],
            time_s=columns[4],
            take=columns[5],
            nodes=tuple(front_end.montage.channels[i] for i in placed),
            regions=tuple(REGIONS[front_end.montage.regions[i] or 0] for i in placed),
        )

    def by_region(self) -> Crossed:
        """Of the mean signal of each region's good channels."""
        names = tuple(one for one in REGIONS if one in self.regions)
        members = np.array(names)[:, None] == np.array(self.regions)  # (region, channel)
        chosen = members * self.good[:, None]  # (W, region, channel)
        mix = (chosen / np.maximum(chosen.sum(2, keepdims=True), 1)).astype(np.float32)
        cross = mix[:, None] @ self.cross @ mix[:, None].transpose(0, 1, 3, 2)
        good = chosen.any(2)
        return replace(self, cross=cross, good=good, nodes=names, regions=names)

    def against_rest(
        self, nodes: Sequence[str], rows: NDArray[np.intp], heard: Bools | None = None
    ) -> Floats:
        """Tangent vectors (rows, 2 x bands x n (n + 1) / 2) over `nodes`: window, recent mean.

        Entries are 0, as those of a window at rest, where a node is not `heard` (rows, n) or was
        not good for most of the rest; then the others are whitened without it.
        """
        share = self.good[self.rest].sum(0) / max(int(self.rest.sum()), 1)
        mostly = np.array(self.nodes)[share >= MOSTLY].tolist()
        there: Bools = np.tile([one in mostly for one in nodes], (len(rows), 1))
        if heard is not None:
            there = there & heard
        kinds, kind = np.unique(there, axis=0, return_inverse=True)
        upper, lower = np.triu_indices(len(nodes))
        told = np.zeros((len(rows), 2, len(USED), len(upper)))
        for number, chosen in enumerate(kinds):
            at = [self.nodes.index(one) for one, use in zip(nodes, chosen, strict=True) if use]
            mine = np.flatnonzero(kind == number)
            entries = np.flatnonzero(chosen[upper] & chosen[lower])
            if at:
                some = told[mine]
                some[..., entries] = self._told(at, rows[mine])
                told[mine] = some
        return told.reshape(len(rows), 2 * len(USED) * len(upper))

    def _told(self, at: Sequence[int], rows: NDArray[np.intp]) -> Floats:
        """Tangent vectors (rows, 2, bands, entries) over the nodes numbered `at`.

        A window in which one of them is bad is taken for what the last whole one was.
        """
        from pyriemann.geometry.mean import mean_logeuclid
        from pyriemann.geometry.tangentspace import tangent_space

        whole: Bools = np.all(self.good[:, at], axis=1)
        calm: Bools = self.rest & whole
        told = np.zeros((len(rows), 2, len(USED), len(at) * (len(at) + 1) // 2))
        if calm.sum() < LEAST_WINDOWS:
            return told
        last = np.maximum.accumulate(np.where(whole, np.arange(len(whole)), whole.argmax()))
        cross = _even(self.cross[last][:, :, at][..., at].astype(np.float64), calm)
        recent = self._recent(cross)
        for band in range(len(USED)):
            middle = mean_logeuclid(cross[calm, band])
            spread = 0.5 * tangent_space(cross[calm, band], middle).std(0) + SPREAD_FLOOR
            for place, kind in enumerate((cross, recent)):
                told[:, place, band] = 0.5 * tangent_space(kind[rows, band], middle) / spread
        return told

    def _recent(self, cross: Floats) -> Floats:
        """Exponential mean of `cross` (W, ...), corrected for its short start."""
        recent, mean, weight, last_s = np.empty_like(cross), np.zeros(cross.shape[1:]), 0.0, 0.0
        for k, (first, now_s) in enumerate(zip(self.first, self.time_s, strict=True)):
            share = 1.0 - np.exp(-max(CONTEXT_S if first else now_s - last_s, 0.0) / CONTEXT_S)
            mean = share * cross[k] + (0.0 if first else 1.0 - share) * mean
            weight = share + (0.0 if first else 1.0 - share) * weight
            recent[k], last_s = mean / weight, now_s
        return recent


def _even(cross: Floats, calm: Bools) -> Floats:
    """Cross-spectra (W, bands, n, n) by each node's mean log power at rest, and shrunk."""
    power = np.maximum(np.diagonal(cross, axis1=2, axis2=3), FLOOR_UV2)
    gain = np.exp(-0.5 * np.log(power[calm]).mean(0))  # (bands, n)
    even = cross * gain[:, :, None] * gain[:, None, :]
    n = even.shape[-1]
    size = np.trace(even, axis1=2, axis2=3)[..., None, None] / n + 1e-6
    shrunk: Floats = (1.0 - SHRUNK) * even + SHRUNK * size * np.eye(n)
    return shrunk


def _at_rest(sitting: Sitting, number: int, end_s: float) -> bool:
    """Whether a window of a take is of what `capsule.corpus.dataset` takes for the rest."""
    take = sitting.takes[number]
    if not sitting.rest:
        return number == 0 and end_s <= float(take.recording.times_s[0]) + REST_S
    return any(
        one.label in sitting.rest and one.start_s - 0.05 <= end_s - WINDOW_S and end_s <= one.stop_s
        for one in take.stretches
    )


@dataclass(frozen=True)
class Part:
    """A data set with one subset of its channels: labelled windows, and the sittings they lie in.

    `sittings`: by the beginning of the names of their recordings.
    """

    asked: Examples
    sittings: Mapping[str, Crossed]

    @classmethod
    def of(cls, told: str, subset: str) -> Part:
        """NAME or NAME=FOLDER, see `capsule.corpus.sources`."""
        found, sittings = source(told), {}
        for one in found.sittings(subset):
            where = (found.name, one.person, one.session)
            sittings["/".join(part for part in where if part)] = Crossed.of(one)
        return cls(examples(told, subset), sittings)

    def by_region(self) -> Part:
        """The same over scalp regions."""
        return Part(self.asked, {name: one.by_region() for name, one in self.sittings.items()})

    @property
    def nodes(self) -> tuple[str, ...]:
        """Those that all sittings have."""
        first, *others = self.sittings.values()
        return tuple(one for one in first.nodes if all(one in other.nodes for other in others))

    def vectors(self, nodes: Sequence[str], loud: bool = False) -> Floats:
        """Tangent vectors (W, entries) of the labelled windows, see `Crossed.against_rest`.

        Regions that the baseline left out of a window, for being loud alone or bad, are not heard
        here, either; with `loud` they are.
        """
        count = 2 * len(USED) * len(nodes) * (len(nodes) + 1) // 2
        found = np.full((len(self.asked), count), np.nan)
        for name, sitting in self.sittings.items():
            times = zip(sitting.take.tolist(), sitting.time_s.tolist(), strict=True)
            place = {key: row for row, key in enumerate(times)}
            here = np.flatnonzero(np.char.startswith(self.asked.recording, f"{name}/"))
            takes = [one[len(name) + 1 :].split("/")[0] for one in self.asked.recording[here]]
            asked = zip(map(int, takes), self.asked.time_s[here].tolist(), strict=True)
            rows = np.array([place[key] for key in asked], dtype=np.intp)
            where = dict(zip(sitting.nodes, sitting.regions, strict=True))
            place_of = [REGIONS.index(where.get(one, REGIONS[0])) for one in nodes]
            heard: Bools = np.any(self.asked.present[here], axis=2)
            found[here] = sitting.against_rest(nodes, rows, None if loud else heard[:, place_of])
        return found
