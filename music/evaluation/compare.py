r"""The comparison: conditionings and baselines on one small preset, as one resumable command.

``python -m music.evaluation.compare`` trains every row with the first seed, measures it, does the
same for the default, the best two others that could ship and the best that has no latent with the
other seeds, and writes ``table.json``, ``table.md`` and ``table.png``. What is in ``--out`` and was
made with the same settings is not made again, so it may be stopped at any time; ``--stage table``
writes the table of what there is so far. Two hours on two cores with ``--jobs 2``.

The last round is between the best and the default, at the size that ships::

    python -m music.evaluation.compare --only modulated-attention attention --start music/weights \
        --depth 6 --window 448 --latent 4 --steps 2831 --lr 6e-4 --seeds 0 \
        --clips 50 --seconds 30 --samples 16 --pieces 10 --out runs/last-round
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import cache, partial
from pathlib import Path
from typing import TypeVar

import numpy as np

from music.evaluation.contestants import ROWS, Contestant, Preset, train_one
from music.evaluation.following import agreement, real_clips
from music.evaluation.judge import Judge
from music.evaluation.measure import SPLIT, Found, Scale, Shelf, judged, judges_version, measure
from music.evaluation.ranking import finalists
from music.evaluation.table import line_of, write

One = TypeVar("One")
STAGES = ("all", "train", "measure", "table")


def each(work: Callable[[One], None], items: Sequence[One], jobs: int) -> None:
    """``work`` on every item, ``jobs`` at a time, each in a process of its own where jobs > 1."""
    if jobs == 1:
        for item in items:
            work(item)
        return
    with ProcessPoolExecutor(jobs) as pool:
        list(pool.map(work, items))


def _say(line: str) -> None:
    print(line, flush=True)


def _train(contestant: Contestant) -> None:
    train_one(contestant, _say)


def _measure(scale: Scale, contestant: Contestant) -> None:
    if contestant.is_trained:
        _say(f"{contestant.folder.name}: measuring")
        measure(contestant, scale)


def real(shelf: Shelf, data: Path, scale: Scale, judge: Callable[[], Judge]) -> Found:
    """The judge's own accuracy on real clips of valid, as long as the generated ones."""

    def take() -> Found:
        clips = real_clips(data, [SPLIT], scale.seconds)
        asked = np.array([clip.quadrant for clip in clips])
        songs = np.array([clip.song for clip in clips])
        return dict(agreement(judge().probabilities([c.clip for c in clips]), asked, songs))

    return shelf.get("real", {"judge": judges_version(), "seconds": scale.seconds}, take)


def work_through(args: argparse.Namespace, contestants: list[Contestant], scale: Scale) -> None:
    """Train and measure, as far as ``args.stage`` wants it."""
    if args.stage in ("all", "train"):
        each(_train, contestants, args.jobs)
    if args.stage in ("all", "measure"):
        each(partial(_measure, scale), contestants, args.jobs)


def run(args: argparse.Namespace) -> str:
    """Everything that is asked for; the table so far."""
    preset = Preset(
        args.steps, args.depth, args.window, lr=args.lr, latent=args.latent, start=args.start
    )
    scale = Scale(args.clips, args.seconds, samples=args.samples, pieces=args.pieces)

    def of(rows: Sequence[str], seeds: Sequence[int]) -> list[Contestant]:
        return [
            Contestant(ROWS[row], seed, preset, args.tokens, args.out)
            for seed in seeds
            for row in ROWS
            if row in rows
        ]

    first = of(args.only, args.seeds[:1])
    if args.list:
        return "\n".join(_state(one, scale) for one in first)
    args.out.mkdir(parents=True, exist_ok=True)
    work_through(args, first, scale)
    finest = finalists([line_of(one, scale) for one in first])
    more = of(finest, args.seeds[1:])
    if all(one.is_trained for one in first):
        work_through(args, more, scale)
    if args.stage == "train":
        return ""
    shelf, everyone = Shelf(args.out / "real.json"), [*first, *more]
    judge = cache(lambda: Judge.train(args.data, seed=0))
    for one in everyone:
        if args.stage != "table" and one.is_trained:
            judged(one, scale, judge)
    told = real(shelf, args.data, scale, judge) if args.stage != "table" else None
    return write(everyone, scale, args.out, told or shelf.kept.get("real", {}).get("found"))


def _state(one: Contestant, scale: Scale) -> str:
    kept = [name for name in line_of(one, scale) if name not in ("row", "seed", "title", "steps")]
    return f"{one.row.name:16} {one.steps_done()} of {one.preset.steps} steps  {', '.join(kept)}"


def main(argv: list[str] | None = None) -> int:
    """``python -m music.evaluation.compare``."""
    name = "python -m music.evaluation.compare"
    parser = argparse.ArgumentParser(prog=name, description=__doc__)
    data = Path(os.environ.get("EMOCAPSULE_DATA", "../shared/data"))
    parser.add_argument("--tokens", type=Path, default=Path("data/music"), help="from `prepare`")
    parser.add_argument("--data", type=Path, default=data, help="holds emopia/, for the judge")
    parser.add_argument("--out", type=Path, default=Path("runs/compare"))
    parser.add_argument("--steps", type=int, default=500, help="of training, the same for all")
    parser.add_argument("--depth", type=int, default=4)
    parser.add_argument("--window", type=int, default=320)
    parser.add_argument("--lr", type=float, default=Preset.lr)
    parser.add_argument("--latent", type=int, default=Preset.latent, help="of those that have one")
    parser.add_argument("--start", type=Path, help="weights to begin from, but for the condition's")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--only", nargs="+", choices=ROWS, default=list(ROWS), metavar="ROW")
    parser.add_argument("--stage", choices=STAGES, default="all")
    parser.add_argument("--list", action="store_true", help="the rows and what is known of them")
    parser.add_argument("--jobs", type=int, default=1, help="rows at a time, a thread each")
    parser.add_argument("--clips", type=int, default=Scale.clips, help="of each quadrant")
    parser.add_argument("--seconds", type=float, default=Scale.seconds, help="of a clip")
    parser.add_argument("--samples", type=int, default=Scale.samples, help="K of the IWAE bound")
    parser.add_argument("--pieces", type=int, default=Scale.pieces, help="of valid songs")
    _say(run(parser.parse_args(argv)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
