"""How well the music model predicts songs it never saw, and whether it follows the emotion.

``python -m music.evaluation.likelihood`` prints two tables: nats per token and per note on EMOPIA
songs beside a bigram and a unigram, with the right, no and a wrong condition and with the latent
from the posterior, the prior and another bar; and plain statistics of generated clips per quadrant beside
real held-out ones.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from music import vocabulary as v
from music.composer import Composer
from music.condition import Condition
from music.conditioning import QUADRANTS
from music.corpus.crops import Batch, Row, collate
from music.corpus.dataset import Piece, load
from music.errors import MusicError
from music.events import Event, Note, Tempo, TempoMap
from music.grammar import decode
from music.latent import spread
from music.model import MusicModel
from music.sampling import Sampling
from music.store import WEIGHTS, load_model
from music.training.objective import evaluate_terms, sampled_prior_nll, token_nll

Floats = npt.NDArray[np.float64]
MAX_TOKENS = 640  # a piece is scored in stretches of at most so many, each from a bar


def stretches(pieces: list[Piece]) -> list[tuple[Piece, npt.NDArray[np.int64]]]:
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


def scored(tokens: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """(T - 1,) which next tokens are scored: all but the latent's place."""
    return np.asarray(tokens[1:] != v.LATENT)


class Bigram:
    """Counts of token pairs, smoothed towards the unigram: p(b|a) = (n_ab + α·p(b)) / (n_a + α)."""

    def __init__(self, pieces: list[Piece], alpha: float) -> None:
        pairs = np.zeros((v.SIZE, v.SIZE))
        for piece in pieces:
            np.add.at(pairs, (piece.tokens[:-1], piece.tokens[1:]), 1.0)
        self.unigram = (pairs.sum(0) + 0.1) / (pairs.sum() + 0.1 * v.SIZE)
        self.table = (pairs + alpha * self.unigram) / (pairs.sum(1, keepdims=True) + alpha)

    def nll(self, tokens: npt.NDArray[np.int64]) -> tuple[float, float]:
        """Summed nats of the scored tokens under the bigram and the unigram."""
        a, b = tokens[:-1][scored(tokens)], tokens[1:][scored(tokens)]
        return float(-np.log(self.table[a, b]).sum()), float(-np.log(self.unigram[b]).sum())


def likelihood(model: MusicModel, train: list[Piece], held_out: list[Piece]) -> dict[str, float]:
    """Nats per token on ``held_out``; model rows with sampled latents are upper bounds."""
    parts = stretches(held_out)
    count = sum(int(scored(tokens).sum()) for _, tokens in parts)
    notes = sum(int(((t[1:] >= v.PITCH.start) & (t[1:] < v.PITCH.stop)).sum()) for _, t in parts)
    bigram = Bigram(train, alpha=20.0)
    sums = {"bigram": 0.0, "unigram": 0.0}
    generator = torch.Generator().manual_seed(0)
    for piece, tokens in parts:
        for name, nats in zip(("bigram", "unigram"), bigram.nll(tokens), strict=True):
            sums[name] += nats
        for name, nats in _model_nll(model, piece, tokens, generator).items():
            sums[name] = sums.get(name, 0.0) + nats
    table = {name: nats / count for name, nats in sums.items()}
    return table | {"tokens": count, "notes": notes, "tokens_per_note": count / notes}


@torch.no_grad()
def _model_nll(
    model: MusicModel, piece: Piece, tokens: npt.NDArray[np.int64], generator: torch.Generator
) -> dict[str, float]:
    quadrant = piece.source.quadrant or 0
    noise = torch.randn(1, len(tokens), model.config.latent, generator=generator)

    def batch(q: int, null: bool = False) -> Batch:
        p = np.tile(np.eye(QUADRANTS)[q], (len(tokens), 1))
        return collate([Row(tokens, p, null, piece.source.has_pedal)], len(tokens))

    right = batch(quadrant)
    wrong = batch((quadrant + 2) % QUADRANTS)  # the opposite corner of the plane
    terms = evaluate_terms(model, right, noise)
    posterior = model.infer(right.inputs).sample(noise)
    at_bar = (right.inputs.tokens == v.BAR)[0].nonzero()[:, 0]
    shuffled = posterior.clone()
    shuffled[:, at_bar] = posterior[:, at_bar.roll(1)]
    states = model(right.inputs, spread(shuffled, right.inputs.tokens))
    return {
        "posterior z (no bound: it has read the bar)": float(terms.nll),
        "ELBO: posterior z + KL": float(terms.nll + terms.kl.sum() * terms.bars),
        "prior z, right condition": float(sampled_prior_nll(model, right, noise).sum()),
        "prior z, no condition": float(
            sampled_prior_nll(model, batch(quadrant, True), noise).sum()
        ),
        "prior z, opposite condition": float(sampled_prior_nll(model, wrong, noise).sum()),
        "another bar's posterior z": float(token_nll(model, states, right).sum()),
    }


