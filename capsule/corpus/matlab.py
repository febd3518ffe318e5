"""MATLAB files, and what to do about those that cannot be read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from capsule.errors import CapsuleError


def read_matlab(path: Path, *needed: str) -> dict[str, Any]:
    """The variables of a MATLAB file up to version 7.

    CapsuleError if it is missing, damaged, of version 7.3 (which is HDF5), or lacks what is needed.
    """
    from scipy.io import loadmat

    try:  # some of AMIGOS's own files hold more than their lengths say
        held = loadmat(path, verify_compressed_data_integrity=False)
    except NotImplementedError as error:
        raise CapsuleError(f"{path} is of MATLAB 7.3: save it with '-v7'") from error
    except OSError as error:
        raise CapsuleError(f"{path} cannot be read: {error.strerror or error}") from error
    except Exception as error:  # a damaged file raises anything
        raise CapsuleError(f"{path} is damaged or no MATLAB file: {error}") from error
    held = {name: value for name, value in held.items() if not name.startswith("__")}
    _demand(held, needed, str(path))
    return held


def struct(value: Any, where: str, *needed: str) -> dict[str, Any]:
    """The fields of a struct. CapsuleError says `where` it is none or lacks a field."""
    value = unwrapped(value)
    names = value.dtype.names or () if isinstance(value, np.ndarray | np.void) else ()
    fields = {name: value[name] for name in names}
    _demand(fields, needed, where)
    return fields


def _demand(held: dict[str, Any], needed: tuple[str, ...], where: str) -> None:
    for name in needed:
        if name not in held:
            there = ", ".join(held) or "nothing"
            raise CapsuleError(f"{where} holds {there} where {name} was expected")


def unwrapped(value: Any) -> Any:
    """What is inside arrays of one element: MATLAB wraps every struct and every cell in one."""
    while isinstance(value, np.ndarray) and value.dtype.kind in "OV" and value.size == 1:
        value = value.ravel()[0]
    return value


def cells(value: Any) -> list[Any]:
    """The elements of a cell or struct array, whatever its shape; one of anything else."""
    value = unwrapped(value)
    many = isinstance(value, np.ndarray) and value.dtype.kind in "OV"
    return list(value.ravel()) if many else [value]


def numbers(value: Any, where: str) -> NDArray[np.float64]:
    """An array of numbers. CapsuleError says `where` there is something else."""
    array: NDArray[Any] = np.asarray(unwrapped(value))
    if array.size and array.dtype.kind not in "fiub":
        raise CapsuleError(f"{where} holds {array.dtype} where numbers were expected")
    return array.astype(np.float64)


def number(value: Any, where: str) -> float:
    """A single number. CapsuleError says `where` there is something else."""
    array = numbers(value, where)
    if array.size != 1:
        raise CapsuleError(f"{where} holds {array.size} numbers where one was expected")
    return float(array.ravel()[0])


def text(value: Any) -> str:
    """A string, however deep in cells."""
    value = np.asarray(unwrapped(value)).ravel()
    return str(value[0]) if value.size else ""
