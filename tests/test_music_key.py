"""Keys: what players call them, what belongs to them, which one is heard."""

import numpy as np
import pytest

from music import vocabulary as v
from music.errors import MusicError
from music.key import QUALITY_TONES, SCALES, Key, chord_classes, find_key, home, parse_key


@pytest.mark.parametrize(
    ("name", "tonic", "steps"),
    [
        ("C minor", 0, SCALES["minor"]),
        ("A harmonic minor", 9, SCALES["harmonic minor"]),
        ("d Dorian", 2, SCALES["dorian"]),
        ("F#", 6, SCALES["major"]),
        ("bb-minor", 10, SCALES["minor"]),
        ("B♭ major", 10, SCALES["major"]),
        ("  b   minor ", 11, SCALES["minor"]),
        ("Am", 9, SCALES["minor"]),
        ("Cb major", 11, SCALES["major"]),
        ("E pentatonic", 4, SCALES["pentatonic"]),
    ],
)
def test_keys_are_called_what_players_call_them(name, tonic, steps):
    assert parse_key(name) == Key(tonic, steps)


@pytest.mark.parametrize("name", ["", "H minor", "C moll", "minor", "C##", "C minor blues"])
def test_an_unknown_key_is_refused_in_a_sentence_that_names_the_scales(name):
    with pytest.raises(MusicError, match=r'"C minor".*harmonic minor'):
        parse_key(name)


def test_a_chord_of_the_token_table_has_the_tones_of_its_name():
    assert chord_classes("F#:m7") == (6, 9, 1, 4)
    assert chord_classes("N") == ()
    assert set(QUALITY_TONES) == set(v.QUALITIES)


def test_every_scale_has_a_home_chord_and_a_chord_before_it():
    for steps in SCALES.values():
        for tonic in range(12):
            key = Key(tonic, steps)
            assert chord_classes(key.home)[0] == tonic
            assert key.away_classes
            assert key.classes.issuperset({*chord_classes(key.home), *key.away_classes})
    assert (parse_key("C").away, parse_key("C harmonic minor").away) == ("G:7", "G:7")
    assert parse_key("C minor").away == "G:m7"


@pytest.mark.parametrize(("tonic", "mode"), [(0, "major"), (3, "major"), (9, "harmonic minor")])
def test_the_key_is_heard_from_its_scale_and_triad(tonic, mode):
    weights = np.zeros(12)
    weights[[(tonic + step) % 12 for step in SCALES[mode]]] = 1.0
    weights[list(chord_classes(Key(tonic, SCALES[mode]).home))] += 2.0
    assert find_key(tuple(weights)) == Key(tonic, SCALES[mode])
    assert find_key((0.0,) * 12).tonic == 0


@pytest.mark.parametrize("tonic", range(12))
@pytest.mark.parametrize("mode", ["major", "minor", "dorian"])
def test_home_is_the_tones_and_chords_of_what_was_heard(tonic, mode):
    key = Key(tonic, SCALES[mode])
    heard = [2.0 * (pitch in key.classes) for pitch in range(12)]
    inside = home(heard)
    pitches = {v.PITCH_RANGE[0] + n for n in range(v.PITCH.size) if inside[v.PITCH.id(n)]}
    assert pitches == {p for p in range(21, 109) if p % 12 in key.classes}
    for name in v.CHORDS:
        assert inside[v.chord_token(name)] == key.classes.issuperset(chord_classes(name))
    heard[(tonic + 1) % 12] += 0.5  # a passing tone
    assert np.array_equal(home(heard), inside)


def test_too_little_is_no_key():
    assert home((0.5,) * 12) is None
    assert home((1.0,) * 12) is not None
