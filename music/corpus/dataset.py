"""MIDI with beats → token arrays, split by song. ``emocapsule prepare`` runs this.

EMOPIA (four quadrants, pedal) and Pop1K7 (no label, no pedal) become one ``music.npz`` beside a
``music.json`` that tells where each piece came from. A beat tracker's slip, neighbouring tempi more
than 0.4 octave apart, cuts a piece: the stretches between slips are kept where they hold four bars.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from music import vocabulary as v
from music.corpus.encode import BEATS_PER_BAR, Performance, encode
from music.errors import MusicError
from music.events import Note, Tempo, TempoMap
from music.grammar import decode

SLIP_OCTAVES = 0.4
MIN_BEATS = 16
VALID_PERCENT = 10  # of EMOPIA's train songs and of Pop1K7
Tokens = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Source:
    """One MIDI file and what is known of it."""

    path: str
    dataset: str  # emopia | pop1k7
    song: str
    split: str  # train | valid | test
    quadrant: int | None = None  # 0..3 for Q1..Q4
    tonic: int | None = None  # pitch class
    has_pedal: bool = True


@dataclass(frozen=True)
class Piece:
    """A stretch of tokens and where it came from."""

    source: Source
    tokens: Tokens
    mixture: npt.NDArray[np.float64] | None = None  # (bars, 4) inferred, where nobody labelled


def find_sources(root: Path) -> list[Source]:
    """Every EMOPIA and Pop1K7 file under ``root``; the official validation songs are our test."""
    sources = []
    clips = root / "emopia" / "clips.csv"
    if clips.exists():
        with clips.open() as file:
            for row in csv.DictReader(file):
                path = root / "emopia" / "beats" / f"{row['clip']}.mid"
                if row["beats"] == "none" or not path.exists():
                    continue
                split = "test" if row["split"] == "val" else split_by_song(row["song"])
                quadrant, tonic = int(row["quadrant"][1]) - 1, _tonic(row["key"])
                sources.append(Source(str(path), "emopia", row["song"], split, quadrant, tonic))
    for path in sorted((root / "pop1k7").rglob("*.mid")):
        song = str(path.relative_to(root))
        sources.append(Source(str(path), "pop1k7", song, split_by_song(song), has_pedal=False))
    if not sources:
        raise MusicError(
            f"No emopia/clips.csv and no pop1k7/*.mid under {root}; give --data FOLDER."
        )
    return sources


def split_by_song(song: str) -> str:
    """Train or valid, by a hash of the song's name, so that it never depends on file order."""
    number = int.from_bytes(hashlib.sha256(song.encode()).digest()[:4], "big")
    return "valid" if number % 100 < VALID_PERCENT else "train"


def _tonic(key: str) -> int | None:
    name = key.strip().upper()
    return v.ROOTS.index(name) if name in v.ROOTS else None


def read_performances(path: str) -> list[Performance]:
    """The stretches of a beat-aligned MIDI file between slips of its beat tracker."""
    import symusic

    try:
        score: Any = symusic.Score(path)
    except Exception as error:  # symusic raises bare RuntimeErrors and ValueErrors of its own
        raise MusicError(f"{path} is not a MIDI file that can be read: {error}") from error
    seconds = score.to("second")
    tracks = [track for track in seconds.tracks if not track.is_drum and len(track.notes)]
    if not tracks:
        raise MusicError(f"{path} holds no notes.")
    notes = sorted(
        (float(n.start), float(n.end), int(n.pitch), int(n.velocity))
        for n in tracks[0].notes
        if n.velocity > 0
    )
    pedals = [(float(c.time), c.value >= 64) for c in tracks[0].controls if c.number == 64]
    tempi = [(t.time / score.ticks_per_quarter, t.qpm) for t in score.tempos]
    last_tick = max(n.end for n in score.tracks[0].notes)
    beats = _beat_times(tempi, int(np.ceil(last_tick / score.ticks_per_quarter)))
    markers = [(round(m.time / score.ticks_per_quarter), _chord(m.text)) for m in score.markers]
    chords = [(beat, chord) for beat, chord in markers if chord]
    return list(_cut_at_slips(beats, notes, chords, sorted(pedals)))


def _beat_times(tempi: list[tuple[float, float]], beats: int) -> npt.NDArray[np.float64]:
    tempo_map = TempoMap()
    for onset_beats, bpm in tempi:
        tempo_map.push(Tempo(float(onset_beats), float(np.clip(bpm, 5, 900))))
    return np.array([tempo_map.seconds(float(beat)) for beat in range(beats + 1)])


def _chord(marker: str) -> str | None:
    """``ROOT_QUALITY_BASS`` as the data writes it, to ours."""
    parts = marker.split("_")
    if len(parts) != 3 or parts[0] == "global":
        return None
    return v.NO_CHORD if parts[0] == "N" else f"{parts[0]}:{parts[1]}"


