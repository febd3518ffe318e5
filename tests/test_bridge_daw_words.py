"""What may be told of a DAW on the command line, and what does not go together."""

import pytest

from bridge.cli import build_parser, main
from bridge.commands.daw import habits_of
from bridge.daw.control import ControlMap
from bridge.daw.controlin import NUMBERS
from bridge.daw.habits import Habits, Incoming, Velocity
from music.controls import Controls
from music.errors import MusicError


def habits(words=""):
    return habits_of(build_parser().parse_args(["live", *words.split()]))


def test_without_a_word_it_is_channel_1_with_controllers_and_no_clock():
    assert habits() == Habits()
    assert habits().controls == ControlMap()


def test_each_word_is_understood():
    words = "--channel 16 --transpose -12 --velocity-curve soft --velocity-range 20 110"
    more = " --program 128 --bank 8:1 --cc valence=1,Q1=off --cc-14bit --clock"
    numbers = (1, 21, 22, 23, None, 25, 26, 27)
    assert habits(words + more) == Habits(
        16, -12, Velocity(0.6, 20, 110), 128, (8, 1), ControlMap(numbers, True), True
    )
    assert habits("--no-cc").controls is None
    assert habits("--velocity-curve 2.5").velocity.exponent == 2.5


def test_what_the_music_keeps_to_is_understood_as_compose_understands_it():
    words = "--register 36 84 --max-density 8 --min-density 1 --polyphony 6 --quantise 0.7"
    assert habits(words).keeps == Controls(
        lowest=36, highest=84, max_density=8.0, min_density=1.0, polyphony=6, quantise=0.7
    )
    with pytest.raises(MusicError, match="smaller one first"):
        habits("--max-density 2 --min-density 3")


def test_what_comes_in_is_understood():
    assert habits().incoming is None
    assert not habits().follows
    assert habits("--clock-in").incoming == Incoming(clock=True)
    assert habits("--clock-in").follows
    assert habits("--control-in any").incoming == Incoming(controls=True)
    assert not habits("--control-in any").follows
    words = "--clock-in --control-in 3 --in loopMIDI --cc-in valence=1,panic=off"
    numbers = (1, *NUMBERS[1:-1], None)
    assert habits(words).incoming == Incoming("loopMIDI", True, True, 3, numbers)


def test_a_link_session_is_followed_if_its_library_is_there():
    pytest.importorskip("aalink", reason="aalink is not installed (pip install emocapsule[link])")
    assert habits("--link").incoming == Incoming(link=True)
    assert habits("--link").follows
    words = "--link --link-start-stop --control-in any"
    assert habits(words).incoming == Incoming(controls=True, link=True, start_stop=True)


def test_without_the_library_of_link_one_sentence_says_what_to_install(
    monkeypatch, capsys, tmp_path
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("bridge.daw.link.find_spec", lambda name: None)
    assert main(["live", "--link"]) == 1
    told = "emocapsule: Ableton Link needs aalink; run 'pip install emocapsule[link]'.\n"
    assert capsys.readouterr().err == told
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("127.0.0.1:9000", ("127.0.0.1", 9000)),
        (":9000", ("127.0.0.1", 9000)),
        ("studio.local:57120", ("studio.local", 57120)),
        ("[::1]:9", ("::1", 9)),
    ],
)
def test_osc_has_a_host_and_a_port(text, where):
    assert build_parser().parse_args(["live", "--osc", text]).osc == where


@pytest.mark.parametrize(
    "words",
    [
        "--channel 0", "--channel 17", "--channel 1.5", "--transpose 49", "--velocity-curve steep",
        "--velocity-curve 9", "--velocity-range 1", "--velocity-range 0 9", "--program 0",
        "--bank 1:128", "--cc mood=3", "--cc valence", "--cc valence=x", "--cc valence=128",
        "--osc studio", "--osc :70000", "--osc a:b:1", "--osc ::1:9",
        "--control-in 0", "--control-in all", "--cc-in q1=3", "--quantise 1.5",
    ],
)  # fmt: skip
def test_wrong_use_is_status_2(words, capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["live", *words.split()])
    assert "usage: emocapsule live" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("live --bank 3", "add --program"),
        ("live --no-cc --cc valence=1", "leave out --cc"),
        ("live --cc valence=64", "Controller 64 has a meaning of its own"),
        ("live --velocity-range 90 30", "in order"),
        ("replay a.edf --fast --clock", "leave out --clock and --osc"),
        ("replay a.edf --fast --osc :9000", "leave out --clock and --osc"),
        ("learn valence --cc valence=off", "No controller carries valence"),
        ("live --clock --clock-in", "leave out --clock or --clock-in"),
        ("live --clock --link", "leave out --clock or --link"),
        ("live --clock-in --link", "leave out --clock-in or --link"),
        ("live --link-start-stop", "add --link"),
        ("live --in loopMIDI", "add --clock-in or --control-in"),
        ("live --cc-in valence=1", "add --control-in any"),
        ("live --control-in any --cc-in valence=1,mute=1", "have the same number"),
        ("live --control-in any --cc-in valence=120", "is a channel's mode"),
    ],
)
def test_what_does_not_go_together_is_one_sentence(words, said, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(words.split()) == 1
    told = capsys.readouterr().err
    assert said in told
    assert len(told.splitlines()) == 1
