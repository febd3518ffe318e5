"""The emotion as MIDI controllers: which number carries what, and when a new value is worth it.

What is sent is what the wearer's capsule says, not what is played: whoever maps a filter to valence
gets the honest valence, before smoothing, contrast and hand. Between two capsules, a quarter of a
second apart, values glide. Where the capsules stop, quality and confidence fall to 0 at once, and
later the emotion to neutral, as the music does.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bridge.errors import BridgeError
from bridge.mind.translate import GLIDE_AFTER_S, GLIDE_S, HOLD_AFTER_S
from bridge.wire import ALL_SOUND_OFF, BANK, SUSTAIN, TimedControl

if TYPE_CHECKING:
    from capsule.emotion import EmotionCapsule

NAMES = ("valence", "arousal", "confidence", "quality", "q1", "q2", "q3", "q4")
FIRST = 20  # controllers 20 to 31 are undefined: no synth does anything with them by itself
TAKEN = {*BANK, 6, 38, SUSTAIN, *range(96, 102)}  # bank, data entry, pedal, (N)RPN
NEUTRAL = (0.0, 0.0, 0.0, 0.0, 0.25, 0.25, 0.25, 0.25)
GAP_S = 0.040  # between two values of one controller: 25 a second
STEP_S = 0.250  # capsules come so often; a value glides to the new one for as long
DEAD_BAND = 1.5 / 127  # of the whole range: noise moves nothing
FINE_BAND = DEAD_BAND / 4  # with 14 bits
SWEEP_S = 3.0

Values = tuple[float, ...]  # one for each of NAMES: -1 to 1 the first two, the others 0 to 1


@dataclass(frozen=True, slots=True)
class ControlMap:
    """Which controller carries what, in the order of NAMES; None carries it nowhere.

    `wide`: 14 bits, controller n and then n + 32. BridgeError if a number cannot serve.
    """

    numbers: tuple[int | None, ...] = tuple(range(FIRST, FIRST + len(NAMES)))
    wide: bool = False

    def __post_init__(self) -> None:
        used = [number for number in self.numbers if number is not None]
        for number in used:
            if not 0 < number < ALL_SOUND_OFF or number in TAKEN:
                raise BridgeError(
                    f"Controller {number} has a meaning of its own; 1 to 5, 7 to 31 and 102 to 119 "
                    "can carry an emotion."
                )
            if self.wide and number > 31:
                raise BridgeError(f"Controller {number} has no 14 bits; only 1 to 31 have.")
        if len(set(used)) < len(used):
            raise BridgeError("Two of the controllers have the same number; give each its own.")

    def events(self, name: str, position: int, time_s: float) -> list[TimedControl]:
        """What sends `position` (0 to `top`) of one of NAMES; the coarse half comes first."""
        number = self.numbers[NAMES.index(name)]
        if number is None:
            return []
        if not self.wide:
            return [TimedControl(time_s, number, position)]
        coarse, fine = divmod(position, 128)
        return [TimedControl(time_s, number, coarse), TimedControl(time_s, number + 32, fine)]

    @property
    def top(self) -> int:
        """The highest position."""
        return 128 * 128 - 1 if self.wide else 127


def position(name: str, value: float, top: int) -> float:
    """Where a value lies between 0 and `top`; neutral valence and arousal in the middle: 64."""
    if name not in ("valence", "arousal"):
        return top * min(max(value, 0.0), 1.0)
    centre = (top + 1) / 2
    value = min(max(value, -1.0), 1.0)
    return centre + value * (top - centre if value > 0 else centre)


def values_of(capsule: EmotionCapsule) -> Values:
    """The honest values of a capsule."""
    p = [float(one) for one in capsule.probabilities]
    axes = (p[0] + p[3] - p[1] - p[2], p[0] + p[1] - p[2] - p[3])
    return (*axes, float(capsule.confidence), float(capsule.quality), *p)


class Controllers:
    """Capsules and the time in, controllers out: on change, at most 25 times a second each."""

    def __init__(self, asked: ControlMap) -> None:
        self.asked = asked
        self._heard_s = 0.0
        self._from: Values | None = None
        self._to: Values = NEUTRAL
        self._turn_s, self._over_s = 0.0, STEP_S
        self._sent: dict[str, int] = {}
        self._told_s = -math.inf

    def step(self, now_s: float, capsule: EmotionCapsule | None = None) -> list[TimedControl]:
        """Take a capsule, if there is a new one; what is worth sending now."""
        if capsule is not None:
            self._heard_s = now_s
            self._turn(values_of(capsule), now_s, STEP_S)
        elif self._from is not None:
            self._fade(now_s)
        if self._from is None or now_s < self._told_s + GAP_S:
            return []
        events = []
        for name, value in zip(NAMES, self._now(now_s), strict=True):
            place = position(name, value, self.asked.top)
            if self._worth(name, place):
                self._sent[name] = round(place)
                events += self.asked.events(name, round(place), now_s)
        if events:
            self._told_s = now_s
        return events

    def _worth(self, name: str, place: float) -> bool:
        sent, top = self._sent.get(name), self.asked.top
        if sent is None:
            return True
        if place in (0.0, (top + 1) / 2, top):  # the ends and neutral are reached exactly
            return sent != round(place)
        return abs(place - sent) > top * (FINE_BAND if self.asked.wide else DEAD_BAND)

    def _fade(self, now_s: float) -> None:
        """No capsule: nothing is sure any more, and after a while nothing is known."""
        age_s = now_s - self._heard_s
        if age_s > GLIDE_AFTER_S:
            self._turn(NEUTRAL, now_s, GLIDE_S)
        elif age_s > HOLD_AFTER_S:
            self._turn((*self._to[:2], 0.0, 0.0, *self._to[4:]), now_s, STEP_S)

    def _turn(self, to: Values, now_s: float, over_s: float) -> None:
        if self._from is None:
            self._from = self._to = to
        elif to != self._to:
            self._from, self._to = self._now(now_s), to
            self._turn_s, self._over_s = now_s, over_s

    def _now(self, now_s: float) -> Values:
        assert self._from is not None
        share = min(max((now_s - self._turn_s) / self._over_s, 0.0), 1.0)
        if share == 1.0:
            return self._to
        pairs = zip(self._from, self._to, strict=True)
        return tuple(begin + share * (end - begin) for begin, end in pairs)


def sweep(asked: ControlMap, name: str, begin_s: float) -> list[TimedControl]:
    """One controller up and down again within SWEEP_S, for a DAW that learns it."""
    steps = 2 * int(SWEEP_S / GAP_S / 2)
    events = []
    for step in range(steps + 1):
        place = asked.top * (1.0 - abs(2.0 * step / steps - 1.0))
        events += asked.events(name, round(place), begin_s + step * SWEEP_S / steps)
    return events
