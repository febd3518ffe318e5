"""emoChord2vec: chords as words, emotions among them → vectors → scores, a map, a model's start."""
