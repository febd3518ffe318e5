"""What a network is asked under, how answers are weighed, and the pull to where it was asked to."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from music.condition import UNCONDITIONED, Condition
from music.guidance import (
    AROUSAL_SHARE,
    AT_EASE,
    PULL,
    ROWS,
    STEADY,
    Strengths,
    guide,
    lead,
    rows_needed,
    rows_of,
    strengths_of,
)

CALM, STIRRED = Condition((0.0, 0.0, 0.0, 1.0), 4.0), Condition((0.0, 1.0, 0.0, 0.0), 4.0)


def test_the_rows_are_the_condition_its_arousal_alone_none_and_what_is_heard():
    rows = rows_of(Condition((0.7, 0.1, 0.0, 0.2)))
    (whole, told), (arousal, also), (_, ignored), _ = rows
    assert (told, also, ignored) == (0.0, 0.0, 1.0)
    assert whole == (0.7, 0.1, 0.0, 0.2)
    assert arousal == pytest.approx((0.4, 0.4, 0.1, 0.1))
    for nothing in (UNCONDITIONED, Condition(whole, 0.0)):
        assert [null for _, null in rows_of(nothing)] == [1.0] * ROWS


def test_guidance_is_nothing_at_0_the_network_at_1_and_mostly_valence_beyond():
    logits = np.random.default_rng(0).normal(size=(3, 9))
    np.testing.assert_allclose(guide(logits, 0.0), logits[2])
    np.testing.assert_allclose(guide(logits, 1.0), logits[0])
    of_valence = np.stack([np.ones(3), np.zeros(3), np.zeros(3)])  # known by the whole row only
    np.testing.assert_allclose(guide(of_valence, 3.0), 3.0)
    of_arousal = np.stack([np.ones(3), np.ones(3), np.zeros(3)])
    np.testing.assert_allclose(guide(of_arousal, 3.0), 1.0 + 2.0 * AROUSAL_SHARE)


def test_music_that_is_where_it_was_asked_for_is_not_pulled():
    for heard in (None, 0.0, AT_EASE - 0.01):
        assert strengths_of(CALM, heard) == (4.0, 1.0, 0.0)
    assert strengths_of(STIRRED, 1.01 - AT_EASE) == (4.0, 1.0, 0.0)
    assert strengths_of(Condition(CALM.probabilities, 0.5), 1.0) == (0.5, 0.5, 0.0)


def test_music_that_is_elsewhere_is_pulled_from_there_however_long_it_takes():
    assert strengths_of(STIRRED, 0.0) == (4.0, 1.0, PULL * 3.0)
    mild = Condition((0.1, 0.2, 0.5, 0.2), 5.0)
    assert strengths_of(mild, 0.97) == (5.0, 1.0, PULL * 4.0)
    for unasked in (Condition(STIRRED.probabilities, 1.0), UNCONDITIONED, Condition(None, 4.0)):
        assert strengths_of(unasked, 0.0).pull == 0.0  # as learned is as learned


def test_what_is_heard_is_the_mixture_with_another_arousal():
    heard = rows_of(Condition((0.6, 0.2, 0.05, 0.15), 4.0), 0.25)[-1]
    assert heard[0] == pytest.approx((0.1875, 0.0625, 0.1875, 0.5625))
    assert rows_of(CALM, 1.0)[-1][0] == (0.5, 0.5, 0.0, 0.0)  # of stirred music it knows no valence
    assert rows_of(CALM, 0.0)[-1][0] == CALM.probabilities
    assert rows_of(CALM, None)[-1][0] == CALM.probabilities


@given(
    st.tuples(*[st.floats(0.0, 1.0)] * 4).filter(lambda p: sum(p) > 0.1),
    st.none() | st.floats(0.0, 1.0),
)
def test_every_row_is_a_mixture(weights, heard):
    total = sum(weights)
    p = tuple(w / total for w in weights)
    for mixture, _ in rows_of(Condition(p, 4.0), heard):
        assert sum(mixture) == pytest.approx(1.0)
        assert min(mixture) >= 0.0
    if heard is not None:
        assert sum(rows_of(Condition(p, 4.0), heard)[-1][0][:2]) == pytest.approx(heard)


def test_a_pull_leans_away_from_what_is_heard_and_nothing_else_does():
    logits = np.random.default_rng(0).normal(size=(ROWS, 9))
    np.testing.assert_allclose(lead(logits, Strengths(4.0, 1.0, 0.0)), logits[0])
    np.testing.assert_allclose(lead(logits[:1], Strengths(4.0, 1.0, 0.0)), logits[0])
    pulled = lead(logits, Strengths(4.0, 1.0, 1.5))
    np.testing.assert_allclose(pulled, logits[0] + 1.5 * (logits[0] - logits[3]))
    there = np.concatenate([logits[:3], logits[:1]])  # heard as it was asked
    np.testing.assert_allclose(lead(there, Strengths(4.0, 1.0, 1.5)), logits[0])


@pytest.mark.parametrize("may_sound", [False, True])
@pytest.mark.parametrize(
    "strengths", [(4.0, 1.0), (4.0, 1.0, 1.5), (1.0, 1.0), (0.5, 0.5), (0.0, 0.0)]
)
def test_rows_that_are_not_needed_change_no_choice(strengths, may_sound):
    logits = np.random.default_rng(1).normal(size=(ROWS, 9))
    strengths = Strengths(*strengths)

    def weighed(rows):
        return [lead(rows, strengths), *([guide(rows, strengths.tones)] if may_sound else [])]

    needed = rows_needed(strengths, may_sound)
    np.testing.assert_allclose(weighed(logits[:needed]), weighed(logits))
    fewer = {1: None, STEADY: 1, ROWS: STEADY}[needed]
    assert fewer is None or not np.allclose(weighed(logits[:fewer]), weighed(logits))
