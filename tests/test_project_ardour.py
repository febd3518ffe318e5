"""A real DAW: Ardour, without a window, records what the demo plays to its track."""

import shutil
import subprocess
import sys
from contextlib import closing

import mido
import pytest
from wire import Program, until

ARDOUR = next((path for n in "9876" if (path := shutil.which(f"ardour{n}-lua"))), None)
SCRIPT = """
AudioEngine:set_backend("JACK", "ardour", "")
assert(create_session("FOLDER/song", "song", 48000), "no session")
local midi = ARDOUR.ChanCount(ARDOUR.DataType("midi"), 1)
local tracks = Session:new_midi_track(midi, midi, true, ARDOUR.PluginInfo(), nil, nil, 1, "EEG",
    ARDOUR.PresentationInfo.max_order, ARDOUR.TrackMode.Normal, true)
for track in tracks:iter() do
    track:to_track():rec_enable_control():set_value(1, PBD.GroupControlDisposition.NoGroup)
end
Session:maybe_enable_record(false)
Session:request_roll(ARDOUR.TransportRequestSource.TRS_UI)
for _ = 1, 1200 do
    ARDOUR.LuaAPI.usleep(100000)
    if ARDOUR.LuaAPI.file_get_contents("FOLDER/over") ~= "" then break end
end
Session:request_stop(false, false, ARDOUR.TransportRequestSource.TRS_UI)
ARDOUR.LuaAPI.usleep(2000000)
Session:save_state("")
"""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.jack,
    pytest.mark.skipif(ARDOUR is None, reason="ardour is not installed"),
    pytest.mark.skipif(shutil.which("jackd") is None, reason="jackd2 is not installed"),
]


def ports():
    return subprocess.run(["jack_lsp"], capture_output=True, text=True).stdout.splitlines()


def track_of_its_own():
    return next((port for port in ports() if "EEG/midi_in" in port), None)


def played(path):
    """Pitch and velocity of each note, and how many keys came up."""
    messages = [one for one in mido.MidiFile(path) if one.type in ("note_on", "note_off")]
    on = [(one.note, one.velocity) for one in messages if one.type == "note_on" and one.velocity]
    return on, len(messages) - len(on)


def test_ardour_records_every_note_of_the_demo(jack, tmp_path):
    script = tmp_path / "record.lua"
    script.write_text(SCRIPT.replace("FOLDER", str(tmp_path)))
    (tmp_path / "over").touch()
    with closing(Program(ARDOUR, script)) as daw:
        track = until(track_of_its_own, "its track", 90)
        words = ("demo", "--no-page", "--duration", "20", "--out", tmp_path / "demo")
        with closing(Program(sys.executable, "-m", "bridge.cli", *words)) as demo:
            until(lambda: "emocapsule:notes" in ports(), "our port")
            subprocess.run(["jack_connect", "emocapsule:notes", track], check=True)
            assert demo.ended(120) == 0, demo.errors
        (tmp_path / "over").write_text("yes")
        daw.ended(60)
    (take,) = (tmp_path / "song").rglob("*.mid")
    notes, ended = played(take)
    assert (notes, ended) == played(tmp_path / "demo" / "notes.mid")
    assert len(notes) == ended > 20
