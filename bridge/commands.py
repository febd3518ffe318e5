"""What each command of the command line does; heavy imports happen inside the one that needs them.

What a person reads while it works goes to the error stream, results to the output stream.
"""

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from bridge.telling import bar, say

if TYPE_CHECKING:
    from music.events import Event


def compose(args: argparse.Namespace) -> int:
    """Music to one emotion, into a file."""
    from bridge.composing import condition_of, controls_of
    from music.composer import Composer
    from music.midi import write_midi

    condition, name = condition_of(args)
    controls = controls_of(args)
    composer = Composer.load(args.seed, args.temperature, args.top_p)
    composer.controls = controls
    events: list[Event] = []
    to_a_close = args.ending and composer.ends_s() <= args.seconds
    with bar("Composing", args.seconds) as advance:
        while not composer.finished and (to_a_close or composer.horizon_s < args.seconds):
            if to_a_close and composer.ends_s(later_bars=1) > args.seconds:
                composer.finish()
            events += composer.step(condition)
            advance(composer.horizon_s)
    if not composer.finished:
        events = _until(events, args.seconds)
    write_midi(args.out, events, markers=[(0.0, name)])
    say(f"Written: {args.out}")
    if args.wav:
        from music.render import render_wav

        render_wav(events, args.wav)
        say(f"Written: {args.wav}")
    return 0


def _until(events: Sequence["Event"], end_s: float) -> list["Event"]:
    """The events that begin before `end_s`."""
    from music.midi import tempo_map_of

    end_beats = tempo_map_of(events).beats(end_s)
    return [event for event in events if event.onset_beats < end_beats]


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
    from bridge import bench as benchmarks

    return _status(benchmarks.main(list(rest)))


def _status(status: int | None) -> int:
    return status or 0
