"""Rivals that read how electrodes go together: learners on the tangent space at the wearer's rest.

Beside the network, on the same windows: EEGMAT's folds by channels, as brain-computer interfaces
do it; and over scalp regions, so that a headset never seen can be asked, data sets left out and the
sets that nothing is learned from. Features: `capsule.evaluation.tangent`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec

import numpy as np

from capsule.corpus.dataset import Examples, joined
from capsule.corpus.sources import SUBSETS, source
from capsule.evaluation.figures import Floats, Judged
from capsule.evaluation.learners import CLIP, learned, null_accuracy
from capsule.evaluation.material import Material
from capsule.evaluation.predictions import AROUSAL, drifting, far, mirrored, read
from capsule.evaluation.rows import CAPSULE, TANGENT, Found, Rows, in_tangent_space
from capsule.evaluation.splits import Cut
from capsule.evaluation.tangent import Part
from capsule.learning import chances
from capsule.recogniser import Model
from eeg.montage import REGIONS

LEFT_OUT = ("eegmat", "mane")  # whose labels say what was done
DISTANCE = "tangent space, distance from rest alone (no threshold)"
LOUD = ", what is loud alone heard"


def riemann(m: Material) -> Found:
    """All of it; empty without pyriemann."""
    if find_spec("pyriemann") is None:
        m.say("  pyriemann is not installed: the tangent space is left out (pip install pyriemann)")
        return {}
    known, strange = parts(m)
    montages = {subset: known["eegmat", subset] for subset in m.eegmat}
    found: Found = {subset: _by_channels(m, subset, one) for subset, one in montages.items()}
    told: Found = {"montages": found, "null": _null(m, montages["19"]) if "19" in montages else {}}
    regions = {key: one.by_region() for key, one in known.items()}
    told["left out"] = {}
    for name in (one for one in LEFT_OUT if one in m.without):
        model = m.without[name][1]
        others = {key: one for key, one in regions.items() if key[0] != name}
        for subset in m.eegmat if name == "eegmat" else ("19",):
            title = f"eegmat, {subset} channels" if name == "eegmat" else name
            m.say(f"  tangent space, without {title}")
            told["left out"][title] = _transferred(m, model, others, regions[name, subset])
    told["unseen"] = {
        name: _transferred(m, m.shipped, regions, one.by_region()) for name, one in strange.items()
    }
    return told


def parts(m: Material) -> tuple[dict[tuple[str, str], Part], dict[str, Part]]:
    """Cross-spectra of all that is learned from, by set and channels, and of the unseen sets."""
    known = {}
    for told in m.learned:
        found = source(told)
        for subset in SUBSETS if found.kind == "eegmat" else ("19",):
            m.say(f"  cross-spectra: {found.name}, {subset} channels")
            known[found.name, subset] = Part.of(told, subset)
    return known, {source(told).name: Part.of(told, "19") for told in m.unseen}


def inputs_of(part: Part, nodes: Sequence[str], loud: bool = False) -> Floats:
    """Tangent vectors (W, entries), clipped as the entropies are, see `Part.vectors`."""
    return np.clip(part.vectors(nodes, loud), -CLIP, CLIP)


def _by_channels(m: Material, subset: str, part: Part) -> Found:
    """EEGMAT's folds of people, with the controls that the network has."""
    rows, data = Rows(), part.asked
    inputs = inputs_of(part, part.nodes)
    for number, cut in enumerate(m.folds, 1):
        people = m.data.where(cut.test).people
        m.say(f"  tangent space, {subset} channels, fold {number}")
        model = m.model(f"people fold {number}", m.data.where(cut.training))
        held = data.of(people)
        rows.tell({CAPSULE: read(model, held)})
        test = np.isin(data.person, people)
        rows.tell(_told(data.where(~test), held, inputs[~test], inputs[test]))
    return rows.found(TANGENT)


def _told(own: Examples, held: Examples, known: Floats, asked: Floats) -> dict[str, Judged]:
    """What learners say of `held` and, in the same breath, of its reflection in the rest."""
    size, found = len(held), {}
    both = learned(own, joined([held, held]), inputs=(known, np.vstack([asked, -asked])))
    task = np.flatnonzero(held.label == "arithmetic")
    for plain, judged in both.items():
        ahead = judged.where(np.arange(size))
        found[in_tangent_space(plain)] = ahead
        found[f"control: second against third minute of rest, {plain}"] = drifting(ahead, held)
        turned = mirrored(judged.where(task), judged.where(size + task))
        found[f"control: arithmetic against its mirror image, {plain}"] = turned
    found[DISTANCE] = _distance(asked, held)
    return found


def _distance(inputs: Floats, data: Examples) -> Judged:
    """The length of the recent mean's half of the tangent vectors (W, entries)."""
    told = AROUSAL.told(data)[0]
    recent = inputs[told, inputs.shape[1] // 2 :]
    heard = np.maximum((recent != 0.0).sum(1), 1)
    return far(np.sqrt((recent**2).sum(1) / heard), data.where(told))


def _null(m: Material, part: Part) -> Found:
    """Nearest neighbours in the tangent space on null labels, by folds of people."""
    data = part.asked
    tests = [np.isin(data.person, m.data.where(cut.test).people) for cut in m.folds]
    cuts = [Cut(~test, test) for test in tests]
    values = null_accuracy(data, cuts, m.settings.deals, inputs=inputs_of(part, part.nodes))
    low, high = np.quantile(values, (0.025, 0.975))
    return {"value": float(values.mean()), "low": float(low), "high": float(high)}


def shared(test: Part, others: Mapping[tuple[str, str], Part]) -> list[str]:
    """The regions of the headset that is asked about which every set has with all its channels."""
    fullest: dict[str, set[str]] = {}
    for (name, _), one in others.items():
        fullest[name] = fullest.get(name, set()) | set(one.nodes)
    return [one for one in REGIONS if one in test.nodes and all(one in f for f in fullest.values())]


def _transferred(
    m: Material, model: Model, others: Mapping[tuple[str, str], Part], test: Part
) -> Found:
    """Arousal by region. Windows are drawn as the network draws them, where no region lacks."""
    rows, nodes = Rows(), shared(test, others)
    rows.tell({CAPSULE: read(model, test.asked)})
    able = [one for one in others.values() if set(nodes) <= set(one.nodes)]
    if nodes and able:
        training = joined(one.asked for one in able)
        known = np.vstack([inputs_of(one, nodes) for one in able])
        chance = chances(training, m.recipe())
        plain, loud = (inputs_of(test, nodes, heard) for heard in (False, True))
        for asked, more in ((plain, ""), (loud, LOUD)):
            if more and np.array_equal(plain, loud):
                continue
            told = learned(training, test.asked, chance=chance, inputs=(known, asked))
            rows.tell({in_tangent_space(name) + more: one for name, one in told.items()})
            rows.tell({DISTANCE + more: _distance(asked, test.asked)})
    return rows.found(TANGENT) | {"regions": nodes}
