"""The process *ear* where another machine has the headset: its capsules come in, and are passed on.

    another machine: emocapsule listen ─LSL capsules─▶ relay ─LSL capsules─▶ mind, recorder, page

Nobody else here waits for the network, and everybody finds the capsules where they always are, on
this machine's clock. The way may fail as a headset may, and the piano does the same about it.
"""

from __future__ import annotations

import numpy as np

from bridge.board import SIGNALS, SOURCE_BYTES, Seat
from bridge.ear import ALARMING, HOP_S, PULL_S, RETRY_S, show
from bridge.errors import BridgeError
from capsule.emotion import CAPSULE_STREAM, CAPSULE_TYPE, CHANNELS, EmotionCapsule
from capsule.errors import CapsuleError
from eeg.distant import Distant
from eeg.lsl import Outlet, clock
from eeg.watch import Watchdog

PREFIX = "emocapsule-listen-"


def address(name: str) -> str:
    """The source id under which `emocapsule listen --name NAME` offers its capsules."""
    return PREFIX + name


def wanted(name: str, source_id: str) -> bool:
    """Whether a source id is the one of that name; any of them will do where there is none."""
    return source_id in (name, address(name)) if name else source_id.startswith(PREFIX)


def main(seat: Seat, name: str, wait_s: float, source_id: str) -> None:
    """Run until told to leave. `name`: of who listens; empty for the only one there is.

    BridgeError if there is nobody within `wait_s`; 0 waits for ever. EegError if there are several.
    """
    seat.tell("loaded", "")
    mine = seat.board.source.decode(errors="replace")  # whom a predecessor found
    far = Distant(CAPSULE_TYPE, lambda _, theirs: wanted(mine or name, theirs))
    if not _found(seat, far, name, wait_s):
        return
    if far.labels != CHANNELS:
        raise BridgeError(
            f"The capsules of {told(far)} are of another version: both machines need the same."
        )
    seat.board.source = far.source_id.encode()[: SOURCE_BYTES - 1]
    outlet = Outlet(CAPSULE_STREAM, CAPSULE_TYPE, CHANNELS, 1 / HOP_S, "", source_id)
    seat.tell("ready", f"capsules of {told(far)}")
    watchdog = Watchdog(clock())
    while not seat.over():
        pulled = far.pull(PULL_S)
        now_s = clock()
        seat.beat(now_s)
        for vector, time_s in zip(*(pulled or ((), ())), strict=True):
            capsule = _capsule(vector, float(time_s))
            if capsule is not None:
                watchdog.saw(capsule.time_s + HOP_S, now_s)  # until then none is missing
                outlet.push(capsule.to_vector()[np.newaxis].astype(float), np.array([time_s]))
                show(capsule, seat.board)
        change = watchdog.look(now_s)
        if change is not None and (change.recovered or change.health in ALARMING):
            seat.tell("say", f"The emotion from {told(far)} is {change.health.name}.")
            seat.board.gaps += change.recovered
        if seat.board.capsules:  # before the first one there is nothing to play by
            seat.board.signal = SIGNALS.index(watchdog.health.name)
        seat.board.sample_age_s = watchdog.age_s(now_s)


def told(far: Distant) -> str:
    """Who listens, and where."""
    return f"{far.source_id.removeprefix(PREFIX)} on {far.host}"


def _capsule(vector: object, time_s: float) -> EmotionCapsule | None:
    """The capsule of a sample; None if it is none: whoever sends it, the music goes on."""
    try:
        return EmotionCapsule.from_vector(np.asarray(vector), time_s)
    except CapsuleError:
        return None


def _found(seat: Seat, far: Distant, name: str, wait_s: float) -> bool:
    """Wait for the capsules; False if it was time to leave before they came."""
    until_s = clock() + wait_s
    while not seat.over():
        if far.find(RETRY_S):
            return True
        if wait_s and clock() > until_s:
            whose = f"capsules of {name!r} were" if name else "capsules of another machine were"
            raise BridgeError(
                f"No {whose} found: start `emocapsule listen` there, and look whether the network "
                "and its firewalls let LSL through."
            )
    return False
