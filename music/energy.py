"""How stirred the music sounds that was just played: one word of its touch, one of its density.

Both are on the scale of an emotion's arousal, 0 where EMOPIA's calm training songs lie on average
and 1 where the stirred ones do: ``python -m music.evaluation.stirred`` prints these means.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from music.events import DEFAULT_BPM, Event, Note, Tempo

HALF_S = 3.0  # half-life of what is remembered
MOST_NOTES = 24  # whose touch is remembered: a loud crowd before must not drown few soft notes now
LEAST_S = 2.0  # before so much is remembered, nothing is said
TOUCH = (53.2, 77.5)  # mean velocity of calm and of stirred windows
DENSITY = (2.15, 3.20)  # log2 of their notes a second
SPARSEST = 0.25  # notes a second; fewer are as calm as that
STEPS = 32  # of the whole way; finer is noise
ENDS = (-2.0, 3.0)  # of the scale; what is further out is as far as that


@dataclass(frozen=True, slots=True)
class Energy:
    """What was heard of late; a value, one a token."""

    bpm: float = DEFAULT_BPM
    at_beats: float = 0.0
    seconds: float = 0.0  # this and what follows fades
    notes: float = 0.0
    touched: float = 0.0  # notes, but forgotten by number, too
    velocity: float = 0.0  # summed over these

    def push(self, event: Event | None) -> Energy:
        """After a beat's tempo or a note; anything else changes nothing."""
        if not isinstance(event, Tempo | Note):
            return self
        passed_s = max(event.onset_beats - self.at_beats, 0.0) * 60.0 / self.bpm
        fade = 0.5 ** (passed_s / HALF_S)
        now = replace(
            self,
            at_beats=max(event.onset_beats, self.at_beats),
            seconds=self.seconds * fade + (1.0 - fade) * HALF_S / math.log(2.0),
            notes=self.notes * fade,
            touched=self.touched * fade,
            velocity=self.velocity * fade,
        )
        if isinstance(event, Tempo):
            return replace(now, bpm=event.bpm)
        kept = 1.0 - 1.0 / MOST_NOTES
        return replace(
            now,
            notes=now.notes + 1.0,
            touched=now.touched * kept + 1.0,
            velocity=now.velocity * kept + event.velocity,
        )

    @property
    def of_touch(self) -> float | None:
        """0 is calm, 1 stirred, and there is more on either side; None while too little was played
        to say.
        """
        if not self._tells:
            return None
        return _between(self.velocity / self.touched, *TOUCH)

    @property
    def of_density(self) -> float | None:
        """The same of how much is played in how little time."""
        if not self._tells:
            return None
        return _between(math.log2(max(self.notes / self.seconds, SPARSEST)), *DENSITY)

    @property
    def _tells(self) -> bool:
        return self.seconds >= LEAST_S and self.notes > 0.0


def _between(value: float, calm: float, stirred: float) -> float:
    arousal = min(max((value - calm) / (stirred - calm), ENDS[0]), ENDS[1])
    return round(arousal * STEPS) / STEPS
