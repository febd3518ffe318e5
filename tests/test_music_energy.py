"""What is heard of the music that was just played."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from music.energy import DENSITY, ENDS, HALF_S, STEPS, TOUCH, Energy
from music.evaluation.performance import LabelledClip, clip_of, read_emopia
from music.evaluation.stirred import means, told, windows_of
from music.events import Bar, Note, Pedal, Tempo


def played(velocity, notes_per_beat, bpm=120.0, beats=24, start=0, energy=None):
    energy = energy or Energy()
    for beat in range(start, start + beats):
        energy = energy.push(Tempo(float(beat), bpm))
        for note in range(notes_per_beat):
            energy = energy.push(Note(beat + note / notes_per_beat, 0.5, 60, velocity))
    return energy


def test_loud_is_stirred_and_soft_is_calm_whatever_the_density():
    for density in (1, 3, 8):
        told = [played(velocity, density).of_touch for velocity in (45, 60, 70, 90)]
        assert told == sorted(told)
        assert told[0] < 0.0 < told[1] < 0.5 < told[2] < 1.0 < told[3]


def test_dense_is_stirred_and_sparse_is_calm_whatever_the_touch():
    for velocity in (40, 100):
        told = [played(velocity, density).of_density for density in (1, 3, 8)]
        assert told[0] < 0.0 < told[1] < 1.0 < told[2]


def test_density_is_heard_in_seconds_whatever_the_tempo():
    slow, fast = played(65, 4, bpm=90.0), played(65, 2, bpm=180.0, beats=48)
    assert slow.of_density == fast.of_density


def test_a_change_is_heard_within_seconds_and_silence_is_sparse():
    stirred = played(90, 6)
    beats = int(2 * HALF_S * 2)  # at 120 a minute
    calm = played(45, 1, start=24, beats=beats, energy=stirred)
    assert calm.of_touch < 0.5 > calm.of_density
    silent = played(0, 0, start=24, beats=40, energy=stirred)
    assert silent.of_density == ENDS[0]
    assert silent.of_touch == stirred.of_touch  # as what was last heard


def test_nothing_is_said_before_something_was_heard():
    for energy in (Energy(), played(90, 6, beats=2), played(0, 0)):
        assert energy.of_touch is None
        assert energy.of_density is None


def test_bars_pedals_and_nothing_change_nothing():
    energy = played(64, 3)
    for event in (None, Bar(30.0), Pedal(31.0, True)):
        assert energy.push(event) is energy


@given(
    st.lists(st.tuples(st.floats(0.0, 2.0), st.integers(1, 127), st.booleans()), max_size=60),
    st.floats(20.0, 300.0),
)
def test_it_is_always_within_the_scale_in_steps(moves, bpm):
    energy, at = Energy(), 0.0
    for step, velocity, beat in moves:
        at += step
        energy = energy.push(Tempo(at, bpm) if beat else Note(at, 1.0, 60, velocity))
        for said in (energy.of_touch, energy.of_density):
            assert said is None or (
                ENDS[0] <= said <= ENDS[1] and said * STEPS == int(said * STEPS)
            )


def test_windows_are_of_labelled_clips_and_told_apart() -> None:
    loud = clip_of([(0.25 * k, 0.2, 60, 80) for k in range(64)], [])  # 16 s
    soft = clip_of([(1.0 * k, 0.9, 60, 50) for k in range(16)], [])
    found = windows_of(
        [LabelledClip("a", "a", 1, "train", loud), LabelledClip("b", "b", 2, "train", soft)]
    )
    assert found.stirred.tolist() == [True] * 2 + [False] * 2
    assert means(found.touch, found.stirred) == (50.0, 80.0)
    assert means(found.density, found.stirred) == (0.0, 2.0)
    assert told(found.density, found.stirred, (0.0, 2.0)) == (1.0, 0.0)


@pytest.mark.data
def test_the_scale_is_that_of_the_training_songs(data) -> None:
    found = windows_of(read_emopia(data, ["train"]))
    assert np.round(means(found.touch, found.stirred), 1).tolist() == list(TOUCH)
    assert np.round(means(found.density, found.stirred), 2).tolist() == list(DENSITY)
