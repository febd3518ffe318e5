"""Streamed equals whole for any cut, and the future never changes the past."""

from dataclasses import astuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eeg.errors import EegError
from eeg.filter import Filter
from eeg.frontend import Features, FrontEnd
from eeg.montage import Chunk, Signal
from eeg.window import Window, Windows

CUTS = st.lists(st.integers(1, 400), min_size=4, max_size=12)
RATES = (128.0, 250.0, 256.0, 500.0, 512.0)
MUSE = ("TP9", "AF7", "AF8", "TP10")
TEN = ("Fp1", "Fp2", "F3", "F4", "C3", "C4", "P3", "P4", "O1", "O2", "ECG")


def noise(rate_hz: float, channels: int, seconds: float, seed: int = 0) -> Chunk:
    rng = np.random.default_rng(seed)
    count = int(seconds * rate_hz)
    drift = np.cumsum(rng.normal(size=(count, channels)), axis=0)
    return Chunk(4200 + drift + 10 * rng.normal(size=(count, channels)), np.arange(count) / rate_hz)


def pieces(count: int, cuts: list[int]) -> list[slice]:
    """Slices that cover `count` samples, their sizes taken from `cuts` in turn."""
    slices, start, turn = [], 0, 0
    while start < count:
        slices.append(slice(start, start + cuts[turn % len(cuts)]))
        start, turn = slices[-1].stop, turn + 1
    return slices


def cut(chunk: Chunk, cuts: list[int]) -> list[Chunk]:
    return [
        Chunk(chunk.samples_uv[part], chunk.times_s[part])
        for part in pieces(len(chunk.times_s), cuts)
    ]


def run(front_end: FrontEnd, chunks: list[Chunk]) -> list[Features]:
    return [features for chunk in chunks for features in front_end.push(chunk)]


def assert_same(left: list[Features] | list[Window], right: list[Features] | list[Window]) -> None:
    assert len(left) == len(right)
    for one, other in zip(left, right, strict=True):
        for a, b in zip(astuple(one), astuple(other), strict=True):
            np.testing.assert_array_equal(a, b)  # to the last bit


@settings(max_examples=30, deadline=None)
@given(cuts=CUTS, holes=st.lists(st.integers(0, 1199), max_size=20))
def test_filter_streamed_is_filter_whole(cuts: list[int], holes: list[int]) -> None:
    samples = noise(256, 3, 1200 / 256).samples_uv
    samples[holes, 1] = np.nan
    samples[: len(holes), 2] = np.inf  # a channel that begins with rubbish
    whole, held = Filter(256, 3).push(samples)
    streaming = Filter(256, 3)
    parts = [streaming.push(samples[part]) for part in pieces(1200, cuts)]
    np.testing.assert_array_equal(np.vstack([clean for clean, _ in parts]), whole)
    np.testing.assert_array_equal(np.vstack([marks for _, marks in parts]), held)
    assert np.isfinite(whole).all()


@settings(max_examples=30, deadline=None)
@given(cuts=CUTS, rate_hz=st.sampled_from([*RATES, 62.5, 200.3]))
def test_windows_streamed_are_windows_whole(cuts: list[int], rate_hz: float) -> None:
    chunk = noise(rate_hz, 2, 6.0)
    whole = Windows(rate_hz, 2, 2.0, 0.25).push(chunk.samples_uv, chunk.times_s)
    streaming = Windows(rate_hz, 2, 2.0, 0.25)
    parts = [w for c in cut(chunk, cuts) for w in streaming.push(c.samples_uv, c.times_s)]
    assert_same(parts, whole)


@settings(max_examples=12, deadline=None)
@given(
    cuts=CUTS,
    rate_hz=st.sampled_from(RATES),
    gap_at=st.integers(1, 350),
    hole=st.integers(0, 700),
)
def test_front_end_streamed_is_front_end_whole(
    cuts: list[int], rate_hz: float, gap_at: int, hole: int
) -> None:
    chunk = noise(rate_hz, len(TEN), 6.0)
    chunk.times_s[gap_at:] += 3.0
    chunk.samples_uv[hole, 3] = np.nan
    signal = Signal("test", rate_hz, TEN)
    whole = FrontEnd(signal).push(chunk)
    assert_same(run(FrontEnd(signal), cut(chunk, cuts)), whole)
    assert any(features.gap for features in whole)


