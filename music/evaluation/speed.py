"""How fast one thread plays, as it does live: one clip, guidance on, token after token; and what
its weights in 8 bits cost.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from music.composer import Composer
from music.condition import Condition
from music.conditioning import QUADRANTS
from music.corpus.crops import Batch, Row
from music.corpus.dataset import Piece
from music.errors import MusicError
from music.evaluation.bounds import batch_of
from music.evaluation.following import quadrant
from music.evaluation.intervals import percentile
from music.evaluation.likelihood import stretches
from music.evaluation.request import MAX_TOKENS_PER_S
from music.events import Bar, Note
from music.latent import spread
from music.model import MusicModel
from music.sampling import Sampling
from music.training.objective import token_nll

Floats = npt.NDArray[np.float64]
BUSIEST = 1  # Q2, the quadrant with most notes a second in the data
OPPOSITE = 3
WARM_UP_TOKENS = 32


class Timed(NamedTuple):
    """One piece and the work it took."""

    seconds: float  # of music
    notes: int
    token_s: list[float]  # of work
    bars: Floats  # music over work of each but the last


def speed(
    model: MusicModel,
    sampling: Sampling,
    strength: float,
    seconds: float = 60.0,
    pieces: int = 4,
    turning: bool = False,
) -> dict[str, Any]:
    """Decoding in the busiest quadrant: times real time and milliseconds a token.

    ``pieces``, each of so many seconds, with seeds from 0 on: how dense one happens to be says half
    of how fast it is. ``turning``: every other beat asks for the opposite, so that the music is
    never where it was asked for and guidance asks in all its rows at nearly every token.
    ``times_real_time`` is music over work for the whole, ``each_piece`` the same of each;
    ``each_bar`` holds the slowest, fifth percentile and median of single bars.
    """
    condition = quadrant(BUSIEST, strength)
    course = (condition, quadrant(OPPOSITE, strength) if turning else condition)
    warm = Composer(model, pieces, sampling)
    for _ in range(WARM_UP_TOKENS):
        warm.step(condition)
    timed = [_timed(Composer(model, seed, sampling), course, seconds) for seed in range(pieces)]
    music_s = sum(one.seconds for one in timed)
    token_s = [each for one in timed for each in one.token_s]
    bars = np.concatenate([one.bars for one in timed])
    return {
        "quadrant": BUSIEST,
        "strength": strength,
        "seconds": music_s,
        "tokens_per_s_of_music": len(token_s) / music_s,
        "notes_per_s_of_music": sum(one.notes for one in timed) / music_s,
        "times_real_time": music_s / sum(token_s),
        "each_piece": [one.seconds / sum(one.token_s) for one in timed],
        "each_bar": {
            "slowest": float(bars.min()),
            "p5": percentile(bars, 5),
            "median": percentile(bars, 50),
        },
        "token_ms": {f"p{q}": float(np.percentile(token_s, q) * 1e3) for q in (50, 95, 99)},
    }


def _timed(composer: Composer, course: tuple[Condition, Condition], seconds: float) -> Timed:
    """A piece whose condition is another in every other beat."""
    notes, token_s = 0, list[float]()
    begins_s, work_s = list[float](), list[float]()  # of each bar
    while composer.horizon_s < seconds and len(token_s) < MAX_TOKENS_PER_S * seconds:
        start = time.perf_counter()
        events = composer.step(course[int(composer.horizon_beats) % 2])
        token_s.append(time.perf_counter() - start)
        if any(isinstance(event, Bar) for event in events):
            begins_s.append(composer.horizon_s if composer.tokens_chosen > 2 else 0.0)
            work_s.append(0.0)
        work_s[-1] += token_s[-1]
        notes += sum(isinstance(event, Note) for event in events)
    if len(begins_s) < 2:
        raise MusicError(f"No bar ended in {seconds:g} s of music; give more.")
    bars = np.diff(begins_s) / np.array(work_s[:-1])
    return Timed(composer.horizon_s, notes, token_s, bars)


@torch.inference_mode()
def cost(model: MusicModel, live: MusicModel, pieces: Sequence[Piece]) -> dict[str, Any]:
    """Nats a token on labelled ``pieces`` of a model and of the same as it plays, and how far what
    they expect lies apart: KL in nats a token, beside that of the model with bfloat16 products.

    Latents are the posterior's means.
    """
    sums, tokens = np.zeros(4), 0
    for piece, heard in stretches(pieces):
        mixture = np.tile(np.eye(QUADRANTS)[piece.source.quadrant or 0], (len(heard), 1))
        batch = batch_of(Row(heard, mixture, False, piece.source.has_pedal))
        z = spread(model.infer(batch.inputs).mean, batch.inputs.tokens)
        here = batch.targets[0] >= 0
        full, nats = _expected(model, batch, z)
        ours, our_nats = _expected(live, batch, z)
        with torch.autocast("cpu", torch.bfloat16):
            half, _ = _expected(model, batch, z)
        apart = [((full.exp() * (full - other)).sum(-1)[here]).sum() for other in (ours, half)]
        sums += [float(x) for x in (nats, our_nats, *apart)]
        tokens += int(here.sum())
    names = ("float32", "compact", "kl", "kl_bfloat16")
    return {"tokens": tokens} | dict(zip(names, (sums / tokens).tolist(), strict=True))


def _expected(model: MusicModel, batch: Batch, z: Tensor) -> tuple[Tensor, Tensor]:
    """Log probabilities (T, V) of a batch of one, and the nats of what came, summed."""
    states = model(batch.inputs, z)
    return model.logits(states)[0].log_softmax(-1), token_nll(model, states, batch).sum()
