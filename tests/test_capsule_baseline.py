"""The wearer's own rest: which windows it is, what a gap forgets, what serves meanwhile."""

from dataclasses import replace

import numpy as np

from capsule.baseline import LEAST_WINDOWS, SHAPE, Baseline, Rest, rest_of
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
