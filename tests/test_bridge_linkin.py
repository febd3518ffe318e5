"""Ableton Link on a fake clock: what a session does is what is followed, bars on its bars."""

import numpy as np
import pytest
from fakes import Steady
from hypothesis import given
from hypothesis import strategies as st
from test_bridge_following import ON_BAR, Band, capsule
from test_bridge_incoming import new_hand

from bridge.board import new_board
from bridge.daw import conductor, link
from bridge.daw.clockin import GAP_S, LOST_S, Beat
from bridge.daw.habits import Habits, Incoming
from bridge.daw.linkin import JUMP_BEATS, SETTLE_S, TEMPO_BAND, LinkIn, Look
from bridge.errors import BridgeError
from bridge.mind.core import Mind
from bridge.mind.timeline import DawTime
from bridge.mind.translate import Style, Translator
from bridge.wire import TimedNote
from music.events import Bar, Note, Tempo

TURN_S = 0.01
FOLLOWS = Habits(controls=None, incoming=Incoming(link=True))


class Session:
    """A Link session whose tempo, place and peers can be changed; a look is one turn later."""

    def __init__(self, bpm=120.0, beats=0.0, peers=1):
        self.bpm, self.beats, self.peers, self.playing = bpm, beats, peers, False
        self.time_s = 10.0

    def look(self, seconds=TURN_S):
        self.time_s += seconds
        self.beats += seconds * self.bpm / 60
        return Look(self.time_s, self.beats, self.bpm, self.playing, self.peers)


def looks(session, taker, seconds):
    """The beats of so many seconds."""
    return [taker.push(session.look()) for _ in range(round(seconds / TURN_S))]


def seen(session, taker, seconds):
    """The same, one by one as looks."""
    for _ in range(round(seconds / TURN_S)):
        look = session.look()
        taker.push(look)
        yield look


# ---------------------------------------------------------------------------- the pure core


def test_it_says_where_the_session_is_and_is_sure_once_others_had_time_to_be_found():
    session, taker = Session(97.0, 13.25), LinkIn(False)
    first, *_, last = looks(session, taker, SETTLE_S + 2 * TURN_S)
    assert (first.running, first.sure) == (True, False)
    assert last == Beat(True, first.serial, session.beats, session.time_s, 97.0, True, False)


@given(st.lists(st.tuples(st.floats(20, 999), st.floats(0.001, 0.2)), max_size=50))
def test_any_tempo_is_followed_without_a_break(changes):
    session, taker = Session(), LinkIn(False)
    serial = taker.push(session.look()).serial
    for bpm, seconds in changes:
        look = session.look(seconds)  # the tempo changed right after the last look, or before this
        session.bpm = bpm
        beat = taker.push(Look(look.time_s, look.beats, bpm, False, 1))
        assert (beat.serial, beat.bpm) == (serial, bpm)
        assert beat.at(look.time_s + 1.0) == pytest.approx(look.beats + bpm / 60)


@given(st.floats(-400, 400).filter(lambda by: abs(by) > 1.1 * JUMP_BEATS))
def test_a_session_that_jumps_is_another_line(by):
    session, taker = Session(), LinkIn(False)
    before = looks(session, taker, 0.1)[-1]
    session.beats += by
    after = taker.push(session.look())
    assert after.serial == before.serial + 1
    assert looks(session, taker, 0.1)[-1].serial == after.serial


def test_clocks_that_are_put_right_by_a_millisecond_are_no_jump():
    session, taker = Session(), LinkIn(False)
    before = looks(session, taker, 0.1)[-1]
    session.beats += 0.002
    assert taker.push(session.look()).serial == before.serial


def test_what_was_not_looked_at_for_too_long_is_another_line():
    session, taker = Session(), LinkIn(False)
    before = taker.push(session.look())
    assert not before.runs(session.time_s + 1.1 * GAP_S)
    assert taker.push(session.look(1.1 * GAP_S)).serial == before.serial + 1


def test_start_and_stop_count_only_if_they_are_asked_for():
    session, taker, other = Session(), LinkIn(True), LinkIn(False)
    assert not looks(session, taker, 0.1)[-1].running
    session.playing = True
    playing = looks(session, taker, 0.1)
    assert all(beat.running for beat in playing)
    assert {beat.serial for beat in playing} == {1}
    session.playing = False
    assert not looks(session, taker, 0.1)[-1].running
    session.playing = True
    assert looks(session, taker, 0.1)[-1].serial == 2
    assert {beat.running for beat in looks(session, other, 0.1)} == {True}


def test_the_tempo_is_ours_to_give_until_somebody_else_is_met():
    session, taker = Session(120.0, peers=0), LinkIn(False)
    looks(session, taker, SETTLE_S / 2)
    assert taker.gives(90.0) is None  # somebody may be about to be found
    assert looks(session, taker, SETTLE_S)[-1].free
    assert taker.gives(90.0) == 90.0
    assert taker.gives(0.0) is None  # nothing is composed yet
    assert taker.gives(120.0 * (1 + TEMPO_BAND / 2)) is None
    session.peers = 1
    assert not looks(session, taker, TURN_S)[-1].free
    session.peers = 0
    assert not looks(session, taker, 10.0)[-1].free
    assert taker.gives(90.0) is None


def test_another_process_goes_on_with_what_its_predecessor_knew():
    session, first = Session(), LinkIn(False)
    before = looks(session, first, 2.0)[-1]
    session.peers = 0
    second = LinkIn(False, before)
    after = looks(session, second, 2 * SETTLE_S)[-1]
    assert (after.serial, after.free) == (before.serial + 1, False)
    assert LinkIn(False, Beat()).push(session.look()).free


