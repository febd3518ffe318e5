"""The KV cache: fixed tensors, in place, window-limited; open, rewind, save, restore, reset.

One buffer of ``window + rewind + slack`` positions a layer. Keys are stored rotated to their
absolute place, so they never need touching again. When the buffer is full its newest ``window +
rewind`` positions move to the front: one copy in ``slack`` steps, and what attention reads is
always one contiguous slice.

The newest position may be asked about under several conditions at once: its askings lie side by
side behind the past that they share, the next position takes the place of all but the first.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

MOST_ASKINGS = 4


@dataclass(frozen=True)
class CacheState:
    """All that a cache holds, as a value."""

    position: int
    keys: Tensor  # (layers, B, H, kept, D)
    values: Tensor


class Place(NamedTuple):
    """Where a layer puts the newest position, and what that position looks at: views."""

    key: Tensor  # (B, H, A, D)
    value: Tensor
    keys: Tensor  # (B, H, length + A - 1, D): the last ``window``, and the other askings
    values: Tensor

    def put(self, key: Tensor, value: Tensor) -> None:
        """(B·A, H, 1, D) in place, the askings of a past side by side."""
        self.key.copy_(beside(key, self.key.shape[0]))
        self.value.copy_(beside(value, self.key.shape[0]))


class KVCache:
    """Keys and values of the last ``window`` positions for ``layers`` layers and a batch of ``B``.

    Parameters
    ----------
    window : positions a query attends to, itself included
    rewind : how many positions may be taken back

    Attributes
    ----------
    memo : the last condition and what the network made of it, by number of rows; saves work, is no
        state
    """

    def __init__(
        self, layers: int, batch: int, heads: int, head_dim: int, window: int, rewind: int
    ) -> None:
        self.window, self.rewind_limit = window, rewind
        self.capacity = 2 * (window + rewind)
        shape = (layers, batch, heads, self.capacity + MOST_ASKINGS - 1, head_dim)
        self.keys, self.values = torch.zeros(shape), torch.zeros(shape)
        self.memo: dict[int, tuple[tuple[Tensor, ...], object]] = {}
        self.reset()

    def reset(self) -> None:
        self.position = 0  # positions ever put and not rewound
        self._end = 0  # where the next one goes in the buffer

    @property
    def batch(self) -> int:
        """Pasts that it holds."""
        return self.keys.shape[1]

    def open(self, rows: int) -> tuple[list[Place], Tensor | None]:
        """Each layer's place for one position that ``rows`` = B·A rows ask about, A askings of each
        past; ``advance`` moves on when all have put theirs.

        Beside it what each asking adds to its scores, (A, length + A - 1): 0 at the past and
        itself, -inf at the others. None: it looks at all there is.
        """
        askings = rows // self.batch
        if askings > MOST_ASKINGS:
            raise ValueError(
                f"{rows} rows ask about {self.batch} pasts; at most {MOST_ASKINGS} each"
            )
        length = min(self._end + 1, self.window) + askings - 1
        start = self._end + askings - length
        both = (self.keys, self.values)
        parts = [
            part.unbind(0)
            for at, size in ((self._end, askings), (start, length))
            for part in (buffer.narrow(3, at, size) for buffer in both)
        ]
        places = [Place(*layer) for layer in zip(*parts, strict=True)]
        if askings == 1:
            return places, None
        whole = _apart(askings, self.window, self.keys.device, self.keys.dtype)
        return places, whole[:, whole.shape[1] - length :]

    def advance(self) -> None:
        self.position += 1
        self._end += 1
        if self._end == self.capacity:
            keep = self.window + self.rewind_limit
            newest = slice(self.capacity - keep, self.capacity)
            for buffer in (self.keys, self.values):
                buffer[:, :, :, :keep] = buffer[:, :, :, newest].clone()
            self._end = keep

    def rewind(self, position: int) -> None:
        """Forget everything from ``position`` on. ValueError if that is no longer possible."""
        back = steps_back(self.position, position, min(self.rewind_limit, self._end))
        self.position, self._end = position, self._end - back

    def save(self) -> CacheState:
        start = max(self._end - self.window - self.rewind_limit, 0)
        kept = slice(start, self._end)
        return CacheState(
            self.position, self.keys[:, :, :, kept].clone(), self.values[:, :, :, kept].clone()
        )

    def restore(self, state: CacheState) -> None:
        kept = state.keys.shape[3]
        self.keys[:, :, :, :kept], self.values[:, :, :, :kept] = state.keys, state.values
        self.position, self._end = state.position, kept

    def to(self, device: torch.device, dtype: torch.dtype) -> None:
        """Hold what comes on a device, in a precision."""
        self.keys, self.values = (part.to(device, dtype) for part in (self.keys, self.values))

    def move(self, start: int, to: int, rows: int) -> None:
        """Rows from ``start`` on take the place of those from ``to`` on."""
        for buffer in (self.keys, self.values):
            buffer[:, to : to + rows] = buffer[:, start : start + rows]

    def truncate(self, rows: int) -> None:
        """Only the first ``rows`` rows go on."""
        self.keys, self.values = self.keys[:, :rows], self.values[:, :rows]


def beside(x: Tensor, batch: int) -> Tensor:
    """(B·A, H, 1, D) to (B, H, A, D)."""
    if x.shape[0] == batch:
        return x
    return x.view(batch, -1, *x.shape[1::2]).transpose(1, 2)


@lru_cache(maxsize=8)
def _apart(askings: int, window: int, device: torch.device, dtype: torch.dtype) -> Tensor:
    past = torch.zeros(askings, window - 1, dtype=dtype, device=device)
    others = torch.full((askings, askings), -torch.inf, dtype=dtype, device=device)
    return torch.cat([past, others.fill_diagonal_(0.0)], dim=1)


def steps_back(position: int, to: int, limit: int) -> int:
    """From ``position`` back to ``to``. ValueError if that is more than ``limit``, or forward."""
    if not 0 <= position - to <= limit:
        raise ValueError(f"cannot rewind from position {position} to {to}: at most {limit} back")
    return position - to


def moved(part: Tensor, start: int, to: int, rows: int) -> Tensor:
    """A copy of (layers, B, ...) in which rows from ``start`` on are also those from ``to`` on.

    A copy, because what was made while inferring cannot be written to outside.
    """
    part = part.clone()
    part[:, to : to + rows] = part[:, start : start + rows]
    return part
