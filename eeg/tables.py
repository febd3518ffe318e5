"""Recordings kept as text: muse-lsl and Mind Monitor CSV, OpenBCI GUI TXT, and their like.

A table needs a column of stamps in seconds (or date and time) and columns named after electrodes.
"""

from __future__ import annotations

import csv
import gzip
import re
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from eeg.errors import EegError
from eeg.montage import canonical
from eeg.signal import Recording, Signal

Floats = NDArray[np.float64]
Events = tuple[tuple[float, str], ...]

_STAMPS = ("timestamps", "timestamp", "time")
_MARKS = re.compile(r"^(marker|elements|event)", re.IGNORECASE)
_USUAL_HZ = (100, 125, 128, 160, 200, 220, 250, 256, 300, 500, 512, 600, 1000, 1024, 2000, 2048)

# The GUI does not store electrode names; these are the places its manual gives to the channels.
_OPENBCI_SITES = tuple("Fp1 Fp2 C3 C4 P7 P8 O1 O2 F7 F8 F3 F4 T7 T8 P3 P4".split())


def steady_rate(stamps_s: Floats, nominal_hz: float = 0.0) -> float:
    """Samples a second of stamps (time,): the median over stretches, so jitter and gaps cancel.

    Rounded to the nominal or a usual rate where that is within half a percent.
    """
    lag = min(256, len(stamps_s) // 2)
    stretch_s = float(np.median(stamps_s[lag:] - stamps_s[:-lag]))
    measured_hz = lag / stretch_s if stretch_s > 0 else 0.0
    for usual_hz in (nominal_hz, *_USUAL_HZ):
        if usual_hz and abs(measured_hz / usual_hz - 1) < 0.005:
            return float(usual_hz)
    return measured_hz


def read_table(path: Path) -> Recording:
    """CSV with a header line, plain or gzipped: muse-lsl, Mind Monitor."""
    header, rows = _rows(path)
    names = [name.strip() for name in header]
    stamp = next((i for i, name in enumerate(names) if name.lower() in _STAMPS), None)
    electrodes = [i for i, name in enumerate(names) if canonical(name)]
    if stamp is None or not electrodes:
        raise EegError(
            f"{path.name} needs a first line that names a column 'timestamps' and columns after "
            f"electrodes (TP9, AF7, …); it says: {', '.join(names[:6])[:80]}"
        )
    rows = [row + [""] * (len(names) - len(row)) for row in rows if len(row) > electrodes[-1]]
    samples = [(row[stamp], [row[i] for i in electrodes]) for row in rows if row[electrodes[0]]]
    if len(samples) < 2:
        raise EegError(f"{path.name} holds no samples under its header")
    samples_uv = np.array([[float(cell or "nan") for cell in cells] for _, cells in samples])
    stamps_s = np.array([_seconds(text) for text, _ in samples])
    rate_hz = steady_rate(stamps_s)
    if 0 < rate_hz < 10:
        raise EegError(
            f"{path.name} holds {rate_hz:.2g} samples a second: it was recorded at an interval, "
            "record it again at the full rate (in Mind Monitor: recording interval 'Constant')"
        )
    signal = Signal(path.name, rate_hz, tuple(names[i] for i in electrodes))
    marks = [i for i, name in enumerate(names) if _MARKS.match(name)]
    events = tuple(
        (_seconds(row[stamp]) - float(stamps_s[0]), row[i].strip())
        for row in rows
        for i in marks
        if row[i].strip() not in ("", "0", "0.0")
    )
    return Recording(signal, samples_uv, stamps_s - stamps_s[0], events)


def _rows(path: Path) -> tuple[list[str], list[list[str]]]:
    """Header and rows."""
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", newline="", encoding="utf-8-sig") as file:
        reader = csv.reader(file)
        header = next(reader, [])
        return header, list(reader)


def _seconds(text: str) -> float:
    """Seconds of a stamp written as a number or as a date and time."""
    try:
        return float(text)
    except ValueError:
        return datetime.fromisoformat(text.strip()).timestamp()


def read_openbci(path: Path) -> Recording:
    """What the OpenBCI GUI records: comment lines with %, a header line since version 5, rows."""
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    comments = "\n".join(line for line in lines if line.startswith("%"))
    rate = re.search(r"Sample Rate\s*=\s*([\d.]+)", comments)
    count = re.search(r"Number of channels\s*=\s*(\d+)", comments)
    if "OpenBCI" not in comments or rate is None or count is None:
        raise EegError(f"{path.name} is no recording of the OpenBCI GUI: its first lines differ")
    rate_hz, channels = float(rate[1]), int(count[1])
    if channels not in (8, 16):
        raise EegError(
            f"{path.name} has {channels} channels without names: electrode places are known only "
            "for OpenBCI's 8 and 16 channel boards, convert it to a CSV with electrode names"
        )
    cells = [line.split(",")[: channels + 1] for line in lines if line[:1].isdigit()]
    cells = [row for row in cells if len(row) == channels + 1]
    if len(cells) < 2:
        raise EegError(f"{path.name} holds no samples under its header")
    table = np.array(cells, dtype=float)
    times_s = _counted_times(table[:, 0], rate_hz)
    signal = Signal(path.name, rate_hz, _OPENBCI_SITES[:channels])
    places = " ".join(signal.channels)
    note = f"the file names no electrodes: OpenBCI's usual places are assumed ({places})"
    return Recording(signal, table[:, 1:], times_s, (), (note,))


def _counted_times(counter: Floats, rate_hz: float) -> Floats:
    """Times from the board's sample counter, which wraps at 256 and skips what the radio lost.

    The file's own stamps are no help: they tell when the computer read a packet.
    """
    steps = np.diff(counter) % 256
    usual = np.median(steps) or 1.0  # a Daisy counts two to a row
    return np.concatenate([[0.0], np.cumsum(np.maximum(steps, usual) / usual)]) / rate_hz
