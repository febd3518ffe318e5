"""What a recording needs of a disk that is full, or holds a session already."""

import resource
from contextlib import contextmanager

import mido
import pytest

from bridge.errors import BridgeError
from bridge.session.disk import Growing, free, roomy
from bridge.session.smf import MidiFile


def test_where_a_session_is_none_is_written(tmp_path):
    assert free(tmp_path / "new") == tmp_path / "new"
    for name in (".", "continued", "continued-2"):
        (tmp_path / name).mkdir(exist_ok=True)
        (tmp_path / name / "session.json").touch()
    assert free(tmp_path) == tmp_path / "continued-3"
    assert roomy(tmp_path / "not" / "there")


@contextmanager
def full(size):
    """Files of this process may only get so long: as on a disk that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_piece_that_does_not_fit_leaves_nothing_behind(tmp_path):
    file = Growing(tmp_path / "pieces")
    file.write(b"whole" * 10)
    with full(52), pytest.raises(BridgeError, match="cannot be written"):
        file.write(b"whole" * 10)
    file.write(b".")
    file.close()
    assert (tmp_path / "pieces").read_bytes() == b"whole" * 10 + b"."


@pytest.mark.parametrize("room", range(1, 10))
def test_a_midi_file_on_a_full_disk_stays_as_it_was(tmp_path, room):
    file = MidiFile(tmp_path / "notes.mid", 0.0)
    for time_s in (0.0, 0.5):
        file.send(b"\x90\x3c\x40", time_s)
        file.send(b"\x80\x3c\x00", time_s + 0.4)
    file.flush()
    before = (tmp_path / "notes.mid").read_bytes()
    file.send(b"\x90\x3d\x40", 9.0)
    file.send(b"\x80\x3d\x00", 12.0)
    with full(len(before) + room), pytest.raises(BridgeError, match="cannot be written"):
        file.flush()
    assert (tmp_path / "notes.mid").read_bytes() == before
    file.close()  # there is room again
    assert [m.note for m in mido.MidiFile(tmp_path / "notes.mid") if m.type == "note_on"][-1] == 61
