"""Keys, modes and chords of what sounds, none of it dependent on where the tonic lies."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from music.evaluation.performance import DURATION, PITCH, VELOCITY, PerformedClip

Floats = npt.NDArray[np.float64]
LONGEST_COUNTED_S = 2.0  # a held note says no more about the key after this

# Krumhansl & Kessler 1982, probe-tone profiles of C major and C minor
MAJOR = np.array([6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88])
MINOR = np.array([6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17])


def _rotations(degrees: tuple[tuple[int, ...], ...]) -> Floats:
    """(sets, 12 roots, 12 pitch classes) 1 where the class belongs to the set on that root."""
    table = np.zeros((len(degrees), 12, 12))
    for row, members in enumerate(degrees):
        for root in range(12):
            table[row, root, [(root + member) % 12 for member in members]] = 1.0
    return table


MODES = _rotations(((0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10), (0, 2, 3, 5, 7, 8, 11)))
TRIADS = _rotations(((0, 4, 7), (0, 3, 7), (0, 3, 6), (0, 5, 7)))
TRIAD_NAMES = ("major", "minor", "diminished", "suspended")


def chroma_of(clip: PerformedClip, by: Literal["duration", "velocity"] = "duration") -> Floats:
    """(12,) share of each pitch class, by time held or by how hard it is struck."""
    classes = clip.notes[:, PITCH].astype(int) % 12
    held = np.minimum(clip.notes[:, DURATION], LONGEST_COUNTED_S)
    weight = held if by == "duration" else clip.notes[:, VELOCITY]
    chroma = np.bincount(classes, weight, minlength=12).astype(np.float64)
    return chroma / max(float(chroma.sum()), 1e-12)


def key_fit(chroma: Floats) -> Floats:
    """(2, 12) correlation of a chroma with each major and minor key (Krumhansl 1990, ch. 4)."""
    profiles = np.array([[np.roll(p - p.mean(), k) for k in range(12)] for p in (MAJOR, MINOR)])
    centred = chroma - chroma.mean()
    scale = np.linalg.norm(profiles, axis=2) * max(float(np.linalg.norm(centred)), 1e-12)
    return np.asarray(profiles @ centred / scale)


def majorness(chroma: Floats) -> float:
    """Best correlation with a major key's profile less that with a minor key's."""
    major, minor = key_fit(chroma).max(axis=1)
    return float(major - minor)


def triads(classes: Floats) -> dict[str, float]:
    """How well each kind of triad fits what sounds, classes (12, frames), on its best root.

    Cosine of the square roots of the seconds with a binary template (Fujishima, ICMC 1999).
    """
    rooted = np.sqrt(classes)
    rooted = rooted / np.maximum(np.linalg.norm(rooted, axis=0), 1e-9)
    best = np.einsum("ktp,pf->ktf", TRIADS, rooted).max(axis=1) / np.sqrt(3)
    heard = classes.sum(axis=0) > 0.02
    weight = heard / max(int(heard.sum()), 1)
    named = {f"triad_{name}": float(best[k] @ weight) for k, name in enumerate(TRIAD_NAMES)}
    return named | {"triads_rather_major": float((best[0] > best[1]) @ weight)}


def interval_classes(classes: Floats) -> dict[str, float]:
    """Share of each interval class (Forte 1973) among what sounds together, (12, frames)."""
    pairs = np.array([(classes * np.roll(classes, -k, axis=0)).sum() for k in range(1, 7)])
    pairs /= max(float(pairs.sum()), 1e-9)
    return {f"interval_class_{k}": float(pairs[k - 1]) for k in range(1, 7)}
