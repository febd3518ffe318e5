"""Which data sets can be read, and where each of them lies.

A data set is told as NAME or NAME=FOLDER: `eegmat`, `deap=downloads/data_preprocessed_python`.
Without a folder it is looked for among the recordings that EMOCAPSULE_DATA names, else beside the
project in `../shared/data`. None of them is part of the project.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from capsule.corpus import (
    amigos,
    bids,
    compact,
    deap,
    dreamer,
    ehrlich,
    faced,
    labelled,
    recorded,
    seed,
)
from capsule.corpus.sitting import Sitting, picked
from capsule.errors import CapsuleError

ROOT = Path(__file__).parents[2]
TRAINING = ("eegmat", "mane", "dasps", "ehrlich")
TESTING = ("bird",)  # a headset that nothing was trained on
SUBSETS: dict[str, tuple[str, ...]] = {  # of the 19 channels of EEGMAT
    "19": (),
    "14": tuple("Fp1 Fp2 F7 F3 F4 F8 T3 T4 C3 C4 T5 T6 O1 O2".split()),  # nearest to an EPOC's
    "8": ("Fp1", "Fp2", "C3", "C4", "T5", "T6", "O1", "O2"),  # OpenBCI's usual eight
    "5": ("Fp1", "Fp2", "T3", "T4", "Pz"),  # about an Insight
    "4": ("Fp1", "Fp2", "T3", "T4"),  # about a Muse
}

Reader = Callable[[Path], Iterator[Sitting]]

READERS: dict[str, tuple[Reader, str]] = {  # name: how it is read, its folder if none is told
    "eegmat": (recorded.eegmat, "eegmat"),
    "bird": (recorded.bird, "bird_muse"),
    "albasri": (recorded.albasri, "albasri_relax_conc"),
    "mane": (compact.mane, "mane_stress"),
    "dasps": (compact.dasps, "dasps"),
    "ehrlich": (ehrlich.ehrlich, "ehrlich_music_bci"),
    "deap": (deap.preprocessed, "deap"),
    "deap-original": (deap.original, "deap"),
    "seed": (seed.seed, "seed"),
    "seed-iv": (seed.seed_iv, "seed_iv"),
    "dreamer": (dreamer.dreamer, "dreamer"),
    "faced": (faced.faced, "faced"),
    "amigos": (amigos.amigos, "amigos"),
    "folder": (labelled.with_table, ""),
    "bids": (bids.with_events, ""),
}
OWN = ("folder", "bids")  # of anybody's making: they have no usual folder, and many may be read


@dataclass(frozen=True)
class Source:
    """A data set that can be read, and its folder."""

    kind: str
    folder: Path

    @property
    def name(self) -> str:
        """What its windows and people are called after."""
        return f"{self.kind}:{self.folder.resolve().name}" if self.kind in OWN else self.kind

    @property
    def reader(self) -> Reader:
        """What reads its folder."""
        return READERS[self.kind][0]

    def sittings(self, subset: str = "19") -> Iterator[Sitting]:
        """All sittings; `subset` (see SUBSETS) chooses channels by their 10-20 names."""
        return (picked(sitting, SUBSETS[subset]) for sitting in self.reader(self.folder))


def data_folder() -> Path:
    """Where the recordings are. CapsuleError if they are nowhere."""
    folder = Path(os.environ.get("EMOCAPSULE_DATA", ROOT.parent / "shared" / "data")) / "eeg"
    if not folder.is_dir():
        raise CapsuleError(
            f"there is no folder {folder}: set EMOCAPSULE_DATA to the folder that holds `eeg/`, or "
            "tell where a data set lies, as in eegmat=FOLDER"
        )
    return folder


def source(told: str) -> Source:
    """The data set of NAME or NAME=FOLDER. CapsuleError if it is unknown or has no folder."""
    kind, equals, folder = told.partition("=")
    if kind not in READERS:
        raise CapsuleError(f"there is no data set {kind!r}: known are {', '.join(READERS)}")
    if equals and not folder or kind in OWN and not equals:
        raise CapsuleError(f"{told!r} names no folder: write {kind}=FOLDER")
    return Source(kind, Path(folder) if equals else data_folder() / READERS[kind][1])


def sources(told: Iterable[str]) -> list[Source]:
    """Several data sets. CapsuleError if two would have the same name, and so share people."""
    found = [source(one) for one in told]
    names = [one.name for one in found]
    for name in names:
        if names.count(name) > 1:
            raise CapsuleError(f"two data sets are called {name}: rename one of their folders")
    return found


def sittings(told: str, subset: str = "19") -> Iterator[Sitting]:
    """All sittings of one data set, see `source`; `subset` (see SUBSETS) chooses channels."""
    if subset not in SUBSETS:
        raise CapsuleError(
            f"there is no set of channels {subset!r}: known are {', '.join(SUBSETS)}"
        )
    return source(told).sittings(subset)
