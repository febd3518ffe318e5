"""A second judge, of another kind: a network that looks at pitch classes as a circle.

What sounds, what is struck, the bass and the top note are folded into twelve pitch classes, four
frames a second; convolutions go round the circle and along time, and their maximum and mean over
the circle do not depend on the key. Register, density and loudness join after that. It has none of
the first judge's features, so where both agree with what was asked, no one feature was gamed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from music.evaluation.features import FEWEST_NOTES
from music.evaluation.judge import EACH, SECONDS, Window, stretches
from music.evaluation.learners import QUADRANTS
from music.evaluation.performance import LabelledClip, PerformedClip, read_emopia

Floats = npt.NDArray[np.float64]
Rolled = tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]
FRAMES_PER_S = 4
LONGEST_RING_S = 3.0
EPOCHS, BATCH, RATE, DECAY, DROPOUT, SMOOTHING = 30, 32, 3e-3, 0.05, 0.3, 0.05
CROPS_S = (30, 4, 30, 12)  # of the batches in turn, so that it reads long and short windows


def fold(clip: PerformedClip) -> Rolled:
    """(4, 12, T) what sounds, the bass, what is struck and the top note by pitch class, and (6, T)
    onsets, loudness, lowest and highest pitch, polyphony and length, all about one in size.
    """
    onset, duration, pitch, velocity = clip.notes.T
    frames = max(int(np.ceil(clip.duration_s * FRAMES_PER_S)), 2)
    start = np.arange(frames) / FRAMES_PER_S
    end = onset + np.clip(duration, 0.05, LONGEST_RING_S)
    sounding = np.minimum(end[:, None], start + 1 / FRAMES_PER_S)
    sounding = np.maximum(sounding - np.maximum(onset[:, None], start), 0.0) * FRAMES_PER_S
    heard, classes = sounding > 0.1, pitch.astype(int) % 12
    low = np.where(heard, pitch[:, None], 999.0).min(axis=0, initial=999.0)
    high = np.where(heard, pitch[:, None], -1.0).max(axis=0, initial=-1.0)
    voiced, at = (
        np.flatnonzero(high >= 0),
        np.minimum((onset * FRAMES_PER_S).astype(int), frames - 1),
    )
    circle = np.zeros((4, 12, frames))
    np.add.at(circle[0], classes, sounding * velocity[:, None] / 64)
    circle[1, low[voiced].astype(int) % 12, voiced] = 1.0
    np.add.at(circle[2], (classes, at), velocity / 64)
    circle[3, high[voiced].astype(int) % 12, voiced] = 1.0
    circle[[0, 2]] **= 0.5
    struck = np.bincount(at, minlength=frames)
    of_each = np.maximum(struck, 1)
    plain = np.zeros((6, frames))
    plain[0] = struck / 3
    plain[1] = np.bincount(at, velocity, minlength=frames) / of_each / 64
    plain[2, voiced], plain[3, voiced] = (low[voiced] - 45) / 15, (high[voiced] - 70) / 12
    plain[4] = heard.sum(axis=0) / 5
    lengths = np.bincount(at, np.minimum(duration, 4.0), minlength=frames)
    plain[5] = np.log1p(lengths / of_each)
    return circle.astype(np.float32), plain.astype(np.float32)


class CircleNetwork(nn.Module):
    """Two convolutions round the circle, one along time, pooled over both."""

    def __init__(self, width: int = 24, hidden: int = 64) -> None:
        super().__init__()
        self.first = nn.Conv2d(4, width, (12, 3), padding=(0, 1))
        self.second = nn.Conv2d(width, width, (12, 3), padding=(0, 1), stride=(1, 2))
        self.plain = nn.Conv1d(6, 16, 5, padding=2, stride=2)
        self.joined = nn.Conv1d(2 * width + 16, hidden, 5, padding=2, stride=2)
        self.norms = nn.ModuleList(
            [nn.BatchNorm2d(width), nn.BatchNorm2d(width), nn.BatchNorm1d(16)]
        )
        self.last_norm = nn.BatchNorm1d(hidden)
        self.out = nn.Linear(2 * hidden, QUADRANTS)

    def forward(self, circle: Tensor, plain: Tensor) -> Tensor:
        """(B, 4, 12, T), (B, 6, T) to logits (B, 4)."""
        x = F.relu(self.norms[0](self.first(_round(circle))))
        x = F.dropout2d(x, DROPOUT / 2, self.training)
        x = F.relu(self.norms[1](self.second(_round(x))))
        beside = F.relu(self.norms[2](self.plain(plain)))
        joined = torch.cat([x.amax(dim=2), x.mean(dim=2), beside], dim=1)
        joined = F.dropout1d(joined, DROPOUT / 2, self.training)
        y = F.relu(self.last_norm(self.joined(joined)))
        pooled = torch.cat([y.mean(dim=2), y.amax(dim=2)], dim=1)
        return torch.as_tensor(self.out(F.dropout(pooled, DROPOUT, self.training)))


def _round(x: Tensor) -> Tensor:
    """(B, C, 12, T) to (B, C, 23, T): a kernel of twelve sees every rotation once."""
    return torch.cat([x, x[:, :, :11]], dim=2)


@dataclass(frozen=True)
class CircleJudge:
    """Reads the probabilities of the four quadrants from clips in seconds. Not calibrated."""

    network: CircleNetwork

    @classmethod
    def train(cls, data: Path, seed: int = 0) -> CircleJudge:
        """From the songs that ``Judge.train`` has; about a minute on one core."""
        return cls.of(read_emopia(data, ["train"]), seed)

    @classmethod
    def of(
        cls, labelled: Sequence[LabelledClip], seed: int = 0, epochs: int = EPOCHS
    ) -> CircleJudge:
        """From any labelled clips. The same seed gives the same network on one machine."""
        rng, batch = np.random.default_rng(seed), min(BATCH, len(labelled))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            network = CircleNetwork().train()
            rolls = [fold(one.clip) for one in labelled]
            truth = torch.tensor([one.quadrant for one in labelled])
            optimiser = torch.optim.AdamW(network.parameters(), RATE, weight_decay=DECAY)
            steps = epochs * (len(rolls) // batch)
            rise = torch.optim.lr_scheduler.OneCycleLR(
                optimiser, RATE, total_steps=steps, pct_start=0.15
            )
            for step in range(steps):
                if step % (len(rolls) // batch) == 0:
                    order = rng.permutation(len(rolls))
                rows = order[:batch]
                order = order[batch:]
                inputs = _crops([rolls[k] for k in rows], CROPS_S[step % len(CROPS_S)], rng)
                loss = F.cross_entropy(network(*inputs), truth[rows], label_smoothing=SMOOTHING)
                optimiser.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                optimiser.step()
                rise.step()
        return cls(network.eval())

    @torch.no_grad()
    def probabilities(self, clips: Sequence[PerformedClip], window: Window = "long") -> Floats:
        """(N, 4) of Q1..Q4: long clips in windows and averaged, silence even, as ``Judge`` does."""
        means = []
        for clip in clips:
            if len(clip.notes) < FEWEST_NOTES:
                means.append(np.full(QUADRANTS, 1.0 / QUADRANTS))
                continue
            rolls = [fold(part) for part in stretches(clip, SECONDS[window], EACH[window])]
            parts = [[torch.from_numpy(side)[None] for side in roll] for roll in rolls]
            p = torch.cat([self.network(*part).softmax(dim=1) for part in parts])
            means.append(p.mean(dim=0).numpy())
        return np.array(means, dtype=np.float64).reshape(-1, QUADRANTS)


def _crops(
    rolls: Sequence[Rolled], seconds: int, rng: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """A random stretch of each, padded with silence where the clip is shorter."""
    frames = seconds * FRAMES_PER_S
    circles = np.zeros((len(rolls), 4, 12, frames), dtype=np.float32)
    plains = np.zeros((len(rolls), 6, frames), dtype=np.float32)
    for k, (circle, plain) in enumerate(rolls):
        start = int(rng.integers(max(plain.shape[1] - frames, 0) + 1))
        part = slice(start, start + frames)
        circles[k, ..., : plain[:, part].shape[1]] = circle[..., part]
        plains[k, :, : plain[:, part].shape[1]] = plain[:, part]
    return torch.from_numpy(circles), torch.from_numpy(plains)
