"""Events to MIDI and back: timed messages for a player, Type-1 files, and reading them.

One set of rules serves both ways out: a key struck again is released first, every note ends, the
pedal ends up. At one instant the order is note-off, pedal, note-on, so nothing is cut by accident.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import mido

from music.errors import MusicError
from music.events import MAX_BPM, MIN_BPM, Bar, Chord, Event, Note, Pedal, Tempo, TempoMap

TICKS_PER_BEAT = 480
SUSTAIN = 64  # controller number
DRUMS = 9  # channel 10 to people: not piano
MAX_FILE_BYTES = 16 * 2**20
MAX_NOTES = 200_000
MAX_BEATS = 200_000.0
OFF, PEDAL, ON = range(3)  # order of messages at one instant

Marker = tuple[float, str]  # onset_beats, text
Timed = tuple[float, int, mido.Message]  # seconds or whole ticks, rank, message
Place = Callable[[float], float]  # beats to seconds or to whole ticks


def messages(
    events: Iterable[Event], tempo_map: TempoMap | None = None
) -> list[tuple[float, mido.Message]]:
    """What to send and when, in seconds from beat 0, in order, on the first channel.

    `tempo_map` maps beats to seconds; without one it is made from the tempos among the events.
    """
    events = list(events)
    beats_to_s = (tempo_map or tempo_map_of(events)).seconds
    timed = _performed(events, beats_to_s, shortest=0.001)
    return [(seconds, message) for seconds, _, message in timed]


def tempo_map_of(events: Iterable[Event]) -> TempoMap:
    """The tempo map that the tempos among `events` make, whatever their order."""
    tempo_map = TempoMap()
    tempos = (event for event in events if isinstance(event, Tempo))
    for tempo in sorted(tempos, key=lambda tempo: tempo.onset_beats):
        tempo_map.push(tempo)
    return tempo_map


def write_midi(path: str | Path, events: Iterable[Event], markers: Sequence[Marker] = ()) -> None:
    """Write a Type-1 MIDI file, 480 ticks a beat: a track of tempo, metre and text, and a piano.

    Bars become time signatures and cue points, chords become text, and `markers`
    (onset_beats, text), such as the emotion where it changes, become the markers a DAW shows on
    its time line. The same events give the same bytes. Raises MusicError if `path` cannot be
    written.
    """
    events = list(events)
    file = mido.MidiFile(type=1, ticks_per_beat=TICKS_PER_BEAT)
    file.tracks.append(_track("emocapsule", _signs(events, markers)))
    played = _performed(events, _ticks, shortest=1)
    program = (0.0, OFF, mido.Message("program_change", program=0))
    file.tracks.append(_track("piano", [program, *played]))
    try:
        file.save(str(path))
    except OSError as problem:
        raise MusicError(
            f"{path} cannot be written ({problem.strerror}); choose another folder."
        ) from problem


def read_midi(path: str | Path) -> list[Event]:
    """The events of a MIDI file in time order: notes of all but the drum channel, pedal, tempo.

    Bars and chords come back from files that `write_midi` wrote. Raises MusicError if the file
    is missing, too large, damaged, or counts in SMPTE frames.
    """
    file = _open(Path(path))
    events: list[Event] = []
    sounding: dict[tuple[int, int], list[tuple[float, int]]] = {}
    tick = 0
    for message in mido.merge_tracks(file.tracks):
        tick += message.time
        onset_beats = tick / file.ticks_per_beat
        if onset_beats > MAX_BEATS or len(events) > MAX_NOTES:
            raise MusicError(
                f"{path} holds more than {MAX_NOTES} events or {MAX_BEATS:.0f} beats; cut it."
            )
        events += _read_sign(message, onset_beats)
        events += _read_key(message, onset_beats, sounding, 1 / file.ticks_per_beat)
    end_beats = tick / file.ticks_per_beat
    for (_, pitch), strikes in sounding.items():  # never released: they end with the file
        for onset_beats, velocity in strikes:
            length = max(end_beats - onset_beats, 1 / file.ticks_per_beat)
            events.append(Note(onset_beats, length, pitch, velocity))
    return sorted(events, key=lambda event: event.onset_beats)


# ---------------------------------------------------------------------------- writing


def _ticks(beats: float) -> int:
    return round(beats * TICKS_PER_BEAT)


def _performed(events: Iterable[Event], place: Place, shortest: float) -> list[Timed]:
    """Key and pedal messages, in order."""
    timed: list[Timed] = []
    struck: dict[int, dict[float, tuple[float, int]]] = {}  # pitch: onset: (end, velocity)
    pedals: list[tuple[float, bool]] = []
    for event in events:
        if isinstance(event, Note):
            onset = place(event.onset_beats)
            end = max(place(event.onset_beats + event.duration_beats), onset + shortest)
            strikes = struck.setdefault(event.pitch, {})
            other_end, other_velocity = strikes.get(onset, (end, 0))  # a twin: keep the more
            strikes[onset] = (max(end, other_end), max(event.velocity, other_velocity))
        elif isinstance(event, Pedal):
            pedals.append((place(event.onset_beats), event.down))
    for pitch, strikes in struck.items():  # never released later than it is struck again
        until = math.inf
        for onset in sorted(strikes, reverse=True):
            end, velocity = strikes[onset]
            timed.append((onset, ON, mido.Message("note_on", note=pitch, velocity=velocity)))
            timed.append((min(end, until), OFF, mido.Message("note_off", note=pitch)))
            until = onset
    timed += _pedalling(pedals, max((at for at, _, _ in timed), default=0.0))
    return sorted(timed, key=_order)


def _pedalling(pedals: Iterable[tuple[float, bool]], end: float) -> list[Timed]:
    """The pedal's changes only, and up at the end."""
    timed: list[Timed] = []
    was_down = False
    for onset, down in sorted(pedals, key=lambda pedal: pedal[0]):
        if down != was_down:
            timed.append((onset, PEDAL, _sustain(down)))
            was_down = down
    if was_down:
        timed.append((max(end, timed[-1][0]), PEDAL, _sustain(False)))
    return timed


