"""Train the CVAE-Transformer on prepared tokens. ``emocapsule train music`` runs this.

On two CPU cores::

    emocapsule prepare
    emocapsule train music --depth 6 --minutes 75 --out runs/music

It stops by the clock or by steps, writes a checkpoint every few minutes, and goes on from it when
started again with the same ``--out``. Needs torch, numpy and safetensors only.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import math
import time
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from music.conditioning import CONDITIONINGS
from music.corpus.crops import Batch, CropConfig, Crops
from music.corpus.dataset import load
from music.corpus.labels import attach
from music.inputs import Inputs, ModelConfig
from music.model import MusicModel
from music.store import save_model
from music.training.objective import (
    Terms,
    evaluate_terms,
    misheard,
    plain_terms,
    some_from_prior,
    terms_given,
)

EMA = 0.995
MISHEARD = 0.1  # of the sounding tokens, hidden from the decoder
FREE_BITS = 0.15  # nats a dimension and bar


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


class Schedule:
    """Everything that changes with progress (0 to 1): learning rate, β and the share of EMOPIA."""

    def __init__(self, peak_lr: float) -> None:
        self.peak_lr = peak_lr

    def learning_rate(self, progress: float, step: int) -> float:
        return self.peak_lr * min(
            (step + 1) / 200, 0.04 + 0.96 * math.cos(progress * math.pi / 2) ** 2
        )

    def beta(self, progress: float) -> float:
        """Four cycles from 0, half a ramp and half at the top; the last fifth held at the top."""
        cycle = progress / 0.8 * 4 % 1.0 if progress < 0.8 else 1.0
        return 0.5 * min(2 * cycle, 1.0)

    def labelled_share(self, progress: float) -> float:
        """A quarter EMOPIA while the network learns piano, most of it at the end."""
        return 0.25 if progress < 0.5 else 0.25 + 0.6 * min((progress - 0.5) / 0.2, 1.0)


class Trainer:
    """Model, averaged weights and optimiser; ``save`` and ``resume`` keep all three."""

    def __init__(self, config: ModelConfig, lr: float, device: str) -> None:
        torch.manual_seed(0)
        self.model = MusicModel(config).to(device)
        decay = [p for p in self.model.parameters() if p.ndim >= 2]
        rest = [p for p in self.model.parameters() if p.ndim < 2]
        groups = [{"params": decay, "weight_decay": 0.1}, {"params": rest, "weight_decay": 0.0}]
        self.optimizer = torch.optim.AdamW(groups, lr=lr, betas=(0.9, 0.95))
        self.average = {k: p.detach().clone() for k, p in self.model.state_dict().items()}
        self.step, self.seconds, self.curve = 0, 0.0, list[dict[str, float]]()

    def update(self, loss: torch.Tensor, lr: float) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self.step += 1
        keep = min(EMA, 1 - 1 / (self.step + 1))
        for name, value in self.model.state_dict().items():
            self.average[name].lerp_(value, 1 - keep)

    def save(self, out: Path) -> None:
        """``resume.safetensors`` (all there is) and the averaged model as it would ship."""
        names = {id(p): n for n, p in self.model.named_parameters()}
        tensors = {f"model.{k}": t for k, t in self.model.state_dict().items()}
        tensors |= {f"average.{k}": t for k, t in self.average.items()}
        for parameter, state in self.optimizer.state.items():
            tensors |= {f"adam.{names[id(parameter)]}.{k}": t for k, t in state.items()}
        meta = {"step": self.step, "seconds": self.seconds, "curve": self.curve}
        save_file({k: t.contiguous() for k, t in tensors.items()}, out / "resume.part")
        (out / "resume.part").replace(out / "resume.safetensors")
        (out / "resume.json").write_text(json.dumps(meta))
        averaged = MusicModel(self.model.config)
        averaged.load_state_dict(self.average)
        save_model(averaged, out, {"step": self.step, "training_seconds": round(self.seconds)})

    def start(self, folder: Path) -> None:
        """Begin from the weights of an earlier run, with a fresh optimiser and schedule."""
        tensors = {k: t.float() for k, t in load_file(folder / "model.safetensors").items()}
        self.model.load_state_dict(tensors)
        self.average = {k: t.detach().clone() for k, t in self.model.state_dict().items()}

    def resume(self, out: Path) -> None:
        tensors = load_file(out / "resume.safetensors")
        meta = json.loads((out / "resume.json").read_text())
        pick = {
            p: {k[len(p) + 1 :]: t for k, t in tensors.items() if k.startswith(p + ".")}
            for p in ("model", "average", "adam")
        }
        self.model.load_state_dict(pick["model"])
        self.average = pick["average"]
        for name, parameter in self.model.named_parameters():
            state = {
                k.rpartition(".")[2]: t
                for k, t in pick["adam"].items()
                if k.rpartition(".")[0] == name
            }
            if state:
                self.optimizer.state[parameter] = state
        self.step, self.seconds, self.curve = meta["step"], meta["seconds"], meta["curve"]


def to_device(batch: Batch, device: str) -> Batch:
    """The batch on the device that trains."""
    moved = Inputs(*(t.to(device) for t in batch.inputs))
    return Batch(moved, batch.targets.to(device), batch.has_pedal.to(device))


def train(args: argparse.Namespace) -> None:
    """Run the whole recipe of ``main``'s arguments."""
    keep_memory()
    torch.set_num_threads(args.threads)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    dtype = torch.bfloat16 if device == "cuda" else faster_precision(args.threads)
    pieces = attach(load(args.data), args.data)
    splits = {s: [p for p in pieces if p.source.split == s] for s in ("train", "valid")}
    config = ModelConfig(args.depth, args.window, args.latent, args.dropout, args.conditioning)
    crop_config = CropConfig(length=args.window * 3 // 2)
    trainer = Trainer(config, args.lr, device)
    args.out.mkdir(parents=True, exist_ok=True)
    if (args.out / "resume.safetensors").exists():
        trainer.resume(args.out)
    elif args.start:
        trainer.start(args.start)
    crops = Crops(splits["train"], crop_config, seed=args.seed + trainer.step)
    valid = [p for p in splits["valid"] if p.source.quadrant is not None]
    held_out = Crops(
        valid, CropConfig(length=crop_config.length, null=0, splice=0, soften=0, forget=0), 1
    )
    fixed = [to_device(held_out.batch(args.batch, 1.0), device) for _ in range(args.valid_batches)]
    size = sum(p.numel() for p in trainer.model.parameters())
    _say(f"{size / 1e6:.2f} M parameters, {device} {dtype}, from step {trainer.step}")
    schedule, started, kept_s = Schedule(args.lr), time.monotonic(), trainer.seconds
    last_save = last_valid = started
    while trainer.seconds < args.minutes * 60 and trainer.step < args.steps:
        progress = max(trainer.seconds / (args.minutes * 60), trainer.step / args.steps)
        batch = to_device(crops.batch(args.batch, schedule.labelled_share(progress)), device)
        with torch.autocast(device, dtype=dtype, enabled=dtype != torch.float32):
            terms = step_terms(trainer.model, batch, trainer.step)
        loss = terms.loss(schedule.beta(progress), FREE_BITS)
        trainer.update(loss, schedule.learning_rate(progress, trainer.step))
        now = time.monotonic()
        trainer.seconds = kept_s + now - started
        if trainer.step % 20 == 0:
            _say(
                f"step {trainer.step} {trainer.seconds:.0f} s  nll/token "
                f"{terms.nll.item() / terms.tokens:.3f}  kl/bar {terms.kl.sum().item():.2f}"
            )
        if now - last_valid > args.valid_every or trainer.seconds >= args.minutes * 60:
            trainer.curve.append(validate(trainer, fixed))
            _say(json.dumps(trainer.curve[-1]))
            last_valid = now
        if now - last_save > args.save_every:
            trainer.save(args.out)
            last_save = now
    trainer.save(args.out)


def step_terms(model: MusicModel, batch: Batch, step: int) -> Terms:
    """The terms of one training step; in every fourth, some latents come from the prior."""
    heard = misheard(batch.inputs, MISHEARD)
    if not model.config.latent:
        return plain_terms(model, batch, heard)
    posterior = model.infer(batch.inputs)
    z = posterior.sample(torch.randn_like(posterior.mean))
    if step % 4 == 0:
        z = some_from_prior(model, batch.inputs, z, share=0.4)
    return terms_given(model, batch, posterior, z, heard)


@torch.no_grad()
def validate(trainer: Trainer, batches: list[Batch]) -> dict[str, float]:
    """Averaged weights on fixed crops of held-out songs: nats a token, and the latent's use."""
    live = {k: p.clone() for k, p in trainer.model.state_dict().items()}
    trainer.model.load_state_dict(trainer.average)
    trainer.model.eval()
    found = []
    for batch in batches:
        shape = (*batch.inputs.tokens.shape, trainer.model.config.latent)
        zeros = torch.zeros(shape, device=batch.targets.device)
        found.append(evaluate_terms(trainer.model, batch, zeros))
    trainer.model.load_state_dict(live)
    trainer.model.train()
    kl = torch.stack([terms.kl for terms in found]).mean(dim=0)  # (Z,)
    nll = sum(float(terms.nll) for terms in found) / sum(terms.tokens for terms in found)
    return {
        "step": trainer.step,
        "seconds": round(trainer.seconds),
        "active_dims": int((kl > 0.05).sum()),
        "valid_nll_posterior": round(nll, 4),
        "kl_per_bar": round(float(kl.sum()), 3),
    }


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201


def main(argv: list[str] | None = None) -> int:
    """``emocapsule train music``."""
    parser = argparse.ArgumentParser(prog="emocapsule train music", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("data/music"), help="from `prepare`")
    parser.add_argument("--out", type=Path, default=Path("runs/music"))
    parser.add_argument("--start", type=Path, help="weights to begin from, else from nothing")
    parser.add_argument(
        "--depth", type=int, default=6, help="layers; width is 64 × (depth // 2 + 1)"
    )
    parser.add_argument("--window", type=int, default=448, help="tokens a note looks back on")
    parser.add_argument("--latent", type=int, default=16, help="width of a bar's latent; 0: none")
    parser.add_argument("--conditioning", choices=CONDITIONINGS, default="modulation")
    parser.add_argument("--dropout", type=float, default=0.1)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--minutes", type=float, default=75.0, help="stop by the clock")
    parser.add_argument("--steps", type=int, default=10**9, help="or by steps")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--save-every", type=float, default=300.0, help="seconds")
    parser.add_argument("--valid-every", type=float, default=300.0, help="seconds")
    parser.add_argument("--valid-batches", type=int, default=8)
    train(parser.parse_args(argv))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
