"""The trained network in use: features in, emotion capsules out, one for each window.

Features -> Baseline (z by the wearer's rest) -> CapsuleNetwork -> read-out -> the wearer's own
shift, if calibrated -> doubt gate
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors

from capsule.baseline import REST_S, Baseline, BaselineState, Prepared
from capsule.doubt import REST_CAP, Doubt, clarity, contact, naming
from capsule.emotion import EmotionCapsule, Origin
from capsule.errors import CapsuleError
from capsule.network import (
    CLASSES,
    CapsuleNetwork,
    NetworkConfig,
    Reading,
    ReadOut,
    alpha_below,
    gate,
    read_out,
    tempered,
)
from capsule.profile import Profile
from eeg.frontend import Features
from eeg.montage import BANDS, REGIONS, Montage

WEIGHTS = Path(__file__).parent / "weights"
MODEL_FORMAT = "emocapsule capsule network 3"
MANIFEST, TENSORS = "config.json", "network.safetensors"


@dataclass(frozen=True)
class Model:
    """A trained network, its read-outs and its doubt.

    `known` is of headsets that were learned from, `strange` of all others, so of nearly every
    wearer's: it is the one in use. Whoever knows better asks for `of_known_headset`.
    """

    network: CapsuleNetwork
    known: ReadOut
    strange: ReadOut
    doubt: Doubt
    name: str = "untitled"

    @property
    def of_known_headset(self) -> Model:
        """The same for a headset that was learned from; of another name, so profiles are apart."""
        return replace(self, strange=self.known, name=f"{self.name}-known")

    def read(self, inputs: NDArray[np.float32], present: NDArray[np.bool_]) -> Reading:
        """Reading of windows (W, regions, bands, 2) of which (W, regions, bands) is present."""
        with torch.inference_mode():
            features = torch.from_numpy(inputs).flatten(1, 2)
            there = torch.from_numpy(present).flatten(1, 2)
            reading = self.network.read(features, there)
            below = alpha_below(features, there, self.network.config.bands)
            return replace(reading, logits=tempered(reading.logits, self.strange, below))

    def save(self, folder: Path, title: str) -> str:
        """Write tensors and manifest; gives the model's name, which ends in their fingerprint."""
        tensors = dict(self.network.state_dict())
        tensors["doubt.mean"] = torch.from_numpy(self.doubt.mean)
        tensors["doubt.covariance"] = torch.from_numpy(self.doubt.covariance)
        content = save_tensors({name: one.contiguous() for name, one in tensors.items()})
        outs = {"known": asdict(self.known), "strange": asdict(self.strange)}
        whole = sha256(content + json.dumps(outs).encode())  # a profile is bound to both
        name = f"{title}-{whole.hexdigest()[:8]}"
        thresholds = {key: getattr(self.doubt, key) for key in _THRESHOLDS}
        manifest = {
            "format": MODEL_FORMAT,
            "name": name,
            "sha256": sha256(content).hexdigest(),
            "read-out": outs,
            "doubt": thresholds,
            "network": asdict(self.network.config),
        }
        folder.mkdir(parents=True, exist_ok=True)
        (folder / TENSORS).write_bytes(content)
        (folder / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
        return name

    @classmethod
    def load(cls, folder: Path = WEIGHTS) -> Model:
        """The model in `folder`. CapsuleError if it is missing, damaged or of another version."""
        try:
            manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
            content = (folder / TENSORS).read_bytes()
        except OSError as error:
            raise CapsuleError(
                f"the weights {error.filename} cannot be read ({error.strerror}): "
                "install the package again"
            ) from error
        except ValueError as error:
            raise CapsuleError(f"{folder / MANIFEST} is damaged: install again") from error
        if not isinstance(manifest, dict) or manifest.get("format") != MODEL_FORMAT:
            raise CapsuleError(f'{folder / MANIFEST} is not of the format "{MODEL_FORMAT}"')
        if sha256(content).hexdigest() != manifest.get("sha256"):
            raise CapsuleError(f"{folder / TENSORS} is damaged or not the one of {MANIFEST}")
        try:
            return cls._built(manifest, content)
        except (SafetensorError, RuntimeError, KeyError, TypeError, ValueError) as error:
            reason = " ".join(str(error).split())[:160]
            raise CapsuleError(f"the weights in {folder} are damaged: {reason}") from error

    @classmethod
    def _built(cls, manifest: dict[str, Any], content: bytes) -> Model:
        told: dict[str, Any] = manifest["network"]
        sizes: dict[str, Any] = {
            key: tuple(one) if isinstance(one, list) else one for key, one in told.items()
        }
        config = NetworkConfig(**sizes)
        if (config.regions, config.bands) != (REGIONS, tuple(band.name for band in BANDS)):
            raise ValueError("they were trained for other scalp regions or bands")
        tensors = load_tensors(content)
        mean, covariance = (tensors.pop(f"doubt.{one}").numpy() for one in ("mean", "covariance"))
        network = CapsuleNetwork(config)
        network.load_state_dict(tensors)
        thresholds = {key: float(manifest["doubt"][key]) for key in _THRESHOLDS}
        doubt = Doubt(mean, covariance, **thresholds)
        known, strange = (_read_out(manifest["read-out"][one]) for one in ("known", "strange"))
        return cls(network.eval(), known, strange, doubt, manifest["name"])


def _read_out(told: dict[str, Any]) -> ReadOut:
    return ReadOut(**{one.name: float(told[one.name]) for one in fields(ReadOut)})


_THRESHOLDS = ("near", "far", "near_z", "far_z")


class Recogniser:
    """Features of one headset in, capsules out; as many capsules as windows.

    Parameters
    ----------
    model: what was trained.
    montage: fixed for the life of the recogniser; features must come from it.
    rest_s: the wearer's rest at the beginning. Until it is over trust is at most REST_CAP.
        0: no rest is known, trust stays capped. None: 60 s, or 0 with a profile.
    profile: the wearer's calibration and rest from earlier, for the same channels and model. With
        `rest_s` above 0 its rest serves only until this day's is complete, its calibration stays.
    """

    def __init__(
        self,
        model: Model,
        montage: Montage,
        rest_s: float | None = None,
        profile: Profile | None = None,
    ) -> None:
        if rest_s is None:
            rest_s = 0.0 if profile else REST_S
        if not 0 <= rest_s < float("inf"):
            raise CapsuleError(f"the rest must last 0 s or more, not {rest_s:g} s")
        self.model, self.montage = model, montage
        self._expected = regions_of(montage)
        self._channels = tuple(montage.channels[i] for i in montage.placed)
        self._profile = profile
        if profile is None:
            self._baseline = Baseline(rest_s)
        else:
            profile.require(self._channels, model.name)
            kept = profile.rest if rest_s == 0 else None
            self._baseline = Baseline(rest_s, kept, meanwhile=profile.rest)
        name = profile.name if profile else ""
        self._origin = Origin(model.name, " ".join(self._channels), name)

    @classmethod
    def load(
        cls,
        montage: Montage,
        rest_s: float | None = None,
        profile: str | Path | Profile | None = None,
    ) -> Recogniser:
        """With the shipped weights; `profile` may be a file. Uses one torch thread."""
        torch.set_num_threads(1)
        kept = Profile.load(profile) if isinstance(profile, str | Path) else profile
        return cls(Model.load(), montage, rest_s, kept)

    @property
    def rested(self) -> bool:
        """Whether the wearer's rest is known."""
        return self._baseline.rest is not None

    def profile(self) -> Profile | None:
        """The wearer's rest and calibration, to be used again; None before the rest is complete."""
        rest = self._baseline.rest
        if rest is None:
            return None
        if self._profile is not None:
            return self._profile.rested(rest)
        return Profile(self._channels, self.model.name, rest)

    def reset(self) -> None:
        """As new; forgets the wearer unless a profile was given."""
        self._baseline.reset()

    def state(self) -> BaselineState:
        """A copy of what is remembered."""
        return self._baseline.state()

    def restore(self, state: BaselineState) -> None:
        """Go on from a copied state."""
        self._baseline.restore(state)

    def push(self, features: Features) -> list[EmotionCapsule]:
        """The capsule of one window."""
        prepared = self._baseline.push(features)
        reading = self.model.read(prepared.inputs[None], prepared.present[None])
        logits = reading.logits
        if self._profile is not None and self._profile.shift is not None:
            z = torch.from_numpy(prepared.inputs[..., 1]).reshape(-1, 1)
            logits = self._profile.shift.logits(logits.T, z)[0].T
        trust = trust_in(self.model.doubt, prepared, features, self._expected)
        probabilities = gate(read_out(logits), torch.tensor([trust]))
        routing = reading.coupling[0].view(len(REGIONS), len(BANDS), CLASSES)
        return [
            EmotionCapsule(
                time_s=features.end_s,
                probabilities=probabilities[0].numpy(),
                shares=reading.shares[0].numpy(),
                routing=routing.numpy(),
                pose=reading.pose[0].numpy(),
                lengths=reading.lengths[0].numpy(),
                quality=features.quality
                * contact(features.present & ~prepared.loud, self._expected),
                origin=self._origin,
            )
        ]

    def push_many(self, features: Iterable[Features]) -> list[EmotionCapsule]:
        """The capsules of several windows."""
        return [capsule for one in features for capsule in self.push(one)]

    def flush(self) -> list[EmotionCapsule]:
        """Nothing: every window is answered at once."""
        return []


def regions_of(montage: Montage) -> NDArray[np.bool_]:
    """(regions,): those that the headset has."""
    expected = np.zeros(len(REGIONS), dtype=bool)
    expected[[region for region in montage.regions if region is not None]] = True
    return expected


def trust_in(
    doubt: Doubt, prepared: Prepared, features: Features, expected: NDArray[np.bool_]
) -> float:
    """w of the doubt gate, in [0, 1], for a window of a headset with the regions `expected`."""
    z = prepared.inputs[..., 1].astype(np.float64)
    known = doubt.trust(prepared.level, z, prepared.present, prepared.spread)
    there: NDArray[np.bool_] = np.any(prepared.present, axis=1)
    trust = known * contact(there, expected) * clarity(features.quality)
    trust *= naming(features.names_fit)
    return trust if prepared.rested else min(trust, REST_CAP)
