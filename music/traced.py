"""A network whose cached forward is recorded once and replayed without Python, for live play.

A token is some three hundred small products and sums; to send them off one by one from Python is a
third of its time. ``torch.jit.trace`` keeps what was sent off for one position as a program of
torch's own, which gives the same but for rounding. Torch would rather have ``torch.compile``, but
that needs a C++ compiler where the music is played; where torch traces no more (Python 3.14), the
network plays as it is. What it gains: `emocapsule evaluate music --only speed`.
"""

from __future__ import annotations

import copy
import sys
import warnings
from collections.abc import Callable, Sequence
from typing import Any, cast

import torch
from torch import Tensor

from music.cache import Place
from music.conditioning import Context
from music.guidance import ROWS, STEADY
from music.inputs import Inputs
from music.model import Heard, MusicModel

States = Callable[..., Tensor]
TOO_NEW = (3, 14)  # Python for which torch says that a trace may break
REHEARSALS = 2  # runs in which torch still improves a program


def traced(model: MusicModel) -> MusicModel:
    """A copy to play with, its cached forward of one past as a composer asks about it recorded;
    the model itself where it does not take one past or torch does not record.

    It cannot be trained, saved or moved.
    """
    if not (model.shares_past and sys.version_info < TOO_NEW and hasattr(torch.jit, "trace")):
        return model
    model = copy.deepcopy(model).requires_grad_(False)
    programs = {count: _program(model, count) for count in (1, STEADY, ROWS)}
    plain = model.states

    def states(
        inputs: Inputs,
        z: Tensor,
        heard: Heard,
        mask: Tensor | None,
        places: Sequence[Place | None],
    ) -> Tensor:
        program = programs.get(len(z))
        if program is None or places[0] is None or len(places[0].key) != 1:
            return plain(inputs, z, heard, mask, places)
        return program(*_flat(inputs, z, heard, mask, cast(Sequence[Place], places)))

    model.states = states  # type: ignore[method-assign]
    return model


def _program(model: MusicModel, rows: int) -> States:
    """``model.states`` of ``rows`` askings of one past: flat arguments in, states out."""
    cache = model.new_cache(batch=1, rewind=0)
    one = torch.zeros(rows, 1, dtype=torch.float64)
    mixture = torch.full((rows, 1, 4), 0.25)
    inputs = Inputs(one.long(), one, one, one, mixture, one)
    z = torch.zeros(rows, 1, model.config.latent)
    with torch.inference_mode(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it is deprecated, and of shapes, which stay
        heard = model.hear(inputs)
        places, mask = cache.open(rows)
        told = len(heard[1][0])
        own = model.states

        def flat(*parts: Tensor) -> Tensor:
            return own(*_folded(parts, told, mask is not None))

        program = torch.jit.trace(  # type: ignore[no-untyped-call]
            flat, _flat(inputs, z, heard, mask, places), check_trace=False
        )
        for _ in range(REHEARSALS):
            program(*_flat(inputs, z, heard, mask, places))
            cache.advance()
            places, mask = cache.open(rows)
    return cast(States, program)


def _flat(
    inputs: Inputs, z: Tensor, heard: Heard, mask: Tensor | None, places: Sequence[Place]
) -> tuple[Tensor, ...]:
    context, told = heard
    layers = [part for own, place in zip(told, places, strict=True) for part in (*place, *own)]
    return (*inputs, z, *context, *([] if mask is None else [mask]), *layers)


def _folded(parts: Sequence[Tensor], told: int, masked: bool) -> tuple[Any, ...]:
    """``_flat`` undone; ``told``: tensors that each layer is told."""
    rest = iter(parts)

    def take(count: int) -> list[Tensor]:
        return [next(rest) for _ in range(count)]

    inputs, (z,), context = Inputs(*take(len(Inputs._fields))), take(1), Context(*take(2))
    mask = next(rest) if masked else None
    places, layers = [], []
    for own in rest:
        places.append(Place(own, *take(len(Place._fields) - 1)))
        layers.append(tuple(take(told)))
    return inputs, z, (context, layers), mask, places
