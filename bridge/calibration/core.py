"""The course of a sitting: what has happened in, what to do next out. No clock, no terminal.

    WAIT ─▶ REST ─▶ PAUSE ─▶ CALLED ─▶ PLAYING ─▶ VALENCE ─▶ AROUSAL ─┐
      ▲                ▲                                              │
      └─ no signal     └──────────── the next piece ──────────────────┴─▶ OVER

What is not recorded teaches nothing: without a signal, or without a recording, it waits, and what
was interrupted comes once more. A recording that had to begin anew begins with a rest, because a
rest is measured in its own recording.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from enum import Enum, auto

from bridge.calibration import markers
from bridge.calibration.programme import Programme
from bridge.calibration.steps import (
    Action,
    Answer,
    Ask,
    Began,
    Broken,
    Ended,
    Event,
    Hush,
    Look,
    Mark,
    Play,
    Say,
)

SETTLE_S = 3.0  # of a signal that is recorded, before anything begins
LEAST_GOOD_S = 24.0  # of a good signal that a rest waits for: the fit wants 20
QUIT = "q"
PLEASANT = "How pleasant did you feel? 1 very unpleasant, 5 neither, 9 very pleasant: "
AROUSED = "How excited did you feel? 1 very calm, 5 neither, 9 very excited: "


class Phase(Enum):
    """Where the sitting stands."""

    WAIT = auto()
    REST = auto()
    PAUSE = auto()
    CALLED = auto()
    PLAYING = auto()
    VALENCE = auto()
    AROUSAL = auto()
    OVER = auto()


ASKING = (Phase.VALENCE, Phase.AROUSAL)


class Sitting:
    """One start of a sitting; `rated`: numbers of the pieces that were rated in earlier ones."""

    def __init__(self, programme: Programme, rated: Collection[int] = ()) -> None:
        pieces = programme.pieces()
        self.phase = Phase.WAIT
        self._programme = programme
        self._count = len(pieces)
        self._left = deque(piece for piece in pieces if piece.number not in rated)
        self._now_s: float | None = None
        self._since_s = 0.0  # the phase began; for WAIT, the signal was last missed
        self._good_s = 0.0  # of a good signal since then
        self._run = ""
        self._rested = False
        self._waiting = False  # the listener was told so
        self._valence: int | None = None
        if not self._left:
            self.phase = Phase.OVER

    @property
    def over(self) -> bool:
        """Whether nothing more is to come."""
        return self.phase is Phase.OVER

    @property
    def complete(self) -> bool:
        """Whether every piece was rated."""
        return not self._left

    def push(self, event: Event) -> list[Action]:
        """What to do about an event, in order."""
        if self.over:
            return []
        if isinstance(event, Look):
            return self._look(event)
        if isinstance(event, Answer):
            return self._answer(event.text.strip())
        if isinstance(event, Broken):
            playing = self.phase in (Phase.CALLED, Phase.PLAYING)
            return self._interrupted("The piano had to begin anew.") if playing else []
        if isinstance(event, Began) and self.phase is Phase.CALLED:
            self._enter(Phase.PLAYING)
            piece = self._left[0]
            return [Mark(markers.begins(piece.number, piece.quadrant), event.at_s)]
        if isinstance(event, Ended) and self.phase is Phase.PLAYING:
            return self._ended(event.at_s)
        return []

    def _enter(self, phase: Phase) -> None:
        self.phase = phase
        self._since_s = self._now_s or 0.0
        self._good_s = 0.0

    # --- time ------------------------------------------------------------------------------------

    def _look(self, look: Look) -> list[Action]:
        passed_s = 0.0 if self._now_s is None else max(0.0, look.now_s - self._now_s)
        if self._now_s is None:
            self._since_s = look.now_s
        self._now_s = look.now_s
        self._good_s += passed_s if look.good and look.recorded else 0.0
        anew, self._run = self._run not in ("", look.run), look.run
        if anew:
            self._rested = False
            if self.phase is not Phase.WAIT:
                return self._interrupted("The recording had to begin anew.")
        if not look.recorded and self.phase not in (Phase.WAIT, *ASKING):
            return self._interrupted("The signal is lost, or is not recorded.")
        if self.phase is Phase.WAIT:
            return self._wait(look)
        if self.phase is Phase.REST:
            return self._rest()
        if self.phase is Phase.PAUSE and self._lasts(self._programme.pause_s):
            self._enter(Phase.CALLED)
            then = self._left[1] if len(self._left) > 1 else None
            return [Play(self._left[0], then)]
        return []

    def _lasts(self, seconds: float) -> bool:
        return (self._now_s or 0.0) >= self._since_s + seconds

    def _wait(self, look: Look) -> list[Action]:
        if not look.recorded:
            self._since_s = look.now_s
            told, self._waiting = self._waiting, True
            return [] if told else [Say("Waiting for a signal that is recorded ...")]
        if not self._lasts(SETTLE_S):
            return []
        self._waiting = False
        if self._rested:
            return self._pause()
        self._enter(Phase.REST)
        text = f"Rest: sit still and do nothing for {self._programme.rest_s:g} s, your eyes as you "
        text += "will have them later: open and on one point, or closed."
        return [Mark(markers.REST_BEGINS, look.now_s), Say(text)]

    def _rest(self) -> list[Action]:
        rest_s = self._programme.rest_s
        if not self._lasts(rest_s) or self._good_s < min(LEAST_GOOD_S, 0.8 * rest_s):
            return []
        self._rested = True
        return [Mark(markers.REST_ENDS, self._now_s or 0.0), *self._pause()]

    def _pause(self) -> list[Action]:
        self._enter(Phase.PAUSE)
        number = self._left[0].number
        return [Say(f"Piece {number} of {self._count}: listen, and sit still.")]

    def _ended(self, at_s: float) -> list[Action]:
        poor = self._good_s < 0.5 * ((self._now_s or 0.0) - self._since_s)
        self._enter(Phase.VALENCE)
        end = [Mark(markers.ends(self._left[0].number), at_s)]
        said = [Say("The signal was poor during this piece; look after the electrodes.")]
        return [*end, *(said if poor else []), Ask(PLEASANT)]

    def _interrupted(self, why: str) -> list[Action]:
        """Wait; what was interrupted comes once more."""
        actions = self._break_off()
        again = " This piece comes once more." if self.phase is not Phase.REST and actions else ""
        self._enter(Phase.WAIT)
        self._waiting = True
        return [*actions, Say(f"{why}{again}")]

    def _break_off(self) -> list[Action]:
        now_s, number = self._now_s or 0.0, self._left[0].number
        if self.phase is Phase.REST:
            return [Mark(markers.REST_BROKEN, now_s)]
        if self.phase is Phase.CALLED:
            return [Hush()]
        if self.phase is Phase.PLAYING:
            return [Hush(), Mark(markers.broken(number), now_s)]
        return [Mark(markers.broken(number), now_s)] if self.phase in ASKING else []

    # --- the listener ----------------------------------------------------------------------------

    def _answer(self, text: str) -> list[Action]:
        if text.lower() == QUIT:
            actions = self._break_off()
            self._enter(Phase.OVER)
            return actions
        if self.phase not in ASKING:
            return []
        if text and not (text.isascii() and text.isdigit() and 1 <= int(text) <= 9):
            again = PLEASANT if self.phase is Phase.VALENCE else AROUSED
            return [Say("A number from 1 to 9; Enter for no answer, q to end."), Ask(again)]
        rating = int(text) if text else None
        if self.phase is Phase.VALENCE:
            self._valence = rating
            self._enter(Phase.AROUSAL)
            return [Ask(AROUSED)]
        piece = self._left.popleft()
        mark = Mark(markers.rates(piece.number, self._valence, rating), self._now_s or 0.0)
        if not self._left:
            self._enter(Phase.OVER)
            return [mark, Say("That was the last one.")]
        return [mark, *self._pause()]
