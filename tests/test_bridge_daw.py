"""What a DAW gets, really: our processes, a JACK server, a listener on each of our ports."""

import io
import json
import os
import shutil
import signal
import socket
import threading
from contextlib import closing, contextmanager

import mido
import numpy as np
import pytest
from pythonosc.osc_message import OscMessage
from wire import Headset, Listener, Ourselves, python, until

from bridge.cli import build_parser, main
from bridge.commands.daw import habits_of
from bridge.daw.control import ControlMap
from bridge.daw.controlin import NUMBERS
from bridge.daw.habits import Habits, Incoming, Velocity

CONTROL = "emocapsule-control:control"
HABITS = """Habits(channel=5, transpose=-12, velocity=Velocity(1.0, 100, 120), program=9,
                   controls=ControlMap((20, 21, 22, 23, 102, 103, 104, 105)), clock=True)"""
BEAT_S = 0.5  # of the composer of tests
real = [
    pytest.mark.lsl,
    pytest.mark.jack,
    pytest.mark.skipif(shutil.which("jackd") is None, reason="no JACK server on this machine"),
]


# ---------------------------------------------------------------------------- the words


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
    assert habits("--quantise 0.7").quantise == 0.7


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


# ---------------------------------------------------------------------------- on the ports


@contextmanager
def performance(folder, osc=None):
    """A headset, ourselves, and a DAW's two inputs, two bars into the music."""
    with (
        closing(Headset()) as headset,
        closing(Listener("--once")) as notes,
        closing(Listener("--once", port=CONTROL)) as control,
        closing(Ourselves(headset.name, folder, HABITS, osc)) as ourselves,
    ):
        until(lambda: len(control.sent(0xF8)) > 8 * 24, "two bars of clock")
        yield ourselves, notes, control
    assert not [line for line in ourselves.errors if "Traceback" in line], ourselves.errors


