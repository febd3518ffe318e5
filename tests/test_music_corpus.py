"""MIDI files to tokens: beats are found, nothing is lost, no song leaks, stopped work goes on."""

import hashlib
import json
import signal
import statistics
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import mido
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_music_grammar import small_piece

from music import vocabulary as v
from music.corpus import parts as corpus_parts
from music.corpus import prepare as preparation
from music.corpus.beats import Grid, lay_out, mend, seconds_of, steady
from music.corpus.chords import name_of
from music.corpus.crops import CropConfig, Crops
from music.corpus.dataset import Source, load
from music.corpus.encode import Performance, encode
from music.corpus.parts import convert, path_of, take
from music.corpus.prepare import main, prepare
from music.corpus.readers import read
from music.corpus.roundtrip import drift_ms, round_trip
from music.corpus.sources import find_folder, find_known
from music.errors import MusicError
from music.events import Bar, Chord, Event, Note, Pedal, Tempo, TempoMap
from music.midi import write_midi

TPQ = 480


def song(seed: int, bars: int = 8) -> list[Event]:
    rng = np.random.default_rng(seed)
    events: list[Event] = [Bar(float(b * 4)) for b in range(bars)]
    events += [Tempo(float(b), 100 + 10 * np.sin(b)) for b in range(4 * bars)]
    events += [Chord(float(4 * b), ("C:M", "A:m")[b % 2]) for b in range(bars)]
    for _ in range(12 * bars):
        onset = float(rng.uniform(0, 4 * bars - 1))
        events.append(Note(onset, 0.5, int(rng.integers(40, 90)), int(rng.integers(30, 110))))
    events += [Pedal(1.0, True), Pedal(3.5, False)]
    return sorted(events, key=lambda event: event.onset_beats)


def toy_corpus(folder: Path) -> Path:
    """A folder laid out as EMOPIA and Pop1K7 are, of our own notes."""
    clips, rows = folder / "emopia" / "beats", ["clip,song,quadrant,key,split,beats"]
    clips.mkdir(parents=True)
    for n in range(24):
        name, split = f"Q{n % 4 + 1}_s{n // 2}_{n}", "val" if n >= 20 else "train"
        write_midi(clips / f"{name}.mid", song(n))
        rows.append(f"{name},s{n // 2},Q{n % 4 + 1},C,{split},ok")
    (folder / "emopia" / "clips.csv").write_text("\n".join(rows) + "\n")
    (folder / "pop1k7").mkdir()
    for n in range(6):
        write_midi(folder / "pop1k7" / f"{n}.mid", song(100 + n))
    return folder


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    return toy_corpus(tmp_path)


Struck = list[tuple[float, float, int]]  # quarter, length in quarters, pitch


def midi(
    path: Path,
    *tracks: Struck,
    metre: tuple[int, int] | None = (4, 4),
    bpm: tuple[float, ...] = (100.0,),
    channel: int = 0,
    extra: tuple[mido.Message, ...] = (),
) -> str:
    """A file of our own; the tempi of ``bpm`` hold for a quarter each, the last one for ever."""
    file = mido.MidiFile(type=1, ticks_per_beat=TPQ)
    signs: list[mido.MetaMessage] = []
    if metre:
        numerator, denominator = metre
        signs.append(
            mido.MetaMessage("time_signature", numerator=numerator, denominator=denominator)
        )
    for number, one in enumerate(bpm):
        signs.append(mido.MetaMessage("set_tempo", tempo=round(6e7 / one), time=TPQ * bool(number)))
    file.tracks.append(mido.MidiTrack(signs))
    for struck in tracks:
        timed = []
        for quarter, length, pitch in struck:
            on, off = round(quarter * TPQ), round((quarter + length) * TPQ)
            key = {"note": pitch, "channel": channel}
            timed += [(on, 1, mido.Message("note_on", velocity=70, **key))]
            timed += [(off, 0, mido.Message("note_off", **key))]
        track, now = mido.MidiTrack(), 0
        for tick, _, message in sorted(timed, key=lambda one: one[:2]):
            track.append(message.copy(time=tick - now))
            now = tick
        track += extra
        file.tracks.append(track)
    file.save(str(path))
    return str(path)


