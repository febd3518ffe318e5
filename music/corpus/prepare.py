"""MIDI with beats → token arrays, split by song. ``emocapsule prepare`` runs this.

It reads EMOPIA, Pop1K7 and POP909-CL under ``--data`` and any ``--folder`` of your own, and writes
music.npz, music.json and a report (report.md, report.json). Stopped and started again, it goes on.
A folder's labels.csv has the columns file and quadrant (Q1, Q2, Q3, Q4 or nothing), and if wanted
song and split (train, valid, test). A folder alone is prepared without the data sets; give --data,
too, to add it to them.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import TypeVar

from music.corpus.dataset import Piece, Source, save, whole
from music.corpus.parts import Part, make, path_of, take
from music.corpus.report import Report, measure, written
from music.corpus.sources import find_folder, find_known
from music.errors import MusicError

Job = tuple[Source, Path]
Item = TypeVar("Item")


def prepare(
    data: Path | None,
    out: Path,
    jobs: int = 1,
    limit: int | None = None,
    folder: Path | None = None,
    labels: Path | None = None,
) -> Report:
    """Convert what is under ``data`` and in ``folder`` into ``out``; return the report.

    ``limit`` is the number of files of each data set. MusicError if nothing can be used.
    """
    sources, refused = find_known(data) if data is not None else ([], [])
    if folder is not None:
        sources += find_folder(folder, labels)
    if limit is not None:
        sources = _first(sources, limit)
    kept = out / "parts"
    kept.mkdir(parents=True, exist_ok=True)
    wanted = [(source, path_of(kept, source)) for source in sources]
    parts = _parts(wanted, jobs)
    pieces = [piece for part in parts for piece in part.pieces]
    report = measure(parts, refused)
    if not pieces:
        raise MusicError(f"None of {len(sources)} files can be used: {report['rejected'][0]}")
    _write_music(out, pieces)
    whole(out / "report.json", lambda f: f.write(json.dumps(report, indent=1).encode()))
    whole(out / "report.md", lambda f: f.write(written(report).encode()))
    if limit is None:
        used = {path for _, path in wanted}
        for path in set(kept.iterdir()) - used:
            path.unlink()
    return report


def _first(sources: list[Source], limit: int) -> list[Source]:
    """The first ``limit`` sources of each data set."""
    seen = Counter[str]()
    out = []
    for source in sources:
        seen[source.dataset] += 1
        if seen[source.dataset] <= limit:
            out.append(source)
    return out


def _parts(wanted: list[Job], jobs: int) -> list[Part]:
    """The part of each source, in order; those that a run before left are taken as they are."""
    found = {path: take(path) for _, path in wanted}
    missing = [job for job in wanted if found[job[1]] is None]
    _make_all(missing, len(wanted), jobs)
    parts = [found[path] or take(path) for _, path in wanted]
    if None in parts:
        raise MusicError(f"A part of {wanted[0][1].parent} cannot be read back; is the disk full?")
    return [part for part in parts if part is not None]


def _make_all(missing: list[Job], total: int, jobs: int) -> None:
    if jobs == 1:
        for job in _watched(missing, total):
            make(job)
        return
    pool = ProcessPoolExecutor(jobs, initializer=_end_with, initargs=(os.getpid(),))
    try:
        running = [pool.submit(make, job) for job in missing]
        for future in _watched(running, total):
            future.result()
    except BrokenProcessPool as problem:
        raise MusicError("A process that reads MIDI was killed; start again to go on.") from problem
    finally:
        pool.shutdown(cancel_futures=True)


def _end_with(parent: int) -> None:
    """Let this process end soon after its parent, which may be killed without a word."""

    def look(_: int, __: object) -> None:
        if os.getppid() != parent:
            os._exit(1)

    if hasattr(signal, "setitimer"):  # not on Windows
        signal.signal(signal.SIGALRM, look)
        signal.setitimer(signal.ITIMER_REAL, 1.0, 1.0)


def _watched(items: Sequence[Item], total: int) -> Iterable[Item]:
    """The items, with a bar on the error stream where a person watches."""
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    return track(
        items,
        "Reading MIDI",
        total,
        total - len(items),
        console=console,
        disable=not console.is_terminal,
    )


def _write_music(out: Path, pieces: list[Piece]) -> None:
    """Write the tokens; soft labels of other tokens fit them no more and are removed."""
    file, labels = out / "music.npz", out / "labels.npz"
    before = file.read_bytes() if file.exists() else b""
    save(out, pieces)
    if labels.exists() and file.read_bytes() != before:
        labels.unlink()


def main(argv: list[str] | None = None) -> int:
    """``emocapsule prepare``."""
    parser = argparse.ArgumentParser(prog="emocapsule prepare", description=__doc__)
    parser.add_argument(
        "--data",
        type=Path,
        help="holds emopia/, pop1k7/, pop909cl/ (default: EMOCAPSULE_DATA or ../shared/data)",
    )
    parser.add_argument("--folder", type=Path, help="MIDI files of your own")
    parser.add_argument("--labels", type=Path, help="its labels (default: labels.csv inside)")
    parser.add_argument("--out", type=Path, default=Path("data/music"))
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes")
    parser.add_argument("--limit", type=int, help="only N files of each data set, for a trial")
    args = parser.parse_args(argv)
    for name in ("jobs", "limit"):
        if getattr(args, name) is not None and getattr(args, name) < 1:
            parser.error(f"--{name} must be 1 or more")
    if args.labels is not None and args.folder is None:
        parser.error("--labels belongs to a --folder")
    data = args.data
    if data is None and args.folder is None:
        data = Path(os.environ.get("EMOCAPSULE_DATA", "../shared/data"))
    report = prepare(data, args.out, args.jobs, args.limit, args.folder, args.labels)
    print(written(report | {"rejected": []}).split("## Rejected")[0].rstrip())
    print(f"\n{len(report['rejected'])} files rejected; why, in {args.out / 'report.md'}")
    return 0
