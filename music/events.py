"""What music is made of here: events at positions in beats, and the map from beats to seconds.

Beats are quarter notes counted from the start of the piece. Events are values; a list of them in
time order is a piece, a stream of them is a performance.
"""

import math
from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field

from music.errors import MusicError

DEFAULT_BPM = 120.0
MIN_BPM = 4.0  # MIDI's tempo is 24 bits of microseconds a beat: below 3.58 it cannot be written
MAX_BPM = 1000.0


def _check_position(kind: str, onset_beats: float) -> None:
    if not (math.isfinite(onset_beats) and onset_beats >= 0.0):
        raise MusicError(f"A {kind} at beat {onset_beats} cannot be placed; beats count from 0.")


@dataclass(frozen=True, slots=True)
class Note:
    """A key struck at `onset_beats` and held `duration_beats`; MIDI pitch and velocity."""

    onset_beats: float
    duration_beats: float
    pitch: int
    velocity: int

    def __post_init__(self) -> None:
        _check_position("note", self.onset_beats)
        if not (math.isfinite(self.duration_beats) and self.duration_beats > 0.0):
            raise MusicError(f"A note lasts {self.duration_beats} beats; give more than 0.")
        if not 0 <= self.pitch <= 127:
            raise MusicError(f"A note has pitch {self.pitch}; MIDI pitches are 0 to 127.")
        if not 1 <= self.velocity <= 127:
            raise MusicError(f"A note has velocity {self.velocity}; give 1 to 127.")


@dataclass(frozen=True, slots=True)
class Pedal:
    """The sustain pedal goes down or up."""

    onset_beats: float
    down: bool

    def __post_init__(self) -> None:
        _check_position("pedal", self.onset_beats)


@dataclass(frozen=True, slots=True)
class Tempo:
    """From here on, `bpm` beats a minute."""

    onset_beats: float
    bpm: float

    def __post_init__(self) -> None:
        _check_position("tempo", self.onset_beats)
        if not (math.isfinite(self.bpm) and MIN_BPM <= self.bpm <= MAX_BPM):
            raise MusicError(f"A tempo of {self.bpm} bpm; give {MIN_BPM:.0f} to {MAX_BPM:.0f}.")


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar begins."""

    onset_beats: float

    def __post_init__(self) -> None:
        _check_position("bar", self.onset_beats)


@dataclass(frozen=True, slots=True)
class Chord:
    """The harmony changes to `name`, such as "C:min7" or "N" for none."""

    onset_beats: float
    name: str

    def __post_init__(self) -> None:
        _check_position("chord", self.onset_beats)


Event = Note | Pedal | Tempo | Bar | Chord


@dataclass
class TempoMap:
    """Piecewise constant tempo: beats to seconds and back, growing as the music does.

    Before the first tempo `DEFAULT_BPM` holds; after the last one it holds for ever. A position
    already passed never moves: a push changes only what lies at or after it.
    """

    _beats: list[float] = field(default_factory=lambda: [0.0])  # onset of each segment
    _seconds: list[float] = field(default_factory=lambda: [0.0])  # the same, in seconds
    _bpm: list[float] = field(default_factory=lambda: [DEFAULT_BPM])

    def push(self, tempo: Tempo) -> None:
        """Append a tempo; one at the last onset replaces it. MusicError if it goes back in time."""
        if tempo.onset_beats < self._beats[-1]:
            raise MusicError(
                f"A tempo at beat {tempo.onset_beats} comes after one at beat {self._beats[-1]}; "
                "tempos must be in order."
            )
        if tempo.onset_beats == self._beats[-1]:
            self._bpm[-1] = tempo.bpm
        elif tempo.bpm != self._bpm[-1]:
            onset_s = self.seconds(tempo.onset_beats)
            self._beats.append(tempo.onset_beats)
            self._seconds.append(onset_s)
            self._bpm.append(tempo.bpm)

    def rewind(self, to_beats: float) -> None:
        """Forget the tempos at or after `to_beats`."""
        keep = max(1, bisect_left(self._beats, to_beats))
        del self._beats[keep:], self._seconds[keep:], self._bpm[keep:]
        if to_beats <= 0.0:
            self._bpm[0] = DEFAULT_BPM

    def seconds(self, beats: float) -> float:
        """When `beats` sounds, in seconds from beat 0."""
        at = bisect_right(self._beats, beats) - 1 if beats > 0.0 else 0
        return self._seconds[at] + (beats - self._beats[at]) * 60.0 / self._bpm[at]

    def beats(self, seconds: float) -> float:
        """Which beat sounds at `seconds`: the inverse of `seconds()`."""
        at = bisect_right(self._seconds, seconds) - 1 if seconds > 0.0 else 0
        return self._beats[at] + (seconds - self._seconds[at]) * self._bpm[at] / 60.0

    def bpm(self, beats: float) -> float:
        """The tempo that holds at `beats`."""
        return self._bpm[bisect_right(self._beats, beats) - 1 if beats > 0.0 else 0]

    def tempos(self) -> list[Tempo]:
        """The segments, first at beat 0."""
        return [Tempo(onset, bpm) for onset, bpm in zip(self._beats, self._bpm, strict=True)]
