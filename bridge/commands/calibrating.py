"""`emocapsule calibrate`: a wearer's profile, from recordings with labels or from a sitting now."""

import argparse
from dataclasses import asdict, replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from bridge.commands import values
from bridge.commands.listening import FORMATS, REST_S, read, words_of_stream
from bridge.commands.telling import say, session_folder
from bridge.errors import BridgeError

if TYPE_CHECKING:
    from bridge.calibration.programme import Programme
    from capsule.calibrate import Run
    from capsule.corpus.sitting import Stretch
    from eeg.signal import Recording

MARKERS = "markers"
LIVE: dict[str, str] = {  # words of a sitting, and what they settle in its programme
    "pieces": "rounds", "seconds": "piece_s", "pause": "pause_s", "seed": "seed", "rest": "rest_s",
}  # fmt: skip
ENDED = 130  # as a shell calls what Ctrl-C has ended


def words_of_calibrate(calibrate: argparse.ArgumentParser) -> None:
    """What `emocapsule calibrate` may be told."""
    source = calibrate.add_mutually_exclusive_group(required=True)
    source.add_argument(
        "files", type=Path, nargs="*", default=[], metavar="FILE",
        help=f"recordings, in order of time: {FORMATS}",
    )  # fmt: skip
    source.add_argument(
        "--live",
        action="store_true",
        help="hold a sitting now: rest, then pieces of the program's own music, each rated by you",
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
        f"labelled rest or baseline, else {REST_S:g}); of a sitting: how long its rest is",
    )  # fmt: skip
    calibrate.add_argument("--wearer", default="", metavar="NAME", help="to be kept in the profile")
    _words_of_sitting(calibrate.add_argument_group("a sitting (--live)"))


def _words_of_sitting(sitting: argparse._ArgumentGroup) -> None:
    words_of_stream(sitting)
    sitting.add_argument("--port", metavar="NAME", help="where the music goes, as for live")
    sitting.add_argument(
        "--out", type=Path, metavar="DIR",
        help="its folder (default: a new one); one that was begun before goes on",
    )  # fmt: skip
    sitting.add_argument(
        "--pieces", type=values.count, metavar="N",
        help="of each of the four emotions (default 4; 3 at least)",
    )  # fmt: skip
    sitting.add_argument(
        "--seconds", type=values.seconds, metavar="S", help="of a piece (default 30; 14 at least)"
    )
    sitting.add_argument(
        "--pause", type=values.seconds, metavar="S", help="of silence before each (default 10)"
    )
    sitting.add_argument(
        "--seed", type=values.count, metavar="N", help="of their order and music (default 0)"
    )


def calibrate(args: argparse.Namespace) -> int:
    """A wearer's profile, and what it is worth."""
    folder = args.profile.resolve().parent
    if not folder.is_dir():
        raise BridgeError(f"there is no folder {folder} for the profile; choose another.")
    if args.live:
        return _sitting(args)
    for word in ("stream", "port", "out", *LIVE):
        if word != "rest" and getattr(args, word) is not None:
            raise BridgeError(f"--{word} is for a sitting; add --live, or leave it out.")
    _learn(args, _runs(args), args.rest)
    return 0


def _learn(args: argparse.Namespace, runs: "list[Run]", rest_s: float | None) -> None:
    from capsule.calibrate import calibrate as calibrated
    from capsule.calibrate import report
    from capsule.recogniser import Model

    say("Learning, and leaving each stretch out in turn ...")
    day = date.today().isoformat()
    profile = calibrated(Model.load(), runs, rest_s, args.wearer, day)
    profile.save(args.profile)
    if profile.figures is not None:
        print(report(profile.figures))
    say(f"Written: {args.profile}")


# ---------------------------------------------------------------------------- recordings


def _runs(args: argparse.Namespace) -> "list[Run]":
    """The recordings with their labelled stretches. BridgeError if nothing in them is labelled."""
    from capsule.calibrate import Run
    from capsule.personal.stretches import read_labels

    recordings = [read(path) for path in args.files]
    if args.labels == MARKERS:
        labelled = [_marked(*one) for one in zip(args.files, recordings, strict=True)]
    else:
        labelled = read_labels(Path(args.labels), args.files)
    for path, stretches in zip(args.files, labelled, strict=True):
        say(f"{path.name}: {_counted(stretches)}")
    return [Run(*one) for one in zip(recordings, labelled, strict=True)]


def _marked(path: Path, recording: "Recording") -> "tuple[Stretch, ...]":
    """What markers say: those of a sitting by its ratings, others as labels."""
    from bridge.calibration.markers import told
    from capsule.personal.stretches import from_markers

    sitting = told(recording.events)
    if sitting.heard:
        return sitting.stretches()
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


# ---------------------------------------------------------------------------- a sitting


def _sitting(args: argparse.Namespace) -> int:
    """Hold it, or go on with it; then learn from what was rated."""
    from bridge.calibration.core import Sitting
    from bridge.calibration.kept import heard, kept, lessons
    from bridge.calibration.markers import as_meant
    from bridge.calibration.session import sit
    from bridge.calibration.terminal import Terminal
    from bridge.plan import Plan

    if args.labels != MARKERS:
        raise BridgeError("A sitting is labelled by its ratings; leave out --labels.")
    folder, programme = _programme(args)
    rated = {one.number for one in heard(kept(folder))}
    count = len(programme.pieces())
    say(f"{folder}: {len(rated)} of {count} pieces are rated.")
    sitting = Sitting(programme, rated)
    if not sitting.over:
        minutes = (count - len(rated)) * (programme.piece_s + programme.pause_s + 10.0) / 60.0
        say(f"About {minutes:.0f} minutes. q and Enter ends it and learns from what was rated.")
        plan = Plan(port=args.port, folder=folder, rest_s=programme.rest_s, seed=programme.seed)
        if not sit(args.stream, plan, sitting, programme, Terminal()):
            say(f"To go on: emocapsule calibrate --live --out {folder} --profile {args.profile}")
            return ENDED
    recordings = kept(folder)
    runs, pieces = lessons(recordings), heard(recordings)
    if not runs:
        raise BridgeError("Nothing was rated after a rest, so there is nothing to learn from.")
    say(f"{len(pieces)} of {count} pieces are rated; {as_meant(pieces)}.")
    for run in runs:
        say(_counted(run.stretches))
    _learn(args, runs, None)
    return 0


def _programme(args: argparse.Namespace) -> "tuple[Path, Programme]":
    """Folder and programme of a new sitting, or of one that was begun there."""
    from bridge.calibration.programme import LEAST_REST_S, LEAST_S, Programme

    asked = {name: getattr(args, word) for word, name in LIVE.items()}
    asked = {name: value for name, value in asked.items() if value is not None}
    begun = Programme.load(args.out) if args.out else None
    if begun is not None:
        if asked.items() - asdict(begun).items():
            raise BridgeError(
                f"The sitting in {args.out} was begun otherwise; choose another --out."
            )
        return args.out, begun
    programme = replace(Programme(), **asked)
    if programme.rounds < 3 or programme.piece_s < LEAST_S or programme.rest_s < LEAST_REST_S:
        raise BridgeError(
            f"A sitting that can teach anything has 3 --pieces or more, of {LEAST_S:g} --seconds "
            f"or more, and {LEAST_REST_S:g} s of --rest or more."
        )
    folder = session_folder(args.out, "calibration")
    programme.save(folder)
    return folder, programme
