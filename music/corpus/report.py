"""What a preparation found, as numbers (``report.json``) and to read (``report.md``)."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from music import vocabulary as v
from music.corpus.dataset import Piece, Source, Tokens
from music.corpus.parts import Part
from music.corpus.roundtrip import drift_ms

Report = dict[str, Any]
PERCENTILES = (50, 95, 99)


def measure(parts: Sequence[Part], refused: Sequence[str]) -> Report:
    """Counts, token statistics and round-trip errors of all parts; ``refused`` were never read."""
    pieces = [piece for part in parts for piece in part.pieces]
    tokens = Counter[str]()
    for piece in pieces:
        tokens[f"{piece.source.dataset} {piece.source.split}"] += len(piece.tokens)
    by_set: dict[str, list[Part]] = defaultdict(list)
    for part in parts:
        by_set[part.source.dataset].append(part)
    reasons = [*refused, *(part.reason for part in parts if part.reason)]
    return {
        "files": len(parts),
        "pieces": len(pieces),
        "rejected": reasons,
        "tokens": dict(tokens),
        "counts": _counts(parts),
        "statistics": {
            name: _statistics([piece for part in found for piece in part.pieces])
            for name, found in by_set.items()
            if any(part.pieces for part in found)
        },
        "onset_error_ms": _spread([e for part in parts for e in part.errors_ms]),
        "pedal_error_ms": _spread([part.pedal_errors_ms for part in parts]),
        "drift_ms": _drift([errors for part in parts for errors in part.errors_ms]),
        "by_data_set": {
            name: {
                "onset_error_ms": _spread([e for part in found for e in part.errors_ms]),
                "notes": _sum(part.notes for part in found),
                "pedals": _sum(part.pedals for part in found),
                "slips": _sum(part.slips for part in found),
            }
            for name, found in by_set.items()
        },
        "tokens_refused": sum(part.refused for part in parts),
    }


def _counts(parts: Sequence[Part]) -> list[dict[str, Any]]:
    """Rows of files, pieces and music by data set, split and quadrant."""
    groups: dict[tuple[str, str, int], list[Part]] = defaultdict(list)
    for part in parts:
        source = part.source
        groups[source.dataset, source.split, _order(source)].append(part)
    rows = []
    for (dataset, split, quadrant), found in groups.items():
        pieces = [piece for part in found for piece in part.pieces]
        tokens = _all(pieces)
        rows.append(
            {
                "data set": dataset,
                "split": split,
                "quadrant": f"Q{quadrant + 1}" if quadrant < 4 else "none",
                "songs": len({part.source.song for part in found}),
                "files": len(found),
                "pieces": len(pieces),
                "minutes": round(_seconds(tokens) / 60, 1),
                "bars": int((tokens == v.BAR).sum()),
                "notes": _in(tokens, v.DUR),
                "tokens": len(tokens),
            }
        )
    return sorted(rows, key=lambda row: (row["data set"], row["split"], row["quadrant"]))


def _order(source: Source) -> int:
    return 4 if source.quadrant is None else source.quadrant


def _statistics(pieces: Sequence[Piece]) -> dict[str, Any]:
    """What the tokens of a data set are like."""
    tokens = _all(pieces)
    notes, seconds = max(_in(tokens, v.DUR), 1), max(_seconds(tokens), 1e-9)
    velocity = (tokens[_mask(tokens, v.VEL)] - v.VEL.start) * v.VELOCITY_STEP + 2.0
    lengths = [len(piece.tokens) for piece in pieces]
    return {
        "tokens_per_note": round(len(tokens) / notes, 2),
        "tokens_per_second": round(len(tokens) / seconds, 1),
        "notes_per_second": round(notes / seconds, 2),
        "velocity_mean": round(float(velocity.mean()), 1),
        "velocity_deviation": round(float(velocity.std()), 1),
        "share": {
            name: round(_in(tokens, family) / len(tokens), 4)
            for name, family in v.FAMILIES.items()
            if _in(tokens, family)
        },
        "tokens_per_piece": {f"p{q}": int(np.percentile(lengths, q)) for q in (0, 5, 50, 95, 100)},
        "bars_by_beats": _bars_by_beats(pieces),
    }


def _bars_by_beats(pieces: Sequence[Piece]) -> dict[str, int]:
    """How many bars have so many beats."""
    counts = Counter[int]()
    for piece in pieces:
        lines = np.flatnonzero(piece.tokens == v.BAR)
        beats = np.add.reduceat(_mask(piece.tokens, v.TEMPO).astype(np.int64), lines)
        counts.update(beats.tolist())
    return {str(beats): count for beats, count in sorted(counts.items())}


def _all(pieces: Sequence[Piece]) -> Tokens:
    return np.concatenate([np.zeros(0, dtype=np.int64), *(piece.tokens for piece in pieces)])


def _mask(tokens: Tokens, family: v.Family) -> npt.NDArray[np.bool_]:
    return np.asarray((tokens >= family.start) & (tokens < family.stop))


def _in(tokens: Tokens, family: v.Family) -> int:
    return int(_mask(tokens, family).sum())


def _seconds(tokens: Tokens) -> float:
    return float((60.0 / v.TEMPO_BPM[tokens[_mask(tokens, v.TEMPO)] - v.TEMPO.start]).sum())


def _spread(errors: Sequence[npt.NDArray[np.float64]]) -> dict[str, float]:
    """Percentiles and the largest of absolute errors; nothing of no errors."""
    joined = np.abs(np.concatenate([np.zeros(0), *errors]))
    if not len(joined):
        return {}
    found = {f"p{q}": round(float(np.percentile(joined, q)), 2) for q in PERCENTILES}
    return found | {"max": round(float(joined.max()), 2)}


def _drift(errors: Sequence[npt.NDArray[np.float64]]) -> dict[str, float]:
    """Onset error at the end of a stretch against its start, over all that are long enough."""
    drifts = [drift for one in errors if (drift := drift_ms(one)) is not None]
    if not drifts:
        return {}
    return {
        "mean": round(float(np.mean(drifts)), 3),
        "p95_of_size": round(float(np.percentile(np.abs(drifts), 95)), 2),
        "onset_error_p95_first_fifth": _spread([e[: len(e) // 5] for e in errors])["p95"],
        "onset_error_p95_last_fifth": _spread([e[-(len(e) // 5) :] for e in errors if len(e) > 4])[
            "p95"
        ],
    }


def _sum(counts: Iterable[dict[str, int]]) -> dict[str, int]:
    total = Counter[str]()
    for one in counts:
        total.update(one)
    return {name: count for name, count in total.items() if count}


# ---------------------------------------------------------------------------- to read


def written(report: Report) -> str:
    """The report as Markdown."""
    lines = [
        "# Prepared music",
        f"{report['files']} files, {report['pieces']} pieces, "
        f"{sum(report['tokens'].values()):,} tokens; {len(report['rejected'])} files rejected.",
        "## Counts",
        _table(report["counts"]),
        "## Tokens",
        _table([_flat(name, found) for name, found in report["statistics"].items()]),
        "Share of the tokens by family:",
        _table([{"data set": n} | s["share"] for n, s in report["statistics"].items()]),
        "Bars by their number of beats:",
        _table([{"data set": n} | s["bars_by_beats"] for n, s in report["statistics"].items()]),
        "## Round trip",
        f"Drift over a stretch, ms: {_told(report['drift_ms'])}.",
        f"Tokens that the grammar refuses: {report['tokens_refused']}.",
        "Absolute onset error, ms, and pedal error, ms:",
        _table(
            [
                {"": "all onsets"} | report["onset_error_ms"],
                *({"": n} | s["onset_error_ms"] for n, s in report["by_data_set"].items()),
                {"": "pedal"} | report["pedal_error_ms"],
            ]
        ),
        "What became of notes, pedal changes and slips of a beat tracker:",
        *(
            f"- {name} {what}: {_told(found[what])}"
            for name, found in report["by_data_set"].items()
            for what in ("notes", "pedals", "slips")
            if found[what]
        ),
        "## Rejected",
        *([f"- {reason}" for reason in report["rejected"]] or ["None."]),
    ]
    text = "\n\n".join(lines)
    return text.replace("\n\n- ", "\n- ") + "\n"


def _flat(name: str, found: dict[str, Any]) -> dict[str, Any]:
    lengths = found["tokens_per_piece"]
    return {
        "data set": name,
        **{key: value for key, value in found.items() if not isinstance(value, dict)},
        "tokens_per_piece": " / ".join(str(lengths[q]) for q in ("p5", "p50", "p95")),
    }


def _told(counts: dict[str, Any]) -> str:
    return ", ".join(f"{value:,} {name.replace('_', ' ')}" for name, value in counts.items())


def _table(rows: Sequence[dict[str, Any]]) -> str:
    """A Markdown table; columns in the order in which they first appear."""
    columns = list(dict.fromkeys(column for row in rows for column in row))
    body = [[str(row.get(column, "")) for column in columns] for row in rows]
    head = [[column.replace("_", " ") for column in columns], ["---"] * len(columns)]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in [*head, *body])
