"""The process *mind*: turns the newest emotion into notes, about a second ahead of what is heard.

Three horizons, in beats until the last moment: *composed* (about `AHEAD_S` from now), *committed*
(`COMMIT_S` from now: mapped to absolute time and sent to hand, never taken back), and now. When the
emotion jumps, what is composed but not committed is taken back and composed anew. When the emotion
is lost for good, the composer is asked for an ending, which is played out before the rest.
"""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from math import inf, nextafter
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Protocol

from bridge import ahead, desk
from bridge.board import MOODS, Board, Seat
from bridge.clockout import ClockOut
from bridge.control import Controllers
from bridge.desk import Wishes
from bridge.habits import PLAIN, Habits
from bridge.translate import Played, Style, Translator, distance
from bridge.wire import Timed, TimedNote, TimedPedal, TimedPulse, encode
from music.condition import Condition
from music.controls import Controls
from music.events import Bar, Event, Note, Pedal, Tempo, TempoMap
from music.sampling import Sampling

if TYPE_CHECKING:
    from capsule.emotion import EmotionCapsule

AHEAD_S = 1.0  # composed beyond what is committed
COMMIT_S = 0.125
LEAD_S = 0.020  # a note that comes with less notice than this would be late
JUMP = 0.2  # total variation between the emotion composed under and the present one
CALM_S = 0.25  # at least so long between two rewinds
START_S = 0.3  # composed before the first note is heard
IDLE_S = 0.010
SHOW_S = 0.05  # between two looks ahead for displays
SHOWN = 64  # committed notes that are kept for them
NEAR_S = 1e-6  # what is due at the very horizon may not be composed yet


class Composes(Protocol):
    """What mind needs of a composer; `music.composer.Composer` is one."""

    controls: Controls
    sampling: Sampling

    @property
    def horizon_s(self) -> float:
        """Everything before it is composed, in seconds from beat 0."""

    def step(self, condition: Condition) -> list[Event]:
        """Compose a little further."""

    def rewind(self, to_beats: float) -> None:
        """Forget what was composed at or after that beat."""

    @property
    def finished(self) -> bool:
        """Whether the ending that was asked for is composed: a step gives nothing more."""

    def finish(self) -> None:
        """Lead to an ending."""

    def resume(self) -> None:
        """No ending, or on after it."""


@dataclass(frozen=True, slots=True)
class MindCounts:
    """What happened so far."""

    underruns: int = 0  # the composer was too slow: time was moved back
    rewinds: int = 0


