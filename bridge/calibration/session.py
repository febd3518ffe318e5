"""A sitting with its processes: headset, pianist, hand and recorder around the core of it.

LSL ─▶ ear (is the signal good?)          pianist ─▶ hand ─▶ MIDI port
 └───▶ recorder ◀─ markers of the sitting ─┘ ▲ orders, news
                      the listener ◀─▶ the sitting
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from bridge import desk, pipeline
from bridge.board import SIGNALS
from bridge.calibration import markers, pianist
from bridge.calibration.core import Sitting
from bridge.calibration.pianist import Plays
from bridge.calibration.programme import Programme, runs
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
from bridge.cast import Cast
from bridge.crew import Crew
from bridge.errors import BridgeError
from bridge.plan import Plan
from eeg.lsl import Markers, clock
from eeg.quality import GOOD

READER_S = 20.0  # for the recorder to hear our markers
STALLED_S = 3.0  # without another byte the recording is no recording
LAST_S = 0.6  # for the last marker to reach the disk
ALIVE = (SIGNALS.index("LIVE"), SIGNALS.index("LATE"))


class Listener(Protocol):
    """Who sits there."""

    def say(self, text: str) -> None:
        """Tell them."""

    def ask(self, text: str) -> None:
        """Tell them, and expect a line."""

    def answer(self) -> str | None:
        """A line they have typed since; never waits."""


def sit(
    stream: str | None,
    plan: Plan,
    sitting: Sitting,
    programme: Programme,
    listener: Listener,
    composer: Callable[[int], Plays] = pianist.trained,
    wait_s: float = pipeline.FIND_S,
) -> bool:
    """Hold a sitting until it is over; False if Ctrl-C or a signal ended it before.

    The plan names port and folder. Raises BridgeError if it cannot begin or go on.
    """
    assert plan.folder is not None
    crew = Crew(clock)
    show = pipeline.Shows(crew, lambda snapshot: _tell(listener, snapshot.said))
    with pipeline.until_signalled() as stopped:
        try:
            director = _Director(crew, plan.folder, sitting, listener)
            director.start(Cast(crew, plan), stream, programme, composer, wait_s)
            tend = (crew, show, stopped)
            pipeline.tend(*tend, crew.loaded, pipeline.LOAD_S)
            crew.board.go = 1
            heard = pipeline.LOAD_S + wait_s
            pipeline.tend(*tend, lambda: crew.ready("ear") is not None, heard)
            pipeline.tend(*tend, lambda: director.marks.has_readers, READER_S)
            pipeline.tend(*tend, director.turn, None)
            time.sleep(LAST_S)
        finally:
            crew.stop(pipeline.QUIET_S)
            _tell(listener, show.last().said)
    return not stopped


def _tell(listener: Listener, sentences: tuple[str, ...]) -> None:
    for sentence in sentences:
        listener.say(sentence)


class _Director:
    """Brings to the sitting what happens, and does what it says."""

    def __init__(self, crew: Crew, folder: Path, sitting: Sitting, listener: Listener) -> None:
        self.marks = Markers(markers.STREAM, f"emocapsule-calibration-{uuid.uuid4().hex[:8]}")
        self._crew, self._folder = crew, folder
        self._sitting, self._listener = sitting, listener
        self._orders, self._orders_in = crew.pipe()
        self._news, self._news_in = crew.pipe(waits=False)
        self._bytes, self._grew_s = 0, clock()
        self._there = False

    def start(
        self,
        cast: Cast,
        stream: str | None,
        programme: Programme,
        composer: Callable[[int], Plays],
        wait_s: float,
    ) -> None:
        """Everybody who is needed."""
        ways = (cast.hand(), self._orders, self._news_in, programme, composer)
        self._crew.start("mind", pianist.main, *ways)
        cast.ear(stream, wait_s)
        cast.recorder()

    def turn(self) -> bool:
        """One look at everything; whether the sitting is over."""
        events: list[Event] = []
        while self._news.poll():
            events += self._told(*json.loads(self._news.recv_bytes()))
        while (line := self._listener.answer()) is not None:
            events.append(Answer(line))
        for event in (*events, self._look()):
            for action in self._sitting.push(event):
                self._do(action)
        return self._sitting.over

    def _told(self, kind: str, at_s: float) -> list[Event]:
        if kind == "there":
            first, self._there = not self._there, True
            return [] if first else [Broken()]
        return [Began(at_s) if kind == "begun" else Ended(at_s)]

    def _look(self) -> Look:
        board, now_s = self._crew.board, clock()
        if board.recorded_bytes != self._bytes:
            self._bytes, self._grew_s = board.recorded_bytes, now_s
        kept = now_s - self._grew_s < STALLED_S and self.marks.has_readers
        recorded = kept and board.signal in ALIVE
        return Look(now_s, recorded, board.quality >= GOOD, str(runs(self._folder)[-1:]))

    def _do(self, action: Action) -> None:
        if isinstance(action, Say):
            self._listener.say(action.text)
        elif isinstance(action, Ask):
            self._listener.ask(action.text)
        elif isinstance(action, Mark):
            self.marks.push(action.text, action.time_s)
        elif isinstance(action, Play):
            then = action.then.number if action.then else None
            self._order([action.piece.number, then])
        elif isinstance(action, Hush):
            self._order(None)
            desk.panic(self._crew.board.desk)

    def _order(self, order: list[int | None] | None) -> None:
        try:
            self._orders_in.send_bytes(json.dumps(order).encode())
        except OSError as problem:
            raise BridgeError("The piano cannot be reached; begin again.") from problem
