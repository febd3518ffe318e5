"""What a player may ask of the composer beside the emotion; every part may change at any moment."""

from __future__ import annotations

import math
from dataclasses import dataclass

from music.errors import MusicError
from music.key import Key
from music.vocabulary import PITCH_RANGE, TEMPO_RANGE_BPM

OCTAVE = 12


@dataclass(frozen=True)
class Controls:
    """Limits that are held whatever the model wants, and wishes about the latent and the end.

    ``key``: no note and no chord outside it. ``lowest``, ``highest``: MIDI pitches, at least an
    octave apart, so that every chord has room. ``max_density``, ``min_density``: notes a second;
    the first is held, the second encouraged. ``polyphony``: keys held at once. ``bpm``: a fixed
    tempo. ``quantise``: 0 as performed, 1 on the grid of sixteenths or triplets. ``hold``: the
    bar's latent stays for the bars that follow. ``take``: another number draws another latent, at
    once. ``end``: close with a cadence. MusicError for what is out of range.
    """

    key: Key | None = None
    lowest: int = PITCH_RANGE[0]
    highest: int = PITCH_RANGE[1]
    max_density: float | None = None
    min_density: float = 0.0
    polyphony: int | None = None
    bpm: float | None = None
    quantise: float = 0.0
    hold: bool = False
    take: int = 0
    end: bool = False

    def __post_init__(self) -> None:
        low, high = PITCH_RANGE
        if not (low <= self.lowest and self.highest <= high):
            raise MusicError(
                f"A register of {self.lowest} to {self.highest}; the piano has {low} to {high}."
            )
        if self.highest - self.lowest < OCTAVE - 1:
            raise MusicError(
                f"A register of {self.lowest} to {self.highest} leaves no room for a chord; "
                f"give {OCTAVE} pitches or more, the lowest first."
            )
        self._check_density()
        if self.polyphony is not None and self.polyphony < 1:
            raise MusicError(f"A polyphony of {self.polyphony}; give 1 or more.")
        slow, fast = TEMPO_RANGE_BPM
        if self.bpm is not None and not slow <= self.bpm <= fast:
            raise MusicError(f"A tempo of {self.bpm} bpm; give {slow:.0f} to {fast:.0f}.")
        if not 0.0 <= self.quantise <= 1.0:
            raise MusicError(f"A quantise strength of {self.quantise}; give 0 to 1.")
        if self.take < 0:
            raise MusicError(f"A take numbered {self.take}; give 0 or more.")

    def lets(self, density: float) -> bool:
        """Whether so many notes a second are what the player asks for."""
        return self.min_density <= density <= (self.max_density or math.inf)

    def _check_density(self) -> None:
        most, least = self.max_density, self.min_density
        if most is not None and not (math.isfinite(most) and most > 0.0):
            raise MusicError(f"At most {most} notes a second; give more than 0.")
        if not (math.isfinite(least) and least >= 0.0):
            raise MusicError(f"At least {least} notes a second; give 0 or more.")
        if most is not None and least > most:
            raise MusicError(
                f"At least {least} and at most {most} notes a second cannot both be; "
                "give the smaller one first."
            )


PLAIN = Controls()
