"""MIDI files as they come: both hands, chord tracks, hung notes, and files without beats."""

from pathlib import Path

import mido
import numpy as np
import pytest

from music.corpus.chords import name_of
from music.corpus.dataset import Source
from music.corpus.parts import convert
from music.corpus.readers import read
from music.events import Event, Note, Pedal, Tempo
from music.midi import write_midi

TPQ = 480
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


def scale(count: int, start: float = 0.0) -> Struck:
    return [(start + 0.5 * i, 0.45, 60 + i % 12) for i in range(count)]


def own(path: str, dataset: str = "folder") -> Source:
    return Source(path, dataset, "a song", "train")


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
