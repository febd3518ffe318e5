"""emoChord2vec: a vector for each chord, learned from what is played around it and as what emotion.

A piece is a sentence of its chords with a word for its emotion, Q1..Q4, after every second one, so
that each window holds emotion beside chords. Skip-gram with negative sampling (word2vec: Mikolov
2013; for chords, chord2vec: Madjiheurem 2016) then raises v_a·u_b for words a, b that meet in a
window: v are the vectors, u the contexts. v_chord·u_Qj is thus how the chord leans to an emotion.

Chord tokens are absolute, so every piece is a sentence in each of the twelve keys: relative to the
tonic they could not be put into the model, and half of the pieces have no known tonic.

Only listeners' labels become emotion words unless ``soft`` is asked for: words drawn from the
inferred mixtures of unlabelled piano outnumber them and blur what chords say (see ``__main__``).
Learning needs gensim; ``initialise`` does not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file
from torch import Tensor, nn

from music import vocabulary as v
from music.corpus.dataset import Piece
from music.errors import MusicError
from music.network import Network

Floats = npt.NDArray[np.float64]
Ids = npt.NDArray[np.int64]
EMOTIONS = ("Q1", "Q2", "Q3", "Q4")
WORDS = (*v.CHORDS, *EMOTIONS)
CHORDS, KEYS = len(v.CHORDS), len(v.ROOTS)
EVERY = 2  # chords between two emotion words
EMOTION_WORDS = ("labels", "soft", "none")


@dataclass(frozen=True)
class Recipe:
    """How vectors are learned. ``size`` is at most the narrowest model, so cosines are kept there.

    ``emotion`` says where its words come from: listeners' ``labels``, these and the ``soft``
    mixtures of unlabelled pieces, or ``none``.
    """

    size: int = 64
    window: int = 3  # words to each side
    negative: int = 6
    epochs: int = 1  # of twelve keys each
    emotion: str = "labels"
    seed: int = 0


@dataclass(frozen=True)
class ChordVectors:
    """``vectors`` and ``contexts`` (137, D) of ``WORDS``; zero where a word never occurred."""

    vectors: Floats
    contexts: Floats

    def leaning(self) -> Floats:
        """(133, 4) nats by which a chord asks for each emotion more than others, and more than
        other chords do: v·u, rows and columns centred.
        """
        told = self.vectors[:CHORDS] @ self.contexts[CHORDS:].T
        told -= told[self.heard].mean(axis=0)
        return np.asarray(told - told.mean(axis=1, keepdims=True))

    @property
    def heard(self) -> npt.NDArray[np.bool_]:
        """(133,) chords that occurred."""
        return np.asarray(np.any(self.vectors[:CHORDS] != 0, axis=1))

    @property
    def knows_emotion(self) -> bool:
        """Whether emotion words were learned."""
        return bool(self.vectors[CHORDS:].any())


def chords_of(piece: Piece) -> tuple[Ids, Ids]:
    """(n,) the piece's chords, 0 for none and then root by root, and the bar of each."""
    at = np.flatnonzero((piece.tokens >= v.CHORD.start) & (piece.tokens < v.CHORD.stop))
    return piece.tokens[at] - v.CHORD.start, (np.cumsum(piece.tokens == v.BAR) - 1)[at]


def transposed(chords: Ids, semitones: int) -> Ids:
    """Chord numbers with their roots moved; no chord stays none."""
    root, quality = np.divmod(chords - 1, len(v.QUALITIES))
    moved = 1 + (root + semitones) % KEYS * len(v.QUALITIES) + quality
    return np.where(chords == 0, 0, moved)


