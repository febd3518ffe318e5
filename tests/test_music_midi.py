"""Events become the MIDI bytes they should, come back as they were, and bad files say so."""

import contextlib
import random
import struct

import mido
import pytest
from hypothesis import given
from hypothesis import strategies as st

from music.errors import MusicError
from music.events import Bar, Chord, Note, Pedal, Tempo, TempoMap
from music.midi import TICKS_PER_BEAT, messages, read_midi, tempo_map_of, write_midi

# One bar with everything in it. Distinct bytes, so that a swap is seen.
PIECE = [
    Tempo(0.0, 100.0),
    Bar(0.0),
    Chord(0.0, "C:maj7"),
    Pedal(0.0, True),
    Note(0.0, 1.5, 60, 81),
    Note(1.0, 0.5, 64, 92),
    Note(1.25, 1.0, 60, 73),  # struck again while it sounds: released first
    Pedal(2.0, False),
    Tempo(2.0, 125.0),
    Bar(3.0),
]
# fmt: off
GOLDEN = bytes.fromhex(
    "4d546864 00000006 0001 0002 01e0"  # MThd: type 1, two tracks, 480 ticks a beat
    "4d54726b 0000 0053"  # MTrk: tempo, metre and text
    "00 ff 03 0a 656d6f63617073756c65"  # track name "emocapsule"
    "00 ff 51 03 0927c0"  # 600000 us a beat
    "00 ff 58 04 03 02 18 08"  # 3/4
    "00 ff 07 05 6261722031"  # cue point "bar 1"
    "00 ff 01 0c 63686f726420433a6d616a37"  # text "chord C:maj7"
    "00 ff 06 03 51312e"  # marker "Q1."
    "8740 ff 51 03 075300"  # tick 960: 480000 us a beat
    "8360 ff 07 05 6261722032"  # tick 1440: "bar 2"
    "00 ff 2f 00"
    "4d54726b 0000 0031"  # MTrk: piano
    "00 ff 03 05 7069616e6f"  # track name "piano"
    "00 c0 00"  # program 1, acoustic grand
    "00 b0 40 7f"  # pedal down
    "00 90 3c 51"  # C4 on
    "8360 40 5c"  # tick 480: E4 on, running status
    "78 80 3c 40"  # tick 600: C4 off ...
    "00 90 3c 49"  # ... and on again
    "78 80 40 40"  # tick 720: E4 off
    "8170 b0 40 00"  # tick 960: pedal up
    "78 80 3c 40"  # tick 1080: C4 off
    "00 ff 2f 00"
)
# fmt: on


def test_file_is_these_bytes(tmp_path):
    write_midi(tmp_path / "piece.mid", reversed(PIECE), markers=[(0.0, "Q1.")])
    assert (tmp_path / "piece.mid").read_bytes().hex(" ") == GOLDEN.hex(" ")


def test_read_gives_back_what_was_written(tmp_path):
    write_midi(tmp_path / "piece.mid", PIECE)
    expected = [event for event in PIECE if event != Note(0.0, 1.5, 60, 81)]
    expected.append(Note(0.0, 1.25, 60, 81))
    assert sorted(read_midi(tmp_path / "piece.mid"), key=repr) == sorted(expected, key=repr)


def random_notes(seed):
    rng = random.Random(seed)
    return [
        Note(
            rng.randrange(0, 4000) / TICKS_PER_BEAT,
            rng.randrange(1, 2000) / TICKS_PER_BEAT,
            rng.randrange(21, 109),
            rng.randrange(1, 128),
        )
        for _ in range(200)
    ]


@pytest.mark.parametrize("seed", range(5))
def test_rewriting_a_file_changes_nothing(tmp_path, seed):
    write_midi(tmp_path / "a.mid", [Tempo(0.0, 96.0), *random_notes(seed)])
    write_midi(tmp_path / "b.mid", read_midi(tmp_path / "a.mid"))
    assert (tmp_path / "a.mid").read_bytes() == (tmp_path / "b.mid").read_bytes()


@pytest.mark.parametrize("seed", range(5))
def test_no_key_is_struck_while_down_and_none_stays_down(seed):
    down = set()
    times = []
    for seconds, message in messages([*random_notes(seed), Pedal(1.0, True)]):
        times.append(seconds)
        if message.type == "note_on":
            assert message.note not in down
            down.add(message.note)
        elif message.type == "note_off":
            down.remove(message.note)
    assert not down
    assert times == sorted(times)


def test_pedal_ends_up_and_repeats_are_left_out():
    events = [Pedal(0, True), Pedal(1, True), Pedal(2, False), Pedal(2, True), Note(2, 4, 60, 64)]
    pedal = [
        (seconds, message.value)
        for seconds, message in messages(events)
        if message.type == "control_change"
    ]
    assert pedal == [(0.0, 127), (1.0, 0), (1.0, 127), (3.0, 0)]


def test_messages_follow_the_tempo_map():
    notes = [Note(0, 1, 60, 64), Note(3, 1, 62, 64)]
    tempo_map = tempo_map_of([Tempo(2.0, 30.0), Tempo(0.0, 60.0)])
    assert [seconds for seconds, _ in messages(notes, tempo_map)] == [0.0, 1.0, 4.0, 6.0]


