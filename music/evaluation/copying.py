"""How long a passage a clip shares with other music, whatever the key.

Exact: n-grams are compared by their ranks, which grow by doubling as in the construction of a
suffix array (Karp, Miller & Rosenberg 1972), not by hashes. The longest n is found by doubling
and bisection, for a shared passage shares every shorter one within it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from music.evaluation.features import onset_starts
from music.evaluation.performance import ONSET, PITCH, PerformedClip

Ints = npt.NDArray[np.int64]
Spelling = Literal["pitch", "pitch and time"]
TIME_BINS_PER_OCTAVE = 1.0  # intervals between onsets, of seconds: rubato is no new rhythm
SHORTEST_S = 0.0625
TIME_BINS = 7


def spell(clip: PerformedClip, spelling: Spelling) -> Ints:
    """(N - 1,) a symbol for each note after the first: its interval in semitones to the one before,
    and for ``pitch and time`` also how many octaves of time after it, or that it is in its chord.

    Notes within 50 ms of each other are one chord and are read upwards.
    """
    starts = onset_starts(clip)
    chord = np.zeros(len(clip.notes), dtype=np.int64)
    chord[starts] = 1
    chord = chord.cumsum() - 1
    order = np.lexsort((clip.notes[:, PITCH], chord))
    steps = np.diff(clip.notes[order, PITCH].astype(np.int64))
    if spelling == "pitch":
        return np.asarray(steps)
    first_s = clip.notes[starts, ONSET]
    waits = np.diff(first_s[chord[order]])
    octaves = np.log2(np.maximum(waits, SHORTEST_S) / SHORTEST_S) * TIME_BINS_PER_OCTAVE
    bins = np.where(waits > 0, 1 + np.minimum(np.round(octaves), TIME_BINS - 1), 0)
    return np.asarray(steps * (TIME_BINS + 1) + bins.astype(np.int64))


class Shared:
    """n-grams of many sequences that also occur in a corpus."""

    def __init__(self, sequences: Sequence[Ints], corpus: Sequence[Ints]) -> None:
        self.lengths = np.array([len(one) for one in sequences], dtype=np.int64)
        everything = [*sequences, *corpus]
        self.boundary = int(self.lengths.sum())  # the corpus begins here
        symbols = np.concatenate([*everything, np.zeros(0, dtype=np.int64)]).astype(np.int64)
        sizes = np.array([len(one) for one in everything], dtype=np.int64)
        self.left = np.repeat(np.cumsum(sizes), sizes) - np.arange(len(symbols))  # to the end
        self.owner = np.repeat(np.arange(len(sizes)), sizes)
        self.ranks = [np.unique(symbols, return_inverse=True)[1].astype(np.int64)]
        self.found: dict[int, npt.NDArray[np.bool_]] = {}

    def longest(self) -> Ints:
        """(sequences,) the most symbols in a row that the corpus holds too."""
        return np.array([self._bisect(k) for k in range(len(self.lengths))], dtype=np.int64)

    def has(self, n: int) -> npt.NDArray[np.bool_]:
        """(sequences,) whether any n-gram of each occurs in the corpus."""
        if n not in self.found:
            power = n.bit_length() - 1
            while len(self.ranks) <= power:
                self._double()
            rank, whole = self.ranks[power], np.flatnonzero(self.left >= n)
            pairs = rank[whole] * (len(rank) + 1) + rank[whole + n - (1 << power)]
            ours = whole < self.boundary
            hits = whole[ours][np.isin(pairs[ours], pairs[~ours])]
            self.found[n] = np.isin(np.arange(len(self.lengths)), self.owner[hits])
        return self.found[n]

    def _double(self) -> None:
        """Ranks of n-grams twice as long; those that reach past an end get ranks nobody reads."""
        rank, width = self.ranks[-1], 1 << (len(self.ranks) - 1)
        later = np.zeros_like(rank)
        later[: max(len(rank) - width, 0)] = rank[width:]
        pairs = rank * (len(rank) + 1) + later
        self.ranks.append(np.unique(pairs, return_inverse=True)[1].astype(np.int64))

    def _bisect(self, sequence: int) -> int:
        low, high = 0, 1
        while high <= self.lengths[sequence] and self.has(high)[sequence]:
            low, high = high, 2 * high
        high = min(high - 1, int(self.lengths[sequence]))
        while low < high:
            middle = (low + high + 1) // 2
            if self.has(middle)[sequence]:
                low = middle
            else:
                high = middle - 1
        return low


def longest_shared(
    clips: Sequence[PerformedClip], corpus: Sequence[PerformedClip], spelling: Spelling
) -> Ints:
    """(N,) the longest passage of each clip that any clip of ``corpus`` holds too, in notes after
    the first, in any key.
    """
    spelt = [[spell(clip, spelling) for clip in some] for some in (clips, corpus)]
    return Shared(*spelt).longest()
