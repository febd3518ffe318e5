"""Ear's core: the same capsules for any chunking, and an interruption that is counted."""

import subprocess
import sys

import fakes
import numpy as np

from bridge.ear import Ear
from eeg.signal import Chunk

SECONDS = 8


def capsules(cuts, skip=slice(0, 0)):
    recording = fakes.beginning(SECONDS)
    kept = np.ones(len(recording.times_s), dtype=bool)
    kept[skip] = False
    samples, times = recording.samples_uv[kept], recording.times_s[kept]
    ear = Ear(recording.signal, fakes.recogniser())
    heard = []
    for start, stop in zip([0, *cuts], [*cuts, len(times)], strict=True):
        heard += ear.push(Chunk(samples[start:stop], times[start:stop]))
    return heard, ear


def test_any_chunking_gives_the_same_capsules():
    rng = np.random.default_rng(0)
    whole, _ = capsules([])
    cut, _ = capsules(sorted(rng.integers(0, 900, 40)))
    assert cut == whole
    assert len(whole) == 4 * (SECONDS - 2) + 1


def test_an_interruption_starts_the_window_anew_and_is_counted():
    whole, _ = capsules([])
    torn, ear = capsules([], skip=slice(500, 600))
    assert ear.gaps == 1
    assert len(torn) < len(whole)


def test_the_live_ear_needs_no_mne():
    code = (
        "import sys, bridge.ear as ear, eeg.frontend; ear.trained(); "
        "print('mne' in sys.modules, 'torch' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["False", "True"]
