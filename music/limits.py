"""What the controls allow next: a mask that is always held, and a lean that only persuades.

Both work on single tokens, so a limit acts on the very next choice and the network hears in its
context what was played, not what it wanted. No limit leaves the grammar without a way on: a beat or
a bar may always follow a note, and a position is opened only where a note may sound.

Density is a leaky bucket: each note fills it by one, it leaks the allowed notes a second and holds
`BURST_S` of them, so a chord is possible and over any time t at most density·(t + BURST_S) notes
sound. The fuller it is, the less the network is inclined to add to it, so that it thins its texture
instead of stumbling at the brim. The least density is a debt of notes: the larger, the likelier
the next is one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from music import vocabulary as v
from music.controls import Controls
from music.events import DEFAULT_BPM, Event, Note, Pedal, Tempo
from music.grammar import Grammar
from music.key import Key, chord_classes
from music.quantise import places

Mask = npt.NDArray[np.bool_]  # (V,)
Lean = npt.NDArray[np.float32]  # (V,) added to the logits

BURST_S = 2.0
DISCOURAGE = 3.0  # nats, with the bucket full
ENCOURAGE = 1.0  # nats a note that is owed
MOST_OWED = 6.0
LAST_VOICE_BEATS = 1.0  # longest note in the last free voice, lest the music wait for it
KEY_MEMORY_BEATS = 16.0  # half-life of what is remembered of the key
LONGEST_WEIGHT_BEATS = 2.0
LONGEST_PEDAL_BEATS = 16.0  # after which nothing new sounds before the pedal has come up
EARLY = 1e-6  # of a beat: rounding, not time
_UP_OR_CHORD = np.array([token == v.PEDAL_UP or token in v.CHORD for token in range(v.SIZE)])
DURATIONS = np.array([v.duration_beats(token) for token in range(v.DUR.start, v.DUR.stop)])


@dataclass(frozen=True)
class Memory:
    """What the limits must know of the music so far; a value, one a token."""

    bpm: float = DEFAULT_BPM  # of the present beat
    at_beats: float = 0.0  # the moment that `level`, `owed` and `classes` are true of
    level: float = 0.0  # notes in the bucket
    owed: float = 0.0  # notes missing to the least density
    sounding: tuple[Note, ...] = ()
    classes: tuple[float, ...] = (0.0,) * 12  # how much of each pitch class was heard of late
    pedal_beats: float = 0.0  # when the pedal last went down

    def push(self, event: Event | None, controls: Controls) -> Memory:
        """After a beat, a note or the pedal; anything else changes nothing."""
        if isinstance(event, Pedal) and event.down:
            return replace(self, pedal_beats=event.onset_beats)
        if not isinstance(event, Tempo | Note):
            return self
        onset = event.onset_beats
        beats = onset - self.at_beats
        fade = 0.5 ** (beats / KEY_MEMORY_BEATS)
        classes = [heard * fade for heard in self.classes]
        sounding = tuple(note for note in self.sounding if ends_beats(note) > onset + EARLY)
        level, owed = self.level_at(onset, controls), self.owed_at(onset, controls)
        if isinstance(event, Tempo):
            return replace(
                self, bpm=event.bpm, at_beats=onset, level=level, owed=owed, sounding=sounding,
                classes=tuple(classes),
            )  # fmt: skip
        classes[event.pitch % 12] += min(event.duration_beats, LONGEST_WEIGHT_BEATS)
        level += controls.max_density is not None
        owed = max(owed - 1.0, -controls.min_density * BURST_S)
        return replace(
            self, at_beats=onset, level=level, owed=owed, sounding=(*sounding, event),
            classes=tuple(classes),
        )  # fmt: skip

    def level_at(self, onset_beats: float, controls: Controls) -> float:
        """Notes in the bucket at a moment of the present beat."""
        if controls.max_density is None:
            return 0.0
        leaked = controls.max_density * self._seconds_until(onset_beats)
        return max(self.level - leaked, 0.0)

    def owed_at(self, onset_beats: float, controls: Controls) -> float:
        """Notes missing at a moment of the present beat; negative where there is credit."""
        due = controls.min_density * self._seconds_until(onset_beats)
        return min(self.owed + due, MOST_OWED) if controls.min_density else 0.0

    def _seconds_until(self, onset_beats: float) -> float:
        return (onset_beats - self.at_beats) * 60.0 / self.bpm


def ends_beats(note: Note) -> float:
    """Where a note's key is let go."""
    return note.onset_beats + note.duration_beats


