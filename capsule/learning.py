"""How the capsule network learns: recipe, drawing of windows, the loop, temperature and doubt.

Training sees every person, headset and class about equally often, whatever was recorded more;
it drops regions at random, so that one network serves every headset. People held out set the one
temperature.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from numpy.typing import NDArray

from capsule.augment import forget_valence, hide, mirror, scramble
from capsule.corpus.dataset import Examples, examples, folds, joined
from capsule.corpus.sources import SUBSETS, TESTING, TRAINING, sources
from capsule.doubt import Doubt, fit_doubt
from capsule.errors import CapsuleError
from capsule.network import CapsuleNetwork, LossTerms, NetworkConfig, Routing, capsule_loss
from capsule.recogniser import Model
from eeg.montage import BANDS, REGIONS

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
    mirrored: float = 0.15  # share of windows that are reflected in the rest, see `mirror`
    scrambled: float = 0.15  # share of windows whose capsules change places, see `scramble`
    forgotten: float = 0.9  # share of windows whose label says no valence, see `forget_valence`
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
        possible = forget_valence(possible, recipe.forgotten, rng)
        x, possible = mirror(x, possible, recipe.mirrored, rng)
        x, possible = scramble(x, seen, possible, recipe.scrambled, rng)
        seen = hide(seen, recipe.drop, rng)
        loss = capsule_loss(network, x, seen, possible, recipe.terms)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        tell(step, float(loss.detach()))
    return network.eval()


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
