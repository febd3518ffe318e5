"""Controls for one loud electrode: what they change, and what they leave alone."""

from dataclasses import replace

import numpy as np
from windows import made_up

from capsule.evaluation.loud import (
    RAISED_Z,
    alpha_below,
    loud_left_out,
    loudest_hidden,
    one_raised,
)
from eeg.montage import BANDS, REGIONS

REST = ["rest", "arithmetic"]


def test_the_loudest_region_of_a_person_is_hidden_in_all_recordings_and_no_other():
    data = made_up(2, REST)
    for row, name in enumerate(data.people):
        loud = (data.person == name) & (data.label == "arithmetic")
        data.inputs[loud, row, :, 1] += 9.0
    hidden = loudest_hidden(data)
    for row, name in enumerate(data.people):
        for label in REST:
            gone = ~hidden.present[(data.person == name) & (data.label == label)].any((0, 2))
            assert np.flatnonzero(gone).tolist() == [row]
    assert not hidden.inputs[~hidden.present].any()
    kept = hidden.present
    np.testing.assert_array_equal(hidden.inputs[kept], data.inputs[kept])
    unheard = loudest_hidden(loud_left_out(data))  # in the loud windows it is not there
    for row, name in enumerate(data.people):
        gone = ~unheard.present[data.person == name].any((0, 2))
        assert np.flatnonzero(gone).tolist() == [row]
    only = replace(data, present=data.present & (np.arange(len(REGIONS)) == 3)[:, None])
    np.testing.assert_array_equal(loudest_hidden(only).present, only.present)


def test_one_region_that_is_present_is_raised_in_each_recording_whatever_its_label():
    data = made_up(6, REST)
    data = replace(data, present=data.present & (np.arange(len(REGIONS)) < 4)[:, None])
    data.inputs[~data.present] = 0.0
    more = one_raised(data, 0).inputs - data.inputs
    for name in np.unique(data.recording):
        here = more[data.recording == name]
        (region,) = np.flatnonzero(here.any((0, 2, 3)))
        assert region < 4
        wanted = np.broadcast_to(np.array(RAISED_Z)[:, None], here[:, region].shape)
        np.testing.assert_allclose(here[:, region], wanted, atol=1e-5)
    half = one_raised(data, 0, 0.5).inputs - data.inputs
    np.testing.assert_allclose(2 * half, more, atol=1e-5)


def test_what_alone_is_loud_is_left_out_window_by_window():
    data = made_up(2, REST)
    data = replace(data, inputs=np.zeros_like(data.inputs))
    data.inputs[3, 5] = 9.0
    heard = loud_left_out(data)
    gone = np.argwhere(data.present.any(2) & ~heard.present.any(2))
    assert gone.tolist() == [[3, 5]]
    assert not heard.inputs[3, 5].any()


def test_alpha_below_hears_what_lies_below_its_own_region_whatever_the_gain_and_learns_nothing():
    data = made_up(2, REST)
    data = replace(data, inputs=np.zeros_like(data.inputs))
    alpha = [band.name for band in BANDS].index("alpha")
    data.inputs[0, :, alpha], data.inputs[1, :, alpha] = -1.0, 1.0
    read = alpha_below(data)
    assert read.p[0] > 0.8
    assert read.p[1] < 0.2
    np.testing.assert_allclose(read.p[2:], 0.5)
    data.inputs[0, 3] += 5.0  # an electrode that is louder in all its bands
    np.testing.assert_allclose(alpha_below(data).p, read.p, atol=1e-6)
    there = data.present & (np.arange(len(REGIONS)) == 3)[:, None]
    data.inputs[0, 4] = 9.0  # and what is not there
    np.testing.assert_allclose(alpha_below(replace(data, present=there)).p[0], read.p[0], atol=1e-6)
