"""Whether music follows: a player that does and one that does not, before a judge that can tell."""

import numpy as np
import pytest
from networks import tiny_model
from puppets import SILENT, PitchJudge, puppet

from music.corpus.dataset import Piece, Source
from music.errors import MusicError
from music.evaluation.courses import HEARD, WAYS, courses, read
from music.evaluation.diversity import ARMS, diversity
from music.evaluation.following import (
    AXES,
    Playing,
    agreement,
    hits,
    plainly,
    quadrant,
    shuffled,
    sound,
)
from music.evaluation.intervals import figure, mean, percentile, shown, spearman
from music.evaluation.performance import clip_of
from music.evaluation.request import Request
from music.evaluation.sampler import play
from music.evaluation.speed import speed
from music.evaluation.steering import NEVER, Jump, blend, judge_on_two_bars, sweep, switch
from music.sampling import Sampling


def test_agreement_counts_the_quadrant_and_each_axis() -> None:
    p = np.eye(4)[[0, 1, 2, 3]] * 0.7 + 0.075
    found = agreement(p, np.array([0, 2, 2, 0]))
    assert found["4Q"]["value"] == 0.5
    assert found["arousal"]["value"] == 0.5  # Q2 for Q3 and Q4 for Q1: the energy is wrong
    assert found["valence"]["value"] == 1.0
    assert found["4Q"]["low"] < 0.5 < found["4Q"]["high"]
    assert set(found) == set(AXES) == set(hits(p, np.arange(4)))


def test_a_player_that_follows_is_agreed_with_and_shuffling_undoes_it() -> None:
    played = puppet().quadrants(12, 2.0)
    assert np.bincount(played.asked).tolist() == [12] * 4
    p = PitchJudge().probabilities(played.sound)
    assert agreement(p, played.asked)["4Q"]["value"] == 1.0
    control = shuffled(p, played.asked)
    assert 0.1 < control["4Q"]["low"] < control["4Q"]["value"] < control["4Q"]["high"] < 0.4
    assert control["4Q"]["p"] < 0.01
    assert 0.4 < control["arousal"]["value"] < 0.6


def test_a_deaf_player_is_at_chance() -> None:
    played = puppet(deaf=True).quadrants(24, 2.0)
    p = PitchJudge().probabilities(played.sound)
    assert agreement(p, played.asked)["4Q"]["value"] < 0.45
    assert shuffled(p, played.asked)["4Q"]["p"] > 0.02


def test_a_sweep_rises_where_it_is_asked_to() -> None:
    found = sweep(puppet(), PitchJudge(), (2, 0), 2.0, steps=4, clips=6)
    assert [found[axis]["asked"] for axis in ("arousal", "valence")] == ["rises", "rises"]
    assert found["arousal"]["spearman"]["value"] > 0.95
    across = sweep(puppet(), PitchJudge(), (1, 3), 2.0, steps=4, clips=6)
    assert [across[axis]["asked"] for axis in ("arousal", "valence")] == ["falls", "rises"]
    assert across["arousal"]["spearman"]["value"] > 0.95
    means = [step["value"] for step in across["arousal"]["means"]]
    assert means[0] > 0.8 > 0.2 > means[-1]
    deaf = sweep(puppet(deaf=True), PitchJudge(), (2, 0), 2.0, steps=4, clips=6)
    assert deaf["arousal"]["spearman"]["low"] < 0.5


def real_pieces() -> list[Piece]:
    clips = puppet().quadrants(2, 1.0)
    return [
        Piece(Source("", "emopia", f"song {number}", "valid", int(q)), clip.tokens)
        for number, (clip, q) in enumerate(zip(clips.clips, clips.asked, strict=True))
    ]


@pytest.mark.parametrize(("late", "bars"), [(0, 1), (3, 4)])
def test_a_switch_is_dated_by_the_bar(late: int, bars: int) -> None:
    jump = Jump(before=5, after=6, each=2)
    found = switch(puppet(late), PitchJudge(), jump, real_pieces())
    told = found["all pairs"]
    assert len(found["bars"]) == len(told["switch"]["margin"]) == 10
    assert found["bars"][3] == 0
    assert told["switch"]["margin"][3] < -0.8
    assert told["switch"]["margin"][-1] > 0.8
    # one bar of two has turned: which of the two is likelier hangs on a hair
    assert told["switch"]["median_bars"]["value"] in (bars, bars + 1)
    assert told["switch"]["judged_A_before"]["value"] == 1.0
    assert told["control"]["median_bars"]["value"] == NEVER
    assert told["control"]["within_2_bars"]["value"] == 0.0
    assert found["judge"]["4Q"]["value"] == 1.0
    assert found["arousal changes"]["switch"]["judged_A_before"]["n"] == 16
    assert found["valence alone changes"]["switch"]["judged_A_before"]["n"] == 8


@pytest.mark.parametrize(("late", "least", "most"), [(0, -0.35, 0.35), (40, 0.65, 1.35)])
def test_a_course_tells_how_much_of_the_way_is_left(late: int, least: float, most: float) -> None:
    found = courses(puppet(late), PitchJudge(), each=8)
    for way in WAYS:
        told = found[way]["arousal"]
        assert set(found[way]) == set(HEARD)
        assert least < told["left"][-1]["value"] < most
        assert told["left"][-1]["n"] == told["turned"][-1]["n"] == 4 * 8
        there, stayed = (told[name][-1]["value"] for name in ("there", "stayed"))
        assert abs(stayed - there) > 0.3
        assert (stayed > there) == (way == "down")
        assert found[way]["touch"]["left"][-1]["value"] == 0.0  # there is no way to go


