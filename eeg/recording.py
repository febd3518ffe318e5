"""Recordings of EEG in the formats that headsets and laboratories write."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from eeg.errors import EegError
from eeg.laboratory import read_laboratory
from eeg.montage import Montage
from eeg.signal import Recording as Recording
from eeg.tables import read_openbci, read_table
from eeg.xdf import read_xdf

TOO_LOUD_UV = 20_000.0  # a median spread above it is no EEG in µV, even with drift


def read_recording(path: str | Path) -> Recording:
    """Read EDF, BDF, GDF, FIF, BrainVision, EEGLAB, XDF, Muse or Mind Monitor CSV, OpenBCI TXT.

    The ending of the name decides which. Keeps the channels that are scalp EEG.
    Raises EegError if the file is missing, empty, damaged, of another kind or without EEG.
    """
    path = Path(path)
    reader = _reader(path)
    if not path.is_file():
        raise EegError(f"there is no file {str(path)!r}: check the name")
    if path.stat().st_size == 0:
        raise EegError(f"{path.name} is empty (0 bytes)")
    try:
        recording = reader(path)
    except EegError:
        raise
    except Exception as error:  # readers of damaged files raise anything
        reason = " ".join(str(error).split())[:160] or type(error).__name__
        raise EegError(
            f"{path.name} cannot be read, it may be damaged or cut off: {reason}"
        ) from error
    return _scalp(recording, path)


def _reader(path: Path) -> Callable[[Path], Recording]:
    name = path.name.lower()
    for ending, reader in _READERS.items():
        if name.endswith(ending):
            return reader
    known = " ".join(_READERS)
    raise EegError(f"{path.name} has an ending that is not known: expected one of {known}")


def _scalp(recording: Recording, path: Path) -> Recording:
    """The recording with its scalp channels only, or the reason why there are none."""
    signal = recording.signal
    if len(recording.times_s) < 2:
        raise EegError(f"{path.name} holds no samples")
    try:
        keep = list(Montage.from_channels(signal.channels, signal.positions).placed)
    except EegError as error:
        raise EegError(f"{path.name} holds no EEG that can be placed: {error}") from None
    positions = signal.positions and tuple(signal.positions[i] for i in keep)
    samples_uv = np.ascontiguousarray(recording.samples_uv[:, keep])
    notes = recording.notes
    loudness_uv = float(np.median(np.nan_to_num(samples_uv).std(axis=0)))
    if loudness_uv > TOO_LOUD_UV:
        notes += (f"varies by {loudness_uv:.0f} µV, far more than EEG: check the file's units",)
    channels = tuple(signal.channels[i] for i in keep)
    return replace(
        recording,
        signal=replace(signal, channels=channels, positions=positions),
        samples_uv=samples_uv,
        notes=notes,
    )


def _refuse_companion(path: Path) -> Recording:
    raise EegError(f"{path.name} is one of three BrainVision files: open the .vhdr beside it")


_READERS: dict[str, Callable[[Path], Recording]] = {
    ".edf": read_laboratory,
    ".bdf": read_laboratory,
    ".gdf": read_laboratory,
    ".fif": read_laboratory,
    ".fif.gz": read_laboratory,
    ".vhdr": read_laboratory,
    ".vmrk": _refuse_companion,
    ".eeg": _refuse_companion,
    ".set": read_laboratory,
    ".xdf": read_xdf,
    ".xdfz": read_xdf,
    ".csv": read_table,
    ".csv.gz": read_table,
    ".txt": read_openbci,
}
