"""The process *mind* of a sitting: composes whole pieces, and plays the one that is called for.

    orders (a piece, the next one; or stop) ─▶ pianist ─pipe of timed notes─▶ hand
                                                 └─ news (begun, ended) ─▶ the sitting

A piece is composed before it begins, and the next one while it sounds: no two have anything of
each other, and each comes to an end.
"""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from typing import Protocol

from bridge.board import MOODS, Seat
from bridge.calibration.programme import QUADRANTS, Piece, Programme
from bridge.mind.composes import Composes
from bridge.wire import Timed, TimedNote, TimedPedal, encode
from music import piece as music
from music.condition import Condition
from music.events import Event, Note, Pedal

SENT_S = 0.5  # before a note is due, hand has it: what is stopped is heard no longer
LEAD_S = 0.3  # from the call to the first note
IDLE_S = 0.010


class Plays(Composes, music.Ends, Protocol):
    """What a pianist needs of a composer; `music.composer.Composer` is one."""

    seed: int

    def reset(self) -> None:
        """Back to the first bar."""


class Pianist:
    """The pure core: pieces by their numbers, timed notes as they come near."""

    def __init__(self, composer: Plays, programme: Programme) -> None:
        self._composer = composer
        self._pieces = {piece.number: piece for piece in programme.pieces()}
        self._piece_s = programme.piece_s
        self._composed: dict[int, list[Timed]] = {}  # seconds from the first note
        self._work: tuple[int, Iterator[list[Event]], list[Event]] | None = None
        self._wanted: list[int] = []  # to be composed, the most urgent first
        self._called: int | None = None
        self._coming: deque[Timed] = deque()
        self._ends_s: float | None = None

    def call(self, number: int, then: int | None) -> None:
        """Play a piece as soon as it is composed; another one may be next."""
        self._called = number
        self._wanted = [one for one in (number, then) if one is not None]

    def stop(self) -> None:
        """Play nothing more."""
        self._called = self._ends_s = None
        self._coming.clear()

    @property
    def quadrant(self) -> str | None:
        """Of what sounds."""
        playing = self._called is not None and self._ends_s is not None
        return self._pieces[self._called].quadrant if playing and self._called else None

    @property
    def busy(self) -> bool:
        """Whether there is something to compose."""
        return any(number not in self._composed for number in self._wanted)

    def compose(self) -> None:
        """One token of what is wanted most."""
        number = next((one for one in self._wanted if one not in self._composed), None)
        if number is None:
            return
        if self._work is None or self._work[0] != number:
            self._work = (number, self._begun(self._pieces[number]), [])
        _, rest, events = self._work
        completed = next(rest, None)
        if completed is not None:
            events += completed
            return
        self._composed[number] = self._timed(events)
        self._work = None

    def _begun(self, piece: Piece) -> Iterator[list[Event]]:
        first, second, third, fourth = (float(piece.quadrant == one) for one in QUADRANTS)
        self._composer.seed = piece.seed
        self._composer.resume()
        self._composer.reset()
        condition = Condition((first, second, third, fourth))
        return music.compose(self._composer, condition, self._piece_s)

    def _timed(self, events: list[Event]) -> list[Timed]:
        """Notes and pedal in seconds from the first note, to the end of the last."""
        seconds = self._composer.tempo_map.seconds
        notes = [event for event in events if isinstance(event, Note)]
        first_s = seconds(notes[0].onset_beats) if notes else 0.0
        timed: list[Timed] = []
        for event in events:
            at_s = max(0.0, seconds(event.onset_beats) - first_s)
            if isinstance(event, Pedal):
                timed.append(TimedPedal(at_s, event.down))
            elif isinstance(event, Note):
                off_s = seconds(event.onset_beats + event.duration_beats) - first_s
                off_s = min(off_s, self._piece_s)
                if off_s > at_s:
                    timed.append(TimedNote(at_s, off_s, event.pitch, event.velocity))
        ends = (one.off_s for one in timed if isinstance(one, TimedNote))
        return [*timed, TimedPedal(max(ends, default=0.0), False)]

    def play(self, now_s: float) -> tuple[list[Timed], list[tuple[str, float]]]:
        """What comes near, with times of the clock; and what is to be told: (begun, when)."""
        told = []
        if self._called is not None and self._ends_s is None and self._called in self._composed:
            at_s = now_s + LEAD_S
            self._coming = deque(_moved(one, at_s) for one in self._composed[self._called])
            self._ends_s = _time_s(self._coming[-1])
            told.append(("begun", at_s))
        near = []
        while self._coming and _time_s(self._coming[0]) <= now_s + SENT_S:
            near.append(self._coming.popleft())
        if self._ends_s is not None and now_s >= self._ends_s:
            told.append(("ended", self._ends_s))
            self._called = self._ends_s = None
        return near, told


def _time_s(event: Timed) -> float:
    return event.on_s if isinstance(event, TimedNote) else event.time_s


def _moved(event: Timed, by_s: float) -> Timed:
    if isinstance(event, TimedNote):
        return TimedNote(event.on_s + by_s, event.off_s + by_s, event.pitch, event.velocity)
    assert isinstance(event, TimedPedal)
    return TimedPedal(event.time_s + by_s, event.down)


def trained(seed: int) -> Plays:
    """The composer that comes with the program."""
    from music.composer import Composer

    return Composer.load(seed=seed)


def main(
    seat: Seat,
    records: Connection,
    orders: Connection,
    news: Connection,
    programme: Programme,
    composer: Callable[[int], Plays] = trained,
) -> None:
    """Run until told to leave. `orders` and `news` are JSON; the first news is "there"."""
    from eeg.lsl import clock

    pianist = Pianist(composer(0), programme)
    epoch = seat.board.epoch
    seat.tell("ready", "composer")
    news.send_bytes(json.dumps(["there", clock()]).encode())
    while not seat.over():
        now_s = clock()
        seat.beat(now_s)
        while orders.poll():
            order = json.loads(orders.recv_bytes())
            if order is None:
                pianist.stop()
                records.send_bytes(encode(TimedPedal(now_s, False), epoch))
            else:
                pianist.call(*order)
        near, told = pianist.play(now_s)
        for event in near:
            records.send_bytes(encode(event, epoch))
        for one in told:
            news.send_bytes(json.dumps(one).encode())
        playing = pianist.quadrant
        seat.board.mood = MOODS.index("PLAYING" if playing else "WAITING")
        seat.board.played[:] = [float(one == playing) for one in QUADRANTS]
        if pianist.busy:
            pianist.compose()
        else:
            time.sleep(IDLE_S)
