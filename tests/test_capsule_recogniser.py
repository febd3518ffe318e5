"""The recogniser: streamed equals whole, doubt where there is no EEG, clear words."""

import time
from dataclasses import replace

import numpy as np
import pytest
from minute import minute

from capsule.corpus.sitting import Sitting, Stretch, Take
from capsule.doubt import REST_CAP
from capsule.errors import CapsuleError
from capsule.evaluation.predictions import probabilities
from capsule.recogniser import Model, Recogniser
from eeg.frontend import FrontEnd
from eeg.montage import REGIONS, Montage
from eeg.names import FINE, FOREIGN
from eeg.signal import Recording, Signal
from eeg.synthetic import sample_recording

REST_S = 20.0
CAP = tuple("Fp1 Fp2 F3 F4 F7 F8 T7 T8 C3 C4 P7 P8 P3 P4 O1 O2 Fz Cz Pz".split())
MUSE = ("TP9", "AF7", "AF8", "TP10")
FITS = (None, 0.9, 0.5 * (FOREIGN + FINE), 0.0)


@pytest.fixture(scope="module")
def model():
    return Model.load()


@pytest.fixture(scope="module")
def sample():
    return minute()


def noise(kind, channels, seconds=68, rate_hz=128.0):
    rng = np.random.default_rng(1)
    shape = (round(seconds * rate_hz), len(channels))
    white = rng.normal(0, 20, shape)
    seconds_in = np.arange(shape[0])[:, None] / rate_hz
    if kind == "white":
        return white
    if kind == "walk":
        steps = np.cumsum(white / 10, axis=0)
        return steps - steps.mean(0)
    if kind == "flat":
        return np.zeros(shape)
    if kind == "sine":
        return 50 * np.sin(2 * np.pi * 10 * seconds_in) + white / 20
    beats = (np.floor(seconds_in * 1.1) != np.floor((seconds_in - 0.03) * 1.1)) * 300.0
    return beats + white / 10  # "heart"


def stream(samples_uv, channels, model, rest_s=60.0, rate_hz=128.0):
    """Capsules after the rest."""
    recording = Recording(
        Signal("x", rate_hz, tuple(channels)), samples_uv, np.arange(len(samples_uv)) / rate_hz
    )
    front_end = FrontEnd(recording.signal)
    recogniser = Recogniser(model, front_end.montage, rest_s)
    capsules = [
        capsule
        for chunk in recording.chunks(256)
        for features in front_end.push(chunk)
        for capsule in recogniser.push(features)
    ]
    return [one for one in capsules if one.time_s > rest_s]


@pytest.mark.parametrize("seed", range(4))
def test_streamed_equals_whole_across_save_and_restore(sample, model, seed):
    montage, features = sample
    whole = Recogniser(model, montage, REST_S).push_many(features)
    rng = np.random.default_rng(seed)
    cuts = sorted(rng.integers(0, len(features), 5).tolist())
    recogniser, out = Recogniser(model, montage, REST_S), []
    for start, stop in zip([0, *cuts], [*cuts, len(features)], strict=True):
        saved = recogniser.state()
        recogniser.push_many(features[start:stop])  # goes another way ...
        fresh = Recogniser(model, montage, REST_S)
        fresh.restore(saved)  # ... which the saved state must not feel
        out += fresh.push_many(features[start:stop])
        recogniser = fresh
    assert out == whole
    assert len(whole) == len(features)


def test_reset_is_as_new(sample, model):
    montage, features = sample
    recogniser = Recogniser(model, montage, REST_S)
    first = recogniser.push_many(features[:120])
    recogniser.reset()
    assert recogniser.push_many(features[:120]) == first


def test_later_features_never_change_earlier_capsules(sample, model):
    montage, features = sample
    whole = Recogniser(model, montage, REST_S).push_many(features)
    assert Recogniser(model, montage, REST_S).push_many(features[:150]) == whole[:150]


def test_capsules_tell_when_and_whence(sample, model):
    montage, features = sample
    capsule = Recogniser(model, montage, REST_S).push(features[5])[0]
    assert capsule.time_s == features[5].end_s
    assert capsule.origin.model == model.name
    assert capsule.origin.montage.split() == [montage.channels[i] for i in montage.placed]


def test_trust_is_capped_until_the_rest_is_over(sample, model):
    montage, features = sample
    capsules = Recogniser(model, montage, REST_S).push_many(features)
    for capsule in capsules:
        if capsule.time_s <= REST_S:
            assert capsule.confidence <= REST_CAP + 1e-6
    assert max(one.confidence for one in capsules if one.time_s > REST_S) > REST_CAP
    never = Recogniser(model, montage, 0.0).push_many(features)
    assert max(one.confidence for one in never) <= REST_CAP + 1e-6


@pytest.mark.parametrize("channels", [CAP, MUSE], ids=["cap", "muse"])
@pytest.mark.parametrize("kind", ["white", "walk", "flat", "sine", "heart"])
def test_what_is_no_eeg_ends_near_uniform(model, kind, channels):
    capsules = stream(noise(kind, channels), channels, model, rest_s=60.0)
    assert capsules
    p = np.array([one.probabilities for one in capsules])
    assert np.abs(p.mean(0) - 0.25).max() < 0.08
    assert np.abs(p - 0.25).max() < 0.2
    assert np.mean([one.confidence for one in capsules]) < 0.12


