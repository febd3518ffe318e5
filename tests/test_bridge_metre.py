"""notes.mid in a DAW: bars where the music's bars are, every message at its own time."""

import struct

import mido
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.board import Board
from bridge.mind.beats import MOST, Beats, Reader, TimedBeat, write
from bridge.session.leading import Leading
from bridge.session.metre import TICKS_PER_BEAT
from bridge.session.smf import MidiFile
from music.events import Bar
from music.midi import read_midi

START_S = 1000.0
NOTE = b"\x90\x3c\x40"


def beats(*bpms, bar=4, start_s=START_S + 2.0, count=32):
    """A tempo for each bar, and bars of so many beats."""
    told, time_s = [], start_s
    for number in range(count):
        bpm = bpms[number // bar % len(bpms)]
        told.append(TimedBeat(time_s, bpm, number % bar == 0))
        time_s += 60.0 / bpm
    return told


def record(path, told, times_s, ahead_s=0.125):
    """Messages as they are sent, beats so long before they sound, flushed now and then."""
    file = MidiFile(path, START_S)
    waiting = sorted(told, key=lambda beat: beat.time_s)
    for number, time_s in enumerate(sorted(times_s)):
        while waiting and waiting[0].time_s <= time_s + ahead_s:
            file.beat(waiting.pop(0))
        file.send(NOTE, time_s)
        if number % 3 == 0:
            file.flush()
    file.close()
    return path


def read(path):
    """Seconds of the messages, and of the bar lines that a DAW draws."""
    (track,) = mido.MidiFile(path).tracks
    tick, now_s, us, shortest_s = 0, START_S, 500_000, 1.0
    sent, metres, seconds = [], [], [(0, START_S, us)]
    for message in track:
        tick += message.time
        now_s += message.time * us / 1e6 / TICKS_PER_BEAT
        if message.type == "set_tempo":
            us = message.tempo
            shortest_s = min(shortest_s, us / 1e6)
            seconds.append((tick, now_s, us))
        elif message.type == "time_signature":
            metres.append((tick, message.numerator))
        elif message.type == "note_on":
            sent.append((now_s, us / 1e6 / TICKS_PER_BEAT))

    def at(tick):
        from_tick, from_s, us = [one for one in seconds if one[0] <= tick][-1]
        return from_s + (tick - from_tick) * us / 1e6 / TICKS_PER_BEAT

    lines, bar_tick = [], 0
    while bar_tick <= tick:
        lines.append(at(bar_tick))
        numerator = [beats for since, beats in metres if since <= bar_tick][-1]
        assert all(since == bar_tick or not bar_tick < since < bar_tick + 960 * numerator
                   for since, _ in metres)  # fmt: skip
        bar_tick += numerator * TICKS_PER_BEAT
    return sent, np.array(lines), metres


def on_lines(told, lines, within_s=0.001):
    """Whether every bar of the music lies on a bar line."""
    return all(np.abs(lines - beat.time_s).min() < within_s for beat in told if beat.bar)


def test_bars_are_the_musics_and_notes_where_they_were_sent(tmp_path):
    told = beats(90, 140, 61.3, 120)
    times_s = [told[0].time_s + 0.0917 * k for k in range(150)]
    sent, lines, metres = read(record(tmp_path / "a.mid", told, times_s))
    for (heard_s, tick_s), time_s in zip(sent, times_s, strict=True):
        assert abs(heard_s - time_s) <= 0.5001 * tick_s
    reached = [beat for beat in told if beat.time_s <= times_s[-1]]
    assert on_lines(reached, lines)
    assert metres == [(0, 4)]


@pytest.mark.parametrize("early_s", [0.0, 1e-6, 1e-4, 0.002, 0.02])
def test_a_note_just_before_a_beat_makes_no_bar_longer(tmp_path, early_s):
    told = beats(98.38, 68.39, 105.0)
    times_s = [beat.time_s - early_s for beat in told]
    _, lines, metres = read(record(tmp_path / "a.mid", told, times_s))
    assert on_lines([beat for beat in told if beat.time_s <= times_s[-1]], lines)
    assert metres == [(0, 4)]


def test_beats_that_are_not_where_they_were_foretold_stay_bars_of_four(tmp_path):
    """As where a DAW leads: its tempo is known by and by, and notes come just before beats."""
    rng = np.random.default_rng(3)
    true = beats(90, 100, 110, 120, 130, 140, 130, 120, count=160)
    told = [TimedBeat(b.time_s, b.bpm * (1 + 0.02 * rng.normal()), b.bar) for b in true]
    times_s = [beat.time_s - rng.uniform(0, 0.01) for beat in told]
    sent, lines, metres = read(record(tmp_path / "a.mid", told, times_s))
    assert on_lines(told[:-4], lines, within_s=0.03)
    assert metres == [(0, 4)]
    for (heard_s, tick_s), time_s in zip(sent, times_s, strict=True):
        assert abs(heard_s - time_s) <= 0.5001 * tick_s


def test_a_steady_tempo_is_told_once(tmp_path):
    told = beats(96.0)
    record(tmp_path / "a.mid", told, [beat.time_s for beat in told])
    tempos = [one for one in mido.MidiFile(tmp_path / "a.mid").tracks[0] if one.type == "set_tempo"]
    assert len(tempos) <= 4  # the first, the silence before the music, the music
    assert tempos[-1].tempo == 625_000


def test_bars_of_another_length_get_their_signature(tmp_path):
    told = beats(100, bar=3)
    _, lines, metres = read(record(tmp_path / "a.mid", told, [b.time_s + 0.1 for b in told]))
    assert on_lines(told, lines)
    assert {beats for _, beats in metres} == {3, 4}


def test_a_pause_makes_a_longer_bar_and_silence_bars_of_four(tmp_path):
    first = beats(120, count=10)  # the third bar has two beats, then nothing for a while
    for gap_s in (0.8, 1.9, 40.3):
        second = beats(90, start_s=first[-1].time_s + gap_s, count=16)
        told = [*first, *second]
        times_s = [beat.time_s + 0.05 for beat in told] + [first[-1].time_s + 0.6]
        sent, lines, metres = read(record(tmp_path / f"{gap_s}.mid", told, times_s))
        assert on_lines(told, lines)
        assert all(1 <= beats <= 8 for _, beats in metres)
        for (heard_s, tick_s), time_s in zip(sent, sorted(times_s), strict=True):
            assert abs(heard_s - time_s) <= 0.5001 * tick_s


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_whatever_happens_notes_keep_their_times(tmp_path_factory, data):
    """Tempi, bars, pauses, a clock that hurries, notes anywhere: each within half a tick."""
    floats = lambda low, high: st.floats(low, high, allow_nan=False)  # noqa: E731
    steps = data.draw(st.lists(st.tuples(floats(0.01, 8.0), floats(20, 400), st.booleans()),
                               max_size=25))  # fmt: skip
    now_s, told = START_S, []
    for step_s, bpm, bar in steps:
        now_s += step_s
        told.append(TimedBeat(now_s, bpm, bar))
    offsets = data.draw(st.lists(floats(0.0, now_s - START_S + 5.0), max_size=40))
    times_s = [START_S + offset for offset in offsets]
    path = record(tmp_path_factory.mktemp("m") / "a.mid", told, times_s)
    sent, *_ = read_times(path)
    for (heard_s, tick_s), time_s in zip(sent, sorted(times_s), strict=True):
        assert abs(heard_s - time_s) <= 0.5001 * tick_s + 1e-9
        assert tick_s <= 3.0 / TICKS_PER_BEAT


def read_times(path):
    (track,) = mido.MidiFile(path).tracks
    now_s, us, sent = START_S, 500_000, []
    for message in track:
        now_s += message.time * us / 1e6 / TICKS_PER_BEAT
        if message.type == "set_tempo":
            us = message.tempo
        elif message.type == "note_on":
            sent.append((now_s, us / 1e6 / TICKS_PER_BEAT))
    return (sent,)


def test_markers_and_beats_wait_for_the_notes_before_them(tmp_path):
    file = MidiFile(tmp_path / "a.mid", START_S)
    file.mark("Q1 happy", START_S + 1.0)
    file.beat(TimedBeat(START_S + 2.0, 120, True))
    file.send(NOTE, START_S + 0.9)
    file.send(NOTE, START_S + 2.1)
    file.close()
    names = [m.type for m in mido.MidiFile(tmp_path / "a.mid").tracks[0]]
    assert names.index("note_on") < names.index("marker") < names.index("cue_marker")
    assert names[-2:] == ["note_on", "end_of_track"]


def test_the_file_is_whole_after_every_flush_also_when_a_bar_is_mended(tmp_path):
    file = MidiFile(tmp_path / "a.mid", START_S)
    for beat in beats(120, bar=5):
        file.beat(beat)
        file.send(NOTE, beat.time_s)
        file.flush()
        (track,) = mido.MidiFile(tmp_path / "a.mid").tracks
        assert track[-1].type == "end_of_track"
    file.close()
    assert {m.numerator for m in track if m.type == "time_signature"} == {4, 5}


def test_bars_come_back_for_the_report(tmp_path):
    told = beats(120)
    events = read_midi(record(tmp_path / "a.mid", told, [beat.time_s for beat in told]))
    assert len([one for one in events if isinstance(one, Bar)]) == 8


# ---------------------------------------------------------------------------- how they get there


def test_every_beat_is_read_once_in_order():
    board = Board()
    write(board.beats, [TimedBeat(0.0, 60.0, True)])
    reader = Reader(board.beats)
    assert reader.take() == []
    told = [TimedBeat(float(n), 60.0 + n, n % 4 == 0) for n in range(10)]
    write(board.beats, told[:7])
    assert reader.take() == told[:7]
    write(board.beats, told[7:])
    assert reader.take() == told[7:]
    assert reader.take() == []


def test_a_reader_that_sleeps_loses_the_oldest():
    cells = Beats()
    reader = Reader(cells)
    told = [TimedBeat(float(n), 60.0, False) for n in range(3 * MOST)]
    write(cells, told)
    assert reader.take() == told[-(MOST - 1) :]
    assert struct.calcsize("<dd?7x") * MOST == len(bytes(cells.ring))


def test_a_leader_is_told_when_it_changes_and_not_when_it_wavers():
    leading = Leading()
    assert leading.push([0.25] * 4) is None
    assert leading.push([0.5, 0.3, 0.1, 0.1]) == "Q1 excited, happy"
    assert leading.push([0.38, 0.40, 0.11, 0.11]) is None
    assert leading.push([0.2, 0.6, 0.1, 0.1]) == "Q2 tense, angry"
    assert leading.push([0.2, 0.6, 0.1, 0.1]) is None


@pytest.mark.parametrize("late_s", [0.0, 3.0])
def test_a_beat_that_is_late_moves_no_note(tmp_path, late_s):
    """Told after notes that come later than it."""
    file = MidiFile(tmp_path / "a.mid", START_S)
    file.send(NOTE, START_S + 5.0)
    file.beat(TimedBeat(START_S + 5.0 - late_s, 120, True))
    file.send(NOTE, START_S + 6.0)
    file.close()
    assert [round(s - START_S, 3) for s, _ in read_times(tmp_path / "a.mid")[0]] == [5.0, 6.0]