def sentences(pieces: list[Piece], recipe: Recipe) -> list[list[str]]:
    """Every piece in all keys, in an order drawn with the seed. Mixtures are drawn from anew in
    each key, so over the keys they count by their weights.
    """
    rng = np.random.default_rng(recipe.seed)
    out = []
    for piece in pieces:
        chords, bars = chords_of(piece)
        if not len(chords):
            continue
        places = np.arange(EVERY // 2, len(chords), EVERY)
        for key in range(KEYS):
            words = transposed(chords, key)
            felt = _felt(piece, bars[places], recipe.emotion, rng)
            if felt is not None:
                words = np.insert(words, places, CHORDS + felt)
            out.append([WORDS[word] for word in words])
    return [out[i] for i in rng.permutation(len(out))]


def _felt(piece: Piece, bars: Ids, emotion: str, rng: np.random.Generator) -> Ids | None:
    """(n,) a quadrant at each of the bars; None where nothing is known or asked."""
    if emotion == "none":
        return None
    if piece.source.quadrant is not None:
        return np.full(len(bars), piece.source.quadrant)
    if piece.mixture is None or emotion != "soft":
        return None
    up_to = np.cumsum(piece.mixture[bars], axis=1)  # (n, 4)
    return np.asarray((rng.random((len(bars), 1)) * up_to[:, -1:] > up_to).sum(axis=1))


def learn(pieces: list[Piece], recipe: Recipe) -> ChordVectors:
    """Vectors of the pieces' chords; on one machine the same for the same pieces and recipe."""
    try:
        from gensim.models import Word2Vec
    except ImportError as error:
        raise MusicError("Chord vectors are learned with gensim: pip install gensim.") from error
    found = sentences(pieces, recipe)
    if not found:
        raise MusicError("These pieces hold no chords; prepare data sets that name them.")
    model = Word2Vec(
        found,
        vector_size=recipe.size,
        window=recipe.window,
        negative=recipe.negative,
        epochs=recipe.epochs,
        seed=recipe.seed,
        sg=1,
        min_count=1,
        sample=0,  # emotion words are the commonest, and wanted
        shrink_windows=False,
        workers=1,
        hashfxn=lambda word: int.from_bytes(word.encode(), "big"),
    )
    place = model.wv.key_to_index
    at = np.array([place.get(word, len(place)) for word in WORDS])
    tables = (np.vstack([t, np.zeros(recipe.size)]) for t in (model.wv.vectors, model.syn1neg))
    return ChordVectors(*(table[at].astype(np.float64) for table in tables))


def save(found: ChordVectors, file: Path) -> None:
    """Single precision, with the words they belong to."""
    file.parent.mkdir(parents=True, exist_ok=True)
    tensors = {"vectors": found.vectors, "contexts": found.contexts}
    save_file(
        {k: t.astype(np.float32) for k, t in tensors.items()}, file, {"words": " ".join(WORDS)}
    )


def load(file: Path) -> ChordVectors:
    """What ``save`` wrote. MusicError if it is missing, damaged or of other words."""
    again = "make it with `python -m music.training.chords`"
    try:
        with safe_open(file, "numpy") as opened:
            if (opened.metadata() or {}).get("words") != " ".join(WORDS):
                raise MusicError(f"{file} holds no vectors of this version's chords; {again}.")
            vectors, contexts = (
                opened.get_tensor(name).astype(np.float64) for name in ("vectors", "contexts")
            )
    except OSError as error:
        raise MusicError(f"No chord vectors at {file}; {again}.") from error
    except SafetensorError as error:
        raise MusicError(f"{file} is no file of chord vectors or is damaged; {again}.") from error
    right = vectors.ndim == 2 and vectors.shape == contexts.shape and len(vectors) == len(WORDS)
    if not right or not np.isfinite(vectors).all() or not np.isfinite(contexts).all():
        raise MusicError(f"{file} holds chord vectors that are not {len(WORDS)} finite rows.")
    return ChordVectors(vectors, contexts)


def unit(rows: Floats) -> Floats:
    """Rows of length one; zero stays zero."""
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=-1, keepdims=True), 1e-12))


@torch.no_grad()
def initialise(model: Network, file: Path, seed: int = 0) -> None:
    """Chord tokens of an untrained ``model`` start from the vectors in ``file``.

    Centred, turned into the model's width by a random orthogonal map (cosines stay) and scaled so
    that each row has the rms the model gave its chords; other rows, and chords that never
    occurred, stay as they are. MusicError if the file does not fit.
    """
    found = load(file)
    heard: Sequence[int] = np.flatnonzero(found.heard).tolist()
    rows = found.vectors[heard]
    directions = torch.from_numpy(unit(rows - rows.mean(axis=0))).float()
    weight: Tensor = model.embed.weight
    generator = torch.Generator().manual_seed(seed)
    turn = nn.init.orthogonal_(
        torch.empty(directions.shape[1], weight.shape[1]), generator=generator
    )
    placed = nn.functional.normalize(directions @ turn, dim=1).to(weight)
    rms = weight[v.CHORD.start : v.CHORD.stop].square().mean().sqrt()
    weight[[v.CHORD.id(i) for i in heard]] = placed * rms * weight.shape[1] ** 0.5
