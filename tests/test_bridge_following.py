"""Following a DAW on a fake clock: bars on its bars, stop, jumps, loops, tempo."""

from types import SimpleNamespace

import numpy as np
import pytest
from fakes import Steady

from bridge.daw.clockin import ClockIn
from bridge.daw.clockout import CLOCK, CONTINUE, START, STOP
from bridge.daw.habits import Habits, Incoming
from bridge.mind.core import Mind
from bridge.mind.translate import Style, Translator
from bridge.wire import TimedNote, TimedPedal
from music.events import Bar, Note, Pedal

CALM = (0.05, 0.05, 0.85, 0.05)
WILD = (0.85, 0.05, 0.05, 0.05)
STEP_S = 0.005
ON_BAR, ELSEWHERE = 36, 60
FOLLOWS = Habits(controls=None, incoming=Incoming(clock=True))


class Band(Steady):
    """Two notes a beat; a low one on each bar line, bars of `metre` beats; a pedal held over."""

    def __init__(self, metre=4):
        super().__init__(0.5)
        self.metre = metre

    def play(self, at, quadrant):
        on_bar = at % self.metre == 0
        events = [Bar(at)] if on_bar else []
        events += [Pedal(at, at % 8 == 0)] if at % 2 == 0 else []
        return [*events, Note(at, 0.45, ON_BAR if on_bar else ELSEWHERE, 64)]


class Daw:
    """Pulses and transport at their times: [(time, message)]."""

    def __init__(self, seed=0, jitter_s=0.001):
        self.sent, self.bars_s = [], []
        self._rng, self._jitter_s = np.random.default_rng(seed), jitter_s

    def roll(self, begin_s, seconds, bpm, first=0, message=START):
        """From pulse `first` on; `bpm` at a time since begin. Gives when it ends."""
        self.sent.append((begin_s - 0.002, message))
        pulse, time_s = first, begin_s
        while time_s < begin_s + seconds:
            if pulse % 96 == 0:
                self.bars_s.append(time_s)
            self.sent.append((time_s + self._rng.uniform(-1, 1) * self._jitter_s, CLOCK))
            pulse += 1
            time_s += 60.0 / bpm(time_s - begin_s) / 24
        return time_s, pulse

    def tell(self, time_s, message):
        self.sent.append((time_s, message))


def capsule(probabilities=CALM):
    return SimpleNamespace(probabilities=np.array(probabilities), confidence=1.0, quality=1.0)


def follow(daw, until_s, composer=None, stall=(), feel=lambda now_s: CALM):
    """[(when, timed event)] of a mind that hears the DAW."""
    mind = Mind(composer or Band(), Translator(Style(settle_s=0.01, contrast=0.0)), FOLLOWS)
    clock, sent, out = ClockIn(), sorted(daw.sent, key=lambda one: one[0]), []
    for tick in range(round(until_s / STEP_S)):
        now_s = tick * STEP_S
        while sent and sent[0][0] <= now_s:
            time_s, message = sent.pop(0)
            clock.push(message, time_s)
        if any(begin <= now_s < end for begin, end in stall):
            continue
        felt = capsule(feel(now_s)) if tick % 50 == 0 else None
        out += [(now_s, event) for event in mind.step(now_s, felt, None, clock.beat)]
    return mind, out


def on_bars(out):
    return np.array([e.on_s for _, e in out if isinstance(e, TimedNote) and e.pitch == ON_BAR])


def onsets(out):
    return np.array([e.on_s for _, e in out if isinstance(e, TimedNote)])


def off_ms(times_s, bars_s):
    """How far each is from the nearest bar line."""
    return 1000 * np.array([np.abs(np.array(bars_s) - time_s).min() for time_s in times_s])


def ramp(seconds):
    return 90.0 + 50.0 * min(seconds / 30.0, 1.0)


def constant(bpm):
    return lambda seconds: bpm


@pytest.mark.parametrize("seed", range(3))
def test_on_a_ramp_bars_land_within_5_ms_of_the_daws(seed):
    daw = Daw(seed)
    daw.roll(1.0, 36.0, ramp)
    mind, out = follow(daw, 36.0)
    found_s = on_bars(out)
    assert len(found_s) >= 15
    assert off_ms(found_s, daw.bars_s).max() < 5.0
    assert off_ms(found_s, daw.bars_s).mean() < 1.5
    assert found_s[0] == pytest.approx(daw.bars_s[1], abs=0.005)  # the count-in is one bar
    assert mind.counts.underruns == 0
    assert mind._composer.controls.bpm == pytest.approx(140.0, rel=0.03)
    for now_s, event in out:
        if isinstance(event, TimedNote):
            assert event.on_s > now_s