def playable(grammar: Grammar, memory: Memory) -> Mask:
    """(V,) True where a token may follow under the grammar, with or without controls; never empty.

    A pedal that stays down is forgotten once it is out of the network's sight, and never let up.
    """
    mask = grammar.mask()
    held_beats = grammar.onset_beats - memory.pedal_beats
    if grammar.pedal_down and held_beats >= LONGEST_PEDAL_BEATS and mask[v.PEDAL_UP]:
        mask &= _UP_OR_CHORD
    return mask


def allow(grammar: Grammar, memory: Memory, controls: Controls) -> Mask:
    """(V,) True where a token may follow under the grammar and every limit; never empty."""
    mask = playable(grammar, memory)
    pitches, chords = _inside(controls.key, controls.lowest, controls.highest)
    mask[v.PITCH.start : v.PITCH.stop] &= pitches
    mask[v.CHORD.start : v.CHORD.stop] &= chords
    ready = _ready_beats(memory, controls) - EARLY
    if grammar.onset_beats < ready:
        mask[v.PITCH.start : v.PITCH.stop] = False
    first = math.ceil((ready - grammar.beat) * v.POSITIONS_PER_BEAT)
    mask[v.POS.start : v.POS.start + min(max(first, 0), v.POS.size)] = False
    if controls.quantise:
        mask[v.POS.start : v.POS.stop] &= places(grammar.position, controls.quantise)
    if grammar.kind == "VEL" and controls.polyphony is not None:
        if len(_held(memory, grammar.onset_beats)) + 1 >= controls.polyphony:
            mask[v.DUR.start : v.DUR.stop] &= DURATIONS <= LAST_VOICE_BEATS
    if controls.bpm is not None and mask[v.TEMPO.start]:
        mask[v.TEMPO.start : v.TEMPO.stop] = False
        mask[v.tempo_token(controls.bpm)] = True
    return mask


def lean(grammar: Grammar, memory: Memory, controls: Controls) -> Lean | None:
    """(V,) to add to the logits, if density is steered."""
    if controls.max_density is None and not controls.min_density:
        return None
    onset = grammar.onset_beats
    owed = max(memory.owed_at(onset, controls), 0.0) * ENCOURAGE
    crowd = 0.0
    if controls.max_density is not None:
        full = memory.level_at(onset, controls) / _capacity(controls.max_density)
        crowd = DISCOURAGE * full**2
    bias = np.zeros(v.SIZE, dtype=np.float32)
    bias[v.POS.start : v.POS.stop] = owed - crowd
    # a position that is open gets its note: only further ones are discouraged
    bias[v.PITCH.start : v.PITCH.stop] = owed - (crowd if grammar.kind == "DUR" else 0.0)
    return bias


def _ready_beats(memory: Memory, controls: Controls) -> float:
    """From when on a note may sound."""
    ready = 0.0
    if controls.max_density is not None:
        excess = memory.level + 1.0 - _capacity(controls.max_density)
        ready = memory.at_beats + excess / controls.max_density * memory.bpm / 60.0
    if controls.polyphony is not None and len(memory.sounding) >= controls.polyphony:
        ends = sorted(ends_beats(note) for note in memory.sounding)
        ready = max(ready, ends[len(ends) - controls.polyphony])
    return ready


def _held(memory: Memory, onset_beats: float) -> list[Note]:
    return [note for note in memory.sounding if ends_beats(note) > onset_beats + EARLY]


def _capacity(density: float) -> float:
    return max(density * BURST_S, 1.0)


@lru_cache(maxsize=64)
def _inside(key: Key | None, lowest: int, highest: int) -> tuple[Mask, Mask]:
    """Pitches (88,) and chords (133,) inside key and register; "no chord" is always inside."""
    pitch = np.arange(v.PITCH_RANGE[0], v.PITCH_RANGE[1] + 1)
    pitches = (pitch >= lowest) & (pitch <= highest)
    chords = np.ones(v.CHORD.size, dtype=np.bool_)
    if key is not None:
        pitches &= np.isin(pitch % 12, list(key.classes))
        chords &= [key.classes.issuperset(chord_classes(name)) for name in v.CHORDS]
    return pitches, chords
