"""Tokens: what may follow what, what they say, and that nothing sounds for ever."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pieces import small_piece

from music import vocabulary as v
from music.corpus.encode import Performance, encode
from music.events import Bar, Chord, Note, Pedal, Tempo, TempoMap
from music.grammar import Decoder, Grammar, coordinates, decode

GOLDEN = Path(__file__).parent / "golden"


def random_sentence(seed: int, length: int) -> list[int]:
    """Tokens drawn evenly from what the grammar allows."""
    rng, state, tokens = np.random.default_rng(seed), Grammar(), []
    for _ in range(length):
        token = int(rng.choice(np.flatnonzero(state.mask())))
        state, _ = state.push(token)
        tokens.append(token)
    return tokens


def test_families_tile_the_vocabulary() -> None:
    covered = [t for family in v.FAMILIES.values() for t in range(family.start, family.stop)]
    assert covered == list(range(v.SIZE))
    assert len({v.describe(token) for token in range(v.SIZE)}) == v.SIZE


def test_every_bin_survives_its_own_round_trip() -> None:
    assert all(v.tempo_token(v.tempo_bpm(t)) == t for t in range(v.TEMPO.start, v.TEMPO.stop))
    assert all(v.duration_token(v.duration_beats(t)) == t for t in range(v.DUR.start, v.DUR.stop))
    assert all(v.velocity_token(v.velocity_value(t)) == t for t in range(v.VEL.start, v.VEL.stop))


@given(st.lists(st.integers(0, v.SIZE - 1), max_size=300))
@settings(max_examples=50, deadline=None)
def test_any_tokens_decode_without_raising(tokens: list[int]) -> None:
    events = decode(tokens)
    pedals = [event.down for event in events if isinstance(event, Pedal)]
    assert pedals == [i % 2 == 0 for i in range(len(pedals))]  # down and up in turn
    assert len(pedals) % 2 == 0  # and up at the end


def test_ten_thousand_random_tokens_leave_nothing_sounding() -> None:
    rng = np.random.default_rng(0)
    decoder = Decoder()
    events = [e for t in rng.integers(0, v.SIZE, 10_000) for e in decoder.push(int(t))]
    events += decoder.flush()
    assert decoder.refused > 0
    notes = [event for event in events if isinstance(event, Note)]
    assert notes
    assert all(0 < n.duration_beats <= v.DURATION_RANGE_BEATS[1] for n in notes)
    pedals = [event.down for event in events if isinstance(event, Pedal)]
    assert not pedals or not pedals[-1]


@pytest.mark.parametrize("seed", range(5))
def test_what_the_mask_allows_is_accepted_and_time_never_runs_back(seed: int) -> None:
    decoder, last = Decoder(), 0.0
    for token in random_sentence(seed, 2000):
        for event in decoder.push(token):
            assert event.onset_beats >= last
            last = event.onset_beats
        assert decoder.state.horizon_beats >= last
    assert decoder.refused == 0


def test_mask_and_accepts_agree() -> None:
    state = Grammar()
    for token in random_sentence(3, 300):
        mask = state.mask()
        assert [state.accepts(t) for t in range(v.SIZE)] == mask.tolist()
        state, _ = state.push(token)


def test_coordinates_equal_the_streaming_grammar() -> None:
    tokens = random_sentence(7, 3000)
    bar, metre = coordinates(np.array(tokens))
    state = Grammar()
    for i, token in enumerate(tokens):
        state, _ = state.push(token)
        assert (bar[i], metre[i]) == (state.bar, state.metre_beats)


def test_encode_then_decode_keeps_every_note_pedal_and_chord() -> None:
    piece = small_piece()
    tempo_map, notes, pedals, chords = TempoMap(), [], [], []
    for event in decode(encode(piece)):
        if isinstance(event, Tempo):
            tempo_map.push(event)
        elif isinstance(event, Note):
            notes.append((tempo_map.seconds(event.onset_beats), event))
        elif isinstance(event, Pedal):
            pedals.append((tempo_map.seconds(event.onset_beats), event.down))
        elif isinstance(event, Chord):
            chords.append(event.name)
    assert len(notes) == len(piece.notes)
    for (onset_s, note), played in zip(notes, sorted(piece.notes), strict=True):
        assert note.pitch == played[2]
        assert abs(note.velocity - played[3]) <= v.VELOCITY_STEP // 2
        assert abs(onset_s - played[0]) < 0.5 * 0.55 / v.POSITIONS_PER_BEAT + 1e-9
    assert [down for _, down in pedals] == [down for _, down in piece.pedals]
    assert all(abs(a - b) < 0.012 for (a, _), (b, _) in zip(pedals, piece.pedals, strict=True))
    assert chords == ["C:M", "A:m", "F:M", "G:7"]


def test_tempo_rounding_never_drifts() -> None:
    beats = np.cumsum(np.full(401, 0.5137))
    tempo_map = TempoMap()
    piece = Performance(beats, ((beats[0], beats[0] + 0.1, 60, 64),))
    for event in decode(encode(piece)):
        if isinstance(event, Tempo):
            tempo_map.push(event)
    drift = [tempo_map.seconds(float(k)) - (t - beats[0]) for k, t in enumerate(beats[:-1])]
    assert max(map(abs, drift)) < 0.0075


def test_golden_tokens() -> None:
    """music_tokens.txt: `encode` of `small_piece`, in words. Made by writing `words` to it."""
    words = "\n".join(v.describe(int(token)) for token in encode(small_piece())) + "\n"
    assert words == (GOLDEN / "music_tokens.txt").read_text()


def test_transposing_up_and_down_again_is_the_identity() -> None:
    tokens = encode(small_piece())
    assert (v.transpose(v.transpose(tokens, 5), -5) == tokens).all()
    shifted = [e for e in decode(v.transpose(tokens, 2)) if isinstance(e, Note)]
    assert [n.pitch - 2 for n in shifted] == [
        n.pitch for n in decode(tokens) if isinstance(n, Note)
    ]


def test_bars_open_on_the_beat_that_follows() -> None:
    events = decode(encode(small_piece()))
    assert [e.onset_beats for e in events if isinstance(e, Bar)] == [0.0, 4.0, 8.0, 12.0]
