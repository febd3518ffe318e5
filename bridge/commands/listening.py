"""`emocapsule recognise`: what a recording says; and what may be told of a wearer."""

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bridge.commands import values
from bridge.commands.telling import progress, say, writable
from bridge.errors import BridgeError

if TYPE_CHECKING:
    from capsule.emotion import EmotionCapsule
    from eeg.signal import Recording

CHUNK = 256  # samples at a time from a recording
REST_S = 60.0
FORMATS = "EDF, BDF, GDF, FIF, BrainVision, EEGLAB, XDF, or a Muse or OpenBCI text file"


def words_of_recognise(recognise: argparse.ArgumentParser) -> None:
    """What `emocapsule recognise` may be told."""
    recognise.add_argument("file", type=Path, metavar="FILE", help=FORMATS)
    recognise.add_argument("--out", type=Path, metavar="FILE.jsonl", help="(default: the screen)")
    recognise.add_argument(
        "--plot", type=Path, metavar="FILE.png",
        help="draw its course, and which region of the scalp voted for what in which band",
    )  # fmt: skip
    recognise.add_argument(
        "--routing", action="store_true", help="also tell which region and band voted for what"
    )
    words_of_wearing(recognise)


def words_of_stream(parser: argparse._ActionsContainer) -> None:
    """Where the EEG comes from."""
    parser.add_argument(
        "--stream", metavar="NAME",
        help="the LSL stream (default: the only EEG); NAME=Fp1,Fp2,... if it names no electrodes",
    )  # fmt: skip


def words_of_wearing(parser: argparse.ArgumentParser) -> None:
    """What may be told of the wearer."""
    parser.add_argument(
        "--profile", type=Path, metavar="FILE", help="of the wearer, from `emocapsule calibrate`"
    )
    parser.add_argument(
        "--rest", type=values.seconds, metavar="S",
        help=f"the first S seconds are the wearer at rest (default {REST_S:g}; with a profile 0, "
        "that is, the rest in it serves; S above 0 takes this day's, and keeps the calibration)",
    )  # fmt: skip


def settle_rest(args: argparse.Namespace) -> None:
    """Seconds of rest where none were told: 60, or with a profile 0.

    BridgeError if they are told where nobody listens.
    """
    if getattr(args, "capsules", None) is not None:
        if args.stream or args.profile or args.rest is not None:
            raise BridgeError(
                "With --capsules another machine listens: tell --stream, --profile and --rest "
                "to `emocapsule listen` there."
            )
    if "rest" in args and args.rest is None and args.command != "calibrate":
        args.rest = 0.0 if args.profile else REST_S


# ---------------------------------------------------------------------------- recognise


def recognise(args: argparse.Namespace) -> int:
    """The emotion in a recording, one JSON object a line."""
    capsules: list[EmotionCapsule] = []
    out = writable(args.out) if args.out else sys.stdout
    try:
        for capsule in _capsules(args):
            print(json.dumps(told(capsule, args.routing), allow_nan=False), file=out)
            capsules.append(capsule)
    finally:
        if args.out:
            out.close()
    if args.plot:
        from bridge.session.explain import draw

        draw(args.plot, capsules, title=args.file.name)
    for path in (args.out, args.plot):
        if path:
            say(f"Written: {path}")
    return 0


def told(capsule: "EmotionCapsule", routing: bool = False) -> dict[str, Any]:
    """What `recognise` writes of a capsule."""
    line: dict[str, Any] = {
        "time_s": round(capsule.time_s, 6),
        "probabilities": [round(float(one), 6) for one in capsule.probabilities],
        "valence": round(capsule.valence, 6),
        "arousal": round(capsule.arousal, 6),
        "confidence": round(capsule.confidence, 6),
        "quality": round(capsule.quality, 6),
    }
    if routing:
        from eeg.montage import BANDS, REGIONS

        line["routing"] = {
            region: {
                band.name: [round(float(one), 4) for one in capsule.routing[row][column]]
                for column, band in enumerate(BANDS)
            }
            for row, region in enumerate(REGIONS)
        }
    return line


def _capsules(args: argparse.Namespace) -> Iterator["EmotionCapsule"]:
    from bridge.ear import Ear, trained

    recording = read(args.file)
    ear = Ear(recording.signal, trained(), args.rest, args.profile)
    count = 0
    chunks = -(-len(recording.times_s) // CHUNK)
    for chunk in progress(recording.chunks(CHUNK), "Recognising", chunks):
        for capsule in ear.push(chunk):
            count += 1
            yield capsule
    for sentence in ear.unsaid():
        say(f"{args.file.name}: {sentence}")
    if not count:
        raise BridgeError(
            f"{args.file} holds no two seconds of EEG without a gap; give a longer recording."
        )


def read(path: Path) -> "Recording":
    """A recording; what was assumed of it is told."""
    from eeg.recording import read_recording

    recording = read_recording(path)
    for note in recording.notes:
        say(f"{path.name}: {note}")
    return recording
