"""The sections of a report: each a name, what it depends on, and how its figures are found."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from capsule.corpus.dataset import Examples
from capsule.errors import CapsuleError
from capsule.evaluation.eegnet import eegnet
from capsule.evaluation.figures import Judged, together
from capsule.evaluation.learners import learned, null_accuracy
from capsule.evaluation.material import Material
from capsule.evaluation.predictions import AROUSAL, AXES, Axis, distance, drift, majority, mirror
from capsule.evaluation.predictions import read as read_axis
from capsule.evaluation.riemann import riemann
from capsule.evaluation.rows import AS_KNOWN, AS_STRANGE, CAPSULE, Found, Rows, above, row
from capsule.evaluation.splits import SPLITTERS, Cut, by_window, dealt
from capsule.learning import chances
from capsule.network import ReadOut, Routing
from capsule.recogniser import Model

ROUTINGS: tuple[Routing, ...] = ("dynamic", "attention", "uniform")


def people(m: Material) -> Found:
    """Leave-one-subject-out in folds of people: EEGMAT by channels, and every other set."""
    montages = {subset: Rows() for subset in m.eegmat}
    sets: dict[str, Rows] = {}
    for number, cut in enumerate(m.folds, 1):
        training, test = m.data.where(cut.training), m.data.where(cut.test)
        model = m.model(f"people fold {number}", training)
        for subset, whole in m.eegmat.items():
            held = whole.of(test.people)
            own = whole.of(training.people)
            montages[subset].tell(_montage(model, own, held, m.shipped.strange))
        for name in np.unique(test.dataset):
            if name != "eegmat":
                own = training.where(training.dataset == name)
                held = test.where(test.dataset == name)
                for axis in AXES:
                    rows = sets.setdefault(f"{name}, {axis.name}", Rows())
                    rows.tell(_beside(model, own, held, axis))
    return {
        "folds": len(m.folds),
        "montages": {subset: rows.found() for subset, rows in montages.items()},
        "sets": {name: told for name, rows in sets.items() if (told := rows.found())["rows"]},
    }


def _beside(model: Model, own: Examples, held: Examples, axis: Axis) -> dict[str, Judged]:
    """The network and what learns from the other people of the same set."""
    constant = {"majority": majority(own, held, axis)}
    return {CAPSULE: read_axis(model, held, axis)} | learned(own, held, axis) | constant


def _montage(model: Model, own: Examples, held: Examples, out: ReadOut) -> dict[str, Judged]:
    found = _beside(model, own, held, AROUSAL)
    found[AS_STRANGE] = read_axis(replace(model, strange=out), held)
    found["distance from rest alone (no threshold)"] = distance(held)
    found["control: second against third minute of rest"] = drift(model, held)
    found["control: arithmetic against its mirror image"] = mirror(model, held)
    return found


def routing(m: Material) -> Found:
    """Dynamic, attention and uniform routing on EEGMAT's folds, and dynamic minus the others."""
    asked: dict[str, dict[str, list[Judged]]] = {subset: {} for subset in m.eegmat}
    for kind in ROUTINGS:
        for number, cut in enumerate(m.folds, 1):
            name = "people" if kind == "dynamic" else kind
            model = m.model(f"{name} fold {number}", m.data.where(cut.training), kind)
            test = m.data.where(cut.test).people
            for subset, whole in m.eegmat.items():
                asked[subset].setdefault(kind, []).append(read_axis(model, whole.of(test)))
    found: Found = {}
    for subset, kinds in asked.items():
        told = {kind: together(parts) for kind, parts in kinds.items()}
        found[subset] = {
            "rows": {kind: row(one) for kind, one in told.items()},
            "above": {kind: above(told["dynamic"], told[kind]) for kind in ROUTINGS[1:]},
        }
    return found


def datasets(m: Material) -> Found:
    """Leave-one-data-set-out: EEGMAT by channels, the others as they are."""
    found: Found = {}
    for name, (cut, model) in m.without.items():
        asked = {name: m.data.where(cut.test)}
        if name == "eegmat":
            asked = {f"eegmat, {subset} channels": one for subset, one in m.eegmat.items()}
        for told, test in asked.items():
            found[told] = _transferred(m, model, m.data.where(cut.training), test)
    return found


def unseen(m: Material) -> Found:
    """The shipped weights on the sets that nothing is ever learned from."""
    strange = m.strange.items()
    return {name: _transferred(m, m.shipped, m.data, held) for name, held in strange}


def _transferred(m: Material, model: Model, training: Examples, test: Examples) -> Found:
    """Arousal. Learners draw windows as the network does, or have EEGMAT by nearest channels."""
    rows = Rows()
    known = read_axis(model.of_known_headset, test)
    rows.tell({CAPSULE: read_axis(model, test), AS_KNOWN: known})
    rows.tell(learned(training, test, chance=chances(training, m.recipe())))
    regions = test.present.any((0, 2))
    if test.dataset[0] != "eegmat" and m.eegmat:
        nearest = min(
            m.eegmat, key=lambda s: int((m.eegmat[s].present.any((0, 2)) != regions).sum())
        )
        from_eegmat = learned(m.eegmat[nearest], test)
        rows.tell({f"{n}, EEGMAT {nearest} ch": one for n, one in from_eegmat.items()})
    rows.tell({"distance from rest alone (no threshold)": distance(AROUSAL.of(test))})
    return rows.found()


