"""One step of training, and all that a run keeps: weights, their average, optimiser, curve."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from music.corpus.crops import Batch
from music.inputs import Inputs
from music.network import Network, NetworkConfig
from music.store import build, save_model
from music.training.adversary import Adversary, imagined, optimiser
from music.training.chords.vectors import initialise
from music.training.curve import draw
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


class Lesson(nn.Module):
    """One step's terms in one ``forward``, which is what DistributedDataParallel can see."""

    def __init__(self, model: Network) -> None:
        super().__init__()
        self.model = model

    def forward(self, batch: Batch, step: int, imagine: bool) -> tuple[Terms, Tensor | None]:
        """The terms and, if asked, a sample of what the network would have played (B, T, V)."""
        terms = step_terms(self.model, batch, step)
        if not imagine:
            return terms, None
        return terms, imagined(self.model.logits(terms.states), batch.targets)


class Trainer:
    """Any network, its averaged weights and optimiser, and a critic if ``adversarial``; ``save``
    and ``resume`` keep all of them.
    """

    def __init__(
        self,
        config: NetworkConfig,
        lr: float,
        device: str,
        seed: int = 0,
        adversarial: bool = False,
    ) -> None:
        torch.manual_seed(seed)
        self.seed, self.model = seed, build(config).to(device)
        decay = [p for p in self.model.parameters() if p.ndim >= 2]
        rest = [p for p in self.model.parameters() if p.ndim < 2]
        groups = [{"params": decay, "weight_decay": 0.1}, {"params": rest, "weight_decay": 0.0}]
        self.optimizer = torch.optim.AdamW(groups, lr=lr, betas=(0.9, 0.95))
        self.lesson = Lesson(self.model)
        self.critic = Adversary().to(device) if adversarial else None
        self.critic_optimizer = optimiser(self.critic) if self.critic else None
        self.average = {k: p.detach().clone() for k, p in self.model.state_dict().items()}
        self.step, self.seconds, self.curve = 0, 0.0, list[dict[str, float]]()

    def update(self, loss: Tensor, lr: float) -> None:
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
        """``resume.safetensors`` (all there is), the averaged network as it would ship, a picture
        of the curve.
        """
        tensors = {f"model.{k}": t for k, t in self.model.state_dict().items()}
        tensors |= {f"average.{k}": t for k, t in self.average.items()}
        tensors |= {f"adam.{k}": t for k, t in _moments(self.model, self.optimizer).items()}
        if self.critic and self.critic_optimizer:
            tensors |= {f"critic.{k}": t for k, t in self.critic.state_dict().items()}
            moments = _moments(self.critic, self.critic_optimizer)
            tensors |= {f"critic_adam.{k}": t for k, t in moments.items()}
        meta = {"step": self.step, "seconds": self.seconds, "curve": self.curve}
        save_file({k: t.contiguous() for k, t in tensors.items()}, out / "resume.part")
        (out / "resume.part").replace(out / "resume.safetensors")
        (out / "resume.json").write_text(json.dumps(meta))
        averaged = copy.deepcopy(self.model)
        averaged.load_state_dict(self.average)
        save_model(averaged, out, {"step": self.step, "training_seconds": round(self.seconds)})
        draw(self.curve, out / "curve.png")

    def start(self, network: Network, anew: str | None = None) -> list[str]:
        """Begin from an earlier run's weights, with a fresh optimiser and schedule: whatever has
        the same name and shape here, if ``anew`` is not in its name. Gives the modules that keep
        something new.
        """
        own, theirs = self.model.state_dict(), network.state_dict()
        theirs = {k: t for k, t in theirs.items() if anew is None or anew not in k}
        fit = {k: t for k, t in theirs.items() if k in own and t.shape == own[k].shape}
        self.model.load_state_dict(own | fit)
        self.average = {k: t.detach().clone() for k, t in self.model.state_dict().items()}
        return sorted({key.rpartition(".")[0] for key in own.keys() - fit.keys()})

    def place_chords(self, file: Path) -> None:
        """Begin with chord tokens where emoChord2vec puts them."""
        initialise(self.model, file)
        self.average = {k: t.detach().clone() for k, t in self.model.state_dict().items()}

    def resume(self, out: Path) -> None:
        tensors = load_file(out / "resume.safetensors")
        meta = json.loads((out / "resume.json").read_text())
        pick = {
            p: {k[len(p) + 1 :]: t for k, t in tensors.items() if k.startswith(p + ".")}
            for p in ("model", "average", "adam", "critic", "critic_adam")
        }
        self.model.load_state_dict(pick["model"])
        self.average = pick["average"]
        _restore_moments(self.model, self.optimizer, pick["adam"])
        if self.critic and self.critic_optimizer and pick["critic"]:
            self.critic.load_state_dict(pick["critic"])
            _restore_moments(self.critic, self.critic_optimizer, pick["critic_adam"])
        self.step, self.seconds, self.curve = meta["step"], meta["seconds"], meta["curve"]
        torch.manual_seed(self.seed + self.step)


def _moments(module: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """An Adam's state by the names of the parameters it is of."""
    names = {id(p): n for n, p in module.named_parameters()}
    return {
        f"{names[id(parameter)]}.{key}": tensor
        for parameter, state in optimizer.state.items()
        for key, tensor in state.items()
    }


def _restore_moments(
    module: nn.Module, optimizer: torch.optim.Optimizer, moments: dict[str, Tensor]
) -> None:
    for name, parameter in module.named_parameters():
        parts = {k.rpartition("."): t for k, t in moments.items()}
        state = {key: tensor for (owner, _, key), tensor in parts.items() if owner == name}
        if state:
            optimizer.state[parameter] = state


def to_device(batch: Batch, device: str) -> Batch:
    """The batch on the device that trains."""
    moved = Inputs(*(t.to(device) for t in batch.inputs))
    return Batch(moved, batch.targets.to(device), batch.has_pedal.to(device))


def step_terms(model: Network, batch: Batch, step: int) -> Terms:
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
