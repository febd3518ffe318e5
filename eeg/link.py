"""A link to an LSL source that may come, go and come back.

liblsl is asked for clock synchronisation and for nothing else. Its smoothing of stamps is off:
after a loss of 3 s it is wrong by as much for a long time. Its silent recovery is off too, because
it hides that the signal was lost and asks no questions of a source that has changed: an inlet
whose source is gone raises at once, and we look for the stream again ourselves, with or without
a source_id.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pylsl
from numpy.typing import NDArray
from pylsl.util import LostError, TimeoutError

from eeg.errors import EegError
from eeg.montage import canonical
from eeg.signal import Point, Signal
from eeg.watch import microvolts_per

Floats = NDArray[np.float64]

MOST_CHANNELS = 512
HIGHEST_RATE_HZ = 50_000.0
BUFFER_S = 10  # what liblsl keeps for us; older samples are of no use
BLOCK_S = 1 / 64  # a read returns after this much signal, so that samples do not wait in company
DESCRIBE_S = 2.0  # for a source to send its description
NUMBERS: dict[int, type[np.number[Any]]] = {
    pylsl.cf_float32: np.float32,
    pylsl.cf_double64: np.float64,
    pylsl.cf_int64: np.int64,
    pylsl.cf_int32: np.int32,
    pylsl.cf_int16: np.int16,
    pylsl.cf_int8: np.int8,
}


class Lost(Exception):
    """The source of a link is gone."""


class Mute(Lost):
    """It did not answer in time: on a busy machine it may yet do so."""


@dataclass(frozen=True)
class Channel:
    """What a stream's description says of one channel."""

    label: str
    kind: str
    unit: str
    position: Point


class Link:
    """An open inlet to one source; its stamps are brought to our clock, unless `synced` is off.

    What measures how far two clocks are apart needs UDP. Where a firewall holds that back, the
    first read fails after 5 s, and the link goes on with the stamps as they come: `synced` is off.
    """

    def __init__(self, info: Any, synced: bool = True) -> None:
        name, count, rate_hz = info.name(), info.channel_count(), info.nominal_srate()
        if info.channel_format() not in NUMBERS:
            raise EegError(f"the stream {name!r} sends text, not numbers: choose another stream")
        if not 1 <= count <= MOST_CHANNELS or not 0 <= rate_hz <= HIGHEST_RATE_HZ:
            raise EegError(
                f"the stream {name!r} announces {count} channels at {rate_hz:g} Hz: more than "
                f"{MOST_CHANNELS} channels or {HIGHEST_RATE_HZ:g} Hz are refused"
            )
        self.info = info
        self._open(synced)
        self.channels = _describe(self._asked(self._inlet.info), count)
        self._asked(self._inlet.open_stream)
        self._block = max(1, int(BLOCK_S * rate_hz))
        self._room = np.empty((max(self._block, 256), count), NUMBERS[info.channel_format()])

    def _open(self, synced: bool) -> None:
        self.synced = synced
        flags = pylsl.proc_clocksync if synced else pylsl.proc_none
        self._inlet = pylsl.StreamInlet(
            self.info, max_buflen=BUFFER_S, recover=False, processing_flags=flags
        )

    def _asked(self, question: Callable[[float], Any]) -> Any:
        """Its answer. Lost if the source is gone, Mute if there is no answer in time."""
        try:
            return question(DESCRIBE_S)
        except LostError as error:
            raise Lost from error
        except TimeoutError as error:
            raise Mute from error

    def read(self, timeout_s: float, missing: int | None = None) -> tuple[Floats, Floats]:
        """Wait for the next few samples, then take all there are: (time, channel), (time,).

        For not more than are `missing`, which somebody waits for.
        """
        values, stamps = [], []
        wait_s, most = timeout_s, min(self._block, missing or self._block)
        while True:
            try:
                _, times = self._inlet.pull_chunk(wait_s, most, dest_obj=self._room)
            except LostError as error:
                raise Lost from error
            except TimeoutError:
                self._open(synced=False)
                self._asked(self._inlet.open_stream)
                break
            if not len(times):
                break
            values.append(self._room[: len(times)].astype(np.float64))
            stamps.append(np.asarray(times, dtype=np.float64))
            wait_s, most = 0.0, len(self._room)
        if not values:
            return np.empty((0, self._room.shape[1])), np.empty(0)
        return np.vstack(values), np.concatenate(stamps)

    def clock_is_known(self, timeout_s: float) -> bool:
        """Whether the source has told what its clock says."""
        try:
            self._inlet.time_correction(timeout_s)
        except (LostError, TimeoutError):
            return False
        return True