def trials(m: Material) -> Found:
    """Subject-dependent: other trials of people who are learned from, too."""
    sets: dict[str, Rows] = {}
    try:
        cuts = SPLITTERS["trials"].cut(m.data, m.settings.other_folds)
    except CapsuleError as problem:
        m.say(f"  {problem}")
        return {}
    for number, cut in enumerate(cuts, 1):
        training, test = m.data.where(cut.training), m.data.where(cut.test)
        model = m.model(f"trials fold {number}", training)
        for name in np.unique(test.dataset):
            own, held = (one.where(one.dataset == name) for one in (training, test))
            for axis in AXES:
                rows = sets.setdefault(f"{name}, {axis.name}", Rows())
                rows.tell(_beside(model, own, held, axis))
    return {name: told for name, rows in sets.items() if (told := rows.found())["rows"]}


def windows(m: Material) -> Found:
    """The leaky split, on EEGMAT with all channels: what a careless figure would have been."""
    data, rows = m.eegmat["19"], Rows()
    for number, cut in enumerate(by_window(data, m.settings.other_folds), 1):
        training, test = data.where(cut.training), data.where(cut.test)
        single = np.arange(len(training)).astype(np.str_)  # a member leaves out windows, not people
        model = m.model(f"random windows fold {number}", training, groups=single)
        rows.tell(_beside(model, training, test, AROUSAL))
    return rows.found()


def null(m: Material) -> Found:
    """Null labels under every split: nearest neighbours, and the network under the first."""
    eegmat = m.eegmat["19"]
    several = m.data.where(m.data.dataset != "eegmat")
    chosen = {"people": eegmat, "datasets": several, "trials": several, "windows": eegmat}
    found: Found = {}
    for name, data in chosen.items():
        splitter = SPLITTERS[name]
        count = m.settings.folds if name == "people" else m.settings.other_folds
        values = null_accuracy(data, splitter.cut(data, count), m.settings.deals)
        ends = np.quantile(values, (0.025, 0.975))
        figure = {"value": float(values.mean()), "low": float(ends[0]), "high": float(ends[1])}
        found[name] = {"nearest neighbours": figure, "honest": splitter.honest}
    return found


def null_network(m: Material) -> Found:
    """The network itself on one deal of null labels, under leave-one-subject-out."""
    null, rows = dealt(m.data, m.settings.seed), {subset: Rows() for subset in m.eegmat}
    for number, cut in enumerate(m.folds, 1):
        model = m.model(f"null labels fold {number}", null.where(cut.training))
        for subset, whole in m.eegmat.items():
            held = dealt(whole, m.settings.seed).of(m.data.where(cut.test).people)
            rows[subset].tell({CAPSULE: read_axis(model, held)})
    return {subset: one.found()["rows"][CAPSULE] for subset, one in rows.items()}


def raw(m: Material) -> Found:
    """EEGNet from the samples themselves, on EEGMAT's folds; empty without braindecode."""
    found: Found = {}
    for subset in ("19", "4"):
        if subset in m.eegmat:
            cuts: Sequence[Cut] = [_same_people(m, cut, subset) for cut in m.folds]
            told = eegnet(m.eegmat[subset], subset, cuts, m.settings.epochs, m.say)
            if told is not None:
                found[subset] = row(told)
    return found


def _same_people(m: Material, cut: Cut, subset: str) -> Cut:
    test = np.isin(m.eegmat[subset].person, m.data.where(cut.test).people)
    return Cut(~test, test)


@dataclass(frozen=True)
class Section:
    """One part of the report. ``uses`` names the settings that its figures depend on."""

    name: str
    find: Callable[[Material], Found]
    uses: tuple[str, ...]
    needs_eegmat: bool = False
    networks: bool = True  # whether it trains any of ours
    weights: bool = False  # whether it asks the shipped ones


SECTIONS = (
    Section("people", people, ("folds", "montages"), weights=True),
    Section("datasets", datasets, ("montages",)),
    Section("unseen", unseen, ("montages",), weights=True),
    Section("null", null, ("folds", "other_folds", "deals"), True, networks=False),
    Section("trials", trials, ("other_folds",)),
    Section("windows", windows, ("other_folds",), True),
    Section("routing", routing, ("folds", "montages"), True),
    Section("null network", null_network, ("folds", "montages"), True),
    Section("raw", raw, ("folds", "epochs"), True, networks=False),
    Section("tangent", riemann, ("folds", "montages", "deals"), True, weights=True),
)


def found(section: Section, m: Material) -> Found:
    """A section's figures, from ``out`` where an earlier run found them for the same material."""
    file = m.out / "sections" / f"{section.name.replace(' ', '-')}.json"
    key = m.key(section.uses, section.networks, section.weights)
    if file.is_file():
        kept: Found = json.loads(file.read_text(encoding="utf-8"))
        if kept["key"] == key:
            m.say(f"{section.name}: as found before")
            return dict(kept["figures"])
    m.say(f"{section.name} ...")
    figures = section.find(m)
    if not figures:  # nothing to ask, or a library lacks that may be there another time
        return {}
    file.parent.mkdir(parents=True, exist_ok=True)
    whole = json.dumps({"key": key, "figures": figures}, indent=1, allow_nan=False)
    file.write_text(whole + "\n", encoding="utf-8")
    return dict(json.loads(whole)["figures"])
