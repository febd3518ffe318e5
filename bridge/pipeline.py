"""The whole wire on one page: which processes there are, who hands what to whom, what if one dies.

    LSL ─▶ ear ─LSL capsules─▶ mind ─pipe of timed notes─▶ hand ─▶ MIDI port
     └──────────▶ recorder ◀─LSL capsules, notes, texts of the supervisor       └▶ osc, if asked for
     └──────────▶ page ◀─LSL capsules, notes, the board; it writes the desk

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
from datetime import datetime
from functools import partial
from math import inf
from pathlib import Path

from bridge import ear, osc
from bridge.board import Seat
from bridge.crew import Crew
from bridge.desk import Wishes, lay
from bridge.errors import BridgeError
from bridge.fast import replay_fast as replay_fast
from bridge.hand import process as hand
from bridge.hand.ports import CLIENT, PORT
from bridge.mind import process as mind
from bridge.page.door import Door
from bridge.plan import STATUS_S, TAIL_S, OnStatus, snapshot
from bridge.plan import Plan as Plan
from bridge.plan import Snapshot as Snapshot
from bridge.session import recorder
from eeg.lsl import clock

TEND_S = 0.05  # between two looks at everybody
LOAD_S = 120.0  # for the models to come from a cold disk
FIND_S = 10.0  # for the EEG stream to be found
QUIET_S = 3.0  # for a process to leave by itself


def live(
    stream: str | None = None,
    plan: Plan | None = None,
    on_status: OnStatus | None = None,
    wait_s: float = FIND_S,
) -> Snapshot:
    """Play what the wearer of a headset feels until Ctrl-C, SIGTERM or the plan's duration.

    `stream`: name or source id of the EEG, None for the only one there is. Returns the last
    snapshot. Raises BridgeError, EegError's sentence among others, if it cannot start or go on.
    """
    return _run(stream, plan or Plan(), on_status, wait_s, None)


def replay(
    path: Path,
    plan: Plan | None = None,
    on_status: OnStatus | None = None,
    speed: float = 1.0,
) -> Snapshot:
    """The same with a recording, served as a real LSL stream by one more process."""
    if not path.exists():
        raise BridgeError(f"{path} does not exist; give a recording.")
    return _run(None, plan or Plan(), on_status, LOAD_S, (path, speed))


def _run(
    stream: str | None,
    plan: Plan,
    on_status: OnStatus | None,
    wait_s: float,
    recording: tuple[Path, float] | None,
) -> Snapshot:
    token = uuid.uuid4().hex[:8]
    source = f"emocapsule-replay-{token}"
    crew = Crew(clock)
    show = _Shows(crew, on_status)
    with _until_signalled() as stopped:
        try:
            name = recording[0].name if recording else None
            _start(crew, token, source if recording else stream, plan, wait_s, name)
            if recording:
                crew.start("source", serve, *recording, source)
            _until(crew, show, stopped, crew.loaded, LOAD_S)
            crew.board.go = 1
            _until(crew, show, stopped, lambda: crew.ready("ear") is not None, wait_s + LOAD_S)
            end_s = inf if plan.duration_s is None else clock() + plan.duration_s
            ended = partial(crew.ended, "source")
            _until(crew, show, stopped, lambda: ended() or clock() > end_s, None)
            if ended():
                crew.retire("ear", QUIET_S)  # the recording is over: its silence is no fault
                _until(crew, show, stopped, lambda: False, TAIL_S, fail=False)
        finally:
            crew.stop(QUIET_S)
    return show.last()


def _start(
    crew: Crew, token: str, stream: str | None, plan: Plan, wait_s: float, name: str | None
) -> None:
    capsules, notes = f"emocapsule-capsules-{token}", f"emocapsule-notes-{token}"
    lay(crew.board.desk, Wishes(strength=plan.style.top_strength))
    records_out, records_in = crew.pipe()
    sent = (records_out, plan.port, notes, plan.habits)
    crew.start("hand", hand.main, *sent, again=(*sent, True))
    overhears = None
    if plan.osc is not None:
        heard, overhears = crew.pipe(waits=False)
        crew.start("osc", osc.main, heard, *plan.osc)
    music = (plan.seed, plan.style, plan.composer, plan.habits)
    crew.start("mind", mind.main, records_in, capsules, *music, overhears)
    wearer = (capsules, plan.rest_s, plan.profile, plan.recogniser)
    crew.start("ear", ear.main, stream, wait_s, *wearer, again=(stream, 0.0, *wearer))
    if plan.page is not None:
        _start_page(crew, plan, plan.page, (stream, capsules, notes))
    if plan.folder is not None:
        facts = {
            "began": datetime.now().astimezone().isoformat(timespec="seconds"),
            "recording": name,
            "stream": stream,
            "port": plan.port,
            "seed": plan.seed,
            "rest_s": plan.rest_s,
        }
        sayings_out, sayings_in = crew.pipe(waits=False)
        crew.marked_by(sayings_in)
        ways = (facts, stream, capsules, notes, sayings_out, plan.markers)
        crew.start("recorder", recorder.main, plan.folder, *ways)


def _start_page(crew: Crew, plan: Plan, door: Door, streams: tuple[str | None, str, str]) -> None:
    """The page; it is imported here alone, for the server takes its time to load."""
    from bridge.page import process
    from bridge.page.told import About

    folder = plan.folder.name if plan.folder is not None else ""
    port = ":".join((CLIENT, PORT)) if plan.port is None else plan.port
    crew.start("page", process.main, *streams, door, About(port, folder, clock()))


def _until(
    crew: Crew,
    show: _Shows,
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


class _Shows:
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
            said=said,
        )


@contextlib.contextmanager
def _until_signalled() -> Iterator[list[int]]:
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
