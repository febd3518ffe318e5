"""The performance that `bench soak` hurts: a program of its own that tells who its processes are.

`python -m bridge.bench.victim STREAM FOLDER [--simple]` prints a line of JSON a status. `--simple`
composes without a network, for short runs.
"""

from __future__ import annotations

import json
import multiprocessing
import sys
from pathlib import Path

import numpy as np

from bridge.errors import BridgeError
from bridge.mind.process import trained
from bridge.page.door import new_door
from bridge.pipeline import Plan, Snapshot, live
from music.condition import Condition
from music.controls import Controls
from music.events import Event, Note, Pedal, Tempo
from music.sampling import Sampling

BPM = 120.0
STEP_BEATS = 0.25
SHOWN = ("restarts", "signal", "mood", "capsules", "notes", "port", "elapsed_s")
FIND_S = 60.0  # for the headset, which may start at the same moment


class Simple:
    """Chords of two bars over a line of eighths, endlessly; as a composer for `bridge.mind`."""

    finished = False

    def __init__(self, seed: int) -> None:
        self.controls = Controls()
        self.sampling = Sampling()
        self._rng = np.random.default_rng(seed)
        self._beats = 0.0

    @property
    def horizon_s(self) -> float:
        """Everything before it is composed."""
        return self._beats * 60.0 / BPM

    def step(self, condition: Condition) -> list[Event]:
        """A quarter of a beat."""
        at, self._beats = self._beats, self._beats + STEP_BEATS
        events: list[Event] = [Tempo(at, BPM)] if at == 0.0 else []
        if at % 4.0 == 0.0:
            events += [Pedal(at, at % 8.0 == 0.0)]
            events += [Note(at, 6.0, int(self._rng.integers(36, 60)), 60) for _ in range(2)]
        if at % 0.5 == 0.0:
            events.append(Note(at, 0.4, int(self._rng.integers(60, 84)), 80))
        return events

    def rewind(self, to_beats: float) -> None:
        """Forget what was composed at or after that beat."""
        self._beats = float(np.ceil(to_beats / STEP_BEATS) * STEP_BEATS)

    def finish(self) -> None:
        """Nothing: it plays on."""

    def resume(self) -> None:
        """Nothing: it never ended."""


def main(stream: str, folder: str, simple: str = "") -> int:
    """Play until told to leave."""
    from bridge.bench.victim import Simple as Importable  # as the processes will find it

    composer = Importable if simple else trained
    plan = Plan(folder=Path(folder), rest_s=0.0, page=new_door(), composer=composer)
    try:
        live(stream, plan, _tell, FIND_S)
    except BridgeError as problem:
        _say({"error": str(problem)})
        return 1
    return 0


def _tell(snapshot: Snapshot) -> None:
    pids = {child.name: child.pid for child in multiprocessing.active_children()}
    shown = {name: getattr(snapshot, name) for name in SHOWN}
    _say({"pids": pids, "said": snapshot.said, **shown})


def _say(told: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
