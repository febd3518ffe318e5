"""The emotion as controllers: numbers, ranges, when a value is sent, and when nothing is known."""

from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest

from bridge.daw.control import NAMES, SWEEP_S, Controllers, ControlMap, position, sweep
from bridge.errors import BridgeError
from bridge.wire import TimedControl, aside, check

EVEN = (0.25, 0.25, 0.25, 0.25)
BRIGHT = (0.94, 0.02, 0.02, 0.02)  # valence and arousal .92


def capsule(probabilities, confidence=0.5, quality=1.0):
    p = np.array(probabilities, np.float32)
    return SimpleNamespace(probabilities=p, confidence=confidence, quality=quality)


def course(feel, until_s, asked=None):
    """Step every 10 ms, a capsule each quarter second unless `feel` gives None."""
    controllers, sent = Controllers(asked or ControlMap()), []
    for tick in range(round(until_s * 100)):
        now_s = tick / 100
        felt = feel(now_s) if tick % 25 == 0 else None
        sent += controllers.step(now_s, felt)
    return sent


def values(sent, number):
    return [event.value for event in sent if event.controller == number]


def test_nothing_is_sent_before_the_first_capsule():
    assert course(lambda now_s: None, 5.0) == []


def test_the_first_capsule_sends_all_eight_honest_values():
    sent = course(lambda now_s: capsule((0.4, 0.3, 0.2, 0.1)), 2.0)
    told = {event.controller: event.value for event in sent}
    assert len(sent) == len(told) == 8
    assert told == {
        20: 64,
        21: 64 + round(0.4 * 63),
        22: 64,
        23: 127,
        24: 51,
        25: 38,
        26: 25,
        27: 13,
    }
    for event in sent:
        check(event)
        assert aside(bytes((0xB0, event.controller, event.value)))


@pytest.mark.parametrize(("value", "narrow", "wide"), [(-1, 0, 0), (0, 64, 8192), (1, 127, 16383)])
def test_valence_and_arousal_have_64_for_neutral(value, narrow, wide):
    for name in ("valence", "arousal"):
        assert round(position(name, value, 127)) == narrow
        assert round(position(name, value, 16383)) == wide


def test_a_change_glides_and_comes_at_most_25_times_a_second():
    sent = course(lambda now_s: capsule(EVEN if now_s < 1.0 else BRIGHT), 3.0)
    valence = [event for event in sent if event.controller == 20]
    assert [event.value for event in valence] == sorted(event.value for event in valence)
    assert (valence[0].value, valence[-1].value) == (64, round(64 + 0.92 * 63))
    assert 1.0 <= valence[1].time_s < valence[-1].time_s <= 1.3
    assert len(valence) >= 4
    for number in range(20, 28):
        times_s = [event.time_s for event in sent if event.controller == number]
        assert (np.diff(times_s) >= 0.04 - 1e-9).all()


@pytest.mark.parametrize("wide", [False, True])
def test_noise_does_not_chatter(wide):
    rng = np.random.default_rng(0)
    size = 0.002 if not wide else 0.0005

    def noisy(now_s):
        p = np.array(EVEN) + rng.uniform(-size, size, 4)
        return capsule(p / p.sum(), 0.5, 1.0)

    sent = course(noisy, 60.0, ControlMap(wide=wide))
    assert len(sent) == 8 * (1 + wide)


def test_what_drifts_slowly_is_followed():
    sent = course(lambda now_s: capsule(EVEN, confidence=now_s / 60.0), 60.0)
    confidence = values(sent, 22)
    assert confidence == sorted(confidence)
    assert confidence[-1] >= 124
    assert max(np.diff(confidence)) <= 3


def test_of_14_bits_the_coarse_half_comes_first():
    sent = course(lambda now_s: capsule((0.4, 0.3, 0.2, 0.1)), 1.0, ControlMap(wide=True))
    by_number = [event.controller for event in sent]
    assert by_number == [n for first in range(20, 28) for n in (first, first + 32)]
    coarse, fine = values(sent, 21)[0], values(sent, 53)[0]
    assert coarse * 128 + fine == round(8192 + 0.4 * 8191)


def test_after_a_loss_nothing_is_sure_and_then_nothing_is_known():
    def feel(now_s):
        return capsule(BRIGHT, 1.0, 1.0) if now_s < 10.0 else None

    sent = course(feel, 40.0)

    def at(number, time_s):
        return [e.value for e in sent if e.controller == number and e.time_s <= time_s][-1]

    assert (at(23, 10.5), at(22, 10.5)) == (127, 127)
    assert (at(23, 11.5), at(22, 11.5)) == (0, 0)
    assert at(20, 14.0) == round(64 + 0.92 * 63)
    assert 64 < at(20, 20.0) < 115
    assert (at(20, 40.0), at(21, 40.0)) == (64, 64)
    back = course(lambda now_s: feel(now_s) or capsule(BRIGHT), 40.0)
    assert values(back, 23) == [127]


def test_numbers_may_be_others_or_none():
    asked = ControlMap((1, 11, None, None, 24, 25, 26, 27))
    sent = course(lambda now_s: capsule(EVEN), 1.0, asked)
    assert Counter(event.controller for event in sent) == Counter((1, 11, 24, 25, 26, 27))


@pytest.mark.parametrize("number", [0, 6, 32, 38, 64, 96, 101, 120, 127, -1])
def test_numbers_with_a_meaning_of_their_own_are_refused(number):
    with pytest.raises(BridgeError, match=f"Controller {number} has a meaning"):
        ControlMap((number, *range(21, 28)))


def test_twins_and_numbers_without_14_bits_are_refused():
    with pytest.raises(BridgeError, match="same number"):
        ControlMap((21, *range(21, 28)))
    with pytest.raises(BridgeError, match="102 has no 14 bits"):
        ControlMap((102, *range(21, 28)), wide=True)


def test_a_sweep_moves_one_controller_through_its_range_and_back():
    events = sweep(ControlMap(), "arousal", 5.0)
    assert {event.controller for event in events} == {21}
    moved = [event.value for event in events]
    assert (moved[0], max(moved), moved[-1]) == (0, 127, 0)
    assert events[-1] == TimedControl(5.0 + SWEEP_S, 21, 0)
    assert {e.controller for e in sweep(ControlMap(wide=True), NAMES[0], 0.0)} == {20, 52}
