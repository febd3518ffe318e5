"""Outputs, with a stand-in for rtmidi: every system that may or may not answer."""

import sys

import pytest

from bridge.errors import BridgeError
from bridge.hand.ports import best_match, list_outputs, open_input, open_output

ALSA, JACK, WINDOWS, DUMMY = 2, 3, 4, 5
NAMES = {ALSA: "ALSA", JACK: "Jack", WINDOWS: "Windows MultiMedia"}


class RtMidiError(Exception):
    """What rtmidi's own errors are."""


class System:
    """A machine's MIDI: which systems were compiled in, which of them answer, with which ports."""

    API_RTMIDI_DUMMY, API_UNIX_JACK = DUMMY, JACK
    RtMidiError = RtMidiError

    def __init__(self, **systems):
        self.ports = {globals()[name]: ports for name, ports in systems.items()}
        self.sent, self.by, self.made, self.opened = [], [], [], []
        self.broken, self.full = False, 8  # how many virtual ports there may be
        system = self

        class MidiOut:
            def __init__(self, rtapi, name):
                if system.ports[rtapi] is None:
                    raise RtMidiError("no such device")
                self.api, self.name = rtapi, name

            def get_ports(self):
                return list(system.ports[self.api])

            def open_virtual_port(self, name):
                if self.api == WINDOWS:
                    raise NotImplementedError("Virtual ports are not supported")
                if len(system.made) == system.full:
                    raise RtMidiError("no more ports")
                self.opens(name)
                system.made.append((self.name, name))

            def opens(self, name):
                self.opened = name
                system.opened.append(self)

            def open_port(self, index, name):
                if system.broken:
                    raise RuntimeError("busy")
                self.opens(system.ports[self.api][index])

            def send_message(self, message):
                if system.broken:
                    raise RuntimeError("gone")
                system.sent.append(bytes(message))
                system.by.append(self.opened)

            def close_port(self):
                pass

            def delete(self):
                if self in system.opened:
                    system.opened.remove(self)

        class MidiIn(MidiOut):
            def ignore_types(self, sysex, timing, active_sense):
                pass

            def set_callback(self, callback):
                self.callback = callback

            def cancel_callback(self):
                self.callback = None

        self.MidiOut, self.MidiIn = MidiOut, MidiIn

    def heard(self, port):
        return [sent for sent, by in zip(self.sent, self.by, strict=True) if by == port]

    def get_compiled_api(self):
        return [*self.ports, DUMMY]

    @staticmethod
    def get_api_display_name(api):
        return NAMES[api]


@pytest.fixture
def machine(monkeypatch):
    def install(**systems):
        system = System(**systems)
        monkeypatch.setitem(sys.modules, "rtmidi", system)
        return system

    monkeypatch.setitem(sys.modules, "jack", None)  # as where JACK-Client is not installed
    return install


def test_the_first_system_that_answers_makes_the_virtual_port(machine):
    system = machine(ALSA=None, JACK=[])
    port = open_output()
    assert port.name == "emocapsule:notes (Jack)"
    port.send(b"\x90\x3c\x64", 0.0)
    assert system.sent == [b"\x90\x3c\x64"]
    assert port.alive()
    assert port.listeners() == []
    port.close()


def test_the_clock_and_the_controllers_of_emotion_have_a_port_of_their_own(machine):
    system = machine(ALSA=None, JACK=[])
    port = open_output(control=True)
    assert port.name == "emocapsule:notes (Jack)"
    messages = ["903c64", "803c00", "b0407f", "b07b00", "b00008", "c007", "b01440", "f8", "fc"]
    for message in messages:
        port.send(bytes.fromhex(message), 0.0)
    assert [message.hex() for message in system.sent] == messages
    assert system.made == [("emocapsule", "notes"), ("emocapsule-control", "control")]
    assert [message.hex() for message in system.heard("control")] == ["b01440", "f8", "fc"]
    port.close()
    assert system.opened == []


def test_alsa_allows_both_ports_the_same_client_name(machine):
    system = machine(ALSA=[])
    open_output(control=True)
    assert system.made == [("emocapsule", "notes"), ("emocapsule", "control")]