def test_windows_of_a_course_are_read_by_what_sounds_in_them() -> None:
    late = [(50.0 + 0.5 * k, 0.4, 60, 90) for k in range(8)]
    clip = clip_of([(20.0 + 0.5 * k, 0.4, 60, 40) for k in range(20)] + late, [])
    touch, density, _ = read([clip], PitchJudge())[0].T
    assert touch.tolist() == [40.0, 0.0, 0.0, 90.0]
    assert density.tolist() == pytest.approx([20 / 12, 0.0, 0.0, 8 / 10])


def test_a_judge_of_two_bars_that_guesses_is_worth_nothing() -> None:
    class Guesser:
        def probabilities(self, clips, window="long"):
            assert window == "short"
            return np.random.default_rng(0).dirichlet(np.ones(4), len(clips))

    found = judge_on_two_bars(Guesser(), real_pieces())
    assert 0.3 < found["pair"]["value"] < 0.7


def test_the_plain_description_is_of_what_sounds() -> None:
    clip = clip_of([(0.5 * k, 0.4, 60 + (0, 4, 7, 12)[k % 4], 50) for k in range(20)], [])
    told = plainly([clip, clip_of([], [])])
    assert told["clips"] == 1
    assert told["notes/s"] == pytest.approx(20 / 9.9)
    assert told["velocity"] == 50
    assert told["majorness"] > 0.1
    assert plainly([]) == {"clips": 0}


def test_clips_before_the_judge_are_no_longer_than_asked() -> None:
    (clip,) = play(SILENT, [Request(1, ((0.0, quadrant(0, 1.0)),))], 6.0)
    heard = sound(clip, 4.0)
    assert heard.duration_s <= 4.0
    assert (heard.notes[:, 0] + heard.notes[:, 1] <= 4.0 + 1e-9).all()


def test_blends_are_mixtures() -> None:
    assert blend(2, 0, 0.25, 1.5).probabilities == (0.25, 0.0, 0.75, 0.0)
    assert quadrant(3, 1.0).probabilities == (0.0, 0.0, 0.0, 1.0)


def test_the_network_of_the_tests_makes_other_bars_of_other_latents() -> None:
    found = diversity(Playing(SILENT, Sampling()), 1.0, pasts=2, draws=4, bars=1)
    for arm in ARMS:
        assert found[arm]["distinct"]["value"] > 0.5
        assert 0.0 <= found[arm]["distance"]["value"] <= 1.0


def test_without_a_latent_another_one_changes_nothing() -> None:
    plain = Playing(tiny_model(latent=0), Sampling())
    found = diversity(plain, 1.0, pasts=2, draws=4, bars=1)
    assert found["other z, same dice"]["distinct"]["value"] == 0.25
    assert found["other z, same dice"]["distance"]["value"] == 0.0
    assert found["same z, other dice"]["distinct"]["value"] > 0.5


def test_speed_is_music_over_work() -> None:
    found = speed(SILENT, Sampling(), 2.0, seconds=20.0, pieces=2)
    assert found["times_real_time"] > 1.0
    first, second = found["each_piece"]
    assert first != second
    assert min(first, second) <= found["times_real_time"] <= max(first, second)
    assert found["seconds"] == pytest.approx(40.0, abs=5.0)
    assert found["each_bar"]["slowest"] <= found["each_bar"]["median"]["value"]
    assert found["token_ms"]["p50"] <= found["token_ms"]["p99"]
    turning = speed(SILENT, Sampling(), 2.0, seconds=30.0, pieces=2, turning=True)
    assert turning["tokens_per_s_of_music"] != found["tokens_per_s_of_music"]  # another emotion
    with pytest.raises(MusicError, match="No bar ended"):
        speed(SILENT, Sampling(), 2.0, seconds=0.01)


def test_intervals_are_of_groups_where_there_are_some() -> None:
    rows = np.repeat([0.0, 1.0], 50)
    narrow, wide = mean(rows), mean(rows, np.repeat(["a", "b"], 50))
    assert (wide["low"], wide["high"]) == (0.0, 1.0)
    assert 0.3 < narrow["low"] < 0.5 < narrow["high"] < 0.7
    assert shown(narrow).startswith("0.50 [0.")
    with pytest.raises(ValueError, match="nothing"):
        figure(np.array([]), lambda some: 0.0)


def test_rank_order_and_percentiles() -> None:
    assert spearman([1, 2, 3, 4], [10, 20, 30, 90]) == pytest.approx(1.0)
    assert spearman([1, 2, 3, 4], [4, 3, 2, 1]) == pytest.approx(-1.0)
    assert spearman([1, 2, 3], [5, 5, 5]) == 0.0
    assert spearman([1, 2, 2, 3], [1, 2, 2, 3]) == pytest.approx(1.0)
    assert percentile([1.0, 2.0, 3.0, NEVER], 50)["value"] == 2.0
    assert percentile([1.0, 2.0, 3.0, NEVER], 90)["value"] == NEVER
