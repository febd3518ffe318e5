"""What a network is asked under, and how its answers are weighed; turns from emotion to emotion."""

import numpy as np
import pytest

from music.condition import UNCONDITIONED, Condition
from music.guidance import (
    AROUSAL_SHARE,
    HALF_BEATS,
    ROWS,
    Settled,
    Strengths,
    guide,
    rows_needed,
    rows_of,
)

CALM, STIRRED = Condition((0.0, 0.0, 0.0, 1.0), 4.0), Condition((0.0, 1.0, 0.0, 0.0), 4.0)


def test_the_rows_are_the_condition_its_arousal_alone_and_none():
    (whole, heard), (arousal, also), (_, ignored) = rows_of(Condition((0.7, 0.1, 0.0, 0.2)))
    assert (heard, also, ignored) == (0.0, 0.0, 1.0)
    assert whole == (0.7, 0.1, 0.0, 0.2)
    assert arousal == pytest.approx((0.4, 0.4, 0.1, 0.1))
    for nothing in (UNCONDITIONED, Condition(whole, 0.0)):
        assert [null for _, null in rows_of(nothing)] == [1.0, 1.0, 1.0]


def test_guidance_is_nothing_at_0_the_network_at_1_and_mostly_valence_beyond():
    logits = np.random.default_rng(0).normal(size=(3, 9))
    np.testing.assert_allclose(guide(logits, 0.0), logits[2])
    np.testing.assert_allclose(guide(logits, 1.0), logits[0])
    of_valence = np.stack([np.ones(3), np.zeros(3), np.zeros(3)])  # known by the whole row only
    np.testing.assert_allclose(guide(of_valence, 3.0), 3.0)
    of_arousal = np.stack([np.ones(3), np.ones(3), np.zeros(3)])
    np.testing.assert_allclose(guide(of_arousal, 3.0), 1.0 + 2.0 * AROUSAL_SHARE)


def test_steady_strength_is_for_chords_and_pitches_alone():
    settled = Settled().towards(CALM, 0.0).towards(CALM, 40.0)
    assert settled.strengths(CALM) == (4.0, 1.0)
    assert settled.strengths(Condition(CALM.probabilities, 0.5)) == (0.5, 0.5)


def test_a_turn_is_for_time_and_touch_too_and_is_over_within_some_bars():
    settled = Settled().towards(CALM, 8.0)
    assert settled.strengths(STIRRED) == pytest.approx((4.0, 1.0 + 3.0))
    halfway = settled.towards(STIRRED, 8.0 + HALF_BEATS)
    assert halfway.strengths(STIRRED).time == pytest.approx(1.0 + 1.5)
    assert halfway.towards(STIRRED, 80.0).strengths(STIRRED).time == pytest.approx(1.0, abs=1e-4)
    plain = Condition(STIRRED.probabilities, 1.0)
    assert settled.strengths(plain) == (1.0, 1.0)  # as learned is as learned


def test_how_finely_time_is_cut_changes_nothing_and_time_never_runs_back():
    once, often = (Settled().towards(CALM, 0.0) for _ in range(2))
    for beats in np.linspace(0.0, 6.0, 13):
        often = often.towards(STIRRED, float(beats))
    once = once.towards(STIRRED, 6.0)
    assert once.mixture == pytest.approx(often.mixture)
    assert once.towards(CALM, 5.0).mixture == pytest.approx(once.mixture)


def test_nothing_asked_is_an_even_mixture():
    assert Settled().towards(UNCONDITIONED, 0.0).mixture == (0.25, 0.25, 0.25, 0.25)
    assert Settled().towards(UNCONDITIONED, 0.0).strengths(CALM).time == pytest.approx(
        1.0 + 3.0 * 0.75
    )


@pytest.mark.parametrize("may_sound", [False, True])
@pytest.mark.parametrize("strengths", [(4.0, 1.0), (4.0, 1.6), (1.0, 1.0), (0.5, 0.5), (0.0, 0.0)])
def test_rows_that_are_not_needed_change_no_choice(strengths, may_sound):
    logits = np.random.default_rng(1).normal(size=(ROWS, 9))
    strengths = Strengths(*strengths)
    here = (strengths.tones, strengths.time) if may_sound else (strengths.time,)
    alike = all(np.allclose(guide(logits, s), guide(logits[:1], s)) for s in here)
    assert rows_needed(strengths, may_sound) == (1 if alike else ROWS)


def test_a_turn_that_is_nearly_over_is_over():
    near = Settled().towards(CALM, 0.0).towards(STIRRED, 7 * HALF_BEATS)
    assert near.mixture != STIRRED.probabilities
    assert near.strengths(STIRRED) == (4.0, 1.0)
