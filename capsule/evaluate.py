"""Figures of the capsule network on people it never saw, beside baselines and controls.

    python -m capsule.evaluate                      everything the model card tells, ~15 minutes
    python -m capsule.evaluate --only 1 --plain     one fold, network only
    python -m capsule.evaluate --routing uniform    the ablation

Seven folds by person. A fold's network learns from the other people of all data sets; one seventh
of those people are kept back for its temperature. Windows are 2 s, one a second, after the
wearer's first minute of rest, which is the baseline and in no figure. Balanced accuracy, AUC and
ECE count both classes alike; intervals are 95 % over people (bootstrap).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from capsule.corpus.dataset import Examples, examples, folds
from capsule.doubt import clarity, contact
from capsule.network import gate, read_out
from capsule.recogniser import Model
from capsule.train import HELD_OUT_FOLDS, Recipe, build, everything

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

BINS = 10
DRAWS = 1000


@dataclass(frozen=True)
class Judged:
    """Windows with a probability of the positive class and the truth."""

    p: Floats  # (W,)
    truth: Bools  # (W,)
    person: NDArray[np.str_]  # (W,)
    recording: NDArray[np.str_]  # (W,)

    def where(self, mask: Bools | NDArray[np.intp]) -> Judged:
        """Some of the windows."""
        return Judged(self.p[mask], self.truth[mask], self.person[mask], self.recording[mask])

    def by_recording(self) -> Judged:
        """The mean probability of each recording."""
        _, first, member = np.unique(self.recording, return_index=True, return_inverse=True)
        mean = np.bincount(member, self.p) / np.bincount(member)
        return Judged(mean, self.truth[first], self.person[first], self.recording[first])


def together(parts: Sequence[Judged]) -> Judged:
    """All windows of several folds."""
    names = ("p", "truth", "person", "recording")
    return Judged(*(np.concatenate([getattr(one, name) for one in parts]) for name in names))


def balanced_accuracy(judged: Judged) -> float:
    """Mean of the shares of both classes that are on their side of one half."""
    right = (judged.p > 0.5) == judged.truth
    return float(np.mean([right[judged.truth == side].mean() for side in (False, True)]))


def auc(judged: Judged) -> float:
    """Chance that a positive window has the higher probability than a negative one."""
    from scipy.stats import rankdata

    ranks = rankdata(judged.p)
    positive = int(judged.truth.sum())
    negative = len(judged.truth) - positive
    above = ranks[judged.truth].sum() - positive * (positive + 1) / 2
    return float(above / (positive * negative))


def ece(judged: Judged) -> float:
    """Expected calibration error of p in BINS bins, both classes weighing the same."""
    positive = judged.truth.sum()
    weight = np.where(judged.truth, 0.5 / positive, 0.5 / (len(judged.truth) - positive))
    bins = np.minimum((judged.p * BINS).astype(int), BINS - 1)
    gaps = np.bincount(bins, weight * (judged.p - judged.truth), minlength=BINS)
    return float(np.abs(gaps).sum())


def interval(judged: Judged, figure: Callable[[Judged], float], seed: int = 0) -> tuple[float, ...]:
    """95 % of the figure over resampled people."""
    rng = np.random.default_rng(seed)
    people = np.unique(judged.person)
    rows = {one: np.flatnonzero(judged.person == one) for one in people}
    values = []
    for _ in range(DRAWS if len(judged.p) < 1000 else DRAWS // 5):
        chosen = rng.choice(people, len(people))
        some = judged.where(np.concatenate([rows[one] for one in chosen]))
        if 0 < some.truth.sum() < len(some.truth):
            values.append(figure(some))
    return tuple(float(one) for one in np.quantile(values, (0.025, 0.975)))


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


def split(data: Examples, count: int) -> list[frozenset[str]]:
    """Folds of the people of every data set, joined: each person is held out once at most."""
    groups: list[frozenset[str]] = [frozenset()] * count
    for dataset in np.unique(data.dataset):
        people = data.where(data.dataset == dataset).people
        for k, group in enumerate(folds(people, min(count, len(people)))):
            groups[k] |= group
    return groups


def fold_model(data: Examples, test: frozenset[str], recipe: Recipe) -> Model:
    """A model that never saw the people in `test`; some others set its temperature."""
    rest = data.where(~np.isin(data.person, list(test)))
    eegmat = [person for person in rest.people if person.startswith("eegmat/")]
    held_out = folds(eegmat, HELD_OUT_FOLDS, seed=1)[0]
    training = rest.where(~np.isin(rest.person, list(held_out)))
    return build(training, rest.of(held_out), recipe)


def judge_fold(
    data: Examples, test: frozenset[str], recipe: Recipe, plain: bool, seed: int
) -> dict[str, Judged]:
    """Every figure's windows from one fold. `seed`: of the null labels, in which both sides err."""
    found: dict[str, Judged] = {}
    model = fold_model(data, test, recipe)
    null = None if plain else fold_model(swapped(data, seed), test, recipe)
    for subset in ("19", "4"):
        whole = examples("eegmat", subset)
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
    for dataset in ("mane", "dasps", "ehrlich"):
        held = data.where((data.dataset == dataset) & np.isin(data.person, list(test)))
        if len(held):
            p = probabilities(model, held)
            found[f"{dataset}, valence"] = valence(p, held)
            found[f"{dataset}, arousal"] = arousal(p, held)
    bird = examples("bird")
    found["bird (unseen headset), arousal"] = arousal(probabilities(model, bird), bird)
    if not plain:
        found["bird, logistic regression"] = baselines(others, bird)["logistic regression"]
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
    if "control" not in title and "dasps" not in title:
        by_recording = judged.by_recording()
        if 0 < by_recording.truth.sum() < len(by_recording.truth) and "ehrlich" not in title:
            whole = f"{balanced_accuracy(by_recording):.3f} / {auc(by_recording):.3f}"
    return f"{title:48s} {'  '.join(figures)}  {whole}".rstrip()


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m capsule.evaluate", description=__doc__)
    parser.add_argument("--folds", type=int, default=7)
    parser.add_argument("--only", type=int, default=0, help="stop after so many folds")
    parser.add_argument("--plain", action="store_true", help="no baselines, no null labels")
    parser.add_argument("--steps", type=int, default=Recipe.steps)
    parser.add_argument("--routing", choices=("dynamic", "attention", "uniform"), default="dynamic")
    args = parser.parse_args(argv)
    torch.set_num_threads(1)
    recipe = replace(Recipe(), steps=args.steps, routing=args.routing)
    data = everything()
    groups = split(data, args.folds)[: args.only or None]
    found: Found = {}
    for number, test in enumerate(groups, 1):
        print(f"fold {number} of {len(groups)}", file=sys.stderr, flush=True)
        for title, judged in judge_fold(data, test, recipe, args.plain, number).items():
            found.setdefault(title, []).append(judged)
    columns = "  ".join(f"{name:17s}" for name in ("balanced accuracy", "AUC", "ECE"))
    print(f"{'(majority: .500 everywhere)':48s} {columns}  by recording: bal / AUC")
    for title, parts in found.items():
        print(line(title, together(parts)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
