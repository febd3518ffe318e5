"""Capsules into conditions: smoothing, contrast, doubt, loss, and the wearer's hand on the axes."""

from types import SimpleNamespace

import numpy as np
import pytest

from bridge.errors import BridgeError
from bridge.mind.translate import EDGE, NEUTRAL, Style, Translator, distance, quadrants
from music.condition import STRENGTH, Condition

HOP_S = 0.25
Q1, Q3 = (0.85, 0.05, 0.05, 0.05), (0.05, 0.05, 0.85, 0.05)


def capsule(probabilities=NEUTRAL, confidence=1.0, quality=1.0):
    return SimpleNamespace(
        probabilities=np.array(probabilities), confidence=confidence, quality=quality
    )


def listen(translator, capsules, start_s=0.0):
    """Hear one capsule a hop; the time of the last."""
    now_s = start_s
    for number, one in enumerate(capsules):
        now_s = start_s + HOP_S * number
        translator.hear(one, now_s)
    return now_s


def axes(condition):
    p = condition.probabilities
    return p[0] + p[3] - p[1] - p[2], p[0] + p[1] - p[2] - p[3]


@pytest.mark.parametrize(
    ("valence", "arousal", "odds"), [(0.0, 0.0, 0.0), (0.5, -0.3, 2.0), (-EDGE, EDGE, -6.0)]
)
def test_quadrants_have_the_axes_and_the_odds_asked_for(valence, arousal, odds):
    p = quadrants(valence, arousal, odds)
    assert sum(p) == pytest.approx(1.0)
    assert min(p) > 0.0
    assert axes(Condition(p)) == pytest.approx((valence, arousal))
    assert np.log(p[0] * p[2] / (p[1] * p[3])) == pytest.approx(odds, abs=1e-6)


def test_before_the_first_capsule_it_waits():
    played = Translator().played(3.0)
    assert (played.mood, played.condition.probabilities) == ("WAITING", NEUTRAL)


def test_with_a_signal_but_no_capsule_yet_it_plays_neutral_and_the_first_capsule_as_it_is():
    translator, straight = Translator(), Translator()
    translator.expect(2.0)
    played = translator.played(2.5)
    assert (played.mood, played.loudness, played.capsule) == ("PLAYING", 1.0, None)
    assert played.condition.probabilities == pytest.approx(NEUTRAL)
    assert played.condition.strength == 1.0
    for one in (translator, straight):
        one.hear(capsule(Q1), 4.0)
    assert translator.played(4.0).condition == straight.played(4.0).condition
    translator.expect(20.0)  # not any more
    assert translator.played(20.0).mood == "GLIDE"


def test_a_signal_that_goes_before_its_first_capsule_is_lost_as_any_other():
    translator = Translator()
    translator.expect(2.0)
    assert [translator.played(2.0 + age_s).mood for age_s in (2.0, 6.0, 31.0)] == [
        "HOLD", "GLIDE", "REST",
    ]  # fmt: skip


def test_a_lasting_emotion_is_played_as_it_is_without_contrast():
    translator = Translator(Style(contrast=0.0))
    now_s = listen(translator, [capsule(Q1)] * 80)
    condition = translator.played(now_s).condition
    assert condition.probabilities == pytest.approx(Q1, abs=0.05)
    assert condition.strength == pytest.approx(translator.style.top_strength, abs=0.1)


def test_smoothing_takes_its_time_and_noise_moves_nothing():
    translator = Translator(Style(contrast=0.0))
    now_s = listen(translator, [capsule(Q3)] * 80)
    calm = translator.played(now_s).condition
    noise = [capsule((0.05, 0.05, 0.85 + d, 0.05 - d)) for d in (0.01, -0.01, 0.005)]
    now_s = listen(translator, noise, now_s + HOP_S)
    assert axes(translator.played(now_s).condition) == axes(calm)
    translator.hear(capsule(Q1), now_s + HOP_S)
    step = distance(translator.played(now_s + HOP_S).condition, calm)
    assert 0.0 < step < 0.3
    now_s = listen(translator, [capsule(Q1)] * 40, now_s + 2 * HOP_S)
    assert distance(translator.played(now_s).condition, calm) > 0.7


def test_contrast_fills_the_plane_with_the_wearers_own_small_range():
    rng = np.random.default_rng(0)
    translator = Translator()
    arousal = 0.1 + 0.05 * np.sin(np.arange(600) / 40) + rng.normal(0, 0.002, 600)
    reached = []
    for number, value in enumerate(arousal):
        translator.hear(capsule(quadrants(0.0, float(value), 0.0)), HOP_S * number)
        played = translator.played(HOP_S * number)
        reached.append(axes(played.condition)[1])
    assert np.ptp(reached[300:]) > 0.4  # of an honest 0.1
    assert abs(np.mean(reached[300:])) < 0.2
    honest = played.capsule.probabilities
    assert honest[0] + honest[1] - honest[2] - honest[3] == pytest.approx(arousal[-1])


