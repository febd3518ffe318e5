"""The supervisor's people: starts processes, hears them, replaces those that die, ends them.

Everything here runs in the supervisor's one thread. A process is spawned, so it imports only what
it needs, and never the program's main module.
"""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from types import ModuleType
from typing import Any

from bridge.board import END, PROCESSES, QUIET, SAID_BYTES, Seat, child, new_board
from bridge.errors import BridgeError
from bridge.understudy import Understudy, waits

HUNG_S = {
    "hand": 0.4, "link": 2.0, "mind": 5.0, "ear": 5.0, "recorder": 15.0, "osc": 30.0, "page": 30.0,
}  # fmt: skip
ASLEEP_S = 0.3  # between two looks, beyond what was meant: we were stopped, or starved
MOST_RESTARTS, WITHIN_S = 10, 60.0
DOUBLED = ("hand",)  # who is replaced by an understudy, which waits from the first emotion on
REST_S = 2.0  # after a start, before its understudy takes time of the processor
SPARED = ("osc", "page")  # who keeps dying ends the performance, but for these
HAND_S = 1.0  # for hand to leave: whoever takes longer holds notes that must end
KEEP_S = 10.0  # for the recorder to close its files

Body = Callable[..., None]


@dataclass
class Member:
    """One process and what it has said."""

    name: str
    body: Body
    arguments: tuple[Any, ...]
    again: tuple[Any, ...]  # arguments when it is restarted
    process: Any = None
    line: Connection | None = None
    loaded: bool = False
    ready: str | None = None
    failure: str = ""
    wrong: bool = False  # the failure is the user's to mend
    restarts_s: list[float] = field(default_factory=list)
    retired: bool = False  # it was told to leave
    started_s: float = 0.0
    understudy: Understudy | None = None


