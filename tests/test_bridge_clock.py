"""MIDI clock out: pulses where the tempo map says, bars on bars, a listener that keeps count."""

from types import SimpleNamespace

import numpy as np
import pytest
from fakes import Steady

from bridge.daw.clockout import CLOCK, CONTINUE, CUE_S, PAUSE_S, START, STOP, ClockOut, Transport
from bridge.daw.habits import Habits
from bridge.hand.player import LATE_S, Player
from bridge.mind.core import COMMIT_S, LEAD_S, Mind
from bridge.mind.translate import Style, Translator
from bridge.wire import TimedNote, TimedPulse
from music.events import Bar, Note, Tempo, TempoMap

CALM = (0.05, 0.05, 0.85, 0.05)
WILD = (0.85, 0.05, 0.05, 0.05)
STEP_S = 0.005


class Rubato(Steady):
    """Notes on beats and half beats, bars of four, another tempo at each beat."""

    def __init__(self, offset_beats=0.0):
        super().__init__(0.5)
        self.map = TempoMap()
        self.offset_beats = offset_beats

    @property
    def horizon_s(self):
        return self.map.seconds(self.beats)

    def play(self, at, quadrant):
        events = []
        if at % 1 == 0:
            events.append(Tempo(at, 70.0 + (37 * at) % 90))
            self.map.push(events[0])
        bar = [Bar(at)] if (at - self.offset_beats) % 4 == 0 else []
        return [*events, *bar, Note(at, 0.45, 60 + quadrant, 64)]

    def step(self, condition):
        return [event for event in super().step(condition) if event != Tempo(0, self.bpm)]

    def rewind(self, to_beats):
        super().rewind(to_beats)
        self.map.rewind(to_beats)


def capsule(probabilities):
    return SimpleNamespace(probabilities=np.array(probabilities), confidence=1.0, quality=1.0)


def performance(composer, until_s, feel=lambda now_s: CALM, stall=(), step_s=STEP_S):
    """A mind that steps every few ms and hands to a player: [(time, message)], what was handed."""
    habits = Habits(controls=None, clock=True)
    mind = Mind(composer, Translator(Style(settle_s=0.01, contrast=0.0)), habits)
    player, sent, handed = Player(), [], []
    for tick in range(round(until_s / step_s)):
        now_s = tick * step_s
        if not any(begin <= now_s < end for begin, end in stall):
            felt = feel(now_s) if tick % round(0.25 / step_s) == 0 else None
            for event in mind.step(now_s, capsule(felt) if felt else None):
                handed.append((now_s, event))
                player.push(event, now_s)
        while (next_s := player.next_s()) is not None and next_s <= now_s:
            sent += [(next_s, message) for message in player.due(next_s)]
    return sent, handed


def pulses(handed):
    return [event for _, event in handed if isinstance(event, TimedPulse)]


def clock_of(sent):
    return [(time_s, message) for time_s, message in sent if message[0] >= 0xF0]


class Follower:
    """What a DAW makes of it: its place in pulses at each clock, by the MIDI specification."""

    def __init__(self, sent):
        self.place, self.running, self.places, self.moves = 0, False, [], []
        for time_s, message in clock_of(sent):
            if message == CLOCK and self.running:
                self.places.append((time_s, self.place))
                self.place += 1
            elif message[0] == 0xF2:
                assert not self.running
                self.place = 6 * (message[1] + 128 * message[2])
            elif message in (START, CONTINUE):
                self.place *= message != START
                self.running = True
                self.moves.append((time_s, message))
            elif message == STOP:
                self.running = False
                self.moves.append((time_s, message))


def notes_at(sent):
    return [time_s for time_s, message in sent if message[0] == 0x90]


# ---------------------------------------------------------------------------- where pulses lie


def test_pulses_of_a_changing_tempo_lie_where_the_map_says():
    composer = Rubato()
    _, handed = performance(composer, 60.0)
    begin_s = next(event.on_s for _, event in handed if isinstance(event, TimedNote))
    for number, pulse in enumerate(pulses(handed)):
        assert pulse.number == number
        assert pulse.time_s - begin_s == pytest.approx(composer.map.seconds(number / 24), abs=1e-9)
        assert pulse.bar == (number % 96 == 0)
    assert len(pulses(handed)) > 60 * 24


