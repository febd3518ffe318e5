"""FluidSynth as a JACK client of its own plays the pitches that *hand* sends."""

import shutil
import sys
import time
from contextlib import closing

import numpy as np
import pytest
from hands import Playing
from wire import Program, python, until

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
TAPE = """
import sys, time
import jack, numpy as np
client = jack.Client("tape", no_start_server=True)
port = client.inports.register("in")
begun_s, blocks = [], []

@client.set_process_callback
def keep(frames):
    begun_s.append(time.monotonic())
    blocks.append(port.get_array().copy())

client.activate()
(midi,) = client.get_ports("synth:midi_00")
(left, *_) = client.get_ports("synth:", is_audio=True, is_output=True)
(notes,) = client.get_ports("emocapsule:notes")
client.connect(notes, midi)
client.connect(left, port)
print("ready", flush=True)
sys.stdin.read()
client.deactivate()
np.savez(sys.argv[1], samples=np.concatenate(blocks), begun_s=begun_s[0])
"""
pytestmark = [
    pytest.mark.jack,
    pytest.mark.skipif(shutil.which("jackd") is None, reason="no JACK server on this machine"),
]


def pitch_of(samples):
    """The frequency whose first three partials are strongest, as a MIDI pitch with its fraction."""
    size = 1 << 18
    power = np.abs(np.fft.rfft(samples * np.hanning(len(samples)), size))
    count = len(power) // 3
    partials = power[:count] * power[: 2 * count : 2] * power[: 3 * count : 3]
    return 69 + 12 * np.log2(partials.argmax() * RATE_HZ / size / 440)


@pytest.mark.parametrize("port", [None, "jack"], ids=["rtmidi", "sample-exact"])
def test_its_rendering_has_the_pitches_sent(port, tmp_path):
    pytest.importorskip("jack", reason="JACK-Client is not installed")
    pytest.importorskip("fluidsynth", reason="FluidSynth is not installed", exc_type=ImportError)
    try:
        font = find_soundfont()
    except MusicError as problem:
        pytest.skip(str(problem))
    kept = tmp_path / "tape.npz"
    with (
        jack_server(1024, private=True),
        closing(python(SYNTH, font)) as synth,
        closing(Playing(port)) as playing,
    ):
        until(lambda: "ready" in synth.lines, "the synth")
        with closing(Program(sys.executable, "-c", TAPE, kept, reads=True)) as tape:
            until(lambda: "ready" in tape.lines, "the tape")
            struck_s = []
            for pitch in PITCHES:
                struck_s.append(playing.strike(pitch, LONG_S, 100))
                time.sleep(APART_S)
            tape.process.stdin.close()
            assert tape.ended() == 0
    with np.load(kept) as tape:
        samples, begun_s = tape["samples"], float(tape["begun_s"])
    heard = []
    for at_s in struck_s:
        first = round((at_s + 0.1 - begun_s) * RATE_HZ)
        heard.append(pitch_of(samples[first : first + round((LONG_S - 0.1) * RATE_HZ)]))
    assert np.abs(np.array(heard) - PITCHES).max() < 0.3
