"""An append-only writer of XDF 1.0 files, whole after every call: a kill loses nothing written.

Format: github.com/sccn/xdf/wiki/Specifications. Each chunk is one `write` to the file, so what is
on disk ends at a chunk's end whenever the process dies. LabRecorder's engine writes the same format
but fixes its streams at the start and holds up to a second back.
"""

import re
import struct
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bridge.errors import BridgeError
from bridge.session.disk import Growing

_FILE_HEADER, _STREAM_HEADER, _SAMPLES, _CLOCK_OFFSET, _BOUNDARY, _STREAM_FOOTER = range(1, 7)
_BOUNDARY_MARK = uuid.UUID("43A546DC-CBF5-410F-B30E-D5467383CBE4").bytes
BOUNDARY_EVERY_S = 10.0
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_FORMATS = {"float32": "<f4", "double64": "<f8", "int16": "<i2"}


@dataclass(frozen=True)
class XdfStream:
    """What a stream is; `form` is float32, double64, int16 or string."""

    name: str
    kind: str
    channels: tuple[str, ...]
    rate_hz: float  # 0: irregular
    form: str = "float32"
    unit: str = ""
    source_id: str = ""


@dataclass
class _Written:
    """What the footer will say."""

    stream: XdfStream
    first_s: float = 0.0
    last_s: float = 0.0
    samples: int = 0


class XdfFile:
    """Streams may be added at any time. Raises BridgeError if the disk refuses."""

    def __init__(self, path: str | Path) -> None:
        self._streams: list[_Written] = []
        self._boundary_s = 0.0
        self._file = Growing(Path(path))
        header = b'<?xml version="1.0"?><info><version>1.0</version></info>'
        try:
            self._file.write(b"XDF:")
            self._chunk(_FILE_HEADER, header)
        except BridgeError:
            self._file.close()
            raise

    @property
    def size_bytes(self) -> int:
        """So far."""
        return self._file.size_bytes

    def check(self) -> None:
        """BridgeError if the file was deleted."""
        self._file.check()

    def add(self, stream: XdfStream) -> int:
        """Add a stream; its number is what `write` wants."""
        self._streams.append(_Written(stream))
        number = len(self._streams)
        self._chunk(_STREAM_HEADER, struct.pack("<I", number) + _header(stream).encode())
        return number

    def write(self, number: int, values: ArrayLike, times_s: ArrayLike) -> None:
        """Append samples (time, channel) with stamps (time,) in seconds of the LSL clock."""
        written = self._streams[number - 1]
        form = _FORMATS[written.stream.form]
        stamps = np.asarray(times_s, dtype="<f8")
        table = np.asarray(values, dtype=form).reshape(len(stamps), -1)
        if table.shape[1] != len(written.stream.channels):
            raise BridgeError(
                f"The stream {written.stream.name!r} has {len(written.stream.channels)} channels, "
                f"not {table.shape[1]}."
            )
        row = np.dtype([("stamped", "u1"), ("time_s", "<f8"), ("values", form, table.shape[1:])])
        rows = np.empty(len(stamps), row)
        rows["stamped"], rows["time_s"], rows["values"] = 8, stamps, table
        self._samples(number, rows.tobytes(), stamps)

    def mark(self, number: int, texts: Sequence[str], times_s: Sequence[float]) -> None:
        """Append one text a sample to a stream of strings."""
        body = b""
        for text, time_s in zip(texts, times_s, strict=True):
            data = text.encode()
            body += struct.pack("<Bd", 8, time_s) + b"\x04" + struct.pack("<I", len(data)) + data
        self._samples(number, body, np.asarray(times_s, dtype=float))

    def _samples(self, number: int, body: bytes, stamps: NDArray[np.float64]) -> None:
        if not len(stamps):
            return
        written = self._streams[number - 1]
        head = struct.pack("<IBI", number, 4, len(stamps))
        self._chunk(_SAMPLES, head + body)
        written.first_s = written.first_s if written.samples else float(stamps[0])
        written.last_s = float(stamps[-1])
        written.samples += len(stamps)
        if written.last_s > self._boundary_s + BOUNDARY_EVERY_S:
            self._boundary_s = written.last_s
            self._chunk(_BOUNDARY, _BOUNDARY_MARK)

    def offset(self, number: int, time_s: float, offset_s: float = 0.0) -> None:
        """Say how far the stream's clock was from ours; 0 when its stamps are already ours."""
        self._chunk(_CLOCK_OFFSET, struct.pack("<Idd", number, time_s, offset_s))

    def close(self) -> None:
        """Write the footers. A file without them is readable too."""
        for number, written in enumerate(self._streams, start=1):
            self._chunk(_STREAM_FOOTER, struct.pack("<I", number) + _footer(written).encode())
        self.abandon()

    def abandon(self) -> None:
        """Close the file as it is."""
        self._file.close()

    def _chunk(self, tag: int, content: bytes) -> None:
        self._file.write(b"\x04" + struct.pack("<IH", len(content) + 2, tag) + content)


def _header(stream: XdfStream) -> str:
    channels = "".join(
        f"<channel><label>{_xml(label)}</label><unit>{_xml(stream.unit)}</unit>"
        f"<type>{_xml(stream.kind)}</type></channel>"
        for label in stream.channels
    )
    return (
        f'<?xml version="1.0"?><info><name>{_xml(stream.name)}</name>'
        f"<type>{_xml(stream.kind)}</type><channel_count>{len(stream.channels)}</channel_count>"
        f"<nominal_srate>{stream.rate_hz:g}</nominal_srate>"
        f"<channel_format>{stream.form}</channel_format>"
        f"<source_id>{_xml(stream.source_id)}</source_id>"
        f"<desc><channels>{channels}</channels></desc></info>"
    )


def _xml(text: str) -> str:
    """A text of anybody's as XML can hold it."""
    return escape(_NO_XML.sub("\ufffd", text))


def _footer(written: _Written) -> str:
    return (
        f'<?xml version="1.0"?><info><first_timestamp>{written.first_s!r}</first_timestamp>'
        f"<last_timestamp>{written.last_s!r}</last_timestamp>"
        f"<sample_count>{written.samples}</sample_count></info>"
    )
