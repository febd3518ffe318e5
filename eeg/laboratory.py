"""EDF, BDF, GDF, FIF, BrainVision and EEGLAB, read by MNE.

MNE is imported only when such a file is opened, so that live play never waits for it.
"""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eeg.errors import EegError
from eeg.montage import Montage
from eeg.signal import Point, Recording, Signal
from eeg.watch import microvolts_per

Floats = NDArray[np.float64]

_TRIGGER = re.compile(r"STATUS|STI|TRIG|MARK", re.IGNORECASE)


def read_laboratory(path: Path) -> Recording:
    """A recording of every channel that MNE takes for EEG."""
    import mne

    with warnings.catch_warnings(record=True) as said, mne.utils.use_log_level("WARNING"):
        warnings.simplefilter("always")
        raw = _open(mne, path)
        picks = [i for i, kind in enumerate(raw.get_channel_types()) if kind == "eeg"]
        if not picks or raw.n_times == 0:
            raise EegError(f"{path.name} has no EEG channel: {', '.join(raw.ch_names[:6])}")
        samples_uv = raw.get_data(picks=picks).T * 1e6
        events = _mne_events(mne, raw)
    channels = tuple(raw.ch_names[i] for i in picks)
    notes = _restore_unknown_units(samples_uv, [raw._orig_units.get(name) for name in channels])
    if any("does not match the file size" in str(warning.message) for warning in said):
        notes += ("is shorter or longer than its header says: probably cut off",)
    rate_hz = float(raw.info["sfreq"])
    signal = Signal(
        name=path.name,
        rate_hz=rate_hz,
        channels=channels,
        positions=_mne_positions(raw, channels),
        passband_hz=(float(raw.info["highpass"]), float(raw.info["lowpass"])),
    )
    return Recording(signal, samples_uv, np.arange(len(samples_uv)) / rate_hz, events, notes)


def _open(mne: Any, path: Path) -> Any:
    """An MNE Raw. Of EDF and BDF only EEG and triggers, since one rate must serve all channels."""
    kind = path.name.lower()
    if not kind.endswith((".edf", ".bdf")):
        return mne.io.read_raw(path, preload=False)
    read = mne.io.read_raw_bdf if kind.endswith(".bdf") else mne.io.read_raw_edf
    names = read(path, preload=False).ch_names
    try:
        electrodes = {names[i] for i in Montage.from_channels(names).placed}
    except EegError:  # nothing to prefer; whoever asked will say so with all the names
        return read(path, preload=False)
    triggers = {name for name in names if _TRIGGER.search(name)}
    return read(path, preload=False, exclude=sorted(set(names) - electrodes - triggers))


def _restore_unknown_units(samples_uv: Floats, units: list[str | None]) -> tuple[str, ...]:
    """Undo MNE's reading of a missing unit as volts, in place; EEG files mean µV by it."""
    unknown = [
        i
        for i, unit in enumerate(units)
        if unit is not None and (unit.strip().lower() in ("", "n/a") or not microvolts_per(unit))
    ]
    if not unknown:
        return ()
    samples_uv[:, unknown] /= 1e6
    return (f"{len(unknown)} channels state no known unit: taken as microvolts",)


def _mne_positions(raw: Any, channels: tuple[str, ...]) -> tuple[Point, ...] | None:
    montage = raw.get_montage()
    if montage is None:
        return None
    places = montage.get_positions()["ch_pos"]
    nowhere = np.full(3, np.nan)
    points = [places.get(name, nowhere) for name in channels]
    return tuple((float(x), float(y), float(z)) for x, y, z in points)


def _mne_events(mne: Any, raw: Any) -> tuple[tuple[float, str], ...]:
    """Annotations, and the codes of a trigger channel if there is one."""
    first_s = raw.first_samp / raw.info["sfreq"] if raw.info["meas_date"] is not None else 0.0
    marks = [
        (float(onset) - first_s, str(label))
        for onset, label in zip(raw.annotations.onset, raw.annotations.description, strict=True)
    ]
    if "stim" in raw:
        codes = mne.find_events(raw, shortest_event=1, verbose="ERROR")
        marks += [
            (float(sample - raw.first_samp) / raw.info["sfreq"], str(code))
            for sample, _, code in codes
        ]
    return tuple(sorted(marks))
