"""The pure core of *hand*: timed notes in, MIDI messages out when they are due, nothing hanging.

Times are absolute seconds of one clock, given by the caller. No port, no process, no sleep.

The rules, each with its constant below: a note-on later than `LATE_S` is dropped, a note-off never;
no note sounds longer than `LONGEST_S`; a key struck again is released first, with `KEY_GAP_S`
between release and strike; the pedal rests `PEDAL_GAP_S` between up and down. The clock is
`bridge.daw.clockout.Transport`'s.
"""

import heapq
import math
from collections import deque
from dataclasses import dataclass, fields

from bridge.daw.clockout import CUE_S, Transport
from bridge.errors import BridgeError
from bridge.hand.ledger import Key, control, note_off, silence
from bridge.wire import (
    SUSTAIN,
    Timed,
    TimedControl,
    TimedNote,
    TimedPedal,
    TimedPulse,
    check,
    decode,
)

LATE_S = 0.100
LONGEST_S = 8.0
KEY_GAP_S = 0.020
PEDAL_GAP_S = 0.050
AHEAD_S = 30.0  # nothing is planned further ahead than this
RANKS = {TimedPulse: -1, TimedNote: 1}  # at one instant the clock is first, notes are last
MOST_EVENTS = 4096  # waiting at once: what bounds the memory


@dataclass(frozen=True, slots=True)
class Counts:
    """What the player has done so far."""

    notes: int = 0  # struck
    late: int = 0  # dropped: more than LATE_S late
    merged: int = 0  # dropped: the same key was struck less than KEY_GAP_S before
    refused: int = 0  # not valid, too far ahead, or too many waiting
    panics: int = 0


@dataclass(slots=True)
class _Sounding:
    on_s: float  # when it was struck, not when it should have been
    off_s: float


@dataclass(frozen=True, slots=True)
class _Cue:
    """The bar line of pulse `number` is about to come."""

    number: int


