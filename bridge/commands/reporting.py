"""`emocapsule report`: a session as a page."""

import argparse
from pathlib import Path

from bridge.commands.telling import say


def words_of_report(report: argparse.ArgumentParser) -> None:
    """What `emocapsule report` may be told."""
    report.add_argument(
        "session", type=Path, metavar="SESSION", help="a session folder, also one that was cut off"
    )
    report.add_argument(
        "--out", type=Path, metavar="FILE.html", help="(default: report.html in the session folder)"
    )


def report(args: argparse.Namespace) -> int:
    """The page of a session."""
    from bridge.session.report import write_report

    say(f"Written: {write_report(args.session, args.out)}")
    return 0
