"""Splits, null labels and figures: what is called honest gives nothing away."""

from dataclasses import replace

import numpy as np
import pytest
from windows import made_up

from capsule.corpus.dataset import joined
from capsule.corpus.labels import COMPATIBLE
from capsule.errors import CapsuleError
from capsule.evaluation.figures import (
    STATISTICS,
    Judged,
    auc,
    balanced_accuracy,
    difference,
    ece,
    f1,
    figures,
    interval,
    reliability,
    together,
)
from capsule.evaluation.learners import MOST, learned, null_accuracy
from capsule.evaluation.predictions import AROUSAL, AXES, VALENCE, distance, drift, majority, mirror
from capsule.evaluation.splits import SPLITTERS, by_dataset, by_person, by_trial, dealt, trial_of
from capsule.learning import no_doubt
from capsule.network import CapsuleNetwork, NetworkConfig, ReadOut
from capsule.recogniser import Model
from eeg.montage import BANDS, REGIONS

REST = ["rest", "arithmetic"]


def several_sets():
    """EEGMAT's and Mane's people with one trial of each label, Ehrlich's with four."""
    return joined(
        [
            made_up(28, REST),
            made_up(5, ["happy music", "sad music"] * 4, "ehrlich"),
            made_up(17, ["horror", "relaxing music"], "mane"),
        ]
    )


# ---------------------------------------------------------------------------- the canary


def marked(labels, sets=("eegmat",), people=12):
    """Windows that tell nothing but the trial they are of, and that unmistakably."""
    return joined(
        [
            made_up(people, labels, name, each=12, seed=k, signature=2.0)
            for k, name in enumerate(sets)
        ]
    )


@pytest.mark.parametrize("name", SPLITTERS)
def test_canary_null_labels_are_at_chance_unless_the_split_leaks(name):
    """Every trial is marked, and its label is a coin's: only who has seen the trial can know it."""
    data = {
        "people": marked(REST),
        "datasets": marked(REST, ("mane", "dasps", "ehrlich")),
        "trials": marked(["A+", "A-"] * 6, ("ehrlich",)),
        "windows": marked(REST),
    }[name]
    splitter = SPLITTERS[name]
    found = null_accuracy(data, splitter.cut(data, 3), deals=12)
    if splitter.honest:
        assert 0.4 < found.mean() < 0.6
    else:
        assert found.mean() > 0.95


@pytest.mark.parametrize("name", ["people", "windows"])
def test_canary_the_usual_learners_find_the_same(name):
    data = dealt(marked(REST, people=20), seed=1)
    parts = [
        learned(data.where(cut.training), data.where(cut.test))
        for cut in SPLITTERS[name].cut(data, 4)
    ]
    told = [balanced_accuracy(together([part[who] for part in parts])) for who in parts[0]]
    if SPLITTERS[name].honest:
        assert max(told) < 0.75  # twenty people, one deal: chance is wide
    else:
        assert min(told) > 0.9


# ---------------------------------------------------------------------------- splits


@pytest.mark.parametrize("name", SPLITTERS)
def test_training_and_test_never_share_a_window_and_test_asks_each_once(name):
    data = several_sets()
    cuts = SPLITTERS[name].cut(data, 5)
    assert len(cuts) > 1
    asked = np.sum([cut.test for cut in cuts], axis=0)
    assert asked.max() == 1
    for cut in cuts:
        assert cut.test.any()
        assert not (cut.training & cut.test).any()
        trials = trial_of(data)
        shared = set(trials[cut.training]) & set(trials[cut.test])
        assert bool(shared) is not SPLITTERS[name].honest


def test_nobody_is_on_both_sides_of_a_split_by_person():
    data = several_sets()
    cuts = by_person(data, 7)
    for cut in cuts:
        assert not set(data.where(cut.training).people) & set(data.where(cut.test).people)
    assert np.sum([cut.test for cut in cuts], axis=0).tolist() == [1] * len(data)


def test_a_set_never_seen_is_in_no_training():
    data = several_sets()
    for cut in by_dataset(data):
        (name,) = set(data.dataset[cut.test])
        assert name not in data.dataset[cut.training]
    with pytest.raises(CapsuleError, match="eegmat is the only data set"):
        by_dataset(made_up(3, REST))