def test_a_whole_recording_at_once_is_the_recording_sample_by_sample() -> None:
    chunk = noise(128, 4, 5.0)
    signal = Signal("test", 128, MUSE)
    assert_same(run(FrontEnd(signal), cut(chunk, [1])), FrontEnd(signal).push(chunk))


def test_the_future_never_changes_the_past() -> None:
    chunk = noise(250, len(TEN), 8.0)
    signal = Signal("test", 250, TEN)
    before = FrontEnd(signal).push(chunk)
    chunk.samples_uv[1250:] = np.random.default_rng(1).normal(size=chunk.samples_uv[1250:].shape)
    after = FrontEnd(signal).push(chunk)
    past = [features for features in before if features.end_s < 5.0]
    assert len(past) == 13
    assert_same(past, after[: len(past)])
    assert (before[len(past)].entropy != after[len(past)].entropy).any()


@pytest.mark.parametrize("rate_hz", RATES)
def test_hops_stay_exact_for_any_rate(rate_hz: float) -> None:
    count = int(60 * rate_hz)
    ends = [
        window.end_s
        for window in Windows(rate_hz, 1, 2.0, 0.25).push(
            np.zeros((count, 1)), np.arange(count) / rate_hz
        )
    ]
    wanted = 2.0 + 0.25 * np.arange(len(ends)) - 1 / rate_hz
    assert len(ends) == 233
    assert np.abs(np.array(ends) - wanted).max() <= 0.5 / rate_hz + 1e-9


def test_a_window_is_the_samples_it_claims() -> None:
    ramp = np.arange(1000.0)[:, None]
    for window in Windows(250, 1, 2.0, 0.25).push(ramp, ramp[:, 0] / 250):
        np.testing.assert_array_equal(np.diff(window.values[0]), 1.0)
        assert window.values[0, -1] == round(window.end_s * 250)
        assert window.values.shape == (1, 500)


@pytest.mark.parametrize("rate_hz", [128.0, 255.0, 256.0])
def test_as_many_samples_as_are_missing_complete_a_window(rate_hz: float) -> None:
    front_end = FrontEnd(Signal("x", rate_hz, ("Fp1", "Fp2")))
    whole = noise(rate_hz, 2, 4.0)
    samples = iter(cut(whole, [1]))
    for _ in range(6):
        for left in range(front_end.missing, 0, -1):
            assert front_end.missing == left
            found = front_end.push(next(samples))
        assert len(found) == 1


def test_state_can_be_taken_out_and_put_back() -> None:
    first, second = cut(noise(256, 4, 8.0), [1111])[:2]
    signal = Signal("test", 256, MUSE)
    front_end = FrontEnd(signal)
    front_end.push(first)
    state = front_end.state()
    expected = front_end.push(second)
    front_end.push(second)  # goes astray
    front_end.restore(state)
    assert_same(front_end.push(second), expected)
    other = FrontEnd(signal)
    other.restore(state)
    assert_same(other.push(second), expected)


def test_reset_is_as_new() -> None:
    chunk = noise(256, 4, 5.0)
    front_end = FrontEnd(Signal("test", 256, MUSE))
    first = front_end.push(chunk)
    front_end.reset()
    assert_same(front_end.push(chunk), first)
    assert front_end.flush() == []


