"""Labelled stretches of one wearer, as what is left out, weighed and counted: blocks.

Windows of one stretch are neighbours, so the stretch is the unit: it counts as one, whole.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from capsule.errors import CapsuleError
from capsule.personal.shift import AXES, NAMES, likelihood

LEAST_BLOCKS = 3  # of each side of an axis
VALENCE_TURNED, AROUSAL_TURNED = [1, 0, 3, 2], [3, 2, 1, 0]  # the quadrant across an axis
SIDES = (("unpleasant", "pleasant"), ("low arousal", "high arousal"))


@dataclass(frozen=True)
class Blocks:
    """Labelled stretches, B of them, by N of their windows."""

    logits: Tensor  # (4, N) of the plain recogniser, tempered, not gated
    z: Tensor  # (I, N)
    trust: Tensor  # (N,) of the doubt gate
    member: Tensor  # (N,) block of each window
    compatible: Tensor  # (B, 4) bool
    run: Tensor  # (B,) recording that the block is from, in order of time, as blocks are in it

    def of(self, chosen: Tensor) -> Blocks:
        """Some of the blocks, chosen by a mask (B,)."""
        rows = chosen[self.member]
        number = torch.cumsum(chosen.long(), 0) - 1
        return Blocks(
            self.logits[:, rows], self.z[:, rows], self.trust[rows], number[self.member[rows]],
            self.compatible[chosen], self.run[chosen],
        )  # fmt: skip


def sides(compatible: Tensor) -> Tensor:
    """(B, 2): on which side of valence and of arousal a label is, +1 or -1; 0: it does not say."""
    above = ~(compatible[:, None] & (AXES < 0)).any(-1)
    below = ~(compatible[:, None] & (AXES > 0)).any(-1)
    return above.long() - below.long()


def sound_axes(blocks: Blocks) -> tuple[Tensor, tuple[str, ...]]:
    """(2,) bool: axes with enough blocks on both sides, in mixed order; and what is wrong with one.

    CapsuleError if no axis has enough.
    """
    side = sides(blocks.compatible)
    counts = [[int((side[:, a] == s).sum()) for s in (-1, 1)] for a in range(2)]
    enough = torch.tensor([min(one) >= LEAST_BLOCKS for one in counts])
    if not enough.any():
        there = "; ".join(
            f"{low} of {SIDES[a][0]} and {high} of {SIDES[a][1]}"
            for a, (low, high) in enumerate(counts)
        )
        raise CapsuleError(
            f"calibration needs at least {LEAST_BLOCKS} separate stretches on each side of "
            f"valence or of arousal, in mixed order; there are {there}"
        )
    orders = _orders(blocks)
    notes = tuple(note for a, note in enumerate(orders) if enough[a] and note)
    return enough & torch.tensor([not note for note in orders]), notes


def _orders(blocks: Blocks) -> list[str]:
    """What is wrong with the order of the blocks, for each axis; empty where nothing is.

    If one side always follows the other, time passing would do as well as emotion: drift,
    drying electrodes, fatigue.
    """
    side = sides(blocks.compatible)
    notes = []
    for a, (low, high) in enumerate(SIDES):
        steps: set[int] = set()
        for run in range(int(blocks.run.max()) + 1):
            course = side[(blocks.run == run) & (side[:, a] != 0), a]
            steps |= set((course[1:] - course[:-1]).tolist())
        if {-2, 2} <= steps:
            notes.append("")
            continue
        notes.append(
            f"no recording goes from {low} to {high} and another time back, so {NAMES[a]} cannot "
            "be told from the passing of time: mix the order"
        )
    return notes


def widened(blocks: Blocks, axes: Tensor) -> Blocks:
    """The blocks with labels that speak only of `axes`; what then says nothing is left out."""
    compatible = blocks.compatible
    for a, turned in enumerate((VALENCE_TURNED, AROUSAL_TURNED)):
        if not axes[a]:
            compatible = compatible | compatible[:, turned]
    speaks = sides(compatible).abs().sum(1) > 0
    return replace(blocks, compatible=compatible).of(speaks)


def kinds_of(compatible: Tensor) -> Tensor:
    """A number (B,) for each set of quadrants."""
    return (compatible.long() * torch.tensor([1, 2, 4, 8])).sum(-1)


def shares_of(compatible: Tensor, kept: Tensor | None = None) -> Tensor:
    """(..., B) weights of the blocks that are `kept` (..., B), of all if it is None.

    They sum to 1, and every kind of label weighs the same.
    """
    kinds = kinds_of(compatible)
    among = torch.ones_like(kinds).float() if kept is None else kept.float()
    same = (kinds[:, None] == kinds).float()
    share = among / (among @ same).clamp(min=1)
    return share / share.sum(-1, keepdim=True)


def by_block(blocks: Blocks, logits: Tensor, compatible: Tensor) -> Tensor:
    """Mean log probability (..., B) of blocks' labels over windows, from logits (..., 4, N)."""
    return means_of(blocks, likelihood(logits, blocks.trust, compatible[blocks.member].T))


def means_of(blocks: Blocks, values: Tensor) -> Tensor:
    """Means (..., B) of values (..., N) over the windows of each block."""
    count = torch.bincount(blocks.member)
    return torch.zeros(*values.shape[:-1], len(count)).index_add_(-1, blocks.member, values) / count
