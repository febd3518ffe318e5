"""AMIGOS (Miranda-Correa et al. 2021): 40 people, 16 short and 4 long films, an EPOC, rated 1 to 9.

The preprocessed data are in the average reference, filtered 4-45 Hz, at 128 Hz. The first five
seconds of each film are the baseline. Films that somebody did not see, or did not rate, are empty.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from capsule.corpus.labels import BASELINE, rated
from capsule.corpus.matlab import cells, numbers, read_matlab
from capsule.corpus.sitting import Sitting, Stretch, Take, files_in, recording_of
from capsule.errors import CapsuleError

CHANNELS = tuple("AF3 F7 F3 FC5 T7 P7 O1 O2 P8 T8 FC6 F4 F8 AF4".split())
ALL_CHANNELS = 17  # two of the heart and one of the skin follow
RATE_HZ, PASSBAND_HZ, BEFORE_S = 128.0, (4.0, 45.0), 5.0


def amigos(folder: Path) -> Iterator[Sitting]:
    """`Data_Preprocessed_P01.mat`, in one folder or in one for each person."""
    told = "AMIGOS's Data_Preprocessed_P01.mat, …"
    for path in files_in(folder, "**/Data_Preprocessed_P[0-9][0-9].mat", told):
        held = read_matlab(path, "joined_data", "labels_selfassessment")
        films, ratings = cells(held["joined_data"]), cells(held["labels_selfassessment"])
        if len(films) != len(ratings):
            raise CapsuleError(f"{path}: {len(films)} films, but {len(ratings)} ratings")
        takes = []
        for k, (film, rating) in enumerate(zip(films, ratings, strict=True), 1):
            take = _take(f"{path.name} film {k}", film, rating)
            if take is not None:
                takes.append(take)
        yield Sitting(path.stem[-2:], tuple(takes), rest=(BASELINE,))


def _take(name: str, film: object, rating: object) -> Take | None:
    """One film; None if it was not seen, not rated, or nothing of it was recorded."""
    samples, told = numbers(film, name), numbers(rating, name).ravel()
    if not samples.size or not told.size:
        return None
    if samples.ndim != 2 or samples.shape[1] != ALL_CHANNELS or len(told) < 2:
        raise CapsuleError(
            f"{name}: samples {samples.shape} and {len(told)} ratings where (time, {ALL_CHANNELS}) "
            "and arousal, valence, … were expected"
        )
    samples_uv = samples[:, : len(CHANNELS)]
    if np.isnan(samples_uv).all():
        return None
    recording = recording_of(name, samples_uv, RATE_HZ, CHANNELS, PASSBAND_HZ)
    arousal, valence = told[:2]  # in this order
    label = rated(valence, arousal, where=name)
    before = Stretch(0.0, BEFORE_S, BASELINE)
    return Take(recording, (before, Stretch(BEFORE_S, recording.duration_s, label)))
