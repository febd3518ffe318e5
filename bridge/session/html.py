"""Parts of a page of HTML. Whatever is put into them is escaped, unless it is `Html` already."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

import numpy as np

MOST_ROWS = 500  # of a table; what is beyond is in session.xdf
MOST_CHARACTERS = 300

Cell = str | float | int | None


class Html(str):
    """A text that is HTML already."""


def safe(told: Any) -> str:
    """Anybody's text as HTML: short, escaped, without control characters."""
    if isinstance(told, Html):
        return told
    text = "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in str(told))
    cut = text if len(text) <= MOST_CHARACTERS else text[: MOST_CHARACTERS - 1] + "…"
    return escape(cut)


def number(value: float, form: str) -> str:
    """A number that may not be known."""
    return format(value, form) if np.isfinite(value) else "–"


def section(title: str, body: str, kind: str = "") -> str:
    """A part of a page; `body` is HTML."""
    return f'<section class="{kind}"><h2>{title}</h2>{body}</section>'


def figure(svg: str, kind: str = "", told: str = "") -> str:
    """A picture with what is told below it."""
    caption = f"<figcaption>{told}</figcaption>" if told else ""
    return f'<figure class="{kind}">{svg}{caption}</figure>'


def listing(told: Iterable[tuple[str, Any]], kind: str = "") -> str:
    """Names and values; those without a value are left out."""
    pairs = (
        f"<div><dt>{safe(name)}</dt><dd>{safe(value)}</dd></div>"
        for name, value in told
        if value not in (None, "")
    )
    return f'<dl class="{kind}">{"".join(pairs)}</dl>'


def table(
    heads: Sequence[str], rows: Sequence[Sequence[Cell]], told: str = "", text: Sequence[int] = ()
) -> str:
    """A table; `text`: columns that are words. What is not known is a dash."""
    kinds = [' class="text"' if column in text else "" for column in range(len(heads))]
    top = "".join(f"<th{kind}>{head}</th>" for head, kind in zip(heads, kinds, strict=True))
    body = "".join(
        "<tr>" + "".join(
            f"<td{kind}>{'–' if cell is None else safe(cell)}</td>"
            for cell, kind in zip(row, kinds, strict=True)
        ) + "</tr>"
        for row in rows[:MOST_ROWS]
    )  # fmt: skip
    more = len(rows) - MOST_ROWS
    told = f"{told} {more} more are in session.xdf." if more > 0 else told
    caption = f"<caption>{told}</caption>" if told else ""
    return f'<div class="scroll"><table>{caption}<tr>{top}</tr>{body}</table></div>'
