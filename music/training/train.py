"""Train the CVAE-Transformer, or a baseline, on prepared tokens: ``emocapsule train music``.

On two CPU cores::

    emocapsule prepare
    emocapsule train music --depth 6 --minutes 75 --out runs/music

and on several GPUs of one machine::

    torchrun --nproc-per-node 4 -m music.training.train --depth 10 --batch 32 --minutes 60

It stops by the clock or by steps, writes a checkpoint every few minutes, and goes on from it when
started again with the same ``--out``. Needs torch, numpy and safetensors only; with matplotlib it
draws the curve beside the checkpoint.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from music.conditioning import CONDITIONINGS, DEFAULT
from music.corpus.dataset import load
from music.corpus.labels import attach
from music.store import KINDS, OURS
from music.training.loop import Run, learn
from music.training.sizes import CROP_WINDOWS, sizes


def _say(line: str) -> None:
    print(line, flush=True)


def main(argv: list[str] | None = None) -> int:
    """``emocapsule train music``."""
    parser = argparse.ArgumentParser(prog="emocapsule train music", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("data/music"), help="from `prepare`")
    parser.add_argument("--out", type=Path, default=Path("runs/music"))
    begin = parser.add_mutually_exclusive_group()
    begin.add_argument("--start", type=Path, help="weights to begin from, as far as they fit")
    parser.add_argument("--anew", metavar="WORD", help="of --start not what bears WORD in its name")
    begin.add_argument("--chords", type=Path, help="chord vectors to begin with")
    parser.add_argument("--model", choices=KINDS, default=OURS, help="ours, or a baseline")
    parser.add_argument(
        "--depth", type=int, default=6, help="layers; width is 64 × (depth // 2 + 1)"
    )
    parser.add_argument("--window", type=int, default=448, help="tokens a note looks back on")
    parser.add_argument("--latent", type=int, default=4, help="width of a bar's latent; 0: none")
    parser.add_argument("--conditioning", choices=CONDITIONINGS, default=DEFAULT)
    parser.add_argument("--dropout", type=float, default=0.1)
    parser.add_argument("--adversary", type=float, default=0.0, help="weight of a critic; 0: none")
    parser.add_argument("--labelled", type=float, help="share of labelled crops, else by schedule")
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--minutes", type=float, default=75.0, help="stop by the clock")
    parser.add_argument("--steps", type=int, default=10**9, help="or by steps")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--save-every", type=float, default=300.0, help="seconds")
    parser.add_argument("--valid-every", type=float, default=300.0, help="seconds")
    parser.add_argument("--valid-batches", type=int, default=8)
    args = parser.parse_args(argv)
    config = sizes(
        args.model, args.depth, args.window, args.latent, args.dropout, args.conditioning
    )
    run = Run(
        out=args.out,
        length=int(args.window * CROP_WINDOWS),
        batch=args.batch,
        lr=args.lr,
        minutes=args.minutes,
        steps=args.steps,
        seed=args.seed,
        threads=args.threads,
        start=args.start,
        anew=args.anew,
        chords=args.chords,
        adversary=args.adversary,
        labelled=args.labelled,
        save_every_s=args.save_every,
        valid_every_s=args.valid_every,
        valid_batches=args.valid_batches,
    )
    learn(config, attach(load(args.data), args.data), run, _say)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
