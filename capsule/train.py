"""Train the capsule network on labelled recordings and write its weights.

    python -m capsule.train                      all data sets, about four minutes on one thread
    python -m capsule.train --out FOLDER --steps 100
    python -m capsule.train --data eegmat deap=FOLDER folder=FOLDER

Data sets are told as NAME or NAME=FOLDER, see ``emocapsule prepare capsule --help``.
Training sees every person, headset and class about equally often, whatever was recorded more;
it drops regions at random, so that one network serves every headset. People held out set the one
temperature.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from capsule.corpus.dataset import Examples, examples, folds, joined
from capsule.corpus.sources import SUBSETS, TESTING, TRAINING, sources
from capsule.doubt import Doubt, fit_doubt
from capsule.errors import CapsuleError
from capsule.network import CapsuleNetwork, LossTerms, NetworkConfig, Routing, capsule_loss
from capsule.recogniser import WEIGHTS, Model
from eeg.montage import BANDS, REGIONS

TITLE = "emocapsule-capsule-1"
HELD_OUT_FOLDS = 7  # one of them sets the temperature
NEW_SHARE = 0.2  # how often a data set is drawn that the recipe does not name


@dataclass(frozen=True)
class Recipe:
    """How to train. `shares`: how often each data set is drawn."""

    steps: int = 300
    batch: int = 256
    rate: float = 3e-3
    decay: float = 0.05
    drop: float = 0.5  # at most this share of the regions is hidden
    noise: float = 0.1  # of the inputs, in z
    mirrored: float = 0.15  # share of windows that are reflected in the rest, see `_mirror`
    scrambled: float = 0.15  # share of windows whose capsules change places, see `_scramble`
    forgotten: float = 0.9  # share of windows whose label says no valence, see `_forget_valence`
    members: int = 4
    routing: Routing = "dynamic"
    seed: int = 0
    terms: LossTerms = field(default_factory=LossTerms)
    shares: tuple[tuple[str, float], ...] = (
        ("eegmat", 0.8), ("mane", 0.08), ("dasps", 0.06), ("ehrlich", 0.06),
    )  # fmt: skip


def network_config(recipe: Recipe) -> NetworkConfig:
    """The network of a recipe, over the regions and bands of `eeg`."""
    bands = tuple(band.name for band in BANDS)
    return NetworkConfig(REGIONS, bands, routing=recipe.routing, members=recipe.members)


def chances(data: Examples, recipe: Recipe) -> NDArray[np.float64]:
    """How often each window (W,) is drawn: data set, then set of quadrants, then person alike.

    CapsuleError if a data set kept for testing is among them.
    """
    if set(data.dataset.tolist()) & set(TESTING):
        raise CapsuleError(f"{', '.join(TESTING)} is for testing only: leave it out of training")
    kind = data.compatible @ np.array([1, 2, 4, 8])
    chance = np.zeros(len(data))
    for dataset, share in recipe.shares:
        here = data.dataset == dataset
        kinds = np.unique(kind[here])
        for one in kinds:
            same = here & (kind == one)
            people, member, count = np.unique(
                data.person[same], return_inverse=True, return_counts=True
            )
            chance[same] = share / len(kinds) / len(people) / count[member]
    share_of_all: NDArray[np.float64] = chance / chance.sum()
    return share_of_all


def fit(
    data: Examples, recipe: Recipe, tell: Callable[[int, float], None] = lambda step, loss: None
) -> CapsuleNetwork:
    """A network trained on all of `data`; the same for the same seed on one machine."""
    rng = torch.Generator().manual_seed(recipe.seed)
    network = CapsuleNetwork(network_config(recipe), recipe.seed)
    optimiser = torch.optim.AdamW(
        network.parameters(), lr=recipe.rate, weight_decay=recipe.decay, betas=(0.9, 0.98)
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, recipe.rate, total_steps=recipe.steps + 1, pct_start=0.2
    )
    chance = torch.from_numpy(chances(data, recipe))
    inputs = torch.from_numpy(data.inputs).flatten(1, 2)
    present = torch.from_numpy(data.present).flatten(1, 2)
    compatible = torch.from_numpy(data.compatible)
    for step in range(recipe.steps):
        drawn = torch.multinomial(chance, recipe.batch, replacement=True, generator=rng)
        x = inputs[drawn]
        x = x + recipe.noise * torch.randn(x.shape, generator=rng)
        seen, possible = present[drawn], compatible[drawn]
        possible = _forget_valence(possible, recipe.forgotten, rng)
        x, possible = _mirror(x, possible, recipe.mirrored, rng)
        x, possible = _scramble(x, seen, possible, recipe.scrambled, rng)
        seen = _hide(seen, recipe.drop, rng)
        loss = capsule_loss(network, x, seen, possible, recipe.terms)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        tell(step, float(loss.detach()))
    return network.eval()


def _forget_valence(possible: Tensor, share: float, rng: torch.Generator) -> Tensor:
    """Let both valences fit the labels of some windows.

    No open set lets valence be read across people, so a network that learns it from them is sure
    of what it cannot know. The rest of the labels keeps valence from meaning nothing at all.
    """
    both = possible | possible[:, [1, 0, 3, 2]]  # Q1 with Q2, Q3 with Q4
    turned = torch.rand(len(possible), generator=rng) < share
    return torch.where(turned[:, None], both, possible)


def _mirror(
    x: Tensor, possible: Tensor, share: float, rng: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Reflect some windows with an arousal label in the wearer's rest, and the label with them.

    All that EEGMAT tells is that arithmetic is not rest, so "unlike rest" would pass for arousal,
    whatever the direction. The opposite of a window of arithmetic is not aroused.
    """
    high, high_too, low, low_too = possible.unbind(1)
    only_arousal = (high == high_too) & (low == low_too) & (high != low)
    turned = only_arousal & (torch.rand(len(x), generator=rng) < share)
    return (
        torch.where(turned[:, None, None], -x, x),
        torch.where(turned[:, None], ~possible, possible),
    )


