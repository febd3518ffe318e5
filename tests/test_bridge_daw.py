"""What a DAW gets, really: our processes, a JACK server, a listener on each of our ports."""

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
from daws import CONTROL
from pythonosc.osc_message import OscMessage
from wire import Headset, Listener, Ourselves, until

HABITS = """Habits(channel=5, transpose=-12, velocity=Velocity(1.0, 100, 120), program=9,
                   controls=ControlMap((20, 21, 22, 23, 102, 103, 104, 105)), clock=True)"""
BEAT_S = 0.5  # of the composer of tests
pytestmark = [
    pytest.mark.lsl,
    pytest.mark.jack,
    pytest.mark.skipif(shutil.which("jackd") is None, reason="no JACK server on this machine"),
]


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


def test_notes_come_as_they_were_asked_for(playing):
    _, _, _, notes, _ = playing
    struck = notes.sent(0x90)
    assert {message[0] for _, message in struck} == {0x94}
    assert {message[1] for _, message in struck} <= {*range(48, 52), *range(60, 64)}
    assert {message[2] for _, message in struck} == {110}  # 64 of 127
    pedal = [message for _, message in notes.sent(0xB0) if message[1] == 64]
    assert {message[0] for message in pedal} == {0xB4}


def test_the_program_comes_before_the_first_note(playing):
    _, _, _, notes, _ = playing
    messages = [message for _, message in notes.events()]
    programs = [at for at, message in enumerate(messages) if message[0] == 0xC4]
    strikes = [at for at, message in enumerate(messages) if message[0] == 0x94]
    assert messages[programs[0]] == b"\xc4\x08"
    assert programs[0] < strikes[0]


def test_controllers_come_on_the_control_port_and_only_there(playing):
    _, _, _, notes, control = playing
    until(lambda: len({m[1] for _, m in control.sent(0xB0)}) == 8, "all eight controllers")
    sent = [message for _, message in control.sent(0xB0)]
    assert {message[0] for message in sent} == {0xB4}
    assert {message[1] for message in sent} == {*range(20, 24), *range(102, 106)}
    assert {m[1] for _, m in notes.sent(0xB0)} <= {64, 123}
    assert not [m for _, m in notes.events() if m[0] >= 0xF0]
    assert not control.strikes()


def test_the_clock_runs_in_time_with_the_notes(playing):
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


def test_osc_tells_all_of_it(playing):
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


def test_a_killed_mind_stops_the_clock_and_the_next_one_starts_it(playing):
    _, _, ourselves, notes, control = playing
    heard = len(control.events())
    os.kill(ourselves.pid("mind"), signal.SIGKILL)

    def words():
        return [m for _, m in control.events()[heard:] if m in (b"\xfa", b"\xfb", b"\xfc")]

    until(lambda: words() == [b"\xfc"], "the stop", 2.0)
    until(lambda: not notes.down(), "silence", 2.0)
    until(lambda: words() == [b"\xfc", b"\xfa"], "the start")


def test_a_killed_hand_is_followed_by_one_that_stops_and_goes_on_at_a_bar(playing):
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


def test_a_killed_osc_is_no_loss_to_the_music(playing):
    _, osc, ourselves, notes, control = playing
    restarts, struck = ourselves.told()["restarts"], len(notes.strikes())
    os.kill(ourselves.pid("osc"), signal.SIGKILL)
    until(lambda: ourselves.told()["restarts"] == restarts + 1, "another")
    heard = len(osc.heard)
    until(lambda: len(osc.heard) > heard + 10, "messages again")
    assert len(notes.strikes()) > struck


def test_ctrl_c_stops_the_clock_and_every_note(playing):
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
