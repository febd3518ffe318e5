"""The rivals' tangent vectors: what they are blind to, what they see; that they leak nothing."""

from dataclasses import replace

import numpy as np
import pytest

from capsule.corpus.dataset import joined, prepared
from capsule.corpus.sitting import Sitting, picked, recording_of, whole
from capsule.evaluation import tangent
from capsule.evaluation.figures import balanced_accuracy, together
from capsule.evaluation.learners import learned, null_accuracy
from capsule.evaluation.riemann import inputs_of, shared
from capsule.evaluation.splits import by_person
from capsule.evaluation.tangent import USED, Crossed, CrossSpectra, Part
from eeg.features import BandEntropy
from eeg.montage import BANDS, REGIONS

pytest.importorskip("pyriemann")

RATE_HZ = 128.0
CHANNELS = ("Fp1", "Fp2", "T7", "T8")
SUPPORT = "support vectors (RBF)"


def sitting(number, shared_part=0.9):
    """A minute and a quarter of rest, half a minute of arithmetic, in which the channels agree.

    Every channel is as loud in one as in the other.
    """
    rng, takes = np.random.default_rng(number), []
    for label, seconds, part in (("rest", 75, 0.0), ("arithmetic", 30, shared_part)):
        size = int(seconds * RATE_HZ)
        alone, common = rng.normal(size=(size, 4)), rng.normal(size=(size, 1))
        samples = 20.0 * (np.sqrt(1 - part) * alone + np.sqrt(part) * common)
        takes.append(whole(recording_of(label, samples, RATE_HZ, CHANNELS), label))
    return Sitting(f"{number:02d}", tuple(takes))


@pytest.fixture(scope="module")
def part():
    """Six such people."""
    people = [sitting(number) for number in range(6)]
    asked = joined(prepared(one, "eegmat") for one in people)
    return Part(asked, {f"eegmat/{one.person}": Crossed.of(one) for one in people})


@pytest.fixture(scope="module")
def one(part):
    return part.sittings["eegmat/00"]


def test_cross_spectra_hold_the_power_that_the_entropies_tell():
    samples = np.random.default_rng(0).normal(size=(3, 256))
    cross = CrossSpectra(RATE_HZ, 256)
    entropy = cross(samples)
    assert np.array_equal(entropy, BandEntropy(RATE_HZ, 256)(samples))
    (found,) = cross.taken()
    assert cross.taken() == []
    used = [band.name in USED for band in BANDS]
    power = np.diagonal(found, axis1=1, axis2=2).T  # (channel, band)
    assert 0.5 * np.log(2 * np.pi * np.e * power) == pytest.approx(entropy[:, used])
    same = CrossSpectra(RATE_HZ, 256)
    same(np.vstack([samples, -samples[:1]]))
    (found,) = same.taken()
    assert found[:, 0, 3] == pytest.approx(-found[:, 0, 0])


def test_at_rest_nothing_is_told(one):
    """Whitened by the mean of the rest, the rest is the identity, whose logarithm is 0."""
    rows = np.flatnonzero(one.rest)
    told = one.against_rest(CHANNELS, rows)
    assert told.shape == (len(rows), 2 * 3 * 10)
    assert np.abs(told[:, :30].mean(0)).max() < 0.3  # standard deviations of single windows
    assert 0.3 < told[:, :30].std(0).min() <= told[:, :30].std(0).max() < 1.0  # the spread's floor
    still = replace(one, cross=np.broadcast_to(one.cross[rows].mean(0), one.cross.shape))
    assert np.abs(still.against_rest(CHANNELS, rows)).max() < 1e-5


def test_the_gain_of_an_electrode_changes_nothing(one):
    gain = np.array([1.0, 7.0, 0.2, 3.0], dtype=np.float32)
    louder = replace(one, cross=one.cross * gain[:, None] * gain)
    rows = np.flatnonzero(one.take == 1)
    plain, told = (each.against_rest(CHANNELS, rows) for each in (one, louder))
    assert told == pytest.approx(plain, abs=1e-3)
    assert np.abs(plain).max() > 1.0


def test_the_order_of_nodes_is_the_one_that_was_asked_for(one):
    rows = np.flatnonzero(one.take == 1)[:5]
    pair, turned = (one.against_rest(n, rows) for n in (("Fp1", "T8"), ("T8", "Fp1")))
    assert turned.reshape(5, 6, 3)[..., [2, 1, 0]] == pytest.approx(pair.reshape(5, 6, 3))


def test_a_node_that_lacks_says_nothing(one):
    rows = np.flatnonzero(one.take == 1)[:5]
    less = one.against_rest(("Fp1", "Pz", "T8"), rows).reshape(5, 6, 6)  # 11 12 13 22 23 33
    assert not less[..., [1, 3, 4]].any()
    pair = one.against_rest(("Fp1", "T8"), rows).reshape(5, 6, 3)
    assert less[..., [0, 2, 5]] == pytest.approx(pair)
    bad = replace(one, good=one.good & (np.array(CHANNELS) != "T7"))
    assert bad.against_rest(CHANNELS, rows)[0].astype(bool).sum() == 6 * 6
    assert not replace(one, good=np.zeros_like(one.good)).against_rest(CHANNELS, rows).any()
    assert not replace(one, rest=np.zeros_like(one.rest)).against_rest(CHANNELS, rows).any()


