"""Outputs that are no port: nowhere, and the loudspeaker, with a stand-in for its synth."""

import sys
from types import SimpleNamespace

import pytest

from bridge.errors import BridgeError
from bridge.hand.ports import open_output


def test_nowhere_swallows_everything():
    port = open_output("none")
    port.send(b"\x90\x3c\x64", 0.0)
    assert port.alive()
    port.close()


def test_the_synth_plays_notes_controllers_and_programs_on_its_first_channel(monkeypatch):
    played = []

    class Synth:
        audio_driver = "loudspeaker"

        def __init__(self, gain):
            pass

        def __getattr__(self, name):
            return lambda *arguments: played.append((name, *arguments))

    monkeypatch.setitem(sys.modules, "fluidsynth", SimpleNamespace(Synth=Synth))
    monkeypatch.setattr("music.render.find_soundfont", lambda: "font.sf2")
    synth = open_output("synth", control=True)
    played.clear()
    for message in ("943c64", "843c00", "b4407f", "c408", "f8"):
        synth.send(bytes.fromhex(message), 0.0)
    assert played == [
        ("noteon", 0, 60, 100), ("noteoff", 0, 60), ("cc", 0, 64, 127), ("program_change", 0, 8)
    ]  # fmt: skip


def test_a_synth_that_finds_no_loudspeaker_says_so(monkeypatch):
    class Silent:
        audio_driver = None

        def __init__(self, gain):
            pass

        def sfload(self, path):
            return 1

        def program_select(self, *_):
            pass

        def start(self):
            pass

        def delete(self):
            pass

    monkeypatch.setitem(sys.modules, "fluidsynth", SimpleNamespace(Synth=Silent))
    monkeypatch.setattr("music.render.find_soundfont", lambda: "font.sf2")
    with pytest.raises(BridgeError, match="no loudspeaker"):
        open_output("synth")