@pytest.mark.parametrize("doubt", [{"confidence": 0.0}, {"quality": 0.0}])
def test_doubt_weakens_the_guidance(doubt):
    sure, unsure = Translator(), Translator()
    now_s = listen(sure, [capsule(Q1)] * 40)
    listen(unsure, [capsule(Q1, **doubt)] * 40)
    assert unsure.played(now_s).condition.strength < sure.played(now_s).condition.strength - 1.0


def test_a_lost_signal_is_held_then_glides_to_neutral_then_rests():
    translator = Translator(Style(contrast=0.0))
    lost_s = listen(translator, [capsule(Q1)] * 80)
    held = translator.played(lost_s).condition
    moods = {age_s: translator.played(lost_s + age_s).mood for age_s in (0.5, 3, 10, 29, 31)}
    assert moods == {0.5: "PLAYING", 3: "HOLD", 10: "GLIDE", 29: "GLIDE", 31: "REST"}
    assert translator.played(lost_s + 4.9).condition == held
    halfway = translator.played(lost_s + 10).condition
    assert 0.2 < distance(halfway, held) < 0.5
    neutral = translator.played(lost_s + 20)
    assert neutral.condition.probabilities == pytest.approx(NEUTRAL)
    assert neutral.condition.strength == pytest.approx(1.0)
    loudness = [translator.played(lost_s + age_s).loudness for age_s in (20, 27.5, 31)]
    assert loudness == [1.0, 0.75, 0.5]


def test_a_signal_that_returns_brings_the_emotion_back_gently():
    translator = Translator(Style(contrast=0.0))
    now_s = listen(translator, [capsule(Q1)] * 80) + 40.0
    translator.hear(capsule(Q1), now_s)
    assert translator.played(now_s).mood == "PLAYING"
    assert translator.played(now_s).condition.probabilities == pytest.approx(NEUTRAL)
    now_s = listen(translator, [capsule(Q1)] * 16, now_s + HOP_S)
    assert translator.played(now_s).condition.probabilities[0] > 0.7


def test_each_axis_can_be_taken_by_hand():
    translator = Translator(Style(contrast=0.0))
    now_s = listen(translator, [capsule(Q3, confidence=0.0, quality=0.0)] * 80)
    translator.override("valence", 0.9)
    valence, arousal = axes(translator.played(now_s).condition)
    assert (valence, arousal) == (pytest.approx(0.9), pytest.approx(-0.8, abs=0.05))
    assert translator.played(now_s).condition.strength == translator.style.top_strength
    translator.override("valence", 0.9, share=0.5)
    assert axes(translator.played(now_s).condition)[0] == pytest.approx(0.05, abs=0.05)
    translator.override("valence", None)
    assert axes(translator.played(now_s).condition)[0] == pytest.approx(-0.8, abs=0.05)
    with pytest.raises(BridgeError, match="axis"):
        translator.override("mood", 0.0)
    with pytest.raises(BridgeError, match="out of"):
        translator.override("valence", 2.0)


def test_restored_it_goes_on_the_same():
    rng = np.random.default_rng(1)
    course = [capsule(rng.dirichlet([1, 1, 1, 1])) for _ in range(200)]
    one, other = Translator(), Translator()
    now_s = listen(one, course[:100])
    other.restore(one.state())
    for translator in (one, other):
        listen(translator, course[100:], now_s + HOP_S)
    assert one.played(now_s + 30.0) == other.played(now_s + 30.0)


def test_anything_at_all_is_a_valid_condition():
    rng = np.random.default_rng(2)
    translator = Translator()
    now_s = 0.0
    for _ in range(500):
        now_s += rng.exponential(2.0)
        p = rng.dirichlet([0.1] * 4)
        translator.hear(capsule(p, rng.uniform(), rng.uniform()), now_s)
        condition = translator.played(now_s + rng.exponential(5.0)).condition  # or it would raise
        assert 1.0 <= condition.strength <= STRENGTH


def test_a_lasting_emotion_is_not_taken_for_none():
    translator = Translator()
    now_s = listen(translator, [capsule(Q1)] * 800)
    valence, arousal = axes(translator.played(now_s).condition)
    assert min(valence, arousal) > 0.3
