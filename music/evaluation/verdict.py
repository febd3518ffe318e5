"""What must be shown, and whether the figures show it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from music.conditioning import DEFAULT
from music.evaluation.bounds import ACTIVE_NATS
from music.evaluation.courses import HEARD, WAYS
from music.evaluation.intervals import shown
from music.evaluation.likelihood import POSTERIOR, PRIOR, SHUFFLED
from music.evaluation.ranking import best, standings

Found = dict[str, Any]
PUBLISHED = {"4Q": 0.70, "arousal": 0.91, "valence": 0.76}  # best found for EMOPIA, n = 100
ACTIVE_DIMENSIONS = 4
RANK_ORDER = 0.95
TURN_BARS = 2
LEFT = 1 / 3  # of the way, at the end of a course
TIMES_REAL_TIME = 5.0


@dataclass(frozen=True)
class Demand:
    """One line of the table: what was asked, what was found, and whether it is enough."""

    asked: str
    found: str
    met: bool


def verdict(found: dict[str, Found], shipped: float) -> list[Demand]:
    """Every demand whose section is there."""
    return [
        *_following(found, f"{shipped:g}"),
        *_likeness(found, f"{shipped:g}"),
        *_steering(found),
        *_latent(found),
        *_speed(found),
        *_default(found),
    ]


def _following(found: dict[str, Found], shipped: str) -> list[Demand]:
    if "following" not in found:
        return []
    at = found["following"][shipped]
    rows = [
        Demand(
            f"judge agrees, {axis} ≥ {least:.0%}",
            shown(at["agreement"][axis]),
            at["agreement"][axis]["value"] >= least,
        )
        for axis, least in PUBLISHED.items()
    ]
    control = at["shuffled"]["4Q"]
    inside = control["low"] <= 0.25 <= control["high"]
    return [*rows, Demand("shuffled condition at chance (.25)", shown(control), inside)]


def _likeness(found: dict[str, Found], shipped: str) -> list[Demand]:
    rows: list[Demand] = []
    if "likeness" in found:
        ours, unguided = (found["likeness"][at]["mean_overlap"] for at in (shipped, "1"))
        gap = found["likeness"][shipped]["gap"]
        said = f"{ours['value']:.3f} against {unguided['value']:.3f}: {shown(gap, 3)}"
        asked = "overlap with real clips no worse than unguided"
        rows.append(Demand(asked, said, gap["value"] >= 0.0))
    for spelling, at in found.get("copying", {}).items():
        made, real = at["generated"], at["real"]
        said = f"p95 {made['p95']['value']:.0f} notes against {real['p95']['value']:.0f}"
        no_longer = made["p95"]["value"] <= real["p95"]["value"]
        rows.append(Demand(f"copied {spelling} no longer than real songs share", said, no_longer))
    return rows


def _steering(found: dict[str, Found]) -> list[Demand]:
    rows = []
    for name, at in found.get("sweeps", {}).items():
        for axis in ("arousal", "valence"):
            order = at[axis]["spearman"]
            enough = order["value"] >= RANK_ORDER
            rows.append(Demand(f"Spearman ≥ {RANK_ORDER}, {name}, {axis}", shown(order), enough))
    if "switches" in found:
        told = found["switches"]["all pairs"]
        turn, control = told["switch"], told["control"]
        said = (
            f"median {turn['median_bars']['value']:.0f}, p90 {turn['p90_bars']['value']:.0f}; "
            f"turned within two: {turn['within_2_bars']['value']:.0%}, "
            f"{control['within_2_bars']['value']:.0%} without a switch"
        )
        in_time = turn["median_bars"]["value"] <= TURN_BARS
        rows.append(Demand("judge turns within 2 bars of a switch (median)", said, in_time))
    for way in WAYS if "courses" in found else ():
        left = [found["courses"][way][heard]["left"][-1] for heard in HEARD]
        said = ", ".join(f"{name} {shown(one)}" for name, one in zip(HEARD, left, strict=True))
        asked = f"a mild mixture is followed {way}: at most a third of the way left"
        rows.append(Demand(asked, said, all(one["value"] <= LEFT for one in left)))
    return rows


def _latent(found: dict[str, Found]) -> list[Demand]:
    rows = []
    told = found.get("likelihood")
    if told and told["kl"]:
        nats, active = told["nats_per_note"], told["active"]
        asked = f"KL > {ACTIVE_NATS} nat in ≥ {ACTIVE_DIMENSIONS} dimensions"
        rows.append(Demand(asked, f"{active} of {len(told['kl'])}", active >= ACTIVE_DIMENSIONS))
        order = [nats[name]["value"] for name in (POSTERIOR, PRIOR, SHUFFLED)]
        said = " < ".join(f"{value:.3f}" for value in order)
        rows.append(Demand("nats: posterior z < prior z < another bar's z", said, rising(order)))
    if found.get("latents"):
        share = found["latents"]["other z, same dice"]["distinct"]
        rows.append(Demand("other z, other bar", shown(share), share["low"] > 0.5))
    return rows


def rising(values: list[float]) -> bool:
    """Whether each is above the one before."""
    return all(a < b for a, b in zip(values, values[1:], strict=False))


def _speed(found: dict[str, Found]) -> list[Demand]:
    if "speed" not in found:
        return []
    times = found["speed"]["times_real_time"]
    asked = f"one thread ≥ {TIMES_REAL_TIME:g}× real time in the busiest quadrant"
    return [Demand(asked, f"{times:.1f}×", times >= TIMES_REAL_TIME)]


def _default(found: dict[str, Found]) -> list[Demand]:
    """Each round of the comparison that was held, whatever the other says."""
    rows = []
    for name in ("comparison", "last round"):
        winner = best(standings(found[name]["table"]["lines"])) if name in found else None
        if winner:
            asked = f"the conditioning that ships leads the {name}, of those with a latent"
            said = f"{winner.row}: {winner.agreement:.2f}, {winner.nats:.3f} nats a note"
            rows.append(Demand(asked, said, winner.row == DEFAULT))
    return rows
