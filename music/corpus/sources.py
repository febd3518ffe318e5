"""Which MIDI files there are, what is known of each, and which split its song belongs to.

EMOPIA's official validation songs are our test; every other song is put into train or valid by a
hash of its name. A user's folder may say otherwise in its labels: a CSV with the columns ``file``
(inside the folder) and ``quadrant`` (Q1 to Q4, or empty), and if wanted ``song`` and ``split``
(train, valid or test).
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from music import vocabulary as v
from music.corpus.dataset import SPLITS, Source, split_by_song
from music.errors import MusicError

ENDINGS = (".mid", ".midi")
QUADRANT_NAMES = ("Q1", "Q2", "Q3", "Q4")
Row = dict[str, str]


def find_known(root: Path) -> tuple[list[Source], list[str]]:
    """EMOPIA, Pop1K7 and POP909-CL under ``root``, and a sentence for each clip that has no beats.

    MusicError if none of them is there.
    """
    emopia, refused = _emopia(root)
    sources = [*emopia, *_pop1k7(root), *_pop909(root)]
    if not sources:
        raise MusicError(
            f"No emopia/clips.csv, pop1k7/*.mid or pop909cl/*.mid under {root}; give --data FOLDER."
        )
    return sources, refused


def _emopia(root: Path) -> tuple[list[Source], list[str]]:
    clips = root / "emopia" / "clips.csv"
    sources: list[Source] = []
    refused: list[str] = []
    for _, row in _rows(clips, ("clip", "song", "quadrant", "key", "split")):
        path = root / "emopia" / "beats" / f"{row['clip']}.mid"
        if row.get("beats") == "none" or not path.exists():
            refused.append(f"{path}: no beats could be tracked in it")
            continue
        split = "test" if row["split"] == "val" else split_by_song(row["song"])
        quadrant, name = int(row["quadrant"][1]) - 1, row["key"].strip().upper()
        tonic = v.ROOTS.index(name) if name in v.ROOTS else None
        sources.append(Source(str(path), "emopia", row["song"], split, quadrant, tonic))
    return sources, refused


def _pop1k7(root: Path) -> Iterator[Source]:
    for path in sorted((root / "pop1k7").rglob("*.mid")):
        song = str(path.relative_to(root))
        yield Source(str(path), "pop1k7", song, split_by_song(song), has_pedal=False)


def _pop909(root: Path) -> Iterator[Source]:
    for path in sorted((root / "pop909cl").glob("*.mid")):
        song = f"pop909cl/{path.stem.strip()}"
        yield Source(str(path), "pop909", song, split_by_song(song), has_pedal=False)


def find_folder(folder: Path, labels: Path | None) -> list[Source]:
    """Every MIDI file of a user's folder, with what ``labels`` (or its labels.csv) says.

    MusicError if it holds none, or a row names a missing file, a file named before, no such
    quadrant or split, or puts a song into two splits.
    """
    if not folder.is_dir():
        raise MusicError(f"{folder} is not a folder; give one that holds MIDI files.")
    paths = sorted(p for p in folder.rglob("*") if p.suffix.lower() in ENDINGS and p.is_file())
    if not paths:
        raise MusicError(f"{folder} holds no MIDI file (*.mid); give --folder another one.")
    if labels is not None and not labels.is_file():
        raise MusicError(f"{labels} does not exist; give --labels a CSV file.")
    said = _read_labels(folder, labels or folder / "labels.csv")
    sources = []
    for path in paths:
        quadrant, song, split = said.get(path.resolve(), (None, "", ""))
        song = song or path.relative_to(folder).as_posix()
        split = split or _split_of(song, said) or split_by_song(song)
        sources.append(Source(str(path), "folder", song, split, quadrant))
    return sources


Said = dict[Path, tuple[int | None, str, str]]  # quadrant, song, split; "" where nothing is said


def _read_labels(folder: Path, labels: Path) -> Said:
    said: Said = {}
    split_of: dict[str, str] = {}
    for where, row in _rows(labels, ("file", "quadrant")):
        path = (folder / row["file"]).resolve()
        quadrant, song, split = row["quadrant"].upper(), row.get("song", ""), row.get("split", "")
        if not row["file"] or not path.is_file():
            raise MusicError(
                f"{where}: there is no file {row['file']!r} in {folder}; mend the row."
            )
        if path in said:
            raise MusicError(f"{where}: {row['file']} is named twice; keep one of the rows.")
        if quadrant and quadrant not in QUADRANT_NAMES:
            raise MusicError(
                f"{where}: the quadrant {row['quadrant']!r} is none; write Q1 to Q4 or nothing."
            )
        if split and split not in SPLITS:
            raise MusicError(f"{where}: the split {split!r} is none; write train, valid or test.")
        if song and split and split_of.setdefault(song, split) != split:
            raise MusicError(f"{where}: the song {song!r} is in two splits; choose one.")
        said[path] = (QUADRANT_NAMES.index(quadrant) if quadrant else None, song, split)
    return said


def _split_of(song: str, said: Said) -> str:
    """The split that a row gives to a song, for its rows that say none."""
    return next((split for _, name, split in said.values() if name == song and split), "")


def _rows(path: Path, columns: tuple[str, ...]) -> Iterator[tuple[str, Row]]:
    """(where, row) of a CSV file with these columns, none if there is no such file."""
    if not path.exists():
        return
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            missing = [name for name in columns if name not in (reader.fieldnames or ())]
            if missing:
                raise MusicError(f"{path} has no column {missing[0]!r}; name it in the first line.")
            for row in reader:
                clean = {key: (value or "").strip() for key, value in row.items() if key}
                yield f"{path}, row {reader.line_num}", clean
    except (OSError, UnicodeDecodeError, csv.Error) as problem:
        raise MusicError(f"{path} cannot be read as CSV in UTF-8: {problem}") from problem
