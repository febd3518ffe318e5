"""How well the model predicts songs it never saw, and what condition and latent are worth to it.

``python -m music.evaluation.likelihood`` prints nats per note on held-out EMOPIA songs, each figure
with an interval over songs and beside a bigram and a unigram: with the right condition, with the
other three (their mean), with the opposite one and with none; with latents from the posterior, the
prior and another bar. "Right" conditions are the labels as corners of the plane.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from music import vocabulary as v
from music.conditioning import QUADRANTS
from music.corpus.crops import Row
from music.corpus.dataset import Piece, load
from music.evaluation.bounds import ACTIVE_NATS, Bound, batch_of, bound
from music.evaluation.following import emopia
from music.evaluation.intervals import Figure, figure, shown
from music.latent import spread
from music.network import Network
from music.store import WEIGHTS, load_model
from music.training.loop import faster_precision
from music.training.objective import sampled_prior_nll, token_nll

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
MAX_TOKENS = 640  # a piece is scored in stretches of at most so many, each from a bar
SAMPLES = 16
RIGHT, OTHERS, OPPOSITE, NONE = "right", "the other three", "opposite", "none"
PRIOR, POSTERIOR, SHUFFLED = "prior z", "posterior z", "another bar's z"


def stretches(pieces: Sequence[Piece]) -> list[tuple[Piece, Ints]]:
    """Every piece cut at bars into stretches of at most MAX_TOKENS."""
    out = []
    for piece in pieces:
        bars, start = np.flatnonzero(piece.tokens == v.BAR), 0
        while start < len(piece.tokens):
            ends = bars[(bars > start) & (bars <= start + MAX_TOKENS)]
            rest = len(piece.tokens) - start
            stop = len(piece.tokens) if rest <= MAX_TOKENS or not len(ends) else int(ends[-1])
            out.append((piece, piece.tokens[start:stop][:MAX_TOKENS]))
            start = stop
    return out


def scored(tokens: Ints) -> npt.NDArray[np.bool_]:
    """(T - 1,) which next tokens are scored: all but the latent's place."""
    return np.asarray(tokens[1:] != v.LATENT)


def notes_in(tokens: Ints) -> int:
    """Notes among the scored tokens."""
    return int(((tokens[1:] >= v.PITCH.start) & (tokens[1:] < v.PITCH.stop)).sum())


class Bigram:
    """Counts of token pairs, smoothed towards the unigram: p(b|a) = (n_ab + α·p(b)) / (n_a + α)."""

    def __init__(self, pieces: Sequence[Piece], alpha: float) -> None:
        pairs = np.zeros((v.SIZE, v.SIZE))
        for piece in pieces:
            np.add.at(pairs, (piece.tokens[:-1], piece.tokens[1:]), 1.0)
        self.unigram = (pairs.sum(0) + 0.1) / (pairs.sum() + 0.1 * v.SIZE)
        self.table = (pairs + alpha * self.unigram) / (pairs.sum(1, keepdims=True) + alpha)

    def nll(self, tokens: Ints) -> tuple[float, float]:
        """Summed nats of the scored tokens under the bigram and the unigram."""
        a, b = tokens[:-1][scored(tokens)], tokens[1:][scored(tokens)]
        return float(-np.log(self.table[a, b]).sum()), float(-np.log(self.unigram[b]).sum())


@dataclass(frozen=True)
class Scored:
    """One stretch under everything it is scored with: nats, and what is known of its latents."""

    song: str
    notes: int
    tokens: int
    nats: dict[str, float]
    right: Bound


def score(model: Network, piece: Piece, tokens: Ints, samples: int, seed: int) -> Scored:
    """A stretch with each condition, on the same noise, and with the latents from elsewhere."""

    def noise() -> torch.Generator:
        return torch.Generator().manual_seed(seed)

    def row(q: int, null: bool = False) -> Row:
        mixture = np.tile(np.eye(QUADRANTS)[q], (len(tokens), 1))
        return Row(tokens, mixture, null, piece.source.has_pedal)

    def bounds(q: int, null: bool = False) -> Bound:
        return bound(model, row(q, null), samples, noise())

    q = piece.source.quadrant or 0
    each = [bounds(other) for other in range(QUADRANTS)]
    nats = {
        RIGHT: each[q].iwae,
        OTHERS: float(np.mean([each[other].iwae for other in range(QUADRANTS) if other != q])),
        OPPOSITE: each[(q + 2) % QUADRANTS].iwae,
        NONE: bounds(q, null=True).iwae,
    }
    if model.config.latent:
        nats |= {"ELBO, right": each[q].elbo} | _latents(model, row(q), noise())
    return Scored(piece.source.song, notes_in(tokens), int(scored(tokens).sum()), nats, each[q])


