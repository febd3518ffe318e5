"""Data sets kept as arrays of whole numbers in one .npz, without anything that names a person.

`ch_names`, `fs` (Hz) and `lsb_uv` (µV a step) go for all arrays, which are (channel, time).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from capsule.corpus.labels import rated
from capsule.corpus.sitting import Sitting, files_in, recording_of, whole
from capsule.errors import CapsuleError
from eeg.signal import Recording

PAIR_S = 25 * 60.0  # recordings of one person by MANE start within this time
Arrays = Mapping[str, NDArray[Any]]


def mane(folder: Path) -> Iterator[Sitting]:
    """Mane et al., an Insight: a horror video and relaxing music, paired by time of day.

    Nobody rested: the mean of both recordings is the baseline.
    """
    kept = read_arrays(folder, "mane_horror_music.npz", "Mane's horror videos and relaxing music")
    starts = {name[:-4]: int(kept[name]) for name in kept if name.endswith("__t0")}
    free = {name for name in starts if name.startswith("music")}
    for horror in sorted(name for name in starts if name.startswith("horror")):
        if not free:
            return
        nearest = min(free, key=lambda name: abs(starts[name] - starts[horror]))
        if not 0 < abs(starts[nearest] - starts[horror]) <= PAIR_S:  # 0: the same file twice
            continue
        free.discard(nearest)
        takes = (
            whole(recording_in(kept, horror, kept[horror]), "horror"),
            whole(recording_in(kept, nearest, kept[nearest]), "relaxing music"),
        )
        yield Sitting(horror[-2:], takes, rest=("horror", "relaxing music"))


def dasps(folder: Path) -> Iterator[Sitting]:
    """Baghdadi et al. 2019, an EPOC: six anxious situations told, then imagined, with ratings 1-9.

    Nobody rested: the mean of all is the baseline.
    """
    needed = ("data", "valence", "arousal", "situation", "phase")
    kept = read_arrays(folder, "dasps_va.npz", "DASPS", *needed)
    names = [
        f"{situation} {phase}"
        for situation, phase in zip(kept["situation"], kept["phase"], strict=True)
    ]
    ratings = np.stack([kept["valence"], kept["arousal"]])
    for number, data in enumerate(kept["data"]):
        takes = []
        for trial, name in enumerate(names):
            valence, arousal = ratings[:, number, trial]
            label = rated(valence, arousal, where=f"DASPS person {number} {name}")
            takes.append(whole(recording_in(kept, name, data[trial]), label))
        labels = {stretch.label for take in takes for stretch in take.stretches}
        yield Sitting(f"{number:02d}", tuple(takes), rest=tuple(sorted(labels)))


def read_arrays(folder: Path, name: str, told: str, *needed: str) -> Arrays:
    """Everything that the file holds. CapsuleError if it is missing or damaged."""
    (path,) = files_in(folder, name, told)
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as kept:
            arrays = {key: kept[key] for key in kept.files}
    except (OSError, ValueError, BadZipFile) as error:
        raise CapsuleError(f"{path} is damaged ({error}): fetch it again") from error
    missing = {"ch_names", "fs", "lsb_uv", *needed} - set(arrays)
    if missing:
        raise CapsuleError(f"{path} lacks {', '.join(sorted(missing))}: it is not {told}")
    return arrays


def recording_in(kept: Arrays, name: str, steps: NDArray[Any]) -> Recording:
    """A recording of steps (channel, time) of such a file."""
    samples_uv = steps.T * float(kept["lsb_uv"])
    return recording_of(name, samples_uv, float(kept["fs"]), kept["ch_names"].tolist())