def test_a_jump_of_the_emotion_during_the_count_in_leaves_the_first_bar_whole():
    daw = Daw()
    daw.roll(1.0, 9.0, constant(120))
    mind, out = follow(daw, 9.5, feel=lambda now_s: CALM if now_s < 2.0 else WILD)
    assert mind.counts.rewinds == 1
    assert onsets(out)[0] == on_bars(out)[0] == pytest.approx(daw.bars_s[1], abs=0.005)


def test_without_start_there_is_no_music():
    daw = Daw()
    daw.roll(1.0, 9.0, constant(120))
    daw.sent.pop(0)
    assert follow(daw, 10.0)[1] == []
    assert follow(Daw(), 10.0)[1] == []


def test_stop_ends_it_and_continue_goes_on_at_a_bar():
    daw = Daw()
    end_s, pulse = daw.roll(1.0, 9.0, constant(120))
    daw.tell(end_s, STOP)
    daw.roll(15.0, 9.0, constant(120), pulse, CONTINUE)
    _, out = follow(daw, 23.0)
    found_s, all_s = on_bars(out), onsets(out)
    assert off_ms(found_s, daw.bars_s).max() < 5.0
    assert not ((all_s > end_s + 0.15) & (all_s < 15.0)).any()
    assert all_s[all_s > 15.0][0] == found_s[found_s > 15.0][0]
    assert len(found_s[found_s > 15.0]) >= 3


def test_the_song_position_tells_where_the_bars_are():
    daw = Daw()
    daw.tell(0.5, bytes((0xF2, 7, 0)))  # a quarter of a beat before the second bar's end
    daw.roll(1.0, 9.0, constant(100), 7 * 6, CONTINUE)
    _, out = follow(daw, 9.5)
    assert off_ms(on_bars(out), daw.bars_s).max() < 5.0
    assert len(on_bars(out)) >= 3


def test_a_loop_without_stop_goes_on_at_the_next_bar():
    daw = Daw()
    end_s, _ = daw.roll(1.0, 7.0, constant(120))
    daw.roll(end_s, 8.0, constant(120), 24, bytes((0xF2, 4, 0)))
    mind, out = follow(daw, 15.5)
    found_s = on_bars(out)
    assert off_ms(found_s, daw.bars_s).max() < 5.0
    assert len(found_s[found_s > end_s]) >= 3


def test_bars_that_are_not_of_four_beats_wait_for_the_next():
    daw = Daw()
    daw.roll(1.0, 14.0, constant(120))
    mind, out = follow(daw, 14.5, Band(metre=3))
    assert off_ms(on_bars(out), daw.bars_s).max() < 5.0
    assert len(on_bars(out)) >= 5
    assert mind.counts.underruns == 0


def test_a_composer_that_was_too_slow_goes_on_at_a_bar():
    daw = Daw()
    daw.roll(1.0, 14.0, constant(120))
    mind, out = follow(daw, 14.5, stall=[(6.0, 8.0)])
    assert mind.counts.underruns >= 1
    assert off_ms(on_bars(out), daw.bars_s).max() < 5.0
    assert len(on_bars(out)[on_bars(out) > 8.0]) >= 2


def test_a_pedal_whose_beginning_was_left_out_goes_down_at_the_bar():
    class Held(Band):
        def play(self, at, quadrant):
            events = super().play(at, quadrant)
            return [e for e in events if not isinstance(e, Pedal)] + [
                Pedal(at, True) for _ in range(at == 2)
            ]

    daw = Daw()
    end_s, pulse = daw.roll(1.0, 7.0, constant(120))
    daw.tell(end_s, STOP)
    daw.roll(12.0, 9.0, constant(120), pulse, CONTINUE)
    _, out = follow(daw, 20.0, Held())
    pedals = [e for _, e in out if isinstance(e, TimedPedal)]
    assert [pedal.down for pedal in pedals] == [True, False, True]
    assert off_ms([pedals[2].time_s], daw.bars_s)[0] < 5.0


def test_a_mind_that_comes_new_begins_on_the_next_bar():
    daw = Daw()
    daw.roll(1.0, 14.0, constant(120))
    _, out = follow(daw, 14.5, stall=[(0.0, 6.3)])
    assert on_bars(out)[0] == pytest.approx(daw.bars_s[3], abs=0.005)
    assert onsets(out)[0] == on_bars(out)[0]


def test_what_is_shown_ahead_follows_too():
    daw = Daw()
    daw.roll(1.0, 9.0, constant(120))
    mind, _ = follow(daw, 8.0)
    assert mind.bpm(8.0) == pytest.approx(120, rel=0.01)
    _, planned = mind.ahead(8.0)
    assert planned
    assert Mind(Band(), Translator(), FOLLOWS).ahead(0.0) == ([], [])
