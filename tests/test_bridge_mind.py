"""The pure core of mind on a fake clock, with a composer that plays one note a half beat."""

from types import SimpleNamespace

import numpy as np
import pytest
from fakes import Steady
from networks import player

from bridge.daw.habits import Habits
from bridge.hand.player import Player
from bridge.mind.core import AHEAD_S, COMMIT_S, LEAD_S, Mind
from bridge.mind.translate import Style, Translator
from bridge.wire import TimedNote, TimedPedal, TimedPulse
from music.controls import Controls
from music.events import Bar, Note, Pedal, Tempo, TempoMap
from music.key import parse_key

CALM = (0.05, 0.05, 0.85, 0.05)
WILD = (0.85, 0.05, 0.05, 0.05)
STEP_S = 0.005


class Metronome(Steady):
    """Half a beat a step; its pitch is the quadrant it was told, so that notes tell their emotion.

    It keeps what mind took back, for mind must never rewind before what it has committed.
    """

    def __init__(self):
        super().__init__(0.5)
        self.rewound = []

    def play(self, at, quadrant):
        bar = [Bar(at)] if at % 4 == 0 else []
        return [*bar, Note(at, 0.45, 60 + quadrant, 64)]

    def rewind(self, to_beats):
        self.rewound.append(to_beats)
        super().rewind(to_beats)


def capsule(probabilities):
    return SimpleNamespace(probabilities=np.array(probabilities), confidence=1.0, quality=1.0)


def new_mind(composer=None):
    return Mind(composer or Metronome(), Translator(Style(settle_s=0.01, contrast=0.0)))


def run(mind, until_s, feel=lambda now_s: CALM, stall=()):
    """Step every 5 ms, a capsule every 250 ms unless `feel` gives None: [(when, timed event)]."""
    out, tick = [], 0
    while (now_s := tick * STEP_S) < until_s:
        tick += 1
        if any(begin <= now_s < end for begin, end in stall):
            continue
        felt = feel(now_s) if tick % 50 == 0 else None
        out += [(now_s, event) for event in mind.step(now_s, capsule(felt) if felt else None)]
    return out


def notes(out):
    return [event for _, event in out if isinstance(event, TimedNote)]


def test_it_waits_for_the_first_capsule():
    mind = new_mind()
    assert run(mind, 5.0, feel=lambda now_s: None) == []
    assert mind.played.mood == "WAITING"


def test_notes_are_committed_in_time_and_on_time():
    out = run(new_mind(), 20.0)
    for now_s, event in out:
        assert LEAD_S <= event.on_s - now_s <= COMMIT_S + 1e-9
    gaps_s = np.diff([note.on_s for note in notes(out)])
    np.testing.assert_allclose(gaps_s, 0.25, atol=1e-9)
    assert notes(out)[0].on_s < 1.0


def test_it_composes_about_a_second_ahead_and_no_further():
    mind = new_mind()
    run(mind, 10.0)
    ahead_s = mind._time.origin_s + mind._composer.horizon_s - 10.0
    assert COMMIT_S + AHEAD_S - 0.01 <= ahead_s <= COMMIT_S + AHEAD_S + 0.26


def test_a_jump_of_the_emotion_takes_back_what_is_not_committed():
    mind = new_mind()
    out = run(mind, 20.0, feel=lambda now_s: CALM if now_s < 10.0 else WILD)
    jump_s = 10.25 - STEP_S
    assert mind.counts.rewinds == 1
    assert mind.counts.underruns == 0
    old = [note.on_s for note in notes(out) if note.pitch == 62]
    new = [note.on_s for note in notes(out) if note.pitch == 60 and note.on_s > 5]
    assert max(old) <= jump_s + COMMIT_S + 1e-9
    assert min(new) <= jump_s + COMMIT_S + 0.26  # the next half beat
    gaps_s = np.diff(sorted(note.on_s for note in notes(out)))
    np.testing.assert_allclose(gaps_s, 0.25, atol=1e-9)


