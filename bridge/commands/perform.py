"""`live`, `listen`, `replay` and `demo` in a terminal: what is printed, and what is left behind.

The wire itself is `bridge.pipeline`. This adds the session folder, the line that follows the
emotion, and, when the last note has gone, the sound and the picture.
"""

import argparse
import platform
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from bridge.commands.daw import habits_of
from bridge.commands.telling import say, session_folder
from bridge.errors import BridgeError

if TYPE_CHECKING:
    from bridge.pipeline import Plan, Snapshot

CHANGE = 0.1  # of the probabilities, in total: what is worth a new line
SOONEST_S, LATEST_S = 1.0, 10.0  # between two lines where nobody can watch one change
DEMO_REST_S = 24.0  # of rest at the beginning of the sample recording
SAMPLE = "sample.edf"
WINDOW_S = 2.0  # of signal until the first emotion


def live(args: argparse.Namespace) -> int:
    """A headset plays."""
    from bridge import pipeline

    plan = _shown(args, _plan(args, "live"))
    say("Ctrl-C ends it.")
    wait_s = pipeline.FIND_S
    if plan.capsules is not None:
        wait_s = pipeline.OTHER_S
        say(f"It waits up to {wait_s:g} s for the capsules of the other machine.")
    _finish(plan, pipeline.live(args.stream, plan, Teller(), wait_s))
    return 0


def listen(args: argparse.Namespace) -> int:
    """A headset is heard, for a piano on another machine."""
    from bridge import pipeline

    name = args.name or platform.node()
    plan = pipeline.Plan(
        folder=session_folder(args.out, "listen"),
        rest_s=args.rest,
        profile=args.profile,
        duration_s=args.duration,
        markers=args.markers,
    )
    say(f"On the other machine: emocapsule live --capsules {name}\nCtrl-C ends it.")
    _finish(plan, pipeline.listen(name, args.stream, plan, Teller()))
    return 0


def replay(args: argparse.Namespace) -> int:
    """A recording plays."""
    if args.fast and (args.clock or args.osc):
        raise BridgeError("With --fast only files are written; leave out --clock and --osc.")
    plan = _plan(args, args.file.name.partition(".")[0])
    if not args.fast:
        plan = _shown(args, plan)
    _finish(plan, _replayed(args.file, plan, args.fast))
    return 0


def demo(args: argparse.Namespace) -> int:
    """The sample recording plays, whatever this machine lacks; leaves a session folder."""
    args.profile, args.rest = None, DEMO_REST_S
    plan = _shown(args, _plan(args, "demo"))
    assert plan.folder is not None
    sample = _sample(plan.folder)
    say(f"The sample recording ({sample}) plays as a live LSL stream: rest, then four emotions.")
    try:
        snapshot = _replayed(sample, plan)
    except BridgeError as problem:
        if plan.port is not None:
            raise
        say(f"{problem}\nThe demo goes on without a MIDI port; the notes go into a file.")
        plan = replace(plan, port="none")
        snapshot = _replayed(sample, plan)
    _finish(plan, snapshot)
    return 0


def _replayed(path: Path, plan: "Plan", fast: bool = False) -> "Snapshot":
    from bridge import pipeline

    if fast:
        return pipeline.replay_fast(path, plan, Teller())
    return pipeline.replay(path, plan, Teller())


def _sample(folder: Path) -> Path:
    """The sample recording of the project, or the same made anew where there is none."""
    import eeg

    kept = Path(eeg.__file__).parents[1] / "recordings" / SAMPLE
    if kept.is_file():
        return kept
    from eeg.synthetic import sample_recording, write_edf

    made = folder / SAMPLE
    write_edf(made, sample_recording())
    return made


def _plan(args: argparse.Namespace, name: str) -> "Plan":
    from bridge.pipeline import Plan

    habits = habits_of(args)  # first: words that cannot be leave no folder behind
    return Plan(
        port=args.port,
        folder=session_folder(args.out, name),
        seed=args.seed,
        rest_s=args.rest,
        profile=args.profile,
        capsules=getattr(args, "capsules", None),
        duration_s=args.duration,
        habits=habits,
        osc=args.osc,
        markers=args.markers,
    )


def _shown(args: argparse.Namespace, plan: "Plan") -> "Plan":
    """The plan with a page, unless it was not wanted."""
    from bridge.page.door import new_door

    return replace(plan, page=new_door(args.page_port)) if args.page else plan