class Mind:
    """The pure core: the time and the newest capsule in; timed notes, controllers, pulses out."""

    def __init__(self, composer: Composes, translator: Translator, habits: Habits = PLAIN) -> None:
        self.translator = translator
        self.played: Played | None = None
        self._composer = composer
        self._tempo = TempoMap()
        self._pending: deque[tuple[Event, Condition]] = deque()  # composed, not committed
        self._origin_s: float | None = None  # absolute time of beat 0; None while at rest
        self._committed_beats = 0.0
        self._rewound_s = -inf
        self._floor_beats = 0.0  # where the last rewind went: what is composed before it is late
        self._underruns = self._rewinds = 0
        self._habits = habits
        self._controllers = Controllers(habits.controls) if habits.controls else None
        self._clock = ClockOut() if habits.clock else None
        self._wishes: Wishes | None = None
        self._outdated = False  # what is pending was composed under other wishes
        self._committed: deque[TimedNote] = deque(maxlen=SHOWN)

    @property
    def counts(self) -> MindCounts:
        """What happened so far."""
        return MindCounts(self._underruns, self._rewinds)

    def step(
        self, now_s: float, capsule: EmotionCapsule | None, wishes: Wishes | None = None
    ) -> list[Timed]:
        """Take the newest capsule, if there is a new one, and do one piece of work.

        `wishes`: what the desk says, if there is one.
        """
        if wishes is not None and wishes != self._wishes:
            self._heed(wishes)
        events = self._play(now_s, capsule)
        if self._controllers is not None:
            events += self._controllers.step(now_s, capsule)
        shaped = [self._habits.shaped(event) for event in events]
        self._committed += [event for event in shaped if isinstance(event, TimedNote)]
        return shaped

    def _heed(self, wishes: Wishes) -> None:
        """From now on; what another key or tempo makes wrong is taken back."""
        before, self._wishes = self._wishes, wishes
        desk.heed(wishes, self.translator, self._composer)
        if before is not None and (before.key, before.bpm) != (wishes.key, wishes.bpm):
            self._outdated = True

    def ahead(self, now_s: float) -> tuple[list[TimedNote], list[TimedNote]]:
        """What will be heard: notes that are committed, and notes that may yet be taken back."""
        committed = [note for note in self._committed if note.on_s > now_s]
        if self._origin_s is None:
            return committed, []
        timed = [
            self._timed(event, self._origin_s + self._tempo.seconds(event.onset_beats), 1.0)
            for event, _ in self._pending
            if isinstance(event, Note)
        ]
        shaped = [self._habits.shaped(note) for note in timed]
        return committed, [note for note in shaped if isinstance(note, TimedNote)]

    def bpm(self, now_s: float) -> float:
        """The tempo that is heard; 0 while nothing is."""
        if self._origin_s is None:
            return 0.0
        return self._tempo.bpm(self._tempo.beats(now_s - self._origin_s))

    def _play(self, now_s: float, capsule: EmotionCapsule | None) -> list[Timed]:
        if capsule is not None:
            self.translator.hear(capsule, now_s)
        self.played = played = self.translator.played(now_s)
        if played.mood == "REST":
            self._composer.finish()
        if not self.playing:
            return self._rest(now_s)
        if played.mood != "REST":
            self._composer.resume()
        notes = self._commit(now_s, played.loudness) + self._pulses(now_s)
        if self._jumped(now_s, played.condition):
            self._take_back(now_s)
        if self.behind(now_s):
            self._compose(played.condition)
            self._begin(now_s)
        return notes

    @property
    def playing(self) -> bool:
        """Whether there is an emotion to play by, or an ending to play out."""
        if self.played is None or self.played.mood == "WAITING":
            return False
        closing = self._origin_s is not None and (self._pending or not self._composer.finished)
        return self.played.mood != "REST" or bool(closing)

    def behind(self, now_s: float) -> bool:
        """Whether there is something to compose."""
        if self._composer.finished:
            return False
        if self._origin_s is None:
            return True
        return self._origin_s + self._composer.horizon_s < now_s + COMMIT_S + AHEAD_S

    def _compose(self, condition: Condition) -> None:
        for event in self._composer.step(condition):
            if isinstance(event, Tempo):
                self._tempo.push(event)
            else:
                self._pending.append((event, condition))
            if isinstance(event, Bar) and self._clock is not None:
                self._clock.bar(event.onset_beats)

    def _begin(self, now_s: float) -> None:
        """At the start, or after a rest: once enough is composed, its first note is heard.

        With a clock its first bar line is, if that comes before: a listener has to start there.
        """
        if self._origin_s is not None:
            return
        audible = Note | Pedal if self._clock is None else Note | Pedal | Bar
        heard = (event for event, _ in self._pending if isinstance(event, audible))
        first = next(heard, None)
        if first is None:
            return
        first_s = self._tempo.seconds(first.onset_beats)
        if self._composer.horizon_s > first_s + START_S:
            self._origin_s = now_s + COMMIT_S - first_s

    def _commit(self, now_s: float, loudness: float) -> list[Timed]:
        notes: list[Timed] = []
        while self._origin_s is not None and self._pending:
            event, _ = self._pending[0]
            due_s = self._origin_s + self._tempo.seconds(event.onset_beats)
            if due_s > now_s + COMMIT_S:
                break
            late = due_s < now_s + LEAD_S and isinstance(event, Note | Pedal)
            if late and event.onset_beats >= self._floor_beats:
                self._origin_s += now_s + COMMIT_S - due_s  # never catch up: time moves back
                self._underruns += 1
                continue
            self._pending.popleft()
            self._committed_beats = event.onset_beats
            if isinstance(event, Pedal):
                notes.append(TimedPedal(max(due_s, now_s + LEAD_S), event.down))
            elif isinstance(event, Note) and not late:
                notes.append(self._timed(event, due_s, loudness))
        return notes

    def _pulses(self, now_s: float) -> list[Timed]:
        """The clock, as far as it is composed and to be committed."""
        origin_s = self._origin_s
        if self._clock is None or origin_s is None:
            return []
        until_s = min(now_s + COMMIT_S - origin_s, self._composer.horizon_s - NEAR_S)
        return [
            TimedPulse(max(origin_s + self._tempo.seconds(beats), now_s + LEAD_S), number, bar)
            for beats, number, bar in self._clock.pulses(self._tempo.beats(until_s))
        ]

    def _timed(self, note: Note, due_s: float, loudness: float) -> TimedNote:
        assert self._origin_s is not None
        end_s = self._origin_s + self._tempo.seconds(note.onset_beats + note.duration_beats)
        velocity = max(1, round(note.velocity * loudness))
        return TimedNote(due_s, max(end_s, due_s + LEAD_S), note.pitch, velocity)

    def _jumped(self, now_s: float, condition: Condition) -> bool:
        if not self._pending or now_s < self._rewound_s + CALM_S:
            return False
        return self._outdated or distance(self._pending[0][1], condition) > JUMP

    def _take_back(self, now_s: float) -> None:
        """Forget what is composed but not committed."""
        self._rewound_s = now_s
        self._rewinds += 1
        self._rewind(now_s)

    def _rewind(self, now_s: float) -> None:
        to_beats = nextafter(self._committed_beats, inf)
        if self._origin_s is not None:
            to_beats = max(to_beats, self._tempo.beats(now_s + COMMIT_S - self._origin_s))
        self._floor_beats = to_beats
        self._composer.rewind(to_beats)
        self._tempo.rewind(to_beats)
        self._pending.clear()
        self._outdated = False
        if self._clock is not None:
            self._clock.rewind(to_beats)

    def _rest(self, now_s: float) -> list[Timed]:
        """Stop where the music is; the pedal comes up."""
        if self._origin_s is None:
            return []
        self._rewind(now_s)
        self._origin_s = None
        return [TimedPedal(now_s + COMMIT_S, False)]


