"""A wearer's profile: rest and calibration, kept for another day, bound to channels and model.

Two files side by side: NAME.json, which people may read, and NAME.safetensors with the numbers.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors

from capsule.baseline import SHAPE, Rest
from capsule.errors import CapsuleError
from capsule.personal.shift import Shift

PROFILE_FORMAT = "emocapsule profile 2"
ENDING, TENSORS = ".json", ".safetensors"
Use = Literal["fit", "temperature", "nothing"]


@dataclass(frozen=True)
class AxisFigures:
    """Blocks left out and told on their side of an axis: balanced accuracy, chance is a half."""

    axis: str
    low: int  # blocks
    high: int
    plain: float
    calibrated: float
    permuted: float  # mean over permuted labels


@dataclass(frozen=True)
class Gain:
    """Log probability of a block, more than by the plain recogniser; all kinds of labels alike."""

    nats: float
    error: float  # standard error over blocks


@dataclass(frozen=True)
class Figures:
    """What leave-one-block-out said of a calibration."""

    used: Use
    axes: tuple[AxisFigures, ...] = ()
    fit: Gain = Gain(0.0, 0.0)
    temperature: Gain = Gain(0.0, 0.0)  # alone: the plain order of quadrants, more or less surely
    chance: float = 1.0  # share of permuted labels told as well, the right ones counted
    notes: tuple[str, ...] = ()  # why the fit, or an axis, is not used


@dataclass(frozen=True)
class Profile:
    """What is known of a wearer. `shift` is None where only the rest is."""

    channels: tuple[str, ...]
    model: str
    rest: Rest
    shift: Shift | None = None
    wearer: str = ""
    date: str = ""
    rate_hz: float = 0.0  # 0: not known
    figures: Figures | None = None

    @property
    def name(self) -> str:
        """Whose it is, and of when."""
        return " ".join(word for word in (self.wearer, self.date) if word) or "rest"

    def require(self, channels: Sequence[str], model: str) -> None:
        """CapsuleError if the profile is of another headset or of another model."""
        if tuple(channels) != self.channels:
            raise CapsuleError(
                f"the profile was made with the channels {' '.join(self.channels)}, this headset "
                f"has {' '.join(channels)}: calibrate with this headset"
            )
        if model != self.model:
            raise CapsuleError(
                f"the profile was made with the model {self.model}, this is {model}: calibrate anew"
            )

    def rested(self, rest: Rest) -> Profile:
        """The same wearer on another day: the fit stays, the rest is new."""
        return replace(self, rest=rest)

    def save(self, path: str | Path) -> None:
        """Write NAME.json and NAME.safetensors. CapsuleError if they cannot be written."""
        path, tensors = _pair(path)
        content = save_tensors(_tensors(self))
        figures = None if self.figures is None else asdict(self.figures)
        told = {
            "format": PROFILE_FORMAT,
            "wearer": self.wearer,
            "date": self.date,
            "channels": self.channels,
            "rate_hz": self.rate_hz,
            "model": self.model,
            "calibrated": self.shift is not None,
            "figures": figures,
            "sha256": sha256(content).hexdigest(),
        }
        try:
            tensors.write_bytes(content)
            text = json.dumps(told, indent=1, ensure_ascii=False)
            path.write_text(text + "\n", encoding="utf-8")
        except OSError as error:
            raise CapsuleError(f"{error.filename} cannot be written: {error.strerror}") from error

    @classmethod
    def load(cls, path: str | Path) -> Profile:
        """Read a saved profile. CapsuleError names the file and what is wrong with it."""
        path, tensors = _pair(path)
        told = _told(path)
        try:
            content = tensors.read_bytes()
        except OSError as error:
            raise CapsuleError(
                f"{tensors}, which belongs to the profile {path.name}, cannot be read: "
                f"{error.strerror}"
            ) from error
        if sha256(content).hexdigest() != told.get("sha256"):
            raise CapsuleError(f"{tensors} is damaged or not the one of {path.name}: make it anew")
        try:
            return _profile(told, load_tensors(content))
        except (SafetensorError, KeyError, TypeError, ValueError) as error:
            reason = " ".join(str(error).split())[:120]
            raise CapsuleError(f"the profile {path} is damaged ({reason}): make it anew") from error


def _pair(path: str | Path) -> tuple[Path, Path]:
    """NAME.json and NAME.safetensors."""
    path = Path(path)
    return path, path.with_name(path.name.removesuffix(ENDING) + TENSORS)


def _told(path: Path) -> dict[str, Any]:
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CapsuleError(f"the profile {path} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise CapsuleError(
            f"the profile {path} is damaged (it is no JSON): make it anew"
        ) from error
    if not isinstance(told, dict) or told.get("format") != PROFILE_FORMAT:
        raise CapsuleError(
            f'{path} is no profile of this version ("format": "{PROFILE_FORMAT}" was expected): '
            "make it with `emocapsule calibrate`"
        )
    return told


def _tensors(profile: Profile) -> dict[str, torch.Tensor]:
    rest, shift = profile.rest, profile.shift
    tensors = {f"rest.{n}": torch.from_numpy(getattr(rest, n)) for n in ("mean", "std", "known")}
    if shift is not None:
        tensors |= {f"shift.{n}": getattr(shift, n) for n in ("log_tau", "bias", "weight")}
    return {name: one.contiguous() for name, one in tensors.items()}


def _profile(told: dict[str, Any], tensors: dict[str, torch.Tensor]) -> Profile:
    count = SHAPE[0] * SHAPE[1]
    mean, std = (_numbers(tensors, f"rest.{name}", SHAPE) for name in ("mean", "std"))
    known = tensors["rest.known"]
    if known.shape != SHAPE[:1] or known.dtype != torch.bool or bool((std < 0).any()):
        raise ValueError("the rest is none")
    shift = None
    if told["calibrated"]:
        shapes = {"log_tau": (1,), "bias": (1, 2), "weight": (1, 2, count)}
        shift = Shift(**{name: _numbers(tensors, f"shift.{name}", s) for name, s in shapes.items()})
    figures = told["figures"]
    if figures is not None:
        figures = _figures(figures)
    return Profile(
        channels=tuple(map(str, told["channels"])),
        model=str(told["model"]),
        rest=Rest(mean.double().numpy(), std.double().numpy(), np.asarray(known)),
        shift=shift,
        wearer=str(told["wearer"]),
        date=str(told["date"]),
        rate_hz=float(told["rate_hz"]),
        figures=figures,
    )


def _figures(told: dict[str, Any]) -> Figures:
    if told["used"] not in get_args(Use):
        raise ValueError(f"{told['used']!r} cannot be used")
    parts = {
        "axes": tuple(AxisFigures(**one) for one in told["axes"]),
        "fit": Gain(**told["fit"]),
        "temperature": Gain(**told["temperature"]),
        "notes": tuple(told["notes"]),
    }
    return Figures(**{**told, **parts})


def _numbers(tensors: dict[str, torch.Tensor], name: str, shape: tuple[int, ...]) -> torch.Tensor:
    values = tensors[name]
    if tuple(values.shape) != shape or not bool(torch.isfinite(values).all()):
        raise ValueError(f"{name} must hold finite numbers of shape {shape}")
    return values
