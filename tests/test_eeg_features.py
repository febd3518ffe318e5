"""Entropies against the closed form, bands against rates, quality against known faults."""

import numpy as np
import pytest
from numpy.typing import NDArray

from eeg.features import BandEntropy, valid_bands
from eeg.filter import Filter
from eeg.frontend import FrontEnd
from eeg.montage import BANDS, REGIONS, Chunk, Signal
from eeg.quality import GOOD, channel_quality

RATES = (128.0, 250.0, 256.0, 500.0, 512.0)
Floats = NDArray[np.float64]


def entropy_of(variance_uv2: float) -> float:
    return float(0.5 * np.log(2 * np.pi * np.e * variance_uv2))


@pytest.mark.parametrize("rate_hz", RATES)
@pytest.mark.parametrize(("band", "sine_hz"), [("theta", 6.0), ("alpha", 10.3), ("beta", 21.0)])
def test_a_sine_has_the_entropy_of_its_variance(rate_hz: float, band: str, sine_hz: float) -> None:
    times_s = np.arange(round(20 * rate_hz)) / rate_hz
    chunk = Chunk(20 * np.sin(2 * np.pi * sine_hz * times_s)[:, None], times_s)
    features = FrontEnd(Signal("sine", rate_hz, ("Cz",))).push(chunk)[-1]
    column = [b.name for b in BANDS].index(band)
    found = features.entropy[REGIONS.index("central")]
    assert found[column] == pytest.approx(entropy_of(20**2 / 2), abs=0.02)
    assert all(found[column] - found[i] > 1.5 for i in range(len(BANDS)) if i != column)


@pytest.mark.parametrize("rate_hz", RATES)
def test_white_noise_has_the_entropy_of_its_share_in_each_band(rate_hz: float) -> None:
    """The filter's own edges must not show: its gain is divided out."""
    rng = np.random.default_rng(5)
    density_uv2 = 0.5  # µV² per Hz
    samples = rng.normal(0, np.sqrt(density_uv2 * rate_hz / 2), (round(180 * rate_hz), 4))
    chunk = Chunk(samples, np.arange(len(samples)) / rate_hz)
    features = FrontEnd(Signal("noise", rate_hz, ("TP9", "AF7", "AF8", "TP10")), 2, 1).push(chunk)
    variance = np.exp(2 * np.array([f.entropy[f.present] for f in features])).mean(axis=(0, 1))
    for band, found in zip(BANDS, variance / (2 * np.pi * np.e), strict=True):
        assert found == pytest.approx(density_uv2 * (band.high_hz - band.low_hz), rel=0.08), band


def test_entropy_does_not_depend_on_the_rate() -> None:
    """The same oscillations sampled at 128 and at 500 Hz give the same features."""
    rng = np.random.default_rng(2)
    frequencies, phases = rng.uniform(1.5, 44, 60), rng.uniform(0, 6.28, 60)
    found = []
    for rate_hz in (128.0, 500.0):
        times_s = np.arange(round(12 * rate_hz)) / rate_hz
        wave = np.sin(2 * np.pi * frequencies * times_s[:, None] + phases) @ (30 / frequencies)
        signal = Signal("same", rate_hz, ("Pz",))
        found.append(FrontEnd(signal).push(Chunk(wave[:, None], times_s))[20].entropy)
    np.testing.assert_allclose(found[0], found[1], atol=0.03)


def test_a_dead_channel_has_a_finite_entropy() -> None:
    assert np.isfinite(BandEntropy(128, 256)(np.zeros((2, 256)))).all()


@pytest.mark.parametrize(
    ("rate_hz", "passband_hz", "bands"),
    [
        (128.0, None, "delta theta alpha beta gamma"),
        (100.0, None, "delta theta alpha beta gamma"),
        (80.0, None, "delta theta alpha beta"),
        (128.0, (4.0, 45.0), "theta alpha beta gamma"),  # DEAP
        (250.0, (1.0, 40.0), "delta theta alpha beta"),
        (256.0, (0.0, 128.0), "delta theta alpha beta gamma"),
    ],
)
def test_bands_that_cannot_be_there_are_told(
    rate_hz: float, passband_hz: tuple[float, float] | None, bands: str
) -> None:
    valid = valid_bands(rate_hz, passband_hz)
    assert [b.name for b, ok in zip(BANDS, valid, strict=True) if ok] == bands.split()


def test_absent_regions_and_bands_are_zero() -> None:
    chunk = eeg_like(160.0, 4, 4.0)
    signal = Signal("x", 160.0, ("TP9", "AF7", "AF8", "TP10"), passband_hz=(4.0, 70.0))
    features = FrontEnd(signal).push(chunk)[-1]
    assert features.entropy.dtype == np.float32
    assert features.entropy.shape == (len(REGIONS), len(BANDS))
    assert (features.entropy[~features.present] == 0).all()
    assert (features.entropy[:, ~features.band_valid] == 0).all()
    assert (features.entropy[np.ix_(features.present, features.band_valid)] != 0).all()


def eeg_like(rate_hz: float, channels: int, seconds: float) -> Chunk:
    """1/f noise of about 15 µV."""
    rng = np.random.default_rng(9)
    count = round(seconds * rate_hz)
    spectrum = np.fft.rfft(rng.normal(size=(count, channels)), axis=0)
    spectrum /= np.sqrt(np.maximum(np.arange(len(spectrum)), 1))[:, None]
    wave = np.fft.irfft(spectrum, n=count, axis=0)
    return Chunk(15 * wave / wave.std(), np.arange(count) / rate_hz)


