"""The process *hand*: timed notes in, MIDI out, and nothing left hanging."""
