"""When a beat of the music sounds: by the music's own tempo, or by a DAW's clock.

Both are anchored when the music begins and let go when it rests. Where the clock is a DAW's, the
tempo is its alone: the music's beats lie on its beats, and each bar begins on one of its bars, so
a bar that is not of four beats is followed by silence until the next. Nothing catches up: what
comes too late moves the music's own time back, and goes on at a DAW's next bar.
"""

from __future__ import annotations

from math import ceil

from bridge.daw.clockin import Beat
from music.events import Tempo, TempoMap
from music.vocabulary import TEMPO_RANGE_BPM

COMMIT_S = 0.125  # so long before it sounds a note is fixed in time
LEAD_S = 0.020  # a note that comes with less notice than this would be late
BAR_BEATS = 4  # of a DAW: clock tells no metre
NEAR_BEATS = 1e-6


class OwnTime:
    """By the tempo that was composed; `origin_s` is the time of beat 0, None while at rest."""

    least_notice_s = LEAD_S

    def __init__(self) -> None:
        self.tempo = TempoMap()
        self.origin_s: float | None = None

    @property
    def led_bpm(self) -> float | None:
        """The tempo to compose in, if it is not ours to choose."""
        return None

    def push(self, tempo: Tempo) -> None:
        """A tempo was composed."""
        self.tempo.push(tempo)

    def rewind(self, to_beats: float) -> None:
        """What was composed from there on is taken back."""
        self.tempo.rewind(to_beats)

    @property
    def anchored(self) -> bool:
        """Whether beats have times."""
        return self.origin_s is not None

    def release(self) -> None:
        """The music rests."""
        self.origin_s = None

    def begin(self, first_beats: float, now_s: float) -> bool:
        """The music begins with that beat as soon as it can; whether beats have times now."""
        self.origin_s = now_s + COMMIT_S - self.tempo.seconds(first_beats)
        return True

    def seconds(self, beats: float) -> float:
        """When a beat sounds."""
        assert self.origin_s is not None
        return self.origin_s + self.tempo.seconds(beats)

    def beats(self, time_s: float) -> float:
        """Which beat sounds then."""
        assert self.origin_s is not None
        return self.tempo.beats(time_s - self.origin_s)

    def bpm(self, now_s: float) -> float:
        """The tempo that is heard."""
        return self.tempo.bpm(self.beats(now_s))

    def own_bpm(self, beats: float) -> float:
        """The mean tempo that was composed for the bar before a beat."""
        seconds = self.tempo.seconds
        return 60.0 * BAR_BEATS / (seconds(beats) - seconds(beats - BAR_BEATS))

    def bar(self, onset_beats: float) -> None:
        """A bar is about to begin."""

    def late(self, by_s: float) -> None:
        """What is due was composed too late by so much."""
        assert self.origin_s is not None
        self.origin_s += by_s

    def lost(self, beat: Beat | None, now_s: float) -> bool:
        """Whether beats have no longer the times they had."""
        return False


class DawTime(OwnTime):
    """By a DAW's clock, or a Link session's; `lost` must be told what is heard of it."""

    least_notice_s = 0.0  # its beats move a little until they are there

    def __init__(self) -> None:
        super().__init__()
        self.beat = Beat()
        self._offset_beats: float | None = None  # of the DAW's count before the music's

    @property
    def led_bpm(self) -> float | None:
        """The DAW's, within what can be composed; None while it is unknown, or free."""
        slow, fast = TEMPO_RANGE_BPM
        return min(max(self.beat.bpm, slow), fast) if self.beat.bpm and not self.beat.free else None

    @property
    def anchored(self) -> bool:
        """Whether beats have times."""
        return self._offset_beats is not None

    def release(self) -> None:
        """The music rests."""
        self._offset_beats = None

    def begin(self, first_beats: float, now_s: float) -> bool:
        """The music begins on the next bar of the DAW, if that runs."""
        if not (self.beat.sure and self.beat.runs(now_s)):
            return False
        bar = ceil(self.beat.at(now_s + COMMIT_S) / BAR_BEATS) * BAR_BEATS
        self._offset_beats = bar - first_beats
        return True

    def seconds(self, beats: float) -> float:
        """When a beat sounds, by what is known now."""
        assert self._offset_beats is not None
        return self.beat.when(beats + self._offset_beats)

    def beats(self, time_s: float) -> float:
        """Which beat sounds then."""
        assert self._offset_beats is not None
        return self.beat.at(time_s) - self._offset_beats

    def bpm(self, now_s: float) -> float:
        """The DAW's tempo."""
        return self.beat.bpm

    def bar(self, onset_beats: float) -> None:
        """A bar is about to begin: on a bar of the DAW."""
        assert self._offset_beats is not None
        place = (onset_beats + self._offset_beats) / BAR_BEATS
        self._offset_beats = ceil(place - NEAR_BEATS) * BAR_BEATS - onset_beats

    def late(self, by_s: float) -> None:
        """What is due was composed too late: the music goes on at a bar."""
        self.release()

    def lost(self, beat: Beat | None, now_s: float) -> bool:
        """Whether the DAW stopped, jumped or fell silent; `beat`: what was heard of it, if new."""
        before, self.beat = self.beat, beat or self.beat
        jumped = self.beat.serial != before.serial
        return self.anchored and (jumped or not self.beat.runs(now_s))