def test_an_existing_port_takes_everything(machine):
    system = machine(JACK=["Grand Piano:in"])
    port = open_output("piano", control=True)
    port.send(b"\xb0\x14\x40", 0.0)
    port.send(b"\xf8", 0.0)
    assert system.sent == [b"\xb0\x14\x40", b"\xf8"]
    assert system.made == []


def test_a_control_port_that_cannot_be_made_is_one_sentence_and_takes_the_other_with_it(machine):
    system = machine(JACK=[])
    system.full = 1
    with pytest.raises(BridgeError, match="The MIDI port control cannot be made"):
        open_output(control=True)
    assert system.opened == []


def test_where_no_system_answers_it_says_what_to_do(machine):
    machine(ALSA=None, JACK=None)
    with pytest.raises(BridgeError, match="No MIDI system answers.*--port none"):
        open_output()
    assert list_outputs() == []


def test_without_rtmidi_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "rtmidi", None)
    with pytest.raises(BridgeError, match="pip install python-rtmidi"):
        open_output()


def test_on_windows_a_loopback_port_takes_the_place_of_the_virtual_one(machine):
    machine(WINDOWS=["Microsoft GS Wavetable Synth 0", "loopMIDI Port 1"])
    assert open_output().name == "loopMIDI Port 1"


def test_on_windows_without_a_loopback_it_says_which_to_install(machine):
    machine(WINDOWS=["Microsoft GS Wavetable Synth 0"])
    with pytest.raises(BridgeError, match="install loopMIDI"):
        open_output()


def test_an_existing_port_is_found_by_part_of_its_name(machine):
    system = machine(ALSA=None, JACK=["system:midi_1", "Grand Piano:in"])
    port = open_output("piano")
    assert port.name == "Grand Piano:in"
    assert port.alive()
    system.ports[JACK].remove("Grand Piano:in")
    assert not port.alive()


def test_a_port_that_is_not_there_is_named_with_those_that_are(machine):
    machine(JACK=["system:midi_1", "emocapsule:notes"])
    with pytest.raises(BridgeError, match="No MIDI port is called 'organ'; there is system:midi_1"):
        open_output("organ")


def test_a_port_that_is_busy_or_vanishes_is_one_sentence(machine):
    system = machine(JACK=["Piano"])
    port = open_output("Piano")
    system.broken = True
    with pytest.raises(BridgeError, match="Piano has gone"):
        port.send(b"\x80\x3c\x00", 0.0)
    with pytest.raises(BridgeError, match="Piano cannot be opened"):
        open_output("Piano")


def test_best_match_prefers_the_whole_name():
    names = ["Piano 2", "piano", "Organ"]
    assert best_match("PIANO", names) == "piano"
    assert best_match("ian", names) == "Piano 2"
    assert best_match("x", names) is None


# ---------------------------------------------------------------------------- what comes in


def clock():
    return 1.5


@pytest.mark.parametrize(("api", "client"), [("JACK", "emocapsule-in"), ("ALSA", "emocapsule")])
def test_what_comes_in_has_a_virtual_port(machine, api, client):
    system = machine(**{api: []})
    source = open_input(clock)
    assert source.name == "emocapsule:in"
    assert system.made == [(client, "in")]
    system.opened[0].callback(([0xF8], 0.0), None)
    assert source.take() == [(1.5, b"\xf8")]
    assert source.alive()
    source.close()
    assert system.opened == []


def test_an_existing_port_can_be_listened_to(machine):
    system = machine(ALSA=["Piano"], JACK=["DAW clock", "Synth"])
    source = open_input(clock, "daw")
    assert source.name == "DAW clock"
    assert source.alive()
    system.ports[JACK].remove("DAW clock")
    assert not source.alive()


def test_an_input_that_cannot_be_had_is_one_sentence(machine):
    machine(JACK=["Synth"])
    with pytest.raises(BridgeError, match="No MIDI port to listen to is called 'daw'.*Synth"):
        open_input(clock, "daw")
    machine(JACK=None)
    with pytest.raises(BridgeError, match="so nothing comes in"):
        open_input(clock)
    machine(WINDOWS=[])
    with pytest.raises(BridgeError, match="--in NAME"):
        open_input(clock)
    machine(JACK=[]).full = 0
    with pytest.raises(BridgeError, match="port in cannot be opened"):
        open_input(clock)
