"""Rows of the report's tables: what several readers said of the same windows, as figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from capsule.evaluation.figures import (
    STATISTICS,
    Judged,
    difference,
    figures,
    reliability,
    together,
)

Found = dict[str, Any]
CAPSULE = "capsule network"
AS_KNOWN = "the same, read out as for a known headset"
AS_STRANGE = "the same, read out as for a strange headset"
RIVALS = ("logistic regression", "support vectors (RBF)")


def in_tangent_space(name: str) -> str:
    """What a rival is called that has tangent vectors for entropies."""
    return f"tangent space, {name}"


TANGENT = tuple(in_tangent_space(name) for name in RIVALS)


class Rows(dict[str, list[Judged]]):
    """What each reader said in one fold after another."""

    def tell(self, found: Mapping[str, Judged]) -> None:
        for name, judged in found.items():
            if len(judged.p):
                self.setdefault(name, []).append(judged)

    def found(self, rivals: Sequence[str] = RIVALS) -> Found:
        """Figures of every reader, and of the network minus each rival that is among them."""
        whole = {name: together(parts) for name, parts in self.items()}
        whole = {name: one for name, one in whole.items() if one.both}
        told: Found = {"rows": {name: row(one) for name, one in whole.items()}, "above": {}}
        ours = whole.get(CAPSULE)
        for name in rivals:
            if ours is not None and name in whole:
                told["above"][name] = above(ours, whole[name])
        return told


def row(judged: Judged) -> Found:
    """Figures by window, by recording where each is of one class, and the reliability curve."""
    told: Found = {
        "windows": len(judged.p),
        "people": len(np.unique(judged.person)),
        "figures": figures(judged),
        "reliability": reliability(judged),
    }
    if judged.of_one_class and (whole := judged.by_recording()).both:
        told["recordings"] = {"n": len(whole.p), "figures": figures(whole)}
    return told


def above(ours: Judged, theirs: Judged) -> Found:
    """By how much one reader is above another, with intervals over people."""
    return {name: difference(ours, theirs, one) for name, one in STATISTICS.items()}