def test_without_a_jump_nothing_is_taken_back():
    mind = new_mind()
    run(mind, 20.0, feel=lambda now_s: (0.05 + 0.001 * now_s, 0.05, 0.85 - 0.001 * now_s, 0.05))
    assert mind.counts.rewinds == 0


def test_a_rewind_never_reaches_what_is_committed():
    mind = new_mind()
    rng = np.random.default_rng(0)
    committed = 0.0
    for tick in range(4000):
        felt = capsule(CALM if rng.random() < 0.5 else WILD) if tick % 50 == 0 else None
        mind.step(tick * STEP_S, felt)
        for to_beats in mind._composer.rewound:
            assert to_beats > committed
        mind._composer.rewound.clear()
        committed = mind._committed_beats
    assert mind.counts.rewinds > 10


def test_what_is_composed_anew_for_a_moment_that_has_passed_is_left_out():
    class Dense(Metronome):
        """Goes back two beats further than it was asked to."""

        def rewind(self, to_beats):
            self.rewound.append(to_beats)
            self.beats = max(0.0, np.floor(to_beats * 2) / 2 - 2)

    mind = new_mind(Dense())
    out = run(mind, 20.0, feel=lambda now_s: CALM if now_s < 10.0 else WILD)
    assert (mind.counts.rewinds, mind.counts.underruns) == (1, 0)
    onsets_s = sorted(note.on_s for note in notes(out))
    assert np.diff(onsets_s).max() < 0.26
    for now_s, event in out:
        assert event.on_s - now_s >= LEAD_S


def test_after_a_stall_the_music_goes_on_where_it_was_and_nothing_catches_up():
    mind = new_mind()
    out = run(mind, 20.0, stall=[(10.0, 13.0)])
    assert mind.counts.underruns == 1
    for now_s, event in out:
        assert event.on_s - now_s >= LEAD_S
    onsets_s = sorted(note.on_s for note in notes(out))
    gaps_s = np.diff(onsets_s)
    assert (gaps_s > 0.24).all()
    assert np.sum(gaps_s > 0.26) == 1


def test_a_composer_that_is_too_slow_makes_the_music_wait():
    class Slow(Metronome):
        called = 0

        def step(self, condition):
            self.called += 1
            return super().step(condition) if self.called % 100 == 0 else []

    mind = new_mind(Slow())
    out = run(mind, 20.0)
    assert mind.counts.underruns > 10
    assert (np.diff([note.on_s for note in notes(out)]) >= 0.25 - 1e-9).all()


def test_a_lost_signal_softens_closes_rests_and_returns():
    """The ending that the metronome knows is four beats, two seconds, from where it stands."""
    mind = new_mind()
    out = run(mind, 70.0, feel=lambda now_s: CALM if now_s < 10.0 or now_s > 60.0 else None)
    onsets_s = np.array([note.on_s for note in notes(out)])
    lost_s = 9.995 + 30.0
    ending = onsets_s[(onsets_s > lost_s) & (onsets_s < 60.0)]
    assert lost_s + 2.0 < ending[-1] < lost_s + COMMIT_S + AHEAD_S + 2.3
    np.testing.assert_allclose(np.diff(ending), 0.25, atol=1e-9)
    softer = [n.velocity for n in notes(out) if lost_s - 4.8 < n.on_s < 60.0]
    assert softer == sorted(softer, reverse=True)
    assert softer[-1] == 32
    assert (onsets_s > 60.0).any()
    assert onsets_s[onsets_s > 60.0][0] < 60.6
    assert max(note.velocity for note in notes(out) if note.on_s > 60.0) == 64
    resting = [event for _, event in out if isinstance(event, TimedPedal)]
    assert [pedal.down for pedal in resting] == [False]
    assert mind.counts.underruns == 0


