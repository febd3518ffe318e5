"""Limits hold whatever the network wants, nothing the player asks ends in silence or in a lock, and
an end is a cadence.

The network here is chance itself: wilder than any that was trained, and quick.
"""

import random

import numpy as np
import pytest
import torch

from music import vocabulary as v
from music.composer import Composer
from music.condition import Condition
from music.controls import Controls
from music.ending import Cadence, settle
from music.errors import MusicError
from music.events import Chord, Event, Note, Pedal, Tempo
from music.grammar import Decoder, Grammar
from music.key import QUALITY_TONES, SCALES, Key, chord_classes, find_key, parse_key
from music.latent import Gaussian
from music.limits import BURST_S, LAST_VOICE_BEATS, Memory
from music.quantise import SIXTEENTHS, TRIPLETS, moves
from music.sampling import ROWS, Sampling

ANY = Condition((0.25, 0.25, 0.25, 0.25), 1.5)


class Cache:
    position = 0

    def rewind(self, position):
        self.position = position

    reset = save = lambda self: None


class Config:
    latent = 4


class Chance:
    """A network of dice: what it says depends on the place alone, so a rewind hears it again."""

    config = Config()

    def __init__(self, busy=0.0):
        self.busy, self.heard = busy, []

    def eval(self):
        return self

    def new_cache(self, batch, rewind):
        return Cache()

    def __call__(self, inputs, z, cache):
        self.heard.append((int(inputs.place[0, 0]), z[0, 0].clone()))
        return inputs.place.expand(ROWS, 1).clone()[:, :, None]

    def logits(self, state):
        dice = np.random.default_rng(int(state[0, 0]))
        out = dice.normal(0.0, 1.0, (ROWS, v.SIZE)).astype(np.float32)
        for family in v.FAMILIES.values():  # every kind of token equally likely
            out[:, family.start : family.stop] -= np.log(family.size)
        out[:, [v.BAR, v.PEDAL_UP, v.PEDAL_DOWN]] -= 1.0
        out[:, v.PITCH.start : v.PITCH.stop] += self.busy
        out[:, v.POS.start : v.POS.stop] += self.busy
        return torch.from_numpy(out)

    def prior_of(self, state, inputs):
        zero = torch.zeros(ROWS, 1, 4)
        return Gaussian(zero + 0.1 * inputs.place[0, 0], zero)


def player(controls=None, seed=1, busy=0.0, **sampling):
    one = Composer(Chance(busy), seed, Sampling(**sampling))
    one.controls = controls or Controls()
    return one


def play(one, steps):
    return [event for _ in range(steps) for event in one.step(ANY)]


def notes(events):
    return [event for event in events if isinstance(event, Note)]


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


# ---------------------------------------------------------------------------- key


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


def test_in_c_minor_there_is_no_wrong_note_and_no_wrong_chord():
    events = play(player(Controls(key=parse_key("C minor")), busy=1.0), 500)
    assert {note.pitch % 12 for note in notes(events)} == {0, 2, 3, 5, 7, 8, 10}
    chords = {event.name for event in events if isinstance(event, Chord)}
    assert {"N", "C:m", "D#:M"} & chords
    assert not {"C:M", "G:M", "G:7", "E:m"} & chords


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


# ---------------------------------------------------------------------------- tempo, timing


def test_a_locked_tempo_is_exact_and_the_network_hears_the_nearest_bin():
    one = player(Controls(bpm=97.3))
    events = play(one, 400)
    assert {event.bpm for event in events if isinstance(event, Tempo)} == {97.3}
    assert one.horizon_s == pytest.approx(one.horizon_beats * 60 / 97.3, abs=1e-9)
    tempos = [m.token for m in one._history if m.token in v.TEMPO]
    assert set(tempos) == {v.tempo_token(97.3)}


def positions(events):
    return [round(event.onset_beats * 48) for event in notes(events)]


