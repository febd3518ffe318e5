"""What figures are beside: percentiles, and what this machine does by itself, in the same run."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from eeg.lsl import clock

Result = dict[str, Any]


def percentiles(values_ms: Sequence[float]) -> Result:
    """p50, p95, p99 and max, in ms, and of how many."""
    p50, p95, p99, most = np.percentile(values_ms, (50, 95, 99, 100))
    rounded = {"p50": p50, "p95": p95, "p99": p99, "max": most}
    return {name: round(float(one), 3) for name, one in rounded.items()} | {"n": len(values_ms)}


def ratio(result: Result, yardstick: Result, name: str = "p99") -> Result:
    """The yardstick, and how many times as long ours took at the percentile `name`."""
    times = round(result[name] / max(yardstick[name], 1e-3), 2)
    return {f"ratio_{name}": times, "yardstick": yardstick}


def sleep(count: int = 400, step_s: float = 0.005) -> Result:
    """How late a plain sleep to an absolute deadline wakes up."""
    start_s, late_ms = clock(), []
    for number in range(1, count + 1):
        due_s = start_s + number * step_s
        time.sleep(max(0.0, due_s - clock()))
        late_ms.append(1000 * (clock() - due_s))
    return percentiles(late_ms)


def products(parameters: int, count: int = 50) -> Result:
    """How long one vector through that many float32 weights takes."""
    matrix = np.ones((max(1, parameters // 1024), 1024), dtype=np.float32)
    vector = np.ones(1024, dtype=np.float32)
    return percentiles([timed_ms(lambda: matrix @ vector) for _ in range(count)])


def timed_ms(work: Callable[[], Any]) -> float:
    """How long it takes."""
    begin_s = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - begin_s)
