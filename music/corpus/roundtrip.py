"""What the vocabulary makes of a performance: encoded, decoded, and held against what was played.

Nothing here trusts the encoder: expected strokes and pedal changes are counted from the
performance, kept ones from the decoded events.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from music import vocabulary as v
from music.corpus.dataset import Tokens
from music.corpus.encode import Performance, pedal_changes, strokes_by_pitch
from music.events import Note, Pedal, Tempo, TempoMap
from music.grammar import Decoder

Floats = npt.NDArray[np.float64]
DRIFT_NOTES = 20  # with fewer, the ends of a stretch say nothing
KEPT, UNISON, OFF_KEYBOARD, NO_ROOM = "kept", "unison", "off the keyboard", "no room"


@dataclass(frozen=True)
class RoundTrip:
    """A performance after its round trip."""

    errors_ms: Floats  # (kept notes,) decoded minus played onset, in order of time
    notes: dict[str, int]  # what became of each note
    pedals: dict[str, int]
    pedal_errors_ms: Floats  # (kept pedals,)
    refused: int  # tokens that the grammar does not take: none


def drift_ms(errors_ms: Floats) -> float | None:
    """Mean error of the last fifth of a stretch's notes minus that of the first."""
    fifth = len(errors_ms) // 5
    if len(errors_ms) < DRIFT_NOTES:
        return None
    return float(errors_ms[-fifth:].mean() - errors_ms[:fifth].mean())


def round_trip(piece: Performance, tokens: Tokens) -> RoundTrip:
    """Decode ``tokens`` and compare them with ``piece``."""
    notes, pedals, refused = _decoded(tokens)
    start_s = float(piece.beat_times_s[0])
    timed: list[tuple[float, float]] = []  # played, error
    strokes = strokes_by_pitch(piece)
    kept = 0
    for pitch, expected in strokes.items():
        played = [onset_s - start_s for onset_s, _, _ in expected]
        pairs = _pairs(played, sorted(notes.pop(pitch, [])))
        kept += len(pairs)
        timed += [(was, (now - was) * 1e3) for was, now in pairs]
    on_keyboard = sum(v.PITCH_RANGE[0] <= n[2] <= v.PITCH_RANGE[1] for n in piece.notes)
    expected_count = sum(map(len, strokes.values()))
    changes = list(pedal_changes(piece.pedals))
    together = min(len(changes), len(pedals))
    errors = [(now - (was - start_s)) * 1e3 for (was, _), now in zip(changes, pedals, strict=False)]
    return RoundTrip(
        np.array([error for _, error in sorted(timed)]),
        {
            KEPT: kept,
            UNISON: on_keyboard - expected_count,
            OFF_KEYBOARD: len(piece.notes) - on_keyboard,
            NO_ROOM: expected_count - kept,
        },
        {KEPT: together, NO_ROOM: len(changes) - together},
        np.array(errors),
        refused,
    )


def _decoded(tokens: Tokens) -> tuple[dict[int, list[float]], list[float], int]:
    """Onsets by pitch and pedal changes in seconds, and how many tokens were refused."""
    decoder, tempo_map = Decoder(), TempoMap()
    notes: dict[int, list[float]] = defaultdict(list)
    pedals: list[float] = []
    for token in tokens.tolist():
        for event in decoder.push(token):
            if isinstance(event, Tempo):
                tempo_map.push(event)
            elif isinstance(event, Note):
                notes[event.pitch].append(tempo_map.seconds(event.onset_beats))
            elif isinstance(event, Pedal):
                pedals.append(tempo_map.seconds(event.onset_beats))
    return notes, pedals, decoder.refused


def _pairs(played: Sequence[float], decoded: Sequence[float]) -> list[tuple[float, float]]:
    """Each decoded onset with the one played; where some are lost, with the nearest not taken."""
    if len(played) == len(decoded):
        return list(zip(played, decoded, strict=True))
    left, pairs = list(played), []
    for onset in decoded[: len(played)]:
        nearest = min(range(len(left)), key=lambda i: abs(left[i] - onset))
        pairs.append((left.pop(nearest), onset))
    return pairs