def test_pulses_are_committed_in_time_like_notes():
    _, handed = performance(Rubato(), 20.0)
    for now_s, event in handed:
        due_s = event.time_s if isinstance(event, TimedPulse) else event.on_s
        assert LEAD_S <= due_s - now_s <= COMMIT_S + 1e-9


@pytest.mark.parametrize("step_s", [0.0025, 0.010, 0.025])
def test_streamed_equals_whole(step_s):
    """However often mind looks, the pulses lie at the same places after the first."""
    composer = Rubato()
    _, handed = performance(composer, 30.0, step_s=step_s)
    times_s = np.array([pulse.time_s for pulse in pulses(handed)])
    whole = np.array([composer.map.seconds(number / 24) for number in range(len(times_s))])
    np.testing.assert_allclose(times_s - times_s[0], whole, atol=1e-9)


def test_a_follower_has_each_beat_where_a_note_is():
    sent, _ = performance(Rubato(), 60.0)
    follower = Follower(sent)
    assert follower.moves == [(pytest.approx(notes_at(sent)[0] - CUE_S), START)]
    on_halves = [time_s for time_s, place in follower.places if place % 12 == 0]
    count = min(len(on_halves), len(notes_at(sent)))
    assert count > 100
    np.testing.assert_allclose(on_halves[:count], notes_at(sent)[:count], atol=1e-9)


def test_it_begins_at_the_first_bar_line():
    sent, handed = performance(Rubato(offset_beats=1.5), 20.0)
    first = pulses(handed)[0]
    assert (first.number, first.bar) == (0, True)
    follower = Follower(sent)
    at_s = {place: time_s for time_s, place in follower.places}
    assert at_s[0] == pytest.approx(notes_at(sent)[3])  # the fourth half beat: 1.5
    assert at_s[48] == pytest.approx(notes_at(sent)[7])


def test_a_bar_line_in_silence_is_waited_for():
    class Upbeat(Rubato):
        def play(self, at, quadrant):
            return [
                one for one in super().play(at, quadrant) if at >= 1 or not isinstance(one, Note)
            ]

    sent, _ = performance(Upbeat(), 20.0)
    at_s = {place: time_s for time_s, place in Follower(sent).places}
    assert at_s[24] == pytest.approx(notes_at(sent)[0])


# ---------------------------------------------------------------------------- what may happen


def test_a_jump_of_the_emotion_shifts_no_pulse():
    sent, handed = performance(Rubato(), 40.0, lambda now_s: CALM if int(now_s) % 4 < 2 else WILD)
    assert [pulse.number for pulse in pulses(handed)] == list(range(len(pulses(handed))))
    follower = Follower(sent)
    assert len(follower.moves) == 1
    on_halves = [time_s for time_s, place in follower.places if place % 12 == 0]
    count = min(len(on_halves), len(notes_at(sent)))
    np.testing.assert_allclose(on_halves[:count], notes_at(sent)[:count], atol=1e-9)


def beats_agree(sent, since_s, tempo_map):
    """After `since_s` each half-beat place of the follower is where a note is struck."""
    halves = [t for t, place in Follower(sent).places if place % 12 == 0 and t > since_s]
    notes = [t for t in notes_at(sent) if t >= halves[0] - 1e-6]
    count = min(len(halves), len(notes))
    assert count > 20
    np.testing.assert_allclose(halves[:count], notes[:count], atol=1e-9)


def test_after_a_stall_it_goes_on_at_a_bar_line_with_its_position():
    composer = Rubato()
    sent, _ = performance(composer, 40.0, stall=[(10.0, 13.0)])
    (_, start), (stop_s, stop), (again_s, again) = Follower(sent).moves
    assert (start, stop, again) == (START, STOP, CONTINUE)
    assert 10.0 < stop_s <= 10.0 + COMMIT_S + PAUSE_S
    assert 13.0 < again_s < 17.0
    resumed = [place for time_s, place in Follower(sent).places if time_s > again_s]
    assert resumed[0] % 96 == 0
    beats_agree(sent, again_s, composer.map)
    begin_s = notes_at(sent)[0]
    late_s = 13.0 - 10.0  # as far as time was moved back, and the tempo map tells the bar
    first_s = next(t for t, place in Follower(sent).places if t > again_s)
    beat = composer.map.beats(first_s - begin_s - late_s)
    assert resumed[0] / 24 == pytest.approx(beat, abs=0.5)


