"""Serves a recording as a real LSL stream: replay goes through the very wire of live play."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from eeg import lsl
from eeg.signal import Recording

TICK_S = 1 / 64  # how often what is due is sent
LINGER_S = 0.5  # for the last samples to reach their readers before the outlet closes


def serve(
    recording: Recording,
    speed: float = 1.0,
    name: str | None = None,
    *,
    source_id: str | None = None,
    wait_s: float = 0.0,
    clock: Callable[[], float] = lsl.clock,
    sleep: Callable[[float], None] = time.sleep,
    stop: Callable[[], bool] = lambda: False,
) -> int:
    """Send a recording and its events (as a stream of type Markers, if it has any); blocks.

    Sample k is stamped start + times_s[k] and sent at start + times_s[k] / speed, each deadline
    counted from the start, so nothing drifts. The announced rate is the recording's at any speed:
    the receiver's filters and windows do not notice that a recording runs at 4×, its stamps merely
    run ahead of the clock. Jitter and gaps of the recording are kept.

    Parameters
    ----------
    name: name of the stream, by default the recording's.
    source_id: by default derived from the name; an empty one makes a stream that cannot be told
        from its successor.
    wait_s: wait at most this long for a first reader.
    stop: asked at every tick.

    Returns the number of samples sent.
    """
    outlet, markers = _outlets(recording, name or recording.signal.name, source_id)
    until_s = clock() + wait_s
    while clock() < until_s and not outlet.has_readers and not stop():
        sleep(TICK_S)

    due_s = np.maximum.accumulate(recording.times_s)  # stamps that jitter backwards go out in order
    event_s = np.array([at_s for at_s, _ in recording.events])
    start_s, sent, told, tick = clock(), 0, 0, 0
    while sent < len(due_s) and not stop():
        now_s = (clock() - start_s) * speed
        ready = int(np.searchsorted(due_s, now_s, side="right"))
        outlet.push(recording.samples_uv[sent:ready], start_s + recording.times_s[sent:ready])
        sent = ready
        while markers is not None and told < len(event_s) and event_s[told] <= now_s:
            markers.push(recording.events[told][1], start_s + float(event_s[told]))
            told += 1
        tick += 1
        sleep(max(0.0, start_s + tick * TICK_S - clock()))
    sleep(LINGER_S)
    return sent


def _outlets(
    recording: Recording, name: str, source_id: str | None
) -> tuple[lsl.Outlet, lsl.Markers | None]:
    signal = recording.signal
    identity = f"emocapsule-replay-{name}" if source_id is None else source_id
    outlet = lsl.Outlet(
        name, "EEG", signal.channels, signal.rate_hz, "microvolts", identity, signal.positions
    )
    if not recording.events:
        return outlet, None
    return outlet, lsl.Markers(f"{name} events", f"{identity}-events")
