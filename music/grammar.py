"""Which token may follow which, and what the tokens say: a finite-state grammar and its decoder.

``Grammar`` is a value: ``push`` gives the next one, so saving and rewinding it costs nothing. Its
mask is laid over the logits, so no sampled sequence is ever invalid; a token that breaks the
grammar all the same (a damaged file, random input) is refused and changes nothing. Time never runs
backwards.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from music import vocabulary as v
from music.events import Bar, Chord, Event, Note, Pedal, Tempo


@dataclass(frozen=True)
class Grammar:
    """Where a token sequence stands: what may follow, and what the next token would mean."""

    kind: str = "START"  # family of the last token
    bar: int = -1  # bars since the start
    beat: int = -1  # beats since the start
    beat_in_bar: int = -1
    position: int = -1  # 48ths inside the beat; -1: nothing placed in this beat yet
    pitch: int = -1  # last pitch at this position (index in the family); pitches ascend
    velocity: int = 0
    pedal_down: bool = False

    @property
    def onset_beats(self) -> float:
        """Beats since the start at which the next event of this position sounds."""
        return max(self.beat, 0) + max(self.position, 0) / v.POSITIONS_PER_BEAT

    @property
    def horizon_beats(self) -> float:
        """Everything before this is settled: no later token can sound earlier."""
        return float(self.beat + 1) if self.kind in ("START", "BAR", "LATENT") else self.onset_beats

    @property
    def metre_beats(self) -> float:
        """Place inside the bar in beats: the model's metrical coordinate."""
        return max(self.beat_in_bar, 0) + max(self.position, 0) / v.POSITIONS_PER_BEAT

    @property
    def may_sound(self) -> bool:
        """Whether a chord or a pitch may be next."""
        return self.kind in ("POS", "CHORD", "PEDAL", "DUR")

    @property
    def touch_is_next(self) -> bool:
        """Whether a velocity is next."""
        return self.kind == "PITCH"

    def allowed(self) -> list[tuple[int, int]]:
        """Half-open id ranges of the tokens that may follow."""
        if self.kind == "START":
            return [(v.BAR, v.BAR + 1)]
        forced = {"BAR": (v.LATENT, v.LATENT + 1), "LATENT": (v.TEMPO.start, v.TEMPO.stop)}
        forced |= {"PITCH": (v.VEL.start, v.VEL.stop), "VEL": (v.DUR.start, v.DUR.stop)}
        if self.kind in forced:
            return [forced[self.kind]]
        ranges = []
        if self.kind != "POS":  # a position is never left empty
            ranges.append((v.BAR, v.BAR + 1))
            ranges.append((v.POS.start + self.position + 1, v.POS.stop))
            if self.beat_in_bar + 1 < v.MAX_BEATS_PER_BAR:
                ranges.append((v.TEMPO.start, v.TEMPO.stop))
        if self.kind == "POS":
            ranges.append((v.CHORD.start, v.CHORD.stop))
        if self.kind in ("POS", "CHORD") and self.pedal_down:
            ranges.append((v.PEDAL_UP, v.PEDAL_UP + 1))
        if self.kind in ("POS", "CHORD", "PEDAL") and not self.pedal_down:
            ranges.append((v.PEDAL_DOWN, v.PEDAL_DOWN + 1))
        if self.kind in ("POS", "CHORD", "PEDAL", "DUR"):
            ranges.append((v.PITCH.start + self.pitch + 1, v.PITCH.stop))
        return [(low, high) for low, high in ranges if low < high]

    def mask(self) -> npt.NDArray[np.bool_]:
        """(vocabulary,) True where a token may follow."""
        mask = np.zeros(v.SIZE, dtype=np.bool_)
        for low, high in self.allowed():
            mask[low:high] = True
        return mask

    def accepts(self, token: int) -> bool:
        return any(low <= token < high for low, high in self.allowed())

    def push(self, token: int) -> tuple[Grammar, Event | None]:
        """The state after ``token``, which must be allowed, and the event it completes, if any."""
        if token == v.BAR:
            after = replace(
                self, kind="BAR", bar=self.bar + 1, beat_in_bar=-1, position=-1, pitch=-1
            )
            return after, Bar(float(self.beat + 1))
        if token == v.LATENT:
            return replace(self, kind="LATENT"), None
        if token in v.TEMPO:
            beat, beat_in_bar = self.beat + 1, self.beat_in_bar + 1
            after = replace(
                self, kind="TEMPO", beat=beat, beat_in_bar=beat_in_bar, position=-1, pitch=-1
            )
            return after, Tempo(float(beat), v.tempo_bpm(token))
        if token in v.POS:
            return replace(self, kind="POS", position=token - v.POS.start, pitch=-1), None
        if token in v.CHORD:
            return replace(self, kind="CHORD"), Chord(
                self.onset_beats, v.CHORDS[token - v.CHORD.start]
            )
        if token in v.PEDAL:
            down = token == v.PEDAL_DOWN
            return replace(self, kind="PEDAL", pedal_down=down), Pedal(self.onset_beats, down)
        if token in v.PITCH:
            return replace(self, kind="PITCH", pitch=token - v.PITCH.start), None
        if token in v.VEL:
            return replace(self, kind="VEL", velocity=v.velocity_value(token)), None
        note = Note(
            onset_beats=self.onset_beats,
            duration_beats=v.duration_beats(token),
            pitch=self.pitch + v.PITCH_RANGE[0],
            velocity=self.velocity,
        )
        return replace(self, kind="DUR"), note


class Decoder:
    """Tokens to events, one at a time: ``push(token) -> list[Event]`` and ``flush()``.

    A token that the grammar forbids is refused and counted, never raised: a damaged sequence still
    plays what is sound in it and leaves neither a note nor the pedal hanging.
    """

    def __init__(self) -> None:
        self.state = Grammar()
        self.refused = 0

    def push(self, token: int) -> list[Event]:
        if not self.state.accepts(token):
            self.refused += 1
            return []
        self.state, event = self.state.push(token)
        return [] if event is None else [event]

    def flush(self) -> list[Event]:
        """What is still open: only the pedal can be."""
        if not self.state.pedal_down:
            return []
        self.state = replace(self.state, pedal_down=False)
        return [Pedal(float(self.state.beat + 1), False)]


def decode(tokens: Iterable[int]) -> list[Event]:
    """A whole sequence at once."""
    decoder = Decoder()
    events = [event for token in tokens for event in decoder.push(int(token))]
    return events + decoder.flush()


def coordinates(
    tokens: npt.NDArray[np.int64],
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Bar index and place in the bar in beats of each token of a sequence from its first BAR: (T,),
    (T,).

        The vectorised twin of ``Grammar.bar`` and ``Grammar.metre_beats`` after each token.
    """
    index = np.arange(len(tokens))
    is_bar, is_tempo = tokens == v.BAR, (tokens >= v.TEMPO.start) & (tokens < v.TEMPO.stop)
    is_pos = (tokens >= v.POS.start) & (tokens < v.POS.stop)
    beats = np.cumsum(is_tempo)
    bar_start = np.maximum.accumulate(np.where(is_bar, index, 0))
    beat_in_bar = np.maximum(beats - beats[bar_start] - 1, 0)
    last_pos = np.maximum.accumulate(np.where(is_pos, index, -1))
    last_edge = np.maximum.accumulate(np.where(is_bar | is_tempo, index, -1))
    position = np.where(last_pos > last_edge, tokens[np.maximum(last_pos, 0)] - v.POS.start, 0)
    return np.cumsum(is_bar) - 1, beat_in_bar + position / v.POSITIONS_PER_BEAT
