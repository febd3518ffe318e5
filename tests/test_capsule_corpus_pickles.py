"""Pickles give arrays of numbers and nothing else: whatever asks for more is refused uncalled."""

import builtins
import os
import pickle
import pickletools
import subprocess
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from pickles import python2

from capsule.corpus.pickled import read_pickle
from capsule.errors import CapsuleError

NUMBERS = (
    npst.integer_dtypes() | npst.unsigned_integer_dtypes() | npst.floating_dtypes(sizes=(32, 64))
)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A file to be written over and over."""
    return tmp_path_factory.mktemp("pickles") / "some.pkl"


def read(place, raw):
    place.write_bytes(raw)
    return read_pickle(place)


@pytest.mark.parametrize("protocol", [2, 3, 4])
@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_arrays_come_back_as_they_were(place, protocol, data):
    array = data.draw(npst.arrays(NUMBERS, npst.array_shapes(max_dims=4, max_side=5)))
    array = np.asfortranarray(array) if data.draw(st.booleans()) else array
    write = python2 if protocol == 2 else lambda value: pickle.dumps(value, protocol)
    alone = read(place, write(array))[""]
    np.testing.assert_array_equal(alone, array)
    assert alone.dtype == array.dtype
    named = read(place, write({"data": array, "labels": array[:1]}))
    assert set(named) == {"data", "labels"}
    np.testing.assert_array_equal(named["labels"], array[:1])


def test_what_python_2_wrote_is_a_whole_pickle_of_its_time():
    raw = python2({"data": np.arange(24.0).reshape(2, 3, 4)})
    codes = [code.name for code, _, _ in pickletools.genops(raw)]
    assert codes[0] == "PROTO"
    assert codes[-1] == "STOP"
    assert {code.proto for code, _, _ in pickletools.genops(raw)} <= {0, 1, 2}
    assert "SHORT_BINSTRING" in codes  # text and bytes are one thing
    assert not {"BINUNICODE", "BINBYTES"} & set(codes)


class Calls:
    """Pickles into a call of something."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


MALICE = [
    (os.system, "echo owned > {}"),
    (builtins.eval, "open({!r}, 'w').close()"),
    (builtins.exec, "open({!r}, 'w').close()"),
    (subprocess.getoutput, "touch {}"),
    (builtins.open, "{}", "w"),
    (np.fromfile, "{}"),
    (np.memmap, "{}", np.dtype("u1"), "w+", 0, (3,)),
    (Path.touch, Path("{}")),
]


@pytest.mark.parametrize(("function", "arguments"), [(one[0], one[1:]) for one in MALICE])
@pytest.mark.parametrize("protocol", range(5))
@pytest.mark.parametrize("inside", [False, True])
def test_what_would_run_code_is_refused_uncalled(tmp_path, function, arguments, protocol, inside):
    mark = tmp_path / "owned"
    told = [type(a)(str(a).format(mark)) if isinstance(a, str | Path) else a for a in arguments]
    value = Calls(function, *told)
    value = {"data": np.zeros(3), "labels": [value]} if inside else value
    file = tmp_path / "evil.dat"
    file.write_bytes(pickle.dumps(value, protocol))
    with pytest.raises(CapsuleError, match=r"evil\.dat is refused: it asks for"):
        read_pickle(file)
    assert not mark.exists()


RAW_MALICE = {
    "an instance by the old opcode": b"(S'id'\nios\nsystem\n.",
    "a name by the stack": b"\x80\x04\x8c\x02os\x8c\x06system\x93.",
    "a dotted name of numpy": b"\x80\x04\x8c\x05numpy\x8c\x0ectypeslib.load\x93.",
    "numpy's own loader": b"cnumpy\nload\n.",
    "numpy's file reader by another door": b"cnumpy.core.multiarray\nfromfile\n.",
    "a getter": b"cbuiltins\ngetattr\n.",
    "a copier of registered types": b"ccopy_reg\n_reconstructor\n.",
    "a codec": b"c_codecs\nencode\n.",
}


@pytest.mark.parametrize("raw", RAW_MALICE.values(), ids=RAW_MALICE.keys())
def test_every_way_to_name_a_thing_is_fenced(place, raw):
    with pytest.raises(CapsuleError, match="is refused: it asks for"):
        read(place, raw)


@settings(deadline=None, max_examples=200)
@given(st.sampled_from(["numpy", "numpy.core.multiarray", "builtins", "os"]), st.text(max_size=9))
def test_no_other_name_is_found(place, module, name):
    allowed = {"numpy": ("ndarray", "dtype"), "numpy.core.multiarray": ("_reconstruct",)}
    if name in allowed.get(module, ()) or "\n" in name:
        return
    raw = b"\x80\x04\x8c" + bytes([len(module)]) + module.encode()
    raw += b"X" + len(name.encode()).to_bytes(4, "little") + name.encode() + b"\x93."
    with pytest.raises(CapsuleError, match="refused"):
        read(place, raw)


@pytest.mark.parametrize(
    "value",
    [
        np.array([{"a": 1}, None], dtype=object),
        np.zeros(3, dtype=[("a", "f8"), ("b", "O")]),
        np.array(["text"]),
        np.zeros(3, dtype="V8"),
        np.array([1 + 2j]),
        np.array(["2020-01-01"], dtype="M8[D]"),
    ],
    ids=["objects", "structured", "text", "void", "complex", "dates"],
)
def test_arrays_of_anything_but_numbers_are_refused(place, value):
    with pytest.raises(CapsuleError, match="refused"):
        read(place, pickle.dumps(value, 4))


@pytest.mark.parametrize(
    "value", [3, "text", [np.zeros(2)], None, {"data": {"data": np.zeros(2)}}, {1: np.zeros(2)}]
)
def test_anything_but_arrays_by_name_is_told(place, value):
    with pytest.raises(CapsuleError, match="where an array was expected"):
        read(place, pickle.dumps(value, 4))


@pytest.mark.parametrize(
    "raw", [b"", b"no pickle", b"\x80\x04.", b"\x80\x09N.", b"cnumpy\ndtype\n)R."]
)
def test_a_damaged_pickle_is_told(place, raw):
    with pytest.raises(CapsuleError, match=r"some\.pkl"):
        read(place, raw)


@settings(deadline=None, max_examples=150)
@given(st.integers(0, 400), st.booleans())
def test_a_pickle_cut_off_anywhere_is_told(place, kept, old):
    array = np.arange(30.0).reshape(5, 6)
    whole = python2({"data": array}) if old else pickle.dumps({"data": array}, 4)
    if kept >= len(whole):
        return
    with pytest.raises(CapsuleError, match=r"some\.pkl"):
        read(place, whole[:kept])


def test_a_shape_that_the_numbers_do_not_fill_is_told(place):
    raw = pickle.dumps(np.zeros(7, np.uint8), 4).replace(b"K\x07\x85", b"K\x08\x85")
    with pytest.raises(CapsuleError, match="7 numbers do not make the shape"):
        read(place, raw)


def test_a_missing_pickle_is_told(tmp_path):
    with pytest.raises(CapsuleError, match="cannot be read: No such file"):
        read_pickle(tmp_path / "s01.dat")
