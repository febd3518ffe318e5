"""Data sets that are recordings in files of their own, the label in the file's name or the plan."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from capsule.corpus.sitting import Sitting, Stretch, Take, files_in, whole
from eeg.recording import read_recording


def eegmat(folder: Path) -> Iterator[Sitting]:
    """Zyma et al. 2019 (PhysioNet eegmat): three minutes of rest, then one of mental arithmetic.

    `Subject07_1.edf` is rest, `Subject07_2.edf` arithmetic, at 500 Hz or less.
    """
    for path in files_in(folder, "Subject*_1.edf", "EEGMAT (Subject00_1.edf, …)"):
        person = path.name.removeprefix("Subject").removesuffix("_1.edf")
        takes = [
            whole(read_recording(path.with_name(f"Subject{person}_{number}.edf")), label)
            for number, label in ((1, "rest"), (2, "arithmetic"))
        ]
        yield Sitting(person, tuple(takes))


def bird(folder: Path) -> Iterator[Sitting]:
    """Bird et al. 2018, a Muse; neutral is taken for rest.

    `subjecta-relaxed-1.csv`, plain or gzipped, as muse-lsl writes it.
    """
    found = files_in(folder, "subject?-*.csv*", "Bird's mental states (subjecta-relaxed-1.csv, …)")
    for person in sorted({path.name[7] for path in found}):
        takes = []
        for state in ("neutral", "relaxed", "concentrating"):
            for path in sorted(folder.glob(f"subject{person}-{state}-*.csv*")):
                recording = read_recording(path)
                until_s = float(recording.times_s[-1]) + 1.0
                takes.append(Take(recording, (Stretch(0.0, until_s, state),)))
        yield Sitting(person, tuple(takes), rest=("neutral",))


def albasri(folder: Path) -> Iterator[Sitting]:
    """Albasri, an EPOC+: a minute relaxed, one concentrating, one relaxed with closed eyes.

    `S001E02.edf` is the second day of the first person. The first minute is the rest, as live.
    """
    plan = ("relaxed", "concentrating", "relaxed")
    for path in files_in(folder, "S*E*.edf", "Albasri's sessions (S001E01.edf, …)"):
        person, session = re.split(r"(?=E)", path.stem, maxsplit=1)
        stretches = tuple(
            Stretch(60.0 * minute, 60.0 * (minute + 1), label) for minute, label in enumerate(plan)
        )
        yield Sitting(person, (Take(read_recording(path), stretches),), session=session)
