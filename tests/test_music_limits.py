"""Limits hold whatever the network wants, and nothing the player asks ends in silence or in a lock.

The network here is chance itself: wilder than any that was trained, and quick.
"""

import random

import numpy as np
import pytest
from networks import ANY, notes, play, player

from music import vocabulary as v
from music.controls import Controls
from music.events import Chord, Note, Pedal, Tempo
from music.grammar import Decoder
from music.key import SCALES, Key, chord_classes, parse_key
from music.limits import BURST_S, LAST_VOICE_BEATS, LONGEST_PEDAL_BEATS


def some_controls(dice):
    """Any combination that makes sense, each part now and then."""
    asked = {}
    if dice.random() < 0.6:
        low = dice.randrange(21, 98)
        asked |= {"lowest": low, "highest": dice.randrange(low + 11, 109)}
    if dice.random() < 0.6:
        asked["key"] = Key(dice.randrange(12), dice.choice(list(SCALES.values())))
    if dice.random() < 0.5:
        asked["max_density"] = dice.choice([0.1, 0.5, 2.0, 10.0])
    if dice.random() < 0.4:
        asked["min_density"] = min(dice.choice([0.5, 2.0, 8.0]), asked.get("max_density", 9.0))
    if dice.random() < 0.5:
        asked["polyphony"] = dice.randrange(1, 6)
    if dice.random() < 0.4:
        asked["bpm"] = dice.uniform(30.0, 300.0)
    if dice.random() < 0.5:
        asked["quantise"] = dice.choice([1.0, 0.5, dice.random()])
    return Controls(
        **asked, hold=dice.random() < 0.3, take=dice.randrange(3), end=dice.random() < 0.2
    )


class Witness:
    """Counts by itself what sounds, and compares it with what was allowed at that token."""

    def __init__(self):
        self.decoder, self.sounding, self.last = Decoder(), [], 0.0
        self.decoder.push(v.BAR)

    def hear(self, token, controls, events):
        state = self.decoder.state
        self.decoder.push(token)
        assert self.decoder.refused == 0
        if token in v.CHORD:
            name = v.CHORDS[token - v.CHORD.start]
            assert not controls.key or controls.key.classes.issuperset(chord_classes(name))
        if token in v.PITCH:
            pitch = token - v.PITCH.start + v.PITCH_RANGE[0]
            assert controls.lowest <= pitch <= controls.highest
            assert not controls.key or pitch % 12 in controls.key.classes
            held = [end for end in self.sounding if end > state.onset_beats + 1e-6]
            assert controls.polyphony is None or len(held) < controls.polyphony
        for event in events:
            assert event.onset_beats >= self.last
            self.last = event.onset_beats
            if isinstance(event, Note):
                self.sounding.append(event.onset_beats + event.duration_beats)
            if isinstance(event, Tempo) and controls.bpm is not None:
                assert event.bpm == controls.bpm


@pytest.mark.parametrize("seed", range(12))
def test_no_combination_of_controls_breaks_a_limit_or_leads_nowhere(seed):
    """Controls change at any token; a dead end would be a warning of numpy's, which is an error."""
    dice = random.Random(seed)
    sampling = {"temperature": dice.choice([0.5, 1.0, 2.0]), "top_p": dice.choice([0.8, 1.0])}
    one, witness = player(some_controls(dice), seed, dice.choice([0.0, 2.0]), **sampling), Witness()
    finished = 0
    for _ in range(250):
        fed = one.tokens_chosen
        events = one.step(ANY)
        if one.tokens_chosen > fed:
            witness.hear(one._now.token, one.controls, events)
        if one.finished:
            finished += 1
            assert one.step(ANY) == []
            assert not one._now.grammar.pedal_down
        if one.finished or dice.random() < 0.04:
            one.controls = some_controls(dice)
    assert one.horizon_beats > 0


def test_in_c_minor_there_is_no_wrong_note_and_no_wrong_chord():
    key = parse_key("C minor")
    events = play(player(Controls(key=key), busy=1.0), 2000)
    assert {note.pitch % 12 for note in notes(events)} == {0, 2, 3, 5, 7, 8, 10}
    chords = {event.name for event in events if isinstance(event, Chord)}
    assert len(chords) > 8
    assert all(key.classes.issuperset(chord_classes(name)) for name in chords)


# ---------------------------------------------------------------------------- density, polyphony


def onsets_s(one, events):
    return np.array([one.tempo_map.seconds(note.onset_beats) for note in notes(events)])


@pytest.mark.parametrize("density", [0.4, 2.0, 6.0])
def test_more_notes_than_asked_for_never_sound(density):
    one = player(Controls(max_density=density), busy=3.0)
    times = onsets_s(one, play(one, 600))
    assert len(times) > 20
    allowed = max(density * BURST_S, 1.0)
    count = np.arange(len(times))
    excess = (count[None, :] - count[:, None] + 1) - density * (times[None, :] - times[:, None])
    assert np.triu(excess).max() <= allowed + 1e-6
    assert len(times) / times[-1] > 0.6 * density  # thinned, not silenced


def test_the_least_density_is_encouraged():
    sparse, filled = player(busy=-2.0), player(Controls(min_density=2.0), busy=-2.0)
    rates = []
    for one in (sparse, filled):
        times = onsets_s(one, play(one, 600))
        rates.append(len(times) / one.horizon_s)
    assert rates[1] > 1.5 > 0.5 > rates[0]


@pytest.mark.parametrize("polyphony", [1, 3])
def test_no_more_keys_are_held_than_asked_for_and_the_music_never_waits_long(polyphony):
    heard = notes(play(player(Controls(polyphony=polyphony), busy=3.0), 500))
    ends = [note.onset_beats + note.duration_beats - 1e-6 for note in heard]
    for at, note in enumerate(heard):
        assert sum(end > note.onset_beats for end in ends[: at + 1]) <= polyphony
    gaps = np.diff([note.onset_beats for note in heard])
    assert gaps.max() < 6 * LAST_VOICE_BEATS
    free = notes(play(player(busy=3.0), 500))
    assert (
        max(sum(o.onset_beats + o.duration_beats > n.onset_beats for o in free) for n in free) > 3
    )


@pytest.mark.parametrize("controls", [Controls(), Controls(key=parse_key("A minor"), quantise=1.0)])
def test_no_note_begins_a_position_under_a_pedal_that_was_held_too_long(controls):
    """A network that never lets the pedal up of itself; it may take it again at once."""
    one = player(controls, seed=3)
    logits = one.model.logits

    def stubborn(state):
        out = logits(state)
        out[:, v.PEDAL_UP] = -1e4
        return out

    one.model.logits = stubborn
    since, held, ups = None, [], 0
    for event in play(one, 4000):
        if isinstance(event, Pedal):
            ups += not event.down
            since = event.onset_beats if event.down else None
        elif isinstance(event, Note) and since is not None:
            held.append(event.onset_beats - since)
    assert ups > 10
    assert 0.9 * LONGEST_PEDAL_BEATS < max(held) < LONGEST_PEDAL_BEATS
