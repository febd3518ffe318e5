"""Any data set in the Brain Imaging Data Structure (Pernet et al. 2019), labelled by its events.

`sub-01/ses-1/eeg/sub-01_ses-1_task-film_run-2_eeg.edf` and `…_events.tsv` beside it. An event is a
labelled stretch if its `trial_type` is a label of ours, or if its columns `valence` and `arousal`
hold ratings; all other events are passed over, and so are recordings without events. For trial
types in words of their own, write a `labels.csv` into the top folder: `trial_type`, and then
`label`, or `valence`, `arousal` and `scale`, as in `capsule.corpus.labelled`.

`baseline` is the rest, as there. Files of one subject and session are a sitting.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import groupby
from pathlib import Path

from capsule.corpus.labelled import TABLE, apart, sitting_of, stretch_of
from capsule.corpus.labels import SILENT, quadrants_of
from capsule.corpus.sitting import Sitting, Stretch, Take, files_in
from capsule.corpus.tables import Row, read_rows
from capsule.errors import CapsuleError
from eeg.recording import read_recording
from eeg.signal import Recording

ENDINGS = (".edf", ".bdf", ".vhdr", ".set")  # those of the standard
_ENTITIES = re.compile(r"sub-([A-Za-z0-9]+)(?:_ses-([A-Za-z0-9]+))?_")


def with_events(folder: Path) -> Iterator[Sitting]:
    """The sittings of a BIDS data set. CapsuleError if no event of all can be understood."""
    found = [
        path
        for path in files_in(folder, "sub-*/**/eeg/sub-*_eeg.*", "a BIDS data set (sub-01/eeg/…)")
        if path.suffix.lower() in ENDINGS
    ]
    words = _words(folder / TABLE)
    events = {path: _events(path, words) for path in found}
    if not any(events.values()):
        raise CapsuleError(_not_understood(folder, found))
    for (person, session), paths in groupby(found, _who):
        takes = tuple(_take(path, events[path]) for path in paths if events[path])
        if takes:
            yield sitting_of(person, takes, session)


def _who(path: Path) -> tuple[str, str]:
    """Subject and session of a file's name."""
    match = _ENTITIES.match(path.name)
    if match is None:
        raise CapsuleError(f"{path.name} is no BIDS name: sub-01_task-film_eeg.edf was expected")
    return match[1], match[2] or ""


def _events_file(path: Path) -> Path:
    return path.with_name(re.sub(r"_eeg\.\w+$", "_events.tsv", path.name))


def _words(path: Path) -> Mapping[str, str]:
    """Trial type → label, of the data set's own words."""
    rows = read_rows(path, "trial_type") if path.is_file() else []
    return {row.text("trial_type"): row.label for row in rows}


def _events(path: Path, words: Mapping[str, str]) -> list[tuple[Row, str]]:
    """The events of a recording that have a label."""
    events = _events_file(path)
    rows = read_rows(events, "onset", "duration") if events.is_file() else []
    labels = ((row, _label(row, words)) for row in rows)
    return [(row, label) for row, label in labels if label]


def _label(row: Row, words: Mapping[str, str]) -> str:
    kind = row.text("trial_type")
    if kind in words:
        return words[kind]
    if row.text("valence") or row.text("arousal"):
        return Row(row.where, {**row.cells, "label": ""}).label
    known = [one for one in (kind, kind.lower()) if one in SILENT or quadrants_of(one)]
    return known[0] if known else ""


def _not_understood(folder: Path, found: list[Path]) -> str:
    tables = [table for path in found if (table := _events_file(path)).is_file()]
    if not tables:
        return f"no recording in {folder} has an events.tsv beside it"
    kinds = {row.text("trial_type") for table in tables for row in read_rows(table)} - {""}
    told = ", ".join(sorted(kinds))[:80] or "none"
    return (
        f"no event in {folder} has a label, its trial types are {told}: say in {TABLE} there what "
        "they mean, under trial_type and label"
    )


def _take(path: Path, events: list[tuple[Row, str]]) -> Take:
    recording = read_recording(path)
    stretches = [_stretch(row, label, recording) for row, label in events]
    return Take(recording, apart(path.name, stretches))


def _stretch(row: Row, label: str, recording: Recording) -> Stretch:
    onset_s, duration_s = row.number("onset"), row.number("duration")
    if onset_s is None or not duration_s:
        raise CapsuleError(f"{row.where}: {label} has no duration, so it labels nothing")
    return stretch_of(row, recording, onset_s, onset_s + duration_s, label)
