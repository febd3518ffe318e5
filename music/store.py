"""Trained weights: safetensors beside a JSON of the network's kind and sizes, bound to the
vocabulary.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from music import vocabulary as v
from music.baselines import EncoderDecoder, EncoderDecoderConfig, Lstm, LstmConfig
from music.errors import MusicError
from music.inputs import ModelConfig
from music.model import MusicModel
from music.network import Network, NetworkConfig

WEIGHTS = Path(__file__).parent / "weights"
OURS = "transformer"
KINDS: dict[str, tuple[type[Any], type[Network]]] = {
    OURS: (ModelConfig, MusicModel),
    "encoder-decoder": (EncoderDecoderConfig, EncoderDecoder),
    "lstm": (LstmConfig, Lstm),
}


def build(config: NetworkConfig) -> Network:
    """An untrained network of these sizes, of the kind they belong to."""
    (network,) = (network for sizes, network in KINDS.values() if isinstance(config, sizes))
    return network(config)


def sizes_of(config: NetworkConfig) -> dict[str, object]:
    """Kind and sizes as ``config.json`` holds them."""
    (kind,) = (kind for kind, (sizes, _) in KINDS.items() if isinstance(config, sizes))
    return {"kind": kind, "model": vars(config)}


def save_model(network: Network, folder: Path, notes: dict[str, object]) -> None:
    """``model.safetensors`` in half precision and ``config.json``."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {k: t.detach().cpu().half().contiguous() for k, t in network.state_dict().items()}
    save_file(tensors, folder / "model.safetensors")
    config = {"vocabulary": v.fingerprint(), **sizes_of(network.config), **notes}
    (folder / "config.json").write_text(json.dumps(config, indent=1) + "\n")


def load_network(folder: Path) -> Network:
    """The network in ``folder``, whatever its kind. MusicError if anything does not fit."""
    try:
        config = json.loads((folder / "config.json").read_text())
        if config["vocabulary"] != v.fingerprint():
            raise MusicError(
                f"The music model in {folder} was trained with another vocabulary; train it again."
            )
        sizes, _ = KINDS[config.get("kind", OURS)]
        network = build(sizes(**config["model"]))
        tensors = load_file(folder / "model.safetensors")
        network.load_state_dict({k: t.to(torch.float32) for k, t in tensors.items()}, strict=True)
    except FileNotFoundError as error:
        raise MusicError(f"No music model in {folder}: {error.filename} is missing.") from error
    except (SafetensorError, json.JSONDecodeError, KeyError, TypeError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:160]
        raise MusicError(
            f"The music model in {folder} is damaged or of another version of this program; take "
            f"the weights that came with this one or train anew: {reason}"
        ) from error
    if not all(bool(p.isfinite().all()) for p in network.parameters()):
        raise MusicError(f"The music model in {folder} holds values that are not numbers.")
    return network.eval()


def load_model(folder: Path = WEIGHTS) -> MusicModel:
    """Our model in ``folder``, ready to play. MusicError if anything does not fit."""
    network = load_network(folder)
    if not isinstance(network, MusicModel):
        raise MusicError(f"{folder} holds a baseline; give a model that can play.")
    return network
