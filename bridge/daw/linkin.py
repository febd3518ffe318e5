"""Ableton Link in: looks at the session become a `Beat`, as the pulses of a MIDI clock do.

Pure: looks in, in order of time, a `Beat` out. A session's beats lie on a straight line from one
tempo to the next, and its library knows that line, so nothing is fitted. What is decided here is
when the line is another one, whether it runs, and whose its tempo is: ours, until somebody else is
met; from then on the session's, even if they have gone, for they may only be out of reach.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf

from bridge.daw.clockin import GAP_S, LOST_S, Beat

SETTLE_S = 1.0  # from the first look on: others need some tenths of a second to be found
JUMP_BEATS = 0.05  # so far off the line is another line; corrections of clocks are far smaller
TEMPO_BAND = 0.01  # our tempo moves by so much before the session is given it


@dataclass(frozen=True, slots=True)
class Look:
    """The session at one moment; its bars begin at multiples of four beats."""

    time_s: float
    beats: float
    bpm: float
    playing: bool = False
    peers: int = 0


class LinkIn:
    """Takes looks. `start_stop`: it runs only while the session plays.

    `before`: what a predecessor said last; if that had met somebody, the tempo is not ours. Whoever
    joins a session is told of the next start alone, so that it plays must be known from there.
    """

    def __init__(self, start_stop: bool, before: Beat | None = None) -> None:
        before = before or Beat()
        self.beat = replace(before, running=False, sure=False, free=before.free or not before.bpm)
        self._start_stop = start_stop
        self._played_s = before.time_s if start_stop and before.running else -inf
        self._first_s = inf

    def push(self, look: Look) -> Beat:
        """Take one."""
        self._first_s = min(self._first_s, look.time_s)
        running = look.playing or not self._start_stop
        anew = (running and not self.beat.running) or self._jumped(look)
        self.beat = Beat(
            running,
            self.beat.serial + anew,
            look.beats,
            look.time_s,
            look.bpm,
            sure=look.time_s - self._first_s >= SETTLE_S,
            free=self.beat.free and not look.peers,
        )
        return self.beat

    def _jumped(self, look: Look) -> bool:
        """Whether it is not where it was going; the tempo may have changed at any time since."""
        if not self.beat.bpm:
            return False
        since_s = look.time_s - self.beat.time_s
        allowed = JUMP_BEATS + abs(look.bpm - self.beat.bpm) / 60.0 * since_s
        return since_s > GAP_S or abs(look.beats - self.beat.at(look.time_s)) > allowed

    def resumes(self, look: Look) -> bool:
        """Whether to tell the session, once, that it plays: it did when a predecessor was lost."""
        if not (look.peers and self.beat.sure and self._first_s - self._played_s <= LOST_S):
            return False
        self._played_s = -inf
        return not look.playing

    def gives(self, own_bpm: float) -> float | None:
        """What tempo to give the session, if it is ours to give; `own_bpm`: the music's, or 0."""
        if not (own_bpm and self.beat.free and self.beat.sure):
            return None
        return own_bpm if abs(own_bpm / self.beat.bpm - 1.0) > TEMPO_BAND else None