tempos = st.lists(st.tuples(st.integers(1, 2000), st.floats(10.0, 400.0)), min_size=1, max_size=30)


@given(tempos, st.floats(0.0, 500.0))
def test_tempo_map_goes_there_and_back(steps, beats):
    tempo_map = TempoMap()
    at = 0.0
    for ticks, bpm in steps:
        tempo_map.push(Tempo(at, bpm))
        at += ticks / TICKS_PER_BEAT
    assert tempo_map.beats(tempo_map.seconds(beats)) == pytest.approx(beats, abs=1e-6)


@given(tempos)
def test_tempo_map_never_moves_the_past(steps):
    tempo_map, known, at = TempoMap(), [], 0.0
    for ticks, bpm in steps:
        tempo_map.push(Tempo(at, bpm))
        known.append((at, tempo_map.seconds(at)))
        at += ticks / TICKS_PER_BEAT
        assert [tempo_map.seconds(beats) for beats, _ in known] == [s for _, s in known]


def test_rewound_tempo_map_is_the_one_before():
    tempo_map = tempo_map_of([Tempo(0, 60), Tempo(2, 90)])
    tempo_map.push(Tempo(4, 30))
    tempo_map.rewind(4)
    assert tempo_map == tempo_map_of([Tempo(0, 60), Tempo(2, 90)])
    with pytest.raises(MusicError, match="in order"):
        tempo_map.push(Tempo(1, 50))


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Note(-1, 1, 60, 64), "beats count from 0"),
        (lambda: Note(0, 0, 60, 64), "more than 0"),
        (lambda: Note(0, float("nan"), 60, 64), "more than 0"),
        (lambda: Note(0, 1, 128, 64), "0 to 127"),
        (lambda: Note(0, 1, 60, 0), "1 to 127"),
        (lambda: Tempo(0, 0), "tempo"),
        (lambda: Tempo(float("inf"), 60), "placed"),
    ],
)
def test_impossible_events_cannot_be_made(make, said):
    with pytest.raises(MusicError, match=said):
        make()


def track(*messages):
    body = b"".join(messages) + b"\x00\xff\x2f\x00"
    return b"MTrk" + struct.pack(">I", len(body)) + body


def header(kind=1, division=480):
    return b"MThd" + struct.pack(">IHHH", 6, kind, 1, division)


BAD_FILES = {
    "empty": (b"", "not a readable MIDI file"),
    "text": (b"hello, I am not MIDI" * 10, "not a readable MIDI file"),
    "cut": (GOLDEN[:60], "not a readable MIDI file"),
    "smpte": (header(division=0xE728) + track(), "SMPTE"),
    "no-division": (header(division=0) + track(), "SMPTE"),
    "far": (header(division=1) + track(b"\xff\xff\xff\x7f\x90\x40\x40"), "cut it"),
    "huge": (b"MThd" + bytes(16 * 2**20), "larger than"),
}


@pytest.mark.parametrize("kind", BAD_FILES)
def test_bad_file_says_what_is_wrong(tmp_path, kind):
    content, said = BAD_FILES[kind]
    path = tmp_path / f"{kind}.mid"
    path.write_bytes(content)
    with pytest.raises(MusicError, match=said) as caught:
        read_midi(path)
    assert str(path) in str(caught.value)


def test_missing_file_and_folder_say_so(tmp_path):
    with pytest.raises(MusicError, match="does not exist"):
        read_midi(tmp_path / "none.mid")
    with pytest.raises(MusicError, match="not a readable MIDI file"):
        read_midi(tmp_path)
    with pytest.raises(MusicError, match="cannot be written"):
        write_midi(tmp_path / "none" / "a.mid", PIECE)


def test_damaged_bytes_never_raise_anything_else(tmp_path):
    rng = random.Random(0)
    path = tmp_path / "damaged.mid"
    for _ in range(300):
        content = bytearray(GOLDEN)
        for _ in range(rng.randrange(1, 6)):
            content[rng.randrange(len(content))] = rng.randrange(256)
        path.write_bytes(content)
        with contextlib.suppress(MusicError):
            read_midi(path)


def test_a_foreign_file_is_read(tmp_path):
    """Drums are left out, velocity 0 releases, a key never released ends with the file."""
    path = tmp_path / "foreign.mid"
    path.write_bytes(
        header(kind=0, division=96)
        + track(
            b"\x00\x99\x24\x50",  # a drum
            b"\x00\x92\x3c\x50",  # C4 on, channel 3
            b"\x30\x92\x3c\x00",  # C4 off by velocity 0
            b"\x00\x92\x3e\x51",  # D4 on, never off
            b"\x60\xb2\x40\x7f",  # pedal down
        )
    )
    assert read_midi(path) == [Note(0.0, 0.5, 60, 80), Note(0.5, 1.0, 62, 81), Pedal(1.5, True)]


def test_a_text_beyond_latin_is_written(tmp_path):
    write_midi(tmp_path / "a.mid", PIECE, markers=[(1.0, "Freude ☺")])
    marker = [m.text for m in mido.MidiFile(tmp_path / "a.mid").tracks[0] if m.type == "marker"]
    assert marker == ["Freude ?"]
