"""Many clips at once on one core: the composer's music, a batch of rows to a step.

Every request has its own grammar, seed, latent and course of conditions; all share one cache, so
all stand at the same token. Unlike the composer, every step asks in all rows. A request that has
its seconds gives its place in the batch to the last one. Random numbers are those of ``Composer``:
its token for a seed and a condition is ours.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from music import energy, guidance, key, limits
from music import sampling as choosing
from music import vocabulary as v
from music.evaluation.request import Clip, Length, Player, Request, version_of
from music.guidance import ROWS, STEADY, rows_of, strengths_of
from music.inputs import Inputs
from music.key import home
from music.latent import Gaussian
from music.network import Network
from music.sampling import Sampling, choose

Latent = Literal["draw", "mean"]


def played_by() -> str:
    """A name for the code that chooses tokens: what was made by another is made anew."""
    return version_of(energy, guidance, key, limits, choosing)


def width_of(request: Request) -> int:
    """Rows of the batch for one request: its condition alone where no guidance weighs it, and what
    pulls only where there are turns.
    """
    guided = (c.probabilities is not None and c.strength != 1.0 for _, c in request.schedule)
    if not any(guided):
        return 1
    return ROWS if len(request.schedule) > 1 else STEADY


def play(
    model: Network,
    requests: Sequence[Request],
    seconds: float | Length,
    sampling: Sampling | None = None,
    rows: int = 64,
    latent: Latent = "draw",
    precision: torch.dtype = torch.float32,
) -> list[Clip]:
    """The clips of ``requests``, in their order, ``rows`` of them at a time.

    Parameters
    ----------
    seconds : how long each clip is to be
    rows : requests in one batch
    latent : draw each bar's latent from the prior, or take the prior's mean
    precision : of products and of the cache; only float32 is the composer's music token by token
    """
    sampling = sampling or Sampling()
    length = seconds if isinstance(seconds, Length) else Length(seconds)
    clips: list[Clip | None] = [None] * len(requests)
    for width in (1, STEADY, ROWS):
        chosen = [i for i, r in enumerate(requests) if width_of(r) == width]
        for start in range(0, len(chosen), rows):
            block = chosen[start : start + rows]
            ensemble = Ensemble(model, [requests[i] for i in block], sampling, latent, precision)
            for place, clip in ensemble.play(length):
                clips[block[place]] = clip
    return [clip for clip in clips if clip is not None]


class Ensemble:
    """Requests stepped together, all in as many rows as any of them needs."""

    def __init__(
        self,
        model: Network,
        requests: Sequence[Request],
        sampling: Sampling,
        latent: Latent = "draw",
        precision: torch.dtype = torch.float32,
    ) -> None:
        self.model, self.sampling, self.latent = model.eval(), sampling, latent
        self.width = max(width_of(request) for request in requests)
        self.players = [Player.start(request) for request in requests]
        self.numbers = list(range(len(requests)))  # which request each player has
        self.device = next(model.parameters()).device
        self.pasts = 1 if model.shares_past else self.width  # of each request, in the cache
        self.cache = model.new_cache(len(requests) * self.pasts, rewind=0)
        self.cache.to(self.device, precision)
        self.precision = precision
        self.z = torch.zeros(len(requests), model.config.latent, device=self.device)

    def play(self, length: Length) -> Iterator[tuple[int, Clip]]:
        """Each request's number and clip, as they are done."""
        while self.players:
            self.step()
            for at in reversed(range(len(self.players))):
                if self.players[at].is_done(length):
                    yield self.numbers[at], self.players[at].clip(length)
                    self._drop(at)

    def step(self) -> None:
        """One more token for everyone."""
        reduced = self.precision != torch.float32
        with (
            torch.inference_mode(),
            torch.autocast(self.device.type, self.precision, enabled=reduced),
        ):
            self._step()

    def _step(self) -> None:
        for player in self.players:
            player.heed()
        inputs, at_bar = self._inputs(), [p.tokens[-1] == v.BAR for p in self.players]
        heard = self.z.masked_fill(torch.tensor(at_bar, device=self.device)[:, None], 0.0)
        z = heard.repeat_interleave(self.width, dim=0)[:, None]
        state = self.model(inputs, z, self.cache)[:, 0]
        logits = self.model.logits(state).cpu().numpy().reshape(len(self.players), self.width, -1)
        if self.model.config.latent and any(at_bar):
            self._draw_latents([at for at, bar in enumerate(at_bar) if bar], state, inputs)
        for player, scores, bar in zip(self.players, logits, at_bar, strict=True):
            if bar:
                player.push(v.LATENT)
                continue
            mask = limits.playable(player.grammar, player.memory)
            tones = home(player.memory.classes)
            strengths = strengths_of(player.condition, player.pull)
            player.push(choose(scores, strengths, mask, self.sampling, player.dice(), tones))

    def _inputs(self) -> Inputs:
        told = [row for p in self.players for row in rows_of(p.condition, p.pull)[: self.width]]

        def column(values: list[float], kind: torch.dtype) -> Tensor:
            each = torch.tensor(values, dtype=kind).repeat_interleave(self.width)
            return each[:, None].to(self.device)

        fed = float(self.cache.position)
        return Inputs(
            tokens=column([p.tokens[-1] for p in self.players], torch.int64),
            place=column([fed] * len(self.players), torch.float64),
            bar=column([p.grammar.bar for p in self.players], torch.float64),
            metre=column([p.grammar.metre_beats for p in self.players], torch.float64),
            p=torch.tensor([[mixture] for mixture, _ in told], device=self.device),
            null=torch.tensor([[null] for _, null in told], device=self.device),
        )

    def _draw_latents(self, players: list[int], state: Tensor, inputs: Inputs) -> None:
        first = [at * self.width for at in players]
        heard = Inputs(*(part[first] for part in inputs))
        prior = self.model.prior_of(state[first][:, None], heard)
        prior = Gaussian(*(part[:, 0].float() for part in prior))
        if self.latent == "mean":
            self.z[players] = prior.mean
            return
        size = self.model.config.latent
        noise = np.stack([self.players[at].dice().standard_normal(size) for at in players])
        self.z[players] = prior.sample(torch.from_numpy(noise).float().to(self.device))

    def _drop(self, at: int) -> None:
        """The last player takes the place of the one that is done; the batch is one shorter."""
        last = len(self.players) - 1
        if at != last:
            self.players[at], self.numbers[at] = self.players[last], self.numbers[last]
            self.z[at] = self.z[last]
            self.cache.move(last * self.pasts, at * self.pasts, self.pasts)
        del self.players[last], self.numbers[last]
        self.z = self.z[:last]
        self.cache.truncate(last * self.pasts)