class Player:
    """Takes timed events in any order, gives the messages that are due.

    `push()` and `due()` take the time as it is now; it must not run backwards.
    """

    def __init__(self) -> None:
        self.lateness_ms: deque[float] = deque(maxlen=200)  # of the latest notes struck
        self.muted = False  # no key is struck and no pedal goes down; all else goes on
        self._heap: list[tuple[float, int, int, Timed | _Cue]] = []  # due_s, rank, arrival
        self._transport = Transport()
        self._arrivals = 0
        self._coming: dict[Key, list[float]] = {}  # when waiting notes will be struck
        self._sounding: dict[Key, _Sounding] = {}
        self._released_s: dict[Key, float] = {}
        self._pedal_down: set[int] = set()
        self._pedal_up_s: dict[int, float] = {}
        self._pedal_again_s: dict[int, float] = {}  # a pedal that rests before it goes down
        self._channels: set[int] = set()  # notes or pedal were on them since the start
        self._tally = {field.name: 0 for field in fields(Counts)}

    @property
    def counts(self) -> Counts:
        """What was done so far."""
        return Counts(**self._tally)

    def sounding(self) -> list[Key]:
        """The keys that are down."""
        return sorted(self._sounding)

    def read(self, record: bytes, now_s: float, epoch: int = 0) -> None:
        """Take one record of the wire; one that is not valid, or of another epoch, is forgotten."""
        try:
            event, its_epoch = decode(record)
        except BridgeError:
            self._tally["refused"] += 1
            return
        if its_epoch == epoch:
            self.push(event, now_s)

    def waiting(self) -> int:
        """How many events wait to be due."""
        return len(self._heap)

    def busy(self) -> bool:
        """Whether a key or pedal is down, the clock runs, or anything waits."""
        down = self._sounding or self._pedal_down or self._pedal_again_s
        return bool(self._heap or down or self._transport.rolling)

    def push(self, event: Timed, now_s: float) -> None:
        """Take an event; one that cannot be played is counted and forgotten."""
        try:
            check(event)
        except BridgeError:
            self._tally["refused"] += 1
            return
        due_s = event.on_s if isinstance(event, TimedNote) else event.time_s
        if due_s > now_s + AHEAD_S or len(self._heap) >= MOST_EVENTS:
            self._tally["refused"] += 1
            return
        if isinstance(event, TimedNote):
            key = (event.channel, event.pitch)
            self._coming.setdefault(key, []).append(due_s)
            sounding = self._sounding.get(key)
            if sounding and sounding.on_s < due_s - KEY_GAP_S:
                sounding.off_s = min(sounding.off_s, due_s - KEY_GAP_S)
        if isinstance(event, TimedPulse) and event.bar:
            self._wait(due_s - CUE_S, _Cue(event.number))
        self._wait(due_s, event)

    def _wait(self, due_s: float, event: Timed | _Cue) -> None:
        self._arrivals += 1
        rank = RANKS.get(type(event), 0)
        heapq.heappush(self._heap, (due_s, rank, self._arrivals, event))

    def next_s(self) -> float | None:
        """When something is due next; None when nothing waits."""
        times = [sounding.off_s for sounding in self._sounding.values()]
        times += self._pedal_again_s.values()
        if self._heap:
            times.append(self._heap[0][0])
        if (pause_s := self._transport.pause_s()) is not None:
            times.append(pause_s)
        return min(times, default=None)

    def due(self, now_s: float) -> list[bytes]:
        """The messages to send now, in order: releases before pedals before strikes."""
        messages: list[bytes] = []
        while (next_s := self.next_s()) is not None and next_s <= now_s:
            messages += self._release(next_s, now_s) or self._act(next_s, now_s)
        return messages

    def _release(self, next_s: float, now_s: float) -> list[bytes]:
        keys = [key for key, sounding in self._sounding.items() if sounding.off_s <= next_s]
        return [self._end(key, now_s) for key in sorted(keys)]

    def _end(self, key: Key, now_s: float) -> bytes:
        del self._sounding[key]
        self._released_s[key] = now_s
        return note_off(key)

    def _act(self, next_s: float, now_s: float) -> list[bytes]:
        for channel, again_s in self._pedal_again_s.items():
            if again_s <= next_s:
                return self._pedal(TimedPedal(again_s, True, channel), now_s)
        if next_s == self._transport.pause_s():
            return self._transport.stop()
        due_s, _, _, event = heapq.heappop(self._heap)
        if isinstance(event, _Cue):
            return self._transport.cue(event.number, now_s)
        if isinstance(event, TimedPulse):
            return self._transport.pulse(event.number, now_s, now_s - due_s > LATE_S)
        if isinstance(event, TimedControl):
            return [control(event.channel, event.controller, event.value)]
        self._channels.add(event.channel)
        if isinstance(event, TimedPedal):
            return self._pedal(event, now_s)
        return self._strike(event, now_s)

    def _pedal(self, pedal: TimedPedal, now_s: float) -> list[bytes]:
        channel = pedal.channel
        self._pedal_again_s.pop(channel, None)
        if pedal.down == (channel in self._pedal_down) or (pedal.down and self.muted):
            return []
        if not pedal.down:
            self._pedal_down.discard(channel)
            self._pedal_up_s[channel] = now_s
            return [control(channel, SUSTAIN, 0)]
        rested_s = self._pedal_up_s.get(channel, -math.inf) + PEDAL_GAP_S
        if now_s < rested_s:
            self._pedal_again_s[channel] = rested_s
            return []
        self._pedal_down.add(channel)
        return [control(channel, SUSTAIN, 127)]

    def _strike(self, note: TimedNote, now_s: float) -> list[bytes]:
        key = (note.channel, note.pitch)
        coming = self._coming[key]
        coming.remove(note.on_s)
        if not coming:
            del self._coming[key]
        if self.muted:
            return []
        if now_s - note.on_s > LATE_S or note.off_s <= now_s:
            self._tally["late"] += 1
            return []
        messages = []
        sounding = self._sounding.get(key)
        if sounding and now_s < sounding.on_s + KEY_GAP_S:
            longest_s = min(note.off_s, sounding.on_s + LONGEST_S)
            sounding.off_s = max(sounding.off_s, longest_s)
            self._tally["merged"] += 1
            return []
        if sounding:
            messages.append(self._end(key, now_s))
        rested_s = self._released_s.get(key, -math.inf) + KEY_GAP_S
        if now_s < rested_s:
            self._coming.setdefault(key, []).append(note.on_s)
            self._wait(rested_s, note)
            return messages
        self._start(note, key, now_s)
        return [*messages, bytes((0x90 | note.channel, note.pitch, note.velocity))]

    def _start(self, note: TimedNote, key: Key, now_s: float) -> None:
        off_s = min(note.off_s, now_s + LONGEST_S)
        again_s = min(self._coming.get(key, ()), default=math.inf) - KEY_GAP_S
        if again_s > now_s:
            off_s = min(off_s, again_s)
        self._sounding[key] = _Sounding(now_s, off_s)
        self._tally["notes"] += 1
        self.lateness_ms.append(1000.0 * (now_s - note.on_s))

    def mute(self, now_s: float) -> list[bytes]:
        """What releases keys and pedals; until `muted` is taken back nothing goes down again."""
        self.muted = True
        released = [self._end(key, now_s) for key in self.sounding()]
        for channel in sorted(self._pedal_down):
            released += self._pedal(TimedPedal(now_s, False, channel), now_s)
        return released

    def panic(self, second: bool = False) -> list[bytes]:
        """What ends everything, at once; forgets all that waits. The second one is harder."""
        messages = silence(self.sounding(), self._channels, second) + self._transport.stop()
        self._tally["panics"] += 1
        self._heap.clear()
        self._coming.clear()
        self._sounding.clear()
        self._pedal_down.clear()
        self._pedal_again_s.clear()
        return messages
