"""What a network is asked under, how answers are weighed, and the turn to another emotion."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from music.condition import UNCONDITIONED, Condition
from music.energy import Energy
from music.events import Note, Tempo
from music.grammar import Grammar
from music.guidance import (
    AROUSAL_SHARE,
    AWAY,
    HALF_BEATS,
    PULL,
    ROWS,
    STEADY,
    TOWARDS,
    TURN_BEATS,
    VALENCE_SHARE,
    Pull,
    Strengths,
    Turn,
    guide,
    lead,
    rows_needed,
    rows_of,
    strengths_of,
)

CALM, STIRRED = Condition((0.0, 0.0, 0.0, 1.0), 4.0), Condition((0.0, 1.0, 0.0, 0.0), 4.0)


def test_the_rows_are_the_condition_its_arousal_alone_none_and_whence_music_comes():
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
    np.testing.assert_allclose(guide(of_valence, 3.0), 1.0 + 2.0 * VALENCE_SHARE)
    of_arousal = np.stack([np.ones(3), np.ones(3), np.zeros(3)])
    np.testing.assert_allclose(guide(of_arousal, 3.0), 1.0 + 2.0 * AROUSAL_SHARE)


def test_what_is_pulled_is_time_and_touch_by_strength_beyond_1():
    somewhere = Pull(STIRRED.probabilities)
    assert strengths_of(CALM, None) == (4.0, 1.0, 0.0)
    assert strengths_of(CALM, somewhere) == (4.0, 1.0, PULL * 3.0)
    assert strengths_of(CALM, Pull(*somewhere[:1], TOWARDS)) == (4.0, 1.0, -PULL * 3.0)
    for strength in (1.0, 0.5, 0.0):  # as learned is as learned
        plain = Condition(CALM.probabilities, strength)
        assert strengths_of(plain, somewhere) == (strength, strength, 0.0)
    assert strengths_of(Condition(None, 4.0), somewhere).pull == 0.0


def heard(velocity, notes_a_second, beats=24, start=0, energy=None):
    """What is heard of an even stream of notes."""
    energy = energy or Energy()
    for beat in range(start, start + beats):
        energy = energy.push(Tempo(float(beat), 60.0))
        for note in range(notes_a_second):
            energy = energy.push(Note(beat + note / notes_a_second, 0.5, 60, velocity))
    return energy


MILD = Condition((0.2, 0.2, 0.4, 0.2), 5.0)  # touch and density of heard(63, 6)
PITCH, DUR = Grammar(kind="PITCH"), Grammar(kind="DUR")  # before a velocity, before all else


def journey(*parts, first=STIRRED):
    """A turn and what was heard at its end, after 24 beats of ``first``, loud and dense, and of
    each of ``parts``: (condition, velocity, notes a second, beats).
    """
    energy, beats = heard(95, 12), 24
    turn = Turn().now(first, Energy()).now(first, energy)
    for condition, velocity, density, length in parts:
        turn = turn.now(condition, energy)
        energy = heard(velocity, density, length, beats, energy)
        turn, beats = turn.now(condition, energy), beats + length
    return turn, energy


def on_the_way(*parts, first=STIRRED):
    turn, _ = journey(*parts, first=first)
    return turn.touch, turn.density


def test_a_turn_lasts_until_the_music_is_where_it_was_asked_to_be():
    assert on_the_way((MILD, 95, 12, 2)) == (True, True)
    assert on_the_way((MILD, 95, 12, 300)) == (True, True)  # however long it takes
    assert on_the_way((MILD, 63, 6, 60)) == (False, False)
    assert on_the_way((MILD, 63, 12, 60)) == (False, True)  # each for itself
    assert on_the_way((MILD, 95, 6, 60)) == (True, False)
    assert on_the_way((MILD, 63, 6, 60), (MILD, 95, 12, 60)) == (False, False)  # and no longer


def test_a_turn_is_not_over_where_the_music_only_passes_by():
    assert on_the_way((MILD, 63, 6, int(TURN_BEATS) - 2)) == (True, True)
    assert on_the_way((MILD, 63, 6, int(TURN_BEATS) + 2)) == (False, False)


def test_the_first_emotion_is_no_turn_and_neither_is_a_little_more_of_it():
    assert on_the_way() == (False, False)
    little = Condition((0.24, 0.24, 0.34, 0.18), 5.0)
    more = Condition((0.26, 0.26, 0.3, 0.18), 5.0)
    assert on_the_way((little, 95, 12, 4), first=MILD) == (False, False)
    assert on_the_way((little, 95, 12, 4), (more, 95, 12, 4), first=MILD) == (True, True)


def test_louder_than_a_corner_is_past_it():
    assert on_the_way((STIRRED, 127, 30, 60), first=CALM) == (True, True)
    assert on_the_way((STIRRED, 77, 9, 60), first=CALM) == (False, False)


def test_what_went_past_is_drawn_from_the_other_side_by_as_much():
    almost = Condition((0.0, 0.9, 0.1, 0.0), 5.0)
    turn, energy = journey((almost, 90, 8, 60), first=Condition((0.0, 0.1, 0.9, 0.0), 5.0))
    mixture, share = turn.pull(PITCH, energy)
    assert share == TOWARDS
    assert 1.0 < energy.of_touch < 1.8
    assert sum(mixture[:2]) == pytest.approx(1.8 - energy.of_touch)
    assert mixture[0] == mixture[3] == 0.0  # dark all along


def test_valence_that_is_new_comes_before_what_went_past():
    bright, dark = Condition((0.8, 0.0, 0.0, 0.2), 5.0), Condition((0.0, 0.8, 0.2, 0.0), 5.0)
    for beats, share in ((int(HALF_BEATS), AWAY), (int(4 * HALF_BEATS), TOWARDS)):
        turn, energy = journey((dark, 95, 12, beats), first=bright)
        assert turn.pull(PITCH, energy).share == share


def test_the_choice_leans_away_from_the_arousal_that_is_heard():
    turn, energy = journey((MILD, 95, 3, 8))  # loud still, but no longer dense
    touch, density = turn.pull(PITCH, energy), turn.pull(DUR, energy)
    assert sum(touch.mixture[:2]) == 1.0 < energy.of_touch  # as loud as can be told
    assert sum(density.mixture[:2]) == pytest.approx(energy.of_density)
    assert energy.of_density < 0.3
    over, energy = journey((MILD, 63, 6, 60))
    assert over.pull(PITCH, energy) is over.pull(DUR, energy) is None


def test_and_from_the_valence_that_was_asked_until_it_is_no_longer_new():
    bright, dark = Condition((0.8, 0.0, 0.0, 0.2), 5.0), Condition((0.0, 0.8, 0.2, 0.0), 5.0)
    turn, energy = journey((dark, 95, 12, 0), first=bright)
    assert turn.pull(PITCH, energy).mixture == pytest.approx((1.0, 0.0, 0.0, 0.0))  # so loud
    turn, energy = journey((dark, 95, 12, int(HALF_BEATS)), first=bright)
    p, _ = turn.pull(PITCH, energy)
    assert p[0] / (p[0] + p[1]) == pytest.approx(0.5, abs=0.1)
    turn, energy = journey((dark, 73, 8, 60), first=bright)
    assert turn.pull(PITCH, energy) is None


def test_a_turn_that_is_complete_leans_nowhere():
    turn, energy = journey((MILD, 63, 6, 23))
    assert turn.pull(PITCH, energy).mixture == pytest.approx(MILD.probabilities, abs=0.05)


def test_music_that_is_not_heard_yet_is_not_pulled():
    turn = Turn().now(CALM, Energy()).now(STIRRED, Energy())
    assert turn.touch
    assert turn.pull(PITCH, Energy()) is None


def test_of_another_arousal_a_corner_knows_no_valence():
    turn = Turn().now(CALM, Energy()).now(CALM, heard(95, 12)).now(STIRRED, heard(95, 12))
    assert turn.pull(PITCH, heard(77, 9)).mixture == pytest.approx((0.5, 0.5, 0, 0), abs=0.05)


@given(
    st.lists(
        st.tuples(
            st.tuples(*[st.floats(0.0, 1.0)] * 4).filter(lambda p: sum(p) > 0.1),
            st.integers(1, 127),
            st.integers(1, 12),
            st.integers(0, 12),
        ),
        max_size=5,
    )
)
def test_every_row_is_a_mixture_on_any_journey(parts):
    told = []
    for weights, *rest in parts:
        p = tuple(w / sum(weights) for w in weights)
        told.append((Condition(p, 4.0), *rest))
    turn, energy = journey(*told)
    condition = told[-1][0] if told else STIRRED
    for grammar in (PITCH, DUR):
        for mixture, _ in rows_of(condition, turn.pull(grammar, energy)):
            assert sum(mixture) == pytest.approx(1.0)
            assert min(mixture) >= 0.0


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
