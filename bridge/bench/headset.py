"""A headset for measurements: an LSL stream of noise from a process of its own."""

from __future__ import annotations

import multiprocessing
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from bridge.board import orphaned
from eeg.lsl import Outlet, clock

CHANNELS = ("TP9", "AF7", "AF8", "TP10")
NOISE_UV = 10.0


@contextmanager
def headset(rate_hz: float = 256.0) -> Iterator[str]:
    """The name of the stream, which ends with the block."""
    name = f"emocapsule-bench-{uuid.uuid4().hex[:6]}"
    context = multiprocessing.get_context("spawn")
    source = context.Process(target=_send, args=(name, rate_hz), daemon=True)
    source.start()
    try:
        yield name
    finally:
        source.terminate()
        source.join()


def _send(name: str, rate_hz: float) -> None:
    outlet = Outlet(name, "EEG", CHANNELS, rate_hz, "microvolts", name)
    rng, start_s, sent = np.random.default_rng(0), clock(), 0
    while not orphaned():
        while sent < (clock() - start_s) * rate_hz:
            sample_uv = NOISE_UV * rng.standard_normal((1, len(CHANNELS)))
            outlet.push(sample_uv, np.array([clock()]))
            sent += 1
        time.sleep(max(0.0, start_s + sent / rate_hz - clock()))