def test_somebody_alone_in_a_set_is_learned_from_only():
    data = joined([made_up(3, ["rest"]), made_up(1, ["happy"], "folder:mine")])
    cuts = by_person(data, 7)
    assert {p for cut in cuts for p in data.where(cut.test).people} == {
        f"eegmat/{k:02d}" for k in range(3)
    }
    with pytest.raises(CapsuleError, match="nobody can be held out"):
        by_person(made_up(1, ["happy"]), 7)


def test_who_has_one_trial_of_each_label_is_not_asked_about_trials():
    data = several_sets()
    asked = np.sum([cut.test for cut in by_trial(data, 3)], axis=0) > 0
    assert set(data.dataset[asked]) == {"ehrlich"}
    assert asked[data.dataset == "ehrlich"].all()
    with pytest.raises(CapsuleError, match="nobody has two trials"):
        by_trial(made_up(4, REST), 3)


def test_trials_are_runs_of_one_label_and_subsets_of_channels_share_them():
    data = made_up(1, ["sad music", "happy music"], "ehrlich", each=6)
    data = replace(
        data,
        recording=np.full(12, "ehrlich/00/S01/0/P01"),
        time_s=np.array([2.0, 3, 4, 30, 31, 32, 33, 34, 35, 60, 61, 62]),
    )
    assert len(set(trial_of(data))) == 4  # gap, change of label, gap
    twice = joined([data, data])
    assert trial_of(twice)[:12].tolist() == trial_of(twice)[12:].tolist()


def test_both_recordings_of_a_situation_of_dasps_are_one_trial():
    data = made_up(1, ["A+", "A+", "A-"], "dasps", each=4)
    names = [f"dasps/00/{k}/{name}" for k, name in enumerate(("0 recite", "0 imagine", "1 recite"))]
    trials = trial_of(replace(data, recording=np.repeat(names, 4)))
    assert len(set(trials)) == 2
    assert trials[0] == trials[4] != trials[8]


def test_null_labels_keep_people_and_trials():
    data = made_up(10, REST)
    null = dealt(data, seed=3)
    assert sorted(null.label.tolist()) == sorted(data.label.tolist())
    turned = {p for p in data.people if (null.of([p]).label != data.of([p]).label).any()}
    assert 0 < len(turned) < 10
    for person in turned:
        assert (null.of([person]).label != data.of([person]).label).all()


# ---------------------------------------------------------------------------- figures


def known_case():
    names = np.array(["a", "a", "b", "b"])
    return Judged(np.array([0.9, 0.1, 0.8, 0.2]), np.array([True, False] * 2), names, names)


def test_figures_of_known_cases():
    right = known_case()
    assert [one(right) for one in (balanced_accuracy, f1, auc)] == [1, 1, 1]
    assert ece(right) == pytest.approx(0.15)
    known = replace(right, p=np.full(4, 0.5))
    assert (auc(known), ece(known), balanced_accuracy(known)) == (0.5, 0.0, 0.5)
    assert f1(known) == pytest.approx(1 / 3)  # all told negative: 2/3 and 0
    assert interval(right, auc) == (1, 1)
    assert len(together([right, right]).p) == 8
    assert right.by_recording().p.tolist() == pytest.approx([0.5, 0.5])
    assert not right.of_one_class
    assert replace(right, recording=np.array(["a0", "a1", "b0", "b1"])).of_one_class


def test_both_classes_weigh_the_same_in_calibration():
    """Nine windows of one class and one of the other, all told .5: perfectly calibrated."""
    names = np.array(list("abcdefghij"))
    told = Judged(np.full(10, 0.5), np.arange(10) == 0, names, names)
    assert ece(told) == pytest.approx(0)
    (one,) = reliability(told)
    assert one == pytest.approx({"p": 0.5, "true": 0.5, "weight": 1.0})