def scale(count: int, step: float = 0.5, start: float = 0.0) -> Struck:
    return [(start + step * i, step * 0.9, 60 + i % 12) for i in range(count)]


def own(path: str, dataset: str = "folder") -> Source:
    return Source(path, dataset, "a song", "train")


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


# ------------------------------------------------------------------------- readers


def test_what_is_held_over_a_cut_is_said_again(tmp_path: Path) -> None:
    path = tmp_path / "a.mid"
    bpm = [120.0] * 20 + [170.0] * 20
    events: list[Event] = [Tempo(float(b), one) for b, one in enumerate(bpm)]
    events += [Note(0.5 * i, 0.4, 60 + i % 5, 60) for i in range(79)]
    write_midi(path, [*events, Pedal(1.0, True), Pedal(30.0, False)])
    reading = read(own(str(path), "pop1k7"))
    assert (reading.slips_mended, reading.slips_cut) == (0, 1)
    first, second = reading.stretches
    assert [down for _, down in first.pedals] == [True]
    assert [down for _, down in second.pedals] == [True, False]
    assert second.pedals[0][0] == second.beat_times_s[0]
    assert len(first.notes) + len(second.notes) == 79
    assert reading.notes_outside == 0


def test_the_chord_track_of_pop909_is_no_music(tmp_path: Path) -> None:
    spelt = [
        *[(4.0 * b, 2.0, p) for b in range(8) for p in (48, 52, 55)],
        *[(4.0 * b + 2.25, 1.75, p) for b in range(8) for p in (48, 53, 57)],
    ]
    path = midi(tmp_path / "1.mid", scale(64), spelt, metre=(3, 8), bpm=(80.0,))
    reading = read(own(path, "pop909"))
    (stretch,) = reading.stretches
    assert len(stretch.notes) == 64
    assert stretch.written
    assert stretch.downbeats[:3] == (0, 3, 6)
    assert stretch.chords[:3] == ((0.0, "C:M"), (4.5, "F:M"), (8.0, "C:M"))  # beats are eighths
    assert (reading.source.has_pedal, reading.source.quadrant) == (False, None)
    only_chords = midi(tmp_path / "2.mid", spelt)
    file = mido.MidiFile(only_chords)
    file.tracks[1].insert(0, mido.MetaMessage("track_name", name="chords"))
    file.save(only_chords)
    assert "no notes" in str(convert(own(only_chords, "pop909")).reason)


@pytest.mark.parametrize(
    ("pitches", "name"),
    [
        ([48, 52, 55], "C:M"),
        ([52, 55, 60], "C:M"),
        ([45, 48, 52, 55], "A:m7"),
        ([48, 52, 55, 57], "A:m7"),
        ([50, 54, 57, 60, 64], "D:M"),
        ([55, 60, 62], "G:sus4"),
        ([60], "N"),
    ],
)
def test_chords_are_named_in_any_inversion(pitches: list[int], name: str) -> None:
    assert name_of(pitches) == name


def test_empty_bars_at_the_start_are_left_out(tmp_path: Path) -> None:
    (stretch,) = read(own(midi(tmp_path / "a.mid", scale(64, start=8.5)))).stretches
    assert stretch.notes[0][0] - stretch.beat_times_s[0] == pytest.approx(0.5 * 0.6)


