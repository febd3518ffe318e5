"""`emocapsule recognise` and `calibrate`: what a recording says, and teaches of a wearer."""

import argparse
import json
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bridge.commands import values
from bridge.commands.telling import progress, say, writable
from bridge.errors import BridgeError

if TYPE_CHECKING:
    from capsule.calibrate import Run
    from capsule.corpus.sitting import Stretch
    from capsule.emotion import EmotionCapsule
    from eeg.signal import Recording

CHUNK = 256  # samples at a time from a recording
REST_S = 60.0
MARKERS = "markers"
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


def words_of_calibrate(calibrate: argparse.ArgumentParser) -> None:
    """What `emocapsule calibrate` may be told."""
    calibrate.add_argument(
        "files", type=Path, nargs="+", metavar="FILE", help=f"in order of time: {FORMATS}"
    )
    calibrate.add_argument(
        "--labels", default=MARKERS, metavar=f"CSV|{MARKERS}",
        help="a table with the columns start_s, end_s and label (Q1 to Q4, 'high arousal', V-, "
        "rest ...), and file if there are several; or the markers in the recordings, each of "
        "which holds until the next (the default)",
    )  # fmt: skip
    calibrate.add_argument(
        "--profile", type=Path, required=True, metavar="FILE", help="the profile to be written"
    )
    calibrate.add_argument(
        "--rest", type=values.seconds, metavar="S",
        help="the first S seconds of each recording are the wearer at rest (default: what is "
        f"labelled rest or baseline, else {REST_S:g})",
    )  # fmt: skip
    calibrate.add_argument("--wearer", default="", metavar="NAME", help="to be kept in the profile")


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

    recording = _read(args.file)
    ear = Ear(recording.signal, trained(), args.rest, args.profile)
    count = 0
    chunks = -(-len(recording.times_s) // CHUNK)
    for chunk in progress(recording.chunks(CHUNK), "Recognising", chunks):
        for capsule in ear.push(chunk):
            count += 1
            yield capsule
    if not count:
        raise BridgeError(
            f"{args.file} holds no two seconds of EEG without a gap; give a longer recording."
        )


def _read(path: Path) -> "Recording":
    from eeg.recording import read_recording

    recording = read_recording(path)
    for note in recording.notes:
        say(f"{path.name}: {note}")
    return recording


# ---------------------------------------------------------------------------- calibrate


def calibrate(args: argparse.Namespace) -> int:
    """A wearer's profile from labelled recordings, and what it is worth."""
    from capsule.calibrate import calibrate as calibrated
    from capsule.calibrate import report
    from capsule.recogniser import Model

    folder = args.profile.resolve().parent
    if not folder.is_dir():
        raise BridgeError(f"there is no folder {folder} for the profile; choose another.")
    runs = _runs(args)
    say("Learning, and leaving each stretch out in turn ...")
    day = date.today().isoformat()
    profile = calibrated(Model.load(), runs, args.rest, args.wearer, day)
    profile.save(args.profile)
    if profile.figures is not None:
        print(report(profile.figures))
    say(f"Written: {args.profile}")
    return 0


def _runs(args: argparse.Namespace) -> "list[Run]":
    """The recordings with their labelled stretches. BridgeError if nothing in them is labelled."""
    from capsule.calibrate import Run
    from capsule.personal.stretches import read_labels

    recordings = [_read(path) for path in args.files]
    if args.labels == MARKERS:
        labelled = [_marked(*one) for one in zip(args.files, recordings, strict=True)]
    else:
        labelled = read_labels(Path(args.labels), args.files)
    for path, stretches in zip(args.files, labelled, strict=True):
        say(f"{path.name}: {_counted(stretches)}")
    return [Run(*one) for one in zip(recordings, labelled, strict=True)]


def _marked(path: Path, recording: "Recording") -> "tuple[Stretch, ...]":
    from capsule.personal.stretches import from_markers

    stretches = from_markers(recording.events, recording.duration_s)
    if not any(one.quadrants for one in stretches):
        names = list(dict.fromkeys(text for _, text in recording.events))
        there = f"they are {', '.join(names[:6])}"[:90] if names else "it has none"
        raise BridgeError(
            f"no marker in {path.name} names an emotion ({there}): tell what was when in a table, "
            "--labels FILE.csv, with the columns start_s, end_s and label."
        )
    return stretches


def _counted(stretches: "tuple[Stretch, ...]") -> str:
    """How many stretches of which label, and how long they are."""
    lengths: dict[str, list[float]] = {}
    for one in stretches:
        lengths.setdefault(one.label, []).append(one.stop_s - one.start_s)
    counted = (
        f"{len(each)} of {label} ({sum(each):.0f} s)" for label, each in sorted(lengths.items())
    )
    return ", ".join(counted) or "no stretch is labelled"
