"""Where moments lie in a MIDI file whose beats are the music's: ticks, tempo, length of bars.

The file is written once and forwards. A moment becomes a tick by the tempo that holds; when a beat
comes, the tempo since the last tick is set such that the beat falls on a whole beat of the file.
So beats and bars are the music's, and every tick, whatever the tempo did, is where it was in
seconds: a pause makes a beat longer, or a bar of more beats.
"""

from __future__ import annotations

from dataclasses import dataclass

from bridge.mind.beats import TimedBeat

TICKS_PER_BEAT = 960
FIRST_US = 500_000  # of a beat, until one is told
QUICK_US, SLOW_US = 100_000, 3_000_000  # of a beat: no other tempo is written
NEAR_S = 0.00002  # a beat this near its tick needs no mending
SLACK_TICKS, SLACK_S = 120, 0.05  # a message before a beat may lie so far past its tick, not more
BAR_BEATS = 4
MOST_BEATS = 8  # of a bar: more is silence, and becomes bars of four


@dataclass(frozen=True, slots=True)
class Tempo:
    """From this tick on, so many microseconds a beat."""

    tick: int
    us: int


@dataclass(frozen=True, slots=True)
class Line:
    """A bar line; `beats`: how many the bar had that ends here; `met`: this tick is its own."""

    tick: int
    beats: int
    met: bool


class Metre:
    """Ticks of moments, which must come in order; `tick` is the last one that was given."""

    def __init__(self, start_s: float) -> None:
        self.tick = 0
        self._us = FIRST_US
        self._from_tick, self._from_s = 0, start_s  # where this tempo began
        self._beat_tick, self._beat_s, self._in_bar = 0, start_s, 0  # the last beat
        self._beat_us = FIRST_US

    def at(self, time_s: float) -> int:
        """The tick of a moment; one before the last takes the last one's."""
        beats = (time_s - self._from_s) * 1e6 / self._us
        self.tick = max(self.tick, self._from_tick + round(beats * TICKS_PER_BEAT))
        return self.tick

    def beat(self, beat: TimedBeat) -> list[Tempo | Line]:
        """What must be written so that a beat falls on one of the file's, in order."""
        count = self._count(beat)
        target = self._beat_tick + count * TICKS_PER_BEAT
        signs: list[Tempo | Line] = []
        met = target >= self.tick and abs(self._seconds(target) - beat.time_s) <= NEAR_S
        if not met and target > self.tick:
            mended_us = self._needed_us(target, beat.time_s)
            if met := QUICK_US <= mended_us <= SLOW_US:
                signs += self._hold(self.tick, mended_us)
        if met:
            self.tick = target
            signs += self._hold(target, _us(beat.bpm))
        else:  # the last message is past it, or too near: meet the next
            next_s = beat.time_s + _us(beat.bpm) / 1e6
            late_us = self._needed_us(target + TICKS_PER_BEAT, next_s)
            signs += self._hold(self.tick, _sane(late_us))
        if beat.bar:
            beats = self._in_bar + count
            signs.append(Line(self.tick, beats if beats <= MOST_BEATS else BAR_BEATS, met))
        self._take(target, count, beat)
        return signs

    def _take(self, tick: int, count: int, beat: TimedBeat) -> None:
        self._beat_tick, self._beat_s = tick, beat.time_s
        self._beat_us = _us(beat.bpm)
        self._in_bar = 0 if beat.bar else self._in_bar + count

    def _count(self, beat: TimedBeat) -> int:
        """How many beats of the file lie between the last beat and this one: one, if no pause."""
        passed = -(-(self.tick - self._beat_tick - SLACK_TICKS) // TICKS_PER_BEAT)
        by_time = round((beat.time_s - self._beat_s) * 1e6 / self._beat_us)
        count = self._whole(max(1, passed, by_time), beat)
        while self._too_slow(self._beat_tick + count * TICKS_PER_BEAT, beat.time_s):
            count = self._whole(count + 1, beat)
        return count

    def _too_slow(self, tick: int, time_s: float) -> bool:
        """Whether a pause is too long for the ticks that are left."""
        if time_s - self._seconds(self.tick) <= SLACK_S:
            return False
        return tick <= self.tick or self._needed_us(tick, time_s) > SLOW_US

    def _whole(self, count: int, beat: TimedBeat) -> int:
        """A bar of too many beats is silence: it is filled with bars of four."""
        total = self._in_bar + count
        if beat.bar and total > MOST_BEATS:
            return -(-total // BAR_BEATS) * BAR_BEATS - self._in_bar
        return count

    def _needed_us(self, tick: int, time_s: float) -> int:
        """The tempo from the last tick on by which another falls on a moment."""
        return round(
            (time_s - self._seconds(self.tick)) * 1e6 * TICKS_PER_BEAT / (tick - self.tick)
        )

    def _seconds(self, tick: int) -> float:
        return self._from_s + (tick - self._from_tick) * self._us / TICKS_PER_BEAT / 1e6

    def _hold(self, tick: int, us: int) -> list[Tempo | Line]:
        """From this tick on another tempo, if it is another."""
        if us == self._us:
            return []
        self._from_s, self._from_tick = self._seconds(tick), tick
        self._us = us
        return [Tempo(tick, us)]


def _us(bpm: float) -> int:
    """Microseconds a beat."""
    return _sane(round(60e6 / max(bpm, 1.0)))


def _sane(us: int) -> int:
    return min(max(us, QUICK_US), SLOW_US)
