"""Splits by person, nobody tested whom training saw, and what the recipe reaches on real people."""

import warnings
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from capsule.corpus.dataset import Examples, examples, folds, joined
from capsule.corpus.labels import COMPATIBLE
from capsule.corpus.sources import TESTING, sittings
from capsule.errors import CapsuleError
from capsule.evaluate import arousal, probabilities, split, swapped, valence
from capsule.figures import Judged, auc, balanced_accuracy, ece, interval, together
from capsule.recogniser import Model
from capsule.train import (
    NEW_SHARE,
    Recipe,
    build,
    chances,
    fit,
    no_doubt,
    shared_out,
    temperers,
)
from eeg.montage import BANDS, REGIONS

QUICK = Recipe(steps=80, batch=128, members=2, drop=0.3)


def made_up(people, labels, dataset="eegmat", each=5, seed=0):
    """Examples of people who are all told apart by alpha."""
    rng = np.random.default_rng(seed)
    label = np.tile(np.repeat(labels, each), people)
    who = np.repeat([f"{dataset}/{k:02d}" for k in range(people)], each * len(labels))
    n, shape = len(label), (len(REGIONS), len(BANDS))
    return Examples(
        inputs=rng.normal(size=(n, *shape, 2)).astype(np.float32),
        present=np.ones((n, *shape), dtype=bool),
        level=rng.normal(size=(n, *shape)).astype(np.float32),
        spread=np.full(n, 0.2, np.float32),
        quality=np.ones(n, np.float32),
        expected=np.ones((n, len(REGIONS)), dtype=bool),
        time_s=np.tile(np.arange(each) + 62.0, people * len(labels)),
        label=label,
        person=who,
        recording=np.char.add(np.char.add(who, "/"), label),
        dataset=np.full(n, dataset),
    )


@settings(deadline=None, max_examples=40)
@given(st.integers(2, 40), st.integers(2, 9), st.integers(0, 5))
def test_folds_hold_everyone_out_once(people, count, seed):
    names = [f"p{k}" for k in range(people)]
    if count > people:
        with pytest.raises(CapsuleError, match="cannot be split"):
            folds(names, count, seed)
        return
    groups = folds(names, count, seed)
    assert sorted(name for group in groups for name in group) == sorted(names)
    assert max(map(len, groups)) - min(map(len, groups)) <= 1


def test_nobody_is_on_both_sides():
    data = joined(
        [
            made_up(28, ["rest", "arithmetic"]),
            made_up(5, ["happy music", "sad music"], "ehrlich"),
            made_up(17, ["horror", "relaxing music"], "mane"),
        ]
    )
    groups = split(data, 7)
    for test in groups:
        training = data.where(~np.isin(data.person, list(test)))
        assert not set(training.people) & set(data.of(test).people)
    for a in range(7):
        for b in range(a):
            assert not groups[a] & groups[b]
    assert frozenset().union(*groups) == set(data.people)


def test_the_test_headset_is_never_trained_on():
    with pytest.raises(CapsuleError, match="testing only"):
        chances(made_up(3, ["relaxed", "concentrating"], TESTING[0]), Recipe())


def test_people_and_classes_are_drawn_alike():
    many = made_up(4, ["rest", "rest", "rest", "arithmetic"])
    chance = chances(many, Recipe())
    assert chance[many.label == "rest"].sum() == pytest.approx(0.5)
    for person in many.people:
        assert chance[many.person == person].sum() == pytest.approx(0.25)


def test_a_data_set_of_ones_own_has_a_share():
    data = joined(
        [
            made_up(3, ["rest", "arithmetic"]),
            made_up(2, ["happy", "Q2|Q3"], "folder:mine"),
        ]
    )
    with_mine = shared_out(Recipe(), data)
    assert with_mine.shares == (*Recipe().shares, ("folder:mine", NEW_SHARE))
    chance = chances(data, with_mine)
    assert chance[data.dataset == "folder:mine"].sum() == pytest.approx(0.2 / (0.8 + 0.2))
    assert shared_out(Recipe(), data.where(data.dataset == "eegmat")) == Recipe()


def test_who_sets_the_temperature():
    usual = joined([made_up(28, ["rest", "arithmetic"]), made_up(5, ["happy"], "ehrlich")])
    assert temperers(usual) == folds([f"eegmat/{k:02d}" for k in range(28)], 7)[0]
    own = made_up(3, ["happy", "sad"], "folder:mine")
    assert len(temperers(own)) == 1
    with pytest.raises(CapsuleError, match="two people or more"):
        temperers(made_up(1, ["happy", "sad"], "folder:mine"))


def test_somebody_alone_in_a_set_is_learned_from_only():
    data = joined([made_up(3, ["rest"]), made_up(1, ["happy"], "folder:mine")])
    groups = split(data, 7)
    assert frozenset().union(*groups) == {f"eegmat/{k:02d}" for k in range(3)}
    assert all(groups)
    with pytest.raises(CapsuleError, match="nobody can be held out"):
        split(made_up(1, ["happy"]), 7)


