"""EmotionCapsule into Condition: smoothing, contrast, doubt, hand overrides, and what if it stops.

The only file that knows both words. Pure: the time of every call is an argument. The honest
emotion stays available beside the played one.

- Smoothing: an exponential mean with `settle_s`, and a dead band so that noise moves nothing.
- Contrast: what the network says of a real person moves little. The wearer's own range of the last
  minutes (its 10th to 90th percentile on each axis) is stretched over the valence-arousal plane, by
  a factor of at most `most_gain`, and only as far as there is evidence for a range. Of where the
  wearer usually is, `keep` remains, so that a lasting emotion is not taken for none.
- Doubt: confidence and quality scale the strength; without them the music is near unguided.
- Beginning: with a signal, but no capsule yet, the piano plays neutral and unguided.
- Loss: a capsule that does not come is held, then glides to neutral, then the piano
  closes and rests.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bridge.errors import BridgeError
from music.condition import STRENGTH, Condition

if TYPE_CHECKING:
    from capsule.emotion import EmotionCapsule

HOLD_AFTER_S = 1.0  # no capsule for so long: held as it was
GLIDE_AFTER_S = 5.0  # then to neutral, over GLIDE_S
GLIDE_S = 10.0
REST_AFTER_S = 30.0  # then the piano closes with a cadence and rests until the signal returns
FADE_S = 5.0  # before that it grows softer
SOFT = 0.5  # and the cadence is as loud as this
RETURN_S = 2.0  # after a loss the emotion comes back over so long
NEUTRAL = (0.25, 0.25, 0.25, 0.25)
RANGE = 1.6  # of an axis: what the wearer's range is stretched to
EDGE = 0.95  # no axis is played further out: every quadrant keeps some probability

Four = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Style:
    """How feeling becomes playing; every number may be changed by the user."""

    settle_s: float = 1.5  # time constant of the smoothing
    dead_band: float = 0.04  # of an axis, as played: so that noise moves nothing
    contrast: float = 1.0  # 0: the network's own range, 1: the wearer's range fills the plane
    most_gain: float = 6.0
    keep: float = 0.5
    evidence_s: float = 60.0  # until the contrast is fully on
    memory_s: float = 600.0  # of the wearer's range
    top_strength: float = STRENGTH  # guidance at full confidence and quality
    least_trust: float = 0.4  # share of it that remains at no confidence, if the signal is good


@dataclass(frozen=True, slots=True)
class Played:
    """What the piano plays by, and why."""

    condition: Condition
    mood: str  # WAITING, PLAYING, HOLD, GLIDE, REST
    loudness: float  # 1, less before and during a close
    capsule: EmotionCapsule | None  # the honest one


@dataclass(frozen=True)
class TranslatorState:
    """Everything a `Translator` remembers."""

    axes: tuple[float, float] | None  # smoothed
    aim: tuple[float, float]  # with contrast
    odds: float
    trust: float
    heard_s: float
    back_s: float
    seen: tuple[tuple[float, float, float], ...]
    capsule: EmotionCapsule | None


class Translator:
    """Hears capsules as they come, says at any time what to play by."""

    def __init__(self, style: Style | None = None) -> None:
        self.style = style or Style()
        self._hands: dict[str, tuple[float, float]] = {}  # axis: value, share
        self.reset()

    def reset(self) -> None:
        """Forget the wearer; hand overrides stay."""
        self.restore(TranslatorState(None, (0.0, 0.0), 0.0, 0.0, -math.inf, -math.inf, (), None))

    def state(self) -> TranslatorState:
        """A copy of what is remembered."""
        return TranslatorState(
            self._axes, self._aim, self._odds, self._trust, self._heard_s, self._back_s,
            tuple(self._seen), self._capsule,
        )  # fmt: skip

    def restore(self, state: TranslatorState) -> None:
        """Go on from a copied state."""
        self._axes, self._aim = state.axes, state.aim
        self._odds, self._trust = state.odds, state.trust
        self._heard_s, self._back_s = state.heard_s, state.back_s
        self._seen = deque(state.seen)
        self._capsule = state.capsule

    def override(self, axis: str, value: float | None, share: float = 1.0) -> None:
        """Play `axis` ("valence" or "arousal") by hand: `value` in -1..1, None gives it back.

        `share` of 1 overrides, less blends. BridgeError for anything else.
        """
        if axis not in ("valence", "arousal"):
            raise BridgeError(f"There is no axis {axis!r}; say valence or arousal.")
        if value is None:
            self._hands.pop(axis, None)
        elif -1.0 <= value <= 1.0 and 0.0 <= share <= 1.0:
            self._hands[axis] = (value, share)
        else:
            raise BridgeError(f"The {axis} {value} (share {share}) is out of -1 to 1 (0 to 1).")

    def expect(self, now_s: float) -> None:
        """There is a signal, but it has not given a capsule yet: play without one meanwhile."""
        if self._capsule is None:
            self._heard_s = now_s

    def hear(self, capsule: EmotionCapsule, now_s: float) -> None:
        """A capsule has come."""
        if self._capsule is not None and now_s - self._heard_s > GLIDE_AFTER_S:
            self._back_s = now_s
        step_s = min(max(now_s - self._heard_s, 0.0), 1.0) if self._capsule else 1.0
        self._heard_s = now_s
        self._capsule = capsule
        p = [min(max(float(one), 1e-6), 1.0) for one in capsule.probabilities]
        honest = (p[0] + p[3] - p[1] - p[2], p[0] + p[1] - p[2] - p[3])
        self._remember(honest, capsule.quality, now_s)
        share = 1.0 - math.exp(-step_s / self.style.settle_s)
        if self._axes is None:
            self._axes, share = honest, 1.0
        valence, arousal = self._axes
        valence += share * (honest[0] - valence)
        arousal += share * (honest[1] - arousal)
        self._axes = (valence, arousal)
        odds = math.log(p[0] * p[2] / (p[1] * p[3]))
        self._odds += share * (odds - self._odds)
        trust = self.style.least_trust + (1 - self.style.least_trust) * capsule.confidence
        self._trust += share * (trust * capsule.quality - self._trust)
        self._aim = self._settled(self._stretched())

    def _settled(self, aim: tuple[float, float]) -> tuple[float, float]:
        """The new aim on each axis where it left the dead band round the old one."""
        band = self.style.dead_band
        pairs = zip(self._aim, aim, strict=True)
        valence, arousal = (new if abs(new - old) > band else old for old, new in pairs)
        return valence, arousal

    def _remember(self, axes: tuple[float, float], quality: float, now_s: float) -> None:
        if quality >= 0.5 and (not self._seen or now_s - self._seen[-1][0] >= 0.2):
            self._seen.append((now_s, *axes))
        while self._seen and now_s - self._seen[0][0] > self.style.memory_s:
            self._seen.popleft()

    def played(self, now_s: float) -> Played:
        """What to play by at this moment."""
        if self._heard_s == -math.inf:
            return Played(Condition(NEUTRAL), "WAITING", 0.0, None)
        age_s = now_s - self._heard_s
        nearness = 1.0 - _ramp(age_s, GLIDE_AFTER_S, GLIDE_S)
        nearness *= _ramp(now_s, self._back_s, RETURN_S)
        valence = self._by_hand("valence", nearness * self._aim[0])
        arousal = self._by_hand("arousal", nearness * self._aim[1])
        strength = 1.0 + (self.style.top_strength - 1.0) * self._strength_share(nearness)
        condition = Condition(quadrants(valence, arousal, nearness * self._odds), strength)
        fade = 1.0 - (1.0 - SOFT) * _ramp(age_s, REST_AFTER_S - FADE_S, FADE_S)
        return Played(condition, _mood(age_s), fade, self._capsule)

    def _strength_share(self, nearness: float) -> float:
        by_hand = max((share for _, share in self._hands.values()), default=0.0)
        return max(self._trust * nearness, by_hand)

    def _by_hand(self, axis: str, value: float) -> float:
        hand, share = self._hands.get(axis, (0.0, 0.0))
        return min(max((1 - share) * value + share * hand, -EDGE), EDGE)

    def _stretched(self) -> tuple[float, float]:
        """The smoothed axes, stretched by the wearer's own range as far as it is known."""
        assert self._axes is not None
        axes = np.array(self._axes)
        if len(self._seen) < 2:
            return self._axes
        seen = np.array(self._seen)  # (capsule, 3): time, valence, arousal
        known_s = seen[-1, 0] - seen[0, 0]
        share = self.style.contrast * min(1.0, known_s / self.style.evidence_s)
        low, middle, high = np.percentile(seen[:, 1:], (10, 50, 90), axis=0)
        gain = np.clip(RANGE / np.maximum(high - low, 1e-6), 1.0, self.style.most_gain)
        stretched = (1 - share) * axes + share * (self.style.keep * middle + gain * (axes - middle))
        valence, arousal = np.clip(stretched, -EDGE, EDGE)
        return float(valence), float(arousal)


