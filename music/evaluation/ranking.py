"""Who leads in the comparison: whom more seeds are for, and which conditioning should ship."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from music.conditioning import DEFAULT
from music.evaluation.contestants import ROWS

Found = dict[str, Any]


def finalists(lines: Sequence[Found]) -> list[str]:
    """What more seeds are for, by nats a note on valid, right condition: the best row without a
    latent, the best two others that have one, and the default; fewer if so few are known.
    """
    known = [line for line in lines if "nats" in line and line["row"] != DEFAULT]
    known.sort(key=lambda line: float(line["nats"]["best"]["value"]))
    plain = [str(line["row"]) for line in known if not ROWS[line["row"]].has_latent]
    others = [str(line["row"]) for line in known if ROWS[line["row"]].has_latent]
    return [*plain[:1], *others[:2], DEFAULT] if known else []


@dataclass(frozen=True)
class Standing:
    """A row over its seeds: mean nats a note on valid, right condition, mean agreement at the
    shipped strength of so many clips, and how many seeds that is.
    """

    row: str
    nats: float
    agreement: float
    clips: int
    seeds: int

    @property
    def error(self) -> float:
        """Standard error of the agreement."""
        return math.sqrt(self.agreement * (1 - self.agreement) / self.clips)


def standings(lines: Sequence[Found]) -> list[Standing]:
    """Every row of which both figures are known."""
    found = []
    for row in dict.fromkeys(line["row"] for line in lines):
        own = [
            line for line in lines if line["row"] == row and "nats" in line and "agreement" in line
        ]
        if own:
            nats = fmean(line["nats"]["best"]["value"] for line in own)
            agreement = fmean(line["agreement"]["4Q"]["value"] for line in own)
            clips = sum(line["agreement"]["4Q"]["n"] for line in own)
            found.append(Standing(row, nats, agreement, clips, len(own)))
    return found


def best(known: Sequence[Standing]) -> Standing | None:
    """Which conditioning should be the default, of those with a latent and the most seeds: of whom
    agrees within a standard error of the one that agrees best, who needs the fewest nats.
    """
    able = [one for one in known if ROWS[one.row].has_latent]
    if not able:
        return None
    able = [one for one in able if one.seeds == max(one.seeds for one in able)]
    first = max(able, key=lambda one: one.agreement)
    near = [one for one in able if one.agreement >= first.agreement - first.error]
    return min(near, key=lambda one: one.nats)
