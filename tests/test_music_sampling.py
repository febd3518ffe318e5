"""One token from three rows of logits: families, the cut, the draw."""

import numpy as np
import pytest

from music import vocabulary as v
from music.errors import MusicError
from music.guidance import ROWS, Strengths
from music.sampling import STEADINESS, Dice, Sampling, choose

ANY = np.ones(v.SIZE, dtype=bool)


def draws(logits, tones=1.0, time=1.0, mask=ANY, sampling=None, count=400, home=None):
    sampling, strengths = sampling or Sampling(), Strengths(tones, time)
    dice = [np.random.default_rng(seed) for seed in range(count)]
    return np.array([choose(logits, strengths, mask, sampling, one, home) for one in dice])


def rows(seed=0):
    return np.random.default_rng(seed).normal(size=(ROWS, v.SIZE)).astype(np.float32)


def test_at_strength_1_and_without_a_cut_tokens_come_as_often_as_the_network_says():
    logits = np.full((ROWS, v.SIZE), -20.0, dtype=np.float32)
    likely = [v.BAR, v.PITCH.start, v.PITCH.start + 1, v.POS.start]
    logits[:, likely] = np.log([0.1, 0.5, 0.2, 0.2])
    found = draws(logits, sampling=Sampling(1.0, 1.0), count=4000)
    shares = [(found == token).mean() for token in likely]
    np.testing.assert_allclose(shares, [0.1, 0.5, 0.2, 0.2], atol=0.03)


@pytest.mark.parametrize("family", v.FAMILIES.values(), ids=v.FAMILIES)
def test_each_strength_acts_on_its_families_and_the_cut_on_chords_and_pitches(family):
    logits = rows(7)
    mask = np.zeros(v.SIZE, dtype=bool)
    mask[family.start : family.stop] = True
    plain = draws(logits, 1.0, 1.0, mask, Sampling(1.0, 1.0))
    tones, choices = family.name in ("CHORD", "PITCH"), family.size > 1
    for strengths, top_p, changed in (
        ((4.0, 1.0), 1.0, tones),
        ((1.0, 4.0), 1.0, choices and not tones),
        ((1.0, 1.0), 0.3, tones),
    ):
        found = draws(logits, *strengths, mask, Sampling(1.0, top_p))
        assert np.array_equal(found, plain) != changed


def test_which_family_comes_is_a_matter_of_time():
    logits = np.zeros((ROWS, v.SIZE), dtype=np.float32)
    logits[0, v.BAR] = 6.0  # known by the condition alone
    shares = [(draws(logits, 4.0, time, count=1000) == v.BAR).mean() for time in (0.0, 1.0, 4.0)]
    assert shares[0] < shares[1] < shares[2]


INSIDE, OUTSIDE = v.PITCH.start + np.array([3, 5]), v.PITCH.start + np.array([4, 8])  # from C on
WHOLE = Sampling(1.0, 1.0)


def in_and_out():
    """A fifth outside the key; the condition alone knows one tone inside and one outside."""
    logits = np.full((ROWS, v.SIZE), -30.0, dtype=np.float32)
    logits[:, INSIDE], logits[:, OUTSIDE] = np.log([0.4, 0.4]), np.log([0.1, 0.1])
    logits[0, [INSIDE[0], OUTSIDE[0]]] += 1.0
    home = np.zeros(v.SIZE, dtype=bool)
    home[INSIDE] = True
    return logits, home


def test_guidance_chooses_among_the_tones_of_the_key_and_leaves_those_outside_as_they_are():
    logits, home = in_and_out()
    told, led = (draws(logits, s, sampling=WHOLE, count=3000) for s in (1.0, 4.0))
    kept = draws(logits, 4.0, sampling=WHOLE, count=6000, home=home)
    for choice, like, unlike in ((INSIDE, led, told), (OUTSIDE, told, led)):
        asked, got, other = (
            (one == choice[0]).sum() / np.isin(one, choice).sum() for one in (like, kept, unlike)
        )
        assert got == pytest.approx(asked, abs=0.07)
        assert abs(got - other) > 0.1
    np.testing.assert_array_equal(
        draws(logits, 4.0, sampling=WHOLE, home=np.ones(v.SIZE, dtype=bool)),
        draws(logits, 4.0, sampling=WHOLE),
    )


