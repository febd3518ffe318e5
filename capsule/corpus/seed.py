"""SEED (Zheng & Lu 2015) and SEED-IV (Zheng et al. 2019): 15 people, three days, 62 channels.

Each file is a day of one person, each film a variable named after the person's initials. The films
of neutral feeling are the baseline, since nobody rested. What is called positive and negative in
SEED tells valence only.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from capsule.corpus.matlab import numbers, read_matlab
from capsule.corpus.sitting import Sitting, files_in, inner, recording_of, whole
from capsule.errors import CapsuleError

CHANNELS = tuple(
    "FP1 FPZ FP2 AF3 AF4 F7 F5 F3 F1 FZ F2 F4 F6 F8 FT7 FC5 FC3 FC1 FCZ FC2 FC4 FC6 FT8 "
    "T7 C5 C3 C1 CZ C2 C4 C6 T8 TP7 CP5 CP3 CP1 CPZ CP2 CP4 CP6 TP8 P7 P5 P3 P1 PZ P2 P4 P6 P8 "
    "PO7 PO5 PO3 POZ PO4 PO6 PO8 CB1 O1 OZ O2 CB2".split()
)
RATE_HZ = 200.0
SEED_PASSBAND_HZ, SEED_IV_PASSBAND_HZ = (0.0, 75.0), (1.0, 75.0)
SEED_WORDS = {-1: "negative", 0: "neutral", 1: "positive"}
SEED_IV_WORDS = ("neutral", "sad", "fear", "happy")
SEED_IV_FILMS = (  # of the three days, as indices into the words
    (1, 2, 3, 0, 2, 0, 0, 1, 0, 1, 2, 1, 1, 1, 2, 3, 2, 2, 3, 3, 0, 3, 0, 3),
    (2, 1, 3, 0, 0, 2, 0, 2, 3, 3, 2, 3, 2, 0, 1, 1, 2, 1, 0, 3, 0, 1, 3, 1),
    (1, 2, 2, 1, 3, 3, 3, 1, 1, 2, 1, 0, 2, 3, 3, 0, 2, 3, 0, 0, 2, 0, 1, 0),
)
_FILM = re.compile(r"_eeg_?(\d+)$", re.IGNORECASE)


def seed(folder: Path) -> Iterator[Sitting]:
    """`Preprocessed_EEG/1_20131027.mat`, labels of the films in `label.mat` beside them."""
    folder = inner(folder, "Preprocessed_EEG")
    found = files_in(folder, "[0-9]*_[0-9]*.mat", "SEED's Preprocessed_EEG (1_20131027.mat, …)")
    where = folder / "label.mat"
    codes = numbers(read_matlab(where, "label")["label"], str(where)).ravel()
    unknown = set(codes.tolist()) - set(SEED_WORDS)
    if unknown:
        raise CapsuleError(f"{where} holds {unknown.pop():g} where -1, 0 or 1 was expected")
    labels = [SEED_WORDS[int(code)] for code in codes]
    for path in found:
        yield _day(path, labels, SEED_PASSBAND_HZ)


def seed_iv(folder: Path) -> Iterator[Sitting]:
    """`eeg_raw_data/1/1_20160518.mat`; the folders 1, 2 and 3 are the days."""
    folder = inner(folder, "eeg_raw_data")
    for day, films in enumerate(SEED_IV_FILMS, 1):
        labels = [SEED_IV_WORDS[film] for film in films]
        told = "SEED-IV's eeg_raw_data (1/1_20160518.mat, …)"
        for path in files_in(folder / str(day), "[0-9]*_[0-9]*.mat", told):
            yield _day(path, labels, SEED_IV_PASSBAND_HZ)


def _day(path: Path, labels: Sequence[str], passband_hz: tuple[float, float]) -> Sitting:
    """All films of a file. CapsuleError if one is missing."""
    films = _films(read_matlab(path))
    person, date = path.stem.split("_")[:2]
    takes = []
    for number, label in enumerate(labels, 1):
        name = f"{path.name} film {number}"
        if number not in films:
            raise CapsuleError(f"{name} is missing: variables like djc_eeg{number} were expected")
        samples_uv = numbers(films[number], name).T
        takes.append(whole(recording_of(name, samples_uv, RATE_HZ, CHANNELS, passband_hz), label))
    return Sitting(person, tuple(takes), rest=("neutral",), session=date)


def _films(held: Mapping[str, Any]) -> dict[int, Any]:
    """Film number → its variable; whose initials the name begins with does not matter."""
    matches = {name: _FILM.search(name) for name in held}
    return {int(match[1]): held[name] for name, match in matches.items() if match}
