"""What changes while a network learns."""

from __future__ import annotations

import math


class Schedule:
    """Everything that changes with progress (0 to 1): learning rate, β and the share of EMOPIA."""

    def __init__(self, peak_lr: float, labelled: float | None = None) -> None:
        self.peak_lr, self.labelled = peak_lr, labelled

    def learning_rate(self, progress: float, step: int) -> float:
        return self.peak_lr * min(
            (step + 1) / 200, 0.04 + 0.96 * math.cos(progress * math.pi / 2) ** 2
        )

    def beta(self, progress: float) -> float:
        """Four cycles from 0, half a ramp and half at the top; the last fifth held at the top."""
        cycle = progress / 0.8 * 4 % 1.0 if progress < 0.8 else 1.0
        return 0.5 * min(2 * cycle, 1.0)

    def labelled_share(self, progress: float) -> float:
        """As asked for; else a quarter while the network learns piano, then more, at last all: it
        plays in the manner of what it heard last, and only EMOPIA has pedals.
        """
        if self.labelled is not None:
            return self.labelled
        if progress >= 0.8:
            return 1.0
        return 0.25 if progress < 0.5 else 0.25 + 0.6 * min((progress - 0.5) / 0.2, 1.0)
