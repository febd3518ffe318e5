"""A piece is heard when and as loud as it should be; a missing synth is one clear sentence."""

import sys
import wave

import numpy as np
import pytest

from music import render
from music.errors import MusicError
from music.events import Note, Pedal
from music.midi import write_midi
from music.render import RATE_HZ, TAIL_S, find_soundfont, render_wav


@pytest.fixture(scope="module")
def soundfont():
    try:
        import fluidsynth  # noqa: F401

        return find_soundfont()
    except (ImportError, OSError, MusicError) as problem:
        pytest.skip(str(problem))


def samples_of(path):
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (2, 2, 44_100)
        return np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2)


def test_notes_sound_when_they_are_due(tmp_path, soundfont):
    length_s = render_wav([Note(2.0, 1.0, 72, 120)], tmp_path / "a.wav", soundfont)
    samples = samples_of(tmp_path / "a.wav")
    assert length_s == pytest.approx(1.0 + 0.5 + TAIL_S, abs=1e-3)
    assert len(samples) == round(length_s * RATE_HZ)
    loud = np.flatnonzero(np.abs(samples).max(axis=1) > 300)
    assert RATE_HZ <= loud[0] < RATE_HZ + 0.02 * RATE_HZ  # within an attack of beat 2
    assert np.abs(samples[-RATE_HZ // 10 :]).max() < 300  # it has rung out


def test_file_and_events_give_the_same_bytes_twice(tmp_path, soundfont):
    piece = [Note(0.0, 0.5, 60, 90), Note(0.5, 0.5, 67, 60)]
    write_midi(tmp_path / "a.mid", piece)
    for name, source in [("a", piece), ("b", piece), ("c", tmp_path / "a.mid")]:
        render_wav(source, tmp_path / f"{name}.wav", soundfont)
    contents = {(tmp_path / f"{name}.wav").read_bytes() for name in "abc"}
    assert len(contents) == 1


def test_fortissimo_does_not_clip_and_one_soft_note_is_not_blown_up(tmp_path, soundfont):
    cluster = [Note(0.0, 1.0, pitch, 127) for pitch in range(21, 109)] + [Pedal(0.0, True)]
    render_wav(cluster, tmp_path / "loud.wav", soundfont)
    render_wav([Note(0.0, 1.0, 60, 10)], tmp_path / "soft.wav", soundfont)
    loud, soft = (np.abs(samples_of(tmp_path / f"{n}.wav")).max() for n in ("loud", "soft"))
    assert 20_000 < loud < 30_000
    assert 0 < soft < 15_000


def test_silence_is_a_file_too(tmp_path, soundfont):
    assert render_wav([], tmp_path / "a.wav", soundfont) == TAIL_S
    assert len(samples_of(tmp_path / "a.wav")) == TAIL_S * RATE_HZ


def test_missing_soundfont_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setenv("EMOCAPSULE_SOUNDFONT", str(tmp_path / "none.sf2"))
    with pytest.raises(MusicError, match=r"none.sf2 does not exist; .+"):
        find_soundfont()
    monkeypatch.delenv("EMOCAPSULE_SOUNDFONT")
    monkeypatch.setattr(render, "SOUNDFONT_FOLDERS", (str(tmp_path),))
    with pytest.raises(MusicError, match="No soundfont was found; .+"):
        find_soundfont()


def test_broken_soundfont_and_unwritable_wav_say_so(tmp_path, soundfont):
    broken = tmp_path / "broken.sf2"
    broken.write_bytes(b"RIFF is a lie")
    with pytest.raises(MusicError, match="not a soundfont"):
        render_wav([Note(0, 1, 60, 64)], tmp_path / "a.wav", broken)
    with pytest.raises(MusicError, match="cannot be written"):
        render_wav([Note(0, 1, 60, 64)], tmp_path / "none" / "a.wav", soundfont)


def test_missing_library_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "fluidsynth", None)
    with pytest.raises(MusicError, match="FluidSynth's library was not found; .+"):
        render_wav([Note(0, 1, 60, 64)], tmp_path / "a.wav")


def test_a_piece_of_days_is_refused(tmp_path, soundfont):
    with pytest.raises(MusicError, match="hours"):
        render_wav([Note(100_000.0, 1, 60, 64)], tmp_path / "a.wav", soundfont)
