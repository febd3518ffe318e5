"""Files of labelled recordings as sittings: who sat there, what was recorded, what state it was.

A label rarely says valence and arousal both, so it names the quadrants that fit it: rest against
arithmetic tells arousal only, horror against relaxing music two quadrants. Recordings are not
part of the project: EMOCAPSULE_DATA names their folder, else `../shared/data` beside the project.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from capsule.errors import CapsuleError
from eeg.recording import read_recording
from eeg.signal import Recording, Signal

ROOT = Path(__file__).parents[1]
HIGH, LOW = ("Q1", "Q2"), ("Q3", "Q4")  # arousal
GOOD, BAD = ("Q1", "Q4"), ("Q2", "Q3")  # valence
COMPATIBLE = {  # label: the quadrants that fit it
    "rest": LOW, "arithmetic": HIGH, "relaxed": LOW, "concentrating": HIGH,
    "horror": ("Q2",), "relaxing music": ("Q4",), "sad music": ("Q3",), "happy music": ("Q1",),
    "V+": GOOD, "V-": BAD, "A+": HIGH, "A-": LOW,
    "V+A+": ("Q1",), "V-A+": ("Q2",), "V-A-": ("Q3",), "V+A-": ("Q4",),
}  # fmt: skip
TRAINING = ("eegmat", "mane", "dasps", "ehrlich")
TESTING = ("bird",)  # a headset that nothing was trained on
SUBSETS: dict[str, tuple[str, ...]] = {  # of the 19 channels of EEGMAT
    "19": (),
    "12": ("Fp1", "Fp2", "F7", "F3", "F4", "F8", "T3", "T4", "T5", "T6", "O1", "O2"),  # ~ EPOC
    "8": ("Fp1", "Fp2", "C3", "C4", "T5", "T6", "O1", "O2"),  # OpenBCI's usual eight
    "5": ("Fp1", "Fp2", "T3", "T4", "Pz"),  # about an Insight
    "4": ("Fp1", "Fp2", "T3", "T4"),  # about a Muse
}
PAIR_S = 25 * 60.0  # recordings of one person by MANE start within this time


@dataclass(frozen=True)
class Stretch:
    """From `start_s` to `stop_s` of a recording the wearer was in the labelled state."""

    start_s: float
    stop_s: float
    label: str


@dataclass(frozen=True)
class Take:
    """One recording and what is known of it."""

    recording: Recording
    stretches: tuple[Stretch, ...]


@dataclass(frozen=True)
class Sitting:
    """One person with one headset.

    `rest`: labels of the stretches that are the baseline; empty: the first minute of the first
    take, as in live use.
    """

    person: str
    takes: tuple[Take, ...]
    rest: tuple[str, ...] = ()


def data_folder() -> Path:
    """Where the recordings are. CapsuleError if they are nowhere."""
    folder = Path(os.environ.get("EMOCAPSULE_DATA", ROOT.parent / "shared" / "data")) / "eeg"
    if not folder.is_dir():
        raise CapsuleError(
            f"there is no folder {folder}: set EMOCAPSULE_DATA to the folder that holds `eeg/`"
        )
    return folder


def sittings(dataset: str, subset: str = "19") -> Iterator[Sitting]:
    """All sittings of a data set; `subset` (see SUBSETS) chooses channels of EEGMAT."""
    if dataset not in _READERS or subset not in SUBSETS:
        known = ", ".join(_READERS)
        raise CapsuleError(f"there is no data set {dataset!r} ({subset}): known are {known}")
    return _READERS[dataset](data_folder(), subset)


def _eegmat(folder: Path, subset: str) -> Iterator[Sitting]:
    """Zyma et al. 2019: three minutes of rest, then one of mental arithmetic."""
    for path in sorted((folder / "eegmat").glob("Subject*_1.edf")):
        person = path.name[7:9]
        takes = []
        for number, label in ((1, "rest"), (2, "arithmetic")):
            recording = read_recording(path.with_name(f"Subject{person}_{number}.edf"))
            stretch = Stretch(0.0, recording.duration_s, label)
            takes.append(Take(_picked(recording, SUBSETS[subset]), (stretch,)))
        yield Sitting(person, tuple(takes))


def _bird(folder: Path, subset: str) -> Iterator[Sitting]:
    """Bird et al. 2018, a Muse; neutral is taken for rest."""
    for person in "abcd":
        takes = []
        for state, label in (
            ("neutral", "neutral"), ("relaxed", "relaxed"), ("concentrating", "concentrating")
        ):  # fmt: skip
            for path in sorted((folder / "bird_muse").glob(f"subject{person}-{state}-*.csv.gz")):
                recording = read_recording(path)
                until_s = float(recording.times_s[-1]) + 1.0
                takes.append(Take(recording, (Stretch(0.0, until_s, label),)))
        yield Sitting(person, tuple(takes), rest=("neutral",))


def _mane(folder: Path, subset: str) -> Iterator[Sitting]:
    """Mane et al., an Insight: a horror video and relaxing music, paired by time of day.

    Nobody rested: the mean of both recordings is the baseline.
    """
    with np.load(folder / "mane_stress" / "mane_horror_music.npz") as kept:
        starts = {name[:-4]: int(kept[name]) for name in kept.files if name.endswith("__t0")}
        channels, rate_hz = kept["ch_names"].tolist(), float(kept["fs"])
        free = {name for name in starts if name.startswith("music")}
        for horror in sorted(name for name in starts if name.startswith("horror")):
            nearest = min(free, key=lambda name: abs(starts[name] - starts[horror]))
            if not 0 < abs(starts[nearest] - starts[horror]) <= PAIR_S:  # 0: the same file twice
                continue
            free.discard(nearest)
            takes = []
            for name, label in ((horror, "horror"), (nearest, "relaxing music")):
                samples_uv = kept[name].T * float(kept["lsb_uv"])
                recording = _recording(name, samples_uv, rate_hz, channels)
                takes.append(Take(recording, (Stretch(0.0, recording.duration_s, label),)))
            yield Sitting(horror[-2:], tuple(takes), rest=("horror", "relaxing music"))


def _dasps(folder: Path, subset: str) -> Iterator[Sitting]:
    """Baghdadi et al. 2019, an EPOC: six anxious situations told, then imagined, with ratings 1-9.

    Nobody rested: the mean of all is the baseline. A rating of 5 says nothing.
    """
    with np.load(folder / "dasps" / "dasps_va.npz") as kept:
        channels, rate_hz = kept["ch_names"].tolist(), float(kept["fs"])
        names = [f"{situation} {phase}" for situation, phase in zip(
            kept["situation"], kept["phase"], strict=True)]  # fmt: skip
        for number, data in enumerate(kept["data"]):
            takes = []
            for trial, name in enumerate(names):
                samples_uv = data[trial].T * float(kept["lsb_uv"])
                recording = _recording(name, samples_uv, rate_hz, channels)
                label = _sign("V", kept["valence"][number, trial])
                label += _sign("A", kept["arousal"][number, trial])
                takes.append(
                    Take(recording, (Stretch(0.0, recording.duration_s, label or "even"),))
                )
            labels = {stretch.label for take in takes for stretch in take.stretches}
            yield Sitting(f"{number:02d}", tuple(takes), rest=tuple(sorted(labels)))


def _ehrlich(folder: Path, subset: str) -> Iterator[Sitting]:
    """Ehrlich et al. 2019, an EPOC: sad, neutral and happy generated music with rests between."""
    codes = {131: "sad music", 132: "neutral music", 133: "happy music", 199: "rest between"}
    with np.load(folder / "ehrlich_music_bci" / "ehrlich_calibration.npz") as kept:
        channels, rate_hz = kept["ch_names"].tolist(), float(kept["fs"])
        for name in sorted(key[:-4] for key in kept.files if key.endswith("_eeg")):
            samples_uv = kept[f"{name}_eeg"].T * float(kept["lsb_uv"])
            edges_s = kept[f"{name}_stimpos"] / rate_hz
            labels = [codes.get(int(code), "") for code in kept[f"{name}_stimcode"][:-1]]
            stretches = tuple(
                Stretch(float(start), float(stop), label)
                for start, stop, label in zip(edges_s[:-1], edges_s[1:], labels, strict=True)
            )
            take = Take(_recording(name, samples_uv, rate_hz, channels), stretches)
            yield Sitting(name[:3], (take,), rest=("rest between",))


_READERS: dict[str, Callable[[Path, str], Iterator[Sitting]]] = {
    "eegmat": _eegmat, "mane": _mane, "dasps": _dasps, "ehrlich": _ehrlich, "bird": _bird,
}  # fmt: skip


def _sign(letter: str, rating: int) -> str:
    return "" if rating == 5 else f"{letter}{'+' if rating > 5 else '-'}"


def _recording(name: str, samples_uv: ArrayLike, rate_hz: float, channels: list[str]) -> Recording:
    samples = np.asarray(samples_uv, dtype=np.float64)
    return Recording(
        Signal(name, rate_hz, tuple(channels)), samples, np.arange(len(samples)) / rate_hz
    )


def _picked(recording: Recording, sites: tuple[str, ...]) -> Recording:
    """The recording with the named electrodes only; all if none is named."""
    if not sites:
        return recording
    bare = [label.replace("EEG ", "") for label in recording.signal.channels]
    keep = [bare.index(site) for site in sites]
    channels = tuple(recording.signal.channels[i] for i in keep)
    return replace(
        recording,
        signal=replace(recording.signal, channels=channels),
        samples_uv=np.ascontiguousarray(recording.samples_uv[:, keep]),
    )