def test_a_lost_signal_stops_it_and_its_return_goes_on():
    sent, _ = performance(
        Rubato(), 80.0, lambda now_s: CALM if now_s < 10.0 or now_s > 60.0 else None
    )
    moves = [message for _, message in Follower(sent).moves]
    assert moves == [START, STOP, CONTINUE]
    (_, _), (stop_s, _), (again_s, _) = Follower(sent).moves
    assert 40.0 < stop_s < 50.0
    assert 60.0 < again_s < 66.0
    beats_agree(sent, again_s, None)


# ---------------------------------------------------------------------------- the halves alone


def test_a_bar_line_that_is_taken_back_is_none():
    clock = ClockOut()
    clock.bar(0.0)
    clock.bar(4.0)
    assert [bar for _, _, bar in clock.pulses(1.0)] == [True] + [False] * 23
    clock.rewind(2.0)
    clock.bar(3.0)
    bars = [number / 24 for _, number, bar in clock.pulses(6.0) if bar]
    assert bars == [3.0]
    assert ClockOut().pulses(100.0) == []


def test_an_hour_of_pulses_does_not_drift():
    clock, tempo, given = ClockOut(), TempoMap(), []
    tempo.push(Tempo(0.0, 97.3))
    clock.bar(0.0)
    until_s = 0.0
    while until_s < 3600.0:
        until_s += 0.0101
        given += [tempo.seconds(beats) for beats, _, _ in clock.pulses(tempo.beats(until_s))]
    exact = np.arange(len(given)) * 60.0 / 97.3 / 24
    np.testing.assert_allclose(given, exact, atol=1e-7)
    assert len(given) == pytest.approx(3600 * 97.3 / 60 * 24, abs=1)


def test_a_lost_pulse_stops_the_listener_rather_than_shift_its_bars():
    transport = Transport()
    assert transport.cue(0, 0.0) == [START]
    assert transport.pulse(0, 0.01) == [CLOCK]
    assert transport.pulse(2, 0.05) == [STOP]
    assert transport.pulse(3, 0.07) == []
    assert transport.cue(96, 1.0) == [bytes((0xF2, 16, 0)), CONTINUE]
    assert transport.pulse(95, 1.005) == []
    assert transport.pulse(96, 1.01) == [CLOCK]
    assert transport.pulse(97, 1.3, late=True) == [STOP]


def test_a_position_that_14_bits_cannot_say_is_bar_1_again():
    transport = Transport()
    assert transport.cue(0x3FFF * 6, 0.0) == [b"\xf2\x7f\x7f", CONTINUE]
    transport.stop()
    assert transport.cue(0x4000 * 6, 0.0) == [START]


def test_the_player_stops_a_clock_whose_pulses_end_and_at_a_panic():
    for panics in (False, True):
        player, sent = Player(), []
        for number in range(24):
            player.push(TimedPulse(1.0 + number / 48, number, number == 0), 0.9)
        assert player.next_s() == pytest.approx(1.0 - CUE_S)
        for tick in range(300):
            now_s = tick / 100
            if panics and tick == 120:
                sent += player.panic()
            sent += player.due(now_s)
        assert (sent[0], sent[-1], sent.count(STOP)) == (START, STOP, 1)
        assert sent.count(CLOCK) == (10 if panics else 24)
        assert not player.busy()


def test_late_pulses_stop_the_clock():
    player = Player()
    player.push(TimedPulse(1.0, 0, True), 0.9)
    player.push(TimedPulse(1.02, 1), 0.9)
    assert player.due(1.0) == [START, CLOCK]
    assert player.due(1.02 + LATE_S + 0.01) == [STOP]
