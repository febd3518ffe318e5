"""Pieces as token arrays, and their files: ``music.npz`` beside a ``music.json`` that tells where
each piece came from. Reading them needs numpy only.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt

from music import vocabulary as v
from music.errors import MusicError

VALID_PERCENT = 10  # of the songs that no data set has put into a split
SPLITS = ("train", "valid", "test")
Tokens = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Source:
    """One MIDI file and what is known of it."""

    path: str
    dataset: str  # emopia | pop1k7 | pop909 | folder
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


def split_by_song(song: str) -> str:
    """Train or valid, by a hash of the song's name, so that it never depends on file order."""
    number = int.from_bytes(hashlib.sha256(song.encode()).digest()[:4], "big")
    return "valid" if number % 100 < VALID_PERCENT else "train"


def save(out: Path, pieces: list[Piece]) -> None:
    """Write tokens and their sources to ``out``: each file whole or not at all."""
    out.mkdir(parents=True, exist_ok=True)
    ends = np.cumsum([len(piece.tokens) for piece in pieces])
    tokens = np.concatenate([piece.tokens for piece in pieces]).astype(np.uint16)
    meta = {"vocabulary": v.fingerprint(), "sources": [asdict(piece.source) for piece in pieces]}
    whole(out / "music.npz", lambda file: np.savez_compressed(file, tokens=tokens, ends=ends))
    whole(out / "music.json", lambda file: file.write(json.dumps(meta).encode()))


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
    if len(parts) != len(meta["sources"]):
        raise MusicError(f"{folder} is half written; run `emocapsule prepare` again.")
    return [Piece(Source(**s), t) for s, t in zip(meta["sources"], parts, strict=True)]


def whole(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Write a file so that whoever reads it finds the old one or the new one, never a part."""
    draft = path.with_name(f"{path.name}.{os.getpid()}.new")
    with draft.open("wb") as file:
        write(file)
    os.replace(draft, path)
