"""What a session leaves: files that are whole at every moment, read back by other programs."""

import io
from pathlib import Path

import mido
import numpy as np
import pytest

from bridge.errors import BridgeError
from bridge.session.smf import MidiFile
from bridge.session.xdf import XdfFile, XdfStream

EEG = XdfStream("Head <&>", "EEG", ("AF7", "TP9"), 256.0, "float32", "microvolts", "me")
MARKS = XdfStream("Marks", "Markers", ("marker",), 0.0, "string")
NOTES = [(0.5, "903c64"), (0.75, "b0407f"), (1.0, "803c00"), (200.0, "903d01"), (201.0, "803d00")]


def read_xdf(path):
    pyxdf = pytest.importorskip("pyxdf")
    streams, _ = pyxdf.load_xdf(str(path), dejitter_timestamps=False, verbose=False)
    return {stream["info"]["name"][0]: stream for stream in streams}


def write_session(path, close):
    file = XdfFile(path)
    eeg, marks = file.add(EEG), file.add(MARKS)
    values = np.arange(512, dtype=np.float32).reshape(256, 2)
    times_s = 1000.0 + np.arange(256) / 256
    for start in range(0, 256, 50):
        file.write(eeg, values[start : start + 50], times_s[start : start + 50])
        file.offset(eeg, times_s[start])
        file.mark(marks, [f"chunk {start} ä"], [times_s[start]])
    file.close() if close else file._file.close()
    return values, times_s


@pytest.mark.parametrize("close", [True, False], ids=["closed", "killed"])
def test_xdf_reads_back_in_pyxdf(tmp_path, close):
    path = tmp_path / "session.xdf"
    values, times_s = write_session(path, close)
    streams = read_xdf(path)
    np.testing.assert_array_equal(streams["Head <&>"]["time_series"], values)
    np.testing.assert_array_equal(streams["Head <&>"]["time_stamps"], times_s)
    labels = streams["Head <&>"]["info"]["desc"][0]["channels"][0]["channel"]
    assert [label["label"][0] for label in labels] == ["AF7", "TP9"]
    assert [mark[0] for mark in streams["Marks"]["time_series"]][1] == "chunk 50 ä"


def test_xdf_cut_anywhere_in_its_last_chunk_still_reads(tmp_path):
    path = tmp_path / "session.xdf"
    write_session(path, close=False)
    whole = path.read_bytes()
    for cut in (1, 20, 40):
        path.write_bytes(whole[:-cut])
        assert len(read_xdf(path)["Head <&>"]["time_series"]) >= 200


def test_xdf_refuses_samples_of_another_width(tmp_path):
    file = XdfFile(tmp_path / "session.xdf")
    with pytest.raises(BridgeError, match="2 channels, not 3"):
        file.write(file.add(EEG), [[1.0, 2.0, 3.0]], [0.0])
    file.close()


def test_a_full_disk_is_one_sentence():
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    for kind in (XdfFile, lambda path: MidiFile(path, 0.0)):
        with pytest.raises(BridgeError, match="cannot be written"):
            kind("/dev/full")


# ---------------------------------------------------------------------------- MIDI


def play(path, close=True):
    file = MidiFile(path, start_s=0.0)
    for time_s, message in NOTES:
        file.send(bytes.fromhex(message), time_s)
    file.flush()
    file.close() if close else file._file.close()


@pytest.mark.parametrize("close", [True, False], ids=["closed", "killed"])
def test_midi_reads_back_in_mido(tmp_path, close):
    path = tmp_path / "notes.mid"
    play(path, close)
    now_s, heard = 0.0, []
    for message in mido.MidiFile(str(path)):
        now_s += message.time
        if not message.is_meta:
            heard.append((round(now_s, 3), bytes(message.bytes()).hex()))
    assert heard == NOTES


def test_midi_is_whole_after_every_flush(tmp_path):
    path = tmp_path / "notes.mid"
    file = MidiFile(path, start_s=0.0)
    for count, (time_s, message) in enumerate(NOTES, start=1):
        file.send(bytes.fromhex(message), time_s)
        file.flush()
        track = mido.MidiFile(file=io.BytesIO(path.read_bytes())).tracks[0]
        assert len([one for one in track if not one.is_meta]) == count
        assert track[-1].type == "end_of_track"
    file.close()


def test_midi_is_the_bytes_of_the_golden_file(tmp_path):
    # tests/golden/session.mid: what play() above writes
    path = tmp_path / "notes.mid"
    play(path)
    assert path.read_bytes() == (Path(__file__).parent / "golden" / "session.mid").read_bytes()
