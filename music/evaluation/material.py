"""What the sections of a report work on: loaded or played when first asked for, and then kept."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

import torch

from music.condition import STRENGTH
from music.corpus.dataset import Piece, load
from music.errors import MusicError
from music.evaluation.following import Played, Playing, emopia, real_clips
from music.evaluation.judge import Judge, Reader
from music.evaluation.performance import LabelledClip
from music.evaluation.request import key_of
from music.evaluation.sampler import played_by
from music.model import MusicModel
from music.sampling import Sampling
from music.store import load_model


@dataclass(frozen=True)
class Scale:
    """How much is played and scored."""

    clips: int = 100  # of each quadrant at each strength
    sweep_clips: int = 64  # at each of its steps
    jump_seeds: int = 8  # of each ordered pair
    jump_bars: int = 8  # before the jump, and after
    course_seeds: int = 8  # of each ordered pair that differs in arousal
    pieces: int | None = None  # scored for likelihood; None: all
    samples: int = 16  # of each stretch's latents, for its bound
    pasts: int = 16
    draws: int = 16
    speed_s: float = 60.0
    speed_pieces: int = 4


FULL = Scale()
QUICK = Scale(
    clips=4,
    sweep_clips=4,
    jump_seeds=1,
    course_seeds=1,
    pieces=8,
    pasts=4,
    draws=8,
    speed_s=20.0,
    speed_pieces=1,
)


@dataclass(frozen=True)
class Settings:
    """All that a report depends on beside the weights and the data."""

    split: str = "valid"
    seconds: float = 30.0
    shipped: float = STRENGTH
    strengths: tuple[float, ...] = (1.0, STRENGTH)
    seed: int = 0
    precision: str = "float32"  # of the clips; the composer's
    scale: Scale = FULL

    @property
    def all_strengths(self) -> list[float]:
        """Those asked for, the unguided model and what ships."""
        return sorted({*self.strengths, 1.0, self.shipped})


@dataclass
class Material:
    """A model to be judged and those who judge it. Clips are kept in ``out``."""

    weights: Path
    data: Path  # holds emopia/
    tokens: Path  # from `prepare`
    out: Path
    settings: Settings

    @cached_property
    def fingerprint(self) -> str:
        """Of the weights, whatever folder they are in. MusicError if there are none."""
        files = [self.weights / name for name in ("config.json", "model.safetensors")]
        missing = [file.name for file in files if not file.is_file()]
        if missing:
            raise MusicError(f"No music model in {self.weights}: {missing[0]} is missing.")
        digest = hashlib.sha256(b"".join(file.read_bytes() for file in files))
        return digest.hexdigest()[:16]

    def key(self, uses: Sequence[str]) -> str:
        """What figures depend on that use these settings, dotted inside the scale."""
        settings = asdict(self.settings)
        settings |= {f"scale.{name}": value for name, value in settings["scale"].items()}
        corpus = self.tokens / "music.npz"
        data = hashlib.sha256(corpus.read_bytes()).hexdigest() if corpus.is_file() else ""
        used = {name: settings[name] for name in uses}
        return key_of([self.fingerprint, played_by(), data, used])

    @cached_property
    def model(self) -> MusicModel:
        return load_model(self.weights)

    @cached_property
    def judge(self) -> Reader:
        return Judge.train(self.data, seed=0)

    @cached_property
    def real(self) -> list[LabelledClip]:
        """Held-out clips, as long as the generated ones."""
        return real_clips(self.data, [self.settings.split], self.settings.seconds)

    @cached_property
    def pieces(self) -> list[Piece]:
        return load(self.tokens)

    @property
    def learned(self) -> list[Piece]:
        """All that the model may have learned from, whatever data set it is of."""
        return [p for p in self.pieces if p.source.split == "train"]

    @property
    def train(self) -> list[Piece]:
        """EMOPIA's part of it."""
        return emopia(self.pieces, "train")

    @property
    def held_out(self) -> list[Piece]:
        """EMOPIA's songs of the split."""
        return emopia(self.pieces, self.settings.split)

    @cached_property
    def playing(self) -> Playing:
        precision = {"float32": torch.float32, "bfloat16": torch.bfloat16}
        seconds = self.settings.seconds
        return Playing(
            self.model,
            Sampling(),
            seconds,
            precision=precision[self.settings.precision],
            folder=self.out / "clips",
            name=self.fingerprint,
        )

    @cached_property
    def _kept(self) -> dict[float, Played]:
        return {}

    def played(self, strength: float) -> Played:
        """The clips of every quadrant at a strength."""
        if strength not in self._kept:
            s = self.settings
            self._kept[strength] = self.playing.quadrants(s.scale.clips, strength, s.seed)
        return self._kept[strength]
