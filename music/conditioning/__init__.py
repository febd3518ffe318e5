"""How an emotion enters the decoder: exchangeable modules behind ``Entry`` and ``Layer``."""

from music.conditioning.attention import AttentionLayer, GatedLayer
from music.conditioning.base import (
    EMOTION_DIM,
    QUADRANTS,
    SLOTS,
    Context,
    Emotion,
    Entry,
    Layer,
    Told,
)
from music.conditioning.cross import CrossLayer
from music.conditioning.entry import EmbeddingEntry, PrefixEntry
from music.conditioning.modulation import ModulatedAttentionLayer, ModulationLayer

CONDITIONINGS: dict[str, tuple[type[Entry], type[Layer]]] = {
    "modulated-attention": (Entry, ModulatedAttentionLayer),
    "modulation": (Entry, ModulationLayer),
    "prefix": (PrefixEntry, Layer),
    "embedding": (EmbeddingEntry, Layer),
    "attention": (Entry, AttentionLayer),
    "gated": (Entry, GatedLayer),
    "cross": (Entry, CrossLayer),
}
DEFAULT = "modulated-attention"  # what ships

__all__ = [
    "CONDITIONINGS",
    "DEFAULT",
    "EMOTION_DIM",
    "QUADRANTS",
    "SLOTS",
    "Context",
    "Emotion",
    "Entry",
    "Layer",
    "Told",
]
