"""What *mind* needs of a composer."""

from typing import Protocol

from music.condition import Condition
from music.controls import Controls
from music.events import Event
from music.sampling import Sampling


class Composes(Protocol):
    """Composes a little further at each step; `music.composer.Composer` is one."""

    controls: Controls
    sampling: Sampling

    @property
    def horizon_s(self) -> float:
        """Everything before it is composed, in seconds from beat 0."""

    def step(self, condition: Condition) -> list[Event]:
        """Compose a little further."""

    def rewind(self, to_beats: float) -> None:
        """Forget what was composed at or after that beat."""

    @property
    def finished(self) -> bool:
        """Whether the ending that was asked for is composed: a step gives nothing more."""

    def finish(self) -> None:
        """Lead to an ending."""

    def resume(self) -> None:
        """No ending, or on after it."""