def _latents(model: Network, row: Row, generator: torch.Generator) -> dict[str, float]:
    """Nats of the tokens alone with latents of three kinds, under the right condition."""
    batch = batch_of(row)
    tokens = batch.inputs.tokens
    noise = torch.randn(1, len(row.tokens), model.config.latent, generator=generator)
    posterior = model.infer(batch.inputs).sample(noise)
    at_bar = (tokens == v.BAR)[0].nonzero()[:, 0]
    shuffled = posterior.clone()
    shuffled[:, at_bar] = posterior[:, at_bar.roll(1)]

    def nll(z: torch.Tensor) -> float:
        return float(token_nll(model, model(batch.inputs, spread(z, tokens)), batch).sum())

    drawn = float(sampled_prior_nll(model, batch, noise).sum())
    return {POSTERIOR: nll(posterior), PRIOR: drawn, SHUFFLED: nll(shuffled)}


def likelihood(
    model: Network,
    train: Sequence[Piece],
    held_out: Sequence[Piece],
    samples: int = SAMPLES,
    precision: torch.dtype = torch.float32,
    seed: int = 0,
) -> dict[str, Any]:
    """Nats per note of ``held_out`` and differences of them, with intervals over songs.

    ``precision`` is that of the products; sums of nats are always in float64.
    """
    bigram = Bigram(train, alpha=20.0)
    rows = []
    for number, (piece, tokens) in enumerate(stretches(held_out)):
        with torch.no_grad(), torch.autocast("cpu", precision, enabled=precision != torch.float32):
            row = score(model, piece, tokens, samples, seed + number)
        row.nats.update(zip(("bigram", "unigram"), bigram.nll(tokens), strict=True))
        rows.append(row)
    songs, notes = np.array([r.song for r in rows]), np.array([r.notes for r in rows])
    nats = {name: np.array([r.nats[name] for r in rows]) for name in rows[0].nats}
    return {
        "samples": samples if model.config.latent else 0,
        "precision": str(precision).removeprefix("torch."),
        "songs": len(set(songs)),
        "notes": int(notes.sum()),
        "tokens": sum(r.tokens for r in rows),
        "nats_per_note": {name: _per_note(sums, notes, songs) for name, sums in nats.items()},
        "worth_per_note": {
            name: _per_note(nats[more] - nats[less], notes, songs)
            for name, more, less in WORTH
            if more in nats and less in nats
        },
    } | _kl(rows)


WORTH = (  # what is gained by having the second instead of the first
    ("right condition over none", NONE, RIGHT),
    ("right condition over the other three", OTHERS, RIGHT),
    ("right condition over the opposite", OPPOSITE, RIGHT),
    ("posterior z over prior z", PRIOR, POSTERIOR),
    ("prior z over another bar's z", SHUFFLED, PRIOR),
)


def _per_note(sums: Floats, notes: Ints, songs: npt.NDArray[np.str_]) -> Figure:
    pairs = np.stack([sums, notes], axis=1)
    return figure(pairs, lambda some: float(some[:, 0].sum() / some[:, 1].sum()), songs)


def _kl(rows: Sequence[Scored]) -> dict[str, Any]:
    """Mean KL of posterior from prior in each dimension, over bars; none without latents."""
    bars = sum(row.right.bars for row in rows)
    if not bars:
        return {"kl": [], "active": 0}
    kl = np.sum([row.right.kl for row in rows], axis=0) / bars
    return {"kl": kl.tolist(), "active": int((kl > ACTIVE_NATS).sum())}


def bound_of(name: str, samples: int) -> str:
    """What a figure is, in a word."""
    if name in ("bigram", "unigram") or not samples:
        return "exact"
    if name in (POSTERIOR, SHUFFLED):
        return "no bound: z has read the bar" if name == POSTERIOR else "no bound"
    if name == PRIOR:
        return "upper bound: one z from the prior"
    return "upper bound: ELBO" if name.startswith("ELBO") else f"upper bound: IWAE, K = {samples}"


def main(argv: list[str] | None = None, say: Callable[[str], None] = print) -> int:
    """``python -m music.evaluation.likelihood``."""
    name = "python -m music.evaluation.likelihood"
    parser = argparse.ArgumentParser(prog=name, description=__doc__)
    parser.add_argument("--tokens", type=Path, default=Path("data/music"), help="from `prepare`")
    parser.add_argument("--weights", type=Path, default=WEIGHTS)
    parser.add_argument("--split", choices=("valid", "test"), default="valid")
    parser.add_argument("--samples", type=int, default=SAMPLES, help="K of the IWAE bound")
    parser.add_argument("--limit", type=int, help="only the first N held-out pieces, for a trial")
    args = parser.parse_args(argv)
    torch.set_num_threads(1)
    model, pieces = load_model(args.weights), load(args.tokens)
    held_out = emopia(pieces, args.split)[: args.limit]
    train = emopia(pieces, "train")
    found = likelihood(model, train, held_out, args.samples, faster_precision(1))
    say(f"EMOPIA {args.split}: {found['songs']} songs, {found['notes']} notes")
    for row, one in found["nats_per_note"].items():
        say(f"{row:20} {shown(one, 3)} nats/note  {bound_of(row, found['samples'])}")
    for row, one in found["worth_per_note"].items():
        say(f"{row:40} {shown(one, 4)}")
    say(f"KL {' '.join(f'{x:.2f}' for x in found['kl'])} nats a bar; {found['active']} active")
    say(json.dumps({"split": args.split, "likelihood": found}))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
