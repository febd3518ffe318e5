"""Arrays out of pickles: the only place that opens any.

A pickle is a program that may call whatever it names. Here it can name only the three things from
which numpy rebuilds an array, and gets stand-ins for them: an array is then made of plain numbers
by `numpy.frombuffer`. Everything else is refused before it is called.
"""

from __future__ import annotations

import pickle
import re
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from capsule.errors import CapsuleError

_NUMBERS = re.compile(r"[fiu][1248]")


class _Refused(pickle.UnpicklingError):
    """The pickle names something that it has no business with."""


class _Kind:
    """Stands for a numpy.dtype of plain numbers."""

    def __init__(self, code: str, *_: object) -> None:
        if not _NUMBERS.fullmatch(code):
            raise _Refused(f"it holds values of the kind {code!r}")
        self.code, self.order = code, "="

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        order, *described = state[1:5]
        if order not in ("<", ">", "|", "=") or described != [None, None, None]:
            raise _Refused("it describes a structured type")
        self.order = order

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(self.order + self.code)


class _Array:
    """Stands for numpy's `_reconstruct`, which makes an empty array to be filled by its state."""

    def __init__(self, *_: object) -> None:
        self.values: NDArray[Any] = np.empty(0)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, shape, kind, by_column, raw = state
        raw = raw.encode("latin1") if isinstance(raw, str) else raw  # Python 2 wrote text
        flat = np.frombuffer(raw, kind.dtype)
        if prod(shape) != len(flat):
            raise pickle.UnpicklingError(f"{len(flat)} numbers do not make the shape {shape}")
        self.values = flat.reshape(shape, order="F" if by_column else "C")


_STAND_INS: dict[tuple[str, str], Any] = {
    ("numpy.core.multiarray", "_reconstruct"): _Array,  # numpy 1
    ("numpy._core.multiarray", "_reconstruct"): _Array,  # numpy 2
    ("numpy", "ndarray"): "ndarray",  # only ever told to `_reconstruct`
    ("numpy", "dtype"): _Kind,
}


class _ArraysOnly(pickle.Unpickler):
    """An unpickler that finds nothing but the stand-ins."""

    def find_class(self, module: str, name: str) -> Any:
        try:
            return _STAND_INS[module, name]
        except KeyError:
            raise _Refused(f"it asks for {module}.{name}") from None


def read_pickle(path: Path) -> dict[str, NDArray[Any]]:
    """The arrays of a pickle by name, read-only; one that is not in a dictionary is called ``.

    Understands what Python 2 and 3 write of numbers. CapsuleError if the file is missing, damaged,
    or holds or asks for anything else than arrays of numbers.
    """
    try:
        with path.open("rb") as file:
            told = _ArraysOnly(file, encoding="latin1").load()
    except _Refused as error:
        raise CapsuleError(f"{path} is refused: {error}, which no data set does") from None
    except OSError as error:
        raise CapsuleError(f"{path} cannot be read: {error.strerror}") from error
    except Exception as error:  # a damaged pickle raises anything
        raise CapsuleError(f"{path} is damaged: {error or type(error).__name__}") from error
    named = told if isinstance(told, dict) else {"": told}
    for name, value in named.items():
        if not isinstance(name, str) or not isinstance(value, _Array):
            kind = type(value).__name__
            raise CapsuleError(f"{path} holds a {kind} called {name!r} where an array was expected")
    return {name: value.values for name, value in named.items()}
