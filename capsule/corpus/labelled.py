"""Any folder of recordings with a `labels.csv`, in every format that `eeg.recording` reads.

One line a labelled stretch. Columns: `file`, relative to the folder; `start_s` and `stop_s`, if it
is not the whole recording; and either `label` (a feeling, quadrants as in Q1|Q4, V-, A+, or
`baseline`), or `valence` and `arousal` with their `scale` (1..9 if none is stated), of which one
may be empty. `subject` and `session`: files of one of each are a sitting, in order of their lines;
without `subject` all is one person's, since nobody may be both learned from and tested on.

The stretches labelled `baseline` are the wearer's rest; if there are none, it is the first minute
of the sitting, as in live use.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from capsule.corpus.labels import BASELINE
from capsule.corpus.sitting import Sitting, Stretch, Take
from capsule.corpus.tables import Row, read_rows
from capsule.errors import CapsuleError
from eeg.recording import read_recording
from eeg.signal import Recording

TABLE = "labels.csv"
LATE_S = 1.0  # an end may be told that much after the recording's
NOBODY = "me"

Lines = dict[str, list[Row]]  # file: its lines


def with_table(folder: Path) -> Iterator[Sitting]:
    """The sittings of `labels.csv`. CapsuleError names the line that is wrong."""
    if not folder.is_dir():
        raise CapsuleError(f"there is no folder {folder}")
    grouped: dict[tuple[str, str], Lines] = {}
    owner: dict[str, tuple[str, str]] = {}
    for row in read_rows(folder / TABLE, "file"):
        name = row.text("file")
        if not name or not (folder / name).is_file():
            raise CapsuleError(f"{row.where} names the file {name!r}, which is not in {folder}")
        sitting = (row.text("subject") or NOBODY, row.text("session"))
        if owner.setdefault(name, sitting) != sitting:
            raise CapsuleError(f"{row.where}: {name} had another subject or session further up")
        grouped.setdefault(sitting, {}).setdefault(name, []).append(row)
    if not grouped:
        raise CapsuleError(f"{folder / TABLE} has no line under its header")
    for (person, session), lines in grouped.items():
        takes = tuple(_take(folder / name, rows) for name, rows in lines.items())
        yield sitting_of(person, takes, session)


def sitting_of(person: str, takes: Sequence[Take], session: str) -> Sitting:
    """A sitting whose rest is what is labelled `baseline`, if anything is."""
    labels = {stretch.label for take in takes for stretch in take.stretches}
    rest = (BASELINE,) if BASELINE in labels else ()
    return Sitting(person, tuple(takes), rest, session)


def _take(path: Path, rows: Sequence[Row]) -> Take:
    recording = read_recording(path)
    stretches = []
    for row in rows:
        start_s, stop_s = row.number("start_s"), row.number("stop_s")
        stop_s = recording.duration_s if stop_s is None else stop_s
        stretches.append(stretch_of(row, recording, start_s or 0.0, stop_s, row.label or "even"))
    return Take(recording, apart(path.name, stretches))


def stretch_of(
    row: Row, recording: Recording, start_s: float, stop_s: float, label: str
) -> Stretch:
    """A labelled stretch. CapsuleError if it is not within the recording."""
    end_s = recording.duration_s
    if not 0 <= start_s < min(stop_s, end_s) or stop_s > end_s + LATE_S:
        raise CapsuleError(
            f"{row.where}: {start_s:g} to {stop_s:g} s is not within the recording, which lasts "
            f"{end_s:g} s"
        )
    return Stretch(start_s, min(stop_s, end_s), label)


def apart(name: str, stretches: Sequence[Stretch]) -> tuple[Stretch, ...]:
    """The stretches in order of time. CapsuleError if two of them overlap."""
    ordered = sorted(stretches, key=lambda one: one.start_s)
    for one, following in zip(ordered, ordered[1:], strict=False):
        if one.stop_s > following.start_s + 1e-6:
            raise CapsuleError(
                f"{name}: {one.label} until {one.stop_s:g} s and {following.label} from "
                f"{following.start_s:g} s overlap"
            )
    return tuple(ordered)
