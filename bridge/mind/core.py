"""What *mind* does: the newest emotion becomes notes, about a second ahead of what is heard.

Three horizons, in beats until the last moment: *composed* (about `AHEAD_S` from now), *committed*
(`COMMIT_S` from now: mapped to absolute time and sent to hand, never taken back), and now. When the
emotion jumps, what is composed but not committed is taken back and composed anew. When the emotion
is lost for good, the composer is asked for an ending, which is played out before the rest.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from math import inf, nextafter
from types import UnionType
from typing import TYPE_CHECKING

from bridge import desk
from bridge.daw.clockin import Beat
from bridge.daw.clockout import ClockOut
from bridge.daw.control import Controllers
from bridge.daw.habits import PLAIN, Habits
from bridge.desk import Wishes
from bridge.mind.beats import TimedBeat
from bridge.mind.composes import Composes as Composes
from bridge.mind.timeline import COMMIT_S, LEAD_S, DawTime, OwnTime
from bridge.mind.translate import Played, Translator, distance
from bridge.wire import PULSES_A_BEAT, Timed, TimedNote, TimedPedal, TimedPulse
from music.condition import Condition
from music.events import Bar, Event, Note, Pedal, Tempo

if TYPE_CHECKING:
    from capsule.emotion import EmotionCapsule

AHEAD_S = 1.0  # composed beyond what is committed
JUMP = 0.2  # total variation between the emotion composed under and the present one
CALM_S = 0.25  # at least so long between two rewinds
START_S = 0.3  # composed before the first note is heard
SHOWN = 64  # committed notes that are kept for them
TEMPO_BAND = 0.02  # a DAW's tempo moves by so much before the composer is told
NEAR_S = 1e-6  # what is due at the very horizon may not be composed yet


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
        self._time: OwnTime = DawTime() if habits.follows else OwnTime()
        self._pending: deque[tuple[Event, Condition]] = deque()  # composed, not committed
        self._committed_beats = -inf  # nothing yet: all can be taken back
        self._rewound_s = -inf
        self._floor_beats = 0.0  # where the last rewind went: what is composed before it is late
        self._underruns = self._rewinds = 0
        self._habits = habits
        self._controllers = Controllers(habits.controls) if habits.controls else None
        self._clock = ClockOut()  # whoever wants its pulses: a recording wants its beats
        self._beats: list[TimedBeat] = []
        self._begins = _begins_with(habits)
        self._pedal_down = False  # as composed, heard or not
        self._wishes: Wishes | None = None
        self._outdated = False  # what is pending was composed under other wishes
        self._committed: deque[TimedNote] = deque(maxlen=SHOWN)
        composer.controls = habits.limited(composer.controls)

    @property
    def counts(self) -> MindCounts:
        """What happened so far."""
        return MindCounts(self._underruns, self._rewinds)

    def step(
        self,
        now_s: float,
        capsule: EmotionCapsule | None,
        wishes: Wishes | None = None,
        beat: Beat | None = None,
    ) -> list[Timed]:
        """Take the newest capsule, if there is a new one, and do one piece of work.

        `wishes`: what the desk says, if there is one; `beat`: where the DAW is that is followed.
        """
        if wishes is not None and wishes != self._wishes:
            self._heed(wishes)
        events = self._follow(now_s, beat) + self._play(now_s, capsule)
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

    def _follow(self, now_s: float, beat: Beat | None) -> list[Timed]:
        """A DAW that stops or jumps is followed at once; what is composed goes on at a bar."""
        bpm = self._time.led_bpm
        if bpm is not None and abs(bpm / (self._composer.controls.bpm or inf) - 1.0) > TEMPO_BAND:
            self._composer.controls = replace(self._composer.controls, bpm=bpm)
        if not self._time.lost(beat, now_s):
            return []
        self._time.release()
        self._skip()
        return [TimedPedal(now_s + COMMIT_S, False)]

    def ahead(self, now_s: float) -> tuple[list[TimedNote], list[TimedNote]]:
        """What will be heard: notes that are committed, and notes that may yet be taken back."""
        committed = [note for note in self._committed if note.on_s > now_s]
        if not self._time.anchored:
            return committed, []
        timed = [
            self._timed(event, self._time.seconds(event.onset_beats), 1.0)
            for event, _ in self._pending
            if isinstance(event, Note)
        ]
        shaped = [self._habits.shaped(note) for note in timed]
        return committed, [note for note in shaped if isinstance(note, TimedNote)]

    def beats(self) -> list[TimedBeat]:
        """Beats that were fixed in time since the last call."""
        told, self._beats = self._beats, []
        return told

    def bpm(self, now_s: float) -> float:
        """The tempo that is heard; 0 while nothing is."""
        return self._time.bpm(now_s) if self._time.anchored else 0.0

    def own_bpm(self) -> float:
        """The tempo of what was composed last; 0 if nothing was."""
        return self._time.own_bpm(self._composed_beats) if self._pending else 0.0

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
        closing = self._time.anchored and (self._pending or not self._composer.finished)
        return self.played.mood != "REST" or bool(closing)

    def behind(self, now_s: float) -> bool:
        """Whether there is something to compose."""
        if self._composer.finished:
            return False
        if not self._time.anchored:
            return self._opening() is None
        return self._time.seconds(self._composed_beats) < now_s + COMMIT_S + AHEAD_S

    @property
    def _composed_beats(self) -> float:
        return self._time.tempo.beats(self._composer.horizon_s)

    def _compose(self, condition: Condition) -> None:
        for event in self._composer.step(condition):
            if isinstance(event, Tempo):
                self._time.push(event)
            else:
                self._pending.append((event, condition))
            if isinstance(event, Bar):
                self._clock.bar(event.onset_beats)
        self._skip()

    def _opening(self) -> Event | None:
        """What the music begins with, if enough is composed behind it."""
        heard = (event for event, _ in self._pending if isinstance(event, self._begins))
        first = next(heard, None)
        if first is None:
            return None
        first_s = self._time.tempo.seconds(first.onset_beats)
        return first if self._composer.horizon_s > first_s + START_S else None

    def _begin(self, now_s: float) -> None:
        """At the start, or after a rest: once enough is composed, its first note is heard."""
        if self._time.anchored or (first := self._opening()) is None:
            return
        begun = self._time.begin(first.onset_beats, now_s)
        if begun and self._begins is Bar and self._pedal_down:
            pedal = Pedal(first.onset_beats, True)  # its beginning was left out
            self._pending.insert(1, (pedal, self._pending[0][1]))

    def _skip(self) -> None:
        """A DAW's bar is met with a bar: until then what comes before the first is left out."""
        while self._begins is Bar and not self._time.anchored and self._pending:
            event, _ = self._pending[0]
            if isinstance(event, Bar):
                return
            self._pop()

    def _pop(self) -> None:
        event, _ = self._pending.popleft()
        self._committed_beats = event.onset_beats
        if isinstance(event, Pedal):
            self._pedal_down = event.down

    def _commit(self, now_s: float, loudness: float) -> list[Timed]:
        notes: list[Timed] = []
        while self._time.anchored and self._pending:
            event, _ = self._pending[0]
            if isinstance(event, Bar):
                self._time.bar(event.onset_beats)
            due_s = self._time.seconds(event.onset_beats)
            if due_s > now_s + COMMIT_S:
                break
            late = due_s < now_s + self._time.least_notice_s and isinstance(event, Note | Pedal)
            if late and event.onset_beats >= self._floor_beats:
                self._time.late(now_s + COMMIT_S - due_s)  # never catch up
                self._underruns += 1
                self._skip()
                continue
            self._pop()
            if isinstance(event, Pedal):
                notes.append(TimedPedal(max(due_s, now_s + LEAD_S), event.down))
            elif isinstance(event, Note) and not late:
                notes.append(self._timed(event, due_s, loudness))
        return notes

    def _pulses(self, now_s: float) -> list[Timed]:
        """The clock, if it is wanted, as far as it is composed and to be committed."""
        if not self._time.anchored:
            return []
        composed_beats = self._time.tempo.beats(self._composer.horizon_s - NEAR_S)
        until_beats = min(self._time.beats(now_s + COMMIT_S), composed_beats)
        pulses: list[Timed] = []
        for beats, number, bar in self._clock.pulses(until_beats):
            due_s = self._time.seconds(beats)
            if number % PULSES_A_BEAT == 0:
                self._beats.append(TimedBeat(due_s, self._time.bpm(due_s + NEAR_S), bar))
            pulses.append(TimedPulse(max(due_s, now_s + LEAD_S), number, bar))
        return pulses if self._habits.clock else []

    def _timed(self, note: Note, due_s: float, loudness: float) -> TimedNote:
        end_s = self._time.seconds(note.onset_beats + note.duration_beats)
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
        to_beats = max(0.0, nextafter(self._committed_beats, inf))
        if self._time.anchored:
            to_beats = max(to_beats, self._time.beats(now_s + COMMIT_S))
        self._floor_beats = to_beats
        self._composer.rewind(to_beats)
        self._time.rewind(to_beats)
        self._pending.clear()
        self._outdated = False
        self._clock.rewind(to_beats)

    def _rest(self, now_s: float) -> list[Timed]:
        """Stop where the music is; the pedal comes up."""
        if not self._time.anchored:
            return []
        self._rewind(now_s)
        self._time.release()
        return [TimedPedal(now_s + COMMIT_S, False)]


def _begins_with(habits: Habits) -> type[Event] | UnionType:
    """The first thing a listener must get in time: a clock and a DAW count from a bar line."""
    if habits.follows:
        return Bar
    return Note | Pedal | Bar if habits.clock else Note | Pedal
