"""What every data set becomes: who sat there, what was recorded, and in what state.

A sitting is one person with one headset on one day. Its takes are recordings, their stretches the
labelled parts. Samples are in µV, channels have the names of their electrodes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from capsule.corpus.labels import quadrants_of
from capsule.errors import CapsuleError
from eeg.montage import canonical
from eeg.signal import Recording, Signal


@dataclass(frozen=True)
class Stretch:
    """From `start_s` to `stop_s` of a recording the wearer was in the labelled state."""

    start_s: float
    stop_s: float
    label: str

    @property
    def quadrants(self) -> tuple[str, ...]:
        """Those that fit the label; none if it says nothing."""
        return quadrants_of(self.label)


@dataclass(frozen=True)
class Take:
    """One recording and what is known of it."""

    recording: Recording
    stretches: tuple[Stretch, ...]


@dataclass(frozen=True)
class Sitting:
    """One person with one headset.

    `rest`: labels of the stretches that are the baseline, all of them together, early or late;
    empty: the first minute of the first take, as in live use. CapsuleError if there is no take, or
    if takes differ in their channels.
    """

    person: str
    takes: tuple[Take, ...]
    rest: tuple[str, ...] = ()
    session: str = ""

    def __post_init__(self) -> None:
        if not self.takes:
            raise CapsuleError(f"there is no recording of {self.person}")
        first, *others = (take.recording.signal for take in self.takes)
        for other in others:
            if (other.rate_hz, other.channels) != (first.rate_hz, first.channels):
                raise CapsuleError(
                    f"{self.person}: {first.name} and {other.name} differ in rate or channels, so "
                    "they are not of one sitting: give them different sessions"
                )


def recording_of(
    name: str,
    samples_uv: ArrayLike,
    rate_hz: float,
    channels: Sequence[str],
    passband_hz: tuple[float, float] | None = None,
) -> Recording:
    """A recording of samples (time, channel). CapsuleError if their shape is another."""
    samples = np.ascontiguousarray(samples_uv, dtype=np.float64)
    if samples.ndim != 2 or samples.shape[1] != len(channels):
        raise CapsuleError(
            f"{name}: samples have the shape {samples.shape} where (time, {len(channels)}) was "
            "expected"
        )
    signal = Signal(name, float(rate_hz), tuple(channels), passband_hz=passband_hz)
    return Recording(signal, samples, np.arange(len(samples)) / rate_hz)


def whole(recording: Recording, label: str) -> Take:
    """A recording of one state only."""
    return Take(recording, (Stretch(0.0, recording.duration_s, label),))


def picked(sitting: Sitting, sites: Sequence[str]) -> Sitting:
    """The sitting with the named electrodes only; all if none is named.

    CapsuleError names an electrode that is not among its channels.
    """
    if not sites:
        return sitting
    signal = sitting.takes[0].recording.signal
    there = {canonical(label) or label: index for index, label in enumerate(signal.channels)}
    wanted = [canonical(site) or site for site in sites]
    unknown = [site for site, name in zip(sites, wanted, strict=True) if name not in there]
    if unknown:
        raise CapsuleError(
            f"{signal.name} has no channel {', '.join(unknown)}: it has {' '.join(signal.channels)}"
        )
    keep = [there[name] for name in wanted]
    return replace(sitting, takes=tuple(_with_channels(take, keep) for take in sitting.takes))


def _with_channels(take: Take, keep: Sequence[int]) -> Take:
    signal, samples_uv = take.recording.signal, take.recording.samples_uv
    signal = replace(
        signal,
        channels=tuple(signal.channels[i] for i in keep),
        positions=signal.positions and tuple(signal.positions[i] for i in keep),
    )
    kept = np.ascontiguousarray(samples_uv[:, keep])
    return replace(take, recording=replace(take.recording, signal=signal, samples_uv=kept))


def files_in(folder: Path, pattern: str, told: str) -> list[Path]:
    """Files of a data set in order of their names. CapsuleError if the folder is not `told`."""
    if not folder.is_dir():
        raise CapsuleError(f"there is no folder {folder}: {told} was expected there")
    found = sorted(path for path in folder.glob(pattern) if path.is_file())
    if not found:
        raise CapsuleError(f"{folder} holds no {pattern}: {told} was expected there")
    return found


def inner(folder: Path, *names: str) -> Path:
    """The first of the named folders that is inside; the folder itself if none is."""
    return next((folder / name for name in names if (folder / name).is_dir()), folder)
