"""Music of our own to test with: a performance, songs, and a folder laid out as the data sets."""

from pathlib import Path

import numpy as np

from music.corpus.encode import Performance
from music.events import Bar, Chord, Event, Note, Pedal, Tempo
from music.midi import write_midi


def small_piece() -> Performance:
    """Four bars at a swaying tempo: a melody, chords, a pedal."""
    beats = np.cumsum([0.0, *(0.5 + 0.02 * np.sin(np.arange(16)))])
    notes = tuple((0.013 + 0.37 * i, 0.3 + 0.37 * i, 60 + (i * 7) % 24, 40 + i) for i in range(20))
    chords = tuple((beat, ("C:M", "A:m", "F:M", "G:7")[beat // 4]) for beat in range(0, 16, 4))
    return Performance(
        beats, notes, chords, ((0.02, True), (1.9, False), (2.0, True), (3.0, False))
    )


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
