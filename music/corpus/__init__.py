"""Pieces with beats and where they came from: reading, tokens, crops for training."""