def generate(composer: Composer, condition: Condition, seconds: float) -> list[Event]:
    """Events of the first ``seconds`` of music under one condition."""
    events: list[Event] = []
    while composer.horizon_s < seconds and composer.tokens_chosen < 400 * seconds:
        events += composer.step(condition)
    return [e for e in events if composer.tempo_map.seconds(e.onset_beats) < seconds]


def describe(events: list[Event]) -> dict[str, float]:
    """Plain statistics of a clip: what a listener would notice first."""
    tempo_map, notes = TempoMap(), [e for e in events if isinstance(e, Note)]
    for event in events:
        if isinstance(event, Tempo):
            tempo_map.push(event)
    if len(notes) < 2:
        raise MusicError("A clip with fewer than two notes cannot be described.")
    span = tempo_map.seconds(notes[-1].onset_beats) - tempo_map.seconds(notes[0].onset_beats)
    classes = np.array([n.pitch % 12 for n in notes])
    lengths = np.array([n.duration_beats for n in notes])
    chroma = np.asarray(np.bincount(classes, lengths, minlength=12), dtype=np.float64)
    return {
        "notes_per_s": len(notes) / max(span, 1e-3),
        "velocity": float(np.mean([n.velocity for n in notes])),
        "pitch": float(np.mean([n.pitch for n in notes])),
        "pitch_range": float(np.ptp([n.pitch for n in notes])),
        "majorness": _majorness(chroma),
    }


# Krumhansl & Kessler 1982, probe-tone profiles of C major and C minor
_MAJOR = np.array([6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88])
_MINOR = np.array([6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17])


def _majorness(chroma: Floats) -> float:
    """Best correlation with a major key's profile less that with a minor key's."""

    def best(profile: Floats) -> float:
        return max(float(np.corrcoef(chroma, np.roll(profile, k))[0, 1]) for k in range(12))

    return best(_MAJOR) - best(_MINOR)


def following(
    model: MusicModel, held_out: list[Piece], clips: int, strengths: list[float], seconds: float
) -> list[dict[str, object]]:
    """Mean statistics per quadrant: real held-out clips, then generated ones at each strength."""
    rows: list[dict[str, object]] = []

    def add(kind: str, quadrant: int, found: list[dict[str, float]]) -> None:
        if not found:  # a trial with few pieces may hold none of a quadrant
            return
        means = {key: round(float(np.mean([f[key] for f in found])), 2) for key in found[0]}
        rows.append({"clips": kind, "quadrant": f"Q{quadrant + 1}", "n": len(found)} | means)

    for quadrant in range(QUADRANTS):
        real = [p for p in held_out if p.source.quadrant == quadrant]
        add("real held-out", quadrant, [describe(decode(p.tokens)) for p in real])
    for strength in strengths:
        for quadrant in range(QUADRANTS):
            probabilities = (*(float(q == quadrant) for q in range(QUADRANTS)),)
            condition = Condition(probabilities, strength)  # type: ignore[arg-type]
            found = [
                describe(generate(Composer(model, seed, Sampling()), condition, seconds))
                for seed in range(clips)
            ]
            add(f"generated, strength {strength:g}", quadrant, found)
    return rows


def main(argv: list[str] | None = None, say: Callable[[str], None] = print) -> int:
    """``python -m music.evaluation.likelihood``."""
    name = "python -m music.evaluation.likelihood"
    parser = argparse.ArgumentParser(prog=name, description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("data/music"), help="from `prepare`")
    parser.add_argument("--weights", type=Path, default=WEIGHTS)
    parser.add_argument("--split", choices=("valid", "test"), default="valid")
    parser.add_argument(
        "--clips", type=int, default=4, help="generated clips per quadrant, 0: none"
    )
    parser.add_argument("--strengths", type=float, nargs="+", default=[1.0, 3.0])
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--limit", type=int, help="only the first N held-out pieces, for a trial")
    args = parser.parse_args(argv)
    torch.set_num_threads(1)
    model, pieces = load_model(args.weights), load(args.data)
    emopia = [p for p in pieces if p.source.dataset == "emopia"]
    train = [p for p in emopia if p.source.split == "train"]
    held_out = [p for p in emopia if p.source.split == args.split][: args.limit]
    table = likelihood(model, train, held_out)
    ratio = table["tokens_per_note"]
    say(f"EMOPIA {args.split}: {len(held_out)} pieces, {table['notes']:.0f} notes")
    say(f"{'':46} nats/token  nats/note")
    for name, nats in sorted(table.items(), key=lambda item: -item[1]):
        if name not in ("tokens", "notes", "tokens_per_note"):
            say(f"{name:46} {nats:10.3f} {nats * ratio:10.2f}")
    rows = (
        following(model, held_out, args.clips, args.strengths, args.seconds) if args.clips else []
    )
    for row in rows:
        say("  ".join(f"{key} {value}" for key, value in row.items()))
    say(json.dumps({"split": args.split, "nats_per_token": table, "clips": rows}))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
