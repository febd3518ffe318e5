"""The command line: its words, and every failure as one sentence.

Exit status: 0 on success, 1 with one sentence on failure, 2 on wrong use, 130 on Ctrl-C. What the
commands do is in `bridge.commands`, imported only when one of them runs.
"""

import argparse
import atexit
import os
import shutil
import sys
import tempfile
import warnings
from collections.abc import Callable, Sequence
from importlib import import_module, metadata
from pathlib import Path

from bridge.commands.calibrating import words_of_calibrate
from bridge.commands.composing import words_of_compose
from bridge.commands.devices import words_of_devices
from bridge.commands.headset import words_of_headset
from bridge.commands.learn import words_of_learn
from bridge.commands.listening import settle_rest, words_of_recognise
from bridge.commands.playing import words_of_demo, words_of_listen, words_of_live, words_of_replay
from bridge.commands.reporting import words_of_report
from bridge.errors import BridgeError
from capsule.errors import CapsuleError
from eeg.errors import EegError
from music.errors import MusicError

DEBUG = "EMOCAPSULE_DEBUG"  # set it to see where an error came from
WHERE = {
    "demo": "perform", "live": "perform", "listen": "perform", "replay": "perform",
    "devices": "devices", "headset": "headset", "learn": "learn",
    "recognise": "listening", "calibrate": "calibrating", "compose": "composing",
    "report": "reporting",
}  # fmt: skip
PASSED_ON = ("prepare", "train", "evaluate", "bench")  # these programs read their own options


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit status."""
    parser = build_parser()
    args, rest = parser.parse_known_args(argv)
    if rest and args.command not in PASSED_ON:
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    if not os.environ.get(DEBUG):
        warnings.simplefilter("ignore")  # libraries' advice to programmers
    try:
        return _run(args, rest)
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
        return 130
    except BrokenPipeError:  # `emocapsule recognise ... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (BridgeError, CapsuleError, EegError, MusicError) as problem:
        return _fail(problem, str(problem))
    except OSError as problem:
        where = f"{problem.filename}: " if problem.filename else ""
        return _fail(problem, f"{where}{problem.strerror or problem}.")
    except Exception as problem:
        text = f"{type(problem).__name__}: {problem}"
        return _fail(problem, f"Unexpected {text} (set {DEBUG}=1 to see where).")


def _run(args: argparse.Namespace, rest: Sequence[str]) -> int:
    _quieten_lsl()
    settle_rest(args)
    where = import_module(f"bridge.commands.{WHERE.get(args.command, 'programs')}")
    command: Callable[..., int] = getattr(where, args.command)
    return command(args, list(rest)) if args.command in PASSED_ON else command(args)


def _fail(problem: BaseException, sentence: str) -> int:
    if os.environ.get(DEBUG):
        raise problem
    words = " ".join(sentence.split())
    print(f"emocapsule: {words}{'' if words.endswith('.') else '.'}", file=sys.stderr)
    return 1


def _quieten_lsl() -> None:
    """Keep liblsl's own log to what is fatal, here and in all processes, if nobody has set it."""
    places = ("lsl_api.cfg", "~/lsl_api/lsl_api.cfg", "/etc/lsl_api/lsl_api.cfg")
    if "LSLAPICFG" in os.environ or any(Path(one).expanduser().exists() for one in places):
        return
    folder = Path(tempfile.mkdtemp(prefix="emocapsule-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    config = folder / "lsl_api.cfg"
    config.write_text("[log]\nlevel = -3\n", encoding="utf-8")
    os.environ["LSLAPICFG"] = str(config)


# ---------------------------------------------------------------------------- the words


def build_parser() -> argparse.ArgumentParser:
    """The words of every command."""
    parser = argparse.ArgumentParser(
        prog="emocapsule",
        description="EEG in, piano out: what a person feels, played live.",
        epilog="emocapsule COMMAND --help tells more of each.",
        allow_abbrev=False,
    )
    version = metadata.version("emocapsule")
    parser.add_argument("--version", action="version", version=f"emocapsule {version}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, (told, words) in COMMANDS.items():
        sentence = told[0].upper() + told[1:] + "."
        add_help = name not in PASSED_ON
        words(
            commands.add_parser(
                name, help=told, description=sentence, add_help=add_help, allow_abbrev=False
            )
        )
    return parser


def _model(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", nargs="?", choices=("music", "capsule"))


COMMANDS: dict[str, tuple[str, Callable[[argparse.ArgumentParser], None]]] = {
    "demo": ("play the sample recording through the whole wire", words_of_demo),
    "devices": ("list LSL streams and MIDI ports", words_of_devices),
    "headset": ("put a headset onto LSL, through BrainFlow", words_of_headset),
    "live": ("play what the wearer of a headset feels", words_of_live),
    "listen": ("hear the wearer of a headset, for a piano on another machine", words_of_listen),
    "replay": ("play a recording, through the same wire as live", words_of_replay),
    "learn": ("move one MIDI controller, for a DAW that learns it", words_of_learn),
    "recognise": ("tell the emotion in a recording, one JSON object a line", words_of_recognise),
    "calibrate": (
        "learn a wearer's own emotions, from recordings with labels or from a sitting",
        words_of_calibrate,
    ),
    "compose": ("compose piano music to an emotion", words_of_compose),
    "report": ("show a session as one page of HTML", words_of_report),
    "prepare": (
        "turn MIDI into what the music model learns from, or `capsule` recordings",
        lambda _: None,
    ),
    "train": ("train the music model or the capsule network", _model),
    "evaluate": ("tell what a model is worth on data it never saw", _model),
    "bench": ("measure speed and timing on this machine", lambda _: None),
}


if __name__ == "__main__":
    sys.exit(main())
