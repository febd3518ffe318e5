"""MIDI clock in: jitter, ramps, jumps, lost and doubled pulses, a clock that stands."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.daw.clockin import AHEAD_S, GAP_S, LOST_S, Beat, ClockIn
from bridge.daw.clockout import CLOCK, CONTINUE, START, STOP

JITTER_S = 0.001


def ramp(from_bpm=90.0, to_bpm=140.0, over_s=30.0, until_s=40.0):
    """When each pulse is due if the tempo rises steadily, then holds: (pulse,) seconds."""
    t = np.arange(0.0, until_s, 0.0005)
    bpm = np.interp(t, [0.0, over_s], [from_bpm, to_bpm])
    beats = np.concatenate([[0.0], np.cumsum((bpm[1:] + bpm[:-1]) / 2 * 0.0005 / 60.0)])
    return np.interp(np.arange(0, int(beats[-1] * 24)) / 24, beats, t)


def steady(bpm, pulses, begin_s=0.0):
    return begin_s + np.arange(pulses) * 60.0 / bpm / 24


def heard(due_s, seed=0, jitter_s=JITTER_S):
    """When they come: in order, off by up to `jitter_s`."""
    off = np.random.default_rng(seed).uniform(-jitter_s, jitter_s, len(due_s))
    return np.maximum.accumulate(due_s + off)


def feed(clock, times_s):
    return [clock.push(CLOCK, float(time_s)) for time_s in times_s][-1]


def started(times_s):
    clock = ClockIn()
    clock.push(START, float(times_s[0]) - 0.001)
    return clock, feed(clock, times_s)


@pytest.mark.parametrize("seed", range(3))
def test_on_a_ramp_with_jitter_beats_are_within_5_ms_after_two_beats(seed):
    due_s = ramp()
    times_s = heard(due_s, seed)
    clock, now_ms, ahead_ms = ClockIn(), [], []
    clock.push(START, -0.01)
    for pulse, time_s in enumerate(times_s):
        beat = clock.push(CLOCK, float(time_s))
        if pulse < 48:
            continue
        now_ms.append(1000 * abs(beat.when(pulse / 24) - due_s[pulse]))
        coming = np.searchsorted(due_s, time_s + AHEAD_S)
        if coming < len(due_s):
            ahead_ms.append(1000 * abs(beat.when(coming / 24) - due_s[coming]))
    assert max(now_ms) < 2.0
    assert max(ahead_ms) < 4.0
    assert beat.bpm == pytest.approx(140.0, abs=1.0)


@pytest.mark.parametrize("bpm", [30, 90, 140, 300])
def test_a_steady_clock(bpm):
    due_s = steady(bpm, 240)
    _, beat = started(heard(due_s))
    assert beat.running
    assert beat.sure
    assert beat.bpm == pytest.approx(bpm, rel=0.01)
    assert beat.when(10.0) == pytest.approx(240 * 60 / bpm / 24, abs=0.002)


@pytest.mark.parametrize(
    ("before", "after"), [(90, 140), (140, 90), (120, 60), (60, 120), (80, 240)]
)
def test_after_a_jump_of_the_tempo_it_is_right_within_a_beat_and_counts_each_pulse(before, after):
    first = steady(before, 96)
    then = steady(after, 25, first[-1] + 60 / after / 24)
    _, beat = started(heard(np.concatenate([first, then]), jitter_s=0.0005))
    assert beat.bpm == pytest.approx(after, rel=0.02)
    assert beat.when(5.0) == pytest.approx(then[-1], abs=0.002)


@pytest.mark.parametrize("seed", range(4))
def test_a_tempo_that_swings_steeply_loses_no_pulse(seed):
    rng = np.random.default_rng(seed)
    times_s, time_s, bpm, goal = [], 1.0, 120.0, 120.0
    for pulse in range(480):
        times_s.append(time_s)
        goal = rng.uniform(40, 240) if pulse % 48 == 0 else goal
        pulse_s = 60 / bpm / 24
        bpm += np.clip(goal - bpm, -60 * pulse_s, 60 * pulse_s)  # at most 60 a second
        time_s += 60 / bpm / 24
    _, beat = started(heard(times_s, seed))
    assert beat.at(times_s[-1]) == pytest.approx(479 / 24, abs=0.3 / 24)


def without(times_s, *lost):
    return np.delete(times_s, lost)


@pytest.mark.parametrize("lost", [(60,), (60, 61), (60, 61, 62, 63)])
def test_lost_pulses_are_counted_all_the_same(lost):
    due_s = steady(120, 100)
    _, beat = started(heard(without(due_s, *lost)))
    assert beat.at(due_s[96]) == pytest.approx(4.0, abs=0.01)


@pytest.mark.parametrize("later_s", [0.0, 0.0003, 0.004])
def test_a_doubled_pulse_counts_once(later_s):
    due_s = steady(120, 100)
    _, beat = started(np.sort(np.append(due_s, due_s[60] + later_s)))
    assert beat.at(due_s[96]) == pytest.approx(4.0, abs=0.01)


@pytest.mark.parametrize("late_s", [0.008, 0.015, 0.040, 0.060])
def test_a_pulse_that_comes_late_shifts_nothing(late_s):
    due_s = steady(120, 100)
    late = due_s.copy()
    late[60] += late_s
    _, beat = started(np.maximum.accumulate(late))  # those behind it wait for it
    assert beat.when(4.0) == pytest.approx(due_s[96], abs=0.002)


def test_start_is_the_next_pulse_whatever_ran_before():
    clock = ClockIn()
    beat = feed(clock, steady(100, 50))
    assert not beat.running
    assert beat.bpm == pytest.approx(100, rel=0.001)
    beat = clock.push(START, 1.3)
    assert not beat.running  # not before its pulse
    beat = feed(clock, steady(100, 49, 1.31))
    assert beat.running
    assert beat.at(1.31) == pytest.approx(0.0, abs=1e-6)


def test_stop_and_continue_go_on_with_the_next_pulse():
    clock, _ = started(steady(120, 60))
    at_stop = clock.push(STOP, 1.25)
    assert not at_stop.running
    feed(clock, steady(120, 30, 1.26))  # some send their clock all the time
    clock.push(CONTINUE, 2.0)
    beat = feed(clock, steady(120, 24, 2.1))
    assert beat.running
    assert beat.serial > at_stop.serial
    assert beat.at(2.1) == pytest.approx(60 / 24, abs=1e-6)


def test_the_song_position_is_where_continue_goes_on():
    clock, _ = started(steady(120, 60))
    clock.push(STOP, 1.25)
    clock.push(bytes((0xF2, 8, 1)), 1.3)  # 136 sixteenths
    clock.push(CONTINUE, 1.4)
    beat = feed(clock, steady(120, 24, 1.5))
    assert beat.at(1.5) == pytest.approx(34.0, abs=1e-6)
    serial = beat.serial
    clock.push(bytes((0xF2, 0, 0)), 1.99)  # a loop, without Stop
    beat = feed(clock, steady(120, 24, 2.0))
    assert beat.serial > serial
    assert beat.at(2.0) == pytest.approx(0.0, abs=0.001)


def test_a_clock_that_stands_does_not_run_and_goes_on_where_it_was():
    clock, beat = started(steady(120, 60))
    assert beat.runs(beat.time_s + GAP_S)
    assert not beat.runs(beat.time_s + GAP_S + 0.01)
    later = feed(clock, steady(120, 24, 5.0))
    assert later.runs(later.time_s)
    assert later.serial > beat.serial
    assert later.at(5.0) == pytest.approx(60 / 24, abs=1e-6)


def test_a_successor_goes_on_counting_what_nobody_heard():
    times_s = heard(ramp())
    _, beat = started(times_s[:200])
    follower = ClockIn(beat)
    assert feed(follower, times_s[250:260]).at(times_s[259]) == pytest.approx(259 / 24, abs=0.01)
    assert feed(ClockIn(beat), times_s[250:260]).running


def test_a_successor_that_comes_too_late_waits_for_start():
    _, beat = started(steady(120, 100))
    follower = ClockIn(beat)
    assert not feed(follower, steady(120, 20, beat.time_s + LOST_S + 1)).running
    assert not feed(ClockIn(Beat()), steady(120, 20)).running


messages = st.one_of(
    st.sampled_from([CLOCK, START, CONTINUE, STOP, b"", b"\xfe", b"\x90\x3c\x40"]),
    st.tuples(st.integers(0, 127), st.integers(0, 127)).map(lambda v: bytes((0xF2, *v))),
    st.binary(max_size=4),
)
steps_s = st.sampled_from([0.0, 1e-6, 0.001, 0.01, 0.02, 0.021, 0.1, 0.3, 5.0])


@settings(deadline=None)
@given(st.lists(st.tuples(messages, steps_s), max_size=200))
def test_whatever_comes_its_numbers_make_sense(stream):
    clock, now_s, serial = ClockIn(), 100.0, 0
    for message, step_s in stream:
        now_s += step_s
        beat = clock.push(message, now_s)
        assert beat.serial >= serial
        serial = beat.serial
        assert beat.bpm == 0.0 or 9.0 < beat.bpm < 401.0
        assert np.isfinite(beat.beats)
        if beat.runs(now_s):
            assert beat.when(beat.at(now_s + 1.0)) == pytest.approx(now_s + 1.0)


@settings(deadline=None, max_examples=50)
@given(
    st.floats(40.0, 250.0), st.integers(0, 2**31), st.lists(st.integers(48, 430), max_size=4),
    st.sampled_from(["lost", "doubled"]),
)  # fmt: skip
def test_single_slips_never_shift_the_count(bpm, seed, where, slip):
    where = [
        one for i, one in enumerate(sorted(where)) if i == 0 or one - sorted(where)[i - 1] > 20
    ]
    due_s = steady(bpm, 480)
    times_s = heard(due_s, seed, 0.0005)
    times_s = (
        np.delete(times_s, where)
        if slip == "lost"
        else np.sort(np.concatenate([times_s, times_s[where]]))
    )
    _, beat = started(times_s)
    assert beat.at(due_s[479]) == pytest.approx(479 / 24, abs=0.2 / 24)
