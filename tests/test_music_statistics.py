"""Statistics of clips by hand, overlap at its ends, and copied passages against brute force."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from music.errors import MusicError
from music.evaluation.copying import Shared, longest_shared, spell
from music.evaluation.distributions import (
    FeatureSpace,
    between_halves,
    frechet,
    log_intervals,
    overlap,
    velocities,
)
from music.evaluation.performance import PerformedClip, clip_of
from music.evaluation.statistics import (
    bars_of,
    describe,
    empty_beat_rate,
    groove_consistency,
    longest_loop,
    pitch_class_entropy,
    polyphony,
    repeated_bars,
    scale_consistency,
    self_similarity,
)
from music.events import Bar, Note, Tempo


def line(pitches: list[int], step: float = 1.0) -> list[Note]:
    return [Note(k * step, 1.0, pitch, 64) for k, pitch in enumerate(pitches)]


def bar(*pitches: int) -> frozenset[tuple[int, int]]:
    """A bar of quarters."""
    return frozenset((4 * k, pitch) for k, pitch in enumerate(pitches))


def played(pitches: list[int], gaps_s: list[float]) -> PerformedClip:
    onsets = np.concatenate([[0.0], np.cumsum(gaps_s)])
    return clip_of([(t, 0.2, p, 64) for t, p in zip(onsets, pitches, strict=True)], [])


# --- one clip ------------------------------------------------------------------------------------


def test_entropy_of_pitch_classes_in_bits() -> None:
    assert pitch_class_entropy(line([60, 72, 48])) == 0.0
    assert pitch_class_entropy(line([60, 62, 64, 65])) == pytest.approx(2.0)


def test_a_scale_is_consistent_and_its_chromatic_notes_are_counted() -> None:
    assert scale_consistency(line([60, 62, 64, 65, 67, 69, 71])) == 1.0
    assert scale_consistency(line([61, 63, 65, 66, 68, 70, 72])) == 1.0  # D flat major
    assert scale_consistency(line(list(range(60, 72)))) == pytest.approx(7 / 12)


def test_polyphony_counts_only_where_something_sounds() -> None:
    chord = [Note(0.0, 1.0, pitch, 64) for pitch in (60, 64, 67)]
    assert polyphony([*chord, Note(4.0, 1.0, 72, 64)]) == pytest.approx(2.0)
    assert polyphony([*chord, Note(0.0, 1.0, 60, 50)]) == pytest.approx(3.0)  # one pitch


def test_empty_beats_lie_between_notes() -> None:
    assert empty_beat_rate([Note(8.0, 1.0, 60, 64), Note(11.0, 1.0, 60, 64)]) == 0.5
    assert empty_beat_rate([Note(0.0, 4.0, 60, 64)]) == 0.0


def test_bars_begin_where_the_events_say() -> None:
    notes = [Note(0.0, 1.0, 60, 64), Note(2.99, 1.0, 62, 64), Note(4.02, 1.0, 64, 64)]
    three = [Bar(0.0), Bar(3.0), *notes]
    assert bars_of(three) == [{(0, 60)}, {(0, 62), (4, 64)}]
    assert bars_of(notes) == [{(0, 60), (12, 62)}, {(0, 64)}]  # no bars: four beats each


def test_groove_and_similarity_of_equal_and_of_disjoint_bars() -> None:
    same = [bar(60, 62, 64, 65)] * 3
    assert groove_consistency(same) == self_similarity(same, 1) == 1.0
    apart = [bar(60, 62), frozenset({(2, 60), (6, 62)})]
    assert groove_consistency(apart) == pytest.approx(1 - 4 / 8)
    assert self_similarity(apart, 1) == 0.0
    half = [bar(60, 62), bar(60, 64)]
    assert self_similarity(half, 1) == pytest.approx(0.5)
    assert self_similarity([bar(60), bar(72)], 1) == 1.0  # octaves fold


def test_repeats_and_loops_are_found_and_a_theme_that_returns_is_no_loop() -> None:
    a, b, c, d = bar(60), bar(62), bar(64), bar(65)
    assert repeated_bars([a, b, c, d]) == 0.0
    assert repeated_bars([a, b, a, c]) == 0.25
    assert repeated_bars([a, *[bar(k) for k in range(70, 86)], a]) == 0.0  # seventeen bars ago
    assert longest_loop([a, b, c, d]) == 0
    assert longest_loop([a, a, a, a]) == 3
    assert longest_loop([a, b, a, b, a, b]) == 4
    assert longest_loop([a, b, c, a, d]) == 0
    assert longest_loop([frozenset()] * 8) == 0  # silence is counted as empty beats


def test_describe_knows_the_clock_and_refuses_a_single_note() -> None:
    scale = [60, 62, 64, 65, 67, 69, 71, 72]
    slow = describe([Tempo(0.0, 60.0), *line(scale)])
    fast = describe([Tempo(0.0, 120.0), *line(scale)])
    assert slow["onset interval"] == pytest.approx(1.0)
    assert fast["notes per second"] == pytest.approx(2 * slow["notes per second"])
    same = set(slow) - {"notes per second", "onset interval"}
    assert all(slow[name] == pytest.approx(fast[name]) for name in same)
    assert (slow["pitch range"], slow["pitch classes"]) == (12, 7)
    with pytest.raises(MusicError, match="fewer than two"):
        describe([Note(0.0, 1.0, 60, 64)])


@given(st.lists(st.integers(40, 80), min_size=4, max_size=24), st.integers(-12, 12))
@settings(max_examples=30, deadline=None)
def test_transposing_a_clip_changes_no_statistic(pitches: list[int], steps: int) -> None:
    here = describe(line(pitches, 0.5))
    there = describe(line([p + steps for p in pitches], 0.5))
    assert here == pytest.approx(there, abs=1e-9)


# --- sets of clips -------------------------------------------------------------------------------


def test_overlap_is_one_for_the_same_and_none_for_the_distant() -> None:
    rng = np.random.default_rng(0)
    a = rng.normal(size=300)
    assert overlap(a, a) == pytest.approx(1.0)
    assert overlap(a, a + 40) < 0.01
    assert overlap(a, a + 1) == pytest.approx(overlap(a + 1, a))
    # two normals a standard deviation apart share 2 Φ(-1/2) = .617; kernels blur, so a bit more
    assert 0.59 < overlap(a, rng.normal(size=300) + 1) < 0.75
    assert overlap(np.zeros(9), np.zeros(5)) == 1.0
    assert overlap(np.zeros(50), np.eye(50)[0]) > 0.9  # nearly always 0 in both
    assert overlap(1000 * a, 1000 * a + 1000) == pytest.approx(overlap(a, a + 1))


def test_halves_part_songs_not_clips() -> None:
    songs = np.array(["a", "a", "b", "b", "c", "d"])

    def shared(first: np.ndarray, second: np.ndarray) -> float:
        assert len(first) + len(second) == 6
        return float(len(set(songs[first]) & set(songs[second])))

    assert between_halves(shared, songs) == 0.0


def test_velocities_are_of_every_note_and_intervals_are_in_octaves() -> None:
    slow, fast = played([60, 62, 64], [0.5, 0.5]), played([60, 62, 64], [0.25, 0.25])
    assert (log_intervals([slow]) - log_intervals([fast])).tolist() == pytest.approx([1.0, 1.0])
    assert velocities([slow, fast]).tolist() == [64.0] * 6


def test_frechet_distance_of_known_gaussians() -> None:
    rng = np.random.default_rng(0)
    a = rng.normal(size=(40000, 3))
    assert frechet(a, a) == pytest.approx(0.0, abs=1e-9)
    assert frechet(a, a + [3, 0, 0]) == pytest.approx(9.0)
    stretched = rng.normal(size=(40000, 3)) * [2, 1, 1]  # Σ (σ - σ')² = 1
    assert frechet(a, stretched) == pytest.approx(1.0, abs=0.05)


def test_clips_are_placed_where_their_like_are() -> None:
    rng = np.random.default_rng(0)

    def some(gap_s: float, count: int) -> list[PerformedClip]:
        return [
            played(rng.integers(40, 80, 30).tolist(), (gap_s * rng.uniform(0.8, 1.2, 29)).tolist())
            for _ in range(count)
        ]

    real = some(0.3, 60)
    space = FeatureSpace.of(real)
    assert space.place([*some(0.3, 2), clip_of([], [])]).shape == (2, 24)  # silence has no place
    assert 0.5 < space.explained <= 1.0
    like, unlike = (frechet(space.place(real), space.place(some(gap, 60))) for gap in (0.3, 1.5))
    assert unlike > 4 * like


# --- copying -------------------------------------------------------------------------------------


def brute(sequence: list[int], corpus: list[list[int]]) -> int:
    grams = {
        (n, tuple(one[i : i + n]))
        for one in corpus
        for n in range(1, len(one) + 1)
        for i in range(len(one) - n + 1)
    }
    mine = [
        n
        for n in range(1, len(sequence) + 1)
        for i in range(len(sequence) - n + 1)
        if (n, tuple(sequence[i : i + n])) in grams
    ]
    return max(mine, default=0)


SEQUENCES = st.lists(st.lists(st.integers(-2, 1), max_size=14), max_size=4)


@given(SEQUENCES, SEQUENCES)
@settings(max_examples=150, deadline=None)
def test_the_longest_shared_passage_is_that_of_brute_force(
    sequences: list[list[int]], corpus: list[list[int]]
) -> None:
    arrays = [[np.array(one, dtype=np.int64) for one in some] for some in (sequences, corpus)]
    assert Shared(*arrays).longest().tolist() == [brute(one, corpus) for one in sequences]


def test_a_copy_is_found_in_any_key_and_not_across_two_clips() -> None:
    rng = np.random.default_rng(0)
    theme, other = rng.integers(40, 80, 60), rng.integers(40, 80, 60)
    corpus = [played(p.tolist(), [0.3] * 59) for p in (theme, other)]
    copied = np.concatenate([rng.integers(40, 80, 10), theme[20:45] + 5, rng.integers(40, 80, 10)])
    seam = np.concatenate([theme[-12:], other[:12] + (theme[-1] - other[0])])
    clips = [played(p.tolist(), [0.31] * (len(p) - 1)) for p in (copied, seam)]
    for spelling in ("pitch", "pitch and time"):
        found = longest_shared(clips, corpus, spelling)
        assert 24 <= found[0] <= 27
        assert 11 <= found[1] <= 14  # the end of one, not on into the other
    twice_as_slow = [played(copied.tolist(), [0.9] * 44)]
    assert longest_shared(twice_as_slow, corpus, "pitch")[0] >= 24
    assert longest_shared(twice_as_slow, corpus, "pitch and time")[0] == 0


def test_the_order_in_which_a_chord_is_struck_does_not_matter() -> None:
    rising = clip_of([(0, 1, 60, 64), (0.01, 1, 64, 64), (0.02, 1, 67, 64), (1, 1, 72, 64)], [])
    falling = clip_of([(0.02, 1, 60, 64), (0.01, 1, 64, 64), (0, 1, 67, 64), (1, 1, 72, 64)], [])
    for spelling in ("pitch", "pitch and time"):
        np.testing.assert_array_equal(spell(rising, spelling), spell(falling, spelling))
    assert spell(rising, "pitch").tolist() == [4, 3, 5]
    assert (spell(rising, "pitch and time") % 8).tolist() == [0, 0, 5]  # 0.98 s: four octaves up