def test_a_lost_signal_is_a_quarter_each_with_quality_zero(sample, model):
    montage, features = sample
    recogniser = Recogniser(model, montage, REST_S)
    recogniser.push_many(features[:150])
    nothing = replace(
        features[150],
        entropy=np.zeros_like(features[0].entropy),
        present=np.zeros(len(REGIONS), dtype=bool),
        quality=0.0,
    )
    capsule = recogniser.push(nothing)[0]
    np.testing.assert_allclose(capsule.probabilities, 0.25, atol=1e-6)
    assert (capsule.quality, capsule.confidence) == (0.0, pytest.approx(0.0, abs=1e-6))
    assert not capsule.routing.any()


def test_values_of_an_absent_region_change_nothing(sample, model):
    montage, features = sample
    gone = np.arange(len(REGIONS)) != 0
    quiet, loud = (
        [replace(one, present=one.present & gone, entropy=np.where(gone[:, None], one.entropy, x))
         for one in features[:150]]
        for x in (0.0, 9.0)
    )  # fmt: skip
    a, b = (Recogniser(model, montage, REST_S).push_many(one) for one in (quiet, loud))
    assert a == b


def test_a_small_headset_is_not_doubted_for_being_small(model):
    recording = sample_recording()
    confident = []
    for channels in (recording.signal.channels, ("AF3", "T7", "T8", "AF4")):
        keep = [recording.signal.channels.index(one) for one in channels]
        capsules = stream(recording.samples_uv[: 128 * 80, keep], channels, model)
        confident.append(np.mean([one.confidence for one in capsules]))
    assert confident[1] > 0.5 * confident[0]
    assert confident[1] > 0.2


def test_a_loud_electrode_is_not_heard_and_costs_quality_and_trust(sample, model):
    montage, features = sample
    raised = (np.arange(len(REGIONS)) == 0)[:, None]
    later = [one.end_s > REST_S + 10 for one in features]
    told = []
    for much in (0.0, 3.0, 6.0):
        heard = [
            replace(one, entropy=one.entropy + np.float32(much) * raised) if loud else one
            for one, loud in zip(features, later, strict=True)
        ]
        told.append(Recogniser(model, montage, REST_S).push_many(heard)[-1])
    quiet, loud, louder = told
    np.testing.assert_array_equal(loud.probabilities, louder.probabilities)
    assert not loud.routing[0].any()
    assert quiet.routing[0].any()
    assert loud.quality < quiet.quality


def test_names_that_do_not_fit_end_at_a_quarter_each(sample, model):
    montage, features = sample
    heard = [replace(one, names_fit=fit) for one, fit in zip(features[-4:], FITS, strict=True)]
    recogniser = Recogniser(model, montage, REST_S)
    recogniser.push_many(features[:-4])
    unknown, fine, doubted, foreign = recogniser.push_many(heard)
    assert min(unknown.confidence, fine.confidence) > 1.2 * doubted.confidence > 0.0
    np.testing.assert_allclose(foreign.probabilities, 0.25, atol=1e-6)


def test_permuted_names_end_near_uniform(model):
    recording = sample_recording()
    channels = recording.signal.channels
    order = np.random.default_rng(0).permutation(len(channels))
    true, dealt = (
        stream(samples, channels, model)
        for samples in (recording.samples_uv, recording.samples_uv[:, order])
    )
    assert np.mean([one.confidence for one in true]) > 0.2
    assert max(one.confidence for one in dealt) < 0.01


def test_training_windows_are_what_runs_live(model):
    """The inputs of the examples, and the probabilities of the evaluation, are the recogniser's."""
    from capsule.corpus.dataset import prepared

    recording = sample_recording()
    take = Take(recording, (Stretch(0.0, recording.duration_s, "rest"),))
    data = prepared(Sitting("x", (take,)), "synthetic")
    capsules = stream(recording.samples_uv, recording.signal.channels, model)
    told = {round(one.time_s, 6): one.probabilities for one in capsules}
    live = np.array([told[round(float(when), 6)] for when in data.time_s])
    np.testing.assert_allclose(probabilities(model, data), live, atol=1e-4)
    assert len(data) > 20


def test_the_rest_is_kept_once_it_is_complete(sample, model):
    montage, features = sample
    recogniser = Recogniser(model, montage, REST_S)
    assert recogniser.profile() is None
    recogniser.push_many(features[:120])
    assert recogniser.profile().channels == tuple(montage.channels[i] for i in montage.placed)


@pytest.mark.parametrize("rest_s", [-1.0, float("nan"), float("inf")])
def test_an_impossible_rest_is_told(sample, model, rest_s):
    with pytest.raises(CapsuleError, match="0 s or more"):
        Recogniser(model, sample[0], rest_s)


def test_a_window_takes_less_than_ten_milliseconds(sample, model):
    montage, features = sample
    recogniser = Recogniser(model, montage, REST_S)
    took = []
    for one in features:
        start = time.perf_counter()
        recogniser.push(one)
        took.append(time.perf_counter() - start)
    assert np.median(took) < 0.010


def test_unplaced_channels_play_no_part(model):
    montage = Montage.from_channels(("Fp1", "ECG", "Fp2", "T7"))
    assert Recogniser(model, montage).push_many([]) == []
