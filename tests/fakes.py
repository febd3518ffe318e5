"""Stand-ins for the trained networks: quick to load; their notes tell the emotion they heard."""

from dataclasses import replace

import numpy as np

from capsule.emotion import EmotionCapsule
from music.events import Note, Pedal, Tempo


class Composer:
    """A note each quarter of a beat; its pitch tells the quadrant, 60 for Q1 to 63 for Q4."""

    def __init__(self, seed=0):
        self.seed = seed
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
        return self.beats / 2.0  # 120 a minute

    def step(self, condition):
        if self.finished:
            return []
        at = self.beats
        self.beats += 0.25
        quadrant = int(np.argmax(condition.probabilities))
        pitch = 60 + quadrant + 12 * ((int(at * 4) + self.seed) % 2)
        note = Note(at, 0.5, pitch, 64)
        return [*([Tempo(at, 120.0)] if at == 0 else []), Pedal(at, at % 2 == 0), note]

    def rewind(self, to_beats):
        self.beats = np.ceil(to_beats * 4) / 4


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
