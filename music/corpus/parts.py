"""One file's music as a part on disk, so that a preparation that was stopped goes on.

A part's name is a hash of everything it was made from: the file's path, size and time of change,
what is known of it, the vocabulary and the code that makes tokens. So a part is never stale.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from music import grammar
from music import vocabulary as v
from music.corpus import beats, chords, encode, readers, roundtrip
from music.corpus.dataset import Piece, Source, whole
from music.errors import MusicError

MAKERS = (v, grammar, beats, chords, encode, readers, roundtrip)
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Part:
    """What became of one file."""

    source: Source
    reason: str | None  # why there is no piece
    pieces: list[Piece]
    errors_ms: list[Floats]  # by piece, in order of time
    pedal_errors_ms: Floats
    notes: dict[str, int]  # what became of them
    pedals: dict[str, int]
    slips: dict[str, int]
    refused: int  # tokens that the grammar does not take


def convert(source: Source) -> Part:
    """Read, encode, decode and compare one file."""
    try:
        reading = readers.read(source)
    except MusicError as error:
        return Part(source, str(error), [], [], np.zeros(0), {}, {}, {}, 0)
    pieces = [Piece(reading.source, encode.encode(stretch)) for stretch in reading.stretches]
    trips = [
        roundtrip.round_trip(stretch, piece.tokens)
        for stretch, piece in zip(reading.stretches, pieces, strict=True)
    ]
    outside = {"outside every steady stretch": reading.notes_outside}
    lost = outside | {"never released": reading.never_released}
    return Part(
        source=reading.source,
        reason=None if pieces else f"{source.path}: no four bars of music with a steady beat",
        pieces=pieces,
        errors_ms=[trip.errors_ms for trip in trips],
        pedal_errors_ms=np.concatenate([np.zeros(0), *(t.pedal_errors_ms for t in trips)]),
        notes=_sum([lost, *(trip.notes for trip in trips)]),
        pedals=_sum(
            [
                {"outside every steady stretch": reading.pedals_outside},
                *(trip.pedals for trip in trips),
            ]
        ),
        slips={"mended": reading.slips_mended, "cut": reading.slips_cut},
        refused=sum(trip.refused for trip in trips),
    )


def _sum(counts: list[dict[str, int]]) -> dict[str, int]:
    names = dict.fromkeys(name for one in counts for name in one)
    return {name: sum(one.get(name, 0) for one in counts) for name in names}


def path_of(folder: Path, source: Source) -> Path:
    """Where the part of a source lies, or will."""
    stat = Path(source.path).stat()
    made_from = [_recipe(), json.dumps(asdict(source)), stat.st_size, stat.st_mtime_ns]
    name = hashlib.sha256(json.dumps(made_from).encode()).hexdigest()[:24]
    return folder / f"{name}.npz"


@cache
def _recipe() -> str:
    """A hash of the vocabulary and of the code between a file and its tokens."""
    digest = hashlib.sha256(v.fingerprint().encode())
    for module in MAKERS:
        digest.update(Path(str(module.__file__)).read_bytes())
    return digest.hexdigest()


def make(job: tuple[Source, Path]) -> None:
    """Convert a source and write its part, whole or not at all."""
    source, path = job
    part = convert(source)
    meta = {
        "source": asdict(part.source),
        "reason": part.reason,
        "notes": part.notes,
        "pedals": part.pedals,
        "slips": part.slips,
        "refused": part.refused,
    }
    arrays: dict[str, Any] = {
        "meta": np.frombuffer(json.dumps(meta).encode(), dtype=np.uint8),
        "tokens": _joined([piece.tokens for piece in part.pieces]).astype(np.uint16),
        "ends": np.cumsum([len(piece.tokens) for piece in part.pieces], dtype=np.int64),
        "errors_ms": _joined(part.errors_ms).astype(np.float32),
        "error_ends": np.cumsum([len(errors) for errors in part.errors_ms], dtype=np.int64),
        "pedal_errors_ms": part.pedal_errors_ms.astype(np.float32),
    }
    whole(path, lambda file: np.savez_compressed(file, **arrays))


def _joined(arrays: list[Any]) -> npt.NDArray[Any]:
    return np.concatenate(arrays) if arrays else np.zeros(0)


def take(path: Path) -> Part | None:
    """The part at ``path``; None if there is none or it is damaged."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as kept:
            arrays = {name: kept[name] for name in kept.files}
        meta = json.loads(arrays["meta"].tobytes())
        source = Source(**meta.pop("source"))
        tokens = np.split(arrays["tokens"].astype(np.int64), arrays["ends"])[:-1]
        errors = np.split(arrays["errors_ms"].astype(np.float64), arrays["error_ends"])[:-1]
        pedal_errors = arrays["pedal_errors_ms"].astype(np.float64)
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile):
        return None
    pieces = [Piece(source, one) for one in tokens]
    return Part(
        source=source, pieces=pieces, errors_ms=errors, pedal_errors_ms=pedal_errors, **meta
    )
