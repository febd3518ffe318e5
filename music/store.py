"""Trained weights: safetensors beside a JSON of the model's dimensions, bound to the vocabulary."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from music import vocabulary as v
from music.errors import MusicError
from music.inputs import ModelConfig
from music.model import MusicModel

WEIGHTS = Path(__file__).parent / "weights"


def save_model(model: MusicModel, folder: Path, notes: dict[str, object]) -> None:
    """``model.safetensors`` in half precision and ``config.json``."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {k: t.detach().cpu().half().contiguous() for k, t in model.state_dict().items()}
    save_file(tensors, folder / "model.safetensors")
    config = {"vocabulary": v.fingerprint(), "model": asdict(model.config), **notes}
    (folder / "config.json").write_text(json.dumps(config, indent=1) + "\n")


def load_model(folder: Path = WEIGHTS) -> MusicModel:
    """The network in ``folder``, ready to play. MusicError if anything does not fit."""
    try:
        config = json.loads((folder / "config.json").read_text())
        if config["vocabulary"] != v.fingerprint():
            raise MusicError(
                f"The music model in {folder} was trained with another vocabulary; train it again."
            )
        model = MusicModel(ModelConfig(**config["model"]))
        tensors = load_file(folder / "model.safetensors")
        model.load_state_dict({k: t.to(torch.float32) for k, t in tensors.items()}, strict=True)
    except FileNotFoundError as error:
        raise MusicError(f"No music model in {folder}: {error.filename} is missing.") from error
    except (SafetensorError, json.JSONDecodeError, KeyError, TypeError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:160]
        raise MusicError(f"The music model in {folder} is damaged: {reason}") from error
    if not all(bool(p.isfinite().all()) for p in model.parameters()):
        raise MusicError(f"The music model in {folder} holds values that are not numbers.")
    return model.eval()
