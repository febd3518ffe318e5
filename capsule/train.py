"""Train the capsule network on labelled recordings and write its weights.

    emocapsule train capsule                      all data sets, minutes on one thread once
                                                  they are prepared
    emocapsule train capsule --out FOLDER --steps 100
    emocapsule train capsule --data eegmat deap=FOLDER folder=FOLDER

Data sets are told as NAME or NAME=FOLDER, see ``emocapsule prepare capsule --help``. The recipe is
`Recipe` in `capsule.learning`.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from capsule.corpus.sources import TRAINING
from capsule.learning import Recipe, build_for_strangers, everything, shared_out

OUT = Path("runs/capsule")
TITLE = "emocapsule-capsule-1"


def main(argv: Sequence[str] | None = None) -> int:
    """Train on everyone, and without each task's set for the read-out; write the weights."""
    parser = argparse.ArgumentParser(prog="emocapsule train capsule", description=__doc__)
    parser.add_argument(
        "--data", nargs="+", default=TRAINING, metavar="SET",
        help=f"data sets to learn from, NAME or NAME=FOLDER (default: {' '.join(TRAINING)})",
    )  # fmt: skip
    parser.add_argument(
        "--out", type=Path, default=OUT, metavar="DIR", help=f"of the weights (default: {OUT})"
    )
    parser.add_argument("--steps", type=int, default=Recipe.steps)
    parser.add_argument("--routing", choices=("dynamic", "attention", "uniform"), default="dynamic")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(argv)
    torch.set_num_threads(1)
    recipe = replace(Recipe(), steps=args.steps, routing=args.routing, seed=args.seed)
    data = everything(args.data)
    recipe = shared_out(recipe, data)
    model = build_for_strangers(data, recipe)
    name = model.save(args.out, TITLE)
    print(f"{name}: trained on {len(data.people)} people, {len(data)} windows")
    known, strange = model.known, model.strange
    print(f"known headsets: temperature {known.temperature:.2f}, lean {known.lean:+.2f}")
    print(f"strange headsets: temperature {strange.temperature:.2f}, alpha {strange.alpha:.2f}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
