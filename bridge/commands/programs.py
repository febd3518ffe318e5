"""`prepare`, `train`, `evaluate` and `bench`: programs that read their own options."""

import argparse
from collections.abc import Sequence


def prepare(_: argparse.Namespace, rest: Sequence[str]) -> int:
    """Data for the music model; with the word `capsule` first, for the capsule network."""
    if rest[:1] == ["capsule"]:
        from capsule.corpus import prepare as recordings

        return _status(recordings.main(list(rest[1:])))
    from music.corpus import prepare as preparation

    return _status(preparation.main(list(rest)))


def train(args: argparse.Namespace, rest: Sequence[str]) -> int:
    """Train the model that is named."""
    if args.model == "music":
        from music.training import train as music_training

        return _status(music_training.main(list(rest)))
    if args.model == "capsule":
        from capsule import train as capsule_training

        return _status(capsule_training.main(list(rest)))
    print("usage: emocapsule train {music,capsule} [options]; each has its own --help")
    return 0 if {"-h", "--help"} & set(rest) else 2


def evaluate(args: argparse.Namespace, rest: Sequence[str]) -> int:
    """Judge the model that is named."""
    if args.model == "music":
        from music.evaluation import report

        return _status(report.main(list(rest)))
    if args.model == "capsule":
        from capsule.evaluation import report as capsule_report

        return _status(capsule_report.main(list(rest)))
    print("usage: emocapsule evaluate {music,capsule} [options]; each has its own --help")
    return 0 if {"-h", "--help"} & set(rest) else 2


def bench(_: argparse.Namespace, rest: Sequence[str]) -> int:
    """Measure."""
    from bridge.bench import command

    return _status(command.main(list(rest)))


def _status(status: int | None) -> int:
    return status or 0
