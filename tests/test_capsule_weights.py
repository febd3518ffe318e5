"""The trained network to and from files: as it was saved, or one sentence of what is wrong."""

import json
import shutil

import numpy as np
import pytest

from capsule.errors import CapsuleError
from capsule.recogniser import MANIFEST, TENSORS, WEIGHTS, Model


def break_tensors(folder):
    file = folder / TENSORS
    content = bytearray(file.read_bytes())
    content[-5] ^= 1
    file.write_bytes(bytes(content))


def cut_tensors(folder):
    (folder / TENSORS).write_bytes((folder / TENSORS).read_bytes()[:1000])


def lose_tensors(folder):
    (folder / TENSORS).unlink()


def break_manifest(folder):
    (folder / MANIFEST).write_text("{")


def other_regions(folder):
    told = json.loads((folder / MANIFEST).read_text())
    told["network"]["regions"][0] = "nose"
    (folder / MANIFEST).write_text(json.dumps(told))


def other_format(folder):
    (folder / MANIFEST).write_text("{}")


@pytest.mark.parametrize(
    "damage",
    [break_tensors, cut_tensors, lose_tensors, break_manifest, other_regions, other_format],
)
def test_damaged_weights_are_told_in_one_sentence(tmp_path, damage):
    folder = tmp_path / "weights"
    shutil.copytree(WEIGHTS, folder)
    damage(folder)
    with pytest.raises(CapsuleError) as told:
        Model.load(folder)
    assert "\n" not in str(told.value)


def test_weights_come_back_as_saved(tmp_path):
    model = Model.load()
    model.save(tmp_path, "copy")
    again = Model.load(tmp_path)
    assert (again.known, again.strange) == (model.known, model.strange)
    assert np.array_equal(again.doubt.covariance, model.doubt.covariance)
    for name, one in model.network.state_dict().items():
        assert np.array_equal(one, again.network.state_dict()[name])
