"""The picture of a piece: what it tells is what was asked and what was composed."""

import pytest
import torch
from matplotlib.figure import Figure
from matplotlib.image import imread
from test_music_composer import tiny_model

from bridge.cli import build_parser, main
from bridge.commands.composing import told_of
from bridge.errors import BridgeError
from bridge.session.score import Asked, chord_name, draw, is_flat, key_name
from music.composer import Composer
from music.events import Bar, Chord, Note, Pedal, Tempo
from music.key import SCALES, parse_key
from music.midi import read_midi
from music.sampling import Sampling

ASKED = Asked("Q3", (0.0, 0.1, 0.9, 0.0), "strength 4, key C minor, tempo 60 bpm")


def piece(bars=12):
    """At 60 a minute: a bar of four seconds, a note a second, a chord a bar."""
    events = [Tempo(0, 60), Pedal(0, True), Pedal(2, False)]
    for bar in range(bars):
        name = ("C:m", "G#:M7", "D#:M", "N", "C:m", "C:m")[bar % 6]
        events += [Bar(4 * bar), Chord(4 * bar, name)]
        events += [Note(4 * bar + n, 1, 60 + 3 * (n % 3), 30 + 20 * n) for n in range(4)]
    return events


@pytest.fixture
def drawn(monkeypatch):
    """Every figure that is saved."""
    figures, save = [], Figure.savefig
    monkeypatch.setattr(
        Figure, "savefig", lambda self, *a, **k: (figures.append(self), save(self, *a, **k))
    )
    return figures


def words(figure):
    return [text.get_text() for text in figure.findobj(lambda one: hasattr(one, "get_text"))]


def test_a_piece_becomes_the_same_picture_twice(tmp_path):
    first, again = (draw(tmp_path / f"{k}.png", piece(), ASKED) for k in range(2))
    assert first.read_bytes() == again.read_bytes()
    assert imread(first).shape[1] == 2000


def test_what_was_asked_and_what_came_of_it_are_told(tmp_path, drawn):
    draw(tmp_path / "a.png", piece(), ASKED)
    told = words(drawn[0])
    assert "Q3: sad, weary" in told
    assert "asked:   Q1 0.00   Q2 0.10   Q3 0.90   Q4 0.00   " + ASKED.limits in told
    (came,) = [one for one in told if "48 notes" in one]
    assert came.startswith("48 notes in 0:48, 1.0 a second, 12 bars, mean tempo 60 bpm, ")
    assert "mean velocity 60" in came


def test_bars_chords_and_densities_are_drawn(tmp_path, drawn):
    draw(tmp_path / "a.png", piece(), ASKED)
    told = words(drawn[0])
    assert {str(number) for number in range(1, 13)} <= set(told)
    assert [one for one in told if one in ("Cm", "Abmaj7", "Eb")].count("Cm") == 6
    assert {"Abmaj7", "Eb", "C4", "notes/s"} <= set(told)
    rolls = [axes for axes in drawn[0].axes if axes.get_ylabel() == "notes/s"]
    assert len(rolls) == 2  # lines
    starts = [axes.get_xlim()[0] for axes in rolls]
    assert starts == [0.0, 24.0]  # at a bar
    middle = max(rolls[0].lines[0].get_ydata())
    assert middle == pytest.approx(1.0, abs=0.5)


@pytest.mark.parametrize("events", [[], [Note(0, 1, 60, 64)], piece(1), piece(90)])
def test_little_and_much_are_drawn(tmp_path, events):
    assert imread(draw(tmp_path / "a.png", events, ASKED)).shape[0] > 500


def test_a_name_is_no_formula(tmp_path, drawn):
    asked = Asked("my $\\frac capsule.json", (0.25, 0.25, 0.25, 0.25))
    draw(tmp_path / "a.png", piece(1), asked)
    assert "my $\\frac capsule.json: a mixture" in words(drawn[0])


def test_chords_and_keys_are_spelled_as_musicians_do():
    assert [chord_name(one) for one in ("C:M", "A:m", "B:/o7", "N")] == ["C", "Am", "Bm7b5", ""]
    assert chord_name("G#:M7", flat=True) == "Abmaj7"
    for name in ("C minor", "Bb major", "F major", "D dorian", "Eb lydian", "C harmonic minor"):
        assert key_name(parse_key(name)) == name
    flat = {name for name in SCALES if is_flat(parse_key(f"C {name}"))}
    assert flat == {"minor", "harmonic minor", "melodic minor", "dorian", "phrygian", "mixolydian",
                    "locrian", "minor pentatonic", "blues"}  # fmt: skip


def test_a_picture_that_cannot_be_written_is_told(tmp_path):
    with pytest.raises(BridgeError, match="cannot be written"):
        draw(tmp_path / "none" / "a.png", piece(1), ASKED)


def test_every_limit_is_in_words():
    asked = (
        "compose --quadrant Q1 --out a.mid --key Bb-dorian --tempo 96 --register 40 88 --polyphony "
        "4 --max-density 6 --min-density 1 --quantise .5 --hold --seed 7 --strength 2"
    )
    assert told_of(build_parser().parse_args(asked.split())) == (
        "strength 2, seed 7, key Bb dorian, tempo 96 bpm, pitches 40 to 88, at most 6 notes/s, "
        "at least 1 notes/s, at most 4 keys, quantised 0.5, one idea held"
    )


def test_the_command_draws_what_it_wrote(tmp_path, monkeypatch, drawn, capsys):
    def load(seed=0, temperature=1.0, top_p=1.0):
        torch.set_num_threads(1)
        return Composer(tiny_model(), seed, Sampling(temperature, top_p))

    monkeypatch.setattr(Composer, "load", load)
    path, picture = tmp_path / "a.mid", tmp_path / "a.png"
    asked = ["compose", "--mix", "0.1,0.2,0.3,0.4", "--seconds", "8", "--no-ending"]
    assert main([*asked, "--out", str(path), "--plot", str(picture)]) == 0
    count = sum(isinstance(event, Note) for event in read_midi(path))
    assert any(one.startswith(f"{count} notes in") for one in words(drawn[0]))
    assert f"Written: {picture}" in capsys.readouterr().err