def trained(seed: int) -> Composes:
    """The composer that comes with the program."""
    from music.composer import Composer

    return Composer.load(seed=seed)


def main(
    seat: Seat,
    records: Connection,
    capsules_from: str,
    seed: int,
    style: Style,
    composer: Callable[[int], Composes] = trained,
    habits: Habits = PLAIN,
    overhears: Connection | None = None,
) -> None:
    """Run until told to leave; `capsules_from` is the source id of ear's stream.

    `overhears` gets every record too, or loses it: nobody waits for who reads there.
    """
    from capsule.emotion import CAPSULE_STREAM, CAPSULE_TYPE, EmotionCapsule
    from eeg.lsl import Newest, clock

    mind = Mind(composer(seed), Translator(style), habits)
    newest = Newest(CAPSULE_STREAM, CAPSULE_TYPE, capsules_from)
    epoch = seat.board.epoch
    shown_s = -inf
    seat.tell("ready", "composer")
    while not seat.over():
        now_s = clock()
        seat.beat(now_s)
        taken = newest.take()
        capsule = EmotionCapsule.from_vector(taken[1], taken[0]) if taken else None
        for event in mind.step(now_s, capsule, desk.read(seat.board.desk)):
            record = encode(event, epoch)
            records.send_bytes(record)  # waits while the pipe is full
            if overhears is not None:
                with contextlib.suppress(OSError):
                    overhears.send_bytes(record)
        show(mind, seat.board)
        if now_s - shown_s >= SHOW_S:
            shown_s = now_s
            ahead.write(seat.board.ahead, *mind.ahead(now_s))
            seat.board.bpm = mind.bpm(now_s)
        if not (mind.playing and mind.behind(clock())):
            time.sleep(IDLE_S)


def show(mind: Mind, board: Board) -> None:
    """Put what is played on the board."""
    played = mind.played
    if played is not None:
        board.mood = MOODS.index(played.mood)
        board.played[:] = played.condition.probabilities or (0.25,) * 4
        board.strength = played.condition.strength
    board.underruns, board.rewinds = mind.counts.underruns, mind.counts.rewinds
