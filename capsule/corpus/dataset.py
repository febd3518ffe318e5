"""Examples: labelled windows through the very stages that run live; splits by person."""

from __future__ import annotations

import ast
import inspect
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from hashlib import sha256
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import capsule.baseline
import eeg
from capsule.baseline import LEAST_WINDOWS, REST_S, SHAPE, WINDOW_S, Baseline, Rest, rest_of
from capsule.corpus.labels import quadrants_of
from capsule.corpus.sitting import Sitting, Stretch
from capsule.corpus.sources import ROOT, Source, source
from capsule.emotion import QUADRANTS
from capsule.errors import CapsuleError
from eeg.frontend import Features, FrontEnd
from eeg.montage import BANDS, REGIONS
from eeg.signal import Recording

EVERY = 4  # windows are kept once a second: their neighbours say the same
APART_S = 60.0  # between the takes of a sitting, as if recorded one after the other
CHUNK = 512
EEG_STAGES = ("filter", "window", "quality", "features", "frontend", "montage", "watch")
OWN_STAGES = ("dataset", "labels", "sitting")  # beside what reads the data set
_INPUTS = (len(REGIONS), len(BANDS), 2)


@dataclass(frozen=True)
class Examples:
    """Labelled windows, W of them. `level` is the recent mean of the entropies themselves."""

    inputs: NDArray[np.float32]  # (W, regions, bands, 2)
    present: NDArray[np.bool_]  # (W, regions, bands)
    level: NDArray[np.float32]  # (W, regions, bands) nats
    spread: NDArray[np.float32]  # (W,) nats, by how much regions differ at rest
    quality: NDArray[np.float32]  # (W,)
    expected: NDArray[np.bool_]  # (W, regions) the headset's own
    time_s: NDArray[np.float64]  # (W,) from the start of the recording to the window's end
    label: NDArray[np.str_]  # (W,)
    person: NDArray[np.str_]  # (W,) with the data set's name: never two people under one
    recording: NDArray[np.str_]  # (W,)
    dataset: NDArray[np.str_]  # (W,)

    def __len__(self) -> int:
        return len(self.label)

    def where(self, mask: NDArray[np.bool_]) -> Examples:
        """The windows chosen by `mask` (W,)."""
        return Examples(**{one.name: getattr(self, one.name)[mask] for one in fields(self)})

    def of(self, people: Iterable[str]) -> Examples:
        """The windows of `people`."""
        return self.where(np.isin(self.person, list(people)))

    @property
    def compatible(self) -> NDArray[np.bool_]:
        """(W, 4): the quadrants that fit the label."""
        names, place = np.unique(self.label, return_inverse=True)
        rows = [[one in quadrants_of(str(name)) for one in QUADRANTS] for name in names]
        return np.array(rows, dtype=bool).reshape(-1, 4)[place]

    @property
    def people(self) -> tuple[str, ...]:
        """Everyone in it, in order of name."""
        return tuple(sorted(set(self.person.tolist())))


def joined(parts: Iterable[Examples]) -> Examples:
    """All windows of several sets."""
    kept = list(parts)
    if not kept:
        raise CapsuleError("there is no data to be joined")
    names = [one.name for one in fields(Examples)]
    return Examples(**{n: np.concatenate([getattr(one, n) for one in kept]) for n in names})


def folds(people: Sequence[str], count: int, seed: int = 0) -> list[frozenset[str]]:
    """People in `count` groups, each to be held out once; nobody is in two."""
    if not 2 <= count <= len(people):
        raise CapsuleError(f"{len(people)} people cannot be split into {count} folds")
    order = np.random.default_rng(seed).permutation(len(people))
    return [frozenset(people[i] for i in order[start::count]) for start in range(count)]


def examples(told: str, subset: str = "19") -> Examples:
    """All labelled windows of a data set, from the cache in `data/features` if they are there.

    `told` is NAME or NAME=FOLDER, see `capsule.corpus.sources`; `subset` chooses channels. The
    cache is bound to the source of the stages and to the names, sizes and times of the files.
    """
    found = source(told)
    path = _cache(found, subset)
    if path.is_file():
        with np.load(path) as kept:
            return Examples(**{one.name: kept[one.name] for one in fields(Examples)})
    made = joined(prepared(sitting, found.name) for sitting in found.sittings(subset))
    if not len(made):
        raise CapsuleError(f"{told} has no two seconds that are labelled and can be measured")
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(f".{os.getpid()}.npz")
    np.savez(part, **{one.name: getattr(made, one.name) for one in fields(Examples)})
    part.replace(path)
    return made


