"""What a judge hears: notes and pedal in absolute seconds, with no beats, chords or tokens.

Published EMOPIA clips (fixed ticks, so seconds) and generated events become the same value, so a
judge can lean on nothing that only one of the two has.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from music.corpus.dataset import split_by_song
from music.errors import MusicError
from music.events import Event, Note, Pedal, Tempo, TempoMap

Floats = npt.NDArray[np.float64]
ONSET, DURATION, PITCH, VELOCITY = range(4)  # columns of the notes


@dataclass(frozen=True, eq=False)
class PerformedClip:
    """Piano music as it sounds: notes in order of onset, then pitch; pedal changes alternate."""

    notes: Floats  # (N, 4) onset_s, duration_s, pitch, velocity
    pedals: Floats  # (P, 2) time_s, 1 down or 0 up
    duration_s: float

    def cut(self, start_s: float, stop_s: float) -> PerformedClip:
        """What begins in [start_s, stop_s), counted from start_s; what rings longer is cut off."""
        inside = (self.notes[:, ONSET] >= start_s) & (self.notes[:, ONSET] < stop_s)
        notes = self.notes[inside].copy()
        notes[:, DURATION] = np.minimum(notes[:, DURATION], stop_s - notes[:, ONSET])
        notes[:, ONSET] -= start_s
        before = self.pedals[self.pedals[:, 0] < start_s]
        pedals = self.pedals[(self.pedals[:, 0] >= start_s) & (self.pedals[:, 0] < stop_s)]
        if len(before) and before[-1, 1]:
            pedals = np.concatenate([[[start_s, 1.0]], pedals])
        stop_s = min(stop_s, max(self.duration_s, start_s))
        return PerformedClip(notes, pedals - [start_s, 0.0], stop_s - start_s)


def clip_of(
    notes: Iterable[tuple[float, float, float, float]], pedals: Iterable[tuple[float, bool]]
) -> PerformedClip:
    """A clip from (onset_s, duration_s, pitch, velocity) and (time_s, down) in any order."""
    ordered = sorted(notes, key=lambda n: (n[ONSET], n[PITCH]))
    table = np.array(ordered, dtype=np.float64).reshape(-1, 4)
    changes: list[tuple[float, float]] = []
    is_down = False
    for time_s, down in sorted(pedals):
        if down != is_down:
            changes.append((time_s, float(down)))
            is_down = down
    duration_s = float((table[:, ONSET] + table[:, DURATION]).max()) if len(table) else 0.0
    return PerformedClip(table, np.array(changes, dtype=np.float64).reshape(-1, 2), duration_s)


def from_events(events: Iterable[Event]) -> PerformedClip:
    """Events in beats as they sound under their own tempos, from beat 0."""
    events, tempo_map = list(events), TempoMap()
    for event in events:
        if isinstance(event, Tempo):
            tempo_map.push(event)
    notes, pedals = [], []
    for event in events:
        onset_s = tempo_map.seconds(event.onset_beats)
        if isinstance(event, Note):
            end_s = tempo_map.seconds(event.onset_beats + event.duration_beats)
            notes.append((onset_s, end_s - onset_s, float(event.pitch), float(event.velocity)))
        elif isinstance(event, Pedal):
            pedals.append((onset_s, event.down))
    return clip_of(notes, pedals)


def read_clip(path: Path) -> PerformedClip:
    """The first track of a MIDI file, in seconds. MusicError if it cannot be read or is empty."""
    import symusic

    try:
        score: Any = symusic.Score(str(path))
        seconds: Any = score.to("second")
    except Exception as error:  # symusic raises bare RuntimeErrors and ValueErrors of its own
        raise MusicError(f"{path} is not a MIDI file that can be read: {error}") from error
    tracks = [track for track in seconds.tracks if not track.is_drum and len(track.notes)]
    if not tracks:
        raise MusicError(f"{path} holds no notes; give a piano performance.")
    notes = [
        (float(n.start), float(n.duration), float(n.pitch), float(n.velocity))
        for n in tracks[0].notes
        if n.velocity > 0
    ]
    pedals = [(float(c.time), c.value >= 64) for c in tracks[0].controls if c.number == 64]
    return clip_of(notes, pedals)


@dataclass(frozen=True, eq=False)
class LabelledClip:
    """A published clip, the song it is from and the quadrant its rater heard (0..3)."""

    name: str
    song: str
    quadrant: int
    split: str  # train | valid | test
    clip: PerformedClip


def read_emopia(data: Path, splits: Iterable[str]) -> list[LabelledClip]:
    """EMOPIA's published clips of these splits, in the order of clips.csv.

    The splits are those of the token files: the official validation songs are ``test``, ours for
    ``valid`` are drawn from the official training songs, all by song. MusicError without the files.
    """
    table, wanted, found = data / "emopia" / "clips.csv", set(splits), []
    if not table.exists():
        raise MusicError(f"No emopia/clips.csv in {data}; give --data the folder that holds it.")
    with table.open() as file:
        for row in csv.DictReader(file):
            split = "test" if row["split"] == "val" else split_by_song(row["song"])
            path = data / "emopia" / "midis" / f"{row['clip']}.mid"
            if split in wanted and path.exists():
                quadrant = int(row["quadrant"][1]) - 1
                found.append(
                    LabelledClip(row["clip"], row["song"], quadrant, split, read_clip(path))
                )
    return found
