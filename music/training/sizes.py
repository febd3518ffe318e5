"""The sizes of any network from one dial, so that all kinds come out about as large."""

from __future__ import annotations

from music.baselines import EncoderDecoderConfig, LstmConfig
from music.inputs import ModelConfig
from music.network import NetworkConfig

CROP_WINDOWS = 1.5  # tokens of a training crop, in windows


def sizes(
    kind: str, depth: int, window: int, latent: int, dropout: float, conditioning: str
) -> NetworkConfig:
    """The configuration of a network of ``music.store.KINDS``.

    The baselines have neither latent nor choice of conditioning. The LSTM has two layers whatever
    the depth. The encoder–decoder's chunk is three quarters of the window: a crop is two chunks,
    and a token sees 1⅛ windows on average where ours sees one.
    """
    ours = ModelConfig(depth, window, latent, dropout, conditioning)
    if kind == "lstm":
        return LstmConfig(2, ours.width, 2 * ours.width, dropout)
    if kind == "encoder-decoder":
        return EncoderDecoderConfig(max(depth // 2, 1), ours.width, window * 3 // 4, dropout)
    return ours
