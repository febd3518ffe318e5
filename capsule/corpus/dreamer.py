"""DREAMER (Katsigiannis & Ramzan 2018): 23 people, 18 films, an EPOC, rated from 1 to 5.

Before each film a minute of neutral film was watched, which is the baseline. A rating of 3, the
commonest, says nothing, see `capsule.corpus.labels`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from capsule.corpus.labels import BASELINE, Scale, rated
from capsule.corpus.matlab import cells, number, numbers, read_matlab, struct, text
from capsule.corpus.sitting import Sitting, Take, files_in, recording_of, whole
from capsule.errors import CapsuleError

SCALE = Scale(1.0, 5.0)
FILE = "DREAMER.mat"


def dreamer(folder: Path) -> Iterator[Sitting]:
    """`DREAMER.mat`, which holds everybody: about two gigabytes once it is read."""
    (path,) = files_in(folder, FILE, "DREAMER")
    told = read_matlab(path, "DREAMER")["DREAMER"]
    told = struct(told, FILE, "Data", "EEG_SamplingRate", "EEG_Electrodes")
    rate_hz = number(told["EEG_SamplingRate"], FILE)
    channels = [text(cell) for cell in cells(told["EEG_Electrodes"])]
    for person, data in enumerate(cells(told["Data"]), 1):
        takes = tuple(_takes(data, f"{FILE} person {person}", rate_hz, channels))
        yield Sitting(f"{person:02d}", takes, rest=(BASELINE,))


def _takes(data: Any, where: str, rate_hz: float, channels: list[str]) -> Iterator[Take]:
    """Baseline and film of each trial of one person."""
    data = struct(data, where, "EEG", "ScoreValence", "ScoreArousal")
    eeg = struct(data["EEG"], f"{where}, EEG", "baseline", "stimuli")
    before, films = cells(eeg["baseline"]), cells(eeg["stimuli"])
    valence = numbers(data["ScoreValence"], where).ravel()
    arousal = numbers(data["ScoreArousal"], where).ravel()
    if not len(before) == len(films) == len(valence) == len(arousal):
        raise CapsuleError(
            f"{where}: {len(before)} baselines, {len(films)} films and {len(valence)} ratings"
        )
    for k, (rest, film) in enumerate(zip(before, films, strict=True)):
        name = f"{where} film {k + 1}"
        label = rated(valence[k], arousal[k], SCALE, name)
        for samples, state in ((rest, BASELINE), (film, label)):
            recording = recording_of(name, numbers(samples, name), rate_hz, channels)
            yield whole(recording, state)