# ---------------------------------------------------------------------------- meanwhile


class Teller:
    """Prints snapshots: one line that changes in a terminal, else a line when something changes."""

    def __init__(self) -> None:
        self._watched = sys.stdout.isatty()
        self._told: tuple[float, ...] = ()
        self._told_s = -LATEST_S
        self._begin_s: float | None = None  # when the first sample came
        self._page = ""

    def __call__(self, snapshot: "Snapshot") -> None:
        """Take the newest snapshot."""
        for sentence in snapshot.said:
            self._line(sentence)
        if snapshot.page != self._page:
            self._page = snapshot.page
            self._line(f"Page: {snapshot.page}")
        if not snapshot.capsules:
            return
        if self._begin_s is None:
            self._begin_s = snapshot.elapsed_s - WINDOW_S
        text = told(snapshot, snapshot.elapsed_s - self._begin_s)
        if self._watched:
            width = shutil.get_terminal_size().columns - 1
            sys.stdout.write(f"\r{text[:width]:<{width}}")
            sys.stdout.flush()
        elif self._worth_a_line(snapshot):
            self._told, self._told_s = snapshot.probabilities, snapshot.elapsed_s
            self._line(text)

    def _worth_a_line(self, snapshot: "Snapshot") -> bool:
        since_s = snapshot.elapsed_s - self._told_s
        pairs = zip(snapshot.probabilities, self._told, strict=False)
        changed = not self._told or sum(abs(new - old) for new, old in pairs) > CHANGE
        return since_s >= LATEST_S or (changed and since_s >= SOONEST_S)

    def _line(self, text: str) -> None:
        clear = f"\r{'':<{shutil.get_terminal_size().columns - 1}}\r" if self._watched else ""
        print(f"{clear}{text}", flush=True)


def told(snapshot: "Snapshot", since_s: float) -> str:
    """A snapshot in one line; `since_s`: since the first sample."""
    minutes, seconds = divmod(int(since_s), 60)
    names = ("Q1", "Q2", "Q3", "Q4")
    emotion, played = (
        " ".join(f"{name} {share:.2f}" for name, share in zip(names, shares, strict=True))
        for shares in (snapshot.probabilities, snapshot.played)
    )
    music = f"plays {played}  {snapshot.notes} notes" if snapshot.port else ""
    return (
        f"{minutes}:{seconds:02d} {snapshot.signal:<6} feels {emotion}  "
        f"valence {snapshot.valence:+.2f} arousal {snapshot.arousal:+.2f}  "
        f"confidence {snapshot.confidence:.2f} signal {snapshot.quality:.2f}  {music}"
    ).rstrip()


# ---------------------------------------------------------------------------- afterwards


def _finish(plan: "Plan", snapshot: "Snapshot") -> None:
    """Sound and picture of the session, where they can be had, and where everything is."""
    from bridge.session.picture import picture_session
    from music.errors import MusicError
    from music.render import render_wav

    if sys.stdout.isatty():
        print()
    print(_summary(snapshot))
    folder = plan.folder
    if folder is None:
        return
    if snapshot.capsules:
        picture_session(folder)
    if snapshot.notes:
        try:
            render_wav(folder / "notes.mid", folder / "audio.wav")
        except MusicError as problem:
            say(f"No audio.wav: {problem}")
    print(f"Session: {folder.resolve()}")
    for path in sorted(path for path in folder.iterdir() if path.is_file()):
        print(f"  {path.name:<16} {path.stat().st_size / 1024:9.1f} KiB")


def _summary(snapshot: "Snapshot") -> str:
    words = f"{snapshot.capsules} emotions"
    if snapshot.port:
        words += f", {snapshot.notes} notes to {snapshot.port}"
    if snapshot.notes and snapshot.lateness_max_ms:
        words += f", 99 of 100 within {snapshot.lateness_p99_ms:.1f} ms of their time"
    for count, what in (
        (snapshot.late, "dropped as late"),
        (snapshot.underruns, "pauses to compose"),
        (snapshot.gaps, "gaps in the signal"),
        (snapshot.restarts, "restarts"),
        (snapshot.pauses, "pauses of the recording"),
        (snapshot.marks, "moments marked"),
    ):
        if count:
            words += f", {count} {what}"
    return f"{words}."