def test_fully_quantised_all_is_on_sixteenths_or_triplets_and_no_beat_has_both():
    places = positions(play(player(Controls(quantise=1.0), busy=1.0), 600))
    beats = {}
    for place in places:
        beats.setdefault(place // 48, set()).add(place % 48)
    assert set().union(*beats.values()) == {*SIXTEENTHS[:-1], *TRIPLETS[:-1]}
    for used in beats.values():
        assert used <= set(SIXTEENTHS) or used <= set(TRIPLETS)


def test_quantising_moves_by_its_strength_keeps_order_and_at_zero_nothing():
    off = [
        np.abs(np.array(positions(play(player(Controls(quantise=q)), 300))) % 12) for q in (0, 1)
    ]
    assert len(set(off[0])) > 9
    for strength in (0.0, 0.3, 0.5, 1.0):
        for last in range(-1, 48):
            assert (np.diff(moves(last, strength)) >= 0).all()
    assert (moves(-1, 0.0) == np.arange(48)).all()
    assert moves(-1, 0.5)[8] == 10  # half way to 12
    assert moves(-1, 1.0)[43] == 48  # the next beat: not to be drawn in this one
    assert moves(16, 1.0)[25] == 32  # once in triplets, in triplets
    assert moves(12, 1.0)[30] == 24  # once in sixteenths, in sixteenths


# ---------------------------------------------------------------------------- the latent


def latents(one):
    """The latent of each bar so far."""
    out, last = [], None
    for moment in one._history:
        if moment.token == v.LATENT:
            last = tuple(moment.z.tolist())
            out.append(last)
    return out


def test_a_held_latent_stays_until_released_and_another_take_is_another_latent():
    one = player()
    play(one, 60)
    assert len(set(latents(one))) == len(latents(one)) > 1
    one.controls = Controls(hold=True)
    begun = len(latents(one))
    while len(latents(one)) < begun + 3:
        one.step(ANY)
    held = latents(one)
    assert len(set(held[begun - 1 :])) == 1
    while one._now.token in (v.BAR, v.LATENT):
        one.step(ANY)
    before = one._now.z
    one.controls = Controls(hold=True, take=1)
    one.step(ANY)
    assert not torch.equal(one._now.z, before)  # at once, in mid-bar
    assert torch.equal(one.model.heard[-1][1], one._now.z)
    one.controls = Controls(take=1)
    begun = len(latents(one))
    while len(latents(one)) < begun + 3:
        one.step(ANY)
    assert len(set(latents(one)[begun:])) == 3


# ---------------------------------------------------------------------------- rewinding


def test_under_all_controls_a_rewind_composes_the_same_again():
    controls = Controls(
        key=parse_key("Eb"), lowest=40, highest=88, max_density=5.0, min_density=2.0, polyphony=4,
        bpm=110.0, quantise=0.7, hold=True,
    )  # fmt: skip
    one = player(controls, busy=1.0)
    first = play(one, 300)
    to_beats = 0.7 * one.horizon_beats
    one.rewind(to_beats)
    assert one.horizon_beats < to_beats
    kept = [event for event in first if event.onset_beats < to_beats]
    assert (kept + play(one, 300))[: len(first)] == first


def test_a_saved_composer_goes_on_the_same_with_its_controls():
    one = player(Controls(max_density=3.0, polyphony=3, quantise=1.0), busy=2.0)
    play(one, 100)
    one._cache.save = lambda: None
    state = one.save()
    rest = play(one, 150)
    other = player(busy=2.0)
    other._cache.restore = lambda _: None
    other.restore(state)
    assert play(other, 150) == rest


# ---------------------------------------------------------------------------- the end


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
    _, events, _ = ended(seed=5)
    tempos = [event.bpm for event in events if isinstance(event, Tempo)]
    assert tempos[-4] > tempos[-3] > tempos[-2] > tempos[-1] > 0.8 * tempos[-4]
    _, events, _ = ended(Controls(bpm=90.0), seed=5)
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
    one, events, _ = ended(seed=4)
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


# ---------------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"lowest": 10}, "the piano has 21 to 108"),
        ({"lowest": 60, "highest": 70}, "no room for a chord"),
        ({"lowest": 80, "highest": 40}, "the lowest first"),
        ({"max_density": 0.0}, "more than 0"),
        ({"max_density": float("nan")}, "more than 0"),
        ({"min_density": -1.0}, "0 or more"),
        ({"min_density": 5.0, "max_density": 2.0}, "cannot both be"),
        ({"polyphony": 0}, "1 or more"),
        ({"bpm": 500.0}, "give 30 to 300"),
        ({"quantise": 1.5}, "0 to 1"),
        ({"take": -1}, "0 or more"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(asked, said):
    with pytest.raises(MusicError, match=said):
        Controls(**asked)
