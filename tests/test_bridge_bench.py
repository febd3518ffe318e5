"""The bench command: what it prints, that its last line is JSON, and what it measures with."""

import json
import os
import subprocess
import sys

import pytest

from bridge.bench import command as bench
from bridge.bench import loopback, pages, reaction, server, stages, yardstick
from bridge.errors import BridgeError


def test_percentiles_are_those_of_the_values():
    told = yardstick.percentiles([float(n) for n in range(101)])
    assert told == {"p50": 50.0, "p95": 95.0, "p99": 99.0, "max": 100.0, "n": 101}


def test_a_ratio_stands_beside_its_yardstick():
    told = yardstick.ratio({"p99": 3.0}, {"p99": 1.5})
    assert told == {"ratio_p99": 2.0, "yardstick": {"p99": 1.5}}


def test_the_last_line_is_json(capsys, monkeypatch):
    monkeypatch.setitem(bench.STAGES, "sleep", (lambda: yardstick.sleep(20, 0.001), "late (ms)"))
    assert bench.main(["sleep", "--json"]) == 0
    lines = capsys.readouterr().out.splitlines()
    told = json.loads(lines[-1])
    assert set(told["sleep"]) == {"p50", "p95", "p99", "max", "n"}
    assert "p99" in lines[1]


def test_what_this_machine_cannot_measure_is_skipped_with_its_reason(capsys, monkeypatch):
    def cannot():
        raise BridgeError("There is no JACK on this machine.")

    monkeypatch.setattr(bench, "STAGES", {"notes": (cannot, "lateness (ms)")})
    assert bench.main(["--json"]) == 0
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert told == {"notes": {"skipped": "There is no JACK on this machine."}}


@pytest.mark.parametrize(
    "words",
    [
        ["nonsense"],
        ["live", "--frames", "100"],
        ["midi", "--port", "x"],
        ["pages", "--pages", "17"],
    ],
)
def test_what_does_not_exist_is_wrong_use(words, capsys):
    with pytest.raises(SystemExit) as ended:
        bench.main(words)
    assert ended.value.code == 2
    assert "usage: emocapsule bench" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words", [["--help"], ["live", "--help"], ["midi", "--help"], ["pages", "--help"]]
)
def test_there_is_help(words, capsys):
    with pytest.raises(SystemExit) as ended:
        bench.main(words)
    assert ended.value.code == 0
    assert "--json" in capsys.readouterr().out


def test_an_hour_is_recognised_a_capsule_a_quarter_second():
    told = stages.hour(minutes=0.2)
    assert told["capsules"] == 12 * 4 - 7  # the first window is full after two seconds
    assert told["took_s"] > 0
    assert told["times_real_time"] > 0


def test_lateness_jitter_and_losses_are_those_of_the_notes():
    planned = {(0, 60, n): float(n) for n in range(1, 6)}
    heard = {(0, 60, n): n + 0.001 * n for n in range(1, 5)}
    told = loopback.told(planned, heard)
    assert (told["lost"], told["n"]) == (1, 4)
    assert (told["p50"], told["max"]) == (2.5, 4.0)
    assert told["jitter"]["max"] == 1.5
    with pytest.raises(BridgeError, match="heard nothing"):
        loopback.told(planned, {})


def test_rounds_with_pages_stand_beside_those_without():
    def rounds(*p99, lost=0):
        still = {"yardstick": {"p99": 1.0}, "cpu": 50.0, "p50": 1.0, "p95": 1.5, "n": 10}
        return [still | {"p99": one, "max": 2 * one, "lost": lost} for one in p99]

    told = pages.compared(10, rounds(2.0, 3.0, 9.0, lost=1), rounds(2.0, 2.0, 2.0))
    assert (told["ratio_p99"], told["ratios_p99"]) == (1.5, [1.0, 1.5, 4.5])
    assert (told["with"]["max"], told["with"]["lost"], told["without"]["lost"]) == (18.0, 3, 0)
    assert (told["with"]["n"], told["sleep_ratio_p99"]) == (30, 1.0)


@pytest.mark.skipif(not os.path.exists("/proc/self/smaps_rollup"), reason="Linux only")
def test_what_a_family_costs_is_counted():
    code = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'input()'])"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE) as program:
        try:
            while len(pids := server.family(program.pid)) < 2:
                assert program.poll() is None
            assert pids[0] == program.pid
            assert server.memory_mb(pids) > 1
            assert server.cpu_s([os.getpid()]) > 0
            assert server.cpu_s(pids) < 60
        finally:
            program.communicate(b"\n")
    assert server.family(program.pid) == []


# ---------------------------------------------------------------------------- the reaction


class Time:
    """Where sleeping takes no time, and a look at the clock a little."""

    def __init__(self):
        self.now_s = 0.0

    def clock(self):
        self.now_s += 0.0005
        return self.now_s

    def sleep(self, seconds):
        self.now_s += seconds


def test_a_jump_is_followed_from_the_capsule_to_the_first_new_note(monkeypatch):
    from fakes import Composer

    from bridge.mind.core import COMMIT_S, Mind
    from bridge.mind.translate import Style, Translator

    time = Time()
    monkeypatch.setattr(reaction, "clock", time.clock)
    monkeypatch.setattr(reaction.time, "sleep", time.sleep)
    player = Mind(Composer(), Translator(Style(settle_s=1e-6, contrast=0.0)))  # eighths at 120
    jumps = list(reaction._jumps(player, 8, 2.0, 0))
    assert len(jumps) == 8 == player.counts.rewinds
    assert {one.quadrant for one in jumps} == {0, 1, 2, 3}
    for one in jumps:
        assert 0 < one.composed_s <= one.at_hand_s < one.heard_s
        assert one.composed_s < 0.05
        assert one.heard_s - one.at_hand_s <= COMMIT_S + 1e-9
        assert one.old_until_s <= COMMIT_S + 0.02 < one.heard_s + 0.125
        assert one.beat_s == 0.5


def test_what_is_heard_is_told_in_beats_too():
    jumps = [
        reaction.Jump(0, 9.0, heard_s=heard_s, beat_s=beat_s)
        for heard_s, beat_s in ((0.3, 0.5), (0.5, 0.4), (0.6, 0.6))
    ]
    told = reaction._heard(jumps)
    assert (told["n"], told["within_a_beat"], told["most_beats"], told["p50"]) == (3, 2, 1.25, 500)
    assert reaction._heard([]) == {"n": 0}