def test_who_replaces_one_that_played_says_so_to_the_others_for_nobody_tells_it():
    session, first = Session(), LinkIn(True)
    session.playing = True
    before = looks(session, first, 2.0)[-1]
    session.playing = False  # as the library has it, who has just joined
    second = LinkIn(True, before)
    told = [second.resumes(look) for look in seen(session, second, 2 * SETTLE_S)]
    assert told.count(True) == 1
    assert told.index(True) == pytest.approx(SETTLE_S / TURN_S, abs=2)
    stood = LinkIn(True, looks(session, second, 0.1)[-1])
    assert not any(stood.resumes(look) for look in seen(session, stood, 2 * SETTLE_S))
    session.time_s += LOST_S
    late = LinkIn(True, before)
    assert not any(late.resumes(look) for look in seen(session, late, 2 * SETTLE_S))
    free = LinkIn(False, before)
    assert not any(free.resumes(look) for look in seen(session, free, 2 * SETTLE_S))


def test_without_the_package_one_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setattr(link, "find_spec", lambda name: None)
    with pytest.raises(BridgeError, match=r"pip install emocapsule\[link\]"):
        link.require()


# ---------------------------------------------------------------------------- mind and hand


class Rubato(Steady):
    """Two notes a beat, a low one on each bar, at 90 beats a minute give or take."""

    bpm = 90.0

    def __init__(self):
        super().__init__(0.5)

    def play(self, at, quadrant):
        tempo = [Tempo(at, 90.0 + 9.0 * (-1) ** int(at))] if at.is_integer() else []
        bar = [Bar(at)] if at % 4 == 0 else []
        return [*tempo, *bar, Note(at, 0.4, 60 if at % 4 else ON_BAR, 64)]


def plays(mind, session, taker, seconds, gives=False):
    """[timed event] of a mind in the session, to which the music may give its tempo."""
    out = []
    for tick in range(round(seconds / TURN_S)):
        beat = taker.push(session.look())
        if gives and (bpm := taker.gives(mind.own_bpm())):
            session.bpm = bpm
        felt = capsule() if tick % 25 == 0 else None
        out += mind.step(session.time_s, felt, None, beat)
    return out


def new_mind(composer):
    return Mind(composer, Translator(Style(settle_s=0.01, contrast=0.0)), FOLLOWS)


def bars(out):
    return np.array([e.on_s for e in out if isinstance(e, TimedNote) and e.pitch == ON_BAR])


def test_the_music_lies_on_the_bars_of_the_session_and_keeps_to_its_tempo():
    mind, session = new_mind(Band()), Session(100.0, 7.3)
    taker = LinkIn(False)
    at_s, at_beats = session.time_s, session.beats
    out = bars(plays(mind, session, taker, 12.0))
    assert len(out) >= 4
    places = at_beats + (out - at_s) * 100 / 60
    np.testing.assert_allclose(places, np.round(places / 4) * 4, atol=1e-6)
    assert mind._composer.controls.bpm == 100.0  # what is learned of tempo goes by it
    session.bpm = 140.0
    changed_s = session.time_s
    later = bars(plays(mind, session, taker, 8.0))
    later = later[later > changed_s + 1.0]
    assert np.diff(later) == pytest.approx(4 * 60 / 140, abs=1e-6)
    assert mind.counts.underruns == 0


def test_where_nobody_else_is_the_session_gets_the_tempo_that_is_composed():
    mind, session, taker = new_mind(Rubato()), Session(120.0, peers=0), LinkIn(False)
    out = bars(plays(mind, session, taker, 16.0, gives=True))
    assert mind._composer.controls.bpm is None  # it is as free as without Link
    assert session.bpm == pytest.approx(89.1, abs=2.0)  # 99 and 81 in turn; rubato is no tempo
    assert np.diff(out)[-3:] == pytest.approx(4 * 60 / 89.1, rel=0.02)
    session.peers = 1
    session.bpm = 75.0
    plays(mind, session, taker, 4.0, gives=True)
    assert session.bpm == 75.0
    assert mind._composer.controls.bpm == 75.0


def test_the_tempo_of_no_music_is_none():
    assert new_mind(Band()).own_bpm() == 0.0
    time = DawTime()
    time.push(Tempo(0.0, 60.0))
    time.push(Tempo(2.0, 120.0))
    assert time.own_bpm(4.0) == pytest.approx(80.0)  # four beats in three seconds


def test_hand_mutes_while_the_session_stands_and_says_so():
    session, taker, board = Session(), LinkIn(True), new_board()
    hand, board, _, _ = new_hand(link=True, start_stop=True)
    hand.input = None  # no MIDI comes in

    def turn(seconds):
        for _ in range(round(seconds / TURN_S)):
            conductor.write(board.beat, taker.push(session.look()))
            hand.heed(session.time_s)

    turn(2.0)
    assert hand.player.muted
    assert hand.hearing.news(session.time_s) is None
    session.playing = True
    turn(0.1)
    assert not hand.player.muted
    news = "The clock runs (120 bpm): music from the next bar on."
    assert hand.hearing.news(session.time_s) == news
    hand.heed(session.time_s + 1.1 * GAP_S)  # the process has died
    assert hand.player.muted
    stopped = "The clock has stopped; the piano waits for it."
    assert hand.hearing.news(session.time_s + 1.1 * GAP_S) == stopped
