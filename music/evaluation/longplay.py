"""An hour at the piano without a listener: does it drift into silence, loops or mud?

``python -m music.evaluation.longplay`` plays under two courses of emotion, one that goes round the
plane of valence and arousal once in ten minutes and one that never changes, describes every minute,
and compares the first ten minutes with the last ten and every minute with real clips: EMOPIA songs
of the valid split. A statistic drifts if its two means differ by more than three standard errors
and by more than half the spread among real clips.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from music.condition import STRENGTH, Condition
from music.corpus.dataset import load
from music.evaluation.copying import longest_shared
from music.evaluation.following import emopia
from music.evaluation.performance import (
    DURATION,
    ONSET,
    PITCH,
    VELOCITY,
    PerformedClip,
    from_events,
)
from music.evaluation.request import Clip, Length, Request
from music.evaluation.sampler import Ensemble
from music.evaluation.statistics import bars_of, longest_loop, repeated_bars
from music.events import Event
from music.grammar import decode
from music.network import Network
from music.sampling import Sampling
from music.store import WEIGHTS, load_model

Floats = npt.NDArray[np.float64]
MINUTE_S, ROUND_S, STEP_S = 60.0, 600.0, 5.0
SOME = 10  # minutes at the beginning and at the end
FEWEST = 4  # minutes in all
FRAMES_PER_S = 10
SHORTEST_REAL_S = 20.0
REACH = 0.8  # of each axis, how far the wandering course goes out
NAMES = (
    "notes a second", "velocity", "pitch", "pitch range", "pitch classes", "silence", "voices",
    "repeated bars", "longest loop",
)  # fmt: skip


def wandering(seconds: float, strength: float) -> tuple[tuple[float, Condition], ...]:
    """Round the plane in ten minutes: Q1, Q2, Q3, Q4 and back, a step each five seconds."""
    course = []
    for step in range(math.ceil(seconds / STEP_S)):
        turn = 2 * math.pi * step * STEP_S / ROUND_S
        bright, high = (0.5 + 0.5 * REACH * part for part in (math.cos(turn), math.sin(turn)))
        mixture = (
            high * bright,
            high * (1 - bright),
            (1 - high) * (1 - bright),
            (1 - high) * bright,
        )
        course.append((step * STEP_S, Condition(mixture, strength)))
    return tuple(course)


def play_on(
    model: Network, requests: Sequence[Request], seconds: float, how: Sampling
) -> list[Clip]:
    """The clips; those of the minutes played so far if the user's patience ends before (Ctrl-C)."""
    ensemble = Ensemble(model, requests, how)
    clips: dict[int, Clip] = {}
    try:
        clips.update(ensemble.play(Length(seconds)))
    except KeyboardInterrupt:
        for number, player in zip(ensemble.numbers, ensemble.players, strict=True):
            clips.setdefault(number, player.clip(Length(player.horizon_s)))
    return [clips[number] for number in range(len(requests))]


def describe(events: Sequence[Event], clip: PerformedClip) -> Floats:
    """(9,) what a stretch of music is like, as in NAMES; zeros where nothing sounds."""
    if not len(clip.notes):
        return np.array([0.0] * 5 + [1.0] + [0.0] * 3)
    pitch, velocity = clip.notes[:, PITCH], clip.notes[:, VELOCITY]
    bars, ringing = bars_of(events), voices(clip)
    return np.array(
        [
            len(pitch) / clip.duration_s, velocity.mean(), pitch.mean(), np.ptp(pitch),
            len(set(pitch.astype(int) % 12)), (ringing == 0).mean(), ringing.mean(),
            repeated_bars(bars), longest_loop(bars),
        ]
    )  # fmt: skip


def voices(clip: PerformedClip) -> npt.NDArray[np.int64]:
    """(frames,) notes that ring in each tenth of a second, held by the key or by the pedal."""
    onset, end = clip.notes[:, ONSET], clip.notes[:, ONSET] + clip.notes[:, DURATION]
    ups = [*clip.pedals[1:, 0], clip.duration_s]
    for (down_s, down), up_s in zip(clip.pedals, ups, strict=False):
        if down:
            end = np.where((end >= down_s) & (end < up_s), up_s, end)
    change = np.zeros(math.ceil(clip.duration_s * FRAMES_PER_S) + 2, dtype=np.int64)
    first, last = (np.floor(times * FRAMES_PER_S).astype(np.int64) for times in (onset, end))
    np.add.at(change, first, 1)
    np.add.at(change, np.clip(np.maximum(last, first + 1), 0, len(change) - 1), -1)
    return np.asarray(change.cumsum()[: math.ceil(clip.duration_s * FRAMES_PER_S)])


def minutes(clip: Clip) -> tuple[Floats, list[PerformedClip]]:
    """(minutes, 9) and the minutes themselves."""
    whole, rows, parts = from_events(clip.events), [], []
    for start_s in np.arange(0.0, clip.seconds - MINUTE_S / 2, MINUTE_S):
        low, high = (clip.tempo_map.beats(start_s + more) for more in (0.0, MINUTE_S))
        inside = [event for event in clip.events if low <= event.onset_beats < high]
        parts.append(whole.cut(start_s, start_s + MINUTE_S))
        rows.append(describe(inside, parts[-1]))
    return np.array(rows), parts


def real(data: Path) -> Floats:
    """(clips, 9) the same of EMOPIA's valid songs."""
    rows = []
    for piece in emopia(load(data), "valid"):
        events = decode(piece.tokens)
        clip = from_events(events)
        if clip.duration_s >= SHORTEST_REAL_S:
            rows.append(describe(events, clip))
    return np.array(rows)


