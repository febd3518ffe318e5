"""An ending that is composed: the network plays a cadence it is led into, and stops on it.

When an end is asked for, a downbeat within two bars is fixed for the last chord. The two beats
before it belong to the dominant of the locked key, or of the one heard of late, a little slower
each; then comes the tonic triad, root lowest where there is room, held, with the pedal up.
The network chooses rhythm, voicing and touch; masks choose the harmony. What a mask here asks for
gives way where it would leave nothing; the limits of `music.limits` never do.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from music import vocabulary as v
from music.controls import Controls
from music.grammar import Grammar
from music.key import Key, chord_classes, find_key
from music.limits import DURATIONS, EARLY, Mask, Memory

BAR_BEATS = 4
AWAY_BEATS = 2  # of dominant before the tonic
HOLD_S = 3.0  # the last chord
SLOWER_BINS = 2  # of tempo, each beat from the dominant on: 5 %
FEWEST_VOICES, MOST_VOICES = 3, 5
BASS = (33, 55)  # where the lowest note of a chord lies if it can
WIDE_BELOW, WIDE = 48, 7  # notes below the first are this far apart, lest they be mud
LONG = range(v.duration_token(0.9), v.DUR.stop)  # how long the dominant is held at least
LEAVES = ((v.BAR, v.BAR + 1), (v.TEMPO.start, v.TEMPO.stop), (v.POS.start, v.POS.stop))


@dataclass(frozen=True)
class Cadence:
    """Where the music will close, and in which key once it does."""

    beat: int  # of the tonic, counted from the start
    key: Key | None = None


def plan(grammar: Grammar) -> Cadence:
    """The next downbeat that leaves time for a dominant."""
    played = grammar.beat_in_bar
    first_of_away = BAR_BEATS - AWAY_BEATS
    if played < first_of_away:
        beats = BAR_BEATS - played
    else:
        beats = max(BAR_BEATS - played, 1) + BAR_BEATS
    return Cadence(grammar.beat + beats)


def settle(cadence: Cadence, grammar: Grammar, memory: Memory, controls: Controls) -> Cadence:
    """In the locked key, or in the one heard when the dominant begins."""
    if cadence.key is not None or not is_closing(grammar, cadence):
        return cadence
    return replace(cadence, key=controls.key or find_key(memory.classes))


def seconds_to_end(grammar: Grammar, memory: Memory, controls: Controls) -> float:
    """How long the music would go on if the end were asked for now: an estimate."""
    beats = plan(grammar).beat - grammar.horizon_beats
    slower = 1.025 ** (SLOWER_BINS * 1.5) if controls.bpm is None else 1.0
    return (beats + AWAY_BEATS * (slower - 1.0)) * 60.0 / memory.bpm + HOLD_S


def is_closing(grammar: Grammar, cadence: Cadence) -> bool:
    """Whether the dominant or the tonic is being played."""
    return grammar.beat >= cadence.beat - AWAY_BEATS


def ends(grammar: Grammar, memory: Memory, cadence: Cadence, token: int) -> bool:
    """Whether ``token`` would leave the last chord: then the music is over."""
    placed = grammar.beat >= cadence.beat and grammar.kind == "DUR" and _placed(grammar, memory)
    return bool(placed) and any(low <= token < high for low, high in LEAVES)


def narrow(
    mask: Mask, grammar: Grammar, memory: Memory, controls: Controls, cadence: Cadence
) -> Mask:
    """What of ``mask``, (V,), leads to the cadence."""
    mask = _keep_time(mask, grammar, memory, controls, cadence)
    if cadence.key is None:
        return mask
    home = grammar.beat >= cadence.beat
    first = grammar.beat == cadence.beat - AWAY_BEATS and not _started(grammar, memory)
    name = cadence.key.home if home else cadence.key.away
    classes = chord_classes(name) if home else cadence.key.away_classes
    if not (home or first):
        mask = _only(mask, v.CHORD.start, v.CHORD.stop, keep=False)
        return _voices(mask, classes)
    if grammar.kind == "POS":
        return _only(mask, v.chord_token(name))
    if grammar.kind == "CHORD" and grammar.pedal_down:
        return _only(mask, v.PEDAL_UP)
    if home:
        mask = _only(mask, v.PEDAL_DOWN, keep=False)
    if grammar.kind == "VEL":
        held = v.duration_token(HOLD_S * memory.bpm / 60.0) if home else LONG.start
        return _only(mask, held, held + 1 if home else LONG.stop)
    if grammar.kind in ("CHORD", "PEDAL", "DUR"):
        return _chord(mask, classes, grammar, memory, controls)
    places = np.flatnonzero(mask[v.POS.start : v.POS.stop])
    return _only(mask, v.POS.start + int(places[0])) if len(places) else mask


def _started(grammar: Grammar, memory: Memory) -> bool:
    """Whether the first chord of this beat is behind us."""
    return any(
        grammar.beat <= note.onset_beats < grammar.onset_beats - EARLY for note in memory.sounding
    )


def _placed(grammar: Grammar, memory: Memory) -> list[int]:
    """Pitches struck at the present position, rising."""
    return [n.pitch for n in memory.sounding if abs(n.onset_beats - grammar.onset_beats) < EARLY]


def _keep_time(
    mask: Mask, grammar: Grammar, memory: Memory, controls: Controls, cadence: Cadence
) -> Mask:
    """Bars of four up to the tonic, a little slower at last, and no note held across it."""
    downbeat = (cadence.beat - grammar.beat - 1) % BAR_BEATS == 0
    if downbeat and grammar.kind != "LATENT":
        mask = _only(mask, v.TEMPO.start, v.TEMPO.stop, keep=False)
    elif not downbeat:
        mask = _only(mask, v.BAR, keep=False)
    if controls.bpm is None and grammar.beat + 1 >= cadence.beat - AWAY_BEATS:
        slower = max(v.tempo_token(memory.bpm) - SLOWER_BINS, v.TEMPO.start)
        if mask[slower]:
            mask[v.TEMPO.start : v.TEMPO.stop] = False
            mask[slower] = True
    if grammar.kind == "VEL" and grammar.beat < cadence.beat:
        short = np.zeros(v.SIZE, dtype=np.bool_)
        room = cadence.beat - grammar.onset_beats
        short[v.DUR.start : v.DUR.stop] = DURATIONS <= room + EARLY
        mask = _where(mask, short)
    return mask


def _chord(
    mask: Mask, classes: tuple[int, ...], grammar: Grammar, memory: Memory, controls: Controls
) -> Mask:
    """The next note of a chord, rising from its root until all of ``classes`` that matter sound."""
    placed = _placed(grammar, memory)
    free = MOST_VOICES - len(placed)
    if controls.polyphony is not None:
        free = min(free, controls.polyphony - len(memory.sounding))
    wanted = classes[: min(FEWEST_VOICES, len(placed) + free)]
    missing = set(wanted) - {pitch % 12 for pitch in placed}
    if not missing and (free <= 0 or len(placed) >= MOST_VOICES):
        return _only(mask, v.PITCH.start, v.PITCH.stop, keep=False)
    mask = _voices(mask, classes)
    if missing:
        mask = _only(mask, v.PITCH.start, v.PITCH.stop)
        mask = _room(mask, missing if free <= len(missing) else set(classes), missing)
    return _spacing(mask, classes[0], placed)


def _room(mask: Mask, may: set[int], missing: set[int]) -> Mask:
    """Only pitches of ``may`` above which everything still missing can follow."""
    pitches = _pitches(mask)
    top = {one: max((p for p in pitches if p % 12 == one), default=0) for one in missing}
    fits = [
        p
        for p in pitches
        if p % 12 in may and all(p < top[one] for one in missing if one != p % 12)
    ]
    return _where(mask, _pitch_mask(fits))


def _spacing(mask: Mask, root: int, placed: list[int]) -> Mask:
    """The root lowest, in the bass; wide below, close above. Leaving stays as it is."""
    pitches = _pitches(mask)
    if placed:
        last = placed[-1]
        gap = WIDE if last < WIDE_BELOW else 3
        good = [p for p in pitches if last + gap <= p <= last + 2 * WIDE + 2]
        return _prefer(mask, good)
    roots = [p for p in pitches if p % 12 == root]
    return _prefer(mask, [p for p in roots if BASS[0] <= p <= BASS[1]] or roots)


def _prefer(mask: Mask, good: list[int]) -> Mask:
    """Of the pitches only ``good`` ones, if there are any; other tokens as they are."""
    if not good:
        return mask
    wish = _pitch_mask(good)
    wish[: v.PITCH.start] = wish[v.PITCH.stop :] = True
    return _where(mask, wish)


def _voices(mask: Mask, classes: tuple[int, ...]) -> Mask:
    """No pitch outside these classes."""
    low, high = v.PITCH_RANGE
    return _prefer(mask, [pitch for pitch in range(low, high + 1) if pitch % 12 in classes])


def _pitches(mask: Mask) -> list[int]:
    """MIDI pitches that ``mask`` allows."""
    allowed = np.flatnonzero(mask[v.PITCH.start : v.PITCH.stop])
    return [int(one) + v.PITCH_RANGE[0] for one in allowed]


def _pitch_mask(pitches: list[int]) -> Mask:
    wish = np.zeros(v.SIZE, dtype=np.bool_)
    wish[[v.PITCH.start + pitch - v.PITCH_RANGE[0] for pitch in pitches]] = True
    return wish


def _only(mask: Mask, start: int, stop: int | None = None, keep: bool = True) -> Mask:
    """Only these ids, or all but these; the mask as it was if that leaves nothing."""
    wish = np.full(v.SIZE, not keep)
    wish[start : start + 1 if stop is None else stop] = keep
    return _where(mask, wish)


def _where(mask: Mask, wish: Mask) -> Mask:
    both = mask & wish
    return both if both.any() else mask
