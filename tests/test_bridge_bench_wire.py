"""The benches on real ports: what comes back, what does not, and the whole wire measured."""

import json
import os
import shutil
import signal
import subprocess
from contextlib import closing

import pytest
from wire import python, until

from bridge.bench.server import family
from bridge.cli import main

THRU = """
import threading, jack
client = jack.Client("thru", no_start_server=True)
source, sink = client.midi_inports.register("in"), client.midi_outports.register("out")
@client.set_process_callback
def process(frames):
    sink.clear_buffer()
    for offset, event in source.incoming_midi_events():
        sink.write_midi_event(offset, event)
with client:
    print("ready", flush=True)
    threading.Event().wait()
"""
MEASURING = """
import os, time
from bridge.bench.command import ended_in_order
from bridge.bench.server import burning, family, jack_server
with ended_in_order(), burning(1), jack_server(private=True):
    print(os.environ["JACK_DEFAULT_SERVER"], *family(os.getpid()), flush=True)
    time.sleep(60)
"""
pytestmark = [
    pytest.mark.jack,
    pytest.mark.skipif(shutil.which("jackd") is None, reason="no JACK server on this machine"),
]
FIGURES = {"p50", "p95", "p99", "max", "n", "lost", "jitter", "yardstick", "ratio_p99"}


def last(capsys):
    return json.loads(capsys.readouterr().out.splitlines()[-1])


def test_a_loop_of_the_users_own_is_measured(jack, capsys):
    with closing(python(THRU)) as thru:
        until(lambda: "ready" in thru.lines, "the loop")
        assert (
            main(["bench", "midi", "--out", "thru", "--in", "thru", "--notes", "100", "--json"])
            == 0
        )
    told = last(capsys)["midi"]
    assert set(told) == FIGURES | {"out", "in"}
    assert (told["out"], told["in"]) == ("thru", "thru:out")
    assert (told["n"], told["lost"]) == (100, 0)
    assert told["p50"] > 0


def test_virtual_ports_can_be_connected_meanwhile(jack):
    words = ("bench", "midi", "--notes", "50", "--wait", "4", "--json")
    code = "import sys; from bridge.cli import main; sys.exit(main(sys.argv[1:]))"
    connect = ["jack_connect", "emocapsule:notes", "emocapsule-in:in"]
    with closing(python(code, *words)) as program:
        until(lambda: not subprocess.run(connect, capture_output=True).returncode, "the ports")
        assert program.ended() == 0, program.errors
    assert any("Connect emocapsule:notes to emocapsule:in now" in line for line in program.errors)
    assert json.loads(program.lines[-1])["midi"]["lost"] == 0


def test_if_nothing_comes_back_it_says_so(jack, capsys):
    assert main(["bench", "midi", "--notes", "5", "--wait", "0.1"]) == 1
    assert "Nothing came back at emocapsule:in; connect" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [(["--in", "nobody"], "No MIDI port to listen to is called 'nobody'"),
     (["--out", "nobody"], "No MIDI port is called 'nobody'")],
)  # fmt: skip
def test_a_port_that_is_not_there_is_one_sentence(jack, capsys, words, said):
    assert main(["bench", "midi", "--notes", "5", "--wait", "0.1", *words]) == 1
    assert said in capsys.readouterr().err.splitlines()[-1]


def test_a_bench_that_is_terminated_leaves_nothing_behind():
    with closing(python(MEASURING)) as program:
        until(lambda: program.lines, "its server")
        server, *pids = program.lines[0].split()
        assert len(pids) >= 3  # itself, a busy core, the server
        program.kill(signal.SIGTERM)
        assert program.ended() == 128 + signal.SIGTERM, program.errors
    until(lambda: not any(family(int(pid)) for pid in pids), "all of them to end")
    there = os.environ | {"JACK_DEFAULT_SERVER": server}
    assert subprocess.run(["jack_lsp"], env=there, capture_output=True).returncode


@pytest.mark.slow
@pytest.mark.lsl
def test_the_whole_wire_is_measured_from_outside(jack, capsys):
    assert main(["bench", "live", "--notes", "400", "--jumps", "2", "--json"]) == 0
    told = last(capsys)["live"]
    assert set(told) >= {"conditions", "start_s", "delivered", "capsule", "cost", "reaction"}
    assert told["delivered"]["lost"] == 0
    assert told["delivered"]["n"] == 400
    assert told["capsule"]["n"] > 5
    assert told["cost"]["of"] >= 5  # supervisor, ear, mind, hand, recorder, page
    assert 10 < told["cost"]["memory_mb"] < 5000
    for name in ("reaction", "reaction_on_grid"):
        assert told[name]["n"] == 2
        assert sum(told[name][f"heard_{one}"]["n"] for one in ("Q1", "Q2", "Q3", "Q4")) == 2


@pytest.mark.slow
@pytest.mark.lsl
def test_pages_are_looked_at_while_notes_are_measured(jack, capsys):
    words = ["--pages", "3", "--notes", "100", "--rounds", "1", "--json"]
    assert main(["bench", "pages", *words]) == 0
    told = last(capsys)["pages"]
    assert (told["pages"], len(told["ratios_p99"])) == (3, 1)
    for kind in ("with", "without"):
        assert (told[kind]["n"], told[kind]["lost"]) == (100, 0)
        assert told[kind]["cpu_percent"] > 0
