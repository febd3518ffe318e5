"""`emocapsule bench pages`: whether somebody who looks at the page makes notes late.

`emocapsule live` plays with its page. Notes go through a further *hand* to a receiver in another
process, in rounds: without a viewer, with all of them, in changing order. The viewers read every
frame, as browsers do, but draw nothing: a browser on the same machine costs more.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from contextlib import ExitStack

import numpy as np

from bridge.bench import loopback
from bridge.bench.headset import headset
from bridge.bench.live import OTHER_NOTES, SETTLE_S, performance, watched
from bridge.bench.server import cpu_s, family, jack_server
from bridge.bench.yardstick import Result
from bridge.page.server import MOST_VIEWERS
from eeg.lsl import clock


def measure(pages: int = 10, notes: int = 400, rounds: int = 6) -> Result:
    """Rounds of so many notes with and without so many pages, on a JACK server of their own.

    BridgeError without JACK or JACK-Client, or if nothing is heard.
    """
    alone: list[Result] = []
    seen: list[Result] = []
    with ExitStack() as stack:
        stack.enter_context(jack_server(private=True))
        name = stack.enter_context(headset())
        pid, _, told = stack.enter_context(performance(name))
        time.sleep(SETTLE_S)
        for number in range(rounds):
            for viewers in (0, pages) if number % 2 else (pages, 0):
                with ExitStack() as looking:
                    for _ in range(viewers):
                        looking.enter_context(watched(told))
                    (seen if viewers else alone).append(_round(pid, notes))
    return compared(pages, seen, alone)


def _round(pid: int, notes: int) -> Result:
    """Lateness of notes, and what the program costs meanwhile."""
    begin_s, used_s = clock(), cpu_s(family(pid))
    heard = loopback.delivered(notes, None, OTHER_NOTES)
    return heard | {"cpu": 100 * (cpu_s(family(pid)) - used_s) / (clock() - begin_s)}


def compared(pages: int, seen: Sequence[Result], alone: Sequence[Result]) -> Result:
    """The rounds as medians, and how many times as late notes are with pages as without.

    `ratios_p99` are those of each pair of rounds: how far they differ is what chance alone does.
    `sleep_ratio_p99` is that of bare sleeps between the same rounds.
    """
    pairs = list(zip(seen, alone, strict=True))
    many, none = _median(seen), _median(alone)
    return {
        "pages": pages,
        "ratio_p99": round(many["p99"] / max(none["p99"], 1e-3), 2),
        "ratios_p99": [round(a["p99"] / max(b["p99"], 1e-3), 2) for a, b in pairs],
        "sleep_ratio_p99": round(many["sleep_p99"] / max(none["sleep_p99"], 1e-3), 2),
        "with": many,
        "without": none,
    }


def _median(rounds: Sequence[Result]) -> Result:
    """Medians over rounds; the latest note of all, and what was lost in any."""
    figures = {name: [one[name] for one in rounds] for name in ("p50", "p95", "p99")}
    figures["sleep_p99"] = [one["yardstick"]["p99"] for one in rounds]
    figures["cpu_percent"] = [one["cpu"] for one in rounds]
    told: Result = {name: round(float(np.median(each)), 3) for name, each in figures.items()}
    sums = {name: sum(one[name] for one in rounds) for name in ("n", "lost")}
    return told | {"max": max(one["max"] for one in rounds)} | sums


def words(parser: argparse.ArgumentParser) -> None:
    """Its options."""
    parser.add_argument(
        "--pages", type=int, choices=range(1, MOST_VIEWERS + 1), default=10, metavar="N",
        help=f"up to {MOST_VIEWERS} (default 10)",
    )  # fmt: skip
    parser.add_argument("--notes", type=int, default=400, metavar="N", help="a round (default 400)")
    parser.add_argument(
        "--rounds", type=int, default=6, metavar="N", help="of each kind (default 6)"
    )


def run(args: argparse.Namespace) -> Result:
    """Measure what was asked for."""
    return measure(args.pages, args.notes, args.rounds)