def test_the_true_composer_closes_on_a_tonic_chord_and_can_go_on():
    composer = player(Controls(bpm=100.0, key=parse_key("D")))
    mind = Mind(composer, Translator(Style(settle_s=0.01)))
    out = run(mind, 60.0, feel=lambda now_s: CALM if now_s < 5.0 or now_s > 52.0 else None)
    assert any(n.on_s > 52.0 for n in notes(out))
    closing = [n for n in notes(out) if n.on_s < 52.0]
    final = [n for n in closing if n.on_s == closing[-1].on_s]
    assert {n.pitch % 12 for n in final} == {2, 6, 9}
    assert 35.0 < final[0].on_s < 35.0 + 1.2 + 9 * 0.6
    assert all(n.off_s - n.on_s > 2.0 for n in final)
    assert mind.counts.underruns == 0


def test_the_true_composer_gives_a_clock_its_beats_and_bars():
    composer = player(Controls(bpm=100.0, key=parse_key("D")))
    habits = Habits(controls=None, clock=True)
    mind = Mind(composer, Translator(Style(settle_s=0.01)), habits)
    out = run(mind, 30.0, feel=lambda now_s: CALM if now_s < 15.0 else WILD)
    pulses = [event for _, event in out if isinstance(event, TimedPulse)]
    assert [pulse.number for pulse in pulses] == list(range(len(pulses)))
    assert len(pulses) > 25 * 100 / 60 * 24
    bars = [pulse.number for pulse in pulses if pulse.bar]
    assert len(bars) > 4
    assert all(number % 24 == 0 for number in bars)
    origin_s = pulses[0].time_s - composer.tempo_map.seconds(0)
    for pulse in pulses:
        due_s = origin_s + composer.tempo_map.seconds(pulse.number / 24)
        assert pulse.time_s == pytest.approx(due_s, abs=1e-6)


def test_a_signal_that_returns_during_the_ending_is_played_on_without_a_gap():
    mind = new_mind()
    out = run(mind, 60.0, feel=lambda now_s: CALM if now_s < 10.0 or now_s > 41.0 else None)
    onsets_s = [note.on_s for note in notes(out)]
    np.testing.assert_allclose(np.diff(onsets_s), 0.25, atol=1e-9)
    assert onsets_s[-1] > 59.0
    assert mind.counts.underruns == 0


def test_changes_of_tempo_are_followed_to_the_second():
    class Rubato(Metronome):
        def __init__(self):
            super().__init__()
            self.map = TempoMap()

        @property
        def horizon_s(self):
            return self.map.seconds(self.beats)

        def step(self, condition):
            at = self.beats
            tempo = Tempo(at, 90.0 + 60.0 * (at % 3))
            self.map.push(tempo)
            self.beats += 0.5
            return [tempo, Note(at, 0.5, 60, 64), Pedal(at, at % 1 == 0)]

    composer = Rubato()
    out = run(new_mind(composer), 20.0)
    onsets_s = np.array([note.on_s for note in notes(out)])
    expected_s = [composer.map.seconds(0.5 * n) for n in range(len(onsets_s))]
    np.testing.assert_allclose(onsets_s - onsets_s[0], expected_s, atol=1e-9)
    ends_s = np.array([note.off_s for note in notes(out)])
    np.testing.assert_allclose(ends_s[:-1], onsets_s[1:], atol=1e-9)


def test_the_same_course_gives_the_same_notes():
    def feel(now_s):
        return WILD if int(now_s) % 7 > 3 else CALM

    assert run(new_mind(), 30.0, feel) == run(new_mind(), 30.0, feel)


@pytest.mark.parametrize("seed", range(3))
def test_mind_and_player_together_leave_nothing_sounding(seed):
    rng = np.random.default_rng(seed)
    mind, player = new_mind(), Player()
    for tick in range(6000):
        now_s = tick * STEP_S
        felt = capsule(rng.dirichlet([0.2] * 4)) if rng.random() < 0.02 else None
        if not 10.0 < now_s < 10.7:
            for event in mind.step(now_s, felt):
                player.push(event, now_s)
        player.due(now_s)
    assert player.counts.late == 0
    player.due(now_s + 10.0)
    assert player.sounding() == []
    assert player.counts.notes > 80
