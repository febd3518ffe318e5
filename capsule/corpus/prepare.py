"""Read data sets, keep their windows for training, and tell what they hold.

    emocapsule prepare capsule --data eegmat deap=FOLDER folder=FOLDER

``emocapsule train capsule`` with the same ``--data`` then begins at once. A label that fits several
quadrants teaches the sum of their probabilities; one that fits none is used as rest only.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence

import numpy as np

from capsule.corpus.dataset import Examples, examples
from capsule.corpus.labels import quadrants_of
from capsule.corpus.sources import READERS, TRAINING, sources


def held(name: str, data: Examples) -> Iterator[str]:
    """Lines that tell how many people, recordings and windows each label of a set has."""
    count = len(np.unique(data.recording))
    yield f"{name}: {len(data.people)} people, {count} recordings, {len(data)} windows"
    for label in np.unique(data.label):
        here = data.where(data.label == label)
        fits = "|".join(quadrants_of(str(label)))
        recordings = len(np.unique(here.recording))
        numbers = f"{len(here.people):4d} people {recordings:6d} recordings {len(here):8d} windows"
        yield f"  {label:16s} {fits:6s} {numbers}"


def main(argv: Sequence[str] | None = None) -> int:
    """Prepare each data set and tell what is in it."""
    parser = argparse.ArgumentParser(
        prog="emocapsule prepare capsule",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=f"known: {', '.join(READERS)}",
    )
    parser.add_argument(
        "--data", nargs="+", default=TRAINING, metavar="SET",
        help=f"data sets to read, NAME or NAME=FOLDER (default: {' '.join(TRAINING)})",
    )  # fmt: skip
    args = parser.parse_args(argv)
    for told, found in zip(args.data, sources(args.data), strict=True):
        print("\n".join(held(found.name, examples(told))), flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
