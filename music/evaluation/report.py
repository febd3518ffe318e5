"""``emocapsule evaluate music``: every figure about the model, in one report.

Sections are found one after another and kept, so that a run that was stopped goes on; a section is
found anew when the weights, the data or a setting that it uses has changed. REPORT.md, its pictures
and report.json lie in ``--out``; the last line printed is the JSON.
"""

from __future__ import annotations

import argparse
import json
import shlex
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from music.errors import MusicError
from music.evaluation.material import FULL, QUICK, Material, Settings
from music.evaluation.pages import page
from music.evaluation.plots import draw
from music.evaluation.sections import ROUNDS, SECTIONS, Found, found
from music.evaluation.verdict import verdict
from music.store import WEIGHTS

PROGRAM = "emocapsule evaluate music"


def parse(argv: list[str] | None) -> argparse.Namespace:
    """The words of the command."""
    default = Settings()
    parser = argparse.ArgumentParser(prog=PROGRAM, description=__doc__)
    add = parser.add_argument
    add("--weights", type=Path, default=WEIGHTS, metavar="DIR")
    add("--data", type=Path, default=Path("../shared/data"), metavar="DIR", help="holds emopia/")
    add("--tokens", type=Path, default=Path("data/music"), metavar="DIR", help="from `prepare`")
    add("--out", type=Path, default=Path("runs/report"), metavar="DIR")
    add("--split", choices=("valid", "test"), default=default.split)
    add("--clips", type=int, metavar="N", help=f"of each quadrant (default {FULL.clips})")
    add("--strength", type=float, default=default.shipped, help="as shipped")
    add("--strengths", type=float, nargs="+", default=list(default.strengths), help="to compare")
    add("--seconds", type=float, default=default.seconds, help="of each clip")
    add("--seed", type=int, default=default.seed)
    add("--precision", choices=("float32", "bfloat16"), default=default.precision, help="of clips")
    add("--quick", action="store_true", help="a trial with few clips")
    names = [section.name for section in SECTIONS]
    add("--only", nargs="+", choices=names, metavar="SECTION", help=f"of {', '.join(names)}")
    args = parser.parse_args(argv)
    if args.clips is not None and args.clips < 2:
        parser.error("--clips: give 2 or more")
    return args


def settings_of(args: argparse.Namespace) -> Settings:
    """What the words ask for."""
    scale = QUICK if args.quick else FULL
    if args.clips is not None:
        scale = type(scale)(**(asdict(scale) | {"clips": args.clips}))
    return Settings(
        split=args.split,
        seconds=args.seconds,
        shipped=args.strength,
        strengths=tuple(args.strengths),
        seed=args.seed,
        precision=args.precision,
        scale=scale,
    )


def report(
    material: Material,
    say: Callable[[str], None],
    only: list[str] | None = None,
    command: str = PROGRAM,
) -> dict[str, Any]:
    """Find the sections and write REPORT.md, the pictures and report.json into ``material.out``."""
    material.out.mkdir(parents=True, exist_ok=True)
    chosen = [section for section in SECTIONS if not only or section.name in only]
    figures = {section.name: found(section, material, say) for section in chosen}
    return _write(material, figures, command)


def _write(material: Material, figures: dict[str, Found], command: str) -> dict[str, Any]:
    settings = material.settings
    about = asdict(settings) | {"weights": material.fingerprint, "command": command}
    figures = figures | _rounds()
    draw(figures, material.out)
    text = page(figures, about | {"judge": figures.get("judge")})
    (material.out / "REPORT.md").write_text(text, encoding="utf-8")
    demands = [asdict(one) for one in verdict(figures, settings.shipped)]
    whole = {"about": about, "demands": demands, "figures": figures}
    written = json.dumps(whole, indent=1, allow_nan=False)
    (material.out / "report.json").write_text(written + "\n")
    return dict(json.loads(written))


def _rounds() -> dict[str, Found]:
    """The tables of conditionings and baselines, where the command that makes them has been run."""
    found = {}
    for name, folder in ROUNDS.items():
        files = [folder / "table.json", folder / "table.md"]
        if not all(file.is_file() for file in files):
            continue
        try:
            rows = json.loads(files[0].read_text(encoding="utf-8"))
        except json.JSONDecodeError as problem:
            raise MusicError(f"{files[0]} is not JSON; make the table again.") from problem
        found[name] = {"table": rows, "page": files[1].read_text(encoding="utf-8")}
    return found


def main(argv: list[str] | None = None, say: Callable[[str], None] = print) -> int:
    """``emocapsule evaluate music``."""
    args = parse(argv)
    torch.set_num_threads(1)
    material = Material(args.weights, args.data, args.tokens, args.out, settings_of(args))
    words = shlex.join(argv or [])
    whole = report(material, say, args.only, f"{PROGRAM} {words}".strip())
    say(f"Written: {args.out / 'REPORT.md'}")
    say(json.dumps(whole))
    return 0
