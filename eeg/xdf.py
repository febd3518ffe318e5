"""XDF, the format of LSL's recorder: the EEG stream of a file, its markers, or all of its streams.

What a session of ours says of itself is no marker of the experiment: it would end what one labels.
"""

from __future__ import annotations

import gzip
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eeg.errors import EegError
from eeg.montage import canonical
from eeg.signal import Recording, Signal
from eeg.tables import steady_rate
from eeg.watch import microvolts_per

LOG_STREAM = "EmocapsuleMarkers"  # of a session: what the program said, and when
DESK_STREAM = "EmocapsuleDesk"  # likewise: pauses of the recording, and moments that were marked


@dataclass(frozen=True)
class Track:
    """One stream of a file as it is: `texts` of a stream of strings, else `values`."""

    name: str
    kind: str
    source_id: str
    channels: tuple[str, ...]
    rate_hz: float
    times_s: NDArray[np.float64]  # (time,) as stamped
    values: NDArray[np.float64]  # (time, channel); (time, 0) of a stream of strings
    texts: tuple[str, ...] = ()  # (time,)


def read_tracks(path: Path) -> list[Track]:
    """Every stream of an XDF file, also of one that was cut off. EegError if it is none."""
    try:
        return [_track(stream) for stream in _load(path)]
    except Exception as error:  # pyxdf raises anything
        reason = " ".join(str(error).split())[:160] or type(error).__name__
        raise EegError(f"{path.name} cannot be read, it may be damaged: {reason}") from error


def read_xdf(path: Path) -> Recording:
    """A recording of the stream that is EEG; of several, the one with most named electrodes.

    Stamps are put on one clock but not smoothed, so that lost samples stay visible.
    """
    streams = _load(path)
    stream = _eeg_stream(path, streams)
    info = stream["info"]
    described = [_describe(channel) for channel in _channels(info)]
    count = int(_text(info, "channel_count"))
    if len(described) != count or not all(label for label, _, _ in described):
        raise EegError(
            f"{path.name}: the stream {_text(info, 'name')!r} does not name its {count} channels "
            "in its description: record it again with channel labels"
        )
    keep = [i for i, (_, kind, _) in enumerate(described) if kind.lower() in ("", "eeg")]
    scales = [_scale(path, *described[i]) for i in keep]
    stamps_s = np.asarray(stream["time_stamps"], dtype=float)
    rate_hz = steady_rate(stamps_s, float(_text(info, "nominal_srate") or 0))
    samples_uv = np.asarray(stream["time_series"], dtype=float)[:, keep] * scales
    signal = Signal(
        name=_text(info, "name") or path.name,
        rate_hz=rate_hz,
        channels=tuple(described[i][0] for i in keep),
        source_id=_text(info, "source_id"),
    )
    start_s = float(stamps_s[0])
    return Recording(signal, samples_uv, stamps_s - start_s, _markers(streams, start_s))


def _load(path: Path) -> list[dict[str, Any]]:
    """Every stream as pyxdf tells it."""
    import pyxdf

    logging.getLogger("pyxdf").addHandler(logging.NullHandler())  # else it writes to stderr
    opened = gzip.open if path.suffix.lower() == ".xdfz" else open
    with opened(path, "rb") as file:
        streams, _ = pyxdf.load_xdf(file, dejitter_timestamps=False, verbose=None)
    return list(streams)


def _track(stream: dict[str, Any]) -> Track:
    info = stream["info"]
    times_s = np.asarray(stream["time_stamps"], dtype=float)
    spoken = _text(info, "channel_format") == "string"
    return Track(
        name=_text(info, "name"),
        kind=_text(info, "type"),
        source_id=_text(info, "source_id"),
        channels=tuple(_describe(channel)[0] for channel in _channels(info)),
        rate_hz=float(_text(info, "nominal_srate") or 0),
        times_s=times_s,
        values=np.empty((len(times_s), 0)) if spoken else np.asarray(stream["time_series"], float),
        texts=tuple(str(row[0]) for row in stream["time_series"]) if spoken else (),
    )


def _eeg_stream(path: Path, streams: list[dict[str, Any]]) -> dict[str, Any]:
    def worth(stream: dict[str, Any]) -> tuple[bool, int, int]:
        labels = [_describe(channel)[0] for channel in _channels(stream["info"])]
        named = len([label for label in labels if canonical(label)])
        is_eeg = _text(stream["info"], "type").lower() == "eeg"
        return (is_eeg, named, len(stream["time_stamps"]))

    numeric = [
        stream
        for stream in streams
        if _text(stream["info"], "channel_format") != "string" and len(stream["time_stamps"]) > 1
    ]
    best = max(numeric, key=worth, default=None)
    if best is None or worth(best)[:2] == (False, 0):
        kinds = ", ".join(_text(s["info"], "type") or "untyped" for s in streams) or "none"
        raise EegError(f"{path.name} has no EEG stream with samples (streams: {kinds})")
    return best


def _scale(path: Path, label: str, kind: str, unit: str) -> float:
    scale = microvolts_per(unit)
    if scale is None:
        raise EegError(f"{path.name}: channel {label!r} is in {unit!r}, not in volts of any size")
    return scale


def _markers(streams: list[dict[str, Any]], start_s: float) -> tuple[tuple[float, str], ...]:
    """Entries (time_s, label) of every text stream but our own, in order of time."""
    return tuple(
        sorted(
            (float(stamp) - start_s, str(entry[0]))
            for stream in streams
            if _text(stream["info"], "channel_format") == "string"
            and _text(stream["info"], "name") not in (LOG_STREAM, DESK_STREAM)
            for stamp, entry in zip(stream["time_stamps"], stream["time_series"], strict=True)
        )
    )


def _channels(info: dict[str, Any]) -> list[dict[str, Any]]:
    """Descriptions of the channels; XDF wraps every element in a list."""
    desc = (info.get("desc") or [None])[0] or {}
    channels = (desc.get("channels") or [None])[0] or {}
    return [channel or {} for channel in channels.get("channel", [])]


def _describe(channel: dict[str, Any]) -> tuple[str, str, str]:
    """Label, type and unit of a channel, empty where not stated."""
    return _text(channel, "label"), _text(channel, "type"), _text(channel, "unit")


def _text(node: dict[str, Any], key: str) -> str:
    return str((node.get(key) or [""])[0] or "")
