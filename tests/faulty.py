"""A headset and a composer that fail as they are told, while a performance runs."""

import contextlib
import ctypes
import os
import sys
import time
import uuid
from contextlib import closing
from pathlib import Path

import fakes
from wire import Listener, Ourselves, Program, until

from music.events import Note

# A bridge to a headset; a line on its standard input says what is wrong from now on.
HEADSET = """
import math, queue, random, sys, threading, time
import pylsl
name, source_id, rate, labels = sys.argv[1:5]
rate, labels = float(rate), labels.split(",")
info = pylsl.StreamInfo(name, "EEG", len(labels), rate, pylsl.cf_float32, source_id)
channels = info.desc().append_child("channels")
for label in labels:
    channel = channels.append_child("channel")
    channel.append_child_value("label", label)
    channel.append_child_value("unit", "microvolts")
outlet = pylsl.StreamOutlet(info)
fault, ahead = "none", 0.0
chance = random.Random(1)
lines = queue.SimpleQueue()
hears = lambda: [lines.put(line.strip()) for line in sys.stdin]
threading.Thread(target=hears, daemon=True).start()

def sample(sent):
    t = sent / rate
    size = 10 + 9 * math.sin(2 * math.pi * t / 8)
    values = [size * math.sin(2 * math.pi * (9 + c) * t) + chance.gauss(0, 3)
              for c in range(len(labels))]
    if fault == "nan":
        values[0] = math.nan
    elif fault == "all-nan":
        values = [math.nan, math.inf, -math.inf, math.nan]
    elif fault == "flat":
        values = [0.0] * len(labels)
    elif fault == "railed":
        values = [187500.0] * len(labels)
    elif fault == "mains":
        values = [v + 2000 * math.sin(2 * math.pi * 50 * t) for v in values]
    elif fault == "muscle":
        values = [v + chance.gauss(0, 1500) for v in values]
    return values

start, sent, held = pylsl.local_clock(), 0, []
while True:
    while not lines.empty():
        fault, _, number = lines.get().partition(" ")
        ahead = float(number or 0)
    while sent < (pylsl.local_clock() - start) * rate:
        at = start + sent / rate
        stamp = at + ahead
        if fault == "again":
            stamp = start + (sent - sent % 8) / rate
        elif fault == "jumping":
            stamp += 600 * (sent % 500 == 0) - 600 * (sent % 500 == 250)
        elif fault == "back":
            stamp -= 0.05 * (sent % 16 < 8)
        if not (fault == "loss" and chance.random() < 0.2):
            held.append((sample(sent), stamp))
        sent += 1
    if held and (fault != "bursts" or len(held) >= rate / 2):
        for values, stamp in held:
            outlet.push_sample(values, stamp)
        held = []
    time.sleep(0.01)
"""
MUSE = "TP9,AF7,AF8,TP10"


class Headset:
    """A stream under a name of its own; it can be told what to do wrong, and started as another."""

    def __init__(self):
        self.name = f"Faulty {uuid.uuid4().hex[:6]}"
        self.program = None
        self.start()

    def start(self, rate_hz=256, labels=MUSE, source_id=None):
        self.close()
        source_id = source_id or f"id of {self.name}"
        words = (self.name, source_id, rate_hz, labels)
        self.program = Program(sys.executable, "-c", HEADSET, *words, reads=True)

    def goes(self, wrong):
        self.program.process.stdin.write(wrong + "\n")
        self.program.process.stdin.flush()

    def close(self):
        if self.program is not None:
            self.program.close()


def begins(ourselves, listener):
    """Wait for the first notes, and for the emotion that they do not wait for."""

    def begun():
        felt = ourselves.told().get("capsules")
        return (felt and len(listener.strikes()) >= 5) or ourselves.process.poll() is not None

    until(begun, "the music")
    assert ourselves.process.poll() is None, (ourselves.lines[-3:], ourselves.errors[-9:])


class Stage:
    """One performance, its headset, and who listens."""

    def __init__(self, headset, ourselves, listener, folder):
        self.headset, self.ourselves = headset, ourselves
        self.listener, self.folder = listener, folder

    def told(self, name):
        return self.ourselves.told()[name]

    def plays(self, notes=6):
        before = len(self.listener.strikes())
        until(lambda: len(self.listener.strikes()) >= before + notes, "more notes")

    def capsules(self, count):
        before = self.told("capsules")
        until(lambda: self.told("capsules") >= before + count, "more capsules")

    def numbers(self):
        """Everything that is shown of the emotion."""
        told = self.ourselves.told()
        names = ("valence", "arousal", "confidence", "quality", "strength")
        return [*(told[name] for name in names), *told["probabilities"]]


@contextlib.contextmanager
def performing(headset, folder, **ourselves):
    """A performance into a folder that has begun to play; no traceback may ever come of it."""
    with (
        closing(headset),
        closing(Listener()) as listener,
        closing(Ourselves(headset.name, folder, **ourselves)) as ourselves,
    ):
        begins(ourselves, listener)
        yield Stage(headset, ourselves, listener, folder)
    assert not [line for line in ourselves.errors if "Traceback" in line], ourselves.errors


ASKED = "EMOCAPSULE_TEST_FAULT"  # a file that holds the next fault
CHORD = range(21, 109)


class Composer(fakes.Composer):
    """Does once what the file says."""

    floods = 0  # how many steps yet
    endless = False

    def step(self, condition):
        asked = Path(os.environ[ASKED])
        if asked.exists():
            word = asked.read_text()
            asked.unlink()
            getattr(self, word)()
        return super().step(condition)

    def play(self, at, quadrant):
        events = super().play(at, quadrant)
        if self.floods:
            self.floods -= 1
            events += [Note(at + n / 64, 0.1, pitch, 64) for n in range(16) for pitch in CHORD]
        if self.endless:
            self.endless = False
            events.append(Note(at, 1e6, 30, 64))
        return events

    def stall(self):
        time.sleep(3.0)

    def hang(self):
        time.sleep(1e6)

    def invalid(self):
        Note(0.0, 1.0, 999, 64)

    def crash(self):
        ctypes.string_at(0)

    def hog(self):
        ctypes.PyDLL(None).usleep(900_000)  # the interpreter's lock is kept meanwhile

    def flood(self):
        self.floods = 8

    def hold(self):
        self.endless = True
