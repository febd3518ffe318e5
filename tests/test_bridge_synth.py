"""FluidSynth as a JACK client of its own plays the pitches that *hand* sends."""

import shutil
import time
from contextlib import closing

import numpy as np
import pytest
from hands import Playing
from wire import python, until

from bridge.bench.server import jack_server
from music.errors import MusicError
from music.render import find_soundfont

PITCHES = (60, 64, 67, 72, 77, 81)
LONG_S, APART_S = 0.4, 0.6
RATE_HZ = 48_000
SYNTH = """
import sys, threading, fluidsynth
synth = fluidsynth.Synth(gain=1.0, samplerate=48000)
synth.setting("audio.jack.id", "synth")
synth.program_select(0, synth.sfload(sys.argv[1]), 0, 0)
synth.start(driver="jack", midi_driver="jack")
print("ready", flush=True)
threading.Event().wait()
"""
pytestmark = [
    pytest.mark.jack,
    pytest.mark.skipif(shutil.which("jackd") is None, reason="no JACK server on this machine"),
]


class Tape:
    """What a JACK port sounds like, and when that began."""

    def __init__(self, jack):
        self.client = jack.Client("tape", no_start_server=True)
        self.port = self.client.inports.register("in")
        self.blocks, self.begun_s = [], None
        self.client.set_process_callback(self.keep)
        self.client.activate()

    def keep(self, frames):
        self.begun_s = self.begun_s or time.monotonic()
        self.blocks.append(self.port.get_array().copy())

    def piece(self, from_s, seconds):
        samples = np.concatenate(self.blocks)
        first = round((from_s - self.begun_s) * RATE_HZ)
        return samples[first : first + round(seconds * RATE_HZ)]

    def close(self):
        self.client.close()


def pitch_of(samples):
    """The frequency whose first three partials are strongest, as a MIDI pitch with its fraction."""
    size = 1 << 18
    power = np.abs(np.fft.rfft(samples * np.hanning(len(samples)), size))
    count = len(power) // 3
    partials = power[:count] * power[: 2 * count : 2] * power[: 3 * count : 3]
    return 69 + 12 * np.log2(partials.argmax() * RATE_HZ / size / 440)


@pytest.mark.parametrize("port", [None, "jack"], ids=["rtmidi", "sample-exact"])
def test_its_rendering_has_the_pitches_sent(port):
    jack = pytest.importorskip("jack", reason="JACK-Client is not installed")
    pytest.importorskip("fluidsynth", reason="FluidSynth is not installed", exc_type=ImportError)
    try:
        font = find_soundfont()
    except MusicError as problem:
        pytest.skip(str(problem))
    with (
        jack_server(1024, private=True),
        closing(python(SYNTH, font)) as synth,
        closing(Playing(port)) as playing,
    ):
        until(lambda: "ready" in synth.lines, "the synth")
        with closing(Tape(jack)) as tape:
            (midi,) = tape.client.get_ports("synth:midi_00")
            (left, *_) = tape.client.get_ports("synth:", is_audio=True, is_output=True)
            (notes,) = tape.client.get_ports("emocapsule:notes")
            tape.client.connect(notes, midi)
            tape.client.connect(left, tape.port)
            struck_s = []
            for pitch in PITCHES:
                struck_s.append(playing.strike(pitch, LONG_S, 100))
                time.sleep(APART_S)
            heard = [pitch_of(tape.piece(at_s + 0.1, LONG_S - 0.1)) for at_s in struck_s]
    assert np.abs(np.array(heard) - PITCHES).max() < 0.3
