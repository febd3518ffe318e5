"""The field's next-note models, which the comparison measures ours against."""

from music.baselines.encoder_decoder import EncoderDecoder, EncoderDecoderConfig
from music.baselines.lstm import Lstm, LstmConfig

__all__ = ["EncoderDecoder", "EncoderDecoderConfig", "Lstm", "LstmConfig"]