def longest_repeats(parts: Sequence[PerformedClip]) -> list[int]:
    """Notes of the longest passage of each minute after the first that came before, in any key."""
    heard = [part for part in parts if len(part.notes) > 1]
    return [
        int(longest_shared([part], heard[:k], "pitch and time")[0])
        for k, part in enumerate(heard)
        if k
    ]


def drifts(rows: Floats, spread: Floats) -> dict[str, tuple[float, float, bool]]:
    """Of each statistic the mean of the first and of the last minutes, and whether it drifts."""
    some = min(SOME, len(rows) // 2)
    first, last = rows[:some], rows[-some:]
    error = np.sqrt((first.var(axis=0, ddof=1) + last.var(axis=0, ddof=1)) / some)
    moved = np.abs(last.mean(axis=0) - first.mean(axis=0))
    drifted = (moved > 3 * error) & (moved > 0.5 * spread)
    table = zip(NAMES, first.mean(axis=0), last.mean(axis=0), drifted, strict=True)
    return {name: (float(a), float(b), bool(there)) for name, a, b, there in table}


def report(title: str, rows: Floats, parts: Sequence[PerformedClip], natural: Floats) -> list[str]:
    """A table in words, and the verdict."""
    some = min(SOME, len(rows) // 2)
    low, high = np.percentile(natural, (5, 95), axis=0)
    lines = [f"\n{title}", f"{'':>16} first {some:2}  last {some:2}     all  real (5 % .. 95 %)"]
    found = drifts(rows, natural.std(axis=0))
    for k, (name, (first, last, drifted)) in enumerate(found.items()):
        told = "  drifts" if drifted else ""
        lines.append(
            f"{name:>16} {first:8.2f} {last:8.2f} {rows[:, k].mean():7.2f}  "
            f"{natural[:, k].mean():.2f} ({low[k]:.2f} .. {high[k]:.2f}){told}"
        )
    at = NAMES.index
    loops = int((rows[:, at("repeated bars")] > max(high[at("repeated bars")], 0.5)).sum())
    mud = int((rows[:, at("voices")] > 1.5 * high[at("voices")]).sum())
    silent = int((rows[:, at("silence")] > 0.5).sum())
    repeats = longest_repeats(parts)
    moved = [name for name, (*_, there) in found.items() if there]
    lines.append(f"longest passage that came before, notes: {max(repeats, default=0)}")
    lines.append(
        f"Verdict: {'drift in ' + ', '.join(moved) if moved else 'no drift'}; of "
        f"{len(rows)} minutes {silent} mostly silent, {loops} looping, {mud} muddy."
    )
    return lines


def draw(path: Path, played: dict[str, Floats], natural: Floats) -> None:
    """Every statistic over the minutes, on a band of real clips."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 10), layout="constrained")
    low, high = np.percentile(natural, (5, 95), axis=0)
    for k, axes in enumerate(figure.subplots(len(NAMES), 1, sharex=True)):
        axes.axhspan(low[k], high[k], color="0.9")
        for title, rows in played.items():
            axes.plot(np.arange(len(rows)), rows[:, k], label=title, linewidth=1)
        axes.set_ylabel(NAMES[k], fontsize=8)
    axes.set_xlabel("minute; grey: 5 % to 95 % of real clips")
    figure.axes[0].legend(fontsize=8)
    FigureCanvasAgg(figure).print_png(str(path))  # type: ignore[no-untyped-call]


def main(argv: Sequence[str] | None = None) -> None:
    """Play, print, and leave ``longplay.json`` and ``longplay.png``."""
    parser = argparse.ArgumentParser(
        prog="python -m music.evaluation.longplay", description=__doc__
    )
    parser.add_argument("--weights", type=Path, default=WEIGHTS)
    parser.add_argument("--data", type=Path, default=Path("data/music"))
    parser.add_argument("--out", type=Path, default=Path("runs/longplay"))
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--strength", type=float, default=STRENGTH)
    parser.add_argument("--temperature", type=float, default=Sampling.temperature)
    parser.add_argument("--top-p", type=float, default=Sampling.top_p)
    args = parser.parse_args(argv)
    if args.minutes < FEWEST:
        parser.error(f"{args.minutes:g} minutes cannot drift; give {FEWEST} or more")
    torch.set_num_threads(1)
    natural, seconds = real(args.data), 60.0 * args.minutes
    calm = ((0.0, Condition((0.0, 0.0, 1.0, 0.0), args.strength)),)
    courses = {"round the plane": wandering(seconds, args.strength), "always Q3": calm}
    requests = [Request(args.seed + k, course) for k, course in enumerate(courses.values())]
    begun_s = time.perf_counter()
    sampling = Sampling(args.temperature, args.top_p)
    clips = play_on(load_model(args.weights), requests, seconds, sampling)
    took_s = time.perf_counter() - begun_s
    args.out.mkdir(parents=True, exist_ok=True)
    played: dict[str, Floats] = {}
    kept: dict[str, Any] = {"arguments": {k: str(one) for k, one in vars(args).items()}}
    print(
        f"{len(clips)} x {args.minutes:g} min of music in {took_s / 60:.1f} min; seed {args.seed}"
    )
    for title, clip in zip(courses, clips, strict=True):
        played[title], parts = minutes(clip)
        print("\n".join(report(title, played[title], parts, natural)))
        rows = [dict(zip(NAMES, row, strict=True)) for row in played[title].tolist()]
        kept[title] = {"minutes": rows, "longest repeats": longest_repeats(parts)}
    kept["real"] = [dict(zip(NAMES, row, strict=True)) for row in natural.tolist()]
    (args.out / "longplay.json").write_text(json.dumps(kept, indent=1))
    draw(args.out / "longplay.png", played, natural)
    print(f"\nWritten: {args.out / 'longplay.json'}, {args.out / 'longplay.png'}")


if __name__ == "__main__":
    main()
