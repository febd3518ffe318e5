"""Calibration: used where stretches left out are told better, else not; honest about all of it."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from capsule.baseline import SHAPE
from capsule.calibrate import Run, calibrate, report
from capsule.corpus.labels import BASELINE
from capsule.corpus.sitting import Stretch
from capsule.errors import CapsuleError
from capsule.personal.blocks import Blocks, by_block, sides, widened
from capsule.personal.evaluate import in_order, interval, people
from capsule.personal.learn import fitted, learn, left_out
from capsule.personal.shift import Shift, fit
from capsule.personal.stretches import from_markers
from capsule.recogniser import Model, Recogniser
from eeg.frontend import FrontEnd
from eeg.synthetic import EPOC, Step, synthesise

CAPSULES = SHAPE[0] * SHAPE[1]
LABELS = {
    "Q1": (1, 0, 0, 0), "Q2": (0, 1, 0, 0), "Q3": (0, 0, 1, 0), "Q4": (0, 0, 0, 1),
    "V+": (1, 0, 0, 1), "V-": (0, 1, 1, 0), "A+": (1, 1, 0, 0), "A-": (0, 0, 1, 1),
}  # fmt: skip
PERMUTATIONS = 9
ROWS = 6


def blocks(labels, strength=0.0, seed=0, runs=None, rows=ROWS):
    """Blocks whose first z-score follows valence and whose second follows arousal."""
    rng = np.random.default_rng(seed)
    compatible = torch.tensor([LABELS[one] for one in labels], dtype=torch.bool)
    side = sides(compatible).numpy()
    z = rng.normal(0, 1, (CAPSULES, len(labels), rows))
    z += rng.normal(0, 1, (CAPSULES, len(labels), 1))  # windows of a block are alike
    z[0] += strength * side[:, :1]
    z[1] += strength * side[:, 1:]
    return Blocks(
        logits=torch.zeros(4, len(labels) * rows),
        z=torch.tensor(z.reshape(CAPSULES, -1), dtype=torch.float32),
        trust=torch.ones(len(labels) * rows),
        member=torch.arange(len(labels)).repeat_interleave(rows),
        compatible=compatible,
        run=torch.tensor(runs or [0] * len(labels)),
    )


MIXED = ["V+", "V-", "V-", "V+", "V+", "V-", "V+"]


def test_what_is_there_is_learnt_and_used():
    shift, found = learn(blocks(MIXED, strength=5.0), permutations=PERMUTATIONS)
    (axis,) = found.axes
    assert found.used == "fit"
    assert (axis.axis, axis.low, axis.high) == ("valence", 3, 4)
    assert axis.calibrated == 1.0 > axis.permuted
    assert axis.plain == 0.5
    assert found.fit.nats > 0.2 > found.fit.error
    assert shift.weight[0, 0, 0] > 5 * shift.weight[0, 0, 2:].abs().mean()


@pytest.mark.parametrize("seed", [0, 2])
def test_what_is_not_there_is_not_used(seed):
    shift, found = learn(blocks(MIXED, seed=seed), seed=seed, permutations=PERMUTATIONS)
    assert shift is None
    assert found.used == "nothing"
    assert found.notes
    assert "not used" in report(found)


def sure(data, size):
    """The blocks, of which the plain recogniser is as sure as `size` (B,), log-odds of valence."""
    side = torch.tensor([[0.5], [-0.5], [-0.5], [0.5]])
    return replace(data, logits=side * size[data.member])


def test_a_plain_recogniser_that_is_right_already_is_left_alone():
    """The labels matter, so permuted ones are worse; but the fit has nothing to add."""
    data = blocks(MIXED)
    shift, found = learn(sure(data, 9.0 * sides(data.compatible)[:, 0]), permutations=PERMUTATIONS)
    assert found.axes[0].plain == 1.0
    assert found.chance <= 0.1
    assert shift is None


def test_one_that_is_sure_and_wrong_learns_to_doubt_and_nothing_else():
    data = blocks(MIXED)
    wrong = torch.tensor([6.0, 6.0, -6.0, -6.0, 6.0, 6.0, -6.0])  # right and wrong on each side
    shift, found = learn(sure(data, wrong), permutations=PERMUTATIONS)
    assert found.used == "temperature"
    assert shift.log_tau < -1
    assert not shift.bias.any()
    assert not shift.weight.any()
    assert found.temperature.nats > 0.5
    assert "temperature is" in report(found)


def test_a_block_left_out_plays_no_part_in_its_own_telling():
    data = blocks(MIXED, strength=2.0)
    axes = torch.tensor([True, False])
    told = left_out(data, data.compatible, axes)
    for k in (0, 5):
        other = data.compatible.clone()
        other[k] = ~other[k]
        mine = data.member == k
        torch.testing.assert_close(left_out(data, other, axes)[:, mine], told[:, mine])
        assert not torch.equal(left_out(data, other, axes), told)


def test_the_same_seed_gives_the_same_profile():
    once, again = (learn(blocks(MIXED, 2.5), permutations=PERMUTATIONS) for _ in range(2))
    assert once[1] == again[1]
    assert torch.equal(once[0].weight, again[0].weight)


def test_arousal_alone_leaves_valence_as_shipped():
    mixed = ["A+", "A-", "A-", "A+", "A+", "A-"]
    shift, found = learn(blocks(mixed, strength=5.0), permutations=PERMUTATIONS)
    assert [one.axis for one in found.axes] == ["arousal"]
    assert not shift.weight[0, 0].any()
    assert shift.bias[0, 0] == 0


def test_quadrants_teach_both_axes_and_partial_labels_join_in():
    mixed = ["Q1", "Q3", "Q2", "A-", "V+", "Q4", "Q1", "Q3", "Q2", "Q4"]
    shift, found = learn(blocks(mixed, strength=5.0), permutations=PERMUTATIONS)
    assert [(one.axis, one.low, one.high) for one in found.axes] == [
        ("valence", 4, 5), ("arousal", 5, 4)
    ]  # fmt: skip
    assert shift.weight[0, 0, 0] > 0 < shift.weight[0, 1, 1]
    assert min(one.calibrated for one in found.axes) > 0.8


@pytest.mark.parametrize("mixed", [["V+", "V-"] * 2, ["A+"] * 9, ["A+", "V-", "A-", "V+"]])
def test_too_few_stretches_are_told_with_how_many_are_needed(mixed):
    with pytest.raises(CapsuleError, match="at least 3 separate stretches on each side"):
        learn(blocks(mixed))


def test_order_that_explains_everything_is_no_calibration():
    """First all of one side, then all of the other: time passing would do as well."""
    data = blocks(["V+"] * 4 + ["V-"] * 4, strength=5.0)
    shift, found = learn(data, permutations=PERMUTATIONS)
    assert shift is None
    assert "passing of time" in report(found)
    two = blocks(["V+", "V-"] * 4, strength=5.0, runs=[0, 0, 1, 1, 2, 2, 3, 3])
    assert learn(two, permutations=PERMUTATIONS)[0] is None


def test_an_axis_in_bad_order_is_left_out_and_the_other_is_learnt():
    data = blocks(["Q1", "Q2", "Q2", "Q1", "Q3", "Q4", "Q4", "Q3"], strength=5.0)
    shift, found = learn(data, permutations=PERMUTATIONS)
    assert [one.axis for one in found.axes] == ["valence"]
    assert not shift.weight[0, 1].any()
    assert widened(data, torch.tensor([True, False])).compatible[0].tolist() == [1, 0, 0, 1]


def test_permuted_labels_are_other_orders_and_no_mirror_images():
    """Of three against three there are ten, the right one among them."""
    _, found = learn(blocks(["V+", "V-", "V-", "V+", "V+", "V-"], strength=5.0), permutations=30)
    assert found.used == "fit"
    assert found.chance == pytest.approx(0.1)


def test_many_blocks_are_left_out_several_at_once():
    _, found = learn(blocks(["V+", "V-", "V-", "V+"] * 4, 4.0, rows=2), permutations=2)
    assert found.axes[0].calibrated > 0.9


def test_fits_side_by_side_are_the_fits_one_by_one():
    data = blocks(MIXED, strength=2.0)
    compatible = data.compatible[data.member].T
    weight = torch.rand(3, len(data.member), generator=torch.Generator().manual_seed(0))
    penalty = torch.tensor([float("inf"), 3.0, 0.3])
    axes = torch.tensor([True, False])
    inputs = (data.logits, data.z, data.trust, compatible)
    together = fit(*inputs, weight, penalty, axes)
    for k in range(3):
        alone = fit(*inputs, weight[k : k + 1], penalty[k : k + 1], axes)
        torch.testing.assert_close(alone.weight[0], together.weight[k], atol=1e-5, rtol=1e-4)
    assert not together.weight[0].any()
    assert together.weight[1].norm() < together.weight[2].norm()


def test_a_fit_tells_its_own_labels_better():
    data = blocks(MIXED, strength=1.0)
    shift = fitted(data, torch.tensor([True, False])) or Shift.none(1, CAPSULES)
    fits = shift.logits(data.logits, data.z)[0]
    plain, own = (by_block(data, one, data.compatible).mean() for one in (data.logits, fits))
    assert own >= plain


# --- from recordings -----------------------------------------------------------------------------


def course(valence, order="+--++-", at_rest_s=24.0, each_s=16.0):
    steps, until_s = [Step(at_rest_s, 0.0, 0.0, "rest")], at_rest_s
    for sign in order:
        until_s += each_s
        steps.append(Step(until_s, valence if sign == "+" else -valence, 0.0, f"V{sign}"))
    return [*steps, Step(until_s + 2.0, 0.0, 0.0, "end")]


def run_of(valence, seed=1, order="+--++-", **lengths):
    recording = synthesise(EPOC, 128.0, course(valence, order, **lengths), seed)
    return Run(recording, from_markers(recording.events, recording.duration_s))


@pytest.fixture(scope="module")
def model():
    return Model.load()


@pytest.fixture(scope="module")
def profile(model):
    return calibrate(model, [run_of(2.0)], wearer="Ann", date="today", permutations=PERMUTATIONS)


def test_a_synthetic_wearer_is_calibrated(profile, model):
    assert profile.figures.used == "fit", report(profile.figures)
    assert profile.name == "Ann today"
    assert profile.rate_hz == 128.0
    assert profile.model == model.name
    assert "The fit is used." in report(profile.figures)


def test_the_profile_serves_on_another_day(profile, model, tmp_path):
    """Another recording with a rest of its own: valence is told, which the plain one cannot."""
    profile.save(tmp_path / "ann.json")
    day = run_of(2.0, seed=7)
    front_end = FrontEnd(day.recording.signal)
    features = [one for chunk in day.recording.chunks(256) for one in front_end.push(chunk)]
    apart = {}
    for name, file in (("plain", None), ("calibrated", tmp_path / "ann.json")):
        recogniser = Recogniser.load(front_end.montage, 24.0, file)
        told = [(one.time_s, one.valence) for one in recogniser.push_many(features)]
        mean = {"V+": [], "V-": []}
        for part in day.stretches[1:]:
            mean[part.label] += [v for t, v in told if part.start_s + 4 < t < part.stop_s]
        apart[name] = np.mean(mean["V+"]) - np.mean(mean["V-"])
    assert apart["calibrated"] > 0.4 > 0.2 > apart["plain"]


def test_the_rest_of_the_last_recording_is_kept(model):
    short = {"each_s": 14.0}
    runs = [run_of(0.5, seed, "+-+", **short) for seed in (1, 2)]
    runs[1] = replace(runs[1], stretches=run_of(0.5, 2, "-+-", **short).stretches)
    both = calibrate(model, runs, permutations=1)
    front_end = FrontEnd(runs[1].recording.signal)
    recogniser = Recogniser(model, front_end.montage, 24.0)
    for chunk in runs[1].recording.chunks(256):
        recogniser.push_many(front_end.push(chunk))
    np.testing.assert_allclose(both.rest.mean, recogniser.profile().rest.mean, atol=1e-6)


def test_names_that_do_not_fit_the_signal_are_told(model, profile):
    assert not any("names of the channels" in note for note in profile.figures.notes)
    run = run_of(2.0)
    order = np.random.default_rng(0).permutation(len(EPOC))
    recording = run.recording
    wrong = replace(run, recording=replace(recording, samples_uv=recording.samples_uv[:, order]))
    told = report(calibrate(model, [wrong], permutations=1).figures)
    assert "names of the channels do not fit" in told
    assert ".." not in told


def test_too_little_is_told_with_how_much_is_needed(model):
    run = run_of(0.5)
    none = replace(run, stretches=run.stretches[:1])
    with pytest.raises(CapsuleError, match="no labelled stretch has 8 s"):
        calibrate(model, [none])
    with pytest.raises(CapsuleError, match=r"5 s of rest.*at least 20 s"):
        calibrate(model, [run], rest_s=5.0)
    brief = tuple(replace(one, stop_s=one.start_s + 7.0) for one in run.stretches[1:])
    with pytest.raises(CapsuleError, match="no labelled stretch has 8 s"):
        calibrate(model, [replace(run, stretches=brief)], rest_s=24.0)
    with pytest.raises(CapsuleError, match="needs a recording"):
        calibrate(model, [])


def test_the_first_seconds_are_the_rest_where_none_is_labelled(model):
    """Stretches inside it do not count."""
    run = replace(run_of(0.5), stretches=(Stretch(0.0, 59.0, "V+"),))
    with pytest.raises(CapsuleError, match="outside the rest"):
        calibrate(model, [run])


def test_one_headset_at_a_time(model):
    run = run_of(0.5, order="+-", each_s=10.0)
    signal = run.recording.signal
    other = replace(
        run.recording,
        signal=replace(signal, name="muse", channels=signal.channels[:4]),
        samples_uv=run.recording.samples_uv[:, :4],
    )
    with pytest.raises(CapsuleError, match="muse has the channels AF3 F7 F3 FC5"):
        calibrate(model, [run, Run(other, run.stretches)])


# --- what it is worth to people of data sets -----------------------------------------------------


def test_in_order_of_time_the_first_blocks_teach_and_the_last_are_told():
    later = in_order(blocks([*MIXED, "V-", "V+", "V-"], strength=5.0))
    assert later.blocks == 2
    plain, by_fit, as_used = later.right["valence"]
    assert (by_fit, as_used) == (1.0, 1.0)
    assert plain == 0.5
    assert later.nats[1] > later.nats[0] + 0.3


def test_in_order_of_time_needs_mixed_order_and_enough():
    assert in_order(blocks(["V+"] * 4 + ["V-"] * 4 + ["V+", "V-"])) is None
    with pytest.raises(CapsuleError, match="at least 3"):
        in_order(blocks(["V+", "V-"] * 3))


def test_intervals_are_over_people():
    low, high = interval(np.array([0.1, 0.2, 0.3, 0.4]))
    assert 0.1 < low < 0.25 < high < 0.4


@pytest.mark.data
def test_a_real_person_has_rests_and_music_in_two_recordings(data):
    everybody = people("ehrlich")
    assert len(everybody) == 5
    for runs in everybody.values():
        labels = [one.label for run in runs for one in run.stretches]
        assert len(runs) == 2
        assert labels.count("happy music") == labels.count("sad music") == 4
        assert labels.count(BASELINE) == 12