def faulty(fault: str, samples_uv: Floats, rate_hz: float) -> Floats:
    times_s = np.arange(len(samples_uv)) / rate_hz
    rng = np.random.default_rng(0)
    match fault:
        case "none":
            return samples_uv
        case "offset":
            return samples_uv + 180_000.0
        case "flat":
            return np.full_like(samples_uv, 1234.5)
        case "nearly flat":
            return samples_uv * 1e-3
        case "railed":
            return np.clip(samples_uv * 50, -300.0, 300.0)
        case "loud":
            return samples_uv + 1500 * rng.normal(size=samples_uv.shape)
        case "hum 50":
            return samples_uv + 1500 * np.sin(2 * np.pi * 50 * times_s)
        case "hum 60":
            return samples_uv + 1500 * np.sin(2 * np.pi * 60 * times_s)
        case "some hum":
            return samples_uv + 40 * np.sin(2 * np.pi * 50 * times_s)
    raise AssertionError(fault)


@pytest.mark.parametrize("rate_hz", [128.0, 250.0, 512.0])
@pytest.mark.parametrize(
    ("fault", "good"),
    [
        ("none", True), ("offset", True), ("some hum", True), ("flat", False),
        ("nearly flat", False), ("railed", False), ("loud", False), ("hum 50", False),
        ("hum 60", False),
    ],
)  # fmt: skip
def test_a_faulty_channel_is_found_and_left_out(fault: str, good: bool, rate_hz: float) -> None:
    chunk = eeg_like(rate_hz, 10, 8.0)
    channels = tuple("Fp1 Fp2 F3 F4 C3 C4 P3 P4 O1 O2".split())
    signal = Signal("x", rate_hz, channels)
    chunk.samples_uv[:, 8] = faulty(fault, chunk.samples_uv[:, 8], rate_hz)
    last = FrontEnd(signal).push(chunk)[-1]
    assert (last.channel_quality[8] >= GOOD) == good
    assert (np.delete(last.channel_quality, 8) > 0.9).all()
    assert last.present[REGIONS.index("occipital-left")] == good
    assert last.quality > 0.85


def test_a_bad_channel_does_not_leak_through_the_reference() -> None:
    channels = tuple("Fp1 Fp2 F3 F4 C3 C4 P3 P4 O1 O2".split())
    chunk = eeg_like(256.0, 10, 6.0)
    without = [i for i in range(10) if i != 2]
    alone = FrontEnd(Signal("x", 256.0, tuple(channels[i] for i in without)))
    expected = alone.push(Chunk(chunk.samples_uv[:, without], chunk.times_s))[-1]
    chunk.samples_uv[:, 2] += 1000 * np.random.default_rng(1).normal(size=len(chunk.times_s))
    found = FrontEnd(Signal("x", 256.0, channels)).push(chunk)[-1]
    np.testing.assert_allclose(found.entropy[0], expected.entropy[0], atol=1e-4)


def test_a_headset_of_four_keeps_its_own_reference_and_a_cap_gets_the_average() -> None:
    chunk = eeg_like(256.0, 8, 6.0)
    common = Chunk(chunk.samples_uv + 40 * np.sin(60 * chunk.times_s)[:, None], chunk.times_s)
    cap = Signal("cap", 256.0, tuple("Fp1 Fp2 C3 C4 P7 P8 O1 O2".split()))
    np.testing.assert_allclose(
        FrontEnd(cap).push(common)[-1].entropy, FrontEnd(cap).push(chunk)[-1].entropy, atol=1e-4
    )
    muse = Signal("muse", 256.0, ("TP9", "AF7", "AF8", "TP10"))
    four = [Chunk(c.samples_uv[:, :4], c.times_s) for c in (chunk, common)]
    plain, shared = (FrontEnd(muse).push(c)[-1].entropy[0, 2] for c in four)
    assert shared > plain + 0.5


def test_lost_samples_lower_the_quality_of_the_window() -> None:
    chunk = eeg_like(256.0, 4, 6.0)
    keep = np.arange(len(chunk.times_s)) % 256 >= 40  # 40 samples lost each second: no gap, but …
    signal = Signal("x", 256.0, ("TP9", "AF7", "AF8", "TP10"))
    features = FrontEnd(signal).push(Chunk(chunk.samples_uv[keep], chunk.times_s[keep]))
    assert not any(f.gap for f in features)
    assert features[-1].quality == pytest.approx(216 / 256, abs=0.03)


def test_mains_are_measured_before_the_notch_and_gone_after_it() -> None:
    rate_hz, chunk = 250.0, eeg_like(250.0, 1, 10.0)
    hum = 1500 * np.sin(2 * np.pi * 50 * chunk.times_s)[:, None]
    clean, held = Filter(rate_hz, 1).push(chunk.samples_uv + hum)
    last = slice(-500, None)
    assert clean[last].std() < 30
    raw = (chunk.samples_uv + hum)[last].T
    assert channel_quality(raw, clean[last].T, held[last].T, rate_hz)[0] < GOOD
