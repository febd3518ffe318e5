"""The JACK server that a measurement runs on, processes that burn the cores, and what any cost."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import subprocess
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bridge.board import orphaned
from bridge.errors import BridgeError
from eeg.lsl import clock

START_S = 5.0


@contextmanager
def jack_server(frames: int = 128, private: bool = False) -> Iterator[int]:
    """The JACK server that runs, or one without a sound card for this measurement; its period.

    `private`: always one of our own, which has the period that was asked for.
    """
    if shutil.which("jackd") is None or shutil.which("jack_lsp") is None:
        raise BridgeError("There is no JACK on this machine; install jackd2 to measure MIDI.")
    if not private and _answers():
        yield _period()
        return
    name, before = f"emocapsule-{uuid.uuid4().hex[:6]}", os.environ.get("JACK_DEFAULT_SERVER")
    os.environ["JACK_DEFAULT_SERVER"] = name
    server = None
    try:
        server = _start(name, frames, ["-R", "-P", "70"]) or _start(name, frames, ["-r"])
        if server is None:
            raise BridgeError(
                "The JACK server did not start. Killed ones may hold its eight places: end every "
                "jackd, then remove /dev/shm/jack*."
            )
        yield frames
    finally:
        if server is not None:
            server.terminate()
            server.wait()
        if before is None:
            del os.environ["JACK_DEFAULT_SERVER"]
        else:
            os.environ["JACK_DEFAULT_SERVER"] = before


def _start(name: str, frames: int, rights: list[str]) -> subprocess.Popen[bytes] | None:
    """A server without a sound card, with real-time rights or none; None if it does not answer."""
    command = ["jackd", *rights, "-S", "-n", name, "-d", "dummy", "-r", "48000", "-p", str(frames)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until_s = clock() + START_S
    while server.poll() is None and clock() < until_s:
        if _answers():
            return server
        time.sleep(0.05)
    server.terminate()
    server.wait()
    return None


def _answers() -> bool:
    return subprocess.run(["jack_lsp"], capture_output=True).returncode == 0


def _period() -> int:
    told = subprocess.run(["jack_bufsize"], capture_output=True, text=True).stdout.split()
    return next((int(word) for word in told if word.isdecimal()), 0)


@contextmanager
def burning(cores: int) -> Iterator[None]:
    """So many processes that do nothing but keep a core busy."""
    context = multiprocessing.get_context("spawn")
    fires = [context.Process(target=_burn, daemon=True) for _ in range(cores)]
    for fire in fires:
        fire.start()
    try:
        yield
    finally:
        for fire in fires:
            fire.kill()
            fire.join()


def _burn() -> None:
    while not orphaned():
        sum(range(100_000))


# ---------------------------------------------------------------------------- what processes cost

WHOLE = ("Pss:",)
UNFILED = ("Pss_Anon:", "Pss_Shmem:")  # a share of files changes with their readers


def family(pid: int) -> list[int]:
    """A process and all that it started, and those in turn. Linux only: elsewhere empty."""
    parents = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        if (stat := _read(path)) is not None:
            parents[int(path.parent.name)] = int(stat.rpartition(")")[2].split()[1])
    found = [pid] if pid in parents else []
    for one in found:
        found += [child for child, parent in parents.items() if parent == one]
    return found


def cpu_s(pids: list[int]) -> float:
    """The time of the processor that they have used so far, in seconds."""
    ticks = 0
    for pid in pids:
        if (stat := _read(Path(f"/proc/{pid}/stat"))) is not None:
            ticks += sum(map(int, stat.rpartition(")")[2].split()[11:13]))
    return ticks / os.sysconf("SC_CLK_TCK")


def memory_mb(pids: list[int], kinds: tuple[str, ...] = WHOLE) -> float:
    """The sum of their proportional set sizes (PSS), in MB of a million bytes."""
    kib = 0
    for pid in pids:
        for line in (_read(Path(f"/proc/{pid}/smaps_rollup")) or "").splitlines():
            if line.startswith(kinds):
                kib += int(line.split()[1])
    return kib * 1024 / 1e6


def _read(path: Path) -> str | None:
    try:
        return path.read_text()
    except OSError:  # it has ended meanwhile
        return None
