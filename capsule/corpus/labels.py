"""What a label says: the quadrants of valence and arousal that fit it, often more than one.

Few data sets know both axes, so a label names every quadrant that it allows: rest against
arithmetic tells arousal only, a disgusting film valence only, horror against relaxing music one
quadrant each. A label that fits none ("neutral", "baseline") teaches nothing, but may be the rest
that the wearer is measured against.

Ratings become labels by one rule. Above the middle of their scale is +, below it -, and the middle
itself, or no rating, says nothing of that axis: (7, 3) of 1 to 9 is V+A-, (7, 5) is V+. Published
readers of the same files put the middle (on DREAMER's scale the commonest rating) on either side.

Words for feelings stand where Russell (1980) finds them on the circle; those without a settled
arousal (amusement, disgust, inspiration, SEED's "positive") tell valence only.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import isnan

from capsule.emotion import QUADRANTS
from capsule.errors import CapsuleError

HIGH, LOW = ("Q1", "Q2"), ("Q3", "Q4")  # arousal
GOOD, BAD = ("Q1", "Q4"), ("Q2", "Q3")  # valence
BASELINE = "baseline"  # the stretches that a wearer is measured against, where a data set has them
COMPATIBLE = {  # label: the quadrants that fit it
    "rest": LOW, "arithmetic": HIGH, "relaxed": LOW, "concentrating": HIGH,
    "horror": ("Q2",), "relaxing music": ("Q4",), "sad music": ("Q3",), "happy music": ("Q1",),
    "V+": GOOD, "V-": BAD, "A+": HIGH, "A-": LOW,
    "V+A+": ("Q1",), "V-A+": ("Q2",), "V-A-": ("Q3",), "V+A-": ("Q4",),
    "positive": GOOD, "negative": BAD, "amusement": GOOD, "inspiration": GOOD, "disgust": BAD,
    "happy": ("Q1",), "joy": ("Q1",), "excited": ("Q1",),
    "anger": ("Q2",), "fear": ("Q2",), "stress": ("Q2",),
    "sad": ("Q3",), "bored": ("Q3",),
    "calm": ("Q4",), "tenderness": ("Q4",),
}  # fmt: skip
SILENT = (BASELINE, "neutral", "even")  # labels that fit no quadrant
_QUADRANTS = re.compile(r"Q[1-4](\|Q[1-4])*")


@dataclass(frozen=True)
class Scale:
    """From the lowest rating to the highest."""

    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.low:g}..{self.high:g}"


SAM = Scale(1.0, 9.0)  # the self-assessment manikin: DEAP, AMIGOS, DASPS


def quadrants_of(label: str) -> tuple[str, ...]:
    """The quadrants that fit a label; none if it is silent or unknown."""
    if label in COMPATIBLE:
        return COMPATIBLE[label]
    named = label.split("|") if _QUADRANTS.fullmatch(label) else ()
    return tuple(one for one in QUADRANTS if one in named)


def understood(text: str, where: str = "here") -> str:
    """The label that a person wrote, in any case: a word of ours, or quadrants as in `Q1|Q4`.

    CapsuleError if it is neither, or names all four quadrants, which would say nothing.
    """
    text = text.strip()
    for label in (text, text.lower(), text.upper()):
        if label in SILENT or 0 < len(quadrants_of(label)) < len(QUADRANTS):
            return label
    words = ", ".join((*COMPATIBLE, *SILENT))
    raise CapsuleError(
        f"{where}: {text!r} is no label, expected are quadrants as in Q1 or Q1|Q4 (not all four), "
        f"or one of {words}"
    )


def rated(
    valence: float | None, arousal: float | None, scale: Scale = SAM, where: str = "here"
) -> str:
    """The label of two ratings, `even` if they say nothing. None and NaN: not rated.

    CapsuleError says `where` a rating is out of its scale.
    """
    axes = (("valence", valence), ("arousal", arousal))
    return "".join(_sign(axis, rating, scale, where) for axis, rating in axes) or "even"


def _sign(axis: str, rating: float | None, scale: Scale, where: str) -> str:
    if rating is None or isnan(rating):
        return ""
    if not scale.low <= rating <= scale.high:
        raise CapsuleError(f"{where}: {axis} is rated {rating:g} on a scale of {scale}")
    middle = (scale.low + scale.high) / 2
    return "" if rating == middle else axis[0].upper() + ("+" if rating > middle else "-")
