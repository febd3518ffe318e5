"""Who stands in the comparison: every conditioning and baseline, all trained alike."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from music.conditioning import DEFAULT
from music.corpus.dataset import load
from music.corpus.labels import attach
from music.errors import MusicError
from music.network import NetworkConfig
from music.store import OURS, sizes_of
from music.training.loop import FREE_BITS, Run, learn
from music.training.sizes import CROP_WINDOWS, sizes
from music.training.trainer import EMA, MISHEARD

Say = Callable[[str], None]
ANEW = "condition"  # in the names of the modules through which the emotion enters


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    name: str
    title: str
    kind: str = OURS
    conditioning: str = DEFAULT
    has_latent: bool = True


# The order is that of training: what tells most comes first, should the rest be cut off.
ROWS = {
    row.name: row
    for row in (
        Row(DEFAULT, "modulated attention, CVAE"),
        Row("modulation", "modulation and slots, CVAE", conditioning="modulation"),
        Row("prefix-plain", "prefix token, no latent", OURS, "prefix", has_latent=False),
        Row("modulated-attention-plain", "modulated attention, no latent", has_latent=False),
        Row("prefix", "prefix token, CVAE", conditioning="prefix"),
        Row("embedding", "embedding, CVAE", conditioning="embedding"),
        Row("attention", "attention, CVAE", conditioning="attention"),
        Row("gated", "gated attention, CVAE", conditioning="gated"),
        Row("cross", "cross-transformer, CVAE", conditioning="cross"),
        Row("encoder-decoder", "encoder–decoder Transformer", "encoder-decoder", has_latent=False),
        Row("lstm", "LSTM", "lstm", has_latent=False),
    )
}


@dataclass(frozen=True)
class Preset:
    """What is the same for every row. ``start``: weights that all begin from, but for the modules
    through which the emotion enters.
    """

    steps: int
    depth: int = 4
    window: int = 320
    batch: int = 4
    lr: float = 1e-3
    dropout: float = 0.1
    latent: int = 4
    start: Path | None = None

    def config(self, row: Row) -> NetworkConfig:
        latent = self.latent if row.has_latent else 0
        return sizes(row.kind, self.depth, self.window, latent, self.dropout, row.conditioning)


@dataclass(frozen=True)
class Contestant:
    """A row under one seed, and the folder that holds all that is known of it."""

    row: Row
    seed: int
    preset: Preset
    data: Path
    out: Path

    @property
    def folder(self) -> Path:
        return self.out / f"{self.row.name}-{self.seed}"

    def settings(self) -> dict[str, Any]:
        """All that its weights depend on."""
        recipe = {"ema": EMA, "misheard": MISHEARD, "free_bits": FREE_BITS}
        sizes, start = sizes_of(self.preset.config(self.row)), self.preset.start
        of_preset = asdict(self.preset) | {"start": start and digest(start)}
        return sizes | of_preset | recipe | {"seed": self.seed, "data": digest(self.data)}

    def steps_done(self) -> int:
        """Steps that its kept weights have seen. MusicError if they come from other settings."""
        if not (self.folder / "settings.json").exists():
            return 0
        kept = json.loads((self.folder / "settings.json").read_text())
        if kept != json.loads(json.dumps(self.settings())):
            differ = sorted(k for k, value in self.settings().items() if kept.get(k) != value)
            raise MusicError(
                f"{self.folder} was trained with other settings ({', '.join(differ)}); "
                "give another --out or the same settings."
            )
        if not (self.folder / "config.json").exists():
            return 0
        return int(json.loads((self.folder / "config.json").read_text())["step"])

    @property
    def is_trained(self) -> bool:
        return self.steps_done() >= self.preset.steps


def train_one(contestant: Contestant, say: Say = print) -> None:
    """Train to the end, from wherever an earlier run was stopped."""
    if contestant.is_trained:
        return
    preset, folder = contestant.preset, contestant.folder
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "settings.json").write_text(json.dumps(contestant.settings(), indent=1) + "\n")
    run = Run(
        out=folder,
        length=int(preset.window * CROP_WINDOWS),
        batch=preset.batch,
        lr=preset.lr,
        steps=preset.steps,
        seed=contestant.seed,
        start=preset.start,
        anew=ANEW,
        save_every_s=120.0,
        valid_every_s=120.0,
        valid_batches=4,
    )
    pieces = attach(load(contestant.data), contestant.data)
    name = folder.name
    learn(preset.config(contestant.row), pieces, run, lambda line: say(f"{name}: {line}"))


def digest(folder: Path) -> str:
    """A few digits that change with prepared tokens and their soft labels, or with weights."""
    sums = hashlib.sha256()
    for name in ("music.npz", "labels.npz", "model.safetensors"):
        if (folder / name).exists():
            sums.update((folder / name).read_bytes())
    return sums.hexdigest()[:12]