def test_intervals_are_over_people_not_windows():
    """A hundred windows of each of four people, of whom two are always wrong."""
    person = np.repeat(list("abcd"), 100)
    truth = np.tile([True, False], 200)
    p = np.where(np.isin(person, ["a", "b"]) == truth, 0.9, 0.1)
    low, high = interval(Judged(p, truth, person, person), balanced_accuracy)
    assert low < 0.3 < 0.7 < high


def test_a_paired_difference_is_surer_than_the_figures_are():
    rng = np.random.default_rng(0)
    person = np.repeat(np.arange(30).astype(str), 20)
    truth = np.tile([True, False], 300)
    skill = np.repeat(rng.uniform(0.5, 1, 30), 20)
    right = rng.random(600) < skill
    better = right | (rng.random(600) < 0.1)
    theirs, ours = (
        Judged(np.where(hit == truth, 0.9, 0.1), truth, person, person) for hit in (right, better)
    )
    one = difference(ours, theirs, balanced_accuracy)
    assert one["value"] == pytest.approx(balanced_accuracy(ours) - balanced_accuracy(theirs))
    assert 0 < one["low"] < one["value"] < one["high"]
    low, high = interval(theirs, balanced_accuracy)
    assert one["high"] - one["low"] < (high - low) / 2
    with pytest.raises(ValueError, match="same windows"):
        difference(ours, theirs.where(np.arange(599)), balanced_accuracy)


def test_every_statistic_has_an_interval_that_holds_it():
    names = np.repeat(np.arange(20).astype(str), 10)
    rng = np.random.default_rng(1)
    truth = rng.random(200) < 0.4
    told = Judged(np.clip(truth * 0.4 + rng.random(200) * 0.6, 0, 1), truth, names, names)
    for name, one in figures(told).items():
        assert one["low"] <= one["value"] <= one["high"] or name == "ECE"
    assert list(figures(told)) == list(STATISTICS)


# ---------------------------------------------------------------------------- predictions


def test_labels_name_the_quadrants_that_fit():
    data = made_up(1, ["rest", "arithmetic", "horror", "V+"], each=1)
    p = np.tile([0.1, 0.2, 0.3, 0.4], (4, 1))
    assert AROUSAL.judged(p, data).truth.tolist() == [False, True, True]
    assert AROUSAL.judged(p, data).p[0] == pytest.approx(0.3)
    assert VALENCE.judged(p, data).truth.tolist() == [False, True]
    assert VALENCE.judged(p, data).p[0] == pytest.approx(0.5)
    assert all(set(fit) <= {"Q1", "Q2", "Q3", "Q4"} for fit in COMPATIBLE.values())


def test_learners_read_what_is_there_and_only_of_their_axis():
    data = made_up(8, ["rest", "arithmetic", "V+"], each=20)
    high = (data.label == "arithmetic")[:, None]
    data.inputs[:, 0, 2] += 2.0 * high
    training, test = (data.of([f"eegmat/0{k}" for k in some]) for some in (range(6), (6, 7)))
    found = learned(training, test)
    assert all(balanced_accuracy(one) > 0.9 for one in found.values())
    assert {len(one.p) for one in found.values()} == {80}  # V+ says nothing of arousal
    assert learned(training, test, VALENCE) == {}  # one side only
    assert len(training) < MOST
    chance = (training.label == "rest") + 1e-9
    drawn = learned(training, test, chance=np.asarray(chance, dtype=float))
    assert set(drawn) == set(found)
    assert majority(training, test, AROUSAL).p[0] == pytest.approx(0.5)


def test_controls_ask_what_they_say():
    bands = tuple(band.name for band in BANDS)
    network = CapsuleNetwork(NetworkConfig(REGIONS, bands, members=1))
    model = Model(network, ReadOut(), ReadOut(), no_doubt())
    data = made_up(3, REST, each=100)
    still = drift(model, data)
    assert len(still.p) == 300
    assert still.truth.mean() == pytest.approx(41 / 100)  # windows that end at 121 s or later
    back = mirror(model, data)
    assert len(back.p) == 600
    assert back.truth.mean() == 0.5
    far = data.inputs.copy()
    far[data.label == "arithmetic"] *= 9
    assert auc(distance(replace(data, inputs=far))) == 1
    assert [axis.name for axis in AXES] == ["arousal", "valence"]