def test_labels_name_the_quadrants_that_fit():
    data = made_up(1, ["rest", "arithmetic", "horror", "V+"], each=1)
    assert data.compatible.tolist() == [
        [False, False, True, True],
        [True, True, False, False],
        [False, True, False, False],
        [True, False, False, True],
    ]
    p = np.tile([0.1, 0.2, 0.3, 0.4], (4, 1))
    assert arousal(p, data).truth.tolist() == [False, True, True]
    assert arousal(p, data).p[0] == pytest.approx(0.3)
    assert valence(p, data).truth.tolist() == [False, True]
    assert valence(p, data).p[0] == pytest.approx(0.5)
    assert all(set(fit) <= {"Q1", "Q2", "Q3", "Q4"} for fit in COMPATIBLE.values())


def test_figures_of_known_cases():
    names = np.array(["a", "a", "b", "b"])
    right = Judged(np.array([0.9, 0.1, 0.8, 0.2]), np.array([True, False] * 2), names, names)
    assert balanced_accuracy(right) == 1
    assert auc(right) == 1
    assert ece(right) == pytest.approx(0.15)
    known = replace(right, p=np.full(4, 0.5))
    assert (auc(known), ece(known)) == (0.5, 0.0)
    low, high = interval(right, auc)
    assert (low, high) == (1, 1)
    assert len(together([right, right]).p) == 8
    assert right.by_recording().p.tolist() == pytest.approx([0.5, 0.5])
    assert not right.of_one_class
    assert replace(right, recording=np.array(["a0", "a1", "b0", "b1"])).of_one_class


def test_null_labels_keep_people_and_windows():
    data = made_up(10, ["rest", "arithmetic"])
    null = swapped(data, seed=3)
    assert sorted(null.label.tolist()) == sorted(data.label.tolist())
    turned = {p for p in data.people if (null.of([p]).label != data.of([p]).label).any()}
    assert 0 < len(turned) < 10
    for person in turned:
        assert (null.of([person]).label != data.of([person]).label).all()


def test_training_is_the_same_for_the_same_seed():
    data = made_up(4, ["rest", "arithmetic"])
    recipe = Recipe(steps=3, batch=16, members=1, shares=(("eegmat", 1.0),))
    a, b = (fit(data, recipe).state_dict() for _ in range(2))
    assert all(torch.equal(one, b[name]) for name, one in a.items())


def test_an_unknown_data_set_is_told():
    with pytest.raises(CapsuleError, match="no data set 'deep'"):
        next(iter(sittings("deep")))


def test_missing_data_is_told(monkeypatch, tmp_path):
    monkeypatch.setenv("EMOCAPSULE_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(CapsuleError, match="EMOCAPSULE_DATA"):
        sittings("eegmat")


# --- on real people ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def eegmat():
    """EEGMAT with four channels, the quickest; its features are kept in `data/features`."""
    from capsule.corpus.sources import data_folder

    try:
        data_folder()
    except CapsuleError as error:
        pytest.skip(str(error))
    torch.set_num_threads(1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return examples("eegmat", "4")


def judged(data, recipe, truth=None):
    """Two folds: the network learns from half of the people and is asked about the other half."""
    found = []
    for test in folds(data.people, 2):
        training = data.where(~np.isin(data.person, list(test)))
        network = fit(training, recipe)
        held = (truth or data).of(test)
        found.append(arousal(probabilities(Model(network, 1.0, no_doubt()), held), held))
    return together(found)


ONE_SET = replace(QUICK, shares=(("eegmat", 1.0),))


@pytest.mark.data
@pytest.mark.slow
def test_people_never_seen_are_read_better_than_chance(eegmat):
    told = judged(eegmat, ONE_SET)
    assert len(set(told.person)) == 28
    assert balanced_accuracy(told) > 0.75
    assert interval(told, auc)[0] > 0.7


@pytest.mark.data
@pytest.mark.slow
def test_canary_null_labels_are_read_at_chance(eegmat):
    """If the splitter leaked people or windows, this would be far above one half."""
    null = judged(swapped(eegmat, 1), ONE_SET, truth=swapped(eegmat, 2))
    assert 0.3 < balanced_accuracy(null) < 0.7


@pytest.mark.data
def test_the_drift_of_rest_is_no_arousal(eegmat):
    """Shipped weights: the second minute of rest against the third, must be at chance."""
    model = Model.load()
    rest = eegmat.where((eegmat.label == "rest") & (eegmat.time_s < 180.5))
    told = arousal(probabilities(model, rest), rest)
    assert 0.4 < auc(replace(told, truth=rest.time_s >= 121.0)) < 0.65


@pytest.mark.data
def test_shipped_weights_read_the_people_held_out_of_training(eegmat):
    """Those who set the temperature: the network itself never saw them."""
    eegmat = eegmat.of(folds(eegmat.people, 7)[0])
    told = arousal(probabilities(Model.load(), eegmat), eegmat)
    assert balanced_accuracy(told) > 0.7


@pytest.mark.data
def test_no_window_of_the_wearers_rest_is_among_the_examples(eegmat):
    assert eegmat.time_s[eegmat.label == "rest"].min() >= 62.0
    assert len(build(eegmat, eegmat, replace(ONE_SET, steps=2)).doubt.mean) == 55
