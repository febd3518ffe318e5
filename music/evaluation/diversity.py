"""Is the latent a choice? The next bar after one past and under one emotion, drawn again and again.

Three arms, each of N bars: another z with the dice of the tokens held; z held with other dice;
both drawn anew. Where the latent says nothing, the first arm gives one bar N times.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np

from music import vocabulary as v
from music.conditioning import QUADRANTS
from music.evaluation.following import Playing, quadrant
from music.evaluation.intervals import mean
from music.evaluation.request import Branch, Clip, Length, Request
from music.evaluation.steering import LONGEST_S
from music.events import Note
from music.grammar import Decoder

ARMS = {"other z, same dice": (1, 0), "same z, other dice": (0, 1), "both": (1, 1)}
OTHER_SEEDS = 1_000_000  # far from those of the pasts


def diversity(
    playing: Playing,
    strength: float,
    pasts: int = 8,
    draws: int = 16,
    bars: int = 4,
    seed: int = 0,
) -> dict[str, Any]:
    """For each arm the share of distinct bars among ``draws`` and how far two of them are apart.

    A past is ``bars`` bars of the model's own, the emotions taking turns; intervals are over pasts.
    ``distance`` is 1 − Jaccard of two bars' (position, pitch) sets, over pairs.
    """
    requests = [
        Request(
            seed + past,
            ((0.0, quadrant(past % QUADRANTS, strength)),),
            branch=Branch(bars, OTHER_SEEDS + z * draw, OTHER_SEEDS + dice * draw),
        )
        for z, dice in ARMS.values()
        for past in range(pasts)
        for draw in range(draws)
    ]
    clips = playing.play(requests, Length(LONGEST_S, bars + 1))
    found: dict[str, Any] = {"draws": draws, "bars_before": bars}
    for place, arm in enumerate(ARMS):
        first = place * pasts * draws
        groups = [clips[first + k * draws : first + (k + 1) * draws] for k in range(pasts)]
        played = [[last_bar(clip, bars) for clip in group] for group in groups]
        found[arm] = {
            "distinct": mean([len(set(some)) / draws for some in played]),
            "distance": mean([_distance(some) for some in played]),
        }
    return found


def last_bar(clip: Clip, bar: int) -> tuple[int, ...]:
    """The tokens of a bar, from its BAR to the next one's."""
    starts = np.flatnonzero(clip.tokens == v.BAR)
    if len(starts) <= bar:
        return ()
    stop = starts[bar + 1] if len(starts) > bar + 1 else len(clip.tokens)
    return tuple(int(token) for token in clip.tokens[starts[bar] : stop])


def _distance(bars: Sequence[tuple[int, ...]]) -> float:
    sets = [_struck(bar) for bar in bars]
    apart = [1 - len(a & b) / max(len(a | b), 1) for a, b in combinations(sets, 2)]
    return float(np.mean(apart))


def _struck(bar: tuple[int, ...]) -> frozenset[tuple[float, int]]:
    """Where in the bar which pitch is struck; an empty bar is one rest, so that two are alike."""
    decoder = Decoder()
    notes = [e for token in bar for e in decoder.push(token) if isinstance(e, Note)]
    return frozenset((n.onset_beats, n.pitch) for n in notes) or frozenset({(0.0, -1)})
