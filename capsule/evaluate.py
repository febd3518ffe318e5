"""Figures of the capsule network on people it never saw, beside baselines and controls.

    python -m capsule.evaluate                      everything the model card tells, ~15 minutes
    python -m capsule.evaluate --only 1 --plain     one fold, network only
    python -m capsule.evaluate --routing uniform    the ablation
    python -m capsule.evaluate --data eegmat deap=FOLDER bird

Seven folds by person. A fold's network learns from the other people of all data sets; one seventh
of those people are kept back for its temperature. Windows are 2 s, one a second, after the
wearer's first minute of rest, which is the baseline and in no figure. Balanced accuracy, AUC and
ECE count both classes alike; intervals are 95 % over people (bootstrap).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from capsule.corpus.dataset import Examples, examples, folds
from capsule.corpus.sources import TESTING, TRAINING, sources
from capsule.doubt import clarity, contact
from capsule.errors import CapsuleError
from capsule.figures import Judged, auc, balanced_accuracy, ece, interval, together
from capsule.network import gate, read_out
from capsule.recogniser import Model
from capsule.train import Recipe, build, everything, shared_out, temperers

Floats = NDArray[np.float64]


# --- predictions ---------------------------------------------------------------------------------


def probabilities(model: Model, data: Examples, sign: float = 1.0) -> Floats:
    """Gated probabilities (W, 4), as the recogniser gives them. `sign` -1 reflects the z-scores."""
    inputs = data.inputs * np.float32(sign)
    reading = model.read(inputs, data.present)
    trust = [
        model.doubt.trust(level.astype(float), z.astype(float), there, float(spread))
        * contact(there.any(1), expected)
        * clarity(float(quality))
        for level, z, there, spread, expected, quality in zip(
            data.level, inputs[..., 1], data.present, data.spread, data.expected, data.quality,
            strict=True,
        )
    ]  # fmt: skip
    p = gate(read_out(reading.logits, model.temperature), torch.tensor(trust, dtype=torch.float32))
    return p.numpy().astype(np.float64)


def arousal(p: Floats, data: Examples) -> Judged:
    """Probability of Q1 or Q2 against labels that tell arousal."""
    fit = data.compatible
    high, low = fit[:, 2:].sum(1) == 0, fit[:, :2].sum(1) == 0
    all_told = Judged(p[:, 0] + p[:, 1], high, data.person, data.recording)
    return all_told.where(high | low)


def valence(p: Floats, data: Examples) -> Judged:
    """Probability of Q1 or Q4 against labels that tell valence."""
    fit = data.compatible
    good, bad = fit[:, 1:3].sum(1) == 0, fit[:, [0, 3]].sum(1) == 0
    all_told = Judged(p[:, 0] + p[:, 3], good, data.person, data.recording)
    return all_told.where(good | bad)


def baselines(training: Examples, test: Examples) -> dict[str, Judged]:
    """Logistic regression and support vectors on the same inputs, for arousal."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.svm import SVC

    def table(data: Examples) -> Floats:
        flat: Floats = np.clip(data.inputs, -5, 5).reshape(len(data), -1).astype(np.float64)
        return flat

    truth, wanted = training.compatible[:, 0], test.compatible[:, 0]
    line = LogisticRegression(C=0.01, class_weight="balanced", max_iter=500)
    line.fit(table(training), truth)
    p = line.predict_proba(table(test))[:, 1]
    curve = SVC(C=0.3, class_weight="balanced").fit(table(training), truth)
    margin = curve.decision_function(table(test))
    return {
        "logistic regression": Judged(p, wanted, test.person, test.recording),
        "support vectors (RBF)": Judged(
            1 / (1 + np.exp(-2 * margin)), wanted, test.person, test.recording
        ),
    }


def distance(test: Examples) -> Judged:
    """How unlike rest a window is, in whatever direction: what a network must not live on."""
    size = np.sqrt((test.inputs[..., 1] ** 2).sum((1, 2)) / np.maximum(test.present.sum((1, 2)), 1))
    return Judged(size / (1.0 + size), test.compatible[:, 0], test.person, test.recording)


def swapped(data: Examples, seed: int = 0) -> Examples:
    """Null labels: a coin decides for each person whether rest and arithmetic change names."""
    rng = np.random.default_rng(seed)
    people = [person for person in data.people if person.startswith("eegmat/")]
    turned = [person for person in people if rng.random() < 0.5]
    other = np.where(data.label == "rest", "arithmetic", "rest")
    return replace(data, label=np.where(np.isin(data.person, turned), other, data.label))


# --- the program ---------------------------------------------------------------------------------

Found = dict[str, list[Judged]]


@dataclass(frozen=True)
class Material:
    """What is learned from and judged: all of it, EEGMAT by channels, headsets for testing only."""

    data: Examples
    eegmat: dict[str, Examples]
    unseen: dict[str, Examples]


def material(told: Sequence[str]) -> Material:
    """The data sets told as NAME or NAME=FOLDER."""
    kinds = {one: found for one, found in zip(told, sources(told), strict=True)}
    learned = [one for one in told if kinds[one].kind not in TESTING]
    eegmat = [one for one in told if kinds[one].kind == "eegmat"]
    return Material(
        everything(learned),
        {subset: examples(one, subset) for one in eegmat for subset in ("19", "4")},
        {kinds[one].name: examples(one) for one in told if kinds[one].kind in TESTING},
    )


