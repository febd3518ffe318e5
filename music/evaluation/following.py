"""Does the music follow the emotion? Generated clips before an independent judge.

``python -m music.evaluation.following`` is the quick look: for each strength the judge's agreement
and what a listener notices first, beside real clips that neither the model nor the judge learned
from.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from music.condition import STRENGTH, Condition
from music.conditioning import QUADRANTS
from music.corpus.dataset import Piece
from music.evaluation.features import FEWEST_NOTES
from music.evaluation.intervals import Figure, mean, shown
from music.evaluation.judge import Judge, Reader, arousal, valence
from music.evaluation.performance import (
    PITCH,
    VELOCITY,
    LabelledClip,
    PerformedClip,
    from_events,
    read_emopia,
)
from music.evaluation.request import Clip, Length, Request, keep, kept, key_of
from music.evaluation.sampler import play, played_by
from music.evaluation.tonality import chroma_of, majorness
from music.network import Network
from music.sampling import Sampling
from music.store import WEIGHTS, load_model

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
AXES = ("4Q", "arousal", "valence")
PERMUTATIONS = 2000


def hits(p: Floats, asked: Ints) -> dict[str, npt.NDArray[np.bool_]]:
    """For each of AXES (N,) whether what is judged, ``p`` (N, 4), is what was asked (0..3)."""
    return {
        "4Q": p.argmax(axis=1) == asked,
        "arousal": (arousal(p) > 0.5) == (asked < 2),
        "valence": (valence(p) > 0.5) == ((asked == 0) | (asked == 3)),
    }


def agreement(
    p: Floats, asked: Ints, groups: npt.NDArray[np.generic] | None = None
) -> dict[str, Figure]:
    """Share of clips judged as asked, over all four and on each axis, with intervals over clips, or
    over groups of clips such as songs.
    """
    return {axis: mean(hit, groups) for axis, hit in hits(p, asked).items()}


def shuffled(p: Floats, asked: Ints, seed: int = 0) -> dict[str, Figure]:
    """The control: the conditions dealt anew among the clips. ``value`` is the mean agreement over
    deals, ``low`` and ``high`` hold 95 % of them, ``p`` is how often a deal does as well as the
    truth.
    """
    rng = np.random.default_rng(seed)
    deals = [hits(p, rng.permutation(asked)) for _ in range(PERMUTATIONS)]
    out = {}
    for axis, hit in hits(p, asked).items():
        dealt = np.array([deal[axis].mean() for deal in deals])
        low, high = np.percentile(dealt, [2.5, 97.5])
        as_good = (float((dealt >= hit.mean()).sum()) + 1) / (PERMUTATIONS + 1)
        value = float(dealt.mean())
        out[axis] = {"value": value, "low": float(low), "high": float(high), "p": as_good}
    return out


def quadrant(number: int, strength: float) -> Condition:
    """One of the four corners."""
    corner = (0.0, 0.0, 0.0, 0.0)
    return Condition((*corner[:number], 1.0, *corner[number + 1 :]), strength)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Played:
    """Clips that were asked for, as they sound."""

    clips: list[Clip]
    sound: list[PerformedClip]
    asked: Ints  # (N,) quadrant


@dataclass(frozen=True)
class Playing:
    """How clips are played, the same for every figure of a report.

    With a ``folder`` each block of ``rows`` requests is kept there, so that a run that was stopped
    goes on; ``name`` tells whose music it is.
    """

    model: Network
    sampling: Sampling
    seconds: float = 30.0
    rows: int = 64
    precision: torch.dtype = torch.float32
    folder: Path | None = None
    name: str = ""

    def play(self, requests: Sequence[Request], length: Length | None = None) -> list[Clip]:
        """The clips of ``requests``, in their order."""
        whole = length or Length(self.seconds)
        starts = range(0, len(requests), self.rows)
        blocks = [requests[start : start + self.rows] for start in starts]
        return [clip for block in blocks for clip in self._block(block, whole)]

    def _block(self, requests: Sequence[Request], length: Length) -> list[Clip]:
        file = self.folder and self.folder / f"{self._key(requests, length)}.npz"
        if file and file.is_file():
            return kept(file, requests, length)
        clips = play(
            self.model, requests, length, self.sampling, self.rows, precision=self.precision
        )
        if file:
            file.parent.mkdir(parents=True, exist_ok=True)
            keep(file, clips)
        return clips

    def _key(self, requests: Sequence[Request], length: Length) -> str:
        about = [self.sampling, self.precision, length, *requests]
        return key_of([self.name, played_by(), *map(repr, about)])

    def quadrants(self, each: int, strength: float, seed: int = 0) -> Played:
        """``each`` clips of every quadrant."""
        return played_of(self.play(corners(each, strength, seed)), self.seconds)


def corners(each: int, strength: float, seed: int = 0) -> list[Request]:
    """``each`` clips of every quadrant; a clip's seed is its number, at every strength."""
    return [
        Request(seed + number, ((0.0, quadrant(number % QUADRANTS, strength)),))
        for number in range(each * QUADRANTS)
    ]