def _scramble(
    x: Tensor, present: Tensor, possible: Tensor, share: float, rng: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Deal the z-scores of some windows to other capsules: as unlike rest as before, but no EEG.

    Nothing is known of such a window, so all quadrants are possible.
    """
    order = torch.where(present, torch.rand(present.shape, generator=rng), 2.0).argsort(1)
    back = torch.where(present, 0.0, 2.0).add(torch.arange(present.shape[1]) * 1e-3).argsort(1)
    dealt = torch.empty_like(x)
    rows = torch.arange(len(x))[:, None]
    sign = torch.where(torch.rand(present.shape, generator=rng) < 0.5, -1.0, 1.0)
    dealt[rows, back] = x[rows, order] * sign[..., None]
    turned = torch.rand(len(x), generator=rng) < share
    return torch.where(turned[:, None, None], dealt, x), possible | turned[:, None]


def _hide(present: Tensor, drop: float, rng: torch.Generator) -> Tensor:
    """Hide a random share, at most `drop`, of each window's regions; never all of them."""
    n, regions = len(present), len(REGIONS)
    share = torch.rand(n, 1, generator=rng) * drop
    kept = torch.rand(n, regions, generator=rng) >= share
    kept = present & kept.repeat_interleave(len(BANDS), dim=1)
    return torch.where(kept.any(1, keepdim=True), kept, present)


def fit_temperature(network: CapsuleNetwork, data: Examples) -> float:
    """The temperature that gives the labels of `data` (people not trained on) most probability.

    Every set of quadrants counts alike. Searched on a grid: one number needs no more.
    """
    reading = Model(network, 1.0, no_doubt()).read(data.inputs, data.present)
    compatible = torch.from_numpy(data.compatible)
    kind = data.compatible @ np.array([1, 2, 4, 8])
    _, member, count = np.unique(kind, return_inverse=True, return_counts=True)
    weight = torch.from_numpy(1.0 / count[member])
    grid = np.exp(np.linspace(np.log(0.3), np.log(10.0), 71))
    costs = []
    for temperature in grid:
        log_p = torch.log_softmax(reading.logits / float(temperature), -1)
        inside = torch.logsumexp(log_p.masked_fill(~compatible, -torch.inf), -1)
        costs.append(float(-(inside * weight).sum()))
    return float(grid[int(np.argmin(costs))])


def no_doubt() -> Doubt:
    """A doubt that finds nothing strange."""
    count = len(REGIONS) * len(BANDS)
    return Doubt(np.zeros(count), np.eye(count), 1e6, 2e6, 1e6, 2e6)


def build(training: Examples, held_out: Examples, recipe: Recipe) -> Model:
    """Network, temperature and doubt: trained on some people, tempered on others."""
    network = fit(training, recipe)
    temperature = fit_temperature(network, held_out)
    return Model(network, temperature, doubt_of(training, recipe))


def doubt_of(training: Examples, recipe: Recipe) -> Doubt:
    """What the training data looked like."""
    n = len(training)
    return fit_doubt(
        training.level.reshape(n, -1).astype(np.float64),
        training.inputs[..., 1].reshape(n, -1).astype(np.float64),
        training.present.reshape(n, -1),
        chances(training, recipe),
    )


def everything(datasets: Sequence[str] = TRAINING) -> Examples:
    """All training sets; EEGMAT with every subset of its channels."""
    parts = []
    for told, found in zip(datasets, sources(datasets), strict=True):
        subsets = SUBSETS if found.kind == "eegmat" else ("19",)
        parts += [examples(told, subset) for subset in subsets]
    return joined(parts)


def shared_out(recipe: Recipe, data: Examples) -> Recipe:
    """The recipe with a share for every data set; those it does not name get NEW_SHARE."""
    named = [name for name, _ in recipe.shares]
    new = [(str(name), NEW_SHARE) for name in np.unique(data.dataset) if name not in named]
    return replace(recipe, shares=(*recipe.shares, *new))


def temperers(data: Examples, seed: int = 0) -> frozenset[str]:
    """The people who set the temperature: a seventh of EEGMAT's, of everybody if it is not there.

    CapsuleError if nobody would be left to learn from.
    """
    eegmat = [person for person in data.people if person.startswith("eegmat/")]
    people = eegmat if len(eegmat) > 1 else data.people
    if len(people) < 2:
        raise CapsuleError("two people or more are needed to learn from: one sets the temperature")
    return folds(people, min(HELD_OUT_FOLDS, len(people)), seed)[0]


def main(argv: Sequence[str] | None = None) -> int:
    """Train on everyone but the people who set the temperature; write the weights."""
    parser = argparse.ArgumentParser(prog="emocapsule train capsule", description=__doc__)
    parser.add_argument(
        "--data", nargs="+", default=TRAINING, metavar="SET",
        help=f"data sets to learn from, NAME or NAME=FOLDER (default: {' '.join(TRAINING)})",
    )  # fmt: skip
    parser.add_argument("--out", type=Path, default=WEIGHTS, help="folder for the weights")
    parser.add_argument("--steps", type=int, default=Recipe.steps)
    parser.add_argument("--routing", choices=("dynamic", "attention", "uniform"), default="dynamic")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(argv)
    torch.set_num_threads(1)
    recipe = replace(Recipe(), steps=args.steps, routing=args.routing, seed=args.seed)
    data = everything(args.data)
    recipe = shared_out(recipe, data)
    held_out = temperers(data)
    training = data.where(~np.isin(data.person, list(held_out)))
    model = build(training, data.of(held_out), recipe)
    name = model.save(args.out, TITLE)
    print(f"{name}: trained on {len(training.people)} people, {len(training)} windows")
    print(f"temperature {model.temperature:.2f} from {', '.join(sorted(held_out))}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
