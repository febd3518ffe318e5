"""The judge: what it hears, that keys and clocks do not sway it, and that it can be at a loss."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from music.errors import MusicError
from music.evaluation.circle import CircleJudge, fold
from music.evaluation.features import features, onset_starts
from music.evaluation.judge import Judge, arousal, stretches, valence
from music.evaluation.learners import fit_temperature, fold_of, forest, linear, tempered, together
from music.evaluation.performance import (
    LabelledClip,
    PerformedClip,
    clip_of,
    from_events,
    read_clip,
    read_emopia,
)
from music.evaluation.scores import Scores, bootstrap, confusion
from music.evaluation.tonality import chroma_of, key_fit, majorness
from music.events import Note, Pedal, Tempo
from music.midi import write_midi

MAJOR, MINOR = (0, 4, 7), (0, 3, 7)


def chords(
    root: int, triad: tuple[int, ...], gap_s: float, velocity: float, bars: int = 12
) -> PerformedClip:
    """I IV V I over and over, with the scale's tonic on top."""
    notes = []
    for k in range(bars):
        base = root + (0, 5, 7, 0)[k % 4]
        notes += [(k * gap_s, gap_s * 0.9, float(base + step), velocity) for step in triad]
        notes.append((k * gap_s, gap_s * 0.4, float(root + 12), velocity - 3))
    return clip_of(notes, [(0.0, True), (gap_s, False)])


def four_moods(each: int, seed: int = 0) -> list[LabelledClip]:
    """Clips of four plain moods, each in a song of its own: fast or slow, major or minor."""
    rng, made = np.random.default_rng(seed), []
    for number in range(4 * each):
        quadrant = number % 4
        gap = rng.uniform(0.2, 0.3) if quadrant < 2 else rng.uniform(0.6, 0.9)
        triad, loud = MAJOR if quadrant in (0, 3) else MINOR, rng.uniform(40, 90)
        clip = chords(int(rng.integers(48, 60)), triad, gap, loud, bars=12)
        made.append(LabelledClip(f"clip{number}", f"song{number}", quadrant, "train", clip))
    return made


# --- what is heard -------------------------------------------------------------------------------


def test_events_are_heard_under_their_own_tempos() -> None:
    events = [
        Tempo(0.0, 60.0),
        Note(0.0, 1.0, 60, 80),
        Tempo(1.0, 120.0),
        Note(1.0, 2.0, 64, 70),
        Pedal(1.0, True),
        Pedal(3.0, False),
    ]
    clip = from_events(events)
    np.testing.assert_allclose(clip.notes, [[0, 1, 60, 80], [1, 1, 64, 70]])
    np.testing.assert_allclose(clip.pedals, [[1, 1], [2, 0]])
    assert clip.duration_s == 2.0


def test_a_midi_file_and_the_events_it_holds_sound_the_same(tmp_path: Path) -> None:
    events = [Tempo(0.0, 93.0), *(Note(k / 3, 0.5, 50 + k, 60 + k) for k in range(12))]
    write_midi(tmp_path / "clip.mid", events)
    np.testing.assert_allclose(
        read_clip(tmp_path / "clip.mid").notes, from_events(events).notes, atol=2e-3
    )


def test_a_file_that_is_no_midi_and_a_folder_without_clips_are_named(tmp_path: Path) -> None:
    (tmp_path / "not.mid").write_text("no")
    with pytest.raises(MusicError, match="not.mid"):
        read_clip(tmp_path / "not.mid")
    with pytest.raises(MusicError, match=r"clips\.csv"):
        read_emopia(tmp_path, ["train"])


def test_a_cut_counts_from_its_start_and_keeps_the_pedal_that_is_down() -> None:
    clip = clip_of([(0, 9, 60, 80), (2, 9, 62, 80), (5, 1, 64, 80)], [(1, True), (6, False)])
    part = clip.cut(2.0, 5.0)
    np.testing.assert_allclose(part.notes, [[0, 3, 62, 80]])
    np.testing.assert_allclose(part.pedals, [[0, 1]])
    assert part.duration_s == 3.0
    assert clip.cut(10.0, 20.0).duration_s == 1.0  # the clip itself ends at 11 s


@given(st.floats(0.5, 60.0), st.integers(1, 7))
def test_windows_lie_inside_the_clip(seconds: float, most: int) -> None:
    clip = chords(60, MAJOR, 1.0, 70, bars=30)
    parts = stretches(clip, seconds, most)
    assert all(part.duration_s <= seconds + 1e-9 or len(parts) == 1 for part in parts)
    assert len(parts) == (most if clip.duration_s > seconds else 1)


