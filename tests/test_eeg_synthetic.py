"""The sample recording is what its README says, and its script can be read back from it."""

import hashlib
from pathlib import Path

import numpy as np
import pytest

from eeg.filter import Filter
from eeg.frontend import FrontEnd
from eeg.montage import REGIONS, Chunk
from eeg.recording import read_recording
from eeg.synthetic import EPOC, SAMPLE_COURSE, Step, sample_recording, synthesise, write_edf

RECORDINGS = Path(__file__).parent.parent / "recordings"
ALPHA, BETA = 2, 3


def test_the_sample_is_written_again_byte_for_byte(tmp_path: Path) -> None:
    write_edf(tmp_path / "sample.edf", sample_recording())
    fresh = (tmp_path / "sample.edf").read_bytes()
    assert fresh == (RECORDINGS / "sample.edf").read_bytes()
    assert hashlib.sha256(fresh).hexdigest() in (RECORDINGS / "README.md").read_text()


def test_the_file_holds_what_was_synthesised() -> None:
    file, made = read_recording(RECORDINGS / "sample.edf"), sample_recording()
    assert file.signal.channels == made.signal.channels == EPOC
    np.testing.assert_allclose(file.samples_uv, made.samples_uv, atol=1e-6)
    assert file.events == made.events
    assert [label for _, label in file.events] == [step.label for step in SAMPLE_COURSE]
    assert {"Q1", "Q2", "Q3", "Q4"} <= {step.label for step in SAMPLE_COURSE}
    assert SAMPLE_COURSE[0].until_s >= 20


def test_the_course_can_be_heard_in_the_features() -> None:
    recording = sample_recording()
    features = FrontEnd(recording.signal).push(Chunk(recording.samples_uv, recording.times_s))
    ends = np.array([f.end_s for f in features])
    entropy = np.array([f.entropy for f in features])
    means, start = {}, 0.0
    for step in SAMPLE_COURSE[:-1]:
        inside = (ends > start + 5) & (ends <= step.until_s)
        means[step.label], start = entropy[inside].mean(axis=0), step.until_s
    left, right = REGIONS.index("frontal-left"), REGIONS.index("frontal-right")
    back = REGIONS.index("occipital-left")
    tilt = {label: mean[right, ALPHA] - mean[left, ALPHA] for label, mean in means.items()}
    for aroused in ("Q1", "Q2"):
        for calm in ("Q3", "Q4"):
            assert means[aroused][back, ALPHA] < means[calm][back, ALPHA] - 0.3
            assert means[aroused][left, BETA] > means[calm][left, BETA] + 0.1
    assert min(tilt["Q1"], tilt["Q4"]) > max(tilt["Q2"], tilt["Q3"]) + 0.1
    assert all(f.quality > 0.9 and f.present[left] for f in features)


@pytest.mark.parametrize("rate_hz", [128.0, 250.0, 512.0])
def test_any_montage_and_rate(rate_hz: float) -> None:
    course = (Step(6.0, 0.0, 0.0, "rest"), Step(12.0, 1.0, 1.0, "Q1"))
    recording = synthesise(("TP9", "AF7", "AF8", "TP10"), rate_hz, course, seed=7)
    again = synthesise(("TP9", "AF7", "AF8", "TP10"), rate_hz, course, seed=7)
    other = synthesise(("TP9", "AF7", "AF8", "TP10"), rate_hz, course, seed=8)
    np.testing.assert_array_equal(recording.samples_uv, again.samples_uv)
    assert (recording.samples_uv != other.samples_uv).any()
    assert recording.duration_s == pytest.approx(12.0)
    features = FrontEnd(recording.signal).push(Chunk(recording.samples_uv, recording.times_s))
    assert all(f.quality > 0.8 for f in features)


def test_it_has_the_ingredients_of_eeg() -> None:
    recording = synthesise(("Fp1", "Cz", "O1"), 250.0, (Step(60.0, 0.0, 0.0, "rest"),))
    spectrum = np.abs(np.fft.rfft(recording.samples_uv * np.hanning(15000)[:, None], axis=0)) ** 2
    hz = np.fft.rfftfreq(15000, 1 / 250)

    def power(low: float, high: float) -> np.ndarray:
        return spectrum[(hz >= low) & (hz < high)].mean(axis=0)

    assert (power(1, 4) > 3 * power(13, 30)).all()  # 1/f
    assert power(9, 11)[2] > 5 * power(5, 7)[2]  # alpha over the occiput
    assert (power(49.5, 50.5) > 10 * power(46, 48)).all()  # hum
    clean, _ = Filter(250.0, 3).push(recording.samples_uv)
    assert clean[:, 0].max() > 1.5 * clean[:, 2].max()  # blinks
