"""MIDI clock out: 24 pulses a beat, laid out by the tempo map that times the notes.

Two pure halves. `ClockOut` is *mind*'s: it numbers the pulses in beats from the first bar line, so
they are where the notes are and rounding never adds up. `Transport` is *hand*'s: it turns pulses
into bytes and keeps what the listener counts true. A clock that stands, because it is the beginning
or because pulses stopped coming or were lost, goes on only at a bar line, with the song position
that this bar line has; so bars land on bars whatever happened between.
"""

from collections import deque

from bridge.wire import PULSES_A_BEAT

CLOCK, START, CONTINUE, STOP = b"\xf8", b"\xfa", b"\xfb", b"\xfc"
POSITION = 0xF2  # song position, in sixteenths, 14 bits
PULSES_A_SIXTEENTH = PULSES_A_BEAT // 4
LAST_POSITION = 0x3FFF
CUE_S = 0.010  # start is told so long before its pulse: a listener needs a millisecond
PAUSE_S = 0.25  # no pulse for so long is a stop; at 30 beats a minute one comes every 83 ms
NEAR_BEATS = 1e-6


class ClockOut:
    """Beats to numbered pulses. Pulse 0 lies on the first bar line."""

    def __init__(self) -> None:
        self._bars: deque[float] = deque()  # composed, their pulse not yet given
        self._begin_beats: float | None = None  # where pulse 0 is
        self._next = 0

    def bar(self, onset_beats: float) -> None:
        """A bar line was composed."""
        self._bars.append(onset_beats)

    def rewind(self, to_beats: float) -> None:
        """Bar lines at or after `to_beats` are taken back; pulses already given stay."""
        while self._bars and self._bars[-1] >= to_beats:
            self._bars.pop()

    def pulses(self, until_beats: float) -> list[tuple[float, int, bool]]:
        """What comes next before `until_beats`: place in beats, number, whether a bar begins."""
        if self._begin_beats is None:
            if not self._bars or self._bars[0] >= until_beats:
                return []
            self._begin_beats = self._bars[0]
        given = []
        while (beats := self._begin_beats + self._next / PULSES_A_BEAT) < until_beats:
            given.append((beats, self._next, self._is_bar(beats)))
            self._next += 1
        return given

    def _is_bar(self, beats: float) -> bool:
        while self._bars and self._bars[0] < beats - NEAR_BEATS:
            self._bars.popleft()
        on_sixteenth = self._next % PULSES_A_SIXTEENTH == 0
        return bool(self._bars) and self._bars[0] <= beats + NEAR_BEATS and on_sixteenth


class Transport:
    """Pulses to clock, start, continue, stop and song position."""

    def __init__(self) -> None:
        self._next: int | None = None  # the number of the pulse that must come; None: it stands
        self._last_s = 0.0

    @property
    def rolling(self) -> bool:
        """Whether the listener was told to run."""
        return self._next is not None

    def cue(self, number: int, now_s: float) -> list[bytes]:
        """A bar line is about to come: a clock that stands is told to go on from there."""
        if self._next is not None:
            return []
        self._next, self._last_s = number, now_s
        position = number // PULSES_A_SIXTEENTH
        if number == 0 or position > LAST_POSITION:  # later than 14 bits can say: bar 1 again
            return [START]
        return [bytes((POSITION, position & 0x7F, position >> 7)), CONTINUE]

    def pulse(self, number: int, now_s: float, late: bool = False) -> list[bytes]:
        """A pulse is due. One that is too late, or after a lost one, would shift every bar."""
        if self._next is None or number < self._next:
            return []
        if late or number > self._next:
            return self.stop()
        self._next, self._last_s = number + 1, now_s
        return [CLOCK]

    def pause_s(self) -> float | None:
        """When to stop if no pulse comes before; None while it stands."""
        return None if self._next is None else self._last_s + PAUSE_S

    def stop(self) -> list[bytes]:
        """Stop the listener if it runs."""
        stops = [] if self._next is None else [STOP]
        self._next = None
        return stops
