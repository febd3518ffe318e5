"""What the composer may be told: a mixture of the four quadrants, and how strongly to follow it."""

import math
from dataclasses import dataclass

from music.errors import MusicError

STRENGTH = 7.0  # of the guidance as it ships: `compose`, and live at full confidence


@dataclass(frozen=True, slots=True)
class Condition:
    """An emotion as the composer hears it.

    `probabilities` are those of Russell's quadrants in the order Q1 (V+ A+), Q2 (V- A+),
    Q3 (V- A-), Q4 (V+ A-); they sum to 1. None means unconditioned: the model plays as it likes.
    `strength` is the classifier-free guidance: 0 ignores the emotion, 1 is the model as trained
    (guidance off), more exaggerates it. Raises MusicError for anything else.
    """

    probabilities: tuple[float, float, float, float] | None
    strength: float = 1.0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.strength) and self.strength >= 0.0):
            raise MusicError(f"The strength of a condition is {self.strength}; give 0 or more.")
        if self.probabilities is None:
            return
        if len(self.probabilities) != 4:
            raise MusicError(
                f"A condition has {len(self.probabilities)} probabilities; give four, Q1 to Q4."
            )
        if not all(math.isfinite(p) and 0.0 <= p <= 1.0 for p in self.probabilities):
            raise MusicError(
                f"The probabilities {self.probabilities} are not all between 0 and 1; "
                "give four that sum to 1."
            )
        if abs(math.fsum(self.probabilities) - 1.0) > 1e-3:
            raise MusicError(
                f"The probabilities {self.probabilities} sum to "
                f"{math.fsum(self.probabilities):.3f}; give four that sum to 1."
            )


UNCONDITIONED = Condition(None)
