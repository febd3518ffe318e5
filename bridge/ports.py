"""Where notes go: a virtual MIDI port, somebody's port, a synth, nowhere. rtmidi lives here only.

Whatever goes wrong is a BridgeError of one sentence. Everything here may block or hang when a MIDI
server dies, so it belongs into *hand*'s process, which is watched and can be killed.
"""

import contextlib
import importlib
import os
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any, Protocol

from bridge.errors import BridgeError
from bridge.links import Links

CLIENT, PORT = "emocapsule", "notes"
NOWHERE, SYNTH = "none", "synth"  # names with a meaning of their own
LOOPBACKS = ("emocapsule", "loopmidi", "loopback")  # what Windows users install instead
HOW_TO_HEAR = {
    "linux": "start JACK (or load the snd-seq module for ALSA)",
    "darwin": "check that CoreMIDI runs (Audio MIDI Setup)",
    "win32": "install loopMIDI or set up a Windows MIDI Services loopback",
}


class Output(Protocol):
    """Where messages go."""

    name: str

    def send(self, message: bytes, time_s: float) -> None:
        """Send one valid message now; `time_s` is for those who write it down."""

    def alive(self) -> bool:
        """False if what was opened has gone."""

    def listeners(self) -> list[str]:
        """Who is connected to us, where the system tells and would not connect them again."""

    def connect(self, listeners: list[str]) -> None:
        """Connect them again."""

    def close(self) -> None:
        """Let go of it."""


def open_output(name: str | None = None) -> Output:
    """Open an output.

    None makes the virtual port `notes` of client `emocapsule`; "none" swallows everything; "synth"
    is FluidSynth through the loudspeaker; anything else is part of the name of an existing port.
    Raises BridgeError if that cannot be had, saying what to do.
    """
    if name is None:
        return _virtual_port()
    if name.lower() == NOWHERE:
        return Nowhere()
    if name.lower() == SYNTH:
        return Synth()
    return _existing_port(name)


def list_outputs() -> list[str]:
    """The MIDI ports of this machine that notes could be sent to, each once."""
    names: dict[str, None] = {}
    for _, out in _clients():
        names.update(dict.fromkeys(out.get_ports()))
        out.delete()
    return [name for name in names if not name.startswith(CLIENT)]


class Portless:
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


class RtMidiPort:
    """A port of the system's MIDI server: our own virtual one, or (`target`) somebody's."""

    def __init__(
        self, out: Any, name: str, target: str | None = None, links: Links | None = None
    ) -> None:
        self.name = name
        self._out = out
        self._target = target
        self._links = links

    def send(self, message: bytes, time_s: float) -> None:
        """Send it now. BridgeError if the port has gone."""
        try:
            self._out.send_message(message)
        except Exception as problem:  # rtmidi raises its own SystemError and plain ones
            raise BridgeError(f"The MIDI port {self.name} has gone ({problem}).") from problem

    def alive(self) -> bool:
        """Whether the port written to is still listed; our own is, as long as JACK lives."""
        if self._target is None:
            return self._links is None or not self._links.lost
        try:
            return self._target in self._out.get_ports()
        except Exception:  # the server is no longer there to be asked
            return False

    def listeners(self) -> list[str]:
        """Who is connected to our JACK port."""
        return self._links.names() if self._links else []

    def connect(self, listeners: list[str]) -> None:
        """Connect them again."""
        if self._links:
            self._links.remake(listeners)

    def close(self) -> None:
        """Close the port; what was sent before is delivered."""
        if self._links:
            self._links.close()
        with contextlib.suppress(Exception):
            self._out.close_port()
            self._out.delete()


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
        with _quiet():
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

    def close(self) -> None:
        """Stop the sound."""
        self._synth.delete()


# ---------------------------------------------------------------------------- rtmidi


def _rtmidi() -> ModuleType:
    try:
        return importlib.import_module("rtmidi")
    except ImportError as problem:
        raise BridgeError(
            "python-rtmidi is not installed; run 'pip install python-rtmidi', or use --port none."
        ) from problem


def _clients() -> Iterator[tuple[int, Any]]:
    """Each system that answers, and a client of it."""
    rtmidi = _rtmidi()
    for api in rtmidi.get_compiled_api():
        if api == rtmidi.API_RTMIDI_DUMMY:
            continue
        with _quiet():
            try:
                out = rtmidi.MidiOut(rtapi=api, name=CLIENT)
            except Exception:  # rtmidi.SystemError and others: the next one may answer
                continue
        yield api, out


def _virtual_port() -> Output:
    for api, out in _clients():
        try:
            out.open_virtual_port(PORT)
        except NotImplementedError:  # Windows has none
            out.delete()
            return _loopback_port()
        except Exception:
            out.delete()
            continue
        kind = _rtmidi().get_api_display_name(api)
        links = Links() if api == _rtmidi().API_UNIX_JACK else None
        return RtMidiPort(out, f"{CLIENT}:{PORT} ({kind})", links=links)
    raise BridgeError(
        f"No MIDI system answers on this machine; {_how()}, or use --port none and keep the files."
    )


def _loopback_port() -> Output:
    for name in LOOPBACKS:
        with contextlib.suppress(BridgeError):
            return _existing_port(name)
    raise BridgeError(f"Windows has no virtual MIDI port; {HOW_TO_HEAR['win32']}, then try again.")


def _existing_port(wanted: str) -> Output:
    for _, out in _clients():
        names = out.get_ports()
        found = best_match(wanted, names)
        if found is not None:
            with _clear(f"The MIDI port {found} cannot be opened"):
                out.open_port(names.index(found), name=PORT)
            return RtMidiPort(out, found, target=found)
        out.delete()
    known = ", ".join(list_outputs()) or "none at all"
    raise BridgeError(f"No MIDI port is called {wanted!r}; there is {known}.")


def best_match(wanted: str, names: list[str]) -> str | None:
    """The name that is `wanted`, else the first that contains it, capitals or not."""
    exact = [name for name in names if name.lower() == wanted.lower()]
    partly = [name for name in names if wanted.lower() in name.lower()]
    return next(iter(exact + partly), None)


def _how() -> str:
    return HOW_TO_HEAR.get(sys.platform, HOW_TO_HEAR["linux"])


@contextlib.contextmanager
def _clear(sentence: str) -> Iterator[None]:
    try:
        yield
    except Exception as problem:  # whatever rtmidi says, the user gets one sentence
        raise BridgeError(f"{sentence} ({problem}).") from problem


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
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
