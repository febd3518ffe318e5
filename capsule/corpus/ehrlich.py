"""Ehrlich et al. 2019, an EPOC: sad, neutral and happy generated music with rests between.

Read from the authors' `P01_S01_calibration.mat`, or from `ehrlich_calibration.npz` if it is there.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from capsule.corpus.compact import read_arrays, recording_in
from capsule.corpus.matlab import cells, number, numbers, read_matlab, struct, text
from capsule.corpus.sitting import Sitting, Stretch, Take, files_in, recording_of
from capsule.errors import CapsuleError
from eeg.signal import Recording

COMPACT = "ehrlich_calibration.npz"
REST = "rest between"
CODES = {131: "sad music", 132: "neutral music", 133: "happy music", 199: REST}

Played = tuple[str, Recording, NDArray[Any], NDArray[Any]]  # name, EEG, positions, codes


def ehrlich(folder: Path) -> Iterator[Sitting]:
    """A sitting for each session of calibration."""
    for name, recording, positions, codes in _sessions(folder):
        edges_s = (positions / recording.signal.rate_hz).tolist()
        labels = [CODES.get(int(code), "") for code in codes[:-1]]
        stretches = tuple(map(Stretch, edges_s[:-1], edges_s[1:], labels))
        yield Sitting(name[:3], (Take(recording, stretches),), (REST,), session=name[4:7])


def _sessions(folder: Path) -> Iterator[Played]:
    if (folder / COMPACT).is_file():
        kept = read_arrays(folder, COMPACT, "Ehrlich's affective music")
        for name in sorted(key[:-4] for key in kept if key.endswith("_eeg")):
            recording = recording_in(kept, name, kept[f"{name}_eeg"])
            yield name, recording, kept[f"{name}_stimpos"], kept[f"{name}_stimcode"]
        return
    told = "Ehrlich's affective music (P01_S01_calibration.mat, …)"
    for path in files_in(folder, "P[0-9][0-9]_S[0-9][0-9]_calibration.mat", told):
        yield _original(path)


def _original(path: Path) -> Played:
    """Channels of the EEG by name: counters and gyroscopes are among the rows, too."""
    needed = ("sampling_rate", "stimpos", "stimcode", "chan_list", "sel_chan_list", "data")
    held = struct(read_matlab(path, "calibration")["calibration"], path.name, *needed)
    rows = [text(cell) for cell in cells(held["chan_list"])]
    channels = [text(cell) for cell in cells(held["sel_chan_list"])]
    unknown = set(channels) - set(rows)
    if unknown:
        raise CapsuleError(f"{path.name} has no channel {unknown.pop()}: it has {' '.join(rows)}")
    samples_uv = numbers(held["data"], path.name)[[rows.index(name) for name in channels]].T
    rate_hz = number(held["sampling_rate"], path.name)
    name = path.stem[:7]
    recording = recording_of(name, samples_uv, rate_hz, channels)
    positions, codes = (numbers(held[one], path.name).ravel() for one in ("stimpos", "stimcode"))
    return name, recording, positions, codes
