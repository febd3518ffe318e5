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
    for split in ("train", "valid"):
        if not any(p.source.split == split and p.source.quadrant is not None for p in pieces):
            raise MusicError(
                f"No song of the split {split!r} has a label; run `emocapsule prepare` with EMOPIA "
                "or with labels of your own."
            )
    keep_memory()
    torch.set_num_threads(run.threads)
    team = Team()
    kind = team.device.partition(":")[0]
    dtype = torch.bfloat16 if kind == "cuda" else faster_precision(run.threads)
    trainer = begin(config, run, team.device)
    shared = team.share(trainer.lesson)
    critic = None if trainer.critic is None else team.share(trainer.critic)
    seed = run.seed + trainer.step + 1_000_003 * team.rank
    torch.manual_seed(seed)
    learnt = [p for p in pieces if p.source.split == "train"]
    crops = Crops(learnt, CropConfig(length=run.length), seed=seed)
    fixed = [to_device(batch, team.device) for batch in held_out(pieces, run)]
    if not team.is_first:
        say = _silent
    size = sum(p.numel() for p in trainer.model.parameters())
    say(
        f"{size / 1e6:.2f} M parameters, {team.size} × {team.device} {dtype}, "
        f"from step {trainer.step}"
    )
    schedule, started, kept_s = Schedule(run.lr, run.labelled), time.monotonic(), trainer.seconds
    last_save, last_valid, seen = started, started, list[tuple[float, float]]()
    while (progress := team.agree(run.progress(trainer))) < 1.0:
        batch = crops.batch(run.batch, schedule.labelled_share(progress))
        batch = to_device(batch, team.device)
        with torch.autocast(kind, dtype=dtype, enabled=dtype != torch.float32):
            terms, fake = shared(batch, trainer.step, critic is not None)
            loss = terms.loss(schedule.beta(progress), FREE_BITS)
            if trainer.critic is not None and critic is not None:
                loss = loss + run.adversary * contest(trainer, critic, batch, fake)
        lr = schedule.learning_rate(progress, trainer.step)
        trainer.update(loss, lr)
        seen.append((loss.item(), terms.nll.item() / max(terms.tokens, 1)))
        now = time.monotonic()
        trainer.seconds = kept_s + now - started
        if trainer.step % 20 == 0:
            say(
                f"step {trainer.step} {trainer.seconds:.0f} s  nll/token "
                f"{seen[-1][1]:.3f}  kl/bar {terms.kl.sum().item():.2f}"
            )
        if not team.is_first:
            continue
        if now - last_valid > run.valid_every_s or run.progress(trainer) >= 1.0:
            found = _course(schedule, progress, lr, seen) | validate(trainer, fixed)
            trainer.curve.append(found)
            say(json.dumps(found))
            last_valid, seen = now, []
        if now - last_save > run.save_every_s:
            trainer.save(run.out)
            last_save = now
    if team.is_first:
        trainer.save(run.out)
    team.leave()


def begin(config: NetworkConfig, run: Run, device: str) -> Trainer:
    """A new network, one that starts from weights or chords, or the run that was broken off."""
    trainer = Trainer(config, run.lr, device, run.seed, adversarial=run.adversary > 0)
    run.out.mkdir(parents=True, exist_ok=True)
    if (run.out / "resume.safetensors").exists():
        trainer.resume(run.out)
    elif run.start:
        trainer.start(run.start)
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


def _course(
    schedule: Schedule, progress: float, lr: float, seen: list[tuple[float, float]]
) -> dict[str, float]:
    """Means since the last look, and where the schedule stands."""
    loss, nll = (sum(column) / len(seen) for column in zip(*seen, strict=True))
    return {
        "loss": round(loss, 4),
        "train_nll": round(nll, 4),
        "beta": round(schedule.beta(progress), 4),
        "lr": lr,
        "labelled": round(schedule.labelled_share(progress), 3),
    }


def held_out(pieces: list[Piece], run: Run) -> list[Batch]:
    """Fixed crops of labelled songs of ours for validation, with their own emotion."""
    valid = [p for p in pieces if p.source.split == "valid" and p.source.quadrant is not None]
    plain = CropConfig(length=run.length, null=0, splice=0, soften=0, forget=0)
    crops = Crops(valid, plain, seed=1)
    return [crops.batch(run.batch, 1.0) for _ in range(run.valid_batches)]


def faster_precision(threads: int) -> torch.dtype:
    """bfloat16 where this CPU multiplies it faster than float32 (AMX), measured, else float32."""
    speed = {}
    torch.set_num_threads(threads)
    for dtype in (torch.float32, torch.bfloat16):
        a, b = torch.ones(2048, 512, dtype=dtype), torch.ones(512, 2048, dtype=dtype)
        a @ b
        start = time.perf_counter()
        for _ in range(5):
            a @ b
        speed[dtype] = time.perf_counter() - start
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