def split(data: Examples, count: int) -> list[frozenset[str]]:
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
    return [group for group in groups if group]


def fold_model(data: Examples, test: frozenset[str], recipe: Recipe) -> Model:
    """A model that never saw the people in `test`; some others set its temperature."""
    rest = data.where(~np.isin(data.person, list(test)))
    held_out = temperers(rest, seed=1)
    training = rest.where(~np.isin(rest.person, list(held_out)))
    return build(training, rest.of(held_out), recipe)


def judge_fold(
    known: Material, test: frozenset[str], recipe: Recipe, plain: bool, seed: int
) -> dict[str, Judged]:
    """Every figure's windows from one fold. `seed`: of the null labels, in which both sides err."""
    found: dict[str, Judged] = {}
    data = known.data
    model = fold_model(data, test, recipe)
    against = bool(known.eegmat) and not plain
    null = fold_model(swapped(data, seed), test, recipe) if against else None
    for subset, whole in known.eegmat.items():
        held = whole.of(test)
        title = f"EEGMAT {subset} ch"
        found[f"{title}, capsule network"] = arousal(probabilities(model, held), held)
        if null is not None:
            others = whole.where(~np.isin(whole.person, list(test)))
            learners = baselines(others, held)
            found |= {f"{title}, {name}": judged for name, judged in learners.items()}
            found[f"{title}, distance from rest alone"] = distance(held)
            chance = swapped(held, 1000 + seed)
            found[f"{title}, null labels"] = arousal(probabilities(null, chance), chance)
        found |= {f"{title}, {name}": one for name, one in controls(model, held).items()}
    for dataset in dict.fromkeys(data.dataset.tolist()):
        held = data.where((data.dataset == dataset) & np.isin(data.person, list(test)))
        if len(held) and dataset != "eegmat":
            p = probabilities(model, held)
            found[f"{dataset}, valence"] = valence(p, held)
            found[f"{dataset}, arousal"] = arousal(p, held)
    for name, held in known.unseen.items():
        found[f"{name} (unseen headset), arousal"] = arousal(probabilities(model, held), held)
        if against:
            found[f"{name}, logistic regression"] = baselines(others, held)["logistic regression"]
    return found


def controls(model: Model, held: Examples) -> dict[str, Judged]:
    """Drift: second minute of rest against the third. Mirror: arithmetic against its reflection."""
    rest = held.where((held.label == "rest") & (held.time_s < 180.5))
    told = arousal(probabilities(model, rest), rest)
    drift = replace(told, truth=rest.time_s >= 121.0)
    task = held.where(held.label == "arithmetic")
    ahead, back = (arousal(probabilities(model, task, sign), task) for sign in (1.0, -1.0))
    mirror = together([ahead, replace(back, truth=~back.truth)])
    return {"control: middle against end of rest": drift, "control: mirrored task": mirror}


def line(title: str, judged: Judged) -> str:
    """One row of the table; by recording too where a recording is of one class."""
    figures = []
    for figure in (balanced_accuracy, auc, ece):
        low, high = interval(judged, figure)
        figures.append(f"{figure(judged):.3f} [{low:.2f} {high:.2f}]")
    whole = ""
    if "control" not in title and "dasps" not in title and judged.of_one_class:
        by_recording = judged.by_recording()
        if 0 < by_recording.truth.sum() < len(by_recording.truth):
            whole = f"{balanced_accuracy(by_recording):.3f} / {auc(by_recording):.3f}"
    return f"{title:48s} {'  '.join(figures)}  {whole}".rstrip()


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m capsule.evaluate", description=__doc__)
    usual = (*TRAINING, *TESTING)
    parser.add_argument(
        "--data", nargs="+", default=usual, metavar="SET",
        help=f"data sets, NAME or NAME=FOLDER (default: {' '.join(usual)})",
    )  # fmt: skip
    parser.add_argument("--folds", type=int, default=7)
    parser.add_argument("--only", type=int, default=0, help="stop after so many folds")
    parser.add_argument("--plain", action="store_true", help="no baselines, no null labels")
    parser.add_argument("--steps", type=int, default=Recipe.steps)
    parser.add_argument("--routing", choices=("dynamic", "attention", "uniform"), default="dynamic")
    args = parser.parse_args(argv)
    torch.set_num_threads(1)
    recipe = replace(Recipe(), steps=args.steps, routing=args.routing)
    known = material(args.data)
    recipe = shared_out(recipe, known.data)
    groups = split(known.data, args.folds)[: args.only or None]
    found: Found = {}
    for number, test in enumerate(groups, 1):
        print(f"fold {number} of {len(groups)}", file=sys.stderr, flush=True)
        for title, judged in judge_fold(known, test, recipe, args.plain, number).items():
            found.setdefault(title, []).append(judged)
    columns = "  ".join(f"{name:17s}" for name in ("balanced accuracy", "AUC", "ECE"))
    print(f"{'(majority: .500 everywhere)':48s} {columns}  by recording: bal / AUC")
    for title, parts in found.items():
        judged = together(parts)
        if 0 < judged.truth.sum() < len(judged.truth):
            print(line(title, judged))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
