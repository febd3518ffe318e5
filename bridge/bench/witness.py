"""Who is there while `bench soak` runs: a receiver that remembers what sounds, and the victim."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from bridge.errors import BridgeError
from bridge.wire import SUSTAIN
from eeg.lsl import clock

NOTES = "emocapsule:notes"
PEDAL = -1  # its place among the keys


class Witness:
    """What an independent receiver heard: every key and pedal, from when to when."""

    def __init__(self) -> None:
        self.struck = 0
        self._sounding: dict[int, float] = {}
        self._ended: list[tuple[int, float, float]] = []  # key, from, to
        command = [sys.executable, "-m", "bridge.bench.receiver", NOTES]
        self._program = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._program.stdout is not None
        if "listening" not in self._program.stdout.readline():
            raise BridgeError("The receiver did not start; it needs JACK-Client.")
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        """Use as a context: the receiver ends with it."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the receiver."""
        self._program.kill()
        self._program.wait()
        self._reader.join()

    def _read(self) -> None:
        assert self._program.stdout is not None
        with self._program.stdout as lines:
            for line in lines:
                time_s, message = line.split()
                self._hear(float(time_s), bytes.fromhex(message))

    def _hear(self, time_s: float, message: bytes) -> None:
        kind = message[0] & 0xF0
        if kind in (0x80, 0x90):
            down = kind == 0x90 and message[2] > 0
            self.struck += down
            self._move(message[1], down, time_s)
        elif kind == 0xB0 and message[1] == SUSTAIN:
            self._move(PEDAL, message[2] > 0, time_s)

    def _move(self, key: int, down: bool, time_s: float) -> None:
        since_s = self._sounding.pop(key, None)
        if since_s is not None:
            self._ended.append((key, since_s, time_s))
        if down:
            self._sounding[key] = time_s

    @property
    def ended(self) -> bool:
        """Whether it is gone: then it hears nothing."""
        return self._program.poll() is not None

    def down(self) -> list[int]:
        """Keys that are down now, and PEDAL."""
        return list(self._sounding)

    def longer(self, seconds: float) -> int:
        """How many keys sounded for longer than that."""
        return sum(key != PEDAL and to_s - from_s > seconds for key, from_s, to_s in self._ended)

    def outlived_s(self, at_s: float, patience_s: float) -> float:
        """How long the last of what sounded then went on; waits for it, to the patience at most."""
        until_s = at_s + patience_s
        while clock() < until_s and any(from_s <= at_s for from_s in [*self._sounding.values()]):
            time.sleep(0.01)
        time.sleep(0.1)  # for what is on its way here
        sounding = [clock() for from_s in [*self._sounding.values()] if from_s <= at_s]
        ended = [to_s for _, from_s, to_s in [*self._ended] if from_s <= at_s < to_s]
        return max([*sounding, *ended], default=at_s) - at_s


class Performance:
    """`bridge.bench.victim` in a process group of its own."""

    def __init__(self, stream: str, folder: Path, simple: bool) -> None:
        command = [sys.executable, "-m", "bridge.bench.victim", stream, str(folder)]
        self._program = subprocess.Popen(
            [*command, *(["--simple"] if simple else [])],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, start_new_session=True,
        )  # fmt: skip
        self.told: dict[str, Any] = {}
        self.said: set[str] = set()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._program.stdout is not None
        with self._program.stdout as lines:
            for line in lines:
                self.told = json.loads(line)
                self.said |= set(self.told.get("said", ()))

    @property
    def pid(self) -> int:
        """Of the supervisor, and of the group."""
        return self._program.pid

    @property
    def pids(self) -> dict[str, int]:
        """Of its processes, by name."""
        return dict(self.told.get("pids", {}))

    @property
    def restarts(self) -> int:
        """How often one of them was started again."""
        return int(self.told.get("restarts", 0))

    @property
    def ended(self) -> bool:
        """Whether it is over."""
        return self._program.poll() is not None

    def kill(self) -> None:
        """Whoever is left."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        self._program.wait()
        self._reader.join()
