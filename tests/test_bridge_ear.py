"""Ear's core: the same capsules for any chunking, and an interruption that is counted."""

import subprocess
import sys
import uuid
from dataclasses import replace

import fakes
import numpy as np
import pytest
from wire import until

from bridge import ear
from bridge.board import SIGNALS, new_board
from bridge.ear import Ear
from eeg.lsl import Outlet, clock
from eeg.signal import Chunk
from eeg.synthetic import sample_recording

SECONDS = 8


def capsules(cuts, skip=slice(0, 0)):
    recording = fakes.beginning(SECONDS)
    kept = np.ones(len(recording.times_s), dtype=bool)
    kept[skip] = False
    samples, times = recording.samples_uv[kept], recording.times_s[kept]
    one = Ear(recording.signal, fakes.recogniser())
    heard = []
    for start, stop in zip([0, *cuts], [*cuts, len(times)], strict=True):
        heard += one.push(Chunk(samples[start:stop], times[start:stop]))
    return heard, one


def test_any_chunking_gives_the_same_capsules():
    rng = np.random.default_rng(0)
    whole, _ = capsules([])
    cut, _ = capsules(sorted(rng.integers(0, 900, 40)))
    assert cut == whole
    assert len(whole) == 4 * (SECONDS - 2) + 1


def test_an_interruption_starts_the_window_anew_and_is_counted():
    whole, _ = capsules([])
    torn, one = capsules([], skip=slice(500, 600))
    assert one.gaps == 1
    assert len(torn) < len(whole)


def test_names_that_do_not_fit_are_told_once():
    recording = sample_recording()
    signal = replace(recording.signal, channels=tuple(sorted(recording.signal.channels)))
    told = []
    for one in (Ear(recording.signal, fakes.recogniser()), Ear(signal, fakes.recogniser())):
        said = []
        for chunk in recording.chunks(512):
            one.push(chunk)
            said += one.unsaid()
        told.append(said)
    assert told[0] == []
    (sentence,) = told[1]
    assert "check the montage" in sentence


def test_the_live_ear_needs_no_mne():
    code = (
        "import sys, bridge.ear as ear, eeg.frontend; ear.trained(); "
        "print('mne' in sys.modules, 'torch' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["False", "True"]


class Seat:
    """As the supervisor gives it; it is over when so many capsules are there."""

    def __init__(self, capsules):
        self.board, self.told, self._capsules = new_board(), [], capsules

    def over(self):
        return self.board.capsules >= self._capsules

    def tell(self, kind, text):
        self.told.append((kind, text))

    def beat(self, now_s):
        pass


@pytest.mark.lsl
def test_what_comes_while_it_loads_is_heard_in_full():
    recording, name = fakes.beginning(SECONDS), f"early {uuid.uuid4().hex[:6]}"
    signal = recording.signal
    outlet = Outlet(name, "EEG", signal.channels, signal.rate_hz, "microvolts", name)
    seat, came_s = Seat(capsules=4 * (SECONDS - 2) + 1), []

    def loads():
        until(lambda: outlet.has_readers, "the stream to be opened")
        came_s.append(clock() - recording.times_s[-1])
        outlet.push(recording.samples_uv, recording.times_s + came_s[0])
        until(lambda: seat.board.signal == SIGNALS.index("LIVE"), "the signal to be seen")
        assert seat.told == [("loaded", "")]
        return fakes.recogniser()

    ear.main(seat, name, 10.0, f"capsules of {name}", 0.0, None, loads)
    outlet.close()
    assert [kind for kind, _ in seat.told] == ["loaded", "ready"]
    assert (seat.board.capsules, seat.board.gaps) == (4 * (SECONDS - 2) + 1, 0)
    assert seat.board.capsule_s == pytest.approx(came_s[0] + recording.times_s[-1], abs=0.05)
