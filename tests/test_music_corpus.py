"""Performances to tokens and back: beats are found, slips mended, nothing is lost."""

import hashlib
import statistics
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pieces import small_piece

from music import vocabulary as v
from music.corpus.beats import Grid, lay_out, mend, seconds_of, steady
from music.corpus.encode import Performance, encode
from music.corpus.parts import convert
from music.corpus.roundtrip import drift_ms, round_trip
from music.corpus.sources import find_known
from music.events import Tempo, TempoMap

TPQ = 480


def beats_of_bars(tokens: np.ndarray) -> list[int]:
    lines = np.flatnonzero(tokens == v.BAR)
    tempo = (tokens >= v.TEMPO.start) & (tokens < v.TEMPO.stop)
    return np.add.reduceat(tempo.astype(int), lines).tolist()


# ------------------------------------------------------------------------- the round trip


@st.composite
def performances(draw: st.DrawFn) -> Performance:
    """Swaying beats in any metre; strokes crowd on few keys, the pedal flutters."""
    metre, bars = draw(st.sampled_from([2, 3, 4, 5, 6, 12])), draw(st.integers(1, 5))
    lengths_s = draw(st.lists(st.floats(0.21, 1.9), min_size=metre * bars, max_size=metre * bars))
    times_s = 3.0 + np.cumsum([0.0, *lengths_s])
    inside = st.floats(times_s[0], times_s[-1] - 1e-6)
    stroke = st.tuples(inside, st.floats(0.01, 8.0), st.integers(21, 108) | st.just(60))
    notes = draw(st.lists(stroke, max_size=60))
    restruck = [(at + 0.002, length, pitch) for at, length, pitch in notes[:10]]
    played = [
        (at, at + length, pitch, 1 + pitch)
        for at, length, pitch in notes + restruck
        if at < times_s[-1]
    ]
    pedals = draw(st.lists(st.tuples(inside, st.booleans()), max_size=20))
    return Performance(
        times_s,
        tuple(sorted(played)),
        pedals=tuple(sorted(pedals)),
        downbeats=tuple(range(0, metre * bars, metre)),
    )


@given(performances())
@settings(max_examples=40, deadline=None)
def test_every_note_and_pedal_comes_back_in_any_metre(piece: Performance) -> None:
    tokens = encode(piece)
    trip = round_trip(piece, tokens)
    assert trip.refused == 0
    assert trip.notes["no room"] == trip.pedals["no room"] == 0
    assert trip.notes["kept"] + trip.notes["unison"] == len(piece.notes)
    assert piece.downbeats is not None
    metre = len(piece.beat_times_s) - 1 if len(piece.downbeats) == 1 else piece.downbeats[1]
    assert set(beats_of_bars(tokens)) == {metre}


@given(st.integers(0, 10**6), st.sampled_from([3, 4, 6]))
@settings(max_examples=8, deadline=None)
def test_onsets_stay_within_half_a_48th_and_do_not_drift(seed: int, metre: int) -> None:
    rng = np.random.default_rng(seed)
    beat_s = rng.uniform(0.3, 0.9) * (1 + 0.05 * rng.standard_normal(40 * metre))
    times_s = np.cumsum([0.0, *beat_s])
    onsets = np.sort(rng.uniform(0, times_s[-1] - 0.1, 400))
    notes = tuple((t, t + 0.3, 30 + i % 70, 64) for i, t in enumerate(onsets.tolist()))
    piece = Performance(times_s, notes, downbeats=tuple(range(0, 40 * metre, metre)))
    errors = round_trip(piece, encode(piece)).errors_ms
    assert np.abs(errors).max() <= 1e3 * beat_s.max() / 96 * 1.2
    drift = drift_ms(errors)
    assert drift is not None
    assert abs(drift) < 4 * errors.std() * np.sqrt(2 / 80)  # that of the mean of 80 errors


def test_the_round_trip_sees_a_shifted_note_a_lost_note_and_a_lost_pedal() -> None:
    piece, tokens = small_piece(), encode(small_piece())
    assert np.abs(round_trip(piece, tokens).errors_ms).max() < 7
    at = int(np.flatnonzero((tokens >= v.POS.start) & (tokens < v.POS.stop))[3])
    shifted = tokens.copy()
    shifted[at] += 3
    assert np.abs(round_trip(piece, shifted).errors_ms).max() > 15
    note = int(np.flatnonzero((tokens >= v.PITCH.start) & (tokens < v.PITCH.stop))[-1])
    assert round_trip(piece, tokens[:note]).notes["no room"] == 1
    pedal = int(np.flatnonzero(tokens == v.PEDAL_DOWN)[-1])
    assert round_trip(piece, tokens[:pedal]).pedals["no room"] == 2


def test_drift_is_seen() -> None:
    piece = small_piece()
    slower = replace(piece, beat_times_s=piece.beat_times_s * 1.02)
    drift = drift_ms(round_trip(piece, encode(slower)).errors_ms)
    assert drift is None or abs(drift) < 20
    wrong = v.stretch(encode(piece), 1)
    drift = drift_ms(round_trip(piece, wrong).errors_ms)
    assert drift is not None
    assert drift < -50