def _sustain(down: bool) -> mido.Message:
    return mido.Message("control_change", control=SUSTAIN, value=127 if down else 0)


def _order(timed: Timed) -> tuple[float, int, int]:
    position, rank, message = timed
    return position, rank, getattr(message, "note", 0)


def _signs(events: Iterable[Event], markers: Iterable[Marker]) -> list[Timed]:
    """Tempo, metre, bars, chords and markers as (tick, rank, message), in order."""
    events = list(events)
    signs: list[Timed] = []
    for tempo in tempo_map_of(events).tempos():
        message = mido.MetaMessage("set_tempo", tempo=round(60e6 / tempo.bpm))
        signs.append((_ticks(tempo.onset_beats), 0, message))
    bars = sorted(event.onset_beats for event in events if isinstance(event, Bar))
    signs += _metres(bars)
    for number, onset_beats in enumerate(bars, start=1):
        message = mido.MetaMessage("cue_marker", text=f"bar {number}")
        signs.append((_ticks(onset_beats), 2, message))
    for event in events:
        if isinstance(event, Chord):
            message = mido.MetaMessage("text", text=f"chord {_latin(event.name)}")
            signs.append((_ticks(event.onset_beats), 3, message))
    for onset_beats, text in markers:
        message = mido.MetaMessage("marker", text=_latin(text))
        signs.append((_ticks(onset_beats), 4, message))
    return sorted(signs, key=lambda sign: sign[:2])


def _metres(bars: Sequence[float]) -> list[Timed]:
    """A time signature wherever the length of a bar changes, in quarters or else in eighths."""
    signs: list[Timed] = []
    known = None
    for onset_beats, following in zip(bars, bars[1:], strict=False):
        eighths = round(2 * (following - onset_beats))
        metre = (eighths, 8) if eighths % 2 else (eighths // 2, 4)
        if metre != known and 1 <= eighths <= 64:
            message = mido.MetaMessage("time_signature", numerator=metre[0], denominator=metre[1])
            signs.append((_ticks(onset_beats), 1, message))
            known = metre
    return signs


def _latin(text: str) -> str:
    """The text as a MIDI file can hold it."""
    return text.encode("latin-1", "replace").decode("latin-1")


def _track(name: str, timed: Iterable[Timed]) -> mido.MidiTrack:
    track = mido.MidiTrack([mido.MetaMessage("track_name", name=name)])
    now = 0.0
    for tick, _, message in timed:
        track.append(message.copy(time=int(tick - now)))
        now = tick
    return track


# ---------------------------------------------------------------------------- reading


def _open(path: Path) -> mido.MidiFile:
    try:
        size_bytes = path.stat().st_size
        if size_bytes > MAX_FILE_BYTES:
            raise MusicError(f"{path} is larger than {MAX_FILE_BYTES // 2**20} MiB; cut it.")
        file = mido.MidiFile(str(path), clip=True)
    except FileNotFoundError as problem:
        raise MusicError(f"{path} does not exist; give a MIDI file.") from problem
    except (OSError, EOFError, ValueError, KeyError, IndexError, TypeError) as problem:
        raise MusicError(f"{path} is not a readable MIDI file ({problem}).") from problem
    if not 0 < file.ticks_per_beat < 0x8000:
        raise MusicError(f"{path} counts in SMPTE frames; give a file that counts in beats.")
    return file


def _read_sign(message: mido.MetaMessage, onset_beats: float) -> list[Event]:
    if message.type == "set_tempo":
        bpm = min(max(60e6 / max(message.tempo, 1), MIN_BPM), MAX_BPM)
        return [Tempo(onset_beats, bpm)]
    if message.type == "cue_marker" and message.text.startswith("bar "):
        return [Bar(onset_beats)]
    if message.type == "text" and message.text.startswith("chord "):
        return [Chord(onset_beats, message.text.removeprefix("chord "))]
    return []


def _read_key(
    message: mido.Message,
    onset_beats: float,
    sounding: dict[tuple[int, int], list[tuple[float, int]]],
    shortest_beats: float,
) -> list[Event]:
    """What a channel message ends or does; `sounding` holds the keys that are down."""
    if message.is_meta or getattr(message, "channel", DRUMS) == DRUMS:
        return []
    if message.type == "control_change" and message.control == SUSTAIN:
        return [Pedal(onset_beats, message.value >= 64)]
    if message.type not in ("note_on", "note_off"):
        return []
    strikes = sounding.setdefault((message.channel, message.note), [])
    if message.type == "note_on" and message.velocity > 0:
        strikes.append((onset_beats, message.velocity))
        return []
    if not strikes:
        return []
    struck_beats, velocity = strikes.pop(0)
    length = max(onset_beats - struck_beats, shortest_beats)
    return [Note(struck_beats, length, message.note, velocity)]
