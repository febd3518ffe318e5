"""The training loop: crops, schedule, checkpoints, until the clock or the steps have run out."""

from __future__ import annotations

import ctypes
import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from music.conditioning.base import slot_weights
from music.corpus.crops import Batch, CropConfig, Crops
from music.corpus.dataset import Piece
from music.errors import MusicError
from music.network import NetworkConfig
from music.store import load_network
from music.training.adversary import critic_loss, deceit_loss, played
from music.training.parallel import Team
from music.training.schedule import Schedule
from music.training.trainer import Trainer, to_device, validate

FREE_BITS = 0.15  # nats a dimension and bar
Say = Callable[[str], None]


@dataclass(frozen=True)
class Run:
    """How long and on what a network learns."""

    out: Path
    length: int  # tokens of a crop
    batch: int = 4
    lr: float = 1e-3
    minutes: float = math.inf  # stop by the clock
    steps: int = 10**9  # or by steps
    seed: int = 0
    threads: int = 1
    start: Path | None = None  # weights to begin from
    anew: str | None = None  # but for those that bear this in their names
    chords: Path | None = None  # or chord vectors to begin with
    adversary: float = 0.0  # weight of the adversarial term
    labelled: float | None = None  # share of labelled crops, else the schedule's
    save_every_s: float = 300.0
    valid_every_s: float = 300.0
    valid_batches: int = 8

    def progress(self, trainer: Trainer) -> float:
        return max(trainer.seconds / (self.minutes * 60), trainer.step / self.steps)


def learn(config: NetworkConfig, pieces: list[Piece], run: Run, say: Say) -> None:
    """Train a network of these sizes, from the checkpoint in ``run.out`` if there is one.

    MusicError where no song has a label.
    """
    _check(pieces)
    keep_memory()
    torch.set_num_threads(run.threads)
    team = Team()
    say = say if team.is_first else _silent
    trainer = begin(config, run, team.device, say)
    try:
        Course(trainer, pieces, run, team, say).follow()
    finally:
        team.leave()


def _check(pieces: list[Piece]) -> None:
    for split in ("train", "valid"):
        if not any(p.source.split == split and p.source.quadrant is not None for p in pieces):
            raise MusicError(
                f"No song of the split {split!r} has a label; run `emocapsule prepare` with EMOPIA "
                "or with labels of your own."
            )


class Course:
    """A run from where its trainer stands to its end, with what is looked at on the way."""

    def __init__(
        self, trainer: Trainer, pieces: list[Piece], run: Run, team: Team, say: Say
    ) -> None:
        self.trainer, self.run, self.team, self.say = trainer, run, team, say
        self.kind = team.device.partition(":")[0]
        self.dtype = torch.bfloat16 if self.kind == "cuda" else faster_precision(run.threads)
        self.lesson = team.share(trainer.lesson)
        self.critic = None if trainer.critic is None else team.share(trainer.critic)
        seed = run.seed + trainer.step + 1_000_003 * team.rank
        torch.manual_seed(seed)
        learnt = [p for p in pieces if p.source.split == "train"]
        self.crops = Crops(learnt, CropConfig(length=run.length), seed=seed)
        self.fixed = [to_device(batch, team.device) for batch in held_out(pieces, run)]
        self.schedule = Schedule(run.lr, run.labelled)
        self.seen: list[tuple[float, float]] = []  # loss and nats a token since the last look

    def follow(self) -> None:
        """Step until the clock or the steps have run out; look and save on the way."""
        trainer, run = self.trainer, self.run
        size = sum(p.numel() for p in trainer.model.parameters())
        self.say(
            f"{size / 1e6:.2f} M parameters, {self.team.size} × {self.team.device} {self.dtype}, "
            f"from step {trainer.step}"
        )
        started, kept_s = time.monotonic(), trainer.seconds
        last_save = last_valid = started
        while (progress := self.team.agree(run.progress(trainer))) < 1.0:
            self._step(progress)
            now = time.monotonic()
            trainer.seconds = kept_s + now - started
            if not self.team.is_first:
                continue
            if now - last_valid > run.valid_every_s or run.progress(trainer) >= 1.0:
                self._look(progress)
                last_valid = now
            if now - last_save > run.save_every_s:
                trainer.save(run.out)
                last_save = now
        if self.team.is_first:
            trainer.save(run.out)

    def _step(self, progress: float) -> None:
        trainer = self.trainer
        batch = self.crops.batch(self.run.batch, self.schedule.labelled_share(progress))
        batch = to_device(batch, self.team.device)
        reduced = self.dtype != torch.float32
        with torch.autocast(self.kind, dtype=self.dtype, enabled=reduced):
            terms, fake = self.lesson(batch, trainer.step, self.critic is not None)
            loss = terms.loss(self.schedule.beta(progress), FREE_BITS)
            if self.critic is not None:
                loss = loss + self.run.adversary * contest(trainer, self.critic, batch, fake)
        trainer.update(loss, self.schedule.learning_rate(progress, trainer.step))
        self.seen.append((loss.item(), terms.nll.item() / max(terms.tokens, 1)))
        if trainer.step % 20 == 0:
            self.say(
                f"step {trainer.step} {trainer.seconds:.0f} s  nll/token "
                f"{self.seen[-1][1]:.3f}  kl/bar {terms.kl.sum().item():.2f}"
            )

    def _look(self, progress: float) -> None:
        """Where the schedule stands, the means since the last look, and validation."""
        loss, nll = (sum(column) / len(self.seen) for column in zip(*self.seen, strict=True))
        found = {
            "loss": round(loss, 4),
            "train_nll": round(nll, 4),
            "beta": round(self.schedule.beta(progress), 4),
            "lr": self.schedule.learning_rate(progress, self.trainer.step - 1),
            "labelled": round(self.schedule.labelled_share(progress), 3),
        }
        self.trainer.curve.append(found | validate(self.trainer, self.fixed))
        self.say(json.dumps(self.trainer.curve[-1]))
        self.seen = []


