"""The comparison as a table: of what is measured so far, as JSON, Markdown and a picture."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from music.conditioning import DEFAULT
from music.evaluation.contestants import Contestant, digest
from music.evaluation.following import AXES
from music.evaluation.intervals import Figure, shown
from music.evaluation.likelihood import NONE, OTHERS, PRIOR, RIGHT
from music.evaluation.measure import SPLIT, Scale, shelf_of
from music.evaluation.pages import table
from music.evaluation.ranking import Standing, best, finalists, standings

Found = dict[str, Any]
HEAD = (
    "model",
    "M parameters",
    "ms/token",
    "nats a note",
    "right / none / wrong",
    "agreement: 4Q / A / V",
)


def line_of(contestant: Contestant, scale: Scale) -> Found:
    """One line: whatever of it is known."""
    shelf = shelf_of(contestant)
    line: Found = {"row": contestant.row.name, "seed": contestant.seed}
    line |= {"title": contestant.row.title, "steps": contestant.steps_done()}
    line |= (shelf.peek("size", {}) or {}) | (shelf.peek("speed", {}) or {})
    if told := shelf.peek(f"likelihood {SPLIT}", scale.of_likelihood):
        line["nats"] = nats_of(told)
    if told := shelf.peek(f"agreement {scale.strength:g}", scale.of_clips):
        line["agreement"] = told
    return line


def nats_of(told: Found) -> Found:
    """Nats a note under each condition; ``best`` is the lowest of the bounds that there are."""
    nats = told["nats_per_note"]
    bounds: dict[str, Figure] = {"IWAE" if told["samples"] else "exact": nats[RIGHT]}
    if PRIOR in nats:
        bounds["prior"] = nats[PRIOR]
    kind = min(bounds, key=lambda name: bounds[name]["value"])
    return {
        "best": bounds[kind] | {"bound": kind},
        "right": nats[RIGHT],
        "none": nats[NONE],
        "wrong": nats[OTHERS],
        "bigram": nats["bigram"],
        "songs": told["songs"],
        "notes": told["notes"],
        "active": told["active"],
        "precision": told["precision"],
    }


def write(contestants: Sequence[Contestant], scale: Scale, out: Path, real: Found | None) -> str:
    """``table.json``, ``table.md`` and ``table.png`` in ``out``; the Markdown."""
    lines = [line_of(one, scale) for one in contestants]
    lines = [line for line in lines if line["steps"]]
    text = markdown(lines, contestants[0], scale, real)
    (out / "table.json").write_text(json.dumps({"lines": lines, "real": real}, indent=1) + "\n")
    (out / "table.md").write_text(text)
    _draw(lines, out / "table.png")
    return text


def markdown(lines: Sequence[Found], one: Contestant, scale: Scale, real: Found | None) -> str:
    """The table, and under it what its figures are."""
    rows = [_cells(line) for line in lines]
    if real:
        told = " / ".join(shown(real[axis]) for axis in AXES)
        rows.append(["real clips of valid", *[""] * (len(HEAD) - 2), told])
    preset, began = one.preset, ""
    if preset.start:
        began = f", begun from weights {digest(preset.start)} but for the condition's modules"
    notes = (
        f"Nats per note on {scale.pieces} pieces of EMOPIA's valid songs, never trained on, 95 % "
        "intervals over songs. Exact for models without a latent; for a CVAE the lowest upper "
        f"bound: IWAE with K = {scale.samples}, or one latent a bar drawn from the prior (*). "
        "Right, none and wrong condition (the mean of the other three quadrants) are all exact, or "
        "all IWAE. Agreement of an independent judge "
        f"with what was asked: {4 * scale.clips} clips of {scale.seconds:g} s, guidance "
        f"{scale.strength:g}, intervals over clips, chance .25 / .50 / .50. Every row: "
        f"{preset.steps} steps of {preset.batch} crops of {preset.window * 3 // 2} tokens, depth "
        f"{preset.depth}, window {preset.window}, {preset.latent} dimensions a latent, the same "
        f"data{began}. M parameters: in playing (in "
        "training). ms/token: of one core, guidance on, while other rows were at work."
    )
    parts = [
        "# Conditionings and baselines",
        "",
        table(HEAD, rows),
        notes,
        "",
        *_verdict(lines),
    ]
    return "\n".join(parts)


def _cells(line: Found) -> list[str]:
    seed = f", seed {line['seed']}" if line["seed"] else ""
    ships = " (ships)" if line["row"] == DEFAULT else ""
    cells = [f"{line['title']}{ships}{seed}"]
    small = line.get("playing")
    cells.append(f"{small / 1e6:.2f} ({line['parameters'] / 1e6:.2f})" if small else "")
    cells.append(f"{line['ms_per_token']:.1f}" if "ms_per_token" in line else "")
    if told := line.get("nats"):
        mark = "*" if told["best"]["bound"] == "prior" else ""
        cells += [shown(told["best"], 3) + mark]
        cells += [" / ".join(f"{told[name]['value']:.3f}" for name in ("right", "none", "wrong"))]
    else:
        cells += [""] * 2
    told = line.get("agreement")
    cells.append(" / ".join(shown(told[axis]) for axis in AXES) if told else "")
    return cells


def _verdict(lines: Sequence[Found]) -> list[str]:
    """Who leads, in plain words, and the spread over seeds where there are several."""
    out = []
    finest = finalists([line for line in lines if line["seed"] == lines[0]["seed"]])
    if finest:
        out.append(
            "With more seeds: the default, the two lowest others and the lowest without a latent, "
            f"on valid: {', '.join(finest)}."
        )
    for row in dict.fromkeys(line["row"] for line in lines):
        same = [line for line in lines if line["row"] == row and "nats" in line]
        if len(same) > 1:
            nats = [line["nats"]["best"]["value"] for line in same]
            told = f"{row}: {min(nats):.3f} to {max(nats):.3f} over {len(same)} seeds"
            agree = [line["agreement"]["4Q"]["value"] for line in same if "agreement" in line]
            told += f", agreement {min(agree):.2f} to {max(agree):.2f}." if agree else "."
            out.append(told)
    return [*out, *_choice(standings(lines)), ""]


def _choice(known: Sequence[Standing]) -> list[str]:
    """Who is better than the default at what, and who is best by the rule of ``best``."""
    ours, winner = next((one for one in known if one.row == DEFAULT), None), best(known)
    if ours is None or winner is None:
        return []

    def told(better: Sequence[Standing], show: Callable[[Standing], str]) -> str:
        return ", ".join(f"{one.row} ({show(one)})" for one in better) or "none"

    fewer = [one for one in known if one.nats < ours.nats]
    closer = [one for one in known if one.agreement > ours.agreement]
    both = [one.row for one in fewer if one in closer]
    return [
        f"Means over seeds, {DEFAULT} {ours.nats:.3f} nats and {ours.agreement:.3f}. Fewer nats: "
        f"{told(fewer, lambda one: f'{one.nats:.3f}')}. Greater agreement: "
        f"{told(closer, lambda one: f'{one.agreement:.3f}')}. Both: {', '.join(both) or 'none'}.",
        "Best, of those with a latent and the most seeds, whose agreement is within a standard "
        f"error of the greatest, in nats: {winner.row}.",
    ]


def _draw(lines: Sequence[Found], path: Path) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure as Picture

    picture = Picture(figsize=(10, 0.4 * len(lines) + 1.6), layout="constrained")
    nats, agree = picture.subplots(1, 2, sharey=True)
    names = [f"{line['row']} {line['seed'] or ''}".strip() for line in lines]
    for at, line in enumerate(lines):
        if told := line.get("nats"):
            right = told["right"]
            nats.plot([right["low"], right["high"]], [at, at], color="tab:gray")
            for name, colour in (("right", "tab:green"), ("none", "black"), ("wrong", "tab:red")):
                nats.plot(told[name]["value"], at, "o", color=colour, markersize=4)
        if told := line.get("agreement"):
            for axis, colour in zip(AXES, ("tab:green", "tab:red", "tab:blue"), strict=True):
                agree.plot(told[axis]["value"], at, "o", color=colour, markersize=4)
    nats.set_yticks(range(len(names)), names)
    nats.invert_yaxis()
    nats.set_title("nats a note: right, none (black), wrong (red)", fontsize=8)
    agree.set_title("agreement: 4Q green, arousal red, valence blue", fontsize=8)
    agree.set_xlim(0, 1.02)
    FigureCanvasAgg(picture).print_png(str(path))  # type: ignore[no-untyped-call]
