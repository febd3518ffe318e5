"""A minute of synthetic EEG as a recogniser reads it."""

from dataclasses import replace

from eeg.frontend import FrontEnd
from eeg.synthetic import sample_recording

STOP = 60 * 128


def minute():
    """Montage and features of a minute of synthetic EEG."""
    recording = sample_recording()
    front_end = FrontEnd(recording.signal)
    whole = replace(
        recording, samples_uv=recording.samples_uv[:STOP], times_s=recording.times_s[:STOP]
    )
    return front_end.montage, [f for chunk in whole.chunks(64) for f in front_end.push(chunk)]
