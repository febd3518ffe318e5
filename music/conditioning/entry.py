"""``prefix`` and ``embedding``: the emotion as part of the input sequence."""

from __future__ import annotations

from torch import Tensor, nn

from music import vocabulary as v
from music.conditioning.base import EMOTION_DIM, Context, Entry
from music.inputs import ModelConfig


class PrefixEntry(Entry):
    """The quadrant as a token of the sequence (EMOPIA, Hung 2021; CTRL, Keskar 2019).

    Their token stands once, at the beginning of a piece, and would leave a window that moves on. So
    here each bar has one, at the LATENT place, an embedding mixed by the capsule: a change of
    emotion is heard from the next bar on, not within a bar.
    """

    everywhere = False

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config)
        self.token = nn.Linear(EMOTION_DIM, config.width)

    def forward(self, x: Tensor, tokens: Tensor, context: Context) -> Tensor:
        here = (tokens == v.LATENT)[..., None]
        out: Tensor = x + here * self.token(context.emotion)
        return out


class EmbeddingEntry(Entry):
    """A metadata embedding added to every token (continuous-concat of Sulun 2022, as a sum)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config)
        self.metadata = nn.Linear(EMOTION_DIM, config.width)

    def forward(self, x: Tensor, tokens: Tensor, context: Context) -> Tensor:
        out: Tensor = x + self.metadata(context.emotion)
        return out
