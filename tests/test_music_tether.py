"""What is held back of guided music, and what is left alone."""

import numpy as np
import pytest

from music import vocabulary as v
from music.condition import Condition
from music.controls import PLAIN, Controls
from music.energy import Energy
from music.events import Note, Tempo
from music.grammar import Grammar
from music.tether import CROWDED, HIGHEST, LOWEST, tether

CALM, STIRRED = (0.0, 0.0, 0.5, 0.5), (1.0, 0.0, 0.0, 0.0)


def heard(notes_per_beat, pitch=62, beats=24):
    """At 120 a minute."""
    energy = Energy()
    for beat in range(beats):
        energy = energy.push(Tempo(float(beat), 120.0))
        for note in range(notes_per_beat):
            energy = energy.push(Note(beat + note / notes_per_beat, 0.5, pitch, 70))
    return energy


def after(*tokens):
    grammar = Grammar()
    for token in (v.BAR, v.LATENT, v.tempo_token(120.0), *tokens):
        grammar, _ = grammar.push(token)
    return grammar


NOTE = (v.POS.id(0), v.PITCH.id(40), v.VEL.id(16), v.DUR.id(8))


@pytest.mark.parametrize("pitch", [LOWEST + 1, 62, HIGHEST - 1])
@pytest.mark.parametrize(("p", "notes"), [(CALM, 1), (CALM, 3), (STIRRED, 5), (STIRRED, 6)])
def test_where_real_music_lies_nothing_is_held(p, notes, pitch):
    assert tether(Condition(p, 7.0), heard(notes, pitch), after(), PLAIN) is None


def test_nothing_is_held_before_anything_is_heard():
    assert tether(Condition(STIRRED, 7.0), Energy(), after(), PLAIN) is None


def test_what_crowds_for_the_emotion_asked_is_thinned_the_more_the_more_it_does():
    def thinned(p, notes):
        bias = tether(Condition(p, 7.0), heard(notes), after(), PLAIN)
        return 0.0 if bias is None else -bias[v.POS.start]

    assert thinned(CALM, 6) > thinned(CALM, 4) > 0.0
    assert thinned(STIRRED, 10) > thinned(STIRRED, 8) > 0.0
    assert thinned(CALM, 8) > thinned(STIRRED, 8)  # twelve notes a second are much for calm


def test_a_position_that_is_open_gets_its_note_and_only_more_are_held_back():
    condition, crowd = Condition(CALM, 7.0), heard(8)
    first = tether(condition, crowd, after(v.POS.id(0)), PLAIN)
    more = tether(condition, crowd, after(*NOTE), PLAIN)
    assert not first[v.PITCH.start : v.PITCH.stop].any()
    assert (more[v.PITCH.start : v.PITCH.stop] == more[v.POS.start]).all()
    rest = np.ones(v.SIZE, dtype=bool)
    rest[v.POS.start : v.POS.stop] = rest[v.PITCH.start : v.PITCH.stop] = False
    assert not more[rest].any()  # beats and bars come as they would


@pytest.mark.parametrize(("pitch", "sign"), [(80, -1), (40, 1)])
def test_a_register_that_strays_is_turned_back(pitch, sign):
    bias = tether(Condition(STIRRED, 7.0), heard(2, pitch), after(v.POS.id(0)), PLAIN)
    assert (np.sign(np.diff(bias[v.PITCH.start : v.PITCH.stop])) == sign).all()
    assert not bias[v.POS.start : v.POS.stop].any()


def test_what_the_player_steers_is_left_to_the_player():
    crowd, high = heard(10), heard(2, 80)
    condition = Condition(CALM, 7.0)
    assert tether(condition, crowd, after(), Controls(max_density=20.0)) is None
    assert tether(condition, high, after(), Controls(lowest=60)) is None
    assert tether(condition, high, after(), Controls(max_density=20.0)) is not None


def test_the_network_as_it_learned_is_not_held_and_half_way_half():
    crowd = heard(10)
    assert tether(Condition(CALM, 1.0), crowd, after(), PLAIN) is None
    assert tether(Condition(None, 7.0), crowd, after(), PLAIN) is None
    half, whole = (tether(Condition(CALM, s), crowd, after(), PLAIN) for s in (1.5, 2.0))
    assert np.allclose(2 * half, whole)


def test_the_slack_is_beyond_what_is_asked():
    crowd = heard(4)
    asked = crowd.crowd - CROWDED
    for arousal, held in ((asked + 0.02, False), (asked - 0.02, True)):
        p = (arousal, 0.0, 1.0 - arousal, 0.0)
        assert (tether(Condition(p, 7.0), crowd, after(), PLAIN) is not None) == held