def test_both_hands_of_a_users_file_are_read_and_drums_are_not(tmp_path: Path) -> None:
    low = [(q, n, p - 24) for q, n, p in scale(32)]
    pedal = (
        mido.Message("control_change", control=64, value=127, time=0),
        mido.Message("control_change", control=64, value=0, time=200),
    )
    path = midi(tmp_path / "a.mid", scale(32), low, metre=(6, 8), extra=pedal)
    reading = read(own(path))
    (stretch,) = reading.stretches
    assert len(stretch.notes) == 64
    assert stretch.downbeats[:3] == (0, 3, 6)
    assert reading.source.has_pedal
    drums = midi(tmp_path / "d.mid", scale(32), channel=9)
    assert "no notes" in str(convert(own(drums)).reason)


def test_a_note_that_never_ends_is_counted(tmp_path: Path) -> None:
    hung = (mido.Message("note_on", note=30, velocity=50, time=0),)
    part = convert(own(midi(tmp_path / "a.mid", scale(64), extra=hung)))
    assert part.notes["never released"] == 1
    assert part.notes["kept"] == 64


def test_a_file_that_does_not_know_its_beats_is_refused(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    free = [(float(t), 0.4, 60 + i % 9) for i, t in enumerate(np.sort(rng.uniform(0, 60, 150)))]
    part = convert(own(midi(tmp_path / "free.mid", free, metre=None, bpm=(120.0,))))
    assert not part.pieces
    assert "tempo map" in str(part.reason)
    smpte = Path(midi(tmp_path / "smpte.mid", scale(64)))
    smpte.write_bytes(smpte.read_bytes()[:12] + b"\xe7\x28" + smpte.read_bytes()[14:])
    assert "SMPTE" in str(convert(own(str(smpte))).reason)
    swung = [(q + rng.normal(0, 0.03), n, p) for q, n, p in scale(128, start=0.2)]
    assert convert(own(midi(tmp_path / "click.mid", swung))).pieces  # to a click, by a person
    assert "four bars" in str(convert(own(midi(tmp_path / "short.mid", scale(20)))).reason)


# ------------------------------------------------------------------------- sources and labels


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Six files of a user's own, two of them in a folder inside."""
    mine = tmp_path / "mine"
    (mine / "more").mkdir(parents=True)
    for n in range(6):
        write_midi(mine / ("more" if n > 3 else ".") / f"{n}.mid", song(n))
    return mine


def test_labels_say_quadrant_song_and_split(folder: Path) -> None:
    rows = ["file,quadrant,song,split", "0.mid,Q1,one,test", "1.mid,q4,one,", "more/4.mid,,,"]
    (folder / "labels.csv").write_text("\ufeff" + "\n".join(rows) + "\n", encoding="utf-8")
    found = {Path(s.path).name: s for s in find_folder(folder, None)}
    assert len(found) == 6
    assert (found["0.mid"].quadrant, found["0.mid"].split) == (0, "test")
    assert (found["1.mid"].quadrant, found["1.mid"].split) == (3, "test")  # its song's split
    assert (found["4.mid"].quadrant, found["4.mid"].song) == (None, "more/4.mid")
    assert {s.dataset for s in found.values()} == {"folder"}


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("9.mid,Q1,,", "row 3: there is no file '9.mid'"),
        ("1.mid,Q5,,", "row 3: the quadrant 'Q5'"),
        ("1.mid,happy,,", "row 3: the quadrant 'happy'"),
        ("1.mid,Q1,,dev", "row 3: the split 'dev'"),
        ("0.mid,Q1,,", "row 3: 0.mid is named twice"),
        ("1.mid,Q1,one,valid", "row 3: the song 'one' is in two splits"),
    ],
)
def test_a_wrong_label_is_named_by_its_row(folder: Path, row: str, said: str) -> None:
    (folder / "l.csv").write_text(f"file,quadrant,song,split\n0.mid,Q1,one,train\n{row}\n")
    with pytest.raises(MusicError, match=said):
        find_folder(folder, folder / "l.csv")


