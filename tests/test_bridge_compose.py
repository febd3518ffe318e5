"""What compose may be told: understood, refused in a sentence where it is wrong, and kept to."""

from pathlib import Path

import pytest
import torch
from networks import notes, tiny_model

from bridge.cli import build_parser, main
from bridge.commands.composing import controls_of
from music.composer import Composer
from music.controls import PLAIN, Controls
from music.events import Pedal, Tempo
from music.key import chord_classes, parse_key
from music.midi import read_midi, tempo_map_of
from music.sampling import Sampling

START = ["compose", "--quadrant", "Q3", "--out", "a.mid"]


@pytest.fixture
def quick(monkeypatch):
    """An untrained network of two layers in place of the shipped one; what it was loaded with."""
    asked = []

    def load(seed, temperature=1.0, top_p=0.95):
        torch.set_num_threads(1)
        asked.append(Composer(tiny_model(), seed, Sampling(temperature, top_p)))
        return asked[-1]

    monkeypatch.setattr(Composer, "load", load)
    return asked


def composed(path: Path, *words: str):
    assert main(["compose", "--quadrant", "Q2", "--seed", "3", "--out", str(path), *words]) == 0
    return read_midi(path)


def end_s(some, events):
    """When the last of some notes ends."""
    last = max(note.onset_beats + note.duration_beats for note in some)
    return tempo_map_of(events).seconds(last)


def test_every_word_reaches_the_controls():
    words = (
        "--key Bb-dorian --register 40 88 --max-density 6 --min-density 1 --polyphony 4 "
        "--tempo 96 --quantise .5 --hold --temperature .9 --top-p .8 --strength 1.5 --no-ending"
    )
    args = build_parser().parse_args([*START, *words.split()])
    assert controls_of(args) == Controls(
        parse_key("Bb dorian"), 40, 88, 6.0, 1.0, 4, 96.0, 0.5, hold=True
    )
    assert (args.temperature, args.top_p, args.strength, args.ending) == (0.9, 0.8, 1.5, False)


def test_without_words_nothing_is_limited():
    args = build_parser().parse_args(START)
    assert controls_of(args) == PLAIN
    assert Sampling(args.temperature, args.top_p) == Sampling()
    assert args.ending


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--key H-minor", '"C minor"'),
        ("--register 60", "expected 2 arguments"),
        ("--register 60 66", "no room for a chord"),
        ("--register 90 30", "the lowest first"),
        ("--register 0 127", "21 to 108"),
        ("--max-density 0", "notes a second"),
        ("--polyphony 0", "1 or more"),
        ("--polyphony many", "whole number"),
        ("--tempo 5", "30 to 300"),
        ("--quantise 2", "0 to 1"),
        ("--temperature 0", "temperature"),
        ("--top-p 0", "probability"),
        ("--hold 3", "unrecognized arguments"),
    ],
)
def test_wrong_words_are_wrong_use(words, said, capsys):
    with pytest.raises(SystemExit, match="2"):
        main([*START, *words.split()])
    assert said in capsys.readouterr().err


def test_densities_that_exclude_each_other_are_refused_before_anything_is_loaded(quick, capsys):
    assert main([*START, "--max-density", "1", "--min-density", "5"]) == 1
    assert "cannot both be" in capsys.readouterr().err
    assert not quick


def test_the_piece_closes_on_the_tonic_within_the_seconds(tmp_path, quick):
    for seconds in (12, 20):
        events = composed(
            tmp_path / "a.mid", "--seconds", str(seconds), "--key", "C", "--tempo", "100"
        )
        assert quick[-1].finished
        last = max(note.onset_beats for note in notes(events))
        final = [note for note in notes(events) if note.onset_beats > last - 0.01]
        # a note struck before may outlast it: an untrained network holds some for nine seconds
        assert seconds - 4 * 0.6 - 0.5 <= end_s(final, events) <= seconds
        assert {note.pitch % 12 for note in final} == set(chord_classes("C:M"))
        pedals = [event for event in events if isinstance(event, Pedal)]
        assert not pedals or not pedals[-1].down


def test_without_an_ending_or_room_for_one_it_stops_at_the_second(tmp_path, quick):
    for words in (["--seconds", "8", "--no-ending"], ["--seconds", "5"]):
        events = composed(tmp_path / "a.mid", *words, "--seed", "8")
        assert not quick[-1].finished
        last = max(note.onset_beats for note in notes(events))
        assert tempo_map_of(events).seconds(last) < float(words[1])


def test_the_file_keeps_to_what_was_asked(tmp_path, quick):
    words = "--seconds 15 --key A-minor --register 48 72 --tempo 90 --quantise 1 --polyphony 3"
    events = composed(tmp_path / "a.mid", *words.split(), "--temperature", "0.7")
    assert quick[0].sampling == Sampling(0.7, Sampling.top_p)
    heard = notes(events)
    assert {note.pitch % 12 for note in heard} <= parse_key("A minor").classes
    assert 48 <= min(note.pitch for note in heard) <= max(note.pitch for note in heard) <= 72
    assert {round(event.bpm, 3) for event in events if isinstance(event, Tempo)} == {90.0}
    places = {round(note.onset_beats * 48) % 48 for note in heard}
    assert places <= {0, 12, 16, 24, 32, 36}
