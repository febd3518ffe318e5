"""Who takes part in a sitting: a headset whose EEG follows what is played, and a listener."""

import sys

from bridge.calibration.programme import Programme
from music.events import Note, Pedal, Tempo, TempoMap

RATINGS = {"Q1": ("8", "7"), "Q2": ("2", "9"), "Q3": ("3", "1"), "Q4": ("7", "2")}

# EEG of five moods, made beforehand; which of them is sent depends on the markers of the sitting.
HEADSET = """
import re, sys, time
import numpy as np
from eeg.lsl import Outlet, clock
from eeg.markers import MarkerInlets
from eeg.synthetic import EPOC, Step, synthesise
name, seconds = sys.argv[1], float(sys.argv[2])
MOODS = {"rest": (0, 0), "Q1": (2, 2), "Q2": (-2, 2), "Q3": (-2, -2), "Q4": (2, -2)}
courses = {mood: synthesise(EPOC, 128.0, [Step(seconds, *axes, mood)], seed).samples_uv
           for seed, (mood, axes) in enumerate(MOODS.items(), start=1)}
outlet = Outlet(name, "EEG", EPOC, 128.0, "microvolts", f"id of {name}")
markers, mood = MarkerInlets("EmocapsuleCalibration"), "rest"
start, sent = clock(), 0
print("there", flush=True)
while True:
    for marker in markers.pull():
        begins = re.search("begins, meant as (Q[1-4])", marker.text)
        mood = begins[1] if begins else "rest"
    due = int((clock() - start) * 128)
    rows = np.arange(sent, due)
    outlet.push(courses[mood][rows % len(courses[mood])], start + rows / 128)
    sent = max(sent, due)
    time.sleep(0.02)
"""

# A sitting without a terminal: the listener answers by what each piece is meant as.
SITS = """
import json, sys
from pathlib import Path
import fakes, sitters
from bridge.calibration import core
from bridge.calibration.core import Sitting
from bridge.calibration.kept import heard, kept
from bridge.calibration.programme import Programme
from bridge.calibration.session import sit
from bridge.plan import Plan
core.SETTLE_S = 0.5
stream, folder = sys.argv[1], Path(sys.argv[2])
programme = Programme.load(folder)
sitting = Sitting(programme, {one.number for one in heard(kept(folder))})
plan = Plan(port="none", folder=folder, recogniser=fakes.recogniser)
print(sit(stream, plan, sitting, programme, sitters.Listener(programme), sitters.Composer),
      flush=True)
"""


class Listener:
    """Answers each question at once, and tells all that is said."""

    def __init__(self, programme: Programme) -> None:
        self._pieces = {one.number: one.quadrant for one in programme.pieces()}
        self._number = 0
        self._answers: list[str] = []

    def say(self, text: str) -> None:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()
        if text.startswith("Piece "):
            self._number = int(text.split()[1])

    def ask(self, text: str) -> None:
        valence, arousal = RATINGS[self._pieces[self._number]]
        self._answers.append(valence if "pleasant" in text else arousal)

    def answer(self) -> str | None:
        return self._answers.pop() if self._answers else None


class Composer:
    """A note each half second, and the pedal; its pitch tells the quadrant."""

    def __init__(self, seed=0):
        self.seed = seed
        self.reset()

    def reset(self):
        self.beats, self.end, self.tempo_map = 0.0, None, TempoMap()

    def finish(self):
        self.end = self.end or self.beats + 1.0

    def resume(self):
        self.end = None

    @property
    def finished(self):
        return self.end is not None and self.beats >= self.end

    @property
    def horizon_s(self):
        return self.tempo_map.seconds(self.beats)

    def ends_s(self, later_bars=0):
        return self.horizon_s + 0.5 + 0.5 * later_bars

    def step(self, condition):
        at, self.beats = self.beats, self.beats + 1.0
        tempo = Tempo(at, 120.0)
        self.tempo_map.push(tempo)
        quadrant = condition.probabilities.index(1.0)
        return [tempo, Pedal(at, True), Note(at + 0.5, 4.0, 60 + quadrant, 64)]