def quadrants(valence: float, arousal: float, odds: float) -> Four:
    """Probabilities Q1..Q4 with these axes (-1 to 1) and this log odds ratio of Q1·Q3 to Q2·Q4.

    The odds ratio says how much the mixture is "Q1 or Q3" rather than "Q2 or Q4", which the axes
    alone cannot. A table with given margins and odds ratio is unique (Plackett 1965).
    """
    high, bright = (1 + arousal) / 2, (1 + valence) / 2
    ratio = math.exp(min(max(odds, -6.0), 6.0)) - 1.0
    if abs(ratio) < 1e-6:
        first = high * bright
    else:
        total = 1.0 + (high + bright) * ratio
        root = math.sqrt(max(total * total - 4.0 * (ratio + 1.0) * ratio * high * bright, 0.0))
        first = (total - root) / (2.0 * ratio)
    first = min(max(first, 0.0, high + bright - 1.0), high, bright)
    return first, high - first, 1.0 - high - bright + first, bright - first


def distance(one: Condition, other: Condition) -> float:
    """Total variation between two conditions' mixtures, 0 to 1."""
    p, q = one.probabilities or NEUTRAL, other.probabilities or NEUTRAL
    return 0.5 * sum(abs(a - b) for a, b in zip(p, q, strict=True))


def _ramp(value: float, start: float, length: float) -> float:
    return min(1.0, max(0.0, (value - start) / length))


def _mood(age_s: float) -> str:
    if age_s < HOLD_AFTER_S:
        return "PLAYING"
    if age_s < GLIDE_AFTER_S:
        return "HOLD"
    return "GLIDE" if age_s < REST_AFTER_S else "REST"
