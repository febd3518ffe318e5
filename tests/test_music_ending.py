"""An end is a cadence: a dominant, then the held tonic, in the key that was asked for or heard."""

import pytest
from networks import ANY, notes, play, player

from music.controls import Controls
from music.ending import Cadence, settle
from music.events import Chord, Event, Note, Pedal, Tempo
from music.grammar import Grammar
from music.key import SCALES, Key, chord_classes, parse_key
from music.limits import Memory


def ended(controls=None, seed=1, warm_up=80, **kind):
    one = player(controls, seed, **kind)
    events = play(one, warm_up)
    asked_beats = one.horizon_beats
    one.finish()
    for _ in range(600):
        events += one.step(ANY)
        if one.finished:
            return one, events, asked_beats
    raise AssertionError("it does not end")


def last_chord(events: list[Event]) -> list[Note]:
    heard = notes(events)
    return [note for note in heard if note.onset_beats == heard[-1].onset_beats]


@pytest.mark.parametrize("seed", range(8))
def test_an_end_is_a_dominant_then_the_held_tonic_triad_and_nothing_hangs(seed):
    key = Key(seed, SCALES["major" if seed % 2 else "harmonic minor"])
    one, events, asked_beats = ended(Controls(key=key), seed, warm_up=60 + 7 * seed)
    final = last_chord(events)
    triad = set(chord_classes(key.home))
    assert {note.pitch % 12 for note in final} == triad
    assert min(note.pitch for note in final) % 12 == key.tonic
    assert len({note.duration_beats for note in final}) == 1
    assert final[0].duration_beats * 60 / one.tempo_map.bpm(final[0].onset_beats) > 2.0
    assert final[0].onset_beats - asked_beats <= 9.0
    names = [event.name for event in events if isinstance(event, Chord)]
    assert names[-2:] == [key.away, key.home]
    pedals = [event for event in events if isinstance(event, Pedal)]
    assert one.flush() == []
    assert not pedals or not pedals[-1].down
    assert all(pedal.onset_beats <= final[0].onset_beats for pedal in pedals)
    assert one.step(ANY) == []


def test_the_dominant_sounds_whole_and_is_cut_by_the_tonic():
    _, events, _ = ended(Controls(key=parse_key("C")), seed=3)
    tonic = last_chord(events)[0].onset_beats
    before = [note for note in notes(events) if tonic - 2 <= note.onset_beats < tonic]
    assert {7, 11} <= {note.pitch % 12 for note in before} <= {7, 11, 2, 5}
    for note in before:
        assert note.onset_beats + note.duration_beats <= tonic + 1e-6


@pytest.mark.parametrize("tonic", range(12))
@pytest.mark.parametrize("mode", ["major", "harmonic minor"])
def test_without_a_lock_the_end_is_in_the_key_that_was_heard(tonic, mode):
    """A full cadence in a far key, then eight bars of four chords in this one."""
    key, memory, at = Key(tonic, SCALES[mode]), Memory(), 0.0
    far = Key((tonic + 6) % 12, SCALES["major"])
    steps = [(far, 0), (far, 7), (far, 0)] + 2 * [(key, 0), (key, 5), (key, 7), (key, 0)]
    for heard, degree in steps:
        triad = [(heard.tonic + degree + third) % 12 for third in (0, 3, 4, 7)]
        for pitch_class in heard.classes & set(triad):
            memory = memory.push(Note(at, 3.5, 60 + pitch_class, 64), Controls())
        at += 4.0
    assert settle(Cadence(beat=1), Grammar(), memory, Controls()).key == key


def test_an_end_slows_down_unless_the_tempo_is_locked():
    _, events, _ = ended(seed=6)
    tempos = [event.bpm for event in events if isinstance(event, Tempo)]
    assert tempos[-4] > tempos[-3] > tempos[-2] > tempos[-1] > 0.8 * tempos[-4]
    _, events, _ = ended(Controls(bpm=90.0), seed=6)
    assert {event.bpm for event in events if isinstance(event, Tempo)} == {90.0}


@pytest.mark.parametrize("polyphony", [1, 2, 3])
def test_an_end_keeps_within_the_voices(polyphony):
    _, events, _ = ended(Controls(key=parse_key("C"), polyphony=polyphony, max_density=0.5), seed=2)
    final = last_chord(events)
    assert 1 <= len(final) <= polyphony
    assert {note.pitch % 12 for note in final} <= {0, 4, 7}
    assert final[0].pitch % 12 == 0


def test_in_an_octave_the_triad_is_whole_though_inverted():
    controls = Controls(key=parse_key("C"), lowest=62, highest=73)
    for seed in range(6):
        _, events, _ = ended(controls, seed)
        assert {note.pitch % 12 for note in last_chord(events)} == {0, 4, 7}


def test_an_end_can_be_called_off_and_rewound():
    one, events, _ = ended(seed=6)  # in which no earlier note outlasts the last chord
    tonic = last_chord(events)[0].onset_beats
    assert one.horizon_beats == pytest.approx(tonic + last_chord(events)[0].duration_beats)
    one.rewind(tonic)
    assert not one.finished
    while not one.finished:
        one.step(ANY)
    assert one.horizon_beats == pytest.approx(tonic + last_chord(events)[0].duration_beats)
    one.controls = Controls()
    assert not one.finished
    assert notes(play(one, 100))
    assert one.horizon_beats > tonic + 2


def test_the_time_to_the_end_is_foreseen():
    for seed in range(6):
        one = player(Controls(bpm=120.0), seed)
        play(one, 100)
        foreseen_s = one.ends_s()
        one.finish()
        events = []
        while not one.finished:
            events += one.step(ANY)
        final = last_chord(events)[0]
        end_s = one.tempo_map.seconds(final.onset_beats + final.duration_beats)
        assert end_s == pytest.approx(foreseen_s, abs=0.3)