def begin(config: NetworkConfig, run: Run, device: str, say: Say) -> Trainer:
    """A new network, one that starts from weights or chords, or the run that was broken off."""
    trainer = Trainer(config, run.lr, device, run.seed, adversarial=run.adversary > 0)
    run.out.mkdir(parents=True, exist_ok=True)
    if (run.out / "resume.safetensors").exists():
        trainer.resume(run.out)
    elif run.start:
        if new := trainer.start(load_network(run.start), run.anew):
            say(f"New, not of {run.start}: {', '.join(new)}")
    elif run.chords:
        trainer.place_chords(run.chords)
    return trainer


def contest(trainer: Trainer, critic: nn.Module, batch: Batch, fake: Tensor) -> Tensor:
    """Let the critic learn from what was played and what was imagined; the network's own loss."""
    assert trainer.critic is not None
    assert trainer.critic_optimizer is not None
    weights = slot_weights(batch.inputs.p, batch.inputs.null)
    trainer.critic_optimizer.zero_grad(set_to_none=True)
    critic_loss(critic, played(batch.targets), fake, weights).backward()  # type: ignore[no-untyped-call]
    trainer.critic_optimizer.step()
    return deceit_loss(trainer.critic, fake, weights)


def _silent(line: str) -> None:
    """What the other processes of a team say."""


def held_out(pieces: list[Piece], run: Run) -> list[Batch]:
    """Fixed crops of labelled songs of ours for validation, with their own emotion."""
    valid = [p for p in pieces if p.source.split == "valid" and p.source.quadrant is not None]
    plain = CropConfig(length=run.length, null=0, splice=0, soften=0, forget=0)
    crops = Crops(valid, plain, seed=1)
    return [crops.batch(run.batch, 1.0) for _ in range(run.valid_batches)]


def faster_precision(threads: int) -> torch.dtype:
    """bfloat16 where this CPU multiplies it faster than float32 (AMX), measured, else float32.

    On small products, for a CPU that does not know bfloat16 takes a hundred times as long.
    """
    speed = {}
    torch.set_num_threads(threads)
    for dtype in (torch.float32, torch.bfloat16):
        a, b = torch.ones(256, 256, dtype=dtype), torch.ones(256, 256, dtype=dtype)
        a @ b
        times = []
        for _ in range(5):
            start = time.perf_counter()
            a @ b
            times.append(time.perf_counter() - start)
        speed[dtype] = min(times)
    return min(speed, key=lambda dtype: speed[dtype])


def keep_memory() -> None:
    """Let glibc keep freed blocks: giving them back and faulting them in again cost a third of a
    step.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, TypeError, OSError):  # another C library, or Windows
        return
    trim_threshold, top_pad, mmap_threshold = -1, -2, -3  # <malloc.h>
    for option, size in (
        (mmap_threshold, 1 << 30),
        (trim_threshold, 2**31 - 1),
        (top_pad, 1 << 28),
    ):
        mallopt(option, size)
