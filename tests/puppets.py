"""A player whose notes tell what it was asked for, and a judge that can read them."""

import numpy as np
from networks import tiny_model

from music import vocabulary as v
from music.evaluation.following import Playing
from music.evaluation.performance import PITCH
from music.evaluation.request import Clip, Length, Player, Request
from music.sampling import Sampling

BAR_S = 2.0  # about
LOW, STEP = 30, 18  # the pitch of Q1 and how far apart the quadrants' pitches are
SILENT = tiny_model()


class PitchJudge:
    """Reads the quadrant from where the notes lie, softly."""

    def probabilities(self, clips, window="long"):
        p = np.full((len(clips), 4), 0.25)
        for row, clip in enumerate(clips):
            if len(clip.notes):
                place = (clip.notes[:, PITCH] - LOW) / STEP
                near = np.exp(-4 * (place[:, None] - np.arange(4)) ** 2).mean(axis=0)
                p[row] = near / near.sum()
        return p


class Puppet(Playing):
    """Plays four notes a bar, each at a pitch drawn from the mixture; ``late`` bars behind."""

    late = 0
    deaf = False

    def play(self, requests, length=None):
        return [self._clip(r, length or Length(self.seconds)) for r in requests]

    def _clip(self, request: Request, length: Length) -> Clip:
        player, rng = Player.start(request), np.random.default_rng(request.seed)
        for bar in range(length.bars or max(15, int(length.seconds / BAR_S))):
            place = max(bar - self.late, 0) * (1.0 if request.in_bars else BAR_S)
            told = request.at(place).probabilities
            q = int(rng.choice(4, p=[0.25] * 4 if self.deaf else told))
            note = [v.PITCH.start + LOW - 21 + STEP * q, v.VEL.start + 15, v.DUR.start + 20]
            beat = [v.TEMPO.start + 57, v.POS.start, *note]  # about 120 bpm
            start = [v.LATENT] if bar == 0 else [v.BAR, v.LATENT]
            for token in start + beat * 4:
                player.push(token)
        player.push(v.BAR)
        return player.clip(length)


def puppet(late: int = 0, deaf: bool = False) -> Puppet:
    found = Puppet(SILENT, Sampling())
    object.__setattr__(found, "late", late)
    object.__setattr__(found, "deaf", deaf)
    return found
