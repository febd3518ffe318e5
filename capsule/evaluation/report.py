"""``emocapsule evaluate capsule``: every figure about the capsule network, in one report.

Sections are found one after another, and the networks they need are kept, so that a run that was
stopped goes on; a section is found anew when the data, the recipe, the shipped weights or a setting
that it uses has changed. REPORT.md, its pictures and report.json lie in ``--out``; the last line
printed is the JSON.
"""

from __future__ import annotations

import argparse
import json
import shlex
from collections.abc import Callable
from dataclasses import asdict, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch

from capsule.corpus.sources import TESTING, TRAINING, sources
from capsule.errors import CapsuleError
from capsule.evaluation.material import QUICK, Material, Settings
from capsule.evaluation.pages import page
from capsule.evaluation.plots import draw
from capsule.evaluation.sections import SECTIONS, found
from capsule.evaluation.verdict import verdict
from capsule.recogniser import WEIGHTS

PROGRAM = "emocapsule evaluate capsule"
UNSEEN = (*TESTING, "albasri")


def parse(argv: list[str] | None) -> argparse.Namespace:
    """The words of the command."""
    default = Settings()
    parser = argparse.ArgumentParser(prog=PROGRAM, description=__doc__)
    add = parser.add_argument
    add("--weights", type=Path, default=WEIGHTS, metavar="DIR", help="as shipped")
    add("--data", nargs="+", default=list(TRAINING), metavar="SET", help="NAME or NAME=FOLDER")
    add("--unseen", nargs="*", default=list(UNSEEN), metavar="SET", help="never learned from")
    add("--out", type=Path, default=Path("runs/capsule-report"), metavar="DIR")
    add("--folds", type=int, metavar="N", help=f"of people (default {default.folds})")
    add("--steps", type=int, metavar="N", help=f"of training (default {default.steps})")
    add("--seed", type=int, default=default.seed)
    add("--quick", action="store_true", help="a trial with little training")
    names = [section.name for section in SECTIONS]
    add("--only", nargs="+", choices=names, metavar="SECTION", help=f"of {', '.join(names)}")
    args = parser.parse_args(argv)
    if args.folds is not None and args.folds < 2:
        parser.error("--folds: give 2 or more")
    if args.steps is not None and args.steps < 1:
        parser.error("--steps: give 1 or more")
    return args


def settings_of(args: argparse.Namespace) -> Settings:
    """What the words ask for."""
    settings = QUICK if args.quick else Settings()
    told = {name: getattr(args, name) for name in ("folds", "steps", "seed")}
    return replace(settings, **{name: one for name, one in told.items() if one is not None})


def report(m: Material, only: list[str] | None = None, command: str = PROGRAM) -> dict[str, Any]:
    """Find the sections and write REPORT.md, the pictures and report.json into ``m.out``.

    CapsuleError if a section that is asked for needs EEGMAT and it is not among the sets.
    """
    chosen = [one for one in SECTIONS if one.name in only] if only else list(SECTIONS)
    needing = [one.name for one in chosen if one.needs_eegmat]
    if needing and not m.eegmat:
        if only:
            raise CapsuleError(f"{', '.join(needing)}: EEGMAT is needed, name it in --data")
        chosen = [one for one in chosen if not one.needs_eegmat]
    m.out.mkdir(parents=True, exist_ok=True)
    figures = {one.name: found(one, m) for one in chosen}
    about = asdict(m.settings) | {
        "learned": m.learned, "unseen": m.unseen, "weights": m.shipped.name, "command": command,
    }  # fmt: skip
    draw(figures, m.out)
    (m.out / "REPORT.md").write_text(page(figures, about), encoding="utf-8")
    demands = [asdict(one) for one in verdict(figures)]
    whole = {"about": about, "demands": demands, "figures": figures}
    written = json.dumps(whole, indent=1, allow_nan=False)
    (m.out / "report.json").write_text(written + "\n", encoding="utf-8")
    return dict(json.loads(written))


def main(argv: list[str] | None = None, say: Callable[[str], None] = print) -> int:
    """``emocapsule evaluate capsule``."""
    args = parse(argv)
    if find_spec("sklearn") is None:
        raise CapsuleError("scikit-learn is needed: pip install scikit-learn")
    torch.set_num_threads(1)
    learned, unseen = tuple(args.data), tuple(args.unseen)
    if any(one.kind in TESTING for one in sources(learned)):
        raise CapsuleError(f"{', '.join(TESTING)}: for testing only, name it under --unseen")
    if {one.name for one in sources(learned)} & {one.name for one in sources(unseen)}:
        raise CapsuleError("a set cannot be both learned from and never seen")
    m = Material(learned, unseen, args.out, settings_of(args), say, args.weights)
    words = shlex.join(argv or [])
    whole = report(m, args.only, f"{PROGRAM} {words}".strip())
    say(f"Written: {args.out / 'REPORT.md'}")
    say(json.dumps(whole))
    return 0