def test_written_music_keeps_its_places() -> None:
    times_s = np.arange(65) * 0.6  # 100 a minute lies between two bins of TEMPO
    notes = tuple((0.15 * i, 0.15 * i + 0.1, 60 + i % 12, 90) for i in range(256))
    score = Performance(times_s, notes, written=True)
    tokens = encode(score)
    placed = tokens[(tokens >= v.POS.start) & (tokens < v.POS.stop)] - v.POS.start
    assert set(placed.tolist()) == {0, 12, 24, 36}
    assert np.abs(round_trip(score, tokens).errors_ms).max() <= 8
    performed = encode(replace(score, written=False))
    places = performed[(performed >= v.POS.start) & (performed < v.POS.stop)] - v.POS.start
    assert len(set(places.tolist())) > 4


# ------------------------------------------------------------------------- beats and bars


@pytest.mark.parametrize(
    ("metre", "count", "quarters"),
    [
        ((4, 4), 4, 1),
        ((3, 4), 3, 1),
        ((6, 8), 3, 1),
        ((3, 8), 3, 0.5),
        ((7, 8), 7, 0.5),
        ((2, 2), 4, 1),
    ],
)
def test_bars_are_as_long_as_the_signature_says(metre, count, quarters) -> None:
    ticks, lines = lay_out([(0, *metre)], TPQ, round(4 * count * quarters * TPQ))
    assert lines == (0, count, 2 * count, 3 * count)
    assert set(np.diff(ticks)) == {quarters * TPQ}


def test_a_metre_may_change_and_a_long_bar_becomes_several() -> None:
    _, lines = lay_out([(0, 4, 4), (8 * TPQ, 3, 4)], TPQ, 14 * TPQ)
    assert lines == (0, 4, 8, 11)
    _, lines = lay_out([(0, 20, 4)], TPQ, 40 * TPQ)
    assert lines == (0, 10, 20, 30)


def test_the_tempo_map_is_that_of_playing() -> None:
    tempi = [(0, 90.0), (700, 140.0), (1900, 61.0)]
    tempo_map = TempoMap()
    for tick, bpm in tempi:
        tempo_map.push(Tempo(tick / TPQ, bpm))
    ticks = [0, 10, 700, 1000, 1900, 5000]
    expected = [tempo_map.seconds(tick / TPQ) for tick in ticks]
    np.testing.assert_allclose(seconds_of(ticks, tempi, TPQ), expected)


def tracked(lengths_s: list[float]) -> Grid:
    times_s = np.cumsum([0.0, *lengths_s])
    return Grid(times_s, tuple(range(0, len(lengths_s), 4)))


@pytest.mark.parametrize(
    "lengths_s",
    [
        [*[0.5] * 16, *[0.25] * 16, *[0.5] * 16],  # twice too fast
        [*[0.5] * 16, *[1.0] * 4, *[0.5] * 16],  # half as fast
        [0.5, 0.5, 0.2, *[0.45] * 33],  # before the tracker had locked on
    ],
)
def test_a_slip_of_the_beat_tracker_is_mended(lengths_s: list[float]) -> None:
    grid = tracked(lengths_s)
    assert steady(grid, tracked=True)[1] == 2
    mended, count = mend(grid)
    assert count == 2
    spans, slips = steady(mended, tracked=True)
    assert slips == 0
    assert spans == [(0, len(mended.times_s) - 1)]
    assert mended.times_s[-1] == pytest.approx(grid.times_s[-1])
    late = grid.times_s[[d for d in grid.downbeats if d > len(lengths_s) - 9]]
    assert np.isin(late.round(6), mended.times_s[list(mended.downbeats)].round(6)).all()


def test_what_cannot_be_mended_is_cut_and_written_tempi_never_are() -> None:
    grid = tracked([*[0.5] * 20, *[0.34] * 20])
    assert mend(grid)[1] == 0
    assert steady(grid, tracked=True) == ([(0, 20), (20, 40)], 1)
    assert steady(grid, tracked=False) == ([(0, 40)], 0)
    too_slow = tracked([*[0.5] * 20, 3.0, *[0.5] * 20])
    assert steady(too_slow, tracked=False)[0] == [(0, 20), (21, 41)]


# ------------------------------------------------------------------------- real files


@pytest.mark.data
def test_the_splits_never_change(data: Path) -> None:
    sources, refused = find_known(data)
    old = {f"{s.dataset} {s.song} {s.split}" for s in sources if s.dataset in ("emopia", "pop1k7")}
    assert hashlib.sha256("\n".join(sorted(old)).encode()).hexdigest()[:16] == "912993c90328d8e7"
    assert len(refused) == 31
    assert sum(s.dataset == "pop909" for s in sources) == 909


@pytest.mark.data
def test_real_files_come_back_whole(data: Path) -> None:
    """Clips with and without slips, covers, written songs in 4/4, 3/4, 3/8, 6/8 and a change."""
    sources, _ = find_known(data)
    by_name = {Path(s.path).stem: s for s in sources}
    names = ["062", "092", "107", "172", "Q4_KRlAez34QfE_2", "Q1_ANZf1QXsNrY_5"]
    chosen = [by_name[name] for name in names] + sources[::400]
    parts = [convert(source) for source in chosen]
    errors = np.abs(np.concatenate([e for part in parts for e in part.errors_ms]))
    assert np.percentile(errors, 95) <= 8
    assert all(
        part.refused == part.notes["no room"] == part.pedals["no room"] == 0 for part in parts
    )
    metres = [statistics.mode(beats_of_bars(part.pieces[0].tokens)) for part in parts[:4]]
    assert metres == [3, 3, 3, 4]
    assert parts[4].slips["mended"] > 0
