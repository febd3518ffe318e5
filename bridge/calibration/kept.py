"""What a sitting has left in its folder: its recordings, and what was heard and rated in them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bridge.calibration import markers
from bridge.calibration.markers import Heard, Told
from bridge.calibration.programme import runs
from eeg.errors import EegError
from eeg.recording import Recording, read_recording

if TYPE_CHECKING:
    from capsule.calibrate import Run


@dataclass(frozen=True)
class Kept:
    """One recording."""

    path: Path
    recording: Recording
    told: Told


def kept(folder: Path) -> list[Kept]:
    """The recordings of a sitting that hold EEG, in order of time."""
    found = []
    for path in runs(folder):
        try:
            recording = read_recording(path)
        except EegError:  # it was ended before the first sample
            continue
        found.append(Kept(path, recording, markers.told(recording.events)))
    return found


def heard(recordings: list[Kept]) -> list[Heard]:
    """Every piece once: as it was rated last."""
    pieces = {one.number: one for each in recordings for one in each.told.heard}
    return [pieces[number] for number in sorted(pieces)]


def lessons(recordings: list[Kept]) -> list[Run]:
    """What a profile is learned from: the recordings with pieces that were rated, and a rest."""
    from capsule.calibrate import Run  # heavy: what goes on needs it not

    last = {one.number: each.path for each in recordings for one in each.told.heard}
    found = []
    for each in recordings:
        mine = tuple(one for one in each.told.heard if last[one.number] == each.path)
        if mine and each.told.rests:
            found.append(Run(each.recording, Told(each.told.rests, mine).stretches()))
    return found
