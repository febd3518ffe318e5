"""The bench command: what it prints, and that its last line is JSON."""

import json

import pytest

from bridge.bench import stages as bench


def test_percentiles_are_those_of_the_values():
    told = bench.percentiles([float(n) for n in range(101)])
    assert told == {"p50": 50.0, "p95": 95.0, "p99": 99.0, "max": 100.0, "n": 101}


def test_the_last_line_is_json(capsys, monkeypatch):
    monkeypatch.setitem(bench.BENCHES, "sleep", (lambda: bench.sleep(20, 0.001), "late (ms)"))
    assert bench.main(["sleep", "--json"]) == 0
    lines = capsys.readouterr().out.splitlines()
    told = json.loads(lines[-1])
    assert set(told["sleep"]) == {"p50", "p95", "p99", "max", "n"}
    assert "p99" in lines[1]


def test_what_this_machine_cannot_measure_is_skipped_with_its_reason(capsys, monkeypatch):
    def cannot():
        raise bench.loopback.BridgeError("There is no JACK on this machine.")

    monkeypatch.setattr(bench, "BENCHES", {"midi": (cannot, "lateness (ms)")})
    assert bench.main(["--json"]) == 0
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert told == {"midi": {"skipped": "There is no JACK on this machine."}}


def test_a_bench_that_does_not_exist_is_wrong_use(capsys):
    with pytest.raises(SystemExit) as ended:
        bench.main(["nonsense"])
    assert ended.value.code == 2
    assert "invalid choice" in capsys.readouterr().err


def test_an_hour_is_recognised_a_capsule_a_quarter_second():
    told = bench.hour(minutes=0.2)
    assert told["capsules"] == 12 * 4 - 7  # the first window is full after two seconds
    assert told["took_s"] > 0
    assert told["times_real_time"] > 0