def test_what_is_not_there_is_said(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(MusicError, match="--data"):
        find_known(tmp_path / "nothing")
    with pytest.raises(MusicError, match="not a folder"):
        find_folder(tmp_path / "nothing", None)
    (tmp_path / "empty").mkdir()
    with pytest.raises(MusicError, match="no MIDI file"):
        find_folder(tmp_path / "empty", None)
    with pytest.raises(MusicError, match="--labels"):
        find_folder(folder, folder / "nothing.csv")
    (folder / "l.csv").write_text("name,quadrant\n")
    with pytest.raises(MusicError, match="no column 'file'"):
        find_folder(folder, folder / "l.csv")


# ------------------------------------------------------------------------- the whole


def test_prepare_reads_everything_and_no_song_is_in_two_splits(corpus: Path) -> None:
    report = prepare(corpus, corpus / "out")
    pieces = load(corpus / "out")
    assert report["files"] == 30
    assert report["rejected"] == []
    assert report["onset_error_ms"]["p99"] < 8
    splits: dict[str, set[str]] = {}
    for piece in pieces:
        splits.setdefault(piece.source.song, set()).add(piece.source.split)
    assert all(len(found) == 1 for found in splits.values())
    assert {s for s, found in splits.items() if "test" in found} == {"s10", "s11"}


def test_the_report_counts_everything_once(corpus: Path) -> None:
    out = corpus / "out"
    (corpus / "pop1k7" / "0.mid").write_bytes(b"not midi")
    report = prepare(corpus, out)
    assert report == json.loads((out / "report.json").read_text())
    assert [str(corpus / "pop1k7" / "0.mid") in line for line in report["rejected"]] == [True]
    pieces = load(out)
    assert len(pieces) == 29
    assert sum(row["pieces"] for row in report["counts"]) == 29
    assert sum(row["files"] for row in report["counts"]) == 30
    kept = sum(found["notes"]["kept"] for found in report["by_data_set"].values())
    assert kept == sum(row["notes"] for row in report["counts"])
    assert sum(report["tokens"].values()) == sum(len(piece.tokens) for piece in pieces)
    for found in report["statistics"].values():
        assert sum(found["share"].values()) == pytest.approx(1, abs=1e-3)
    page = (out / "report.md").read_text()
    assert "| emopia | test | Q1 |" in page
    assert "not a MIDI file" in page


def test_stopped_work_goes_on_and_ends_the_same(
    corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, stopped, made = corpus / "whole", corpus / "stopped", []
    prepare(corpus, whole)

    def stop_after_seven(job):
        if len(made) == 7:
            raise KeyboardInterrupt
        made.append(job)
        corpus_parts.make(job)

    monkeypatch.setattr(preparation, "make", stop_after_seven)
    with pytest.raises(KeyboardInterrupt):
        prepare(corpus, stopped)
    assert not (stopped / "music.npz").exists()

    def count(job):
        made.append(job)
        corpus_parts.make(job)

    monkeypatch.setattr(preparation, "make", count)
    prepare(corpus, stopped)
    assert len(made) == 30
    for name in ("music.npz", "music.json", "report.json"):
        assert (stopped / name).read_bytes() == (whole / name).read_bytes()
    made.clear()
    prepare(corpus, stopped)
    assert made == []


def test_nothing_stale_or_damaged_is_used_again(
    corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, changed = corpus / "out", corpus / "pop1k7" / "1.mid"
    before = prepare(corpus, out)
    np.savez(out / "labels.npz", p=np.zeros((1, 4)))
    prepare(corpus, out)
    assert (out / "labels.npz").exists()  # the tokens are the same
    sources, _ = find_known(corpus)
    damaged = path_of(out / "parts", sources[0])
    damaged.write_bytes(damaged.read_bytes()[:200])
    assert take(damaged) is None
    write_midi(changed, song(500, bars=12))
    made = []
    monkeypatch.setattr(
        preparation, "make", lambda job: (made.append(job[0].path), corpus_parts.make(job))
    )
    after = prepare(corpus, out)
    assert sorted(made) == sorted([sources[0].path, str(changed)])
    assert sum(after["tokens"].values()) > sum(before["tokens"].values())
    assert not (out / "labels.npz").exists()
    assert len(list((out / "parts").iterdir())) == 30  # the old part is gone
    monkeypatch.setattr(v, "fingerprint", lambda: "another")
    corpus_parts._recipe.cache_clear()
    assert not path_of(out / "parts", sources[0]).exists()
    corpus_parts._recipe.cache_clear()


def test_two_processes_make_what_one_makes(corpus: Path) -> None:
    prepare(corpus, corpus / "one", jobs=1)
    prepare(corpus, corpus / "two", jobs=2)
    for name in ("music.npz", "report.json"):
        assert (corpus / "one" / name).read_bytes() == (corpus / "two" / name).read_bytes()


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL on this system")
def test_killed_work_leaves_no_process_and_goes_on(corpus: Path) -> None:
    out = corpus / "out"
    program = "import sys; from music.corpus.prepare import main; main(sys.argv[1:])"
    args = ["--data", str(corpus), "--out", str(out), "--jobs", "2"]
    run = subprocess.Popen(
        [sys.executable, "-c", program, *args],
        cwd=Path(__file__).parents[1],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    while not list(out.glob("parts/*.npz")) and run.poll() is None:
        time.sleep(0.02)
    run.kill()
    run.communicate(timeout=20)  # its processes hold the pipe as long as they live
    assert run.returncode == -signal.SIGKILL
    assert not (out / "music.npz").exists()
    assert prepare(corpus, out)["pieces"] == 30


def test_a_folder_alone_can_be_learned_from_and_adds_to_the_rest(
    corpus: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = ["file,quadrant,split", *(f"{n}.mid,Q{n + 1},train" for n in range(4))]
    (folder / "labels.csv").write_text("\n".join(rows) + "\n")
    alone, both = corpus / "alone", corpus / "both"
    assert main(["--folder", str(folder), "--out", str(alone), "--jobs", "1"]) == 0
    assert "| folder | train | Q4 |" in capsys.readouterr().out
    pieces = load(alone)
    assert [piece.source.quadrant for piece in pieces] == [0, 1, 2, 3, None, None]
    batch = Crops(pieces, CropConfig(length=60), seed=0).batch(4, 0.5)
    assert tuple(batch.inputs.tokens.shape) == (4, 60)
    args = ["--data", str(corpus), "--folder", str(folder), "--out", str(both), "--jobs", "1"]
    assert main(args) == 0
    assert len(load(both)) == 36


def test_what_cannot_be_loaded_says_what_to_do(tmp_path: Path, corpus: Path) -> None:
    with pytest.raises(MusicError, match="emocapsule prepare"):
        load(tmp_path / "nothing")
    out = corpus / "out"
    prepare(corpus, out, limit=2)
    meta = json.loads((out / "music.json").read_text())
    (out / "music.json").write_text(json.dumps(meta | {"vocabulary": "older"}))
    with pytest.raises(MusicError, match="another vocabulary"):
        load(out)
    (out / "music.json").write_text(json.dumps(meta | {"sources": meta["sources"][:-1]}))
    with pytest.raises(MusicError, match="half written"):
        load(out)


def test_a_folder_without_music_says_why(tmp_path: Path) -> None:
    (tmp_path / "a.mid").write_bytes(b"not midi")
    with pytest.raises(MusicError, match=r"None of 1 files can be used: .*a\.mid"):
        prepare(None, tmp_path / "out", folder=tmp_path)


@pytest.mark.parametrize("wrong", [["--jobs", "0"], ["--limit", "0"], ["--labels", "x.csv"]])
def test_wrong_use_ends_with_two(wrong: list[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(wrong)
    assert stopped.value.code == 2


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
