"""A condition in, piano out: vocabulary → CVAE-Transformer → events → MIDI and sound."""
