"""One token under everything the player asks: limits first, then an ending, then the timing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from music import vocabulary as v
from music.controls import PLAIN, Controls
from music.ending import Cadence, is_closing, narrow
from music.grammar import Grammar
from music.guidance import Strengths
from music.key import home
from music.limits import Memory, allow, lean, playable
from music.quantise import drawable, moves
from music.sampling import Sampling, choose


def choose_within(
    logits: npt.NDArray[np.float32],
    strengths: Strengths,
    sampling: Sampling,
    dice: np.random.Generator,
    grammar: Grammar,
    memory: Memory,
    controls: Controls,
    cadence: Cadence | None = None,
) -> int:
    """``music.sampling.choose`` within the controls: the token to play and to feed.

    ``logits`` as there. Without controls it is the same choice. The cadence itself knows
    no density: its chords are whole.
    """
    if cadence and is_closing(grammar, cadence):
        controls = replace(controls, max_density=None, min_density=0.0)
    if controls == PLAIN:
        return choose(
            logits, strengths, playable(grammar, memory), sampling, dice, home(memory.classes)
        )
    mask = allow(grammar, memory, controls)
    if cadence:
        mask = narrow(mask, grammar, memory, controls, cadence)
    if controls.quantise:
        drawable(mask, grammar.position, controls.quantise)
    bias = lean(grammar, memory, controls)
    logits = logits if bias is None else logits + bias
    token = choose(logits, strengths, mask, sampling, dice, home(memory.classes))
    if controls.quantise and token in v.POS:
        drawn = token - v.POS.start
        token = v.POS.id(int(moves(grammar.position, controls.quantise)[drawn]))
    return token
