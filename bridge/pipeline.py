"""The whole wire on one page: which processes there are, who hands what to whom, what if one dies.

    LSL ─▶ ear ─LSL capsules─▶ mind ─pipe of timed notes─▶ hand ─▶ MIDI port
     └──────────▶ recorder ◀─LSL capsules, notes, texts of the supervisor       └▶ osc, if asked for
     └──────────▶ page ◀─LSL capsules, notes, the board; it writes the desk
    Ableton Link ─▶ link ─the session's beat, on the board─▶ mind, hand; if asked for

On two machines `listen()` is ear and recorder on one of them, and on the other one *relay* is in
ear's place and passes on what comes from there.

`live()` and `replay()` run processes, `replay_fast()` the same cores in one loop with a fake clock.
The supervisor owns both ends of the pipe, so either side can be restarted; it plays no note itself.
"""

from __future__ import annotations

import contextlib
import signal
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from functools import partial
from math import inf
from pathlib import Path

from bridge import relay
from bridge.board import NO_EEG, Seat
from bridge.cast import Cast
from bridge.crew import Crew
from bridge.errors import BridgeError
from bridge.fast import replay_fast as replay_fast
from bridge.plan import STATUS_S, TAIL_S, OnStatus, snapshot
from bridge.plan import Plan as Plan
from bridge.plan import Snapshot as Snapshot
from eeg.lsl import clock

TEND_S = 0.05  # between two looks at everybody
LOAD_S = 120.0  # for the models to come from a cold disk
FIND_S = 10.0  # for the EEG stream to be found
OTHER_S = 60.0  # for another machine's capsules to be found
QUIET_S = 3.0  # for a process to leave by itself


def live(
    stream: str | None = None,
    plan: Plan | None = None,
    on_status: OnStatus | None = None,
    wait_s: float = FIND_S,
) -> Snapshot:
    """Play what the wearer of a headset feels until Ctrl-C, SIGTERM or the plan's duration.

    `stream`: name or source id of the EEG, None for the only one there is. With the plan's
    `capsules` another machine listens to it, and `stream` plays no part. Returns the last snapshot.
    Raises BridgeError, EegError's sentence among others, if it cannot start or go on.
    """
    plan = plan or Plan()
    heard = stream if plan.capsules is None else NO_EEG
    return _run(plan, on_status, wait_s, lambda cast: _play(cast, heard, wait_s))


def listen(
    name: str,
    stream: str | None = None,
    plan: Plan | None = None,
    on_status: OnStatus | None = None,
    wait_s: float = FIND_S,
) -> Snapshot:
    """Hear the wearer for a piano on another machine, which asks for the capsules of `name`."""

    def start(cast: Cast) -> None:
        cast.capsules = relay.address(name)
        cast.ear(stream, wait_s)
        cast.recorder()

    return _run(plan or Plan(), on_status, wait_s, start)


def replay(
    path: Path,
    plan: Plan | None = None,
    on_status: OnStatus | None = None,
    speed: float = 1.0,
) -> Snapshot:
    """The same with a recording, served as a real LSL stream by one more process."""
    if not path.exists():
        raise BridgeError(f"{path} does not exist; give a recording.")
    source = f"emocapsule-replay-{uuid.uuid4().hex[:8]}"

    def start(cast: Cast) -> None:
        _play(cast, source, LOAD_S, path.name)
        cast.crew.start("source", serve, path, speed, source)

    return _run(plan or Plan(), on_status, LOAD_S, start)


def _play(cast: Cast, stream: str | None, wait_s: float, name: str | None = None) -> None:
    """Everybody whom the music needs, and whoever keeps it; the page comes later."""
    cast.mind(cast.hand())
    cast.link()
    cast.ear(stream, wait_s)
    cast.recorder(name)


def _run(
    plan: Plan, on_status: OnStatus | None, wait_s: float, start: Callable[[Cast], None]
) -> Snapshot:
    crew = Crew(clock)
    show = Shows(crew, on_status)
    with until_signalled() as stopped:
        try:
            cast = Cast(crew, plan)
            start(cast)
            tend(crew, show, stopped, crew.loaded, LOAD_S)
            crew.board.go = 1
            tend(crew, show, stopped, lambda: crew.ready("ear") is not None, wait_s + LOAD_S)
            cast.page()
            end_s = inf if plan.duration_s is None else clock() + plan.duration_s
            ended = partial(crew.ended, "source")
            tend(crew, show, stopped, lambda: ended() or clock() > end_s, None)
            if ended():
                crew.retire("ear", QUIET_S)  # the recording is over: its silence is no fault
                tend(crew, show, stopped, lambda: False, TAIL_S, fail=False)
        finally:
            crew.stop(QUIET_S)
    return show.last()


def tend(
    crew: Crew,
    show: Shows,
    stopped: list[int],
    done: Callable[[], bool],
    most_s: float | None,
    fail: bool = True,
) -> None:
    """Tend the crew until it is done, the user stops it, or the time is over."""
    end_s = inf if most_s is None else clock() + most_s
    while not done() and not stopped:
        if clock() > end_s:
            if fail:
                raise BridgeError(f"The program did not get ready within {most_s:.0f} s.")
            return
        crew.tend(TEND_S)
        show()


def serve(seat: Seat, path: Path, speed: float, source_id: str) -> None:
    """The process *source*: a recording as a headset's stream."""
    from eeg.player import serve as serve_recording
    from eeg.recording import read_recording

    recording = read_recording(path)
    seat.tell("loaded", recording.signal.name)
    while not seat.board.go and not seat.over():
        time.sleep(TEND_S)
    serve_recording(recording, speed, source_id=source_id, wait_s=FIND_S, stop=lambda: seat.over())


class Shows:
    """Calls the display now and then."""

    def __init__(self, crew: Crew, on_status: OnStatus | None) -> None:
        self._crew = crew
        self._on_status = on_status
        self._start_s = self._shown_s = clock()

    def __call__(self) -> None:
        if self._on_status is not None and clock() - self._shown_s >= STATUS_S:
            self._shown_s = clock()
            self._on_status(self.last())

    def last(self) -> Snapshot:
        """How things are."""
        crew, board = self._crew, self._crew.board
        said, crew.said = tuple(crew.said), []
        return snapshot(
            board,
            elapsed_s=clock() - self._start_s,
            restarts=crew.restarts,
            port=crew.ready("hand") or "",
            stream=crew.ready("ear") or "",
            page=crew.ready("page") or "",
            said=said,
        )


@contextlib.contextmanager
def until_signalled() -> Iterator[list[int]]:
    """A list that is empty until somebody wants us to stop. In the main thread only."""
    stopped: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield stopped
        return
    names = [name for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
    kept = {
        name: signal.signal(getattr(signal, name), lambda number, _: stopped.append(number))
        for name in names
    }
    try:
        yield stopped
    finally:
        for name, handler in kept.items():
            signal.signal(getattr(signal, name), handler)
