"""What must be shown, and whether the figures show it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from capsule.evaluation.figures import Figure, shown
from capsule.evaluation.rows import CAPSULE, RIVALS, TANGENT

Found = dict[str, Any]
MONTAGES = ("19", "4")
COMPARED = ("balanced accuracy", "AUC")
GAIN = 0.04  # aimed at, over the better rival
MOST_ECE = 0.05
RECORDINGS = 0.88
PLAIN_TRANSFER = 0.58  # of EEGMAT to Bird by logistic regression, as others would do it
UNSEEN = "bird"
DRIFT = "control: second against third minute of rest"
AT_CHANCE = (0.40, 0.60)  # within which the mean over many deals of null labels must lie


@dataclass(frozen=True)
class Demand:
    """One line of the table: what was asked, what was found, and whether it is enough."""

    asked: str
    found: str
    met: bool


def verdict(found: dict[str, Found]) -> list[Demand]:
    """Every demand whose section is there."""
    rows: list[Demand] = []
    for subset in MONTAGES:
        told = found.get("people", {}).get("montages", {}).get(subset)
        if told:
            rows += _montage(subset, told["rows"])
        told = found.get("tangent", {}).get("montages", {}).get(subset)
        if told:
            rows += _in_tangent_space(subset, told["rows"])
    transfer = found.get("unseen", {}).get(UNSEEN)
    if transfer:
        one = transfer["rows"][CAPSULE]["figures"]["balanced accuracy"]
        asked = f"Bird's headset, never seen, balanced accuracy > {PLAIN_TRANSFER:.2f}"
        rows.append(Demand(asked, shown(one), one["value"] > PLAIN_TRANSFER))
    return rows + _null(found.get("null", {}))


def _montage(subset: str, told: Found) -> list[Demand]:
    ours, name = told[CAPSULE], f"EEGMAT {subset} channels"
    rows = []
    for figure in COMPARED:
        one, best, said = _beside(told, figure, RIVALS)
        least = f"{name}, {figure} at least that of the better rival"
        rows.append(Demand(least, said, one >= best))
        if figure == "balanced accuracy":
            aim = f"{name}, aimed at: four points above it"
            rows.append(Demand(aim, said, one >= best + GAIN))
    error = ours["figures"]["ECE"]
    rows.append(Demand(f"{name}, ECE ≤ {MOST_ECE}", shown(error), error["value"] <= MOST_ECE))
    whole = ours["recordings"]["figures"]["balanced accuracy"]
    asked = f"{name}, by recording ≥ {RECORDINGS}"
    rows.append(Demand(asked, shown(whole), whole["value"] >= RECORDINGS))
    still = told[DRIFT]["figures"]["balanced accuracy"]
    rows.append(Demand(f"{name}, drift of the rest at chance", shown(still), _around_half(still)))
    return rows


def _in_tangent_space(subset: str, told: Found) -> list[Demand]:
    rows = []
    for figure in COMPARED:
        one, best, said = _beside(told, figure, TANGENT)
        asked = f"EEGMAT {subset} channels, {figure} at least that of the better in tangent space"
        rows.append(Demand(asked, said, one >= best))
    return rows


def _beside(told: Found, figure: str, rivals: Sequence[str]) -> tuple[float, float, str]:
    """The network's value, that of the best of its rivals, and both as the table tells them."""
    ours = told[CAPSULE]["figures"][figure]
    values = {rival: told[rival]["figures"][figure]["value"] for rival in rivals}
    best = max(values, key=lambda rival: values[rival])
    said = f"{shown(ours)} against {values[best]:.3f} of {best}"
    return ours["value"], values[best], said


def _around_half(one: Figure) -> bool:
    return one["low"] <= 0.5 <= one["high"]


def _null(found: Found) -> list[Demand]:
    rows = []
    for name, told in found.items():
        one = told["nearest neighbours"]
        inside = AT_CHANCE[0] <= one["value"] <= AT_CHANCE[1]
        asked = "at chance" if told["honest"] else "above chance: the canary sings"
        rows.append(Demand(f"null labels by {name} {asked}", shown(one), inside == told["honest"]))
    return rows
