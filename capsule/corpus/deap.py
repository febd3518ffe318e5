"""DEAP (Koelstra et al. 2012): 32 people, 40 music videos of a minute, rated from 1 to 9.

The preprocessed data are without EOG, in the average reference, filtered 4-45 Hz, at 128 Hz, with
three seconds before each video; the original are BioSemi files of the whole hour at 512 Hz, and
need `participant_ratings.csv`. There is a mirror in which 439 ratings r are 9 - r: where that gives
less than 1 it is refused here, the rest cannot be told.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np

from capsule.corpus.labels import BASELINE, rated
from capsule.corpus.pickled import read_pickle
from capsule.corpus.sitting import (
    Sitting,
    Stretch,
    Take,
    files_in,
    inner,
    picked,
    recording_of,
)
from capsule.corpus.tables import Row, read_rows
from capsule.errors import CapsuleError
from eeg.recording import read_recording

CHANNELS = tuple(
    "Fp1 AF3 F3 F7 FC5 FC1 C3 T7 CP5 CP1 P3 P7 PO3 O1 Oz Pz "
    "Fp2 AF4 Fz F4 F8 FC6 FC2 Cz C4 T8 CP6 CP2 P4 P8 PO4 O2".split()
)
ALL_CHANNELS = 40  # of the preprocessed data: eight of the body follow
RATE_HZ, PASSBAND_HZ = 128.0, (4.0, 45.0)
BEFORE_S, VIDEO_S, OPENING_S = 3.0, 60.0, 120.0
SCREEN, FIXATION, VIDEO = 1, 3, 4  # codes of the original's status channel
RATINGS = "participant_ratings.csv"


def preprocessed(folder: Path) -> Iterator[Sitting]:
    """`data_preprocessed_python/s01.dat`; the three seconds before each video are the baseline."""
    folder = inner(folder, "data_preprocessed_python")
    for path in files_in(folder, "s[0-9][0-9].dat", "DEAP's data_preprocessed_python (s01.dat, …)"):
        held = read_pickle(path)
        data, labels = held.get("data", np.empty(0)), held.get("labels", np.empty(0))
        if data.ndim != 3 or data.shape[1] != ALL_CHANNELS or labels.shape != (len(data), 4):
            raise CapsuleError(
                f"{path} is not DEAP's: it holds data {data.shape} and labels {labels.shape} where "
                f"(trials, {ALL_CHANNELS}, time) and (trials, 4) were expected"
            )
        takes = []
        for number, (trial, (valence, arousal, *_)) in enumerate(zip(data, labels, strict=True), 1):
            name = f"{path.name} trial {number}"
            samples_uv = trial[: len(CHANNELS)].T
            recording = recording_of(name, samples_uv, RATE_HZ, CHANNELS, PASSBAND_HZ)
            label = rated(valence, arousal, where=name)
            video = Stretch(BEFORE_S, recording.duration_s, label)
            takes.append(Take(recording, (Stretch(0.0, BEFORE_S, BASELINE), video)))
        yield Sitting(path.stem[1:], tuple(takes), rest=(BASELINE,))


def original(folder: Path) -> Iterator[Sitting]:
    """`data_original/s01.bdf`; the two minutes that open the session are the baseline.

    Where they are not marked, the fixation before each video is. Electrodes are taken by name:
    their order differs between the two places of recording.
    """
    found = files_in(inner(folder, "data_original"), "s[0-9][0-9].bdf", "DEAP's data_original")
    ratings = read_rows(_ratings_file(folder), "participant_id", "trial", "valence", "arousal")
    for path in found:
        person = path.stem[1:]
        rows = [row for row in ratings if row.number("participant_id") == int(person)]
        rows.sort(key=lambda row: row.number("trial") or 0.0)
        stretches = _stretches(path, rows)
        take = Take(read_recording(path), stretches)
        yield picked(Sitting(person, (take,), rest=(BASELINE,)), CHANNELS)


def _ratings_file(folder: Path) -> Path:
    """Where DEAP's archives put the ratings, or beside the recordings."""
    above = (folder, folder.parent)
    places = [one / inside / RATINGS for one in above for inside in ("", "metadata_csv")]
    for place in places:
        if place.is_file():
            return place
    raise CapsuleError(f"there is no {RATINGS} in {folder}: put DEAP's metadata_csv there")


def _stretches(path: Path, rows: list[Row]) -> tuple[Stretch, ...]:
    """Baseline and videos, by the marks in the file and the ratings in order of presentation."""
    marks = status_marks(path)
    starts_s = [time_s for time_s, code in marks if code == VIDEO]
    if len(starts_s) != len(rows) or not rows:
        raise CapsuleError(
            f"{path.name} marks {len(starts_s)} videos, {RATINGS} has {len(rows)} ratings of them"
        )
    videos = [
        Stretch(start_s, start_s + VIDEO_S, row.label)
        for start_s, row in zip(starts_s, rows, strict=True)
    ]
    screens_s = [time_s for time_s, code in marks if code == SCREEN and time_s < starts_s[0]]
    opening_s = screens_s[-1] if screens_s else starts_s[0]
    if opening_s + OPENING_S <= starts_s[0]:
        return (Stretch(opening_s, opening_s + OPENING_S, BASELINE), *videos)
    fixations = [
        Stretch(start_s, stop_s, BASELINE)
        for (start_s, code), (stop_s, following) in pairwise(marks)
        if (code, following) == (FIXATION, VIDEO)
    ]
    return (*fixations, *videos)


def status_marks(path: Path) -> list[tuple[float, int]]:
    """(seconds, code) of each change to a code in a BioSemi file's last channel.

    The code is the low byte: the higher ones tell the state of the amplifier. Some files of DEAP
    leave the channel's name empty, so it is taken by its place. CapsuleError if it is no BDF.
    """
    try:
        raw = np.memmap(path, np.uint8, "r")
        header_bytes, seconds, channels = (
            float(bytes(raw[start:stop])) for start, stop in ((184, 192), (244, 252), (252, 256))
        )
        counts = bytes(raw[256 + 216 * int(channels) :][: 8 * int(channels)])
        sizes = [int(counts[i : i + 8]) for i in range(0, len(counts), 8)]
        records = raw[int(header_bytes) :]
        records = records[: len(records) // (3 * sum(sizes)) * 3 * sum(sizes)]
        status = records.reshape(-1, 3 * sum(sizes))[:, -3 * sizes[-1] :: 3].ravel()
    except (ValueError, IndexError, ZeroDivisionError) as error:
        raise CapsuleError(f"{path} is no BDF file: {error}") from error
    before = np.concatenate([status[:1], status[:-1]])
    changed = np.flatnonzero((status != before) & (status != 0))
    return [(float(i) * seconds / sizes[-1], int(status[i])) for i in changed]