@pytest.mark.parametrize(
    ("strength", "power"), [(1.0, 1.0), (1.5, 0.5 + 0.5 * STEADINESS), (4.0, STEADINESS)]
)
@pytest.mark.parametrize("flip", [False, True])
def test_guided_an_unlikely_way_out_of_the_key_becomes_unlikelier_and_a_likely_one_likelier(
    strength, power, flip
):
    logits, home = in_and_out()
    if flip:
        home[[*INSIDE, *OUTSIDE]] = ~home[[*INSIDE, *OUTSIDE]]
    share = (draws(logits, 1.0, sampling=WHOLE, count=4000)[:, None] == INSIDE).any(axis=1).mean()
    kept = draws(logits, strength, sampling=WHOLE, count=4000, home=home)
    odds = (share / (1.0 - share)) ** power
    assert np.isin(kept, INSIDE).mean() == pytest.approx(odds / (1.0 + odds), abs=0.015)


def test_guidance_says_which_tone_and_the_condition_in_which_octave():
    low, high = v.PITCH.start + np.array([3, 4]), v.PITCH.start + np.array([39, 40])
    logits = np.full((ROWS, v.SIZE), -30.0, dtype=np.float32)
    logits[:, [*low, *high]] = np.log(0.25)
    logits[0, high] += np.log(3.0)  # the condition wants it high,
    logits[0, low[0]] += 1.0  # and this tone, more so where it is low,
    logits[1:, high[1]] -= 1.0  # and is alone in playing this one high
    told, led = (draws(logits, s, sampling=WHOLE, count=4000) for s in (1.0, 4.0))
    shares = [np.isin(one, low).mean() for one in (told, led)]
    assert shares[1] == pytest.approx(shares[0], abs=0.03)
    turned = []
    for octave in (low, high):
        odds = [(one == octave[0]).sum() / (one == octave[1]).sum() for one in (told, led)]
        turned.append(np.log(odds[1] / odds[0]))
    assert turned[0] == pytest.approx(turned[1], abs=0.25)  # a tone leans alike in both
    assert turned[0] < -1.0  # as it does where the music is


def test_at_strength_0_nothing_of_the_condition_remains_in_or_out_of_the_key():
    logits, home = in_and_out()
    untold = np.repeat(logits[2:], ROWS, axis=0)
    found, asked = (draws(one, 0.0, 0.0, sampling=WHOLE, home=home) for one in (logits, untold))
    np.testing.assert_array_equal(found, asked)


def test_no_cut_and_no_cooling_favours_the_family_with_few_tokens():
    """Time goes on by any of 48 positions, a note by one: half each, however cool the draw."""
    logits = np.full((ROWS, v.SIZE), -20.0, dtype=np.float32)
    logits[:, v.PITCH.start] = np.log(0.5)
    logits[:, v.POS.start : v.POS.stop] = np.log(0.5 / v.POS.size)
    found = draws(logits, sampling=Sampling(0.3, 0.5), count=2000)
    assert 0.45 < (found == v.PITCH.start).mean() < 0.55


def test_only_what_is_allowed_comes_even_where_all_of_it_is_unlikely():
    mask = np.zeros(v.SIZE, dtype=bool)
    mask[[v.DUR.start, v.PEDAL_UP]] = True
    logits = rows()
    logits[:, mask] = -60.0
    assert set(draws(logits, 5.0, 5.0, mask)) == {v.DUR.start, v.PEDAL_UP}
    mask[v.PEDAL_UP] = False
    assert set(draws(logits, 0.0, 0.0, mask)) == {v.DUR.start}


def test_a_low_top_p_leaves_the_likeliest_chord_and_pitch():
    logits = rows(3)
    found = draws(logits, sampling=Sampling(1.0, 1e-6))
    for family in (v.CHORD, v.PITCH):
        here = found[(found >= family.start) & (found < family.stop)]
        assert set(here) == {int(logits[0, family.start : family.stop].argmax()) + family.start}


def test_the_same_dice_give_the_same_token():
    np.testing.assert_array_equal(draws(rows(1), 3.0), draws(rows(1), 3.0))


@pytest.mark.parametrize(("temperature", "top_p"), [(0.0, 0.9), (6.0, 0.9), (1.0, 0.0), (1.0, 1.1)])
def test_settings_out_of_range_are_told_in_a_sentence(temperature, top_p):
    with pytest.raises(MusicError, match="give more than 0"):
        Sampling(temperature, top_p)


@pytest.mark.parametrize("seed", [0, 7, 2**64 - 1, 2**64, 2**100 + 3])
def test_the_dice_of_a_place_are_those_of_a_new_philox(seed):
    dice = Dice()
    dice.at(seed, 0, 0, 0, 3).standard_normal(5)  # leaves nothing behind
    for place in ((0, 0, 0, 3), (0, 1, 2, 3), (0, 0, 0, 2**40)):
        fresh = np.random.Generator(np.random.Philox(key=seed, counter=list(place)))
        assert dice.at(seed, *place).random(9).tolist() == fresh.random(9).tolist()