def played_of(clips: list[Clip], seconds: float) -> Played:
    """What was played for ``corners``."""
    asked = np.arange(len(clips)) % QUADRANTS
    return Played(clips, [sound(clip, seconds) for clip in clips], asked)


def sound(clip: Clip, seconds: float) -> PerformedClip:
    """A clip as the judge hears it: at most ``seconds``."""
    return from_events(clip.events).cut(0.0, seconds)


def real_clips(data: Path, splits: Sequence[str], seconds: float) -> list[LabelledClip]:
    """Held-out clips of EMOPIA, cut to the length of the generated ones."""
    return [
        LabelledClip(one.name, one.song, one.quadrant, one.split, one.clip.cut(0.0, seconds))
        for one in read_emopia(data, splits)
    ]


def emopia(pieces: Sequence[Piece], split: str) -> list[Piece]:
    """EMOPIA's pieces of a split."""
    return [p for p in pieces if p.source.dataset == "emopia" and p.source.split == split]


def plainly(clips: Sequence[PerformedClip]) -> dict[str, float]:
    """Means over clips of what a listener notices first."""
    heard = [clip for clip in clips if len(clip.notes) >= FEWEST_NOTES]
    if not heard:
        return {"clips": 0}
    return {
        "clips": len(heard),
        "notes/s": float(np.mean([len(c.notes) / max(c.duration_s, 1.0) for c in heard])),
        "velocity": float(np.mean([c.notes[:, VELOCITY].mean() for c in heard])),
        "pitch": float(np.mean([c.notes[:, PITCH].mean() for c in heard])),
        "majorness": float(np.mean([majorness(chroma_of(c)) for c in heard])),
    }


def each_plainly(clips: Sequence[PerformedClip], asked: Ints) -> list[dict[str, float]]:
    """The same of each quadrant's clips."""
    pairs = list(zip(clips, asked, strict=True))
    return [plainly([clip for clip, a in pairs if a == q]) for q in range(QUADRANTS)]


def _lines(
    name: str,
    clips: list[PerformedClip],
    asked: Ints,
    judge: Reader,
    groups: npt.NDArray[np.generic] | None = None,
) -> list[str]:
    found = agreement(judge.probabilities(clips), asked, groups)
    told = "  ".join(f"{axis} {shown(found[axis])}" for axis in AXES)
    lines = [f"{name:14} n={len(clips):<4} {told}"]
    for q, means in enumerate(each_plainly(clips, asked)):
        lines.append(f"  Q{q + 1}  " + "  ".join(f"{k} {x:.2f}" for k, x in means.items()))
    return lines


def main(argv: list[str] | None = None, say: Callable[[str], None] = print) -> int:
    """``python -m music.evaluation.following``."""
    name = "python -m music.evaluation.following"
    parser = argparse.ArgumentParser(prog=name, description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="holds emopia/")
    parser.add_argument("--weights", type=Path, default=WEIGHTS)
    parser.add_argument("--split", choices=("valid", "test"), default="valid")
    parser.add_argument("--clips", type=int, default=16, help="of each quadrant")
    parser.add_argument("--strengths", type=float, nargs="+", default=[1.0, STRENGTH])
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--temperature", type=float, default=Sampling.temperature)
    parser.add_argument("--top-p", type=float, default=Sampling.top_p)
    parser.add_argument("--bfloat16", action="store_true", help="faster, not the composer's bits")
    args = parser.parse_args(argv)
    torch.set_num_threads(1)
    judge = Judge.train(args.data, seed=0)
    real = real_clips(args.data, [args.split], args.seconds)
    asked = np.array([clip.quadrant for clip in real])
    heard, songs = [clip.clip for clip in real], np.array([clip.song for clip in real])
    for line in _lines(f"real {args.split}", heard, asked, judge, songs):
        say(line)
    precision = torch.bfloat16 if args.bfloat16 else torch.float32
    sampling = Sampling(args.temperature, args.top_p)
    playing = Playing(load_model(args.weights), sampling, args.seconds, precision=precision)
    for strength in args.strengths:
        played = playing.quadrants(args.clips, strength)
        for line in _lines(f"strength {strength:g}", played.sound, played.asked, judge):
            say(line)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