class Osc:
    """Whoever listens to OSC."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.where = self.socket.getsockname()
        self.heard = []
        self.thread = threading.Thread(target=self._listen)
        self.thread.start()

    def _listen(self):
        while (data := self.socket.recv(2000)) != b"end":
            message = OscMessage(data)
            self.heard.append((message.address.rpartition("/")[2], message.params))

    def close(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            other.sendto(b"end", self.where)
        self.thread.join()
        self.socket.close()


@pytest.fixture(scope="module")
def playing(jack, tmp_path_factory):
    """One performance that most happens to."""
    folder = tmp_path_factory.mktemp("daw") / "session"
    with closing(Osc()) as osc, performance(folder, osc.where) as (ourselves, notes, control):
        yield folder, osc, ourselves, notes, control


def places(control):
    """Each clock and its place in pulses, as a DAW counts."""
    place, running, told = 0, False, []
    for time_s, message in control.events():
        if message == b"\xf8" and running:
            told.append((time_s, place))
            place += 1
        elif message[0] == 0xF2:
            place = 6 * (message[1] + 128 * message[2])
        elif message in (b"\xfa", b"\xfb"):
            place, running = (0 if message == b"\xfa" else place), True
        elif message == b"\xfc":
            running = False
    return told, running


class TestPlaying:
    pytestmark = real

    def test_notes_come_as_they_were_asked_for(self, playing):
        _, _, _, notes, _ = playing
        struck = notes.sent(0x90)
        assert {message[0] for _, message in struck} == {0x94}
        assert {message[1] for _, message in struck} <= {*range(48, 52), *range(60, 64)}
        assert {message[2] for _, message in struck} == {110}  # 64 of 127
        pedal = [message for _, message in notes.sent(0xB0) if message[1] == 64]
        assert {message[0] for message in pedal} == {0xB4}

    def test_the_program_comes_before_the_first_note(self, playing):
        _, _, _, notes, _ = playing
        messages = [message for _, message in notes.events()]
        programs = [at for at, message in enumerate(messages) if message[0] == 0xC4]
        strikes = [at for at, message in enumerate(messages) if message[0] == 0x94]
        assert messages[programs[0]] == b"\xc4\x08"
        assert programs[0] < strikes[0]

    def test_controllers_come_on_the_control_port_and_only_there(self, playing):
        _, _, _, notes, control = playing
        until(lambda: len({m[1] for _, m in control.sent(0xB0)}) == 8, "all eight controllers")
        sent = [message for _, message in control.sent(0xB0)]
        assert {message[0] for message in sent} == {0xB4}
        assert {message[1] for message in sent} == {*range(20, 24), *range(102, 106)}
        assert {m[1] for _, m in notes.sent(0xB0)} <= {64, 123}
        assert not [m for _, m in notes.events() if m[0] >= 0xF0]
        assert not control.strikes()

    def test_the_clock_runs_in_time_with_the_notes(self, playing):
        _, _, _, notes, control = playing
        first = [message for _, message in control.events() if message[0] >= 0xF0][:2]
        assert first == [b"\xfa", b"\xf8"]
        told, running = places(control)
        assert running
        times_s = np.array([time_s for time_s, _ in told[: 4 * 24 + 1]])
        assert times_s[-1] - times_s[0] == pytest.approx(4 * BEAT_S, abs=0.02)
        struck = np.array([time_s for time_s, _ in notes.strikes()])
        begin_s = struck[np.abs(struck - times_s[0]).argmin()]
        assert begin_s == pytest.approx(times_s[0], abs=0.02)

    def test_osc_tells_all_of_it(self, playing):
        _, osc, _, _, _ = playing
        until(lambda: len(osc.heard) > 40, "messages")
        by_name = {name: arguments for name, arguments in osc.heard}
        assert set(by_name) == {"emotion", "probabilities", "note", "state"}
        assert by_name["state"] == ["LIVE", "PLAYING"]
        assert sum(by_name["probabilities"]) == pytest.approx(1.0)
        word, pitch, velocity, duration_s = by_name["note"]
        assert (word, velocity) == ("on", 110)
        assert 48 <= pitch < 64
        assert duration_s == pytest.approx(BEAT_S / 2)

    def test_a_killed_mind_stops_the_clock_and_the_next_one_starts_it(self, playing):
        _, _, ourselves, notes, control = playing
        heard = len(control.events())
        os.kill(ourselves.pid("mind"), signal.SIGKILL)

        def words():
            return [m for _, m in control.events()[heard:] if m in (b"\xfa", b"\xfb", b"\xfc")]

        until(lambda: words() == [b"\xfc"], "the stop", 2.0)
        until(lambda: not notes.down(), "silence", 2.0)
        until(lambda: words() == [b"\xfc", b"\xfa"], "the start")

    def test_a_killed_hand_is_followed_by_one_that_stops_and_goes_on_at_a_bar(self, playing):
        _, _, ourselves, notes, control = playing
        until(lambda: places(control)[1], "the clock to run")
        heard = len(control.events())
        os.kill(ourselves.pid("hand"), signal.SIGKILL)

        def words():
            sent = [m for _, m in control.events()[heard:] if m[0] >= 0xF0]
            return [m for m in sent if m != b"\xf8"]

        until(lambda: len(words()) == 3, "stop, position and continue", 10.0)
        stop, position, go_on = words()
        assert (stop, go_on) == (b"\xfc", b"\xfb")
        assert (position[1] + 128 * position[2]) % 16 == 0  # bars of four
        until(lambda: notes.strikes(), "notes")

    def test_a_killed_osc_is_no_loss_to_the_music(self, playing):
        _, osc, ourselves, notes, control = playing
        restarts, struck = ourselves.told()["restarts"], len(notes.strikes())
        os.kill(ourselves.pid("osc"), signal.SIGKILL)
        until(lambda: ourselves.told()["restarts"] == restarts + 1, "another")
        heard = len(osc.heard)
        until(lambda: len(osc.heard) > heard + 10, "messages again")
        assert len(notes.strikes()) > struck

    def test_ctrl_c_stops_the_clock_and_every_note(self, playing):
        folder, _, ourselves, notes, control = playing
        until(notes.down, "a key that is down")
        ourselves.kill_all(signal.SIGINT)
        assert ourselves.ended() == 0
        until(lambda: not notes.down(), "silence", 2.0)
        until(lambda: control.events()[-1][1] == b"\xfc", "the stop", 2.0)
        offs = [m for _, m in notes.sent(0xB0)]
        assert b"\xb4\x7b\x00" in offs
        recorded = mido.MidiFile(str(folder / "notes.mid"))
        kinds = {message.type for message in recorded.tracks[0]}
        assert {"note_on", "note_off", "control_change", "program_change"} <= kinds
        assert json.loads((folder / "session.json").read_text())["state"] == "complete"


def test_learn_waits_for_enter_before_each(monkeypatch, capsys):
    monkeypatch.setattr("bridge.daw.control.SWEEP_S", 0.1)
    monkeypatch.setattr("sys.stdin", io.StringIO("\n\n"))
    assert main(["learn", "valence", "q1", "--cc", "q1=11", "--port", "none"]) == 0
    told = capsys.readouterr().err.splitlines()
    assert told[0] == "Let the DAW learn valence (controller 20), then press Enter."
    assert told[1].startswith("valence (controller 20) moves for")
    assert told[2] == "Let the DAW learn q1 (controller 11), then press Enter."


class TestLearn:
    pytestmark = real

    def test_only_one_controller_moves(self, jack):
        with (
            closing(Listener("--once", port=CONTROL)) as control,
            closing(Listener("--once")) as notes,
        ):
            learn = "import sys; from bridge.cli import main; sys.exit(main(sys.argv[1:]))"
            with closing(python(learn, "learn", "arousal", "--channel", "2", "--after", "1")) as us:
                assert us.ended() == 0, us.errors
            messages = [message for _, message in control.events()]
            assert {message[:2] for message in messages} == {b"\xb1\x15"}
            moved = [message[2] for message in messages]
            assert (max(moved), moved[-1]) == (127, 0)
            assert 50 < len(moved) <= 76
            assert notes.events() == []
