"""Whether a wearer's labelled blocks are worth a fit: leave-one-block-out, and labels permuted.

The strength of the fit is chosen inside: with a block left out, it is the strength that tells the
other blocks best, each of them left out as well (nested cross-validation; Cawley & Talbot 2010,
JMLR 11). A fit is used only if the blocks left out are told better than by the plain recogniser, by
more than a standard error, and better than in all but a tenth of the draws of permuted labels. If
not, a temperature alone may still be worth it: it changes no order of quadrants, but a recogniser
that is sure and wrong about this wearer learns to doubt, which permuted labels can teach as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations_with_replacement

import torch
from torch import Tensor

from capsule.network import gate, read_out
from capsule.personal.blocks import (
    AROUSAL_TURNED,
    VALENCE_TURNED,
    Blocks,
    by_block,
    kinds_of,
    means_of,
    shares_of,
    sides,
    sound_axes,
    widened,
)
from capsule.personal.shift import AXES, NAMES, Shift, fit
from capsule.profile import AxisFigures, Figures, Gain, Use

FOLDS = 12  # at most; with more blocks several are left out at once
PENALTIES = (float("inf"), 30.0, 3.0, 0.3)
PERMUTATIONS = 19
TRIES = 20  # draws for each, since few blocks have few orders
LEVEL = 0.1  # share of permuted labels that may be told as well
LEAST_GAIN_NATS = 0.02  # less is not worth a profile
NEITHER = torch.tensor([False, False])  # no axis is fitted, so that tau is all that is
TEMPERATURE_ONLY = (float("inf"),)


def learn(
    blocks: Blocks, seed: int = 0, permutations: int = PERMUTATIONS
) -> tuple[Shift | None, Figures]:
    """The shift that is worth using, None if none is, and what was found.

    CapsuleError if there are too few blocks of each kind.
    """
    sound, notes = sound_axes(blocks)
    if not sound.any():
        return None, Figures("nothing", notes=notes)
    told = widened(blocks, sound)
    labels = [told.compatible, *_permuted(told, seed, permutations)]
    found = [left_out(told, one, sound) for one in labels]
    scores = [_balanced(by_block(told, one, c), c) for one, c in zip(found, labels, strict=True)]
    chance = sum(one >= scores[0] for one in scores) / len(scores)
    gain, alone = _gain(told, found[0]), _gain(told, tempered_out(told))
    if not _worth(gain):
        notes += ("stretches left out are told no better by the fit than by the plain recogniser",)
    if chance > LEVEL:
        notes += (f"permuted labels are told as well in {chance:.0%} of the draws",)
    used: Use = "nothing"
    shift = fitted(told, sound) if _worth(gain) and chance <= LEVEL else None
    if shift is not None:
        used = "fit"
    elif _worth(alone):
        used, shift = "temperature", tempered(told)
    figures = tuple(_axis(told, a, found, labels) for a in range(2) if sound[a])
    return shift, Figures(used, figures, gain, alone, chance, notes)


def _permuted(blocks: Blocks, seed: int, times: int) -> list[Tensor]:
    """At most `times` other orders of the labels (B, 4), none of them the mirror image of another.

    Pleasant for unpleasant throughout would be told as well, since a fit may turn an axis round.
    """
    rng = torch.Generator().manual_seed(seed)
    found: list[Tensor] = []
    seen = {_order(blocks.compatible)}
    for _ in range(TRIES * times):
        drawn = blocks.compatible[torch.randperm(len(blocks.compatible), generator=rng)]
        if len(found) < times and _order(drawn) not in seen:
            seen.add(_order(drawn))
            found.append(drawn)
    return found


def _order(compatible: Tensor) -> tuple[int, ...]:
    """The order of labels, the same for its mirror images on either axis."""
    mirrors = ([0, 1, 2, 3], VALENCE_TURNED, AROUSAL_TURNED, [2, 3, 0, 1])
    return min(tuple(kinds_of(compatible[:, one]).tolist()) for one in mirrors)


# --- leave-one-block-out -------------------------------------------------------------------------


def left_out(blocks: Blocks, compatible: Tensor, axes: Tensor) -> Tensor:
    """Logits (4, N) of each block from a fit to the other blocks under labels (B, 4)."""
    fold = _folds(compatible)
    count = int(fold.max()) + 1
    pairs = list(combinations_with_replacement(range(count), 2))
    kept = torch.stack([(fold != i) & (fold != j) for i, j in pairs])
    shift = _fits(blocks, compatible, kept, axes, PENALTIES)
    scores = _scores(blocks, shift, compatible)
    logits = blocks.logits.clone()
    for i in range(count):
        inner = torch.zeros(len(PENALTIES) + 1)
        weight = shares_of(compatible, fold != i)
        for pair, (one, other) in enumerate(pairs):
            if one != other and i in (one, other):
                inner += scores[pair] @ (weight * (fold == (other if one == i else one)))
        best = int(inner.argmax())
        rows = (fold == i)[blocks.member]
        if best < len(PENALTIES):
            chosen = shift.one(pairs.index((i, i)) * len(PENALTIES) + best)
            logits[:, rows] = chosen.logits(blocks.logits[:, rows], blocks.z[:, rows])[0]
    return logits


def fitted(blocks: Blocks, axes: Tensor) -> Shift | None:
    """The fit to all blocks, its strength chosen by leave-one-block-out; None: plain is best."""
    fold = _folds(blocks.compatible)
    kept = torch.stack([fold != i for i in range(int(fold.max()) + 1)])
    shift = _fits(blocks, blocks.compatible, kept, axes, PENALTIES)
    scores = _scores(blocks, shift, blocks.compatible) * shares_of(blocks.compatible)
    best = int(scores.masked_fill(kept[:, None], 0.0).sum((0, 2)).argmax())
    if best == len(PENALTIES):
        return None
    return _fits(blocks, blocks.compatible, _all(blocks), axes, PENALTIES).one(best)


def tempered(blocks: Blocks) -> Shift:
    """The temperature alone that suits all blocks."""
    return _fits(blocks, blocks.compatible, _all(blocks), NEITHER, TEMPERATURE_ONLY)


def tempered_out(blocks: Blocks) -> Tensor:
    """Logits (4, N) of each block under the temperature alone that suits the other blocks."""
    fold = _folds(blocks.compatible)
    kept = torch.stack([fold != i for i in range(int(fold.max()) + 1)])
    shift = _fits(blocks, blocks.compatible, kept, NEITHER, TEMPERATURE_ONLY)
    return shift.log_tau.exp()[fold[blocks.member]] * blocks.logits


def _all(blocks: Blocks) -> Tensor:
    return torch.ones(1, len(blocks.compatible), dtype=torch.bool)


def _folds(compatible: Tensor) -> Tensor:
    """(B,) group of each block, left out together; at most FOLDS, kinds spread evenly."""
    order = torch.argsort(kinds_of(compatible), stable=True)
    fold = torch.empty(len(order), dtype=torch.long)
    fold[order] = torch.arange(len(order)) % min(FOLDS, len(order))
    return fold


def _fits(
    blocks: Blocks, compatible: Tensor, kept: Tensor, axes: Tensor, penalties: Sequence[float]
) -> Shift:
    """Fits to the blocks `kept` (K, B), each with all `penalties`: K * len(penalties) of them.

    Blocks of every kind of label weigh the same together, and the windows of a block as one.
    """
    weight = shares_of(compatible, kept) * kept.sum(1, keepdim=True)
    rows = (weight / torch.bincount(blocks.member))[:, blocks.member]
    rows = rows.repeat_interleave(len(penalties), 0)
    penalty = torch.tensor(penalties).repeat(len(kept))
    told = compatible[blocks.member].T
    return fit(blocks.logits, blocks.z, blocks.trust, told, rows, penalty, axes)


def _scores(blocks: Blocks, shift: Shift, compatible: Tensor) -> Tensor:
    """Log probability (K, len(PENALTIES) + 1, B) of blocks under fits, and last as shipped."""
    told = by_block(blocks, shift.logits(blocks.logits, blocks.z), compatible)
    told = told.view(-1, len(PENALTIES), len(compatible))
    plain = by_block(blocks, blocks.logits, compatible).expand(len(told), 1, -1)
    return torch.cat([told, plain], 1)


# --- figures -------------------------------------------------------------------------------------


def _balanced(values: Tensor, compatible: Tensor) -> float:
    return float((values * shares_of(compatible)).sum())


def _gain(blocks: Blocks, logits: Tensor) -> Gain:
    """What logits (4, N) of blocks left out are worth beside the plain ones."""
    told, plain = (by_block(blocks, one, blocks.compatible) for one in (logits, blocks.logits))
    gains = told - plain
    return Gain(_balanced(gains, blocks.compatible), float(gains.std() / len(gains) ** 0.5))


def _worth(gain: Gain) -> bool:
    return gain.nats > max(gain.error, LEAST_GAIN_NATS)


def _axis(blocks: Blocks, a: int, found: list[Tensor], labels: list[Tensor]) -> AxisFigures:
    """How many blocks are on their side of one axis, by the plain recogniser and by the fits."""
    permuted = [accuracy(blocks, f, c, a) for f, c in zip(found[1:], labels[1:], strict=True)]
    side = sides(blocks.compatible)[:, a]
    return AxisFigures(
        NAMES[a], int((side < 0).sum()), int((side > 0).sum()),
        accuracy(blocks, blocks.logits, labels[0], a), accuracy(blocks, found[0], labels[0], a),
        sum(permuted) / len(permuted),
    )  # fmt: skip


def accuracy(blocks: Blocks, logits: Tensor, compatible: Tensor, a: int) -> float:
    """Balanced accuracy on an axis, a block going by the mean probability of its windows."""
    p = gate(read_out(logits.T), blocks.trust)
    high = p @ (AXES[a] > 0).float()
    said, side = means_of(blocks, high) > 0.5, sides(compatible)[:, a]
    return float((said[side > 0].float().mean() + (~said[side < 0]).float().mean()) / 2)
