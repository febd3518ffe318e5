"""A real Ableton Link session: another program and our processes, on a network of their own."""

import logging
import os
import shutil
import signal
import subprocess
import time
import uuid
from contextlib import closing

import numpy as np
import pytest
from daws import Peer, Plans
from wire import until

pytest.importorskip("aalink", reason="aalink is not installed (pip install emocapsule[link])")
pytestmark = pytest.mark.lsl
SPACE = f"emo-{uuid.uuid4().hex[:8]}"
BEFORE = ("ip", "netns", "exec", SPACE)
WITHIN_MS = 5.0


@pytest.fixture(scope="module", autouse=True)
def alone():
    """Only loopback: whoever else makes music on this network is neither heard nor disturbed."""
    ours = shutil.which("ip") is not None and not ip("netns", "add", SPACE)
    if not ours:
        pytest.skip("needs root and Linux's network namespaces: Link would reach who else is there")
    ip("-n", SPACE, "link", "set", "lo", "up")
    yield
    ip("netns", "delete", SPACE)


def ip(*words):
    return subprocess.run(["ip", *words], capture_output=True).returncode


def plans(incoming, composer="fakes.Composer"):
    return closing(Plans(120, incoming, composer, "'none'", BEFORE))


def peer(bpm):
    return closing(Peer(bpm, BEFORE))


def in_time(ourselves, other, after_s):
    """So many sixteenths after a time, on which the composer of tests plays, are the session's."""
    until(lambda: len(ourselves.notes_s(after_s)) > 12, "notes")
    notes_s = ourselves.notes_s(after_s)
    until(lambda: other.told()[-1, 0] > notes_s[-1], "the session to have come there")
    bpm = other.told()[-1, 2]
    off = other.places(notes_s) * 4
    off_ms = 1000 * np.abs(off - np.round(off)) * 15 / bpm
    told = (len(off_ms), bpm, np.median(off_ms), off_ms.max())
    logging.info("%d notes at %.0f bpm, off the session's sixteenths %.2f ms, worst %.2f ms", *told)
    assert np.median(off_ms) < WITHIN_MS, off_ms
    return notes_s


def on_a_bar(other, time_s):
    place = float(other.places(time_s)) / 4
    assert abs(place - round(place)) * 4 * 60 / other.told()[-1, 2] < WITHIN_MS / 1000, place


def killed(ourselves):
    """Kill *link*; gives when."""
    (ready,) = ourselves.ready()
    os.kill(int(ready.split()[1]), signal.SIGKILL)
    return time.monotonic()


def test_a_session_is_joined_and_followed_until_everybody_else_has_left():
    with peer(100) as other, plans("Incoming(link=True)") as ourselves:
        first_s = in_time(ourselves, other, 0.0)[0]
        on_a_bar(other, first_s)
        assert "Ableton Link: another program, 100 bpm." in ourselves.said()
        assert set(np.round(other.told()[:, 2])) == {100}  # who joins changes nothing
        changed_s = other.set("tempo", 130)
        notes_s = in_time(ourselves, other, changed_s + 1.0)
        assert np.median(np.diff(notes_s)) == pytest.approx(15 / 130, rel=0.02)

        other.set("enabled", 0)
        until(lambda: "the others have gone" in ourselves.said()[-1], "the farewell")
        gone_s = time.monotonic()
        until(lambda: len(ourselves.notes_s(gone_s + 1.0)) > 12, "music without them")
        alone_s = ourselves.notes_s(gone_s + 1.0)
        assert np.median(np.diff(alone_s)) == pytest.approx(15 / 130, rel=0.02)
    assert not [line for line in ourselves.errors if "Traceback" in line], ourselves.errors


def test_who_comes_gets_our_tempo_and_its_start_and_stop_are_followed():
    incoming = "Incoming(link=True, start_stop=True)"
    with plans(incoming, "daws.Slow") as ourselves:
        waits = "Ableton Link: nobody else is there yet; who joins gets our tempo. "
        until(lambda: waits + "The piano waits for start." in ourselves.said(), "the session")
        with peer(140) as other:
            until(lambda: other.told()[-1, 3] == 1, "one another")
            until(lambda: round(other.told()[-1, 2]) == 96, "our tempo")
            assert not len(ourselves.notes_s())
            started_s = other.set("playing", 1)
            on_a_bar(other, in_time(ourselves, other, started_s)[0])

            killed_s = killed(ourselves)
            on_a_bar(other, in_time(ourselves, other, killed_s + 0.5)[0])
            other.set("playing", 0)
            until(lambda: "has stopped" in ourselves.said()[-1], "the stop")
            notes = len(ourselves.notes_s())
            time.sleep(1.0)
            assert len(ourselves.notes_s()) == notes
    assert not [line for line in ourselves.errors if "Traceback" in line], ourselves.errors
