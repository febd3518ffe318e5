"""One piece of a given length under one emotion, token by token."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from music.condition import Condition
from music.events import Event, TempoMap


class Ends(Protocol):
    """What a piece needs of a composer; `music.composer.Composer` is one."""

    tempo_map: TempoMap

    @property
    def finished(self) -> bool:
        """Whether the end that was asked for is composed."""

    @property
    def horizon_s(self) -> float:
        """Everything before it is composed."""

    def ends_s(self, later_bars: int = 0) -> float:
        """When the music would end if it were asked to so many bars from now."""

    def finish(self) -> None:
        """Lead to an ending."""

    def step(self, condition: Condition) -> list[Event]:
        """Compose a little further."""


def compose(
    composer: Ends, condition: Condition, seconds: float, ending: bool = True
) -> Iterator[list[Event]]:
    """What each token completes, from where the composer stands to `seconds`.

    `ending`: close with a cadence within the seconds, if there is time for one; otherwise, or
    without it, the music stops short.
    """
    to_a_close = ending and composer.ends_s() <= seconds
    while not composer.finished and (to_a_close or composer.horizon_s < seconds):
        if to_a_close and composer.ends_s(later_bars=1) > seconds:
            composer.finish()
        events = composer.step(condition)
        if not to_a_close:
            end_beats = composer.tempo_map.beats(seconds)
            events = [event for event in events if event.onset_beats < end_beats]
        yield events