def test_a_gap_empties_filter_and_window_and_is_told_once() -> None:
    chunk, rate_hz = noise(256, 4, 10.0), 256
    chunk.times_s[1280:] += 0.5
    signal = Signal("test", rate_hz, MUSE)
    features = FrontEnd(signal).push(chunk)
    gaps = [f.gap for f in features]
    assert gaps.count(True) == 1
    after = features[gaps.index(True) :]
    assert after[0].end_s == pytest.approx(5.5 + 2.0, abs=0.01)
    fresh = FrontEnd(signal).push(Chunk(chunk.samples_uv[1280:], chunk.times_s[1280:]))
    np.testing.assert_array_equal(
        [f.entropy for f in after], [f.entropy for f in fresh]
    )  # nothing of before is left


def test_jitter_and_repeated_stamps_are_no_gap_but_a_clock_set_back_is() -> None:
    chunk = noise(256, 4, 6.0)
    signal = Signal("test", 256, MUSE)
    bursts = Chunk(chunk.samples_uv, np.floor(chunk.times_s * 20) / 20)  # packets of 50 ms
    assert not any(f.gap for f in FrontEnd(signal).push(bursts))
    shaken = chunk.times_s + np.random.default_rng(0).uniform(-0.03, 0.03, len(chunk.times_s))
    assert not any(f.gap for f in FrontEnd(signal).push(Chunk(chunk.samples_uv, shaken)))
    back = chunk.times_s.copy()
    back[700:] -= 2.0
    assert [f.gap for f in FrontEnd(signal).push(Chunk(chunk.samples_uv, back))].count(True) == 1


def test_a_nan_spoils_its_channel_for_the_windows_it_touches_and_no_longer() -> None:
    chunk = noise(256, 4, 10.0)
    clean = FrontEnd(Signal("test", 256, MUSE)).push(chunk)
    chunk.samples_uv[1000:1003, 2] = [np.nan, np.inf, 1e300]
    hurt = FrontEnd(Signal("test", 256, MUSE)).push(chunk)
    for before, after in zip(clean, hurt, strict=True):
        touched = after.end_s >= 1000 / 256 and after.end_s - 511 / 256 <= 1002 / 256
        assert np.isfinite(after.entropy).all()
        assert (after.channel_quality[2] == 0) == touched
        np.testing.assert_array_equal(after.entropy[0], before.entropy[0])
    np.testing.assert_allclose(hurt[-1].entropy, clean[-1].entropy, atol=0.05)


def test_rubbish_never_raises_and_never_gives_a_nan() -> None:
    rng = np.random.default_rng(3)
    signal = Signal("test", 128, TEN)
    for rubbish in (
        np.full((800, 11), np.nan),
        np.zeros((800, 11)),
        np.full((800, 11), 1e300),
        rng.normal(size=(800, 11)) * 10.0 ** rng.integers(-2, 8, (800, 11)),
        rng.choice([np.nan, np.inf, -np.inf, 0.0, 1e5], (800, 11)),
    ):
        for features in FrontEnd(signal).push(Chunk(rubbish, np.arange(800) / 128)):
            assert np.isfinite(features.entropy).all()
            assert np.isfinite(features.channel_quality).all()
            assert 0 <= features.quality < 0.6


def test_empty_chunks_are_nothing_and_wrong_ones_are_refused() -> None:
    front_end = FrontEnd(Signal("test", 128, MUSE))
    assert front_end.push(Chunk(np.empty((0, 4)), np.empty(0))) == []
    with pytest.raises(EegError, match=r"shape \(5, 3\)"):
        front_end.push(Chunk(np.zeros((5, 3)), np.zeros(5)))


@pytest.mark.parametrize("rate_hz", [0.0, 1.0, 50.0, float("nan"), float("inf")])
def test_rates_that_hold_no_eeg_are_refused(rate_hz: float) -> None:
    with pytest.raises(EegError, match="steady rate"):
        FrontEnd(Signal("slow", rate_hz, MUSE))


def test_volts_are_noticed_at_the_first_window() -> None:
    chunk = noise(256, 4, 3.0)
    with pytest.raises(EegError, match="volts.*microvolts"):
        FrontEnd(Signal("test", 256, MUSE)).push(Chunk(chunk.samples_uv * 1e-6, chunk.times_s))
