"""Names that fit the signal and names that do not; streamed equals whole."""

from dataclasses import replace

import numpy as np
import pytest

from eeg.frontend import FrontEnd
from eeg.montage import Chunk
from eeg.names import FEWEST_PAIRS, FINE, FOREIGN, LEAST_S, NameFit, warning
from eeg.signal import Recording
from eeg.synthetic import EPOC, SAMPLE_COURSE, synthesise

RATE_HZ = 64.0


@pytest.fixture(scope="module")
def recording() -> Recording:
    """80 s of synthetic EEG from fourteen channels."""
    whole = synthesise(EPOC, RATE_HZ, SAMPLE_COURSE)
    stop = round(80 * RATE_HZ)
    return replace(whole, samples_uv=whole.samples_uv[:stop], times_s=whole.times_s[:stop])


def fits(recording: Recording, size: int = 4096) -> list[float | None]:
    front_end = FrontEnd(recording.signal, hop_s=1.0)
    return [f.names_fit for chunk in recording.chunks(size) for f in front_end.push(chunk)]


def dealt(recording: Recording, order: np.ndarray) -> Recording:
    """The same channels under other names."""
    return replace(recording, samples_uv=recording.samples_uv[:, order])


def test_true_names_fit_and_are_not_judged_before_a_minute(recording: Recording) -> None:
    found = fits(recording)
    known = [one is not None for one in found]
    assert known == sorted(known)
    assert found[int(LEAST_S) - 2] is None
    assert found[58] is not None
    assert min(one for one in found if one is not None) > 0.7
    assert warning(found[-1]) is None
    assert warning(None) is None


def test_permuted_names_are_noticed(recording: Recording) -> None:
    rng = np.random.default_rng(0)
    last = [fits(dealt(recording, rng.permutation(14)))[-1] for _ in range(8)]
    assert np.mean(np.array(last) < FOREIGN) > 0.8
    assert np.max(last) < 0.5
    told = warning(min(last))
    assert told is not None
    assert "names of the channels" in told
    assert "montage" in told


def test_a_head_seen_in_a_mirror_is_not_noticed(recording: Recording) -> None:
    """EPOC's channels in reverse are the same places with left and right exchanged."""
    assert fits(dealt(recording, np.arange(14)[::-1]))[-1] > FINE


def test_few_channels_are_never_judged(recording: Recording) -> None:
    signal = replace(recording.signal, channels=EPOC[:7])
    few = replace(recording, signal=signal, samples_uv=recording.samples_uv[:, :7])
    assert set(fits(few)) == {None}
    assert len(EPOC[:8]) * 7 // 2 == FEWEST_PAIRS


def test_streamed_is_whole_across_save_and_restore(recording: Recording) -> None:
    torn = recording.times_s + np.where(recording.times_s > 30, 2.0, 0.0)  # and an interruption
    recording = replace(recording, times_s=torn)
    whole = fits(recording)
    assert whole[-1] is not None
    rng = np.random.default_rng(1)
    cuts = [0, *sorted(rng.integers(1, len(torn), 12).tolist()), len(torn)]
    front_end, found = FrontEnd(recording.signal, hop_s=1.0), []
    for start, stop in zip(cuts[:-1], cuts[1:], strict=True):
        part = Chunk(recording.samples_uv[start:stop], recording.times_s[start:stop])
        saved = front_end.state()
        front_end.push(part)  # goes another way ...
        fresh = FrontEnd(recording.signal, hop_s=1.0)
        fresh.restore(saved)  # ... which the saved state must not feel
        found += [one.names_fit for one in fresh.push(part)]
        front_end = fresh
    assert found == whole


def test_bad_channels_are_left_out_and_a_reset_forgets() -> None:
    rng = np.random.default_rng(0)
    places = np.stack([np.arange(9.0), np.zeros(9)], axis=1)
    good = np.arange(9) != 4
    fit, other = (NameFit(places, 64.0, 128, 1.0) for _ in range(2))
    for _ in range(60):
        waves = np.cumsum(rng.normal(size=(9, 128)), axis=0)  # neighbours share most
        found = fit.push(np.where(good[:, None], waves, 0.0), good)
        same = other.push(np.where(good[:, None], waves, rng.normal(size=128)), good)
        assert found == same
    assert found is not None
    assert found > 0.8
    fit.reset()
    assert fit.push(waves, good) is None
