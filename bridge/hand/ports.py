"""Where notes go: a virtual MIDI port, somebody's port, a synth, nowhere. rtmidi lives here only.

Whatever goes wrong is a BridgeError of one sentence. Everything here may block or hang when a MIDI
server dies, so it belongs into *hand*'s process, which is watched and can be killed.
"""

import contextlib
import importlib
import sys
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

from bridge.daw.incoming import Input, RtMidiInput
from bridge.errors import BridgeError
from bridge.hand.jackport import JackPort
from bridge.hand.ledger import LEDGER_BYTES, Ledger
from bridge.hand.links import Links
from bridge.hand.output import AtOnce, Output
from bridge.hand.portless import Nowhere, Synth, quiet
from bridge.wire import aside

CLIENT, PORT, ASIDE, IN = "emocapsule", "notes", "control", "in"
NOWHERE, SYNTH, JACK = "none", "synth", "jack"  # names with a meaning of their own
LOOPBACKS = ("emocapsule", "loopmidi", "loopback")  # what Windows users install instead
HOW_TO_HEAR = {
    "linux": "start JACK (or load the snd-seq module for ALSA)",
    "darwin": "check that CoreMIDI runs (Audio MIDI Setup)",
    "win32": "install loopMIDI or set up a Windows MIDI Services loopback",
}


def open_output(
    name: str | None = None, control: bool = False, ledger: Ledger | None = None
) -> Output:
    """Open an output.

    None makes the virtual port `notes` of client `emocapsule`, and for `control` a port `control`
    beside it; "jack" makes them exact to JACK's sample, and marks `ledger` itself; "none" swallows
    everything; "synth" is FluidSynth through the loudspeaker; anything else is part of the name of
    an existing port, which then takes everything. Raises BridgeError if that cannot be had, saying
    what to do.
    """
    if name is None:
        return _virtual_port(control)
    if name.lower() == NOWHERE:
        return Nowhere()
    if name.lower() == SYNTH:
        return Synth()
    if name.lower() == JACK:
        names = [PORT, ASIDE] if control else [PORT]
        return JackPort(CLIENT, names, ledger or Ledger(bytearray(LEDGER_BYTES)))
    return _existing_port(name)


def open_input(clock: Callable[[], float], name: str | None = None) -> Input:
    """Open an input, whose messages `clock` stamps: the virtual port `in`, or an existing port.

    BridgeError if that cannot be had, saying what to do.
    """
    names: list[str] = []
    for _, port in _clients("MidiIn", IN):
        with _clear(f"The MIDI port {name or IN} cannot be opened"):
            try:
                if name is None:
                    port.open_virtual_port(IN)
                    return RtMidiInput(port, f"{CLIENT}:{IN}", clock)
            except NotImplementedError as problem:  # Windows has none
                raise BridgeError(
                    f"Windows has no virtual MIDI port; {HOW_TO_HEAR['win32']}, and name it: "
                    "--in NAME."
                ) from problem
            names = port.get_ports()
            if (found := best_match(name, names)) is not None:
                port.open_port(names.index(found), name=IN)
                return RtMidiInput(port, found, clock, found)
        port.delete()
    if name is None:
        raise BridgeError(f"No MIDI system answers on this machine, so nothing comes in; {_how()}.")
    known = ", ".join(names) or "none at all"
    raise BridgeError(f"No MIDI port to listen to is called {name!r}; there is {known}.")


def list_outputs() -> list[str]:
    """The MIDI ports of this machine that notes could be sent to, each once."""
    names: dict[str, None] = {}
    for _, out in _clients():
        names.update(dict.fromkeys(out.get_ports()))
        out.delete()
    return [name for name in names if not name.startswith(CLIENT)]


class RtMidiPort(AtOnce):
    """A port of the system's MIDI server: our own virtual one, or (`target`) somebody's.

    `control`: a second one of ours, for the clock and the controllers of emotion.
    """

    def __init__(
        self,
        out: Any,
        name: str,
        target: str | None = None,
        links: Links | None = None,
        control: Any = None,
    ) -> None:
        self.name = name
        self._out = out
        self._control = control or out
        self._target = target
        self._links = links

    def send(self, message: bytes, time_s: float) -> None:
        """Send it now. BridgeError if the port has gone."""
        try:
            (self._control if aside(message) else self._out).send_message(message)
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
        """Who is connected to our JACK ports."""
        return self._links.names() if self._links else []

    def connect(self, listeners: list[str]) -> None:
        """Connect them again."""
        if self._links:
            self._links.remake(listeners)

    def close(self) -> None:
        """Close the port; what was sent before is delivered."""
        if self._links:
            self._links.close()
        for out in dict.fromkeys((self._out, self._control)):
            with contextlib.suppress(Exception):
                out.close_port()
                out.delete()


# ---------------------------------------------------------------------------- rtmidi


def _rtmidi() -> ModuleType:
    try:
        return importlib.import_module("rtmidi")
    except ImportError as problem:
        raise BridgeError(
            "python-rtmidi is not installed; run 'pip install python-rtmidi', or use --port none."
        ) from problem


def _clients(kind: str = "MidiOut", beside: str = "") -> Iterator[tuple[int, Any]]:
    """Each system that answers, and a client of it; `beside`: as in `_client_name`."""
    rtmidi = _rtmidi()
    for api in rtmidi.get_compiled_api():
        if api == rtmidi.API_RTMIDI_DUMMY:
            continue
        with quiet():
            try:
                end = getattr(rtmidi, kind)(rtapi=api, name=_client_name(api, beside))
            except rtmidi.RtMidiError:  # this system is not running: the next one may answer
                continue
        yield api, end


def _client_name(api: int, beside: str) -> str:
    """rtmidi makes a client a port, and JACK wants each client's name unique: there one for a port
    `beside` the notes' is called after it, as in `emocapsule-control`.
    """
    return f"{CLIENT}-{beside}" if beside and api == _rtmidi().API_UNIX_JACK else CLIENT


def _virtual_port(control: bool) -> Output:
    for api, out in _clients():
        try:
            out.open_virtual_port(PORT)
        except NotImplementedError:  # Windows has none
            out.delete()
            return _loopback_port()
        except _rtmidi().RtMidiError:  # no port to be had there: the next one may have one
            out.delete()
            continue
        kind = _rtmidi().get_api_display_name(api)
        links = Links() if api == _rtmidi().API_UNIX_JACK else None
        try:
            beside = _beside(api) if control else None
        except BridgeError:
            out.delete()
            raise
        return RtMidiPort(out, f"{CLIENT}:{PORT} ({kind})", links=links, control=beside)
    raise BridgeError(
        f"No MIDI system answers on this machine; {_how()}, or use --port none and keep the files."
    )


def _beside(api: int) -> Any:
    """The port `control`."""
    with _clear(f"The MIDI port {ASIDE} cannot be made"):
        out = _rtmidi().MidiOut(rtapi=api, name=_client_name(api, ASIDE))
        out.open_virtual_port(ASIDE)
    return out


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
