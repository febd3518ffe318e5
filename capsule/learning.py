"""How the capsule network learns: recipe, drawing of windows, the loop, and what is built of it.

Training sees every person, headset and class about equally often, whatever was recorded more;
it drops regions at random, so that one network serves every headset. Each member leaves a part of
the people out (cross-fitting, a jackknife of people): the members together have learned from
everybody, and what each says of those it never saw sets the read-out, see `capsule.readout`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from numpy.typing import NDArray

from capsule.augment import forget_valence, hide, mirror, raise_one, scramble
from capsule.corpus.dataset import Examples, examples, joined
from capsule.corpus.sources import SUBSETS, TESTING, TRAINING, sources
from capsule.doubt import Doubt, fit_doubt
from capsule.errors import CapsuleError
from capsule.network import (
    CapsuleNetwork,
    LossTerms,
    NetworkConfig,
    Routing,
    capsule_loss,
)
from capsule.readout import (
    TASKS,
    LeftOut,
    judged_by_strangers,
    read_out_of_people,
    read_out_of_sets,
)
from capsule.recogniser import Model
from eeg.montage import BANDS, REGIONS

NEW_SHARE = 0.2  # how often a data set is drawn that the recipe does not name

Member = NDArray[np.int64]


@dataclass(frozen=True)
class Recipe:
    """How to train. `shares`: how often each data set is drawn."""

    steps: int = 450
    batch: int = 256
    rate: float = 3e-3
    decay: float = 0.05
    drop: float = 0.5  # at most this share of the regions is hidden
    noise: float = 0.1  # of the inputs, in z
    mirrored: float = 0.08  # share of windows that are reflected in the rest, see `mirror`
    scrambled: float = 0.15  # share of windows whose capsules change places, see `scramble`
    raised: float = 0.15  # share of windows of which one region is made loud, see `raise_one`
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


def left_out(groups: NDArray[np.str_], datasets: NDArray[np.str_], recipe: Recipe) -> Member:
    """Which member (W,) does not learn from a window: groups of windows (people) stay together.

    Each data set's are dealt evenly. CapsuleError if there are fewer than two members or groups.
    """
    dice, dealt = np.random.default_rng(recipe.seed), 0
    member = np.zeros(len(groups), dtype=np.int64)
    for name in np.unique(datasets):
        here = datasets == name
        for group in dice.permutation(np.unique(groups[here])):
            member[here & (groups == group)] = dealt % recipe.members
            dealt += 1
    if dealt < 2:
        raise CapsuleError("two people or more are needed to learn from: one sets the read-out")
    if recipe.members < 2:
        raise CapsuleError("two members or more are needed: each is judged by who it left out")
    return member


def fit(
    data: Examples,
    recipe: Recipe,
    member: Member | None = None,
    tell: Callable[[int, float], None] = lambda step, loss: None,
) -> CapsuleNetwork:
    """A network trained on all of `data`; the same for the same seed on one machine.

    `member` (W,): who does not learn from a window, see `left_out`; None: all learn from all.
    """
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
    unheard = torch.from_numpy(np.full(len(data), -1) if member is None else member)
    for step in range(recipe.steps):
        drawn = torch.multinomial(chance, recipe.batch, replacement=True, generator=rng)
        x = inputs[drawn]
        x = x + recipe.noise * torch.randn(x.shape, generator=rng)
        seen, possible = present[drawn], compatible[drawn]
        possible = forget_valence(possible, recipe.forgotten, rng)
        x, possible = mirror(x, possible, recipe.mirrored, rng)
        x, possible = scramble(x, seen, possible, recipe.scrambled, rng)
        x = raise_one(x, seen, recipe.raised, rng)
        seen = hide(seen, recipe.drop, rng)
        heard = unheard[drawn] != torch.arange(recipe.members)[:, None]
        loss = capsule_loss(network, x, seen, possible, recipe.terms, heard)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        tell(step, float(loss.detach()))
    return network.eval()


def no_doubt() -> Doubt:
    """A doubt that finds nothing strange."""
    count = len(REGIONS) * len(BANDS)
    return Doubt(np.zeros(count), np.eye(count), 1e6, 2e6, 1e6, 2e6)


def build(data: Examples, recipe: Recipe, groups: NDArray[np.str_] | None = None) -> Model:
    """Network, read-out of people left out, doubt. `groups` (W,): left out together; None: people.

    EEGMAT's people alone set the read-out, where it has several: others' labels are too doubtful.
    """
    member = left_out(data.person if groups is None else groups, data.dataset, recipe)
    network = fit(data, recipe, member)
    eegmat = data.dataset == "eegmat"
    several = len(np.unique(member[eegmat])) > 1
    by = eegmat if several else np.ones(len(data), dtype=bool)
    told = data.where(by)
    logits = judged_by_strangers(network, told, member[by])
    known = read_out_of_people(logits, told.compatible)
    return Model(network, known, known, doubt_of(data, recipe))


def build_for_strangers(data: Examples, recipe: Recipe) -> Model:
    """The same, and what a headset needs that nothing was learned from: `Model.strange`.

    Each of TASKS in `data` is left out in turn, with another network for it; where that leaves
    nothing to learn from, the read-out of people serves all.
    """
    model, parts = build(data, recipe), []
    for name in TASKS:
        out = data.dataset == name
        if out.any() and len(np.unique(data.person[~out])) > 1:
            network = build(data.where(~out), recipe).network
            parts.append(LeftOut.read(network, data.where(out)))
    return replace(model, strange=read_out_of_sets(parts)) if parts else model


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