def test_a_node_that_is_not_heard_says_nothing_in_that_window(one):
    rows = np.flatnonzero(one.take == 1)[:3]
    heard = np.ones((3, 4), dtype=bool)
    heard[1, 2], heard[2] = False, False
    told = one.against_rest(CHANNELS, rows, heard).reshape(3, 6, 10)
    assert told[0] == pytest.approx(one.against_rest(CHANNELS, rows)[0].reshape(6, 10))
    without = one.against_rest(("Fp1", "Fp2", "T8"), rows)[1].reshape(6, 6)
    assert not told[1][:, [2, 5, 7, 8]].any()
    assert told[1][:, [0, 1, 3, 4, 6, 9]] == pytest.approx(without)
    assert not told[2].any()


def test_what_the_baseline_left_out_is_not_heard(part):
    """Whatever its own cross-spectra say; unless it is asked for."""
    present = part.asked.present.copy()
    present[:, REGIONS.index("temporal-left")] = False
    deaf = replace(part, asked=replace(part.asked, present=present))
    plain, loud = deaf.vectors(CHANNELS), deaf.vectors(CHANNELS, loud=True)
    assert not plain.reshape(len(plain), 6, 10)[..., [2, 5, 7, 8]].any()
    assert loud == pytest.approx(part.vectors(CHANNELS))


def test_a_window_with_a_bad_electrode_is_what_the_last_good_one_was(one):
    good, cross = one.good.copy(), one.cross.copy()
    good[300, 2], cross[300] = False, 1e9
    broken = replace(one, good=good, cross=cross).against_rest(CHANNELS, np.array([299, 300, 310]))
    assert broken[0, :30] == pytest.approx(broken[1, :30])
    assert np.abs(broken).max() < 10


def test_a_region_is_the_mean_of_its_good_channels(one):
    regions = replace(one, regions=("frontal-left", "frontal-left", "temporal-left", "central"))
    regions.good[7] = [True, False, True, True]
    told = regions.by_region()
    assert told.nodes == ("frontal-left", "temporal-left", "central")
    mix = np.array([[0.5, 0.5, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    assert told.cross[6] == pytest.approx(mix @ one.cross[6] @ mix.T, rel=1e-4)
    assert told.cross[7][:, 0, 0] == pytest.approx(one.cross[7][:, 0, 0])
    regions.good[7] = True


def test_only_the_regions_that_all_sets_share_are_asked_about(one):
    def having(*nodes):
        return Part(None, {"somebody": replace(one, nodes=nodes)})

    others = {
        ("eegmat", "19"): having("frontal-left", "frontal-right", "central"),
        ("eegmat", "4"): having("frontal-left", "frontal-right"),
        ("mane", "19"): having("central", "frontal-left", "temporal-left"),
    }
    test = having("frontal-left", "central", "temporal-left")
    assert shared(test, others) == ["frontal-left", "central"]


def test_the_recent_mean_forgets_at_an_interruption(one):
    cross = np.arange(len(one.cross), dtype=float)[:, None]
    recent = one._recent(cross)[:, 0]
    start = int(np.flatnonzero(one.take == 1)[0])
    assert recent[start] == start
    assert recent[0] == 0
    lag = cross[start - 1, 0] - recent[start - 1]
    assert lag == pytest.approx(4.0 / 0.25 - 0.5, abs=0.1)  # four seconds of four windows


def test_what_agrees_more_is_read_where_nothing_is_louder(part):
    found, inputs = {"tangent": [], "entropies": []}, inputs_of(part, CHANNELS)
    assert np.isfinite(inputs).all()
    for cut in by_person(part.asked, 3):
        own, held = part.asked.where(cut.training), part.asked.where(cut.test)
        both = inputs[cut.training], inputs[cut.test]
        found["tangent"].append(learned(own, held, inputs=both)[SUPPORT])
        found["entropies"].append(learned(own, held)[SUPPORT])
    told = {name: balanced_accuracy(together(parts)) for name, parts in found.items()}
    assert told["tangent"] > 0.9
    assert told["entropies"] < 0.8


def test_canary_null_labels_are_at_chance_in_the_tangent_space(part):
    """The state is plain to see, yet who learns from a coin's labels knows nobody else's."""
    inputs = inputs_of(part, CHANNELS)
    found = null_accuracy(part.asked, by_person(part.asked, 3), deals=40, inputs=inputs)
    assert 0.35 < found.mean() < 0.65


def test_windows_are_those_of_the_entropies(monkeypatch):
    """By name and time, of a set that is read in the usual way."""
    everybody = [sitting(number) for number in range(2)]

    class Two:
        name = "eegmat"

        def sittings(self, subset):
            return (picked(one, CHANNELS[: int(subset)]) for one in everybody)

    asked = joined(prepared(one, "eegmat") for one in everybody)
    monkeypatch.setattr(tangent, "source", lambda told: Two())
    monkeypatch.setattr(tangent, "examples", lambda told, subset: asked)
    found = Part.of("eegmat", "2")
    assert found.nodes == CHANNELS[:2]
    assert found.by_region().nodes == ("frontal-left", "frontal-right")
    told = found.vectors(found.nodes)
    assert told.shape == (len(asked), 18)
    assert np.isfinite(told).all()
    here = asked.person == "eegmat/01"
    alone = Part(asked.where(here), found.sittings).vectors(found.nodes)
    assert told[here] == pytest.approx(alone)