def _cache(found: Source, subset: str) -> Path:
    """Where the examples of these very files are kept."""
    digest = sha256()
    for path in sorted(path for path in found.folder.rglob("*") if path.is_file()):
        facts = (path.relative_to(found.folder), path.stat().st_size, path.stat().st_mtime_ns)
        digest.update(repr(facts).encode())
    name = f"{found.name.replace(':', '-')}-{subset}-{digest.hexdigest()[:12]}.npz"
    return ROOT / "data" / "features" / _fingerprint(found) / name


def _fingerprint(found: Source) -> str:
    """Changes whenever the code of a stage between recording and example does."""
    files = [Path(next(iter(eeg.__path__))) / f"{stage}.py" for stage in EEG_STAGES]
    files += [Path(capsule.baseline.__file__), Path(inspect.getfile(found.reader))]
    files += [Path(__file__).with_name(f"{one}.py") for one in OWN_STAGES]
    code = [ast.dump(ast.parse(path.read_text(encoding="utf-8"))) for path in files]
    return sha256("".join(code).encode()).hexdigest()[:12]


def prepared(sitting: Sitting, dataset: str, every: int = EVERY) -> Examples:
    """Every labelled window of a sitting that is not of the live rest, one in `every`."""
    front_end = FrontEnd(sitting.takes[0].recording.signal)
    taken = [_features(take.recording, front_end) for take in sitting.takes]
    labels = [_labels(f, t.stretches) for f, t in zip(taken, sitting.takes, strict=True)]
    baseline = Baseline(REST_S, _rest(taken, labels, sitting))
    expected = np.zeros(len(REGIONS), dtype=bool)
    expected[[region for region in front_end.montage.regions if region is not None]] = True
    rows = []
    offset_s = 0.0
    for number, (features, names) in enumerate(zip(taken, labels, strict=True)):
        for k, (one, label) in enumerate(zip(features, names, strict=True)):
            moved = replace(one, end_s=one.end_s + offset_s, gap=one.gap or (k == 0 < number))
            ready = baseline.push(moved)
            at_rest = not sitting.rest and number == 0 and one.end_s < REST_S + WINDOW_S
            if k % every == 0 and quadrants_of(label) and ready.rested and not at_rest:
                rows.append((ready, one, label, number))
        offset_s += (features[-1].end_s if features else 0.0) + APART_S
    who = f"{dataset}/{sitting.person}"
    where = "/".join(part for part in (who, sitting.session) if part)
    names = [take.recording.signal.name for take in sitting.takes]
    count = len(rows)
    return Examples(
        inputs=np.array([row[0].inputs for row in rows]).reshape(count, *_INPUTS),
        present=np.array([row[0].present for row in rows]).reshape(count, *_INPUTS[:2]),
        level=np.array([row[0].level for row in rows], np.float32).reshape(count, *_INPUTS[:2]),
        spread=np.array([row[0].spread for row in rows], np.float32),
        quality=np.array([row[1].quality for row in rows], np.float32),
        expected=np.repeat(expected[None], count, axis=0),
        time_s=np.array([row[1].end_s for row in rows]),
        label=np.array([row[2] for row in rows], dtype=np.str_),
        person=np.array([who] * count, dtype=np.str_),
        recording=np.array([f"{where}/{row[3]}/{names[row[3]]}" for row in rows], dtype=np.str_),
        dataset=np.array([dataset] * count, dtype=np.str_),
    )


def _features(recording: Recording, front_end: FrontEnd) -> list[Features]:
    front_end.reset()
    return [one for chunk in recording.chunks(CHUNK) for one in front_end.push(chunk)]


def _labels(features: Sequence[Features], stretches: Sequence[Stretch]) -> list[str]:
    """Label of the stretch in which each window lies wholly; empty if in none."""
    names = [""] * len(features)
    for k, one in enumerate(features):
        for stretch in stretches:
            inside = one.end_s - WINDOW_S >= stretch.start_s - 0.05
            if inside and one.end_s <= stretch.stop_s:
                names[k] = stretch.label
    return names


def _rest(
    taken: Sequence[Sequence[Features]], labels: Sequence[Sequence[str]], sitting: Sitting
) -> Rest | None:
    """Statistics of the windows labelled as rest; None where the rest is to be learnt live."""
    if not sitting.rest:
        return None
    chosen = [
        one
        for features, names in zip(taken, labels, strict=True)
        for one, name in zip(features, names, strict=True)
        if name in sitting.rest
    ]
    entropy = np.array([one.entropy for one in chosen], dtype=np.float64)
    present = np.array([one.present for one in chosen], dtype=bool)
    rest = rest_of(entropy.reshape(-1, *SHAPE), present.reshape(-1, SHAPE[0]))
    if not rest.known.any():
        raise CapsuleError(
            f"the rest of {sitting.person} ({', '.join(sitting.rest)}) is too short or no EEG: "
            f"{LEAST_WINDOWS} good windows are needed, about ten seconds"
        )
    return rest
