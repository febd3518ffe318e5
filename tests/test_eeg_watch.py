"""Watches with a clock that the test holds."""

import numpy as np
import pytest

from eeg.errors import EegError
from eeg.watch import Freshness, Health, Watchdog, check_unit, interruptions, microvolts_per


def test_interruptions_are_steps_beyond_the_tolerance_in_either_direction() -> None:
    stamps = np.array([0.0, 0.01, 0.02, 0.5, 0.51, 0.4, 0.1, 0.11])
    assert interruptions(stamps, None, 100.0) == [3, 6]
    assert interruptions(stamps, -5.0, 100.0) == [0, 3, 6]
    assert interruptions(stamps, 0.0, 100.0, tolerance_s=1.0) == []


def test_health_by_age_and_recovery_as_an_event() -> None:
    dog = Watchdog(now_s=100.0)
    assert dog.look(100.2) is None
    healths = [(change.health, change.recovered) for now in (100.3, 101.5, 106.0, 200.0)
               if (change := dog.look(now))]  # fmt: skip
    assert healths == [(Health.LATE, False), (Health.STALE, False), (Health.LOST, False)]
    dog.saw(stamp_s=200.0, now_s=200.01)
    back = dog.look(200.02)
    assert back is not None
    assert back.health is Health.LIVE
    assert back.recovered
    assert dog.look(200.03) is None


def test_late_is_no_loss_so_its_end_is_no_recovery() -> None:
    dog = Watchdog(0.0)
    assert dog.look(0.5) is not None
    dog.saw(0.6, 0.6)
    change = dog.look(0.61)
    assert change is not None
    assert not change.recovered


def test_a_backlog_does_not_count_as_life_and_a_stamp_ahead_of_the_clock_not_as_eternal() -> None:
    dog = Watchdog(0.0)
    dog.saw(stamp_s=0.1, now_s=9.0)  # old news
    assert dog.age_s(9.0) == pytest.approx(8.9)
    dog.saw(stamp_s=50.0, now_s=10.0)  # a replay at 4×
    assert dog.age_s(11.0) == pytest.approx(1.0)


def test_a_backlog_is_dropped_and_what_is_new_is_kept() -> None:
    fresh = Freshness()
    for now in np.arange(10.0, 12.0, 0.1):
        assert fresh.admit(now - np.array([0.02, 0.01]), now)[1] == 0
    burst = np.arange(12.0, 17.0, 0.01)  # a stall of five seconds, delivered at once
    times, old = fresh.admit(burst, 17.0)
    assert burst[old] == pytest.approx(16.0, abs=0.03)
    np.testing.assert_array_equal(times, burst)
    assert fresh.admit(np.array([17.1]), 17.11)[1] == 0


def test_a_steady_delay_is_no_backlog() -> None:
    fresh = Freshness()
    for now in np.arange(10.0, 20.0, 0.1):
        assert fresh.admit(np.array([now - 3.0]), now)[1] == 0


def test_stamps_of_another_clock_are_brought_to_ours() -> None:
    fresh = Freshness()
    unix = 1.7e9
    times, old = fresh.admit(unix + np.array([0.0, 0.1]), 50.0)
    np.testing.assert_allclose(times, [49.9, 50.0], atol=1e-6)
    assert old == 0
    times, _ = fresh.admit(unix + np.array([0.2]), 50.15)
    np.testing.assert_allclose(times, [50.1], atol=1e-6)


def test_stamps_of_a_clock_that_cannot_be_asked_are_brought_to_ours_however_near() -> None:
    fresh = Freshness()
    times, old = fresh.admit(np.array([46.9, 47.0]), 50.0, known=False)
    np.testing.assert_allclose(times, [49.9, 50.0])
    assert old == 0
    np.testing.assert_allclose(fresh.admit(np.array([47.1]), 50.2, known=False)[0], [50.1])


@pytest.mark.parametrize("drift", [2e-4, -2e-4])
def test_a_clock_that_drifts_for_an_hour_loses_nothing(drift: float) -> None:
    fresh = Freshness()
    for now in np.arange(10.0, 3610.0, 0.25):
        assert fresh.admit(np.array([now - 0.05 + drift * (now - 10.0)]), now)[1] == 0


@pytest.mark.parametrize("step_s", [600.0, -600.0, -5.0])
def test_a_clock_that_is_set_is_followed_after_two_seconds(step_s: float) -> None:
    fresh = Freshness()
    lost = []
    for now in np.arange(10.0, 20.0, 0.1):
        times, old = fresh.admit(np.array([now - 0.05 + step_s * (now > 12.0)]), now)
        lost += [now] * old
        if not old:
            np.testing.assert_allclose(times, now - 0.05, atol=0.01)
    assert 12.0 < min(lost) <= max(lost) < 14.2


def test_one_wild_stamp_costs_what_came_with_it_and_no_more() -> None:
    fresh = Freshness()
    for now in np.arange(10.0, 20.0, 0.1):
        wild = abs(now - 15.0) < 0.05
        times, old = fresh.admit(now + np.array([-0.05, 600.0 * wild, -0.01]), now)
        assert old == (2 if wild else 0)
        np.testing.assert_allclose(times[-1], now - 0.01)


def test_a_replay_that_runs_ahead_of_the_clock_is_no_backlog() -> None:
    fresh = Freshness()
    for now in np.arange(0.0, 30.0, 0.1):
        times, old = fresh.admit(np.array([8 * now]), now)
        assert old == 0
        assert times[0] == 8 * now


@pytest.mark.parametrize(
    ("unit", "scale"),
    [("microvolts", 1), ("uV", 1), ("µV", 1), ("μV", 1), ("", 1), ("Volts", 1e6), ("V", 1e6),
     ("mV", 1e3), ("nanovolts", 1e-3), ("percent", None), ("degrees", None)],
)  # fmt: skip
def test_units(unit: str, scale: float | None) -> None:
    assert microvolts_per(unit) == scale


def test_volts_are_told_from_a_flat_line() -> None:
    check_unit(np.array([0.0, 0.0]))
    check_unit(np.array([0.0, 3.0, 500.0]))
    with pytest.raises(EegError, match="volts"):
        check_unit(np.array([2e-5, 0.0, 1e-5]))
