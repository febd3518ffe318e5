"""From a capsule that jumps to the music that follows it: when, and what it waits for.

Smoothing is off. All is counted from the capsule's arrival. *Composed*: the first note under the
new emotion exists, so it is at hand, or would be if it were due (a note is handed over 125 ms
before it sounds, and slow music has its next onset later than that). *At hand*: it has been handed
over. *Heard*: it sounds. *Old until*: when the last note of the old emotion was due; from then on
everything that is due is new.

What is heard waits for the music's next onset, so it is told by quadrant and in beats, too: with
the grid on (`quantise`) the first new note should come within a beat.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import inf

import numpy as np

from bridge.bench.yardstick import Result, percentiles, products, ratio
from bridge.daw.habits import Habits
from bridge.mind import process as mind
from bridge.mind.core import Mind
from bridge.mind.translate import Style, Translator
from bridge.wire import TimedNote
from capsule.emotion import EmotionCapsule
from eeg.lsl import clock
from music.composer import Composer
from music.controls import Controls

CAPSULES_S = 0.25  # as ear gives them
FIRST_S = 4.0  # of music before the first jump
QUADRANTS = ("Q1", "Q2", "Q3", "Q4")
SURE = 0.94  # of the quadrant that is felt


@dataclass
class Jump:
    """One jump to `quadrant`; times in seconds from the capsule's arrival."""

    quadrant: int
    arrived_s: float
    composed_s: float = inf
    at_hand_s: float = inf
    heard_s: float = inf
    beat_s: float = inf  # of the music that is heard then
    old_until_s: float = 0.0


def jump(jumps: int = 24, apart_s: float = 2.5, seed: int = 0, quantise: float = 0.0) -> Result:
    """Jumps between quadrants in an order that `seed` draws, by the composer that ships."""
    composer = Composer.load(seed)
    translator = Translator(Style(settle_s=1e-6, contrast=0.0))
    player = Mind(composer, translator, Habits(keeps=Controls(quantise=quantise)))
    done = list(_jumps(player, jumps, apart_s, seed))
    told = {
        name: percentiles([1000 * getattr(one, f"{name}_s") for one in done])
        for name in ("composed", "at_hand", "heard", "old_until")
    }
    for quadrant, name in enumerate(QUADRANTS):
        told[f"heard_{name}"] = _heard([one for one in done if one.quadrant == quadrant])
    size = sum(one.numel() for one in composer.model.parameters())
    composed = told.pop("composed")
    counts = player.counts
    more = {"rewinds": counts.rewinds, "underruns": counts.underruns}
    return composed | more | ratio(composed, products(2 * size), "p50") | told


def _heard(jumps: list[Jump]) -> Result:
    """When the first new note of these was heard: in ms, and how many beats that was."""
    if not jumps:
        return {"n": 0}
    beats = [one.heard_s / one.beat_s for one in jumps]
    within = {"within_a_beat": sum(one <= 1.0 for one in beats), "most_beats": round(max(beats), 2)}
    return percentiles([1000 * one.heard_s for one in jumps]) | within


def _jumps(player: Mind, jumps: int, apart_s: float, seed: int) -> Iterator[Jump]:
    """What happened at each jump, by the loop of the process *mind*."""
    rng = np.random.default_rng(seed)
    feeling, felt_s, last_s = 2, -inf, 0.0
    current = _next(rng, feeling, clock() + FIRST_S)
    while jumps:
        now_s = clock()
        arrives = now_s >= current.arrived_s and feeling != current.quadrant
        feeling = current.quadrant if arrives else feeling
        capsule = None
        if arrives or now_s - felt_s > CAPSULES_S:
            capsule, felt_s = felt(feeling, now_s), now_s
        given = player.step(now_s, capsule)
        notes = [one for one in given if isinstance(one, TimedNote)]
        last_s = max([last_s, *(one.on_s for one in notes)])
        if arrives:  # what this step gives was committed before it looked at the capsule
            current.old_until_s = max(0.0, last_s - current.arrived_s)
        elif feeling == current.quadrant:
            _follow(current, player, notes)
        if now_s >= current.arrived_s + apart_s and current.heard_s < inf:
            yield current
            jumps -= 1
            current = _next(rng, feeling, now_s)
        if not player.behind(clock()):
            time.sleep(mind.IDLE_S)


def _next(rng: np.random.Generator, feeling: int, now_s: float) -> Jump:
    """To another quadrant than the present one, within the time between two capsules."""
    others = [one for one in range(4) if one != feeling]
    return Jump(int(rng.choice(others)), now_s + rng.uniform(0.0, CAPSULES_S))


def _follow(jump: Jump, player: Mind, notes: list[TimedNote]) -> None:
    """Note what a step after the jump has brought: all that was not committed is taken back."""
    now_s = clock()
    if jump.composed_s == inf and (notes or player.ahead(now_s)[1]):
        jump.composed_s = now_s - jump.arrived_s
    if jump.at_hand_s == inf and notes:
        jump.at_hand_s = now_s - jump.arrived_s
        jump.heard_s = notes[0].on_s - jump.arrived_s
        jump.beat_s = 60.0 / player.bpm(notes[0].on_s)


def felt(quadrant: int, now_s: float) -> EmotionCapsule:
    """A capsule that is sure of a quadrant, 0 for Q1."""
    neutral = EmotionCapsule.neutral(now_s, quality=1.0)
    probabilities = np.full(4, (1 - SURE) / 3, dtype=np.float32)
    probabilities[quadrant] = SURE
    return replace(neutral, probabilities=probabilities)
