"""``python -m music.training.chords``: learn chord vectors from the train songs, judge them on
held-out ones, keep them and draw them.

With ``--compare`` also vectors whose emotion words come from the soft labels too, and vectors
without any. Look at ``--split test`` once, at the end.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from music import vocabulary as v
from music.corpus.dataset import Piece
from music.corpus.dataset import load as load_pieces
from music.corpus.labels import attach
from music.training.chords import scores
from music.training.chords.drawing import draw
from music.training.chords.vectors import EMOTION_WORDS, ChordVectors, Recipe, learn, save

SHOWN = ("M", "m", "7", "o")


def report(learned: dict[str, ChordVectors], train: list[Piece], held_out: list[Piece]) -> str:
    """What the vectors know, in plain lines; the first of ``learned`` are those that are kept."""
    found = next(iter(learned.values()))
    lines = ["", "Most alike (mean cosine over twelve keys)"]
    for quality in SHOWN:
        near = scores.neighbours(found, quality, 7)
        lines.append(f"  C:{quality:4}" + "  ".join(f"{name} {cos:.2f}" for name, cos in near))
    lines += ["", "Distance of chords against steps between their roots (Pearson r)"]
    for quality in ("M", "m"):
        fit = scores.fifths(found, quality)
        lines.append(
            f"  {quality:4}circle of fifths {fit['fifths']:+.2f} (p {fit['p']:.4f}), "
            f"keyboard {fit['keyboard']:+.2f}"
        )
    lean = scores.quality_leaning(found)
    lines += ["", "Lean of a quality (nats)   " + "".join(f"{q:>7}" for q in v.QUALITIES)]
    for name, axis in (("valence", scores.VALENCE), ("arousal", scores.AROUSAL)):
        lines.append(f"  {name:25}" + "".join(f"{x:+7.2f}" for x in lean @ axis))
    lines += ["", f"{'Its correlation with held-out songs':44}valence  arousal"]
    leans = {
        name: scores.quality_leaning(one) for name, one in learned.items() if one.knows_emotion
    }
    for name, told in {**leans, "counting on train songs": scores.counted_leaning(train)}.items():
        fit = scores.agreement(told, held_out)
        lines.append(f"  {name:42}{fit['valence']:+7.2f}  {fit['arousal']:+7.2f}")
    lines += ["", f"{'Quadrant of held-out clips from their chords':44}    4Q (95 %)      A     V"]
    for way, one in scores.reading(learned, train, held_out).items():
        lines.append(
            f"  {way:42}{one.quadrant:.2f} ({one.low:.2f}–{one.high:.2f})"
            f"  {one.arousal:.2f}  {one.valence:.2f}"
        )
    return "\n".join(lines)


def main(argv: list[str] | None = None) -> int:
    """Learn, print, keep, draw."""
    parser = argparse.ArgumentParser(prog="python -m music.training.chords", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("data/music"), help="from `prepare`")
    parser.add_argument("--out", type=Path, help="default: chords.safetensors beside the data")
    parser.add_argument("--picture", type=Path, help="default: chords.png beside the data")
    parser.add_argument("--split", choices=("valid", "test"), default="valid")
    parser.add_argument("--compare", action="store_true", help="other emotion words beside")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(argv)
    pieces = attach(load_pieces(args.data), args.data)
    train = [p for p in pieces if p.source.split == "train"]
    labelled, held_out = (
        [p for p in pieces if p.source.quadrant is not None and p.source.split == split]
        for split in ("train", args.split)
    )
    songs = len({p.source.song for p in held_out})
    _say(
        f"{len(train)} train pieces, {len(labelled)} of them labelled; judged on {len(held_out)} "
        f"labelled clips of {songs} other songs ({args.split}); seed {args.seed}"
    )
    learned = {
        f"emotion from {emotion}": learn(train, Recipe(emotion=emotion, seed=args.seed))
        for emotion in (EMOTION_WORDS if args.compare else EMOTION_WORDS[:1])
    }
    found = next(iter(learned.values()))
    save(found, args.out or args.data / "chords.safetensors")
    draw(found, args.picture or args.data / "chords.png")
    _say(report(learned, labelled, held_out))
    return 0


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201


if __name__ == "__main__":
    raise SystemExit(main())