def _describe(info: Any, count: int) -> tuple[Channel, ...]:
    """What the description says of each channel; empty where it says nothing."""
    channels = []
    node = info.desc().child("channels").child("channel")
    for _ in range(count):
        place = node.child("location")
        point = tuple(_number(place.child_value(axis)) for axis in "XYZ")
        label, kind, unit = (node.child_value(key).strip() for key in ("label", "type", "unit"))
        channels.append(Channel(label, kind, unit, (point[0], point[1], point[2])))
        node = node.next_sibling("channel")
    return tuple(channels)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")


class Finder:
    """Keeps a link to a stream that is described by what is wanted of it."""

    def __init__(self, wanted: Callable[[Any], bool], synced: bool = True) -> None:
        self.wanted = wanted
        self._synced = synced
        self.link: Link | None = None
        self._resolver: Any = None
        self._used: set[str] = set()  # every source has a uid of its own: none comes back alive

    def seen(self) -> list[Any]:
        """Streams on the network, as far as known now; the first call starts the search."""
        if self._resolver is None:
            self._resolver = pylsl.ContinuousResolver(forget_after=2.0)
        return list(self._resolver.results())

    def matches(self) -> list[Any]:
        """Those of them that are wanted and were not opened before."""
        return [i for i in self.seen() if i.uid() not in self._used and self.wanted(i)]

    def open(self, info: Any) -> Link | None:
        """Link to a source, or None if it was gone, or mute, by then. Ends the search."""
        self._used.add(info.uid())
        try:
            self.link = Link(info, self._synced)
        except Mute:
            self.put_off(info)
            return None
        except Lost:
            return None
        self._resolver = None
        return self.link

    def lost(self) -> None:
        """Give up a link that is dead."""
        self.link = None

    def put_off(self, info: Any) -> None:
        """Give up a link that is not yet of use; its source may be tried again."""
        self._used.discard(info.uid())
        self.link = None

    def read(self, timeout_s: float, missing: int | None = None) -> tuple[Floats, Floats] | None:
        """Samples and stamps, none if there were none in time; None if the link is dead."""
        if self.link is None:
            return None
        try:
            return self.link.read(timeout_s, missing)
        except Mute:
            self.put_off(self.link.info)
        except Lost:
            self.lost()
        return None


def usable(link: Link, labels: Sequence[str] = ()) -> tuple[Signal, list[int], Floats]:
    """The signal of a link, the columns that are EEG, and µV per unit of each.

    `labels`: of those columns, instead of what the stream says. EegError if the stream is
    irregular, does not name its channels, or is not a voltage.
    """
    name, rate_hz = link.info.name(), link.info.nominal_srate()
    if rate_hz <= 0:
        raise EegError(
            f"the stream {name!r} has an irregular rate (0 Hz): EEG needs a steady one, which its "
            "source must announce"
        )
    eeg = [i for i, channel in enumerate(link.channels) if channel.kind.lower() in ("", "eeg")]
    if labels and len(labels) != len(eeg):
        raise EegError(
            f"{len(labels)} electrodes are named, but the stream {name!r} has {len(eeg)} channels "
            "of EEG: name each in order, with x for those that are not used"
        )
    labels = labels or [link.channels[i].label for i in eeg]
    if not eeg or not all(labels):
        raise EegError(
            f"the stream {name!r} does not name its {len(link.channels)} channels: set the labels "
            "in its description (desc/channels/channel/label) to electrode names such as Fp1, or "
            f"name them here, as in --stream '{name}=Fp1,Fp2,C3,C4'"
        )
    positions = tuple(link.channels[i].position for i in eeg)
    signal = Signal(
        name=name,
        rate_hz=rate_hz,
        channels=tuple(labels),
        positions=positions if np.isfinite(positions).any() else None,
        source_id=link.info.source_id(),
    )
    return signal, eeg, np.array([_scale(name, link.channels[i]) for i in eeg])


def _scale(name: str, channel: Channel) -> float:
    scale = microvolts_per(channel.unit)
    if scale is None and canonical(channel.label) is None:
        return 1.0  # a counter or a marker among the EEG, which is not used anyway
    if scale is None:
        raise EegError(
            f"channel {channel.label!r} of the stream {name!r} is in {channel.unit!r}: microvolts, "
            "or another unit of voltage, are expected"
        )
    return scale


def remap(before: Signal, link: Link, labels: Sequence[str] = ()) -> tuple[list[int], Floats]:
    """Columns and scales in the order of the signal as it was. EegError if it has changed."""
    now, columns, scales = usable(link, labels)
    if now.rate_hz != before.rate_hz:
        raise EegError(
            f"the stream {before.name!r} came back at {now.rate_hz:g} Hz instead of "
            f"{before.rate_hz:g} Hz: start anew"
        )
    missing = [label for label in before.channels if label not in now.channels]
    if missing:
        raise EegError(f"the stream {before.name!r} came back without {missing[0]}: start anew")
    order = [now.channels.index(label) for label in before.channels]
    return [columns[i] for i in order], scales[order]
