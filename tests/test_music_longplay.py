"""An hour of music as numbers: what is counted, and when it counts as drift."""

import numpy as np
import pytest

from music.condition import UNCONDITIONED
from music.evaluation.longplay import (
    NAMES,
    drifts,
    longest_repeats,
    main,
    minutes,
    voices,
    wandering,
)  # fmt: skip
from music.evaluation.performance import clip_of
from music.evaluation.request import Clip, Request
from music.events import Note, Tempo, TempoMap


def test_the_course_visits_all_four_and_the_last_ten_minutes_are_as_the_first():
    course = wandering(3600.0, 2.0)
    mixtures = np.array([condition.probabilities for _, condition in course])
    assert set(mixtures.argmax(axis=1)) == {0, 1, 2, 3}
    np.testing.assert_allclose(mixtures[:120], mixtures[-120:], atol=1e-9)
    assert np.abs(np.diff(mixtures, axis=0)).max() < 0.03  # slowly
    assert [place for place, _ in course][:3] == [0.0, 5.0, 10.0]


def test_voices_are_held_by_keys_and_by_the_pedal():
    held = voices(clip_of([(0.0, 0.5, 60, 64), (0.0, 2.0, 64, 64)], []))
    assert (held[0], held[7], len(held)) == (2, 1, 20)
    pedalled = voices(
        clip_of([(0.0, 0.5, 60, 64), (2.0, 1.0, 64, 64)], [(0.2, True), (1.0, False)])
    )
    assert (pedalled[7], pedalled[15], pedalled[25]) == (1, 0, 1)


def played(bars: int) -> Clip:
    """A bar of four notes that comes again and again, two seconds long."""
    notes = [Note(float(beat), 1.0, 60 + beat % 4, 64) for beat in range(4 * bars)]
    tempo_map = TempoMap()
    request = Request(0, ((0.0, UNCONDITIONED),))
    events = (Tempo(0.0, 120.0), *notes)
    return Clip(request, np.zeros(1, dtype=np.int64), events, tempo_map, 2.0 * bars)


def test_a_loop_is_seen_in_every_minute_and_in_its_longest_passage():
    rows, parts = minutes(played(90))
    assert rows.shape == (3, len(NAMES))
    by_name = dict(zip(NAMES, rows[1], strict=True))
    assert by_name["notes a second"] == pytest.approx(2.0)
    assert by_name["repeated bars"] > 0.9
    assert by_name["longest loop"] > 20
    assert by_name["silence"] == 0
    assert longest_repeats(parts) == [119, 119]


def test_drift_is_a_change_that_is_both_sure_and_large():
    rng = np.random.default_rng(0)
    rows = rng.normal(5.0, 0.5, (60, len(NAMES)))
    spread = np.full(len(NAMES), 2.0)
    assert not any(there for *_, there in drifts(rows, spread).values())
    rows[-10:, 0] -= 4.0
    rows[-10:, 1] -= 0.6  # sure, yet small among real clips
    found = drifts(rows, spread)
    assert [name for name, (*_, there) in found.items() if there] == [NAMES[0]]


def test_a_moment_is_no_long_play(capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["--minutes", "1"])
    assert "cannot drift" in capsys.readouterr().err