def _cut_at_slips(
    beats: npt.NDArray[np.float64],
    notes: list[tuple[float, float, int, int]],
    chords: list[tuple[int, str]],
    pedals: list[tuple[float, bool]],
) -> Iterator[Performance]:
    """Stretches of whole bars with a steady beat inside the vocabulary's tempo range."""
    bpm = 60.0 / np.maximum(np.diff(beats), 1e-3)
    jump = np.abs(np.diff(np.log2(bpm), prepend=np.log2(bpm[:1]))) > SLIP_OCTAVES
    outside = (bpm < v.TEMPO_RANGE_BPM[0]) | (bpm > v.TEMPO_RANGE_BPM[1])
    edges = [0, *(int(i) for i in np.flatnonzero(jump)), len(bpm)]
    for start, stop in zip(edges, edges[1:], strict=False):
        start += -start % BEATS_PER_BAR
        stop = min(stop, len(bpm))
        if stop - start < MIN_BEATS or outside[start:stop].any():
            continue
        low, high = beats[start], beats[stop]
        inside = [n for n in notes if low - 0.03 <= n[0] < high]
        if len(inside) >= 8:
            yield Performance(
                beats[start : stop + 1],
                tuple(inside),
                tuple((beat - start, chord) for beat, chord in chords if start <= beat < stop),
                tuple(p for p in pedals if low <= p[0] < high),
            )


def onset_errors_ms(piece: Performance, tokens: Tokens) -> npt.NDArray[np.float64]:
    """Absolute onset error of each note after a round trip, matched by pitch in order of time."""
    tempo_map, decoded = TempoMap(), []
    for event in decode(tokens):
        if isinstance(event, Tempo):
            tempo_map.push(event)
        elif isinstance(event, Note):
            decoded.append((event.pitch, tempo_map.seconds(event.onset_beats)))
    start_s = float(piece.beat_times_s[0])
    played = sorted((n[2], n[0] - start_s) for n in piece.notes)
    if len(played) != len(decoded):  # two strikes of one key within a 48th became one
        return np.array([])
    return np.array([abs(a[1] - b[1]) * 1e3 for a, b in zip(played, sorted(decoded), strict=True)])


def _convert(source: Source) -> tuple[list[Piece], list[float], str | None]:
    try:
        stretches = read_performances(source.path)
    except MusicError as error:
        return [], [], str(error)
    pieces, errors = [], []
    for stretch in stretches:
        tokens = encode(stretch)
        pieces.append(Piece(source, tokens))
        errors += onset_errors_ms(stretch, tokens).tolist()
    reason = None if pieces else f"{source.path}: no four bars with a steady beat"
    return pieces, errors, reason


def prepare(root: Path, out: Path, jobs: int = 2, limit: int | None = None) -> dict[str, object]:
    """Convert everything under ``root`` into ``music.npz`` and ``music.json``; return a report."""
    from rich.progress import track

    sources = find_sources(root)[:limit]
    pieces: list[Piece] = []
    errors: list[float] = []
    rejected: list[str] = []
    with ProcessPoolExecutor(jobs) as pool:
        results = pool.map(_convert, sources, chunksize=16)
        for found, error_ms, reason in track(results, "Reading MIDI", total=len(sources)):
            pieces += found
            errors += error_ms
            if reason:
                rejected.append(reason)
    save(out, pieces)
    tokens = Counter[str]()
    for piece in pieces:
        tokens[f"{piece.source.dataset} {piece.source.split}"] += len(piece.tokens)
    report: dict[str, object] = {
        "files": len(sources),
        "pieces": len(pieces),
        "rejected": rejected,
        "tokens": dict(tokens),
        "onset_error_ms": {
            f"p{q}": round(float(np.percentile(errors, q)), 2) for q in (50, 95, 99)
        },
    }
    (out / "report.json").write_text(json.dumps(report, indent=1))
    return report


def save(out: Path, pieces: list[Piece]) -> None:
    """Write tokens and their sources to ``out``."""
    out.mkdir(parents=True, exist_ok=True)
    ends = np.cumsum([len(piece.tokens) for piece in pieces])
    tokens = np.concatenate([piece.tokens for piece in pieces]).astype(np.uint16)
    np.savez_compressed(out / "music.npz", tokens=tokens, ends=ends)
    meta = {"vocabulary": v.fingerprint(), "sources": [asdict(piece.source) for piece in pieces]}
    (out / "music.json").write_text(json.dumps(meta))


def load(folder: Path) -> list[Piece]:
    """What ``prepare`` wrote. MusicError if it is missing or was made with another vocabulary."""
    if not (folder / "music.npz").exists():
        raise MusicError(f"No music.npz in {folder}; run `emocapsule prepare` first.")
    meta = json.loads((folder / "music.json").read_text())
    if meta["vocabulary"] != v.fingerprint():
        raise MusicError(
            f"{folder} was prepared with another vocabulary; run `emocapsule prepare`."
        )
    with np.load(folder / "music.npz", allow_pickle=False) as arrays:
        parts = np.split(arrays["tokens"].astype(np.int64), arrays["ends"][:-1])
    return [Piece(Source(**s), t) for s, t in zip(meta["sources"], parts, strict=True)]


def main(argv: list[str] | None = None) -> int:
    """``emocapsule prepare``."""
    parser = argparse.ArgumentParser(prog="emocapsule prepare", description=__doc__)
    parser.add_argument(
        "--data", type=Path, default=Path("../shared/data"), help="emopia/, pop1k7/"
    )
    parser.add_argument("--out", type=Path, default=Path("data/music"))
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--limit", type=int, help="only the first N files, for a trial")
    args = parser.parse_args(argv)
    report = prepare(args.data, args.out, args.jobs, args.limit)
    rejected = report.pop("rejected")
    print(json.dumps(report | {"rejected": len(rejected)}, indent=1))  # type: ignore[arg-type]  # noqa: T201
    return 0
