"""When the wearer was in what state: markers of a recording, or a CSV, as labelled stretches.

A label is any that `capsule.corpus.labels` knows (Q1, Q1|Q4, V+, A-, V-A+, calm, fear, ...) or
says it in words: "high arousal", "valence: negative", "pleasant", "HVLA". It may stand among
others, as in "Q3 video 12". `rest` and `baseline` are the wearer at rest.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from capsule.corpus.labelled import apart
from capsule.corpus.labels import BASELINE, quadrants_of, understood
from capsule.corpus.sitting import Stretch
from capsule.corpus.tables import Row, read_rows
from capsule.emotion import QUADRANTS
from capsule.errors import CapsuleError

Events = Sequence[tuple[float, str]]

_LEVELS = {"high": "+", "positive": "+", "+": "+", "low": "-", "negative": "-", "-": "-"}
_REST = re.compile(r"\b(rest|resting|baseline)\b", re.IGNORECASE)
_END = re.compile(r"\b(end|stop|off|offset)\b", re.IGNORECASE)
_SIGNS = re.compile(r"(?<![\w+-])(V[+-])?(A[+-])?(?![\w+-])", re.IGNORECASE)
_FOUR = re.compile(r"\b(?:([HL])V([HL])A|([HL])A([HL])V)\b", re.IGNORECASE)  # as DEAP's readers say
_BEFORE = re.compile(r"\b(high|low|positive|negative)[\s-]*(valence|arousal)", re.IGNORECASE)
_AFTER = re.compile(
    r"(valence|arousal)[\s:=-]*?(high|low|positive|negative|[+-])(?!\w)", re.IGNORECASE
)
_PLEASANT = re.compile(r"\b(un)?pleasant\b", re.IGNORECASE)
_NAMES = {quadrants_of(name): name for name in ("V+", "V-", "A+", "A-")}


def label_of(text: str) -> str | None:
    """The label in a text, BASELINE for rest; None if it names none, or contradicts itself.

    What it says in several words is taken together: "low arousal, pleasant" is Q4.
    """
    text = text.replace("_", " ").strip()
    if _END.search(text):
        return None
    if _REST.search(text):
        return BASELINE
    words = {text, *re.split(r"[^\w|+-]+", text)} | _signs(text)
    facts = [quadrants for word in words if (quadrants := _quadrants(word))]
    fit = tuple(one for one in QUADRANTS if facts and all(one in fact for fact in facts))
    return _NAMES.get(fit, "|".join(fit)) or None


def _quadrants(word: str) -> tuple[str, ...]:
    """The quadrants that fit a label; none if it is no label or a silent one."""
    try:
        return quadrants_of(understood(word))
    except CapsuleError:
        return ()


def _signs(text: str) -> set[str]:
    """Those of V+ V- A+ A- that a text says in any of its ways."""
    signs = {sign.upper() for found in _SIGNS.findall(text) for sign in found if sign}
    for v, a, first, second in _FOUR.findall(text):
        for axis, level in (("V", v or second), ("A", a or first)):
            signs.add(axis + ("+" if level.upper() == "H" else "-"))
    said = [(axis, level) for level, axis in _BEFORE.findall(text)]
    if not said or re.match(r"\s*(valence|arousal)", text, re.IGNORECASE):
        said = _AFTER.findall(text)
    signs |= {axis[0].upper() + _LEVELS[level.lower()] for axis, level in said}
    return signs | {"V-" if un else "V+" for un in _PLEASANT.findall(text)}


def from_markers(events: Events, end_s: float) -> tuple[Stretch, ...]:
    """Stretches of events (time_s, text): each lasts until the next event, or until `end_s`."""
    ends_s = [*(time_s for time_s, _ in events[1:]), end_s]
    return tuple(
        Stretch(start_s, stop_s, label)
        for (start_s, text), stop_s in zip(events, ends_s, strict=False)
        if (label := label_of(text)) and 0 <= start_s < stop_s
    )


def read_labels(path: Path, files: Sequence[Path]) -> list[tuple[Stretch, ...]]:
    """Stretches of each file from a table with the columns start_s, end_s and label.

    Seconds count from the first sample. In the place of `label` there may be ratings, `valence`,
    `arousal` and their `scale` (1..9 if none is told). With several files a column `file` says
    which. CapsuleError names the line and what was expected there.
    """
    rows = read_rows(path, "start_s", "end_s", *(["file"] if len(files) > 1 else []))
    stretches: list[list[Stretch]] = [[] for _ in files]
    for row in rows:
        stretches[_file(row, files)].append(_stretch(row))
    return [apart(file.name, one) for file, one in zip(files, stretches, strict=True)]


def _stretch(row: Row) -> Stretch:
    start_s, end_s, text = row.number("start_s"), row.number("end_s"), row.text("label")
    if start_s is None or end_s is None or not 0 <= start_s < end_s:
        raise CapsuleError(f"{row.where}: start_s and end_s must be seconds, in this order")
    label = label_of(text) if text else row.label
    if not label:
        raise CapsuleError(
            f"{row.where}: {text!r} names no emotion, expected is rest, Q1 to Q4, V+, V-, A+, A-, "
            "or words such as 'high arousal'"
        )
    return Stretch(start_s, end_s, label)


def _file(row: Row, files: Sequence[Path]) -> int:
    """Which of `files` a line is about."""
    name = row.text("file")
    for index, file in enumerate(files):
        if name in (str(file), file.name, file.stem) or not name and len(files) == 1:
            return index
    known = ", ".join(file.name for file in files)
    raise CapsuleError(f"{row.where}: {name!r} is none of the recordings, which are {known}")
