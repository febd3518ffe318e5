"""One electrode that is loud: does a reader live on it, and is it deafened by it?

    python -m capsule.evaluation.loud

Hair, sweat or a frowning brow make one electrode louder than it was at rest, whatever its wearer
feels. Two controls, neither of which looks at a label:

* *hidden*: of every person with a headset never seen, the region that is loudest against rest is
  kept from all readers, in all recordings, so that what is hidden tells nothing of the state. Who
  could tell states only from that electrode cannot any more.
* *raised*: EEGMAT with four channels, by folds of people; of every recording that is asked about,
  rest or arithmetic, one region drawn by chance is as loud as in Bird (RAISED_Z), or half as loud.
  Who takes loudness for arousal loses what it knew. As it is, a region that alone is loud is left
  out, as of any recording (`capsule.baseline.alone_loud`); *heard*: it is not.

The network is the shipped one on headsets never seen and trained anew in each fold on EEGMAT; the
rivals are those of the report. Beside them stands a rule that has learned from nobody,
`alpha_below`; Bird's own means by label suggested it, so there it is no test. Balanced accuracy and
AUC by window, 95 % intervals over people.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch

from capsule.baseline import LOUD_Z, alone_loud
from capsule.corpus.dataset import Examples, examples
from capsule.corpus.sources import TRAINING
from capsule.evaluation.figures import STATISTICS, Floats, Judged, figures, together
from capsule.evaluation.learners import learned
from capsule.evaluation.predictions import AROUSAL, read
from capsule.evaluation.rows import CAPSULE, Rows
from capsule.evaluation.splits import SPLITTERS
from capsule.learning import Recipe, build, chances, everything
from capsule.network import alpha_below as prior
from capsule.recogniser import Model
from eeg.montage import BANDS

RAISED_Z = (2.0, 2.0, 2.0, 4.0, 6.0)  # delta to gamma: about the loud electrode of Bird's people
SHOWN = ("balanced accuracy", "AUC")
UNSEEN = ("bird", "albasri")
MONTAGE = "4"  # channels of EEGMAT
ALPHA = "alpha below other bands, nothing learned"
Readings = dict[str, Judged]


def loudest_hidden(data: Examples) -> Examples:
    """Each person without the region whose z-scores, mean over windows and bands, are highest.

    Where it was left out for being loud it counts as LOUD_Z. Who has one region keeps it.
    """
    present = data.present.copy()
    for name in data.people:
        here = data.person == name
        there = np.any(present[here], axis=(0, 2))
        if there.sum() > 1:
            z = np.where(data.present[here], data.inputs[here, ..., 1], 0.0).mean(2)
            loud = np.where(data.present[here].any(2), z, LOUD_Z).mean(0)
            present[here, int(np.argmax(np.where(there, loud, -np.inf)))] = False
    inputs = np.where(present[..., None], data.inputs, 0.0).astype(np.float32)
    return replace(data, present=present, inputs=inputs)


def one_raised(data: Examples, seed: int, share: float = 1.0) -> Examples:
    """Each recording with `share` of RAISED_Z added to one of its regions, drawn by chance."""
    rng, inputs = np.random.default_rng(seed), data.inputs.copy()
    for name in np.unique(data.recording):
        here = data.recording == name
        region = rng.choice(np.flatnonzero(np.any(data.present[here], axis=(0, 2))))
        inputs[here, region] += share * np.array(RAISED_Z, dtype=np.float32)[:, None]
    inputs[~data.present] = 0.0
    return replace(data, inputs=inputs)


def loud_left_out(data: Examples) -> Examples:
    """Without regions that alone are loud, as the baseline would have left them out."""
    z = data.inputs[..., 1].astype(np.float64)
    present = data.present & ~alone_loud(z, data.present)[..., None]
    inputs = np.where(present[..., None], data.inputs, 0.0).astype(np.float32)
    return replace(data, present=present, inputs=inputs)


def alpha_below(data: Examples) -> Judged:
    """Aroused where alpha lies below its region's other bands: the network's prior, by itself."""
    inputs, present = (torch.from_numpy(one).flatten(1, 2) for one in (data.inputs, data.present))
    below = prior(inputs, present, tuple(band.name for band in BANDS)).numpy().astype(np.float64)
    return AROUSAL.beside(1.0 / (1.0 + np.exp(-2.0 * below)), data)


def _rivals(training: Examples, test: Examples, chance: Floats | None = None) -> Readings:
    return learned(training, test, chance=chance) | {ALPHA: alpha_below(test)}


def of_strangers(data: Examples, training: Examples, recipe: Recipe) -> dict[str, Readings]:
    """All readers on a set never seen, as it is and with the loudest regions hidden."""
    model, chance = Model.load(), chances(training, recipe)
    cases = {"as it is": data, "loudest region hidden": loudest_hidden(data)}
    return {
        name: {CAPSULE: read(model, one)} | _rivals(training, one, chance)
        for name, one in cases.items()
    }


def of_people(training: Examples, recipe: Recipe, folds: int, seed: int) -> dict[str, Readings]:
    """All readers on EEGMAT's people, each left out in turn, as they are and raised."""
    whole = examples("eegmat", MONTAGE)
    cases: dict[str, Callable[[Examples], Examples]] = {
        "as it is": lambda held: held,
        "one region raised by half": lambda held: loud_left_out(one_raised(held, seed, 0.5)),
        "one region raised": lambda held: loud_left_out(one_raised(held, seed)),
        "one region raised, heard": lambda held: one_raised(held, seed),
    }
    found = {case: Rows() for case in cases}
    for cut in SPLITTERS["people"].cut(training, folds):
        model = build(training.where(cut.training), recipe)
        held = whole.of(training.where(cut.test).people)
        own = whole.of(training.where(cut.training).people)
        for case, changed in cases.items():
            one = changed(held)
            found[case].tell({CAPSULE: read(model, one)} | _rivals(own, one))
    return {
        case: {who: together(parts) for who, parts in rows.items()} for case, rows in found.items()
    }


def lines(name: str, readings: dict[str, Readings]) -> list[str]:
    """Rows of a table."""
    told = []
    for case, readers in readings.items():
        for reader, judged in readers.items():
            found = figures(judged, {one: STATISTICS[one] for one in SHOWN}).values()
            shown = [f"{f['value']:.3f} [{f['low']:.2f} {f['high']:.2f}]" for f in found]
            told.append(f"| {name}, {case} | {reader} | {' | '.join(shown)} |")
    return told


def main(argv: list[str] | None = None, say: Callable[[str], None] = print) -> int:
    """``python -m capsule.evaluation.loud``."""
    name = "python -m capsule.evaluation.loud"
    parser = argparse.ArgumentParser(prog=name, description=__doc__)
    parser.add_argument("--folds", type=int, default=7, help="of people")
    parser.add_argument("--steps", type=int, default=Recipe.steps)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(argv)
    torch.set_num_threads(1)
    training, recipe = everything(TRAINING), Recipe(steps=args.steps, seed=args.seed)
    say(f"| data | reader | {' | '.join(SHOWN)} |")
    say("|---|---|---|---|")
    for told in UNSEEN:
        for line in lines(told, of_strangers(examples(told), training, recipe)):
            say(line)
    for line in lines(f"eegmat {MONTAGE} ch", of_people(training, recipe, args.folds, args.seed)):
        say(line)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
