"""What a session's notes did with its emotions, counted."""

from dataclasses import replace

import numpy as np
import pytest

from bridge.session.tally import NEUTRAL, by_quadrant, jumps, stretches
from bridge.session.trace import Trace


def course(*parts):
    """Seconds of each quadrant, a capsule a second."""
    shares = []
    for quadrant, seconds in parts:
        one = np.full(4, 0.25) if quadrant == NEUTRAL else np.eye(4)[quadrant]
        shares += [one] * seconds
    table, times_s = np.array(shares), np.arange(float(len(shares)))
    return Trace(times_s, table, times_s, times_s, times_s, times_s, table)


def test_what_is_passed_through_is_no_jump():
    assert stretches(course((0, 10), (1, 1), (2, 10))) == [(0.0, 11.0, 0), (11.0, 20.0, 2)]
    assert stretches(course((NEUTRAL, 5), (3, 5))) == [(0.0, 5.0, NEUTRAL), (5.0, 9.0, 3)]
    assert stretches(course()) == []


def test_notes_are_counted_where_they_were_played():
    notes = np.array([[t, t + 1, 60, 40] for t in range(10)] +
                     [[10 + t / 2, 12, 60, 100] for t in range(20)], dtype=float)  # fmt: skip
    trace = course((2, 10), (0, 10))
    shares = by_quadrant(trace, notes)
    assert [one.notes for one in shares] == [20, 0, 10, 0, 0]
    assert shares[0].a_second == pytest.approx(20 / 9.5)
    assert (shares[2].velocity, shares[0].velocity) == (40, 100)
    (jump,) = jumps(trace, notes)
    assert (jump.time_s, jump.before, jump.after, jump.first_note_s) == (10.0, 2, 0, 0.0)
    assert jump.a_second == pytest.approx((1.0, 2.0))
    assert jump.velocity == (40, 100)


def test_a_pause_counts_nowhere():
    pause = (9.5, 19.5)
    notes = np.array([[t, t + 1, 60, 64] for t in range(40) if not 9.5 < t < 19.5], dtype=float)
    whole = course((2, 25), (0, 15))
    at = [t for t in range(40) if not 9.5 < t < 19.5]
    fields = ("times_s", "probabilities", "valence", "arousal", "confidence", "quality", "played")
    trace = replace(whole, **{name: getattr(whole, name)[at] for name in fields})
    shares = by_quadrant(trace, notes, (pause,))
    assert (shares[2].seconds, shares[2].notes) == (15.0, 15)
    (jump,) = jumps(trace, notes, (pause,))
    assert jump.a_second == pytest.approx((5 / 5.5, 1.0))
    assert not jumps(trace, notes, (pause, (26.0, 27.0)))
