"""Files that somebody made to do harm: weights, recordings and music. See FAULTS.md."""

import json
import pickle
import shutil
import struct
from pathlib import Path

import numpy as np
import pytest
from networks import tiny_model
from safetensors.numpy import load_file, save_file

from capsule.errors import CapsuleError
from capsule.recogniser import WEIGHTS, Model
from eeg.errors import EegError
from eeg.recording import read_recording
from music.errors import MusicError
from music.midi import read_midi
from music.store import load_model, save_model

SAMPLE = (Path(__file__).parents[1] / "recordings" / "sample.edf").read_bytes()


class Canary:
    """Makes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def huge_tensor(file):
    told = {"x": {"dtype": "F32", "shape": [50_000, 50_000], "data_offsets": [0, 10**10]}}
    header = json.dumps(told).encode()
    file.write_bytes(struct.pack("<Q", len(header)) + header)


def huge_header(file):
    file.write_bytes(struct.pack("<Q", 10**10) + b"{}")


def no_numbers(file):
    tensors = load_file(file)
    name = max(tensors, key=lambda one: tensors[one].size)
    save_file(tensors | {name: np.full_like(tensors[name], np.nan)}, file)


def other_shape(file):
    tensors = load_file(file)
    name = max(tensors, key=lambda one: tensors[one].size)
    save_file(tensors | {name: np.zeros((3, 3, 3), tensors[name].dtype)}, file)


def a_pickle(file):
    file.write_bytes(pickle.dumps(Canary(file.with_name("canary"))))


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """Two folders of weights that are well, and who loads them."""
    folder = tmp_path_factory.mktemp("weights")
    save_model(tiny_model(), folder, {"step": 1})
    return [(WEIGHTS, Model.load), (folder, load_model)]


@pytest.mark.parametrize("harm", [huge_tensor, huge_header, no_numbers, other_shape, a_pickle])
def test_hostile_weights_are_refused_and_nothing_in_them_runs(harm, sound, tmp_path):
    for number, (source, load) in enumerate(sound):
        folder = tmp_path / str(number)
        shutil.copytree(source, folder)
        (tensors,) = folder.glob("*.safetensors")
        harm(tensors)
        with pytest.raises((CapsuleError, MusicError)):
            load(folder)
        assert not (folder / "canary").exists()


SIGNALS = int(SAMPLE[252:256])
SAMPLES_AT = 256 + SIGNALS * 216


@pytest.mark.parametrize(
    ("at", "width", "value", "readable"),
    [
        (236, 8, -1, True), (236, 8, 99_999_999, True), (252, 4, 0, False), (252, 4, 9999, False),
        (244, 8, -1, False), (SAMPLES_AT, 8, 0, False), (SAMPLES_AT, 8, 99_999_999, False),
    ],
    ids=["unknown", "records", "mute", "channels", "back", "no-rate", "rate"],
)  # fmt: skip
def test_edf_headers_that_lie_are_read_as_far_as_they_go_or_refused(
    at, width, value, readable, tmp_path
):
    path = tmp_path / "lies.edf"
    path.write_bytes(SAMPLE[:at] + str(value).encode().ljust(width) + SAMPLE[at + width :])
    if readable:
        assert "cut off" in read_recording(path).notes[0]
    else:
        with pytest.raises(EegError, match=r"^lies\.edf"):
            read_recording(path)


def entities(depth):
    """A document that would be 10 to the power of `depth` letters long."""
    names = "abcdefghijklmnop"[: depth + 1]
    rows = [f'<!ENTITY {n} "{f"&{m};" * 10}">' for m, n in zip(names, names[1:], strict=False)]
    return f'<!DOCTYPE a [<!ENTITY a "l">{"".join(rows)}]><info><name>&{names[-1]};</name></info>'


def test_an_xdf_with_an_xml_bomb_is_refused(tmp_path):
    document = entities(12).encode()
    head = struct.pack("<IHI", len(document) + 6, 2, 1)
    (tmp_path / "bomb.xdf").write_bytes(b"XDF:\x04" + head + document)
    with pytest.raises(EegError, match=r"^bomb\.xdf"):
        read_recording(tmp_path / "bomb.xdf")


@pytest.mark.parametrize("length", [2**31, 2**28])
def test_a_sysex_without_end_is_refused(tmp_path, length):
    head = b"MThd" + struct.pack(">IHHH", 6, 0, 1, 480) + b"MTrk" + struct.pack(">I", length)
    (tmp_path / "sysex.mid").write_bytes(head + b"\x00\xf0\xff\xff\xff\x7f")
    with pytest.raises(MusicError, match="not a readable MIDI file"):
        read_midi(tmp_path / "sysex.mid")


def test_a_midi_file_of_very_many_tracks_is_read_at_once(tmp_path):
    track = b"MTrk" + struct.pack(">I", 4) + b"\x00\xff\x2f\x00"
    head = b"MThd" + struct.pack(">IHHH", 6, 1, 65535, 480)
    (tmp_path / "tracks.mid").write_bytes(head + track * 65535)
    assert read_midi(tmp_path / "tracks.mid") == []
