"""Watching a signal: interruptions in its stamps, its age, and units that cannot be right.

liblsl itself says nothing for half a minute when a source falls silent and then delivers the
backlog in one burst; so whoever plays on a signal keeps these watches. Pure: time is an argument.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from eeg.errors import EegError

Floats = NDArray[np.float64]

GAP_S = 0.2  # stamps of radio headsets jitter by .03 s and wait for up to .14 s without any loss
LATE_S, STALE_S, LOST_S = 0.25, 1.0, 5.0
BACKLOG_S = 1.0  # samples that come this much later than the quickest are history
SET_AFTER_S = 2.0  # but a delay that stays the same for so long is a clock that was set
FOREIGN_CLOCK_S = 10.0  # a first sample further off than this was stamped by another clock
CLOCK_DRIFT = 2e-4  # two clocks may part by this much a second
_MICROVOLTS = {
    "": 1.0, "uv": 1.0, "microvolt": 1.0, "nv": 1e-3, "nanovolt": 1e-3,
    "mv": 1e3, "millivolt": 1e3, "v": 1e6, "volt": 1e6,
}  # fmt: skip
STILL_UV = 1e-8  # rounding of a constant; even in volts EEG varies by more
VOLTS_BELOW_UV = 1e-3  # a spread of EEG is 5 to 100 µV, which is 1e-4 or less in volts


def interruptions(
    times_s: Floats, last_s: float | None, rate_hz: float, tolerance_s: float = GAP_S
) -> list[int]:
    """Indices in stamps (time,) at which the signal begins anew.

    `last_s` is the stamp before the first. A step forward of more than one sample and the
    tolerance is lost signal, a step back by more than the tolerance a clock that was set;
    smaller steps, repeated stamps among them, are jitter.
    """
    before = np.concatenate([[times_s[0] if last_s is None else last_s], times_s[:-1]])
    step_s = times_s - before
    broken = (step_s > 1 / rate_hz + tolerance_s) | (step_s < -tolerance_s)
    return [int(index) for index in np.flatnonzero(broken)]


def microvolts_per(unit: str) -> float | None:
    """Microvolts in one of a unit, None if it is no unit of voltage. No unit counts as µV."""
    name = unit.strip().lower().replace("\u03bc", "u").replace("\u00b5", "u")
    return _MICROVOLTS.get(name.removesuffix("s"))


def check_unit(spread_uv: Floats) -> None:
    """EegError if the spread (channel,) of what claims to be µV says that it is volts."""
    moving = spread_uv[spread_uv > STILL_UV]
    if len(moving) and np.median(moving) < VOLTS_BELOW_UV:
        raise EegError(
            f"the signal varies by only {np.median(moving):.1e} µV, so it is probably in volts: "
            "state the unit in the stream's description or the file's header, or scale it to "
            "microvolts"
        )


class Freshness:
    """Which of the samples that have just arrived are news, and when they were taken on our clock.

    A stamp's delay is the clock at arrival minus the stamp. The least delay seen is how long the
    way takes; samples that took a second more have waited behind a stall and are dropped, and so
    are those that come ten seconds before they can have been taken. Where that goes on, with a
    delay that stays the same, the source's clock was set: its stamps are shifted to what they were.
    Stamps that are not on the LSL clock at all (some bridges send seconds since 1970) are shifted
    so that the first arrival is now, and so are those of a clock that could not be asked.
    """

    def __init__(self) -> None:
        self._shift_s: float | None = None
        self._least_s = np.inf
        self._before_s = 0.0
        self._strange: tuple[float, float] | None = None  # since when, and the delay then

    def admit(self, stamps_s: Floats, now_s: float, known: bool = True) -> tuple[Floats, int]:
        """Times on our clock (time,), and how many samples from the first on are too old.

        `known`: whether the stamps were brought to the LSL clock of this machine.
        """
        if self._shift_s is None:
            ahead_s = now_s - float(stamps_s[-1])
            foreign = not known or abs(ahead_s) > FOREIGN_CLOCK_S
            self._shift_s = ahead_s if foreign else 0.0
            self._before_s = now_s
            self._least_s = now_s - float(stamps_s.max()) - self._shift_s
        self._least_s += CLOCK_DRIFT * max(0.0, now_s - self._before_s)
        self._before_s = now_s
        self._shift_s += self._set_by(now_s - self._shift_s - float(stamps_s[-1]), now_s)
        times_s = stamps_s + self._shift_s
        delays_s = now_s - times_s
        possible = delays_s >= self._least_s - FOREIGN_CLOCK_S
        self._least_s = min(self._least_s, float(delays_s[possible].min(initial=np.inf)))
        strange = np.flatnonzero(~possible | (delays_s > self._least_s + BACKLOG_S))
        return times_s, int(strange[-1]) + 1 if len(strange) else 0

    def _set_by(self, delay_s: float, now_s: float) -> float:
        """By how much the source's clock was set, if the newest delay has long been strange."""
        if -FOREIGN_CLOCK_S <= delay_s - self._least_s <= BACKLOG_S:
            self._strange = None
            return 0.0
        if self._strange is None or abs(delay_s - self._strange[1]) > BACKLOG_S / 2:
            self._strange = now_s, delay_s
        if now_s - self._strange[0] < SET_AFTER_S:
            return 0.0
        self._strange = None
        return delay_s - self._least_s


class Health(Enum):
    """Age of the newest sample: under .25 s, under 1 s, under 5 s, more."""

    LIVE = "live"
    LATE = "late"
    STALE = "stale"
    LOST = "lost"


@dataclass(frozen=True)
class Change:
    """The watchdog's verdict has changed. `recovered`: the signal is back after STALE or LOST."""

    now_s: float
    health: Health
    age_s: float
    recovered: bool


class Watchdog:
    """Health of a signal by the age of its newest sample."""

    def __init__(self, now_s: float) -> None:
        self._newest_s = now_s
        self.health = Health.LIVE

    def age_s(self, now_s: float) -> float:
        """Seconds since the newest sample."""
        return max(0.0, now_s - self._newest_s)

    def saw(self, stamp_s: float, now_s: float) -> None:
        """A sample has come. A stamp ahead of the clock is as new as its arrival."""
        self._newest_s = max(self._newest_s, min(stamp_s, now_s))

    def look(self, now_s: float) -> Change | None:
        """The change since the last look, if any."""
        age_s = self.age_s(now_s)
        health = _health(age_s)
        if health is self.health:
            return None
        recovered = health in (Health.LIVE, Health.LATE) and self.health in (
            Health.STALE,
            Health.LOST,
        )
        self.health = health
        return Change(now_s, health, age_s, recovered)


def _health(age_s: float) -> Health:
    if age_s < LATE_S:
        return Health.LIVE
    if age_s < STALE_S:
        return Health.LATE
    return Health.STALE if age_s < LOST_S else Health.LOST
