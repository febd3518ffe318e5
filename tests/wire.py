"""The other programs of a live test: a JACK server, its listener, a headset's bridge, ourselves."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import uuid
from pathlib import Path

TESTS = Path(__file__).parent
SOON_S = 30.0

HEADSET = """
import math, sys, time
import pylsl
name, source_id, scale = (*sys.argv[1:], 1)[:3]
info = pylsl.StreamInfo(name, "EEG", 4, 256, pylsl.cf_float32, source_id)
channels = info.desc().append_child("channels")
for label in ("TP9", "AF7", "AF8", "TP10"):
    channel = channels.append_child("channel")
    channel.append_child_value("label", label)
    channel.append_child_value("unit", "microvolts")
outlet = pylsl.StreamOutlet(info)
start, sent = pylsl.local_clock(), 0
while True:
    while sent < (pylsl.local_clock() - start) * 256:
        t = sent / 256
        size = 10 + 9 * math.sin(2 * math.pi * t / 8)
        outlet.push_sample([float(scale) * (size * math.sin(2 * math.pi * (9 + c) * t)
                                            + 3 * math.sin(17 * t * c)) for c in range(1, 5)])
        sent += 1
    time.sleep(0.01)
"""

OURSELVES = """
import importlib, json, multiprocessing, sys
from pathlib import Path
import fakes
from bridge import pipeline
from bridge.daw.control import ControlMap
from bridge.errors import BridgeError
from bridge.daw.habits import Habits, Incoming, Velocity

def show(snapshot):
    told = {name: getattr(snapshot, name) for name in
            ("signal", "mood", "notes", "capsules", "restarts", "panics", "said", "port",
             "underruns", "rewinds", "late", "lateness_p99_ms", "sample_age_s", "gaps", "valence",
             "arousal", "confidence", "quality", "strength", "recorded_bytes", "probabilities")}
    told["pids"] = {child.name: child.pid for child in multiprocessing.active_children()}
    print(json.dumps(told), flush=True)

asked = json.loads(sys.argv[1])
module, _, name = asked["composer"].rpartition(".")
composer = getattr(importlib.import_module(module), name)
plan = pipeline.Plan(folder=Path(asked["folder"]), habits=eval(asked["habits"]), osc=asked["osc"],
                     port=asked["port"], composer=composer, recogniser=fakes.recogniser)
try:
    show(pipeline.live(asked["stream"], plan, show))
except BridgeError as problem:
    print(json.dumps({"error": str(problem)}), flush=True)
    sys.exit(1)
"""


def until(condition, why="what was to come", seconds=SOON_S):
    """Wait for a condition; its value."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if value := condition():
            return value
        time.sleep(0.02)
    raise AssertionError(f"waited {seconds} s in vain for {why}")


class Program:
    """A process whose lines are read as they come."""

    def __init__(self, *command, environment=None, reads=False):
        paths = f"{TESTS}{os.pathsep}{TESTS.parent}"
        self.process = subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.PIPE if reads else None,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1", **(environment or {})},
            start_new_session=True,
        )
        self.lines, self.errors = [], []
        for stream, kept in ((self.process.stdout, self.lines), (self.process.stderr, self.errors)):
            threading.Thread(target=self._read, args=(stream, kept), daemon=True).start()

    @staticmethod
    def _read(stream, kept):
        with stream:
            for line in stream:
                kept.append(line.rstrip("\n"))

    def kill(self, number=signal.SIGKILL):
        self.process.send_signal(number)

    def kill_all(self, number):
        os.killpg(self.process.pid, number)

    def ended(self, seconds=SOON_S):
        return self.process.wait(seconds)

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        if self.process.stdin is not None:
            self.process.stdin.close()


def python(code, *arguments):
    return Program(sys.executable, "-c", code, *arguments)


