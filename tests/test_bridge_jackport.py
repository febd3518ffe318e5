"""The port that is exact to the sample: on a JACK that is stepped by hand, and on a real one."""

import shutil
import sys
from contextlib import closing
from types import SimpleNamespace

import pytest
from hands import Playing
from wire import Jack, Listener, until

from bridge.bench import loopback
from bridge.errors import BridgeError
from bridge.hand import jackport
from bridge.hand.ledger import LEDGER_BYTES, Ledger
from bridge.hand.ports import open_output
from eeg.lsl import clock

RATE_HZ, FRAMES = 48_000, 1024
PERIOD_S = FRAMES / RATE_HZ
ON, OFF, AGAIN = b"\x90\x3c\x64", b"\x80\x3c\x00", b"\x90\x3c\x50"
CELL = 60
real = [
    pytest.mark.jack,
    pytest.mark.skipif(shutil.which("jackd") is None, reason="no JACK server on this machine"),
]


class Client:
    """A JACK client whose cycles are run by `cycle`; `written` is what they put where."""

    samplerate, blocksize, frames_since_cycle_start = RATE_HZ, FRAMES, 0

    def __init__(self, name, no_start_server):
        self.name, self.written, self.now_s = name, [], 0.0
        self.midi_outports = SimpleNamespace(register=self.register)

    def register(self, name):
        def write(frame, message):
            self.written.append((name, frame, message))

        return SimpleNamespace(clear_buffer=lambda: None, write_midi_event=write)

    def set_shutdown_callback(self, callback):
        self.shut = callback

    def set_process_callback(self, callback):
        self.process = callback

    def set_blocksize_callback(self, callback):
        self.resize = callback

    def activate(self):
        pass

    def close(self):
        pass

    def cycle(self, now_s):
        self.now_s = now_s
        self.written.clear()
        self.process(FRAMES)
        return list(self.written)


@pytest.fixture
def cells():
    return bytearray(LEDGER_BYTES)


@pytest.fixture
def port(monkeypatch, cells):
    fake = SimpleNamespace(Client=Client, JackError=OSError)
    monkeypatch.setitem(sys.modules, "jack", fake)
    one = open_output("jack", control=True, ledger=Ledger(cells))
    monkeypatch.setattr(jackport, "clock", lambda: one._client.now_s)
    return one


def test_each_message_goes_to_the_frame_of_its_time_on_the_port_it_belongs_on(port):
    port.send(ON, 1.0)
    port.send(b"\xf8", 1.0 + 100 / RATE_HZ)
    port.send(OFF, 1.0 + (FRAMES + 7) / RATE_HZ)
    assert port._client.cycle(1.0 - PERIOD_S) == []
    assert port._client.cycle(1.0) == [("notes", 0, ON), ("control", 100, b"\xf8")]
    assert port._client.cycle(1.0 + PERIOD_S) == [("notes", 7, OFF)]
    assert max(port.lateness_ms) == 0


def test_it_wants_its_messages_a_period_early(port):
    assert PERIOD_S < port.ahead_s < 2 * PERIOD_S
    port._client.resize(2 * FRAMES)
    assert 2 * PERIOD_S < port.ahead_s < 3 * PERIOD_S
    assert port.name == "emocapsule:notes (JACK, sample-exact)"


def test_what_is_late_goes_at_once_in_its_order_and_is_counted(port):
    port.send(ON, 0.990)
    port.send(OFF, 0.995)
    port.send(AGAIN, 1.001)
    written = port._client.cycle(1.0)
    assert written == [("notes", 0, ON), ("notes", 0, OFF), ("notes", 48, AGAIN)]
    assert list(port.lateness_ms) == pytest.approx([10.0, 5.0, 0.0], abs=0.02)


