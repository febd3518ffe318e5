"""Quantising while composing: a position is drawn as performed and moved before it is played.

The moved position is what the network is then fed, so it hears itself as it is heard; order, the
horizon and rewinding need no second account, and no event can land behind one already given out, as
it might where finished events are shifted. In a beat that has left the sixteenths for triplets, or
the other way round, the rest of the beat stays there.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from music import vocabulary as v

SIXTEENTHS, TRIPLETS = (0, 12, 24, 36, 48), (0, 16, 32, 48)


@lru_cache(maxsize=512)
def moves(position: int, strength: float) -> npt.NDArray[np.int64]:
    """(48,) where each position of a beat goes, at this strength, after one at ``position`` (-1:
    none yet); 48, the next beat, for what has no place left in this one.
    """
    grid = np.array(sorted({*SIXTEENTHS, *TRIPLETS}))
    last = _nearest(grid, position)
    if last in SIXTEENTHS[1:-1]:
        grid = np.array(SIXTEENTHS)
    elif last in TRIPLETS[1:-1]:
        grid = np.array(TRIPLETS)
    drawn = range(v.POSITIONS_PER_BEAT)
    return np.array([round(at + strength * (_nearest(grid, at) - at)) for at in drawn])


@lru_cache(maxsize=512)
def places(position: int, strength: float) -> npt.NDArray[np.bool_]:
    """(48,) True where any position is moved to."""
    return np.isin(np.arange(v.POSITIONS_PER_BEAT), moves(position, strength))


def drawable(mask: npt.NDArray[np.bool_], position: int, strength: float) -> None:
    """Change a mask over what may be played, (V,), to one over what may be drawn, in place."""
    played = np.append(mask[v.POS.start : v.POS.stop], False)
    mask[v.POS.start : v.POS.stop] = played[moves(position, strength)]


def _nearest(grid: npt.NDArray[np.int64], position: int) -> int:
    return int(grid[np.argmin(np.abs(grid - position))])
