"""A profile comes back as saved, is bound to headset and model, and is recentred by a new rest."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from minute import minute

from capsule.baseline import SHAPE, Rest
from capsule.errors import CapsuleError
from capsule.personal.shift import Shift
from capsule.profile import AxisFigures, Figures, Gain, Profile
from capsule.recogniser import Model, Recogniser

CAPSULES = SHAPE[0] * SHAPE[1]
REST_S = 20.0


@pytest.fixture(scope="module")
def model():
    return Model.load()


@pytest.fixture(scope="module")
def sample():
    return minute()


@pytest.fixture(scope="module")
def plain(sample, model):
    """A profile that holds the rest of the first seconds only."""
    recogniser = Recogniser(model, sample[0], REST_S)
    recogniser.push_many(sample[1][:120])
    return recogniser.profile()


def shift(bias=(0.0, 0.0)):
    one = Shift.none(1, CAPSULES)
    return replace(one, bias=torch.tensor([bias]))


def calibrated(plain):
    axes = (AxisFigures("valence", 4, 5, 0.5, 0.75, 0.48),)
    figures = Figures("fit", axes, Gain(0.2, 0.05), Gain(0.1, 0.05), 0.05, ("a note",))
    rng = torch.Generator().manual_seed(0)
    own = Shift(
        torch.tensor([0.3]), torch.tensor([[0.1, -0.2]]), torch.randn(1, 2, CAPSULES, generator=rng)
    )
    return replace(
        plain, shift=own, wearer="Zoë", date="2026-11-22", rate_hz=128.0, figures=figures
    )


def test_a_profile_comes_back_as_saved(plain, tmp_path):
    kept = calibrated(plain)
    kept.save(tmp_path / "me.json")
    again = Profile.load(tmp_path / "me.json")
    for name in ("channels", "model", "wearer", "date", "rate_hz", "figures"):
        assert getattr(again, name) == getattr(kept, name)
    for name in ("mean", "std", "known"):
        assert np.array_equal(getattr(again.rest, name), getattr(kept.rest, name))
    for name in ("log_tau", "bias", "weight"):
        assert torch.equal(getattr(again.shift, name), getattr(kept.shift, name))
    assert {one.name for one in tmp_path.iterdir()} == {"me.json", "me.safetensors"}


def test_a_profile_of_rest_alone_comes_back(plain, tmp_path):
    plain.save(tmp_path / "without ending")
    again = Profile.load(tmp_path / "without ending")
    assert again.shift is None
    assert again.figures is None


def test_a_person_can_read_whose_it_is(plain, tmp_path):
    calibrated(plain).save(tmp_path / "me.json")
    told = json.loads((tmp_path / "me.json").read_text(encoding="utf-8"))
    assert (told["wearer"], told["date"], told["calibrated"]) == ("Zoë", "2026-11-22", True)
    assert told["figures"]["axes"][0]["calibrated"] == 0.75
    assert Profile.load(tmp_path / "me.json").name == "Zoë 2026-11-22"


def other_tensors(folder):
    (folder / "me.safetensors").write_bytes(b"nothing of the kind")


def no_tensors(folder):
    (folder / "me.safetensors").unlink()


def told(folder, **changes):
    path = folder / "me.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def figures(folder):
    return json.loads((folder / "me.json").read_text(encoding="utf-8"))["figures"]


@pytest.mark.parametrize(
    "damage",
    [
        other_tensors,
        no_tensors,
        lambda folder: (folder / "me.json").write_text(""),
        lambda folder: (folder / "me.json").write_text("[]"),
        lambda folder: (folder / "me.json").write_bytes(b"\xff\xfe"),
        lambda folder: told(folder, sha256="0"),
        lambda folder: told(folder, channels=3),
        lambda folder: told(folder, rate_hz="fast"),
        lambda folder: told(folder, figures={"axes": []}),
        lambda folder: told(folder, figures={**figures(folder), "used": "magic"}),
        lambda folder: told(folder, format="emocapsule profile 1"),
    ],
)
def test_a_damaged_profile_is_told_in_one_sentence(plain, tmp_path, damage):
    calibrated(plain).save(tmp_path / "me.json")
    damage(tmp_path)
    with pytest.raises(CapsuleError, match="me") as said:
        Profile.load(tmp_path / "me.json")
    assert "\n" not in str(said.value)


def test_a_shift_that_is_missing_is_told(plain, tmp_path):
    plain.save(tmp_path / "me.json")
    told(tmp_path, calibrated=True)
    with pytest.raises(CapsuleError, match="damaged"):
        Profile.load(tmp_path / "me.json")


@given(text=st.text() | st.dictionaries(st.text(), st.integers()).map(json.dumps))
@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_text_is_a_profile_or_one_sentence(text, tmp_path):
    (tmp_path / "x.json").write_text(text, encoding="utf-8", errors="replace")
    with pytest.raises(CapsuleError):
        Profile.load(tmp_path / "x.json")


@pytest.mark.parametrize("load", [Profile.load, lambda path: Recogniser.load(None, profile=path)])
def test_a_missing_profile_is_told(tmp_path, load):
    with pytest.raises(CapsuleError, match=r"nobody\.json"):
        load(tmp_path / "nobody.json")


def test_a_profile_that_cannot_be_written_is_told(plain, tmp_path):
    with pytest.raises(CapsuleError, match="cannot be written"):
        plain.save(tmp_path / "none" / "me.json")


# --- in use --------------------------------------------------------------------------------------


def test_another_headset_is_refused(sample, model, plain):
    other = replace(plain, channels=("TP9", "AF7", "AF8", "TP10"))
    with pytest.raises(CapsuleError, match="TP9 AF7"):
        Recogniser(model, sample[0], profile=other)


def test_another_model_is_refused(sample, model, plain):
    with pytest.raises(CapsuleError, match=f"emocapsule-0.*{model.name}"):
        Recogniser(model, sample[0], profile=replace(plain, model="emocapsule-0"))


def test_a_profile_takes_the_place_of_the_rest(sample, model, plain):
    montage, features = sample
    later = Recogniser(model, montage, profile=plain)
    assert later.rested
    first = later.push(features[100])[0]
    assert first.origin.profile == "rest"
    later.reset()
    assert later.rested
    assert later.profile() == plain


def test_no_shift_is_the_plain_recogniser(sample, model, plain):
    montage, features = sample
    without = Recogniser(model, montage, profile=plain).push_many(features[:60])
    same = Recogniser(model, montage, profile=replace(plain, shift=shift())).push_many(
        features[:60]
    )
    assert without == same


def test_a_shift_moves_its_axis_only(sample, model, plain):
    montage, features = sample
    without = Recogniser(model, montage, profile=plain).push_many(features[:60])
    own = replace(plain, shift=shift(bias=(1.0, 0.0)))
    moved = Recogniser(model, montage, profile=own).push_many(features[:60])
    for one, other in zip(without, moved, strict=True):
        p, q = one.probabilities, other.probabilities
        if one.confidence > 0.1:
            assert other.valence > one.valence
        assert p[0] * q[3] == pytest.approx(q[0] * p[3], abs=0.05)  # Q1 against Q4: arousal
        assert np.array_equal(one.routing, other.routing)


def test_a_new_rest_recentres_and_keeps_the_fit(sample, model, plain):
    """The old rest serves until the new one is complete; then the new one, by the same fit."""
    montage, features = sample
    zero = Rest(plain.rest.mean + 1.0, plain.rest.std, plain.rest.known)
    own = replace(plain, rest=zero, shift=shift(bias=(1.0, 0.0)))
    recogniser = Recogniser(model, montage, REST_S, own)
    kept = Recogniser(model, montage, 0.0, own)
    fresh = Recogniser(model, montage, REST_S, None)
    at_rest = [one.end_s <= REST_S for one in features]
    assert recogniser.rested
    for one, resting in zip(features, at_rest, strict=True):
        ours, old, new = (r.push(one)[0] for r in (recogniser, kept, fresh))
        assert np.array_equal(ours.shares, (old if resting else new).shares)
        assert ours.origin.profile
    again = recogniser.profile()
    assert again.shift is own.shift
    assert np.array_equal(again.rest.mean, fresh.profile().rest.mean)
    assert np.array_equal(kept.profile().rest.mean, zero.mean)


def test_streamed_equals_whole_with_a_profile(sample, model, plain):
    montage, features = sample
    own = replace(calibrated(plain), rest=plain.rest)
    whole = Recogniser(model, montage, REST_S, own).push_many(features)
    recogniser, out = Recogniser(model, montage, REST_S, own), []
    for start in range(0, len(features), 37):
        saved = recogniser.state()
        recogniser = Recogniser(model, montage, REST_S, own)
        recogniser.restore(saved)
        out += recogniser.push_many(features[start : start + 37])
    assert out == whole
