"""The emotion capsule comes back equal from JSON, file and wire, and refuses what is none."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from capsule.emotion import (
    CHANNELS,
    POSE_SIZE,
    SHAPES,
    EmotionCapsule,
    Origin,
    blend,
)
from capsule.errors import CapsuleError
from eeg.montage import BANDS, REGIONS

GOLDEN = Path(__file__).parent / "golden"


def capsule(seed=0, time_s=12.5, quality=0.75, origin=None):
    rng = np.random.default_rng(seed)

    def simplex(shape):
        raw = rng.exponential(size=shape)
        return raw / raw.sum(-1, keepdims=True)

    return EmotionCapsule(
        time_s=time_s,
        probabilities=simplex(4),
        shares=simplex(4),
        routing=simplex(SHAPES["routing"]),
        pose=rng.normal(size=SHAPES["pose"]),
        lengths=rng.uniform(size=4),
        quality=quality,
        origin=origin or Origin(),
    )


seeds = st.integers(0, 2**31)
times_s = st.floats(-1e9, 1e9, allow_nan=False)
qualities = st.floats(0, 1)


@settings(deadline=None, max_examples=30)
@given(seeds, times_s, qualities, st.text(max_size=20))
def test_json_line_comes_back_equal(seed, time_s, quality, text):
    told = capsule(seed, time_s, quality, Origin(text, "Fp1 Fp2", text))
    line = told.to_json()
    assert "\n" not in line
    assert EmotionCapsule.from_json(line) == told


@settings(deadline=None, max_examples=30)
@given(seeds, times_s, qualities)
def test_wire_comes_back_equal(seed, time_s, quality):
    told = capsule(seed, time_s, quality)
    vector = told.to_vector()
    assert vector.dtype == np.float32
    assert vector.shape == (len(CHANNELS),)
    assert EmotionCapsule.from_vector(vector, time_s) == told


def test_every_channel_of_the_wire_holds_what_its_label_says():
    told = capsule(3)
    wire = dict(zip(CHANNELS, told.to_vector(), strict=True))
    assert len(wire) == len(CHANNELS)  # no label twice
    assert wire["probability/Q3"] == told.probabilities[2]
    assert wire["share/Q2"] == told.shares[1]
    assert wire["length/Q4"] == told.lengths[3]
    assert wire["quality"] == told.quality
    for name in ("valence", "arousal", "confidence"):
        assert wire[name] == np.float32(getattr(told, name))
    for r, region in enumerate(REGIONS):
        for b, band in enumerate(BANDS):
            assert wire[f"routing/{region}/{band.name}/Q1"] == told.routing[r, b, 0]
    assert wire[f"pose/Q4/{POSE_SIZE - 1}"] == told.pose[3, -1]


def test_wire_is_the_golden_one():
    """Receivers of other versions read this order. Written by this very function, once."""
    wire = [
        [label, f"{value:.6g}"]
        for label, value in zip(CHANNELS, capsule(7).to_vector().tolist(), strict=True)
    ]
    golden = json.loads((GOLDEN / "capsule_wire.json").read_text())
    assert wire == golden


def test_file_comes_back_equal(tmp_path):
    told = capsule(1, origin=Origin("model", "Fp1", "rest"))
    told.save(tmp_path / "calm.capsule.json")
    assert EmotionCapsule.load(tmp_path / "calm.capsule.json") == told


def damaged():
    whole = json.loads(capsule().to_json())
    yield "no json", "{"
    yield "no capsule", "[1, 2]"
    yield "other format", json.dumps(whole | {"format": "x"})
    yield "lacks", json.dumps({k: v for k, v in whole.items() if k != "pose"})
    yield "shape", json.dumps(whole | {"probabilities": [0.5, 0.5]})
    yield "sum", json.dumps(whole | {"probabilities": [0.5, 0.5, 0.5, 0.5]})
    yield "negative", json.dumps(whole | {"shares": [1.5, -0.5, 0.0, 0.0]})
    yield "words", json.dumps(whole | {"lengths": ["a"] * 4})
    yield "infinite", json.dumps(whole | {"lengths": [1e999] * 4})
    yield "ragged", json.dumps(whole | {"pose": [[1.0], [1.0, 2.0]]})
    yield "quality", json.dumps(whole | {"quality": 2})
    yield "time", json.dumps(whole | {"time_s": "noon"})
    yield "truth", json.dumps(whole | {"quality": True})
    yield "origin", json.dumps(whole | {"origin": ["a"]})


@pytest.mark.parametrize(("what", "text"), list(damaged()), ids=lambda value: str(value)[:12])
def test_damaged_file_is_told_in_one_sentence(tmp_path, what, text):
    file = tmp_path / "x.capsule.json"
    file.write_text(text)
    with pytest.raises(CapsuleError, match="x.capsule.json is no emotion capsule") as told:
        EmotionCapsule.load(file)
    assert "\n" not in str(told.value)


def test_missing_and_binary_files_are_told(tmp_path):
    (tmp_path / "b").write_bytes(b"\xff\xfe\x00\x81")
    for name in ("absent", "b"):
        with pytest.raises(CapsuleError, match=name):
            EmotionCapsule.load(tmp_path / name)
    with pytest.raises(CapsuleError, match="cannot be written"):
        capsule().save(tmp_path / "no folder" / "x.capsule.json")


def test_wire_of_another_length_is_refused():
    with pytest.raises(CapsuleError, match="same version"):
        EmotionCapsule.from_vector([0.25] * 4, 0.0)


def test_derived_values():
    def of(*p):
        return EmotionCapsule(
            **{n: getattr(capsule(), n) for n in SHAPES if n != "probabilities"},
            probabilities=p, time_s=0.0, quality=1.0,
        )  # fmt: skip

    assert (of(1, 0, 0, 0).valence, of(1, 0, 0, 0).arousal) == (1, 1)
    assert (of(0, 1, 0, 0).valence, of(0, 1, 0, 0).arousal) == (-1, 1)
    assert (of(0, 0, 1, 0).valence, of(0, 0, 1, 0).arousal) == (-1, -1)
    assert (of(0, 0, 0, 1).valence, of(0, 0, 0, 1).arousal) == (1, -1)
    assert of(1, 0, 0, 0).confidence == pytest.approx(1)
    assert of(0.5, 0.5, 0, 0).confidence == pytest.approx(2 / 3)
    assert of(0.25, 0.25, 0.25, 0.25).confidence == 0


def test_neutral_knows_nothing():
    told = EmotionCapsule.neutral(3.0)
    assert told.probabilities.tolist() == [0.25] * 4
    assert (told.valence, told.arousal, told.confidence, told.quality) == (0, 0, 0, 0)


def test_values_cannot_be_changed():
    told = capsule()
    with pytest.raises(ValueError, match="read-only"):
        told.probabilities[0] = 1.0


@settings(deadline=None, max_examples=20)
@given(st.lists(st.tuples(seeds, qualities), min_size=1, max_size=5))
def test_a_blend_is_a_capsule_between_its_parts(parts):
    capsules = [capsule(seed, float(k), quality) for k, (seed, quality) in enumerate(parts)]
    whole = blend(capsules)
    p = np.array([one.probabilities for one in capsules])
    assert (whole.probabilities >= p.min(0) - 1e-6).all()
    assert (whole.probabilities <= p.max(0) + 1e-6).all()
    assert whole.time_s == capsules[-1].time_s


def test_nothing_cannot_be_blended():
    with pytest.raises(CapsuleError, match="without a capsule"):
        blend([])
