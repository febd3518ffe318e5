"""The process *ear*: EEG in from LSL, emotion capsules out to LSL. Imports no mne.

The newest capsule is all that anybody needs, so nothing waits for a reader. Whether the signal is
alive is judged by the age of its samples, not by liblsl, which says nothing for half a minute.

To import what recognises takes longer than to find the stream and to fill the first window: so one
thread opens the stream and keeps what comes while the main thread loads.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from bridge.board import SIGNALS, SOURCE_BYTES, Board, Seat
from eeg.lsl import Intake, Outlet, clock
from eeg.montage import Montage
from eeg.names import warning
from eeg.signal import Chunk, Signal
from eeg.watch import Health, Watchdog

if TYPE_CHECKING:
    from capsule.emotion import EmotionCapsule
    from eeg.frontend import Features

PULL_S = 0.1  # longest wait for samples, so the longest that nobody looks at the watchdog
RETRY_S = 2.0
HOP_S = 0.25
BLIND = (
    "The clock of {} cannot be asked, so the EEG is timed by its arrival: open UDP ports 16571 to "
    "16603 in the firewalls of both machines for exact times."
)
ALARMING = (Health.STALE, Health.LOST)  # a signal that is merely LATE shows in the status line


class Recognises(Protocol):
    """What ear needs of a recogniser; `capsule.recogniser.Recogniser` is one."""

    def push(self, features: Features) -> list[EmotionCapsule]:
        """The capsules of one window."""


Load = Callable[[Montage, float, Path | None], Recognises]  # rest_s, the wearer's profile


class Ear:
    """The pure core: chunks in, capsules out. An interruption in the stamps resets the stages."""

    def __init__(
        self, signal: Signal, load: Load, rest_s: float = 60.0, profile: Path | None = None
    ) -> None:
        from eeg.frontend import FrontEnd  # heavy: the supervisor, which knows of Ear, needs it not

        self.front_end = FrontEnd(signal, hop_s=HOP_S)
        self.recogniser = load(self.front_end.montage, rest_s, profile)
        self.gaps = 0
        self._said: list[str] = []
        self._told = 0

    def push(self, chunk: Chunk) -> list[EmotionCapsule]:
        """The capsules that this chunk completes."""
        capsules = []
        for features in self.front_end.push(chunk):
            self.gaps += features.gap
            misnamed = warning(features.names_fit)
            if misnamed is not None and not self._said:
                self._said.append(misnamed)
            capsules += self.recogniser.push(features)
        return capsules

    def unsaid(self) -> tuple[str, ...]:
        """What the user is to be told of the signal and has not been told yet."""
        new, self._told = self._said[self._told :], len(self._said)
        return tuple(new)


def trained() -> Load:
    """The recogniser that comes with the program; what takes seconds to import is imported here."""
    from capsule.recogniser import Recogniser

    return Recogniser.load


def main(
    seat: Seat,
    stream: str | None,
    wait_s: float,
    source_id: str,
    rest_s: float,
    profile: Path | None,
    recogniser: Callable[[], Load] = trained,
) -> None:
    """Run until told to leave. `stream`: name or source id, None for the only EEG there is.

    EegError if there is none within `wait_s`; 0 waits for ever. Our capsules go out under
    `source_id`.
    """
    seat.tell("loaded", "")  # for nobody has to wait until it is
    loaded = threading.Event()
    opening = ThreadPoolExecutor(1).submit(_open, seat, stream, wait_s, source_id, loaded)
    load = recogniser()
    import eeg.frontend  # noqa: F401  # takes long, too

    loaded.set()
    if (opened := opening.result()) is not None:
        intake, outlet, early = opened
        _listen(seat, intake, outlet, early, Ear(intake.signal, load, rest_s, profile))
        intake.close()


def _open(
    seat: Seat, stream: str | None, wait_s: float, source_id: str, loaded: threading.Event
) -> tuple[Intake, Outlet, deque[Chunk]] | None:
    """Stream, outlet, and what came until we had `loaded`; None if it was time to leave before."""
    from capsule.emotion import CAPSULE_STREAM, CAPSULE_TYPE, CHANNELS

    intake = _intake(seat, stream, wait_s)
    if intake is None:
        return None
    seat.board.source = intake.signal.source_id.encode()[: SOURCE_BYTES - 1]
    outlet = Outlet(CAPSULE_STREAM, CAPSULE_TYPE, CHANNELS, 1 / HOP_S, "", source_id)
    early: deque[Chunk] = deque()
    intake.late = True  # what waits for our imports is no history
    while not loaded.is_set() and not seat.over():
        if (chunk := intake.pull(PULL_S)) is not None:
            early.append(chunk)
            seat.board.signal = SIGNALS.index("LIVE")
    intake.late = False
    return intake, outlet, early


def _listen(seat: Seat, intake: Intake, outlet: Outlet, early: deque[Chunk], ear: Ear) -> None:
    """Give a capsule for each window until it is time to leave."""
    watchdog, warned, signal = Watchdog(clock()), False, intake.signal
    seat.tell("ready", f"{signal.name}: {len(signal.channels)} channels, {signal.rate_hz:g} Hz")
    while not seat.over():
        chunk = early.popleft() if early else intake.pull(PULL_S, ear.front_end.missing)
        now_s = clock()
        seat.beat(now_s)
        if chunk is not None:
            watchdog.saw(float(chunk.times_s[-1]), now_s)
            for capsule in ear.push(chunk):
                vector = capsule.to_vector()[np.newaxis].astype(float)
                outlet.push(vector, np.array([capsule.time_s]))
                show(capsule, seat.board)
            for sentence in ear.unsaid():
                seat.tell("say", sentence)
        if early:
            continue
        if intake.blind and not warned:
            seat.tell("say", BLIND.format(intake.blind))
            warned = True
        change = watchdog.look(now_s)
        if change is not None and (change.recovered or change.health in ALARMING):
            seat.tell("say", f"The EEG signal is {change.health.name}.")
        seat.board.signal = SIGNALS.index(watchdog.health.name)
        seat.board.sample_age_s = watchdog.age_s(now_s)
        seat.board.gaps = ear.gaps


def _intake(seat: Seat, stream: str | None, wait_s: float) -> Intake | None:
    """The stream; None if it was time to leave before it came."""
    if wait_s > 0:
        return Intake(stream, timeout_s=wait_s)
    while not seat.over():
        try:
            return Intake(stream, RETRY_S, prefer=seat.board.source.decode(errors="replace"))
        except Exception as problem:  # not there, or not yet what it was: it may come
            seat.tell("say", str(problem))
    return None


def show(capsule: EmotionCapsule, board: Board) -> None:
    """Put the honest emotion on the board."""
    board.probabilities[:] = [float(one) for one in capsule.probabilities]
    board.valence, board.arousal = capsule.valence, capsule.arousal
    board.confidence, board.quality = capsule.confidence, capsule.quality
    board.capsule_s = capsule.time_s
    board.capsules += 1
