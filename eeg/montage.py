"""What the signal is: its rate and channels, the bands, and the scalp region under each electrode.

Electrodes are placed by name (the 10-05 system, by rule) or, where the name says nothing, by
3-D position. Both ways end in a direction on the unit sphere, and the nearest of a few anchor
electrodes gives the region, so a named and a measured electrode can never disagree.

Axes of the head: x to the right ear, y to the nose, z up.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from eeg.errors import EegError
from eeg.signal import Chunk as Chunk
from eeg.signal import Point as Point
from eeg.signal import Signal as Signal

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Band:
    """A frequency band of the EEG, low edge included."""

    name: str
    low_hz: float
    high_hz: float


BANDS = (
    Band("delta", 1.0, 4.0),
    Band("theta", 4.0, 8.0),
    Band("alpha", 8.0, 13.0),
    Band("beta", 13.0, 30.0),
    Band("gamma", 30.0, 45.0),
)

# Region -> the 10-10 electrodes that anchor it. Midline frontal carries frontal-midline theta,
# the frontal sides carry alpha asymmetry; every consumer headset fills at least three of these.
ANCHORS = {
    "frontal-left": ("Fp1", "AF7", "AF3", "F9", "F7", "F5", "F3", "FC5", "FC3"),
    "frontal-midline": ("Fpz", "AFz", "F1", "Fz", "F2", "FC1", "FCz", "FC2"),
    "frontal-right": ("Fp2", "AF8", "AF4", "F10", "F8", "F6", "F4", "FC6", "FC4"),
    "temporal-left": ("FT9", "FT7", "T9", "T7", "TP9", "TP7"),
    "temporal-right": ("FT10", "FT8", "T10", "T8", "TP10", "TP8"),
    "central": ("C5", "C3", "C1", "Cz", "C2", "C4", "C6", "CP1", "CPz", "CP2"),
    "parietal-left": ("CP5", "CP3", "P9", "P7", "P5", "P3"),
    "parietal-midline": ("P1", "Pz", "P2", "POz", "Oz", "Iz"),
    "parietal-right": ("CP6", "CP4", "P10", "P8", "P6", "P4"),
    "occipital-left": ("PO9", "PO7", "PO3", "O1"),
    "occipital-right": ("PO10", "PO8", "PO4", "O2"),
}
REGIONS = tuple(ANCHORS)
FARTHEST_ANCHOR_DEG = 35.0
UNUSED = "x"  # in what a person types: nothing is plugged in there


# --- names ---------------------------------------------------------------------------------------

_PREFIX = re.compile(r"^(EEG|RAW|POL|CH)[\s_:.-]+", re.IGNORECASE)
_SUFFIX = re.compile(
    r"[\s_-]+(REF|LE|RE|AR|AVE?|AVG|CAR|A1|A2|A12|A1\+?A2|M1|M2|M1\+?M2|EEG)$", re.IGNORECASE
)
_SITE = re.compile(
    r"^(FP|AFP|AFF|AF|FFC|FFT|FCC|FTT|FC|FT|F|CCP|TTP|CPP|TPP|CP|TP|C|T|PPO|POO|PO|P|OI|O|I)"
    r"(Z|10|[1-9])(H?)$"
)
_ALIASES = {"T3": "T7", "T4": "T8", "T5": "P7", "T6": "P8", "T1": "FT9", "T2": "FT10"}
_NOT_SCALP = re.compile(
    r"(EOG|ECG|EKG|EMG|GSR|EDA|RESP|PLET|PPG|TEMP|STATUS|^STI|TRIG|MARK|ACC|GYRO|AUX|^CQ_|^HSI"
    r"|EXG|COUNT|BATT|NOSE|REF|GND|^[AM][12]$)",
    re.IGNORECASE,
)
# Rows in tenths of the arc from nasion to inion, counted from Cz towards the nose. A tenth is 23
# degrees of the sphere that fits a head (the arc ends below its equator) and, along the ring
# through Fp1, T7 and O1, 18 degrees of azimuth.
_ROW_STEPS = {
    "FP": 4, "AFP": 3.5, "AF": 3, "AFF": 2.5, "F": 2, "FFC": 1.5, "FFT": 1.5, "FC": 1, "FT": 1,
    "FCC": 0.5, "FTT": 0.5, "C": 0, "T": 0, "CCP": -0.5, "TTP": -0.5, "CP": -1, "TP": -1,
    "CPP": -1.5, "TPP": -1.5, "P": -2, "PPO": -2.5, "PO": -3, "POO": -3.5, "O": -4, "OI": -4.5,
    "I": -5,
}  # fmt: skip
_STEP_RAD, _RING_STEP_RAD = np.deg2rad(23.0), np.deg2rad(18.0)
_RING_RAD = 4 * _STEP_RAD  # polar angle of the ring
_RING_ROWS = ("FP", "O", "I")  # only numbers 1 and 2, which lie on the ring


def canonical(label: str) -> str | None:
    """10-05 name of an electrode label, or None if it is not one.

    `EEG Fp1-REF`, `Fp1-A2`, `RAW_TP9`, `FC5.`, `t3` give Fp1, Fp1, TP9, FC5, T7.
    Ears, mastoids (A1, M2, A2-A1) and everything that is not scalp EEG give None.
    """
    bare = _PREFIX.sub("", label.strip()).strip(" .")
    bare = _SUFFIX.sub("", bare).upper()
    bare = _ALIASES.get(bare, bare)
    match = _SITE.match(bare)
    if match is None:
        return None
    row, number, half = match.groups()
    lateral = 0 if number == "Z" else int(number)
    if row in _RING_ROWS and lateral > 2 or "T" in row and lateral < 7:
        return None
    row = row.replace("FP", "Fp") if row in ("FP", "AFP") else row
    return row + number.replace("Z", "z") + half.lower()


def sites(labels: Sequence[str]) -> tuple[str, ...]:
    """What a person typed as 10-05 names; "x" stays. EegError names what is none."""
    for label in labels:
        if canonical(label) is None and label.strip().lower() != UNUSED:
            raise EegError(f"{label!r} is no electrode of the 10-20 system: write it like Fp1")
    return tuple(canonical(label) or UNUSED for label in labels)


def direction(site: str) -> Floats:
    """Unit vector of a canonical 10-05 name.

    Numbers 1, 3, 5, 7 divide the arc from the midline to the ring in quarters, 9 goes one beyond,
    an `h` lies half a step before its number (Jurcak, Tsuzuki & Dan, NeuroImage 2007).
    """
    match = _SITE.match(site.upper())
    assert match is not None, site
    row, number, half = match.groups()
    polar = _ROW_STEPS[row] * _STEP_RAD
    middle = np.array([0.0, np.sin(polar), np.cos(polar)])
    if number == "Z":
        return middle
    lateral = int(number)
    side = -1.0 if lateral % 2 else 1.0
    azimuth = np.pi / 2 - _ROW_STEPS[row] * _RING_STEP_RAD  # from the nose
    ring = np.array(
        [
            side * np.sin(azimuth) * np.sin(_RING_RAD),
            np.cos(azimuth) * np.sin(_RING_RAD),
            np.cos(_RING_RAD),
        ]
    )
    steps = 4.0 if row in _RING_ROWS else (lateral + 1) // 2 - (0.5 if half else 0.0)
    arc = np.arccos(np.clip(middle @ ring, -1, 1))
    part = steps / 4.0 * arc
    place: Floats = (np.sin(arc - part) * middle + np.sin(part) * ring) / np.sin(arc)
    return place


@cache
def _anchors() -> tuple[Floats, tuple[int, ...]]:
    """Unit vectors of all anchors (anchor, 3) and the region of each."""
    pairs = [(site, REGIONS.index(region)) for region, sites in ANCHORS.items() for site in sites]
    return np.array([direction(site) for site, _ in pairs]), tuple(index for _, index in pairs)


def _region(direction: Floats) -> int | None:
    """Region of the nearest anchor, looked up on the left half so that left mirrors right."""
    vectors, regions = _anchors()
    left = direction * np.where(direction[0] > 0, (-1.0, 1.0, 1.0), 1.0)
    cosines = np.round(vectors @ left, 9)
    nearest = int(np.argmax(cosines))
    if cosines[nearest] < np.cos(np.deg2rad(FARTHEST_ANCHOR_DEG)):
        return None
    name = REGIONS[regions[nearest]]
    return REGIONS.index(name.replace("left", "right") if direction[0] > 0 else name)


def _is_counted(labels: Sequence[str]) -> bool:
    """Whether a cap counts its electrodes (BioSemi A1..H32), so that C3 is not the 10-20 C3."""
    counted = [s for s in labels if re.match(r"^[A-I]\d{1,3}$", s.strip()) and not canonical(s)]
    return len([s for s in counted if not _NOT_SCALP.search(s)]) >= 3


# --- positions -----------------------------------------------------------------------------------


def _centre(points: Floats) -> Floats:
    """Centre of the sphere that fits points (n, 3) best; a guess where they do not define one."""
    if len(points) >= 8:
        rows = np.hstack([2 * points, np.ones((len(points), 1))])
        solution, _, rank, _ = np.linalg.lstsq(rows, (points**2).sum(axis=1), rcond=None)
        if rank == 4:
            return np.asarray(solution[:3])
    return np.array([0.0, 0.0, 0.4 * np.abs(points).max()])  # between the ears, a little low


def _directions(positions: Sequence[Point] | None, labels: Sequence[str]) -> list[Floats | None]:
    """Direction of each channel with a usable measured position."""
    nothing: list[Floats | None] = [None] * len(labels)
    if positions is None:
        return nothing
    points = np.asarray(positions, dtype=float).reshape(len(labels), 3)
    usable = np.isfinite(points).all(axis=1) & (np.abs(points).sum(axis=1) > 0)
    usable &= np.array([_NOT_SCALP.search(label.strip()) is None for label in labels])
    if not usable.any():
        return nothing
    away = points - _centre(points[usable])
    length = np.linalg.norm(away, axis=1)
    return [
        away[i] / length[i] if usable[i] and length[i] > 0 else None for i in range(len(labels))
    ]


@dataclass(frozen=True)
class Montage:
    """Where each channel sits. Channels that are not scalp EEG have no region and are not used."""

    channels: tuple[str, ...]  # canonical names where there is one, else as given
    regions: tuple[int | None, ...]  # index into REGIONS
    places: tuple[tuple[float, float], ...]  # x, y of a drawing: nose up, equator at 1; NaN if none

    @classmethod
    def from_channels(
        cls, channels: Sequence[str], positions: Sequence[Point] | None = None
    ) -> Montage:
        """Place channels by name, else by position. EegError if not one can be placed."""
        counted = _is_counted(channels)
        names = [None if counted else canonical(label) for label in channels]
        measured = _directions(positions, channels)
        directions = [
            direction(name) if name else by_position
            for name, by_position in zip(names, measured, strict=True)
        ]
        regions = tuple(None if d is None else _region(d) for d in directions)
        if not any(region is not None for region in regions):
            shown = ", ".join(channels[:6]) + (", …" if len(channels) > 6 else "")
            raise EegError(
                f"none of the {len(channels)} channels ({shown}) is an EEG electrode with a "
                "10-20 name or a 3-D position: name the channels after their electrodes, "
                "for example Fp1, C3, TP9"
            )
        return cls(
            tuple(name or label for name, label in zip(names, channels, strict=True)),
            regions,
            tuple(_flat(d) for d in directions),
        )

    @property
    def placed(self) -> tuple[int, ...]:
        """Indices of the channels that are used."""
        return tuple(i for i, region in enumerate(self.regions) if region is not None)

    @property
    def xy(self) -> Floats:
        """Places for a drawing (channels, 2)."""
        return np.array(self.places)


def _flat(direction: Floats | None) -> tuple[float, float]:
    """Azimuthal equidistant projection of a unit vector."""
    if direction is None:
        return (float("nan"), float("nan"))
    x, y, z = direction
    polar, azimuth = np.arccos(np.clip(z, -1, 1)) / (np.pi / 2), np.arctan2(y, x)
    return (float(polar * np.cos(azimuth)), float(polar * np.sin(azimuth)))
