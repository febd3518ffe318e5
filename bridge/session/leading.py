"""Which quadrant leads in what is played: a name when that changes, for the markers of a DAW."""

from collections.abc import Sequence

MOODS = {
    "Q1": "excited, happy",
    "Q2": "tense, angry",
    "Q3": "sad, weary",
    "Q4": "calm, content",
}
LEAST, BY = 0.3, 0.05  # a leader's share, and by how much it must be ahead of the last one


class Leading:
    """One that is overtaken by little goes on leading."""

    def __init__(self) -> None:
        self._last: int | None = None

    def push(self, shares: Sequence[float]) -> str | None:
        """The quadrant that leads now, such as "Q3 sad, weary", if it did not before."""
        first = max(range(4), key=lambda quadrant: shares[quadrant])
        ahead = first != self._last and shares[first] >= LEAST
        if ahead and self._last is not None:
            ahead = shares[first] - shares[self._last] >= BY
        if not ahead:
            return None
        self._last = first
        name, mood = list(MOODS.items())[first]
        return f"{name} {mood}"
