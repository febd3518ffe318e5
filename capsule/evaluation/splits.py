"""Splits, each with its name, what it answers, and whether it is honest; null labels to try them.

A split is honest if null labels, dealt among the trials of each person, are read at chance under
it. Windows at random are not: neighbours of one recording are on both sides, so whoever knows the
recording knows the label. That is where published figures of 94 to 98 % come from, and it is here
only to be shown beside the others.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from capsule.corpus.dataset import Examples, folds
from capsule.errors import CapsuleError

Bools = NDArray[np.bool_]
GAP_S = 5.0  # labelled windows of one recording that are further apart are of two trials
TWICE = ("dasps",)  # a situation was recorded twice and rated once: both recordings are one trial


class Cut(NamedTuple):
    """Which windows (W,) are learned from, and which are asked about."""

    training: Bools
    test: Bools


def trial_of(data: Examples) -> NDArray[np.str_]:
    """The trial of each window (W,): windows of one label and recording that follow one another."""
    names = np.empty(len(data), dtype=object)
    for recording in np.unique(data.recording):
        here = np.flatnonzero(data.recording == recording)
        times, place = np.unique(data.time_s[here], return_inverse=True)
        label = np.empty(len(times), dtype=object)
        label[place] = data.label[here]
        new = np.append(False, (np.diff(times) > GAP_S) | (label[1:] != label[:-1]))
        name = str(recording)
        if data.dataset[here[0]] in TWICE:  # DASPS/00/3/1 imagine: person, take, situation, phase
            name = f"{data.person[here[0]]}/{name.split('/')[-1].split()[0]}"
        names[here] = [f"{name}#{run}" for run in np.cumsum(new)[place]]
    return names.astype(np.str_)


def by_person(data: Examples, count: int) -> list[Cut]:
    """Folds of the people of every data set, joined: each person is held out once at most.

    From somebody who is alone in a data set is learned only. CapsuleError if all are.
    """
    groups: list[frozenset[str]] = [frozenset()] * count
    for dataset in np.unique(data.dataset):
        people = data.where(data.dataset == dataset).people
        if len(people) > 1:
            for k, group in enumerate(folds(people, min(count, len(people)))):
                groups[k] |= group
    if not any(groups):
        raise CapsuleError("no data set has two people or more, so nobody can be held out")
    tests = [np.isin(data.person, list(group)) for group in groups if group]
    return [Cut(~test, test) for test in tests]


def by_dataset(data: Examples, count: int = 0) -> list[Cut]:
    """Each data set is held out once, with its headset. CapsuleError if there is one only."""
    names = np.unique(data.dataset)
    if len(names) < 2:
        raise CapsuleError(f"{', '.join(names)} is the only data set, so none can be held out")
    return [Cut(data.dataset != name, data.dataset == name) for name in names]


def by_trial(data: Examples, count: int) -> list[Cut]:
    """Whole trials are held out while the person's others are learned from.

    Trials of each person and label are dealt to the folds in turn. Whoever has only one trial of
    every label (EEGMAT, Mane) is learned from and never asked: his recording would be his label.
    """
    trial, fold = trial_of(data), np.full(len(data), -1)
    for person in data.people:
        mine = data.person == person
        start = 0
        for label in np.unique(data.label[mine]):
            own = np.unique(trial[mine & (data.label == label)])
            if len(own) > 1:
                for k, name in enumerate(own):
                    fold[trial == name] = (start + k) % count
                start += len(own)
    cuts = [Cut(fold != k, fold == k) for k in range(count) if (fold == k).any()]
    if len(cuts) < 2:
        raise CapsuleError("nobody has two trials of one label, so no trial can be held out")
    return cuts


def by_window(data: Examples, count: int) -> list[Cut]:
    """Windows at random, their neighbours on both sides: leaky."""
    fold = np.random.default_rng(0).permutation(len(data)) % count
    return [Cut(fold != k, fold == k) for k in range(count)]


@dataclass(frozen=True)
class Splitter:
    """A way to split, and whether what it finds can be believed."""

    name: str
    honest: bool
    asks: str
    cut: Callable[[Examples, int], list[Cut]]


SPLITTERS = {
    "people": Splitter(
        "leave-one-subject-out, in folds of people", True, "somebody never seen", by_person
    ),
    "datasets": Splitter(
        "leave-one-data-set-out", True, "people, headset and task never seen", by_dataset
    ),
    "trials": Splitter(
        "subject-dependent, whole trials", True, "another trial of somebody known", by_trial
    ),
    "windows": Splitter("random windows (LEAKY)", False, "the same recording", by_window),
}


def dealt(data: Examples, seed: int) -> Examples:
    """Null labels: each person's labels are dealt anew among the trials of that person."""
    rng = np.random.default_rng(seed)
    trial, label = trial_of(data), data.label.copy()
    for person in data.people:
        mine = np.flatnonzero(data.person == person)
        names, first, member = np.unique(trial[mine], return_index=True, return_inverse=True)
        told = data.label[mine][first]
        label[mine] = told[rng.permutation(len(names))][member]
    return replace(data, label=label)