# --- features ------------------------------------------------------------------------------------


def test_onsets_are_grouped_and_counted_by_hand() -> None:
    clip = clip_of([(0, 1, 60, 80), (0.03, 1, 64, 80), (0.5, 1, 67, 60), (1.5, 0.5, 72, 60)], [])
    assert onset_starts(clip).tolist() == [0, 2, 3]
    found = features(clip)
    assert found["density"] == pytest.approx(np.log(4 / 2))
    assert found["onsets"] == pytest.approx(np.log(3 / 2))
    assert found["chord_share"] == pytest.approx(1 / 3)
    assert found["velocity"] == pytest.approx(70)
    assert found["ioi"] == pytest.approx((np.log(0.5) + np.log(1.0)) / 2)
    assert features(clip.cut(0.0, 0.3)) == {}


@pytest.mark.parametrize("steps", [-7, 1, 5, 12])
def test_transposing_changes_nothing_but_the_register(steps: int) -> None:
    clip = chords(60, MINOR, 0.5, 70)
    notes = clip.notes + np.array([0, 0, steps, 0])
    before, after = features(clip), features(replace(clip, notes=notes))
    moved = {name for name in before if abs(before[name] - after[name]) > 1e-9}
    register = {"pitch", "pitch_low", "pitch_high", "bass_share", "treble_share", "top"}
    assert "pitch" in moved
    assert moved <= register


def test_a_later_start_changes_nothing() -> None:
    clip = chords(60, MAJOR, 0.5, 70)
    later = clip_of(
        [(a + 100.0, b, c, d) for a, b, c, d in clip.notes.tolist()],
        [(t + 100.0, bool(down)) for t, down in clip.pedals.tolist()],
    )
    here, there = features(clip), features(later.cut(100.0, 100.0 + clip.duration_s))
    np.testing.assert_allclose(list(here.values()), list(there.values()), atol=1e-6)


def test_major_and_minor_are_told_apart_in_every_key() -> None:
    for root in range(48, 60):
        bright, dark = chords(root, MAJOR, 0.5, 70), chords(root, MINOR, 0.5, 70)
        assert majorness(chroma_of(bright)) > 0.1 > -0.1 > majorness(chroma_of(dark))
        assert key_fit(chroma_of(bright))[0].argmax() == root % 12
        assert features(bright)["major_third"] > 0 > features(dark)["major_third"]
        assert features(bright)["triads_rather_major"] > 0.9 > 0.1
        assert features(dark)["triads_rather_major"] < 0.1


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(st.floats(0, 30), st.floats(0.01, 40), st.integers(0, 127), st.integers(1, 127)),
        max_size=12,
    )
)
def test_any_notes_have_finite_features_and_rolls(notes: list[tuple[float, ...]]) -> None:
    clip = clip_of(notes, [(0.5, True)])  # type: ignore[arg-type]
    assert np.isfinite(list(features(clip).values())).all()
    assert all(np.isfinite(side).all() for side in fold(clip))


# --- judging -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def judge() -> Judge:
    return Judge.of(four_moods(12), learner=linear)


def test_the_judge_reads_plain_moods_in_long_and_short_windows(judge: Judge) -> None:
    held_out = four_moods(6, seed=1)
    quadrants = np.array([one.quadrant for one in held_out])
    p = judge.probabilities([one.clip for one in held_out])
    assert p.shape == (24, 4)
    np.testing.assert_allclose(p.sum(axis=1), 1.0)
    assert Scores.of(p, quadrants).quadrant > 0.9
    short = judge.probabilities([one.clip.cut(0, 3) for one in held_out], "short")
    assert Scores.of(short, quadrants).quadrant > 0.8
    assert ((arousal(p) > 0.5) == (quadrants < 2)).mean() > 0.9
    assert ((valence(p) > 0.5) == np.isin(quadrants, (0, 3))).mean() > 0.9


def test_silence_and_two_notes_say_nothing(judge: Judge) -> None:
    clips = [clip_of([], []), clip_of([(0, 1, 60, 80), (1, 1, 62, 80)], [])]
    assert (judge.probabilities(clips) == 0.25).all()
    assert judge.probabilities([]).shape == (0, 4)


