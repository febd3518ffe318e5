"""What training does to windows, so that the network learns direction, not distance, and doubt.

Windows are x (N, capsules, 2) with present (N, capsules) and possible (N, 4): the quadrants that
fit the label.
"""

from __future__ import annotations

import torch
from torch import Tensor

from eeg.montage import BANDS, REGIONS

MOST_RAISED = 8.0  # z
UNEVEN = 0.75  # a band of a raised region is raised by at least a quarter of the most


def forget_valence(possible: Tensor, share: float, rng: torch.Generator) -> Tensor:
    """Let both valences fit the labels of some windows.

    No open set lets valence be read across people, so a network that learns it from them is sure
    of what it cannot know. The rest of the labels keeps valence from meaning nothing at all.
    """
    both = possible | possible[:, [1, 0, 3, 2]]  # Q1 with Q2, Q3 with Q4
    turned = torch.rand(len(possible), generator=rng) < share
    return torch.where(turned[:, None], both, possible)


def mirror(
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


def scramble(
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


def raise_one(x: Tensor, present: Tensor, share: float, rng: torch.Generator) -> Tensor:
    """Make one region of some windows louder than it was at rest, whatever the label.

    By up to MOST_RAISED in all its bands, each differently: an electrode that has come loose, or
    lies on a muscle, says nothing of the wearer.
    """
    n, regions, bands = len(x), len(REGIONS), len(BANDS)
    there = present.view(n, regions, bands).any(2)
    chosen = torch.where(there, torch.rand(there.shape, generator=rng), -1.0).argmax(1)
    amount = MOST_RAISED * torch.rand(n, 1, generator=rng)
    amount = amount * (1.0 - UNEVEN * torch.rand(n, bands, generator=rng))
    amount = amount * (torch.rand(n, 1, generator=rng) < share)
    more = torch.zeros(n, regions, bands)
    more[torch.arange(n), chosen] = amount
    return x + more.view(n, -1, 1)


def hide(present: Tensor, drop: float, rng: torch.Generator) -> Tensor:
    """Hide a random share, at most `drop`, of each window's regions; never all of them."""
    n, regions = len(present), len(REGIONS)
    share = torch.rand(n, 1, generator=rng) * drop
    kept = torch.rand(n, regions, generator=rng) >= share
    kept = present & kept.repeat_interleave(len(BANDS), dim=1)
    return torch.where(kept.any(1, keepdim=True), kept, present)