def test_the_ledger_knows_what_was_written_not_what_waits(port, cells):
    port.send(ON, 1.0)
    port._client.cycle(1.0 - 2 * PERIOD_S)
    assert not cells[CELL]
    port._client.cycle(1.0)
    assert cells[CELL]
    port.send(OFF, 1.0 + 1.5 * PERIOD_S)
    port.send(AGAIN, 1.0 + 1.6 * PERIOD_S)
    assert cells[CELL]
    port._client.cycle(1.0 + PERIOD_S)
    assert cells[CELL]


def test_a_server_that_has_ended_or_stands_still_is_noticed(port):
    assert port.alive()
    port.send(ON, 1.0)
    port._client.now_s = 2.5
    assert not port.alive()
    port._client.cycle(2.5)
    assert port.alive()
    port._client.shut(0, "over")
    assert not port.alive()
    with pytest.raises(BridgeError, match="has gone"):
        port.send(OFF, 3.0)


def test_what_was_sent_is_written_before_the_port_closes(port, monkeypatch):
    sleeps = []

    def sleep(seconds):
        sleeps.append(seconds)
        port._client.cycle(1.0)

    monkeypatch.setattr(jackport.time, "sleep", sleep)
    port.send(OFF, 1.0)
    port.close()
    assert port._client.written == [("notes", 0, OFF)]
    assert len(sleeps) == 1


def test_without_the_package_the_library_or_a_server_it_says_what_to_do(monkeypatch):
    monkeypatch.setitem(sys.modules, "jack", None)
    with pytest.raises(BridgeError, match=r"pip install emocapsule\[jack\]"):
        open_output("jack")

    def refuse(*_, **__):
        raise OSError("no server")

    monkeypatch.setitem(sys.modules, "jack", SimpleNamespace(Client=refuse, JackError=OSError))
    with pytest.raises(BridgeError, match="JACK does not answer"):
        open_output("jack")


# ---------------------------------------------------------------------------- on a real server


class TestReal:
    pytestmark = real

    def test_no_note_is_lost_and_all_are_in_order(self, jack):
        with loopback.receiver("emocapsule:notes") as heard:
            planned = loopback.play(200, "jack")
            times_s = heard()
        assert list(times_s) == list(planned)

    def test_a_killed_hand_is_followed_by_one_that_releases_what_sounds(self, jack):
        with closing(Listener()) as listener, closing(Playing("jack")) as playing:
            until(lambda: playing.crew.board.listeners or playing.crew.tend(0.01), "a listener")
            playing.strike(60, 6.0)
            playing.until(listener.down)
            playing.kill()
            playing.until(lambda: 60 in listener.released(0))
            playing.strike(62, 0.1)
            playing.until(lambda: [pitch for _, pitch in listener.strikes()] == [60, 62])
            playing.until(lambda: not listener.down())

    def test_a_server_that_ends_and_comes_back_is_played_on_again(self, jack, monkeypatch):
        with closing(Jack()) as server:
            monkeypatch.setenv("JACK_DEFAULT_SERVER", server.name)
            with closing(Playing("jack")) as playing:
                playing.strike(60, 6.0)
                playing.until(lambda: playing.crew.board.notes)
                server.close()
                playing.until(lambda: any("has gone" in said for said in playing.crew.said))
                with closing(Jack(server.name)), closing(Listener()) as listener:
                    playing.until(lambda: any("open again" in one for one in playing.crew.said))
                    playing.until(lambda: playing.crew.board.listeners)
                    assert listener.strikes() == []  # nothing old
                    playing.strike(62, 0.1)
                    playing.until(lambda: [pitch for _, pitch in listener.strikes()] == [62])
                    playing.until(lambda: not listener.down())

    def test_controllers_have_their_own_port_whose_listener_is_remembered(self, jack):
        with (
            closing(Listener(port="emocapsule:control")) as listener,
            closing(open_output("jack", control=True)) as port,
        ):
            until(lambda: port.listeners() == ["1\treceiver:in"], "the listener")
            port.send(ON, clock())
            port.send(b"\xb0\x14\x40", clock())
            until(listener.events, "the controller")
            assert [message for _, message in listener.events()] == [b"\xb0\x14\x40"]
