"""The wearer's own rest: which windows it is, what a gap forgets, what serves meanwhile."""

from dataclasses import replace

import numpy as np

from capsule.baseline import LEAST_WINDOWS, LOUD_Z, SHAPE, Baseline, Rest, alone_loud, rest_of
from eeg.frontend import Features
from eeg.montage import BANDS, REGIONS

REST_S = 20.0


def made_up(count):
    """Features of a window each."""
    rng = np.random.default_rng(0)
    return [
        Features(
            end_s=2.0 + 0.25 * k,
            entropy=rng.normal(2, 0.3, (len(REGIONS), len(BANDS))).astype(np.float32),
            present=np.ones(len(REGIONS), dtype=bool),
            band_valid=np.ones(len(BANDS), dtype=bool),
            quality=1.0,
            channel_quality=np.ones(19),
            gap=False,
        )
        for k in range(count)
    ]


def test_the_rest_is_the_first_seconds_and_nothing_after():
    window = made_up(240)
    baseline = Baseline(REST_S)
    for one in window:
        baseline.push(one)
    rest = [one for one in window if one.end_s <= REST_S]
    expected = rest_of(
        np.array([one.entropy for one in rest], dtype=float),
        np.array([one.present for one in rest]),
    )
    assert np.array_equal(baseline.rest.mean, expected.mean)
    assert np.array_equal(baseline.rest.std, expected.std)


def test_a_gap_forgets_the_recent_mean_but_not_the_wearer():
    window = made_up(200)
    baseline = Baseline(REST_S)
    for one in window[:150]:
        baseline.push(one)
    rest = baseline.rest
    after = baseline.push(replace(window[150], gap=True, end_s=999.0))
    assert baseline.rest is rest
    np.testing.assert_allclose(after.inputs[..., 0], after.inputs[..., 1], atol=1e-5)


def test_a_region_without_rest_is_absent():
    window = [
        replace(one, present=np.arange(len(REGIONS)) > 0 if one.end_s < 30 else one.present)
        for one in made_up(200)
    ]
    baseline = Baseline(REST_S)
    last = [baseline.push(one) for one in window][-1]
    assert not last.present[0].any()
    assert last.present[1:].all()


def test_rest_waits_for_windows_if_all_were_lost():
    baseline = Baseline(5.0)
    window = made_up(80)
    ready = [baseline.push(one).rested for one in window]
    assert ready.index(True) == LEAST_WINDOWS


def test_a_rest_of_another_day_serves_until_the_new_one_is_complete():
    window = made_up(200)
    old = Rest(np.full(SHAPE, 1.0), np.full(SHAPE, 0.5), np.ones(len(REGIONS), dtype=bool))
    baseline, fresh = Baseline(REST_S, meanwhile=old), Baseline(REST_S)
    for one in window:
        ready, alone = baseline.push(one), fresh.push(one)
        assert ready.rested
        if one.end_s <= REST_S:
            assert baseline.rest is old
            np.testing.assert_allclose(ready.inputs[..., 0], old.z(one.entropy), rtol=1e-5)
        else:
            assert np.array_equal(ready.inputs, alone.inputs)


def test_a_region_that_alone_is_loud_is_left_out_until_it_is_quiet_again():
    window = made_up(400)
    rested = Baseline(REST_S)
    for one in window[:200]:
        rested.push(one)
    raised = np.arange(len(REGIONS)) == 3
    loud = [replace(one, entropy=one.entropy + 2.0 * raised[:, None]) for one in window[200:280]]
    during = [rested.push(one) for one in loud]
    assert not during[0].loud.any()  # what counts is the recent mean
    last = during[-1]
    assert np.flatnonzero(last.loud).tolist() == [3]
    assert np.array_equal(last.present.any(1), ~raised)
    assert not last.inputs[3].any()
    assert last.inputs[~raised].any()
    after = [rested.push(one) for one in window[280:]]
    assert not after[-1].loud.any()
    assert after[-1].present.all()


def test_what_most_of_the_head_hears_is_no_loud_electrode():
    present = np.ones(SHAPE, dtype=bool)
    z = np.zeros(SHAPE)
    z[4] = LOUD_Z + 1
    assert np.flatnonzero(alone_loud(z, present)).tolist() == [4]
    assert not alone_loud(z + 2.0, present).any()  # the others are not quiet
    assert not alone_loud(-z, present).any()
    z[4, 0] = -99.0  # loud in all bands but one: the mean decides
    assert not alone_loud(z, present).any()
    present[4, 0] = False  # a band that is not there plays no part
    assert alone_loud(z, present)[4]
    several = np.stack([z, np.zeros(SHAPE)])
    assert alone_loud(several, np.stack([present, present])).sum(1).tolist() == [1, 0]


def test_of_two_regions_nobody_can_say_which_is_loud():
    z, regions = np.zeros(SHAPE), np.arange(len(REGIONS))
    z[1] = 9.0
    for count, found in ((2, 0), (3, 1)):
        present = np.broadcast_to((regions < count)[:, None], SHAPE)
        assert alone_loud(z, present).sum() == found
