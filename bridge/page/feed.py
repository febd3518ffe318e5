"""What comes over LSL, into the story: the EEG itself, ear's capsules, hand's notes.

The same streams that anybody on the network may read, so nothing else is slowed: their sources
wait for no reader.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from bridge.board import NO_EEG, SIGNALS, Board
from bridge.hand.core import NOTES_STREAM, NOTES_TYPE
from bridge.page.story import Story, votes_of
from bridge.wire import from_row
from capsule.emotion import CAPSULE_STREAM, CAPSULE_TYPE, EmotionCapsule
from eeg.errors import EegError
from eeg.filter import Filter
from eeg.frontend import FrontEnd
from eeg.lsl import Inlet, Intake
from eeg.quality import grade

if TYPE_CHECKING:
    from eeg.signal import Chunk, Signal

FIND_S, RETRY_S = 0.3, 1.0  # for the EEG to be found, and between two attempts
POINTS_HZ = 100.0  # of a curve, at most: the filter leaves nothing above 45 Hz
HOP_S = 0.5  # between two looks at the quality of channels
BREAK_S = 1.0  # an interruption after which the filter begins anew


class Scope:
    """The EEG as it is drawn: filtered as for the network, a point now and then."""

    def __init__(self, signal: Signal) -> None:
        self._front_end = FrontEnd(signal, hop_s=HOP_S)
        self._filter = Filter(signal.rate_hz, len(signal.channels))
        self._every = max(1, round(signal.rate_hz / POINTS_HZ))
        self._count = 0
        self._last_s = -math.inf

    def signal(self) -> dict[str, object]:
        """Channels and where they sit; None where nobody knows."""
        montage = self._front_end.montage
        return {
            "name": self._front_end.signal.name,
            "rate_hz": self._front_end.signal.rate_hz,
            "channels": list(montage.channels),
            "places": [[x, y] if math.isfinite(x) else None for x, y in montage.places],
            "regions": list(montage.regions),
        }

    def push(self, chunk: Chunk, story: Story) -> None:
        """Points and grades into the story. EegError if it is not EEG after all."""
        if chunk.times_s[0] - self._last_s > BREAK_S:
            self._filter.reset()
        self._last_s = float(chunk.times_s[-1])
        clean_uv, _ = self._filter.push(chunk.samples_uv)
        for index in range(-self._count % self._every, len(clean_uv), self._every):
            story.sample(float(chunk.times_s[index]), clean_uv[index].tolist())
        self._count += len(clean_uv)
        for features in self._front_end.push(chunk):
            placed = self._front_end.montage.placed
            qualities = enumerate(features.channel_quality.tolist())
            story.tell("grades", [grade(one) if n in placed else "" for n, one in qualities])


class Feed:
    """Takes what has come, never waits for more; the EEG stream may come late, go and come back."""

    def __init__(self, stream: str | None, capsules_from: str, notes_from: str) -> None:
        self.story = Story()
        self._stream = stream
        self._capsules = Inlet(CAPSULE_STREAM, CAPSULE_TYPE, capsules_from)
        self._notes = Inlet(NOTES_STREAM, NOTES_TYPE, notes_from)
        self._intake: Intake | None = None
        self._scope: Scope | None = None
        self._tried_s = -math.inf

    def pull(self, board: Board, now_s: float) -> None:
        """All that has come since the last call."""
        for vector, time_s in zip(*(self._capsules.pull() or ((), ())), strict=True):
            capsule = EmotionCapsule.from_vector(vector, float(time_s))
            honest = [float(one) for one in capsule.probabilities]
            played = list(board.played) if any(board.played) else honest
            self.story.emotion(capsule.time_s, honest, played, capsule.confidence)
            self.story.tell("votes", votes_of(capsule.routing))
        for values, time_s in zip(*(self._notes.pull() or ((), ())), strict=True):
            self.story.message(float(time_s), from_row(values))
        try:
            self._pull_eeg(now_s, board.signal != SIGNALS.index("SEARCHING"))
        except EegError:  # ear tells the user what is wrong with it
            self._intake = self._scope = None

    def _pull_eeg(self, now_s: float, there: bool) -> None:
        """`there`: ear has found the EEG. Not before, for a recording begins when it is heard."""
        if self._intake is None:
            if not there or self._stream == NO_EEG or now_s - self._tried_s < RETRY_S:
                return
            self._tried_s = now_s
            self._intake = Intake(self._stream, timeout_s=FIND_S)
            self._scope = Scope(self._intake.signal)
            self.story.tell("signal", self._scope.signal())
        chunk = self._intake.pull(0.0)
        if chunk is not None and self._scope is not None:
            self._scope.push(chunk, self.story)
