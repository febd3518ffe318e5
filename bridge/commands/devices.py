"""`emocapsule devices`: which streams and ports there are, and how good their signal is."""

import argparse
import contextlib
import time
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING

from bridge.commands import values

if TYPE_CHECKING:
    from eeg.lsl import Stream
    from eeg.signal import Chunk, Signal

WINDOW_S = 2.0  # of signal until the first word on quality
COUNTED_S = 5.0  # of arrivals, for the rate that really comes
TOLD_S = 1.0  # between two words on quality
PULL_S = 0.02
MOST_NAMES = 64  # of channels in a line
FOUND_S = 3.0  # for a stream that was seen to be opened


def words_of_devices(devices: argparse.ArgumentParser) -> None:
    """What `emocapsule devices` may be told."""
    devices.add_argument(
        "--wait", type=values.seconds, default=2.0, metavar="S", help="how long to look (default 2)"
    )
    devices.add_argument(
        "--watch", type=values.seconds, nargs="?", const=values.SECONDS_A_DAY, metavar="S",
        help="go on telling the quality of each EEG stream, for S seconds or until Ctrl-C",
    )  # fmt: skip


def devices(args: argparse.Namespace) -> int:
    """LSL streams, with what they fill and how good their signal is, and MIDI ports."""
    from bridge.hand.ports import list_outputs
    from eeg.lsl import find_streams

    streams = find_streams(args.wait)
    print("LSL streams" if streams else "LSL streams: none; start the headset's LSL output")
    listeners = []
    for stream in streams:
        print(f"  {described(stream)}")
        if stream.type.lower() == "eeg":
            listeners.append(Listener(stream))
            print(f"    {listeners[-1].fills}", flush=True)
    ports = list_outputs()
    print(
        "MIDI ports" if ports else "MIDI ports: none; a virtual one is made where that is possible"
    )
    for name in ports:
        print(f"  {name}")
    if listeners:
        print("Signal", flush=True)
        _listen(listeners, WINDOW_S + 1.0, to_the_end=False)
        print(_told(listeners), flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            _watch(listeners, args.watch or 0.0)
    return 0


def described(stream: "Stream") -> str:
    """A stream as it describes itself, in one line."""
    rate = f"{stream.rate_hz:g} Hz" if stream.rate_hz else "no steady rate"
    units = "/".join(dict.fromkeys(unit for unit in stream.units if unit)) or "no unit"
    most = MOST_NAMES if stream.type.lower() == "eeg" else 4
    names = " ".join(name or "?" for name in stream.channels[:most])
    more = " ..." if len(stream.channels) > most else ""
    return (
        f"{stream.name} ({stream.type or 'no type'} on {stream.hostname}): {rate}, {units}, "
        f"{len(stream.channels)} channel{'s' * (len(stream.channels) != 1)}: {names}{more}"
    )


class Meter:
    """What comes of a signal: samples a second, and how good each channel is."""

    def __init__(self, signal: "Signal") -> None:
        from eeg.frontend import FrontEnd

        self._front_end = FrontEnd(signal)
        self._arrivals: deque[tuple[float, int]] = deque()
        self._quality: Sequence[float] = ()

    def push(self, chunk: "Chunk", now_s: float) -> None:
        """Take a chunk that came at `now_s`."""
        self._arrivals.append((now_s, len(chunk.times_s)))
        while now_s - self._arrivals[0][0] > COUNTED_S:
            self._arrivals.popleft()
        for features in self._front_end.push(chunk):
            self._quality = features.channel_quality.tolist()

    @property
    def known(self) -> bool:
        """Whether there is a word on quality yet."""
        return bool(self._quality)

    @property
    def fills(self) -> str:
        """Which regions of the scalp have an electrode."""
        from eeg.montage import REGIONS

        regions = self._front_end.montage.regions
        filled = [name for number, name in enumerate(REGIONS) if number in regions]
        return f"fills {len(filled)} of {len(REGIONS)} regions of the scalp: {', '.join(filled)}"

    def told(self, now_s: float) -> str:
        """Rate and quality in one line, channels gathered under good, fair, off and not used."""
        from eeg.quality import grade

        if not self._arrivals or now_s - self._arrivals[-1][0] > WINDOW_S:
            return "silent"
        (first_s, first), *_, (last_s, _) = [*self._arrivals, self._arrivals[-1]]
        count = sum(number for _, number in self._arrivals) - first
        rate = f"{count / (last_s - first_s):.0f} Hz come" if last_s > first_s else "begins"
        montage = self._front_end.montage
        words: dict[str, list[str]] = {"good": [], "fair": [], "off": [], "not used": []}
        for index, quality in enumerate(self._quality):
            used = index in montage.placed
            words[grade(quality) if used else "not used"].append(montage.channels[index])
        return ", ".join([rate, *(f"{word}: {' '.join(n)}" for word, n in words.items() if n)])


class Listener:
    """A stream that is listened to, or why it cannot be."""

    def __init__(self, stream: "Stream") -> None:
        from eeg.errors import EegError
        from eeg.lsl import Intake

        self.name = stream.name
        self._problem = ""
        self._meter: Meter | None = None
        try:
            self._intake = Intake(stream.source_id or stream.name, timeout_s=FOUND_S)
            self._meter = Meter(self._intake.signal)
        except EegError as problem:
            self._problem = str(problem)

    @property
    def fills(self) -> str:
        """Which regions it fills; if it cannot be used, why."""
        return self._meter.fills if self._meter else f"cannot be used: {self._problem}"

    @property
    def known(self) -> bool:
        """Whether all is said that will be."""
        return self._meter is None or self._meter.known

    def listen(self) -> None:
        """Take what has come."""
        from eeg.errors import EegError
        from eeg.lsl import clock

        if self._meter is None:
            return
        try:
            chunk = self._intake.pull(PULL_S)
            if chunk is not None:
                self._meter.push(chunk, clock())
        except EegError as problem:
            self._problem, self._meter = str(problem), None

    def told(self) -> str:
        """How it is now."""
        from eeg.lsl import clock

        state = self._meter.told(clock()) if self._meter else "cannot be used"
        return f"  {self.name}: {state}"


def _told(listeners: Sequence[Listener]) -> str:
    return "\n".join(listener.told() for listener in listeners)


def _listen(listeners: Sequence[Listener], seconds: float, to_the_end: bool = True) -> None:
    """Take what comes for so long, or only until all is known."""
    until_s = time.monotonic() + seconds
    while time.monotonic() < until_s:
        for listener in listeners:
            listener.listen()
        if not to_the_end and all(listener.known for listener in listeners):
            return


def _watch(listeners: Sequence[Listener], seconds: float) -> None:
    """Tell each second how it is, in the same place where a person watches."""
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    with Live(console=Console(), auto_refresh=False) as shown:
        for _ in range(round(seconds / TOLD_S)):
            _listen(listeners, TOLD_S)
            if shown.console.is_terminal:
                shown.update(Text(_told(listeners)), refresh=True)
            else:
                print(_told(listeners), flush=True)