class Headset:
    """A stream under a name of its own, which can be started again."""

    def __init__(self):
        self.name = f"Headset {uuid.uuid4().hex[:6]}"
        self.program = None
        self.start()

    def start(self):
        self.close()
        self.program = python(HEADSET, self.name, f"id of {self.name}")

    def close(self):
        if self.program is not None:
            self.program.close()


def forget_dead_servers():
    """Give back the slots of killed JACK servers, if none is running: there are eight in all."""
    names = (path.read_text() for path in Path("/proc").glob("[0-9]*/comm") if path.exists())
    with contextlib.suppress(OSError):  # a process ended while we looked
        if any(name.strip() in ("jackd", "jackdbus") for name in names):
            return
        for left in Path("/dev/shm").glob("jack*"):
            if left.is_file():
                left.unlink()


class Jack(Program):
    """A JACK server without a sound card, under a name of its own."""

    def __init__(self, name=None):
        self.name = name or f"emocapsule-{uuid.uuid4().hex[:8]}"
        forget_dead_servers()
        options = ("-S", "-n", self.name, "-d", "dummy", "-r", "48000", "-p", "128")
        super().__init__(shutil.which("jackd"), "-R", "-P", "70", *options)
        try:
            until(self._answers, "JACK in real time", 3.0)
        except AssertionError:
            self.close()
            super().__init__(shutil.which("jackd"), "-r", *options)
            until(self._answers, "JACK")

    def close(self):
        """End it in order: a killed one leaves its slot of JACK's eight taken for ever."""
        self.process.terminate()
        self.process.wait()

    def _answers(self):
        there = subprocess.run(
            ["jack_lsp"], env={**os.environ, "JACK_DEFAULT_SERVER": self.name}, capture_output=True
        )
        return self.process.poll() is None and there.returncode == 0


class Listener(Program):
    """What a synth on a virtual port hears."""

    def __init__(self, *options, port="emocapsule:notes"):
        super().__init__(sys.executable, "-m", "bridge.bench.receiver", port, *options)
        until(lambda: "listening" in self.lines, "the listener")

    def events(self):
        return [(float(t), bytes.fromhex(e)) for t, e in map(str.split, self.lines[1:])]

    def strikes(self):
        return [(t, e[1]) for t, e in self.events() if e[0] & 0xF0 == 0x90 and e[2]]

    def sent(self, kind):
        """What came with this status, channels apart: [(time, message)]."""
        return [(t, e) for t, e in self.events() if e[0] & (0xFF if e[0] >= 0xF0 else 0xF0) == kind]

    def down(self):
        """Keys and pedal that are down."""
        keys = set()
        for _, (status, number, value) in (e for e in self.events() if len(e[1]) == 3):
            kind = status & 0xF0
            if kind == 0x90 and value:
                keys.add(number)
            elif kind in (0x80, 0x90):
                keys.discard(number)
            elif kind == 0xB0 and number == 64:
                (keys.add if value else keys.discard)("pedal")
        return keys

    def released(self, since):
        """Keys and pedal that came up after so many events."""
        up = {e[1] for _, e in self.events()[since:] if e[0] & 0xF0 == 0x80}
        late = (e for _, e in self.events()[since:] if e[0] & 0xF0 == 0xB0 and e[1:] == b"\x40\x00")
        return up | {"pedal" for _ in late}


class Ourselves(Program):
    """`pipeline.live` in a program of its own."""

    def __init__(
        self, stream, folder, habits="Habits()", osc=None, composer="fakes.Composer", port=None
    ):
        told = {"stream": stream, "folder": str(folder), "habits": habits, "osc": osc}
        asked = json.dumps(told | {"composer": composer, "port": port})
        super().__init__(sys.executable, "-c", OURSELVES, asked)

    def told(self):
        return json.loads(self.lines[-1]) if self.lines else {}

    def pid(self, name):
        return self.told()["pids"][name]

    def said(self):
        return [sentence for line in self.lines for sentence in json.loads(line).get("said", ())]
