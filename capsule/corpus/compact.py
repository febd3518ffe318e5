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
from capsule.corpus.sitting import Sitting, Stretch, Take, files_in, recording_of, whole
from capsule.errors import CapsuleError
from eeg.signal import Recording

PAIR_S = 25 * 60.0  # recordings of one person by MANE start within this time
EHRLICH_CODES = {
    131: "sad music",
    132: "neutral music",
    133: "happy music",
    199: "rest between",
}

Arrays = Mapping[str, NDArray[Any]]


def mane(folder: Path) -> Iterator[Sitting]:
    """Mane et al., an Insight: a horror video and relaxing music, paired by time of day.

    Nobody rested: the mean of both recordings is the baseline.
    """
    kept = _arrays(folder, "mane_horror_music.npz", "Mane's horror videos and relaxing music")
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
            whole(_recording(kept, horror, kept[horror]), "horror"),
            whole(_recording(kept, nearest, kept[nearest]), "relaxing music"),
        )
        yield Sitting(horror[-2:], takes, rest=("horror", "relaxing music"))


def dasps(folder: Path) -> Iterator[Sitting]:
    """Baghdadi et al. 2019, an EPOC: six anxious situations told, then imagined, with ratings 1-9.

    Nobody rested: the mean of all is the baseline.
    """
    needed = ("data", "valence", "arousal", "situation", "phase")
    kept = _arrays(folder, "dasps_va.npz", "DASPS", *needed)
    names = [
        f"{situation} {phase}"
        for situation, phase in zip(kept["situation"], kept["phase"], strict=True)
    ]
    for number, data in enumerate(kept["data"]):
        takes = []
        for trial, name in enumerate(names):
            label = rated(kept["valence"][number, trial], kept["arousal"][number, trial])
            takes.append(whole(_recording(kept, name, data[trial]), label))
        labels = {stretch.label for take in takes for stretch in take.stretches}
        yield Sitting(f"{number:02d}", tuple(takes), rest=tuple(sorted(labels)))


def ehrlich(folder: Path) -> Iterator[Sitting]:
    """Ehrlich et al. 2019, an EPOC: sad, neutral and happy generated music with rests between."""
    kept = _arrays(folder, "ehrlich_calibration.npz", "Ehrlich's affective music")
    rate_hz = float(kept["fs"])
    for name in sorted(key[:-4] for key in kept if key.endswith("_eeg")):
        edges_s = kept[f"{name}_stimpos"] / rate_hz
        labels = [EHRLICH_CODES.get(int(code), "") for code in kept[f"{name}_stimcode"][:-1]]
        stretches = tuple(
            Stretch(float(start), float(stop), label)
            for start, stop, label in zip(edges_s[:-1], edges_s[1:], labels, strict=True)
        )
        take = Take(_recording(kept, name, kept[f"{name}_eeg"]), stretches)
        yield Sitting(name[:3], (take,), rest=("rest between",))


def _arrays(folder: Path, name: str, told: str, *needed: str) -> Arrays:
    """Everything that the file holds. CapsuleError if it is missing or damaged."""
    (path,) = files_in(folder, name, told)
    try:
        with np.load(path, allow_pickle=False) as kept:
            arrays = {key: kept[key] for key in kept.files}
    except (OSError, ValueError, BadZipFile) as error:
        raise CapsuleError(f"{path} is damaged ({error}): fetch it again") from error
    missing = {"ch_names", "fs", "lsb_uv", *needed} - set(arrays)
    if missing:
        raise CapsuleError(f"{path} lacks {', '.join(sorted(missing))}: it is not {told}")
    return arrays


def _recording(kept: Arrays, name: str, steps: NDArray[Any]) -> Recording:
    samples_uv = steps.T * float(kept["lsb_uv"])
    return recording_of(name, samples_uv, float(kept["fs"]), kept["ch_names"].tolist())
