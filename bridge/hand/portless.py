"""Outputs that are no MIDI port: nowhere, and a synth through the loudspeaker."""

import contextlib
import importlib
import os
import sys
from collections.abc import Iterator

from bridge.errors import BridgeError
from bridge.hand.output import AtOnce


class Portless(AtOnce):
    """What outputs are that have no port: nothing of theirs can go, nobody connects to them."""

    def alive(self) -> bool:
        """Always."""
        return True

    def listeners(self) -> list[str]:
        """Nobody."""
        return []

    def connect(self, listeners: list[str]) -> None:
        """Nothing."""


class Nowhere(Portless):
    """Swallows everything."""

    name = "none"

    def send(self, message: bytes, time_s: float) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""


class Synth(Portless):
    """FluidSynth playing live through this machine's loudspeaker."""

    name = "synth"

    def __init__(self) -> None:
        from music.errors import MusicError
        from music.render import find_soundfont

        try:
            self._synth = importlib.import_module("fluidsynth").Synth(gain=0.6)
            font = self._synth.sfload(str(find_soundfont()))
        except (ImportError, OSError, MusicError) as problem:
            raise BridgeError(f"The synth cannot play: {problem}") from problem
        self._synth.program_select(0, font, 0, 0)
        with quiet():
            self._synth.start()
        if self._synth.audio_driver is None:
            self._synth.delete()
            raise BridgeError(
                "The synth found no loudspeaker (no audio driver started); use a MIDI port or "
                "--port none."
            )

    def send(self, message: bytes, time_s: float) -> None:
        """Play it now, on the synth's first channel."""
        kind = message[0] & 0xF0
        if kind == 0x90:
            self._synth.noteon(0, message[1], message[2])
        elif kind == 0x80:
            self._synth.noteoff(0, message[1])
        elif kind == 0xB0:
            self._synth.cc(0, message[1], message[2])
        elif kind == 0xC0:
            self._synth.program_change(0, message[1])

    def close(self) -> None:
        """Stop the sound."""
        self._synth.delete()


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep the C libraries' own remarks off the terminal while systems are tried."""
    sys.stderr.flush()
    kept = os.dup(2)
    nothing = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nothing, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nothing)
