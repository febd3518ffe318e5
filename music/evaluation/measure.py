"""What one contestant of the comparison is worth: likelihood, speed, and clips before the judge.

Every figure is kept with the settings it depends on and is not taken again while they hold.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from music.condition import STRENGTH
from music.corpus.dataset import Piece, load, whole
from music.evaluation import features, judge, learners, performance, tonality
from music.evaluation.contestants import Contestant, digest
from music.evaluation.following import (
    Playing,
    agreement,
    corners,
    emopia,
    plainly,
    played_of,
    quadrant,
)
from music.evaluation.judge import Reader
from music.evaluation.likelihood import likelihood
from music.evaluation.request import Length, Request, keep, kept, version_of
from music.evaluation.sampler import Ensemble, played_by
from music.evaluation.speed import BUSIEST
from music.network import Network
from music.sampling import Sampling
from music.store import load_network
from music.training.loop import faster_precision, keep_memory

Found = dict[str, Any]
SPLIT = "valid"  # for what is compared is chosen
WARM_UP_TOKENS, TIMED_TOKENS = 20, 300


@dataclass(frozen=True)
class Scale:
    """How much is scored and played."""

    clips: int = 16  # of each quadrant
    seconds: float = 20.0
    strength: float = STRENGTH  # of the guidance
    samples: int = 4  # K of the IWAE bound
    pieces: int = 16  # spread over the split

    @property
    def of_likelihood(self) -> Found:
        return {"samples": self.samples, "pieces": self.pieces}

    @property
    def of_clips(self) -> Found:
        return {"each": self.clips, "seconds": self.seconds}


class Shelf:
    """Figures in a file, each beside the settings it was taken with."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.kept: dict[str, Found] = json.loads(path.read_text()) if path.exists() else {}

    def get(self, name: str, settings: Found, take: Callable[[], Found]) -> Found:
        """What is kept under ``name`` if it was taken with these settings, else what ``take``
        gives.
        """
        settings = json.loads(json.dumps(settings))
        if self.kept.get(name, {}).get("settings") != settings:
            self.kept[name] = {"settings": settings, "found": take()}
            text = json.dumps(self.kept, indent=1) + "\n"
            whole(self.path, lambda file: file.write(text.encode()))
        found: Found = self.kept[name]["found"]
        return found

    def peek(self, name: str, wanted: Found) -> Found | None:
        """What is kept under ``name``, if what its settings say of ``wanted`` is just that."""
        kept = self.kept.get(name)
        if kept is None or any(kept["settings"].get(k) != value for k, value in wanted.items()):
            return None
        found: Found = kept["found"]
        return found


def shelf_of(contestant: Contestant) -> Shelf:
    """All that is known of a contestant."""
    return Shelf(contestant.folder / "measured.json")


def measure(contestant: Contestant, scale: Scale) -> None:
    """All but the judge's word, for a contestant that is trained."""
    torch.set_num_threads(1)
    keep_memory()
    weights = (contestant.folder / "model.safetensors").read_bytes()
    own: Found = {"weights": hashlib.sha256(weights).hexdigest()[:12]}
    shelf, network = shelf_of(contestant), load_network(contestant.folder)
    shelf.get("size", own, lambda: size_of(network))
    shelf.get("speed", own, lambda: speed_of(network))
    pieces = load(contestant.data)
    data: Found = {"data": digest(contestant.data)}
    shelf.get(
        f"likelihood {SPLIT}",
        own | data | scale.of_likelihood,
        partial(_likelihood, network, pieces, scale),
    )
    shelf.get(
        f"clips {scale.strength:g}",
        own | scale.of_clips | {"sampling": played_by()},
        partial(_play, network, clips_file(contestant, scale), scale),
    )


def size_of(network: Network) -> Found:
    """Parameters, and those without the posterior, which only training needs."""
    sizes = {name: p.numel() for name, p in network.named_parameters()}
    playing = sum(size for name, size in sizes.items() if not name.startswith("posterior."))
    return {"parameters": sum(sizes.values()), "playing": playing}


@torch.inference_mode()
def speed_of(network: Network) -> Found:
    """Milliseconds of one core a token, with guidance on: computing time, not the clock's."""
    request = Request(0, ((0.0, quadrant(BUSIEST, STRENGTH)),))
    ensemble = Ensemble(network, [request], Sampling())
    for _ in range(WARM_UP_TOKENS):
        ensemble.step()
    start = time.process_time()
    for _ in range(TIMED_TOKENS):
        ensemble.step()
    return {"ms_per_token": (time.process_time() - start) / TIMED_TOKENS * 1e3}


def chosen(pieces: list[Piece], split: str, count: int) -> list[Piece]:
    """``count`` labelled pieces of EMOPIA's split, spread evenly over it."""
    there = emopia(pieces, split)
    there.sort(key=lambda p: (p.source.quadrant or 0, p.source.path))
    at = np.unique(np.linspace(0, len(there) - 1, min(count, len(there))).astype(int))
    return [there[i] for i in at]


def _likelihood(network: Network, pieces: list[Piece], scale: Scale) -> Found:
    held_out = chosen(pieces, SPLIT, scale.pieces)
    train = emopia(pieces, "train")
    return likelihood(network, train, held_out, scale.samples, faster_precision(1))


def clips_file(contestant: Contestant, scale: Scale) -> Path:
    """Where the tokens of its clips are kept."""
    return contestant.folder / f"clips-{scale.strength:g}.npz"


def _play(network: Network, path: Path, scale: Scale) -> Found:
    playing = Playing(network, Sampling(), scale.seconds, precision=faster_precision(1))
    clips = playing.play(corners(scale.clips, scale.strength))
    keep(path, clips)
    heard = plainly(played_of(clips, scale.seconds).sound)
    count = sum(len(clip.tokens) for clip in clips)
    return {"clips": len(clips), "tokens": count, "plainly": dict(heard)}


def judged(contestant: Contestant, scale: Scale, word: Callable[[], Reader]) -> None:
    """The judge's agreement with what was asked, from the clips that are kept."""
    path = clips_file(contestant, scale)
    tokens = hashlib.sha256(path.read_bytes()).hexdigest()[:12]
    settings = scale.of_clips | {"judge": judges_version(), "tokens": tokens}
    name = f"agreement {scale.strength:g}"
    shelf_of(contestant).get(name, settings, partial(_agreement, path, scale, word))


def _agreement(path: Path, scale: Scale, word: Callable[[], Reader]) -> Found:
    clips = kept(path, corners(scale.clips, scale.strength), Length(scale.seconds))
    played = played_of(clips, scale.seconds)
    return dict(agreement(word().probabilities(played.sound), played.asked))


def judges_version() -> str:
    """A few digits that change with what the judge is made of."""
    return version_of(judge, learners, features, performance, tonality)
