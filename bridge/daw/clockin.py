"""MIDI clock in: the pulses of somebody's clock become beats as a function of time.

Pure: messages and their times in, a `Beat` out. Where a beat falls is a parabola through the last
36 pulses, by least squares, so jitter averages out and a tempo that moves steadily is met, not
trailed; with fewer than 24 it is a straight line. Pulses are counted, not measured: a DAW knows its
place by counting its own. A pulse that is not where it should be starts a trial: if those that
follow lie where the old clock would have put them, some were lost or doubled, and the count is set
right; if not, the tempo has changed, and the fit begins anew with them.

Positions are pulses from the beginning of the song, 24 a beat (MIDI 1.0, System Real Time and Song
Position Pointer).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from math import inf, isfinite

import numpy as np

from bridge.daw.clockout import CLOCK, CONTINUE, POSITION, PULSES_A_SIXTEENTH, START, STOP
from bridge.wire import PULSES_A_BEAT

WINDOW, CURVED = 36, 24  # pulses that are fitted; so many allow a parabola
AHEAD_S = 0.125  # how far ahead the line is to be right: mind commits so early
GAP_S = 0.25  # no pulse for so long: it stands; at 10 beats a minute one comes each quarter second
FASTEST_S, SLOWEST_S = 60.0 / (PULSES_A_BEAT * 400.0), GAP_S  # a pulse at 400 beats a minute
SURE = 12  # pulses that place a note
FEW = 4  # that tell a tempo from jitter
DOUBT = 0.45  # of a pulse off its place: a trial
TRIAL = 3  # more pulses it takes
LEAN = 0.12  # of a pulse off, several times on one side
NEAR, SAME = 0.25, 0.15  # of a pulse, and of its length: lies on the old clock, has its tempo
LOST_S = 3.0  # so long a clock that nobody heard is believed to have gone on


@dataclass(frozen=True, slots=True)
class Beat:
    """Where a DAW is: `beats` at `time_s`, its newest pulse, and from there on `bpm` a minute.

    `serial` counts Start, Continue, jumps and pauses: beats of two serials are not one line.
    `sure`: the tempo is known well enough to place a note. `free`: nobody but us has a tempo, so it
    is ours to choose.
    """

    running: bool = False
    serial: int = 0
    beats: float = 0.0
    time_s: float = 0.0
    bpm: float = 0.0
    sure: bool = False
    free: bool = False

    def runs(self, now_s: float) -> bool:
        """Whether it runs, and is still heard."""
        return self.running and self.bpm > 0.0 and now_s - self.time_s <= GAP_S

    def at(self, time_s: float) -> float:
        """Which beat falls on a time."""
        return self.beats + (time_s - self.time_s) * self.bpm / 60.0

    def when(self, beats: float) -> float:
        """When a beat falls; `bpm` must be known."""
        return self.time_s + (beats - self.beats) * 60.0 / self.bpm


class ClockIn:
    """Takes the messages of a clock as they come, one each, with times that do not run backwards.

    `before`: what a predecessor said last; if that is not long ago, its count goes on.
    """

    def __init__(self, before: Beat | None = None) -> None:
        before = before or Beat()
        self._before = before if before.running and before.bpm > 0.0 else None
        self._serial = before.serial
        self._pulse_s = 60.0 / (before.bpm * PULSES_A_BEAT) if before.bpm > 0.0 else 0.0
        self._count = -1  # of the newest pulse, since the beginning of all
        self._time_s = -inf  # when it came
        self._running = False
        self._position = 0  # in pulses: where Continue goes on
        self._first = 0  # the count of the pulse that Start or Continue announced
        self._zero = 0  # the count that the song's pulse 0 has, or would have
        self._line = (-1.0, -inf)  # a count, and when the fit has it
        self._window: deque[tuple[int, float]] = deque(maxlen=WINDOW)  # count, time
        self._trial: list[tuple[int, float]] = []
        self._leaning = 0  # so many pulses in a row were early (or late, if negative)

    def push(self, message: bytes, time_s: float) -> Beat:
        """Take one whole message; what is no clock's is passed over."""
        if message == CLOCK:
            self._pulse(time_s)
        elif message in (START, CONTINUE):
            self._go(0 if message == START else self._position)
        elif message == STOP:
            self._stop()
        elif len(message) == 3 and message[0] == POSITION:
            self._seek((message[1] | message[2] << 7) * PULSES_A_SIXTEENTH)
        return self.beat

    @property
    def beat(self) -> Beat:
        """Where it is, by what has come."""
        begun = self._running and self._count >= self._first
        if not self._pulse_s or not isfinite(self._time_s):
            return Beat(begun, self._serial, 0.0, self._time_s)
        beats = (self._place(self._time_s) - self._zero) / PULSES_A_BEAT
        bpm = 60.0 / (self._pulse_s * PULSES_A_BEAT)
        sure = len(self._window) >= SURE
        return Beat(begun, self._serial, beats, self._time_s, bpm, sure)

    # ------------------------------------------------------------------------ the transport

    def _go(self, position: int) -> None:
        self._before = None
        self._running = True
        self._jump(position)
        self._forget()  # a clock may begin anew with Start: its tempo stays, its phase not

    def _stop(self) -> None:
        if self._running:
            self._position = max(0, self._count + 1 - self._zero)
        self._running = False
        self._before = None

    def _seek(self, position: int) -> None:
        self._position = position
        if self._running:
            self._jump(position)

    def _jump(self, position: int) -> None:
        """The next pulse is the song's so many-th."""
        self._serial += 1
        self._first = self._count + 1
        self._zero = self._first - position

    # ------------------------------------------------------------------------ the pulses

    def _pulse(self, time_s: float) -> None:
        if time_s - self._time_s > GAP_S:
            self._forget()
            self._serial += 1
        if self._before is not None:
            self._go_on(self._before, time_s)
        self._count += 1
        self._time_s = time_s
        point = (self._count, time_s)
        if self._trial or self._doubtful(point):
            self._trial.append(point)
            if len(self._trial) <= TRIAL:
                return
            self._judge()
        else:
            self._lean(point)
            self._window.append(point)
        self._fit()

    def _go_on(self, before: Beat, time_s: float) -> None:
        """What a predecessor counted, and what nobody heard since."""
        self._before = None
        if 0.0 <= time_s - before.time_s <= LOST_S:
            self._running = True
            self._jump(round(before.at(time_s) * PULSES_A_BEAT))

    def _forget(self) -> None:
        self._window.clear()
        self._trial.clear()
        self._leaning = 0

    def _place(self, time_s: float) -> float:
        """The count that the fit has at a time."""
        count, at_s = self._line
        return count + (time_s - at_s) / self._pulse_s

    def _doubtful(self, point: tuple[int, float]) -> bool:
        if len(self._window) < FEW:
            return False
        return abs(self._place(point[1]) - point[0]) > DOUBT

    def _judge(self) -> None:
        """Whether the old clock goes on behind a pulse that was not where it should be."""
        later = self._trial[1:]
        places = [self._place(time_s) for _, time_s in later]
        length = (later[-1][1] - later[0][1]) / (len(later) - 1) / self._pulse_s
        on_line = all(abs(place - round(place)) < NEAR for place in places)
        if on_line and abs(length - 1.0) < SAME:
            self._count = round(places[-1])
            numbers = range(self._count + 1 - len(later), self._count + 1)
            self._window += zip(numbers, (time_s for _, time_s in later), strict=True)
        else:
            self._window.clear()
            self._window += self._trial
        self._trial.clear()
        self._leaning = 0

    def _lean(self, point: tuple[int, float]) -> None:
        """Several pulses in a row off to one side: the older ones are no longer true."""
        if len(self._window) < FEW:
            return
        off = self._place(point[1]) - point[0]
        side = int(off > LEAN) - int(off < -LEAN)
        self._leaning = self._leaning + side if side * self._leaning >= 0 and side else side
        if abs(self._leaning) >= FEW:
            kept = [*self._window][1 - FEW :]
            self._window.clear()
            self._window += kept
            self._leaning = 0

    def _fit(self) -> None:
        count, time_s = self._window[-1]
        self._line = (count, time_s)
        if len(self._window) < FEW:
            self._guess()
            return
        x = np.array([one - count for one, _ in self._window], dtype=float)
        y = np.array([at_s - time_s for _, at_s in self._window])
        if len(x) < CURVED:
            slope, rest_s = np.polyfit(x, y, 1)
        else:
            bend, slope, rest_s = np.polyfit(x, y, 2)
            slope += bend * AHEAD_S / _sane(slope)
        self._line = (count, time_s + float(rest_s))
        self._pulse_s = _sane(float(slope))

    def _guess(self) -> None:
        """The tempo from two or three pulses, if they do not look like the tempo before."""
        times_s = [at_s for _, at_s in self._window]
        if len(times_s) > 1:
            length_s = _sane((times_s[-1] - times_s[0]) / (len(times_s) - 1))
            if not self._pulse_s or abs(length_s / self._pulse_s - 1.0) > SAME:
                self._pulse_s = length_s


def _sane(pulse_s: float) -> float:
    return min(max(pulse_s, FASTEST_S), SLOWEST_S)
