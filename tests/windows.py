"""Made-up labelled windows, with or without a mark that every trial leaves on its own."""

import numpy as np

from capsule.corpus.dataset import Examples
from eeg.montage import BANDS, REGIONS

SHAPE = (len(REGIONS), len(BANDS))


def made_up(people, labels, dataset="eegmat", each=5, seed=0, signature=0.0):
    """`each` windows of each trial, a trial for each of `labels` and person; they mean nothing.

    `signature`: how strongly a trial marks its windows, in z.
    """
    rng = np.random.default_rng(seed)
    trials = people * len(labels)
    label = np.tile(np.repeat(labels, each), people)
    who = np.repeat([f"{dataset}/{k:02d}" for k in range(people)], each * len(labels))
    trial = np.repeat(np.arange(trials), each)
    n = len(label)
    marks = signature * rng.normal(size=(trials, *SHAPE, 2))
    return Examples(
        inputs=(rng.normal(size=(n, *SHAPE, 2)) + marks[trial]).astype(np.float32),
        present=np.ones((n, *SHAPE), dtype=bool),
        level=rng.normal(size=(n, *SHAPE)).astype(np.float32),
        spread=np.full(n, 0.2, np.float32),
        quality=np.ones(n, np.float32),
        expected=np.ones((n, len(REGIONS)), dtype=bool),
        time_s=np.tile(np.arange(each) + 62.0, trials),
        label=label,
        person=who,
        recording=np.char.add(np.char.add(who, "/"), (trial % len(labels)).astype(str)),
        dataset=np.full(n, dataset),
    )
