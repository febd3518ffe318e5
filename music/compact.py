"""Weights in 8 bits for live play: a token's time is spent on fetching weights, not on arithmetic.

Weights alone, one scale a row (weight-only quantisation, as LLM.int8's vector-wise scheme, Dettmers
et al. 2022, without its outliers); activations are rounded to bfloat16 on the way in. What it costs
in nats and gains in time stands in the report, `emocapsule evaluate music --only speed`.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from music.model import MusicModel

LARGE = ("qkv", "out", "up", "down")  # of a block's layers
INNER = "up"  # what it gives goes to another of them, so it may stay as it comes
LARGEST = 127
SUITED = ("AVX2", "AVX512")  # where torch has fast products of these; elsewhere they are slower


class CompactLinear:
    """A linear layer (..., I) to (..., O) without bias: weights (O, I) in 8 bits, scales (O,).

    No module: at this size the calls that one makes around its forward are a tenth of a token.
    """

    def __init__(self, layer: nn.Linear, gives: torch.dtype = torch.float32) -> None:
        weight = layer.weight.detach()
        scale = (weight.abs().amax(dim=1) / LARGEST).clamp_min(1e-12).bfloat16()
        rounded = (weight / scale[:, None]).round().clamp(-LARGEST, LARGEST)
        self.weight, self.scale, self.width = rounded.to(torch.int8), scale, len(scale)
        self.gives = gives

    def __call__(self, x: Tensor) -> Tensor:
        rows = x.reshape(-1, x.shape[-1]).bfloat16()
        out = torch._weight_int8pack_mm(rows, self.weight, self.scale)
        return out.to(self.gives).view(*x.shape[:-1], self.width)


def compact(model: MusicModel) -> MusicModel:
    """A copy to play with, its large layers in 8 bits; the model itself where that gains nothing.

    It cannot be trained or saved.
    """
    if torch.backends.cpu.get_cpu_capability() not in SUITED:
        return model
    model = copy.deepcopy(model)
    for block in model.blocks:
        for name in LARGE:
            gives = torch.bfloat16 if name == INNER else torch.float32
            layer = CompactLinear(getattr(block, name), gives)
            delattr(block, name)
            setattr(block, name, layer)
    return model
