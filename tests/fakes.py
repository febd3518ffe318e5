"""Stand-ins for a headset and for the trained networks, whose notes tell the emotion they heard."""

from dataclasses import replace

import numpy as np

from capsule.emotion import EmotionCapsule
from eeg.signal import Recording
from eeg.synthetic import sample_recording
from music.controls import Controls
from music.events import Bar, Note, Pedal, Tempo
from music.sampling import Sampling


def beginning(seconds):
    """The sample recording, cut off after so many seconds."""
    whole = sample_recording()
    count = int(seconds * whole.signal.rate_hz)
    return Recording(whole.signal, whole.samples_uv[:count], whole.times_s[:count])


class Steady:
    """A composer of equal steps that ends four beats after it was asked to; to be given notes."""

    bpm = 120.0
    controls = Controls()
    sampling = Sampling()

    def __init__(self, step_beats):
        self.step_beats = step_beats
        self.beats = 0.0
        self.end_beats = np.inf

    @property
    def finished(self):
        return self.beats >= self.end_beats

    def finish(self):
        self.end_beats = min(self.end_beats, self.beats + 4)

    def resume(self):
        self.end_beats = np.inf

    @property
    def horizon_s(self):
        return self.beats * 60.0 / self.bpm

    def step(self, condition):
        if self.finished:
            return []
        at = self.beats
        self.beats += self.step_beats
        tempo = [Tempo(at, self.bpm)] if at == 0 else []
        return [*tempo, *self.play(at, int(np.argmax(condition.probabilities)))]

    def rewind(self, to_beats):
        self.beats = float(np.ceil(to_beats / self.step_beats) * self.step_beats)


class Composer(Steady):
    """A note each quarter of a beat; its pitch tells the quadrant, 60 for Q1 to 63 for Q4."""

    def __init__(self, seed=0):
        super().__init__(0.25)
        self.seed = seed

    def play(self, at, quadrant):
        pitch = 60 + quadrant + 12 * ((int(at * 4) + self.seed) % 2)
        bar = [Bar(at)] if at % 4 == 0 else []
        return [*bar, Pedal(at, at % 2 == 0), Note(at, 0.5, pitch, 64)]


class Recogniser:
    """Arousal follows the entropy of the first region that is there."""

    def __init__(self, montage, rest_s, profile):
        self.rest_s = rest_s

    def push(self, features):
        level = float(features.entropy.sum() / max(1, np.count_nonzero(features.entropy)))
        high = 1.0 / (1.0 + np.exp(-level))
        p = np.array([high, high, 1 - high, 1 - high]) / 2 * 0.8 + 0.05
        neutral = EmotionCapsule.neutral(features.end_s, features.quality)
        return [replace(neutral, probabilities=p / p.sum())]


def recogniser():
    return Recogniser