class Crew:
    """The processes of one performance; `clock` is the one they all share."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.board = new_board()
        self.board.epoch = 1
        self.said: list[str] = []
        self._clock = clock
        self._spawn = multiprocessing.get_context("spawn")
        self._members: dict[str, Member] = {}
        self._markers: Connection | None = None
        self._looked_s = self._awake_s = clock()  # the last look at everybody; since when we look

    def pipe(self, waits: bool = True) -> tuple[Connection, Connection]:
        """A one-way pipe (out, in), both ends of which stay open here: neither side ends it.

        If it never `waits`, a reader that has stopped reading stops nobody: what is too much raises
        OSError in the writer.
        """
        out, into = self._spawn.Pipe(duplex=False)
        if not waits and hasattr(os, "set_blocking"):
            os.set_blocking(into.fileno(), False)
        return out, into

    def marked_by(self, markers: Connection) -> None:
        """Where `say` writes too: the end of a pipe that never waits."""
        self._markers = markers

    def start(
        self, name: str, body: Body, *arguments: Any, again: tuple[Any, ...] | None = None
    ) -> None:
        """Start a process; `again` are its arguments if it must be started once more."""
        member = Member(name, body, arguments, arguments if again is None else again)
        self._members[name] = member
        self._launch(member, arguments)

    def _launch(self, member: Member, arguments: tuple[Any, ...]) -> None:
        if member.name in PROCESSES:
            self.board.alive_s[PROCESSES.index(member.name)] = 0.0
        member.started_s = self._clock()
        understudy, member.understudy = member.understudy, None
        if understudy is not None and understudy.enter():
            member.process, member.line = understudy.process, understudy.line
            member.process.name = member.name
        else:
            member.process, member.line = self._spawned(member, member.name, member.body, arguments)

    def _spawned(
        self, member: Member, name: str, body: Body, arguments: tuple[Any, ...]
    ) -> tuple[Any, Connection]:
        line, theirs = self.pipe()
        seat = Seat(member.name, self.board, theirs)
        process = self._spawn.Process(
            target=child, args=(body, seat, *arguments), name=name, daemon=True
        )
        with _apart():
            process.start()
        theirs.close()
        return process, line

    def _double(self, member: Member) -> None:
        """Have an understudy wait, if it is time for one."""
        rested = self._clock() > member.started_s + REST_S
        if member.name in DOUBLED and not member.understudy and self.board.capsules and rested:
            heard, cue = self.pipe()
            arguments = (heard, member.body, *member.again)
            name = f"understudy of {member.name}"
            member.understudy = Understudy(*self._spawned(member, name, waits, arguments), cue)

    def say(self, sentence: str) -> None:
        """Keep a sentence for the user and for the recording; the newest is on the board."""
        self.said.append(sentence)
        self.board.said = sentence.encode()[: SAID_BYTES - 1]
        self.board.sayings += 1
        if self._markers is not None:
            with contextlib.suppress(OSError):
                self._markers.send_bytes(sentence.encode()[:2000])

    def loaded(self) -> bool:
        """Whether everybody has loaded what takes time."""
        return all(member.loaded or member.retired for member in self._members.values())

    def ready(self, name: str) -> str | None:
        """What a process said when it was ready; None before."""
        member = self._members.get(name)
        return member.ready if member else None

    def ended(self, name: str) -> bool:
        """Whether a process has done its work and left."""
        member = self._members.get(name)
        return member is not None and member.process.exitcode == 0

    @property
    def restarts(self) -> int:
        """How often a process had to be started again."""
        return sum(len(member.restarts_s) for member in self._members.values())

    def tend(self, timeout_s: float) -> None:
        """Wait for something to happen, hear everybody, restart who has died or hangs.

        BridgeError if somebody cannot start, or keeps dying.
        """
        members = [member for member in self._members.values() if not member.retired]
        lines = [member.line for member in members if member.line is not None]
        alive = [m.process.sentinel for m in members if m.process.is_alive()]
        wait([*lines, *alive], timeout_s)
        now_s = self._clock()
        if now_s - self._looked_s > timeout_s + ASLEEP_S:
            self._awake_s = now_s
        self._looked_s = now_s
        for member in members:
            self._hear(member)
            if not member.process.is_alive():
                self._hear(member)
                self._lost(member)
            elif self._hangs(member):
                self.say(f"The process {member.name!r} hangs and is replaced.")
                member.process.kill()
            else:
                self._double(member)

    def _hear(self, member: Member) -> None:
        while member.line is not None and member.line.poll():
            try:
                kind, text = json.loads(member.line.recv_bytes())
            except (EOFError, OSError):
                member.line.close()
                member.line = None
                return
            if kind in ("loaded", "ready"):
                member.loaded = True
                member.ready = text if kind == "ready" else member.ready
            elif kind == "say":
                self.say(text)
            else:
                member.failure, member.wrong = text, kind == "wrong"

    def _hangs(self, member: Member) -> bool:
        if member.name not in PROCESSES:
            return False
        alive_s = self.board.alive_s[PROCESSES.index(member.name)]
        heard_s = max(alive_s, self._awake_s)  # while we slept they may have slept, too
        return bool(alive_s and self._clock() - heard_s > HUNG_S[member.name])

    def _lost(self, member: Member) -> None:
        if member.process.exitcode == 0 and member.name not in PROCESSES:
            return  # the source has come to its end
        why = member.failure or f"The process {member.name!r} died ({member.process.exitcode})."
        now_s = self._clock()
        recent = [then_s for then_s in member.restarts_s if then_s > now_s - WITHIN_S]
        hopeless = member.name not in PROCESSES or len(recent) >= MOST_RESTARTS
        hopeless = hopeless or not member.loaded or (member.wrong and not self.board.capsules)
        if hopeless and member.name in SPARED:
            self.say(f"{why} The music goes on without it.")
            member.retired = True
            return
        if hopeless:
            raise BridgeError(why)
        self.say(f"{why} It is started again.")
        member.restarts_s.append(now_s)
        self.board.restarts = self.restarts
        member.failure, member.wrong = "", False
        if member.name == "mind":
            self.board.epoch += 1  # hand silences what the old one began
        self._launch(member, member.again)

    def retire(self, name: str, patience_s: float) -> None:
        """End one process whose work is done; it is neither missed nor replaced."""
        member = self._members[name]
        member.retired = True
        member.process.terminate()
        self._dismiss(member, patience_s)

    def stop(self, patience_s: float) -> None:
        """End everybody, note-offs first, recording last; who does not leave in time is killed."""
        self.board.stop = QUIET
        for member in self._members.values():
            if member.name != "recorder":
                self._dismiss(member, HAND_S if member.name == "hand" else patience_s)
        hand = self._members.get("hand")
        if hand is not None and any(self.board.ledger):
            self._launch(hand, hand.again)  # it releases what is on the ledger, and leaves
            self._dismiss(hand, patience_s)
        for member in self._members.values():
            if member.understudy is not None:
                member.understudy.dismiss()
        self.board.stop = END
        if "recorder" in self._members:
            self._dismiss(self._members["recorder"], KEEP_S)

    def _dismiss(self, member: Member, patience_s: float) -> None:
        member.process.join(patience_s)
        if member.process.is_alive():
            member.process.kill()
            member.process.join()
        self._hear(member)


@contextlib.contextmanager
def _apart() -> Iterator[None]:
    """Keep spawned processes from importing the program's main module, and from Ctrl-C.

    A signal that is blocked here stays so in them; here it is delivered a moment later.
    """
    kept = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    masks = hasattr(signal, "pthread_sigmask")
    if masks:
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGHUP})
    try:
        yield
    finally:
        sys.modules["__main__"] = kept
        if masks:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