def test_a_judge_taught_shuffled_labels_is_at_chance() -> None:
    """The canary: what it scores on unseen songs comes from the labels, not from a leak."""
    rng, hits = np.random.default_rng(0), []
    held_out = four_moods(10, seed=1)
    quadrants = np.array([one.quadrant for one in held_out])
    for _ in range(2):
        known = four_moods(12)
        dealt = rng.permutation([one.quadrant for one in known])
        taught = [replace(one, quadrant=int(q)) for one, q in zip(known, dealt, strict=True)]
        p = Judge.of(taught, learner=linear).probabilities([one.clip for one in held_out])
        hits.append(Scores.of(p, quadrants).quadrant)
    assert np.mean(hits) < 0.5  # the true labels give more than .9


def test_a_seed_gives_the_same_judge_twice() -> None:
    known, clips = four_moods(4), [one.clip for one in four_moods(2, seed=3)]
    few = together(linear, forest("ExtraTreesClassifier", n_estimators=8))
    first, again = (Judge.of(known, 4, few).probabilities(clips) for _ in range(2))
    np.testing.assert_array_equal(first, again)


def test_the_second_judge_learns_too_is_the_same_twice_and_hears_no_key() -> None:
    torch.set_num_threads(1)
    known, held_out = four_moods(8), four_moods(4, seed=1)
    clips = [one.clip for one in held_out]
    once, again = (CircleJudge.of(known, epochs=2).probabilities(clips) for _ in range(2))
    np.testing.assert_array_equal(once, again)
    judge = CircleJudge.of(known, epochs=12)
    p = judge.probabilities(clips)
    assert Scores.of(p, np.array([one.quadrant for one in held_out])).arousal > 0.8
    octave = [replace(c, notes=c.notes + np.array([0, 0, 12, 0])) for c in clips]
    circles = [fold(c)[0] for c in (clips[0], octave[0])]
    np.testing.assert_array_equal(*circles)
    fifth = fold(replace(clips[0], notes=clips[0].notes + np.array([0, 0, 7, 0])))
    same_register = (fifth[0], fold(clips[0])[1])
    with torch.no_grad():
        here, there = (
            judge.network(*(torch.from_numpy(side)[None] for side in roll))
            for roll in (fold(clips[0]), same_register)
        )
    torch.testing.assert_close(here, there, atol=1e-4, rtol=1e-4)


# --- figures -------------------------------------------------------------------------------------


def test_scores_by_hand() -> None:
    p = np.array([[0.7, 0.1, 0.1, 0.1], [0.1, 0.1, 0.7, 0.1], [0.4, 0.0, 0.3, 0.3]])
    scores = Scores.of(p, np.array([0, 1, 3]))
    assert scores.quadrant == pytest.approx(1 / 3)
    assert scores.arousal == pytest.approx(2 / 3)  # the third: .4 high, and Q4 is low
    assert scores.valence == 1.0
    assert scores.ece == pytest.approx(abs(2 * 0.7 - 1) / 3 + 0.4 / 3)
    assert confusion(p, np.array([0, 1, 3])).tolist() == [
        [1, 0, 0, 0],
        [0, 0, 1, 0],
        [0, 0, 0, 0],
        [1, 0, 0, 0],
    ]


def test_the_interval_widens_with_clips_of_one_song() -> None:
    rng = np.random.default_rng(0)
    values = np.repeat(rng.normal(size=20), 10)  # ten clips a song, all alike
    groups = np.repeat(np.arange(20), 10)

    def width(names: np.ndarray) -> float:
        low, high = bootstrap(lambda rows: float(values[rows].mean()), names)
        return high - low

    assert width(groups) > 2 * width(np.arange(200))


def test_the_temperature_that_was_applied_is_found() -> None:
    rng = np.random.default_rng(0)
    true = rng.dirichlet(np.ones(4) * 0.7, size=4000)
    quadrants = (true.cumsum(axis=1) < rng.random((4000, 1))).sum(axis=1).clip(0, 3)
    sharp = tempered(np.log(true + 1e-9), 0.5)
    assert fit_temperature(sharp, quadrants, np.ones(4000)) == pytest.approx(2.0, rel=0.1)


def test_a_song_lies_in_one_fold() -> None:
    songs = np.array(["a", "b", "a", "c", "b", "d", "e", "f"])
    folds = fold_of(songs, 0)
    assert all(len(set(folds[songs == song])) == 1 for song in songs)
    assert set(folds) == set(range(5))


@pytest.mark.data
def test_published_clips_keep_to_the_split_of_the_tokens(data: Path) -> None:
    clips = {split: read_emopia(data, [split]) for split in ("train", "valid", "test")}
    songs = {split: {one.song for one in some} for split, some in clips.items()}
    assert not songs["train"] & songs["valid"]
    assert not (songs["train"] | songs["valid"]) & songs["test"]
    assert len(clips["test"]) == 202
    assert sum(map(len, clips.values())) == 983
