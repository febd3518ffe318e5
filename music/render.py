"""Notes to sound: FluidSynth, driven offline between one message and the next, into a WAV file."""

import math
import os
import sys
import wave
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import mido
import numpy as np

from music.errors import MusicError
from music.events import Event
from music.midi import messages, read_midi

RATE_HZ = 44_100
TAIL_S = 3.0  # for the last note to ring out
MAX_S = 2 * 3600.0
PEAK = 10 ** (-1 / 20)  # of full scale: -1 dB
MAX_BOOST = 4.0  # a whisper stays quiet
FULL_SCALE = 32_767
SOUNDFONT_NAMES = ("FluidR3_GM", "MuseScore_General", "TimGM6mb", "default-GM")
SOUNDFONT_FOLDERS = (
    "/usr/share/sounds/sf2",
    "/usr/share/sounds/sf3",
    "/usr/share/soundfonts",
    "/usr/local/share/soundfonts",
    "/opt/homebrew/share/soundfonts",
    "~/Library/Audio/Sounds/Banks",
    "~/.local/share/soundfonts",
    "C:/soundfonts",
)
HOW_TO_INSTALL = {
    "linux": "install libfluidsynth3 and fluid-soundfont-gm",
    "darwin": "run 'brew install fluid-synth' and put a General MIDI .sf2 file in "
    "~/Library/Audio/Sounds/Banks",
    "win32": "put FluidSynth's bin folder on PATH and a General MIDI .sf2 file in C:/soundfonts",
}


def find_soundfont() -> Path:
    """The soundfont to play with: $EMOCAPSULE_SOUNDFONT, else the first in the usual folders.

    Raises MusicError if there is none, saying what to install.
    """
    chosen = os.environ.get("EMOCAPSULE_SOUNDFONT")
    if chosen:
        return _checked(Path(chosen))
    for name in SOUNDFONT_NAMES:
        for folder in SOUNDFONT_FOLDERS:
            for suffix in (".sf2", ".sf3"):
                path = Path(folder).expanduser() / (name + suffix)
                if path.is_file():
                    return path
    raise MusicError(f"No soundfont was found; {_how_to_install()}, or set EMOCAPSULE_SOUNDFONT.")


def render_wav(
    source: str | Path | Iterable[Event],
    path_wav: str | Path,
    soundfont: str | Path | None = None,
) -> float:
    """Play a MIDI file or events on a piano into a 16-bit stereo WAV of 44.1 kHz.

    Messages take effect at their own sample, rounded up to FluidSynth's block of 64 (1.5 ms). The
    loudest sample ends at -1 dB, so nothing clips. Returns the length in seconds. Raises
    MusicError if the library or a soundfont is missing, or a file cannot be read or written.
    """
    library = _library()
    font = _checked(Path(soundfont)) if soundfont else find_soundfont()
    events = read_midi(source) if isinstance(source, str | Path) else source
    timed = messages(events)
    length_s = (timed[-1][0] if timed else 0.0) + TAIL_S
    if length_s > MAX_S:
        raise MusicError(f"The piece lasts {length_s / 3600:.1f} hours; render at most 2.")
    samples = _unclipped(library, font, timed, length_s)
    _write_wav(Path(path_wav), samples)
    return len(samples) / RATE_HZ


def _library() -> ModuleType:
    try:
        import fluidsynth
    except (ImportError, OSError) as problem:
        raise MusicError(f"FluidSynth's library was not found; {_how_to_install()}.") from problem
    module: ModuleType = fluidsynth
    return module


def _how_to_install() -> str:
    return HOW_TO_INSTALL.get(sys.platform, HOW_TO_INSTALL["linux"])


def _checked(path: Path) -> Path:
    if not path.is_file():
        raise MusicError(f"The soundfont {path} does not exist; {_how_to_install()}.")
    return path


def _unclipped(
    library: ModuleType, font: Path, timed: Sequence[tuple[float, mido.Message]], length_s: float
) -> np.ndarray:
    """int16 (frames, 2) with its peak at PEAK: played softer until the synth does not clip."""
    gain = 0.6
    while True:
        played = _played(library, font, timed, length_s, gain)
        peak = int(np.abs(played.astype(np.int32)).max(initial=0))
        if peak < FULL_SCALE:
            break
        gain /= 2
    boost = min(PEAK * FULL_SCALE / peak, MAX_BOOST) if peak else 1.0
    return np.rint(played * boost).astype(np.int16)


def _played(
    library: ModuleType,
    font: Path,
    timed: Sequence[tuple[float, mido.Message]],
    length_s: float,
    gain: float,
) -> np.ndarray:
    synth = library.Synth(gain=gain, samplerate=float(RATE_HZ))
    try:
        number = synth.sfload(str(font))
        if number < 0:
            raise MusicError(f"{font} is not a soundfont that FluidSynth can read.")
        synth.program_select(0, number, 0, 0)
        pieces = list(_pieces(synth, timed, length_s))
    finally:
        synth.delete()
    return np.concatenate(pieces).reshape(-1, 2)


def _pieces(
    synth: Any, timed: Sequence[tuple[float, mido.Message]], length_s: float
) -> Iterator[np.ndarray]:
    """Sound up to each message, then the message; then the rest."""
    now = 0  # frames
    for seconds, message in timed:
        due = round(seconds * RATE_HZ)
        if due > now:
            yield synth.get_samples(due - now)
            now = due
        if message.type == "note_on":
            synth.noteon(0, message.note, message.velocity)
        elif message.type == "note_off":
            synth.noteoff(0, message.note)
        elif message.type == "control_change":
            synth.cc(0, message.control, message.value)
    yield synth.get_samples(max(math.ceil(length_s * RATE_HZ) - now, 1))


def _write_wav(path: Path, samples: np.ndarray) -> None:
    try:
        with path.open("wb") as raw, wave.open(raw, "wb") as file:
            file.setnchannels(2)
            file.setsampwidth(2)
            file.setframerate(RATE_HZ)
            file.writeframes(samples.astype("<i2").tobytes())
    except OSError as problem:
        raise MusicError(
            f"{path} cannot be written ({problem.strerror}); choose another folder."
        ) from problem
