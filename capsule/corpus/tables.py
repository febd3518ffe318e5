"""Tables that people write: rows of CSV or TSV, each knowing where it stands, for clear errors."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from pathlib import Path

from capsule.corpus.labels import SAM, Scale, rated, understood
from capsule.errors import CapsuleError

NOT_GIVEN = ("", "n/a", "na", "nan")
_SCALE = re.compile(r"\s*(-?[\d.]+)\s*(?:\.\.|-|:| to )\s*(-?[\d.]+)\s*")


@dataclass(frozen=True)
class Row:
    """One line of a table, its cells under the lower-case names of their columns."""

    where: str
    cells: Mapping[str, str]

    def text(self, column: str) -> str:
        """A cell; empty if it says nothing or there is no such column."""
        cell = self.cells.get(column, "").strip()
        return "" if cell.lower() in NOT_GIVEN else cell

    def number(self, column: str) -> float | None:
        """A cell as a finite number; None if it says nothing. CapsuleError if it is no number."""
        cell = self.text(column)
        if not cell:
            return None
        try:
            value = float(cell)
        except ValueError:
            value = float("nan")
        if not isfinite(value):
            raise CapsuleError(f"{self.where}: {column} is {cell!r}, a number was expected")
        return value

    @property
    def label(self) -> str:
        """The label of the row's ratings, or of its column `label`; empty if it has neither.

        Ratings are on the row's `scale`, 1..9 if it states none. CapsuleError if they are not, if
        the label is unknown, or if there are both.
        """
        word = self.text("label")
        valence, arousal = self.number("valence"), self.number("arousal")
        if valence is None and arousal is None:
            return understood(word, self.where) if word else ""
        if word:
            raise CapsuleError(f"{self.where} has a label and ratings: leave one of them empty")
        return rated(valence, arousal, self._scale(), self.where)

    def _scale(self) -> Scale:
        told = self.text("scale")
        if not told:
            return SAM
        match = _SCALE.fullmatch(told)
        if match is None or not float(match[1]) < float(match[2]):
            raise CapsuleError(f"{self.where}: the scale is {told!r}, expected is one like 1..9")
        return Scale(float(match[1]), float(match[2]))


def read_rows(path: Path, *needed: str) -> list[Row]:
    """The rows of a table with a header line, separated by comma, semicolon or tab.

    CapsuleError if the file is missing, empty or no table, or lacks a column that is needed.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            lines = file.read().splitlines()
    except OSError as error:
        raise CapsuleError(f"the table {path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise CapsuleError(f"{path} is no text in UTF-8: save it as CSV in UTF-8") from error
    separator = max(",;\t", key=lines[0].count) if lines else ","
    try:
        table = list(csv.reader(lines, delimiter=separator))
    except csv.Error as error:
        raise CapsuleError(f"{path} is no table: {error}") from error
    header = [name.strip().lower() for name in table[0]] if table else []
    missing = [name for name in needed if name not in header]
    if missing:
        told = ", ".join(header)[:80] or "nothing"
        raise CapsuleError(
            f"{path} needs a column {missing[0]!r} in its first line, which is: {told}"
        )
    rows = []
    for number, cells in enumerate(table[1:], 2):
        where = f"{path.name} line {number}"
        if len(cells) > len(header):
            raise CapsuleError(f"{where} has {len(cells)} cells under {len(header)} columns")
        if any(cell.strip() for cell in cells):
            rows.append(Row(where, dict(zip(header, cells, strict=False))))
    return rows
