"""`emocapsule compose`: what it may be told, and what the composer is told of it."""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from bridge.commands import values
from bridge.commands.keeping import WHOLE, limits_of, words_of_limits
from bridge.commands.telling import bar, say
from music.condition import STRENGTH, Condition
from music.controls import Controls
from music.sampling import Sampling

if TYPE_CHECKING:
    from music.events import Event

QUADRANTS = ("Q1", "Q2", "Q3", "Q4")


def words_of_compose(compose: argparse.ArgumentParser) -> None:
    """What `emocapsule compose` may be told."""
    emotion = compose.add_mutually_exclusive_group(required=True)
    emotion.add_argument("--capsule", type=Path, metavar="FILE", help="a saved emotion capsule")
    emotion.add_argument("--quadrant", choices=QUADRANTS, help="one of the four emotions")
    emotion.add_argument(
        "--mix", type=values.mix, metavar="P1,P2,P3,P4", help="a mixture of the four, summing to 1"
    )
    compose.add_argument("--seconds", type=values.seconds, default=30.0, metavar="S")
    compose.add_argument("--seed", type=values.count, default=0, metavar="N")
    compose.add_argument(
        "--strength", type=values.strength, default=STRENGTH, metavar="G",
        help="how strongly to follow the emotion: 0 not, 1 as learned, more exaggerates "
        f"(default {STRENGTH:g})",
    )  # fmt: skip
    compose.add_argument("--out", type=Path, required=True, metavar="FILE.mid")
    compose.add_argument("--wav", type=Path, metavar="FILE.wav", help="and its sound")
    compose.add_argument(
        "--plot", type=Path, metavar="FILE.png",
        help="and its picture: piano roll, chords, bars, notes a second, and what was asked",
    )  # fmt: skip
    _controls(compose)


def _controls(compose: argparse.ArgumentParser) -> None:
    """What may be asked of the music beside its emotion."""
    asked = words_of_limits(compose)
    asked.add_argument(
        "--key", type=values.key, metavar="NAME",
        help='no note outside it: "C minor", "F# dorian", "A harmonic minor", "G pentatonic" ...',
    )  # fmt: skip
    asked.add_argument("--tempo", type=values.tempo, metavar="BPM", help="a fixed tempo, 30 to 300")
    asked.add_argument(
        "--hold", action="store_true", help="one idea for all bars: the first bar's latent is kept"
    )
    asked.add_argument(
        "--temperature", type=values.temperature, default=Sampling.temperature, metavar="T",
        help=f"less than 1 is safer, more is wilder (default {Sampling.temperature:g})",
    )  # fmt: skip
    asked.add_argument(
        "--top-p", type=values.top_p, default=Sampling.top_p, metavar="P",
        help="choose among the likeliest tokens that make up this probability "
        f"(default {Sampling.top_p:g})",
    )  # fmt: skip
    asked.add_argument(
        "--ending", action=argparse.BooleanOptionalAction, default=True,
        help="close with a cadence within the seconds asked for, if there are about six or more "
        "(default); otherwise stop short at the last second",
    )  # fmt: skip


def controls_of(args: argparse.Namespace) -> Controls:
    """What the music is to keep to."""
    return replace(limits_of(args), key=args.key, bpm=args.tempo, hold=args.hold)


def condition_of(args: argparse.Namespace) -> tuple[Condition, str]:
    """What to compose to, and a name for it."""
    if args.capsule:
        from capsule.emotion import EmotionCapsule

        capsule = EmotionCapsule.load(args.capsule)
        first, second, third, fourth = (float(one) for one in capsule.probabilities)
        name = args.capsule.name
    elif args.quadrant:
        first, second, third, fourth = (float(args.quadrant == f"Q{n}") for n in (1, 2, 3, 4))
        name = args.quadrant
    else:
        first, second, third, fourth = args.mix
        name = "mix " + " ".join(f"{one:.2f}" for one in args.mix)
    total = first + second + third + fourth
    mixture = (first / total, second / total, third / total, fourth / total)
    return Condition(mixture, args.strength), name


def compose(args: argparse.Namespace) -> int:
    """Music to one emotion, into a file."""
    from music import piece
    from music.composer import Composer
    from music.midi import write_midi

    condition, name = condition_of(args)
    controls = controls_of(args)
    composer = Composer.load(args.seed, args.temperature, args.top_p)
    composer.controls = controls
    events: list[Event] = []
    with bar("Composing", args.seconds) as advance:
        for completed in piece.compose(composer, condition, args.seconds, args.ending):
            events += completed
            advance(composer.horizon_s)
    write_midi(args.out, events, markers=[(0.0, name)])
    say(f"Written: {args.out}")
    if args.wav:
        from music.render import render_wav

        render_wav(events, args.wav)
        say(f"Written: {args.wav}")
    if args.plot:
        from bridge.session.score import Asked, draw

        assert condition.probabilities is not None
        draw(args.plot, events, Asked(name, condition.probabilities, told_of(args)))
        say(f"Written: {args.plot}")
    return 0


def told_of(args: argparse.Namespace) -> str:
    """What the music had to keep to, in words."""
    from bridge.session.score import key_name

    words = [
        f"strength {args.strength:g}",
        f"seed {args.seed}",
        args.key and f"key {key_name(args.key)}",
        args.tempo and f"tempo {args.tempo:g} bpm",
        args.register != WHOLE and f"pitches {args.register[0]} to {args.register[1]}",
        args.max_density and f"at most {args.max_density:g} notes/s",
        args.min_density and f"at least {args.min_density:g} notes/s",
        args.polyphony and f"at most {args.polyphony} keys",
        args.quantise and f"quantised {args.quantise:g}",
        args.hold and "one idea held",
    ]
    return ", ".join(word for word in words if word)
