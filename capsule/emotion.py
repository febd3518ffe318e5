"""The emotion capsule: what a stretch of EEG says about the wearer, as one value.

It travels as a JSON line, as a `*.capsule.json` file and as a vector on an LSL stream, and comes
back equal from each. Classes are Russell's quadrants of valence (V) and arousal (A).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from capsule.errors import CapsuleError
from eeg.montage import BANDS, REGIONS

Array = NDArray[np.float32]

QUADRANTS = ("Q1", "Q2", "Q3", "Q4")  # V+ A+, V- A+, V- A-, V+ A-
POSE_SIZE = 32
CAPSULE_STREAM, CAPSULE_TYPE = "EmotionCapsule", "Emotion"
FORMAT = "emocapsule capsule 1"
ENDING = ".capsule.json"

# What is in a capsule, in the order of the wire. Valence, arousal and confidence follow from the
# probabilities; they are on the wire for whoever reads only them.
SHAPES: dict[str, tuple[int, ...]] = {
    "probabilities": (4,),
    "shares": (4,),
    "lengths": (4,),
    "routing": (len(REGIONS), len(BANDS), 4),
    "pose": (4, POSE_SIZE),
}
DERIVED = ("valence", "arousal", "confidence")


def _labels() -> tuple[str, ...]:
    routing = [f"routing/{r}/{b.name}/{q}" for r in REGIONS for b in BANDS for q in QUADRANTS]
    pose = [f"pose/{q}/{k}" for q in QUADRANTS for k in range(POSE_SIZE)]
    simple = [f"{name}/{q}" for name in ("probability", "share", "length") for q in QUADRANTS]
    return (*simple[:4], *DERIVED, "quality", *simple[4:], *routing, *pose)


CHANNELS: tuple[str, ...] = _labels()  # one label for each number of the LSL stream


@dataclass(frozen=True)
class Origin:
    """Where a capsule came from."""

    model: str = ""
    montage: str = ""  # channels, joined by blanks
    profile: str = ""


@dataclass(frozen=True, eq=False)
class EmotionCapsule:
    """Emotion at one moment. Arrays are float32 and read-only.

    Raises CapsuleError where a shape is wrong, a number is not finite or is out of its range.
    """

    time_s: float  # end of the window: LSL clock live, seconds from the first sample in a file
    probabilities: Array  # (4,) sums to 1
    shares: Array  # (4,) routing shares, sum to 1
    routing: Array  # (regions, bands, 4) coupling coefficients; 0 where there was no signal
    pose: Array  # (4, POSE_SIZE) class capsules
    lengths: Array  # (4,) of the class capsules, 0..1
    quality: float  # 0..1, of the signal
    origin: Origin = field(default_factory=Origin)

    def __post_init__(self) -> None:
        for name, shape in SHAPES.items():
            object.__setattr__(self, name, _checked(name, getattr(self, name), shape))
        for name in ("probabilities", "shares", "routing", "lengths"):
            values = getattr(self, name)
            if values.min() < 0 or values.max() > 1 + 1e-5:
                raise CapsuleError(f"{name} of a capsule must lie in 0..1, not {values.tolist()}")
        for name in ("probabilities", "shares"):
            if abs(float(getattr(self, name).sum()) - 1) > 1e-4:
                raise CapsuleError(f"{name} of a capsule must sum to 1")
        for name in ("time_s", "quality"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, (int, float, np.floating)):
                raise CapsuleError(f"{name} of a capsule must be a number, not {value!r}")
            value = float(np.float32(value)) if name == "quality" else float(value)
            object.__setattr__(self, name, value)
        if not np.isfinite(self.time_s) or not 0 <= self.quality <= 1 + 1e-6:
            raise CapsuleError("a capsule needs a finite time_s and a quality in 0..1")

    @property
    def valence(self) -> float:
        """Probability of V+ less that of V-, in [-1, 1]."""
        q1, q2, q3, q4 = self.probabilities.tolist()
        return _within(q1 + q4 - q2 - q3)

    @property
    def arousal(self) -> float:
        """Probability of A+ less that of A-, in [-1, 1]."""
        q1, q2, q3, q4 = self.probabilities.tolist()
        return _within(q1 + q2 - q3 - q4)

    @property
    def confidence(self) -> float:
        """How far the probabilities are from a quarter each: 0 there, 1 where one quadrant is sure.

        Two thirds where one axis is sure and the other open.
        """
        distance = float(np.abs(self.probabilities.astype(float) - 0.25).sum())
        return min(distance / 1.5, 1.0)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, EmotionCapsule):
            return NotImplemented
        same = all(np.array_equal(getattr(self, n), getattr(other, n)) for n in SHAPES)
        rest = (self.time_s, self.quality, self.origin)
        return same and rest == (other.time_s, other.quality, other.origin)

    __hash__ = None  # type: ignore[assignment]

    @classmethod
    def neutral(
        cls, time_s: float, quality: float = 0.0, origin: Origin | None = None
    ) -> EmotionCapsule:
        """Knows nothing: a quarter each."""
        parts = {name: np.zeros(shape, np.float32) for name, shape in SHAPES.items()}
        parts["probabilities"] = parts["shares"] = np.full(4, 0.25, np.float32)
        return cls(time_s=time_s, quality=quality, origin=origin or Origin(), **parts)

    def to_vector(self) -> Array:
        """Numbers of the LSL stream (len(CHANNELS),) float32; time_s travels as the stamp."""
        head = [*self.probabilities, self.valence, self.arousal, self.confidence, self.quality]
        parts = [np.array(head, np.float32), self.shares, self.lengths, self.routing, self.pose]
        return np.concatenate([part.reshape(-1) for part in parts])

    @classmethod
    def from_vector(
        cls, vector: ArrayLike, time_s: float, origin: Origin | None = None
    ) -> EmotionCapsule:
        """The capsule of one sample of the LSL stream, with its stamp."""
        values = np.asarray(vector, np.float32).reshape(-1)
        if len(values) != len(CHANNELS):
            raise CapsuleError(
                f"a capsule on the wire has {len(CHANNELS)} numbers, this one {len(values)}: "
                "sender and receiver must be of the same version"
            )
        ends = np.cumsum([4, 4, 4, 4, int(np.prod(SHAPES["routing"]))])
        p, derived, shares, lengths, routing, pose = np.split(values, ends)
        return cls(
            time_s=time_s,
            probabilities=p,
            shares=shares,
            lengths=lengths,
            routing=routing.reshape(SHAPES["routing"]),
            pose=pose.reshape(SHAPES["pose"]),
            quality=float(derived[3]),
            origin=origin or Origin(),
        )

    def to_json(self) -> str:
        """One line of JSON."""
        arrays = {name: _plain(getattr(self, name)) for name in SHAPES}
        derived = {name: round(getattr(self, name), 6) for name in DERIVED}
        head = {"format": FORMAT, "time_s": self.time_s, "quality": self.quality}
        origin = {one.name: getattr(self.origin, one.name) for one in fields(Origin)}
        return json.dumps({**head, **derived, **arrays, "origin": origin}, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> EmotionCapsule:
        """The capsule of a line of JSON. CapsuleError if it is not one."""
        try:
            told: Any = json.loads(text)
        except (json.JSONDecodeError, RecursionError) as error:
            raise CapsuleError(f"this is no JSON ({error}): a capsule was expected") from error
        if not isinstance(told, dict) or told.get("format") != FORMAT:
            raise CapsuleError(f'a capsule has "format": "{FORMAT}", this text has not')
        missing = [name for name in ("time_s", "quality", *SHAPES) if name not in told]
        if missing:
            raise CapsuleError(f"the capsule lacks {', '.join(missing)}")
        origin = told.get("origin", {})
        names = [one.name for one in fields(Origin)]
        if not isinstance(origin, dict) or not all(isinstance(v, str) for v in origin.values()):
            raise CapsuleError("the origin of a capsule must hold texts")
        return cls(
            time_s=told["time_s"],
            quality=told["quality"],
            origin=Origin(**{name: origin[name] for name in names if name in origin}),
            **{name: told[name] for name in SHAPES},
        )

    def save(self, path: str | Path) -> None:
        """Write the capsule as a file that `load` reads; its name should end in `.capsule.json`."""
        try:
            Path(path).write_text(self.to_json() + "\n", encoding="utf-8")
        except OSError as error:
            raise CapsuleError(f"{path} cannot be written: {error.strerror}") from error

    @classmethod
    def load(cls, path: str | Path) -> EmotionCapsule:
        """Read a saved capsule. CapsuleError names the file and what is wrong with it."""
        try:
            text = Path(path).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is not text"
            raise CapsuleError(f"the capsule file {path} cannot be read: {reason}") from error
        try:
            return cls.from_json(text)
        except CapsuleError as error:
            raise CapsuleError(f"{path} is no emotion capsule: {error}") from error


def blend(capsules: Sequence[EmotionCapsule]) -> EmotionCapsule:
    """One capsule for a stretch: the mean of its capsules, each counted by its quality.

    Time is the last one's, quality the mean. CapsuleError if there are none.
    """
    if not capsules:
        raise CapsuleError("a stretch without a capsule cannot be summed up in one")
    quality = np.array([one.quality for one in capsules])
    weight = quality if quality.sum() > 0 else np.ones(len(capsules))
    weight = weight / weight.sum()
    means: dict[str, Any] = {
        name: np.tensordot(weight, np.stack([getattr(one, name) for one in capsules]), 1)
        for name in SHAPES
    }
    return replace(capsules[-1], quality=float(quality.mean()), **means)


def _checked(name: str, values: ArrayLike, shape: tuple[int, ...]) -> Array:
    """Read-only float32 copy of `values` with `shape`."""
    try:
        array = np.array(values, dtype=np.float32)
    except (TypeError, ValueError, OverflowError) as error:
        raise CapsuleError(f"{name} of a capsule must hold numbers of shape {shape}") from error
    if array.shape != shape:
        raise CapsuleError(f"{name} of a capsule must have the shape {shape}, not {array.shape}")
    if not np.isfinite(array).all():
        raise CapsuleError(f"{name} of a capsule holds a number that is not finite")
    array.flags.writeable = False
    return array


def _plain(values: Array) -> Any:
    """Nested lists of the shortest decimals that read back as the same float32."""
    flat = [float(str(value)) for value in values.reshape(-1)]
    return np.array(flat).reshape(values.shape).tolist()


def _within(value: float) -> float:
    return min(max(value, -1.0), 1.0)
