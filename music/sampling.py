"""From the network's logits to one token: guidance, what is allowed, temperature, top p, draws."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from music import vocabulary as v
from music.errors import MusicError
from music.guidance import Strengths, guide, lead

Floats = npt.NDArray[np.float64]
STARTS = np.array([family.start for family in v.FAMILIES.values()])
STOPS = np.array([family.stop for family in v.FAMILIES.values()])
TONES = [list(v.FAMILIES).index(name) for name in ("CHORD", "PITCH")]
ALIKE, AWAY = 0, -1  # groups of tokens: all that are no pitches; what guidance leaves alone
OCTAVES = np.full(v.SIZE, ALIKE)
OCTAVES[v.PITCH.start : v.PITCH.stop] = 1 + np.arange(v.PITCH_RANGE[0], v.PITCH_RANGE[1] + 1) // 12
NAMES = np.arange(v.SIZE)  # a pitch goes by its pitch class, in whatever octave
NAMES[v.PITCH.start : v.PITCH.stop] = v.PITCH.start + np.arange(v.PITCH.size) % 12
ONES = 2**64 - 1
STEADINESS = 1.5  # times the log odds that the music stays in its key, from strength 2 on


@dataclass(frozen=True)
class Sampling:
    """How a token is drawn from the network's distribution."""

    temperature: float = 1.0
    top_p: float = 0.95

    def __post_init__(self) -> None:
        if not 0.0 < self.temperature <= 5.0:
            raise MusicError(f"A temperature of {self.temperature}; give more than 0, at most 5.")
        if not 0.0 < self.top_p <= 1.0:
            raise MusicError(f"A top-p of {self.top_p}; give more than 0, at most 1.")


class Dice:
    """Random numbers by their place, a counter (Philox: Salmon et al. 2011): so the place is all
    the state there is. One source for all places, because to make one takes longer than to use it.
    """

    def __init__(self) -> None:
        self._bits = np.random.Philox(key=0)
        self._fresh = self._bits.state
        self._source = np.random.Generator(self._bits)

    def at(self, seed: int, *place: int) -> np.random.Generator:
        """The source at a place of four counters of a seed; until another is asked for."""
        counter, key = (np.array(words, np.uint64) for words in (place, (seed & ONES, seed >> 64)))
        self._bits.state = {**self._fresh, "state": {"counter": counter, "key": key}}
        return self._source


def choose(
    logits: npt.NDArray[np.float32],
    strengths: Strengths,
    mask: npt.NDArray[np.bool_],
    sampling: Sampling,
    dice: np.random.Generator,
    home: npt.NDArray[np.bool_] | None = None,
) -> int:
    """Guide, mask, draw a family of tokens, then a token within it, cut to the top p.

    Drawn in two steps because families are of unequal size: "another note here" is a few likely
    tokens, "time goes on" many unlikely ones, so that one cut over all of them (Holtzman et al.
    2020) thickens the music. So does any cut of what a family says of time and touch (a long wait,
    a soft key): top p acts on chords and pitches alone.

    What guidance knows best of a dark emotion is that bright music would never play this tone, so
    it leaves the key instead of turning minor; and a whole emotion it would play high, another low.
    So guidance chooses among the tones of the key that is heard, octave by octave, and leans to a
    tone alike in all of them: in which octave it lies, how often the music leaves the key, and for
    which tone, the condition says as it is. Only where leaving is unlikely guided music leaves it
    more rarely still (STEADINESS): a tone astray is soon followed by others, so that a clip would
    touch more pitch classes than any real one. At strength 1 all is as the network says.

    Parameters
    ----------
    logits : (R, V), R at least what ``music.guidance.rows_needed`` says, as its ``rows_of``
    strengths : of the guidance
    mask : (V,) True where a token may follow; at least one must
    dice : gives two random numbers
    home : (V,) True for the chords and pitches of the key that is heard; none: all are alike

    Returns
    -------
    the token's id
    """
    allowed = np.where(mask, logits.astype(np.float64), -np.inf)
    with np.errstate(invalid="ignore"):  # -inf of a family that may not follow
        masses = lead(np.logaddexp.reduceat(allowed, STARTS, axis=1), strengths)
    family = _draw(np.nan_to_num(masses, nan=-np.inf), 1.0, 1.0, dice)
    here = np.arange(STARTS[family], STOPS[family])
    here = here[mask[here]]
    scores = allowed[:, here]
    if family not in TONES:
        return int(here[_draw(lead(scores, strengths), sampling.temperature, 1.0, dice)])
    groups = OCTAVES[here] if home is None else np.where(home[here], OCTAVES[here], AWAY)
    plain, guided = (guide(scores, s) for s in (min(strengths.tones, 1.0), strengths.tones))
    within = _dealt(plain, _by_name(plain, guided, NAMES[here]), groups)
    within = _steadied(within, groups, _steadiness(strengths.tones))
    return int(here[_draw(within, sampling.temperature, sampling.top_p, dice)])


def _by_name(plain: Floats, guided: Floats, names: npt.NDArray[np.int64]) -> Floats:
    """``plain`` (N,), leaning as ``guided`` leans, in the mean over all that go by one name."""
    p = np.exp(plain - plain.max())
    share = np.maximum(np.bincount(names, p), np.finfo(float).tiny)
    return plain + (np.bincount(names, p * (guided - plain)) / share)[names]


def _dealt(plain: Floats, guided: Floats, groups: npt.NDArray[np.int64]) -> Floats:
    """``plain`` (N,), with what it leaves to each of ``groups`` dealt as ``guided`` deals it."""
    out = plain.copy()
    for group in np.unique(groups[groups != AWAY]):
        here = groups == group
        shift = np.logaddexp.reduce(plain[here]) - np.logaddexp.reduce(guided[here])
        out[here] = guided[here] + shift
    return out


def _steadiness(strength: float) -> float:
    return 1.0 + (STEADINESS - 1.0) * min(max(strength - 1.0, 0.0), 1.0)


def _steadied(logits: Floats, groups: npt.NDArray[np.int64], steadiness: float) -> Floats:
    """``logits`` (N,) with ``steadiness`` times the log odds of what is not AWAY."""
    away = groups == AWAY
    if away.all() or not away.any():
        return logits
    odds = np.logaddexp.reduce(logits[~away]) - np.logaddexp.reduce(logits[away])
    return np.where(away, logits, logits + (steadiness - 1.0) * odds)


def _draw(logits: Floats, temperature: float, top_p: float, dice: np.random.Generator) -> int:
    weights = np.exp((logits - logits.max()) / temperature)
    order = np.argsort(-weights, kind="stable")
    cumulative = np.cumsum(weights[order])
    keep = int(np.searchsorted(cumulative, top_p * cumulative[-1])) + 1
    draw = dice.random() * cumulative[min(keep, len(order)) - 1]
    return int(order[np.searchsorted(cumulative[: keep - 1], draw, side="right")])
