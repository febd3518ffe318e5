"""Who is learned from and how often, and what the recipe reaches on real people."""

import warnings
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from windows import made_up

from capsule.corpus.dataset import examples, folds, joined
from capsule.corpus.sources import TESTING, TRAINING, sittings
from capsule.errors import CapsuleError
from capsule.evaluation.figures import auc, balanced_accuracy, interval, together
from capsule.evaluation.predictions import AROUSAL, drift, read
from capsule.evaluation.splits import dealt
from capsule.learning import (
    NEW_SHARE,
    Recipe,
    build,
    chances,
    fit,
    left_out,
    no_doubt,
    shared_out,
)
from capsule.network import ReadOut, read_out, tempered
from capsule.readout import judged_by_strangers
from capsule.recogniser import Model

QUICK = Recipe(steps=80, batch=128, members=2, drop=0.3)


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


def test_the_test_headset_is_never_trained_on():
    with pytest.raises(CapsuleError, match="testing only"):
        chances(made_up(3, ["relaxed", "concentrating"], TESTING[0]), Recipe())


def test_people_and_classes_are_drawn_alike():
    many = made_up(4, ["sad music", "sad music", "sad music", "happy music"], "ehrlich")
    chance = chances(many, Recipe())
    assert chance[many.label == "sad music"].sum() == pytest.approx(0.5)
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


def test_each_member_leaves_a_part_of_the_people_out():
    several = [made_up(9, ["rest", "arithmetic"]), made_up(3, ["happy"], "ehrlich")]
    data = joined(several)
    member = left_out(data.person, data.dataset, Recipe(members=4))
    by_person = {who: set(member[data.person == who].tolist()) for who in data.people}
    assert all(len(found) == 1 for found in by_person.values())
    counts = np.bincount([*map(min, by_person.values())], minlength=4)
    assert counts.tolist() == [3, 3, 3, 3]
    with pytest.raises(CapsuleError, match="two people or more"):
        build(made_up(1, ["happy", "sad"], "folder:mine"), Recipe(steps=1))
    with pytest.raises(CapsuleError, match="two members or more"):
        left_out(data.person, data.dataset, Recipe(members=1))


def test_strangers_judge_and_set_the_read_out():
    """What left-out people are told by the member that never saw them; the rest says nothing."""
    data = made_up(4, ["rest", "arithmetic"])
    recipe = Recipe(steps=3, batch=16, members=2, shares=(("eegmat", 1.0),))
    member = left_out(data.person, data.dataset, recipe)
    network = fit(data, recipe, member)
    told = judged_by_strangers(network, data, member)
    inputs = torch.from_numpy(data.inputs).flatten(1, 2)
    votes = network(inputs, torch.from_numpy(data.present).flatten(1, 2)).logits
    for k in (0, len(data) // 2, len(data) - 1):
        assert torch.allclose(told[k], votes[member[k], k])


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
        network = fit(data.where(~np.isin(data.person, list(test))), recipe)
        found.append(
            read(Model(network, ReadOut(), ReadOut(), no_doubt()), (truth or data).of(test))
        )
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
    null = judged(dealt(eegmat, 1), ONE_SET, truth=dealt(eegmat, 2))
    assert 0.3 < balanced_accuracy(null) < 0.7


@pytest.mark.data
def test_the_drift_of_rest_is_no_arousal(eegmat):
    """Shipped weights: the second minute of rest against the third, must be at chance."""
    assert 0.4 < auc(drift(Model.load(), eegmat)) < 0.65


@pytest.mark.data
def test_shipped_members_read_the_people_they_left_out(eegmat):
    before = [examples(name) for name in TRAINING if name < "eegmat"]  # dealt before ours
    data = joined([*before, eegmat])
    member = left_out(data.person, data.dataset, Recipe())
    of = {str(who): int(one) for who, one in zip(data.person, member, strict=True)}
    model = Model.load()
    here = np.array([of[who] for who in eegmat.person.tolist()])
    logits = judged_by_strangers(model.network, eegmat, here)
    p = read_out(tempered(logits, model.known))[:, :2].sum(1).numpy()
    assert balanced_accuracy(AROUSAL.beside(p.astype(np.float64), eegmat)) > 0.8


@pytest.mark.data
def test_no_window_of_the_wearers_rest_is_among_the_examples(eegmat):
    assert eegmat.time_s[eegmat.label == "rest"].min() >= 62.0
    assert len(build(eegmat, replace(ONE_SET, steps=2)).doubt.mean) == 55
