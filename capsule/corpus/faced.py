"""FACED (Chen et al. 2023): 123 people, 28 films of nine feelings, 32 channels.

The processed data are the last thirty seconds of each film, without artefacts, filtered .05-47 Hz,
at 250 Hz, the films in one order for all. The neutral ones are the baseline, since nobody rested.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from capsule.corpus.pickled import read_pickle
from capsule.corpus.sitting import Sitting, files_in, inner, recording_of, whole
from capsule.errors import CapsuleError

CHANNELS = tuple(
    "FP1 FP2 FZ F3 F4 F7 F8 FC1 FC2 FC5 FC6 CZ C3 C4 T7 T8 CP1 CP2 CP5 CP6 PZ P3 P4 P7 P8 "
    "PO3 PO4 OZ O1 O2 A2 A1".split()
)
RATE_HZ, PASSBAND_HZ = 250.0, (0.05, 47.0)
FILMS = (
    *["anger"] * 3, *["disgust"] * 3, *["fear"] * 3, *["sad"] * 3, *["neutral"] * 4,
    *["amusement"] * 3, *["inspiration"] * 3, *["joy"] * 3, *["tenderness"] * 3,
)  # fmt: skip


def faced(folder: Path) -> Iterator[Sitting]:
    """`Processed_data/sub000.pkl`: (films, channels, time)."""
    folder = inner(folder, "Processed_data")
    told = "FACED's Processed_data (sub000.pkl, …)"
    for path in files_in(folder, "sub[0-9][0-9][0-9].pkl", told):
        data = read_pickle(path).get("", np.empty(0))
        if data.ndim != 3 or data.shape[:2] != (len(FILMS), len(CHANNELS)):
            raise CapsuleError(
                f"{path} is not FACED's: it holds {data.shape} where ({len(FILMS)}, "
                f"{len(CHANNELS)}, time) was expected"
            )
        takes = [
            whole(
                recording_of(f"{path.name} film {number}", film.T, RATE_HZ, CHANNELS, PASSBAND_HZ),
                label,
            )
            for number, (film, label) in enumerate(zip(data, FILMS, strict=True), 1)
        ]
        yield Sitting(path.stem[3:], tuple(takes), rest=("neutral",))
