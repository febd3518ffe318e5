"""Real LSL on loopback; senders that die do so in a process of their own, in plain pylsl."""

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator

import numpy as np
import pylsl
import pytest
from pylsl.util import TimeoutError
from wire import SOON_S, until

from eeg import lsl
from eeg.errors import EegError
from eeg.frontend import FrontEnd
from eeg.link import Finder
from eeg.montage import Chunk

pytestmark = pytest.mark.lsl

MUSE = ("TP9", "AF7", "AF8", "TP10")

# A headset's bridge as others write it: a ramp that is its own sample index, on every channel.
SENDER = """
import sys, time, pylsl
name, source_id = sys.argv[1:3]
info = pylsl.StreamInfo(name, "EEG", 4, 256, "float32", source_id)
channels = info.desc().append_child("channels")
for label in ("TP9", "AF7", "AF8", "TP10"):
    channel = channels.append_child("channel")
    channel.append_child_value("label", label)
    channel.append_child_value("unit", "microvolts")
    channel.append_child_value("type", "EEG")
outlet = pylsl.StreamOutlet(info)
start, index = pylsl.local_clock(), 0
while True:
    while (stamp := start + index / 256) <= pylsl.local_clock():
        outlet.push_sample([index, index + 0.25, index + 0.5, index + 0.75], stamp)
        index += 1
    time.sleep(0.004)
"""


class Sender:
    """A bridge in a second process that can be stopped, killed and started anew."""

    def __init__(self, name: str, source_id: str) -> None:
        self._command = [sys.executable, "-c", SENDER, name, source_id]
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(self._command)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture
def sender() -> Iterator[Callable[[str, str], Sender]]:
    senders: list[Sender] = []

    def start(name: str, source_id: str) -> Sender:
        senders.append(Sender(name, source_id))
        return senders[-1]

    yield start
    for one in senders:
        one.kill()


def pull(intake: lsl.Intake, samples: int) -> Chunk:
    """At least so many samples, as one chunk."""
    chunks: list[Chunk] = []
    while sum(len(chunk.times_s) for chunk in chunks) < samples:
        chunks.append(until(lambda: intake.pull(0.5)))
    return Chunk(
        np.vstack([chunk.samples_uv for chunk in chunks]),
        np.concatenate([chunk.times_s for chunk in chunks]),
    )


def outlet(
    name: str, channels: tuple[str, ...] = MUSE, rate_hz: float = 256.0, unit: str = "microvolts",
    source_id: str = "", type: str = "EEG",
) -> lsl.Outlet:  # fmt: skip
    return lsl.Outlet(name, type, channels, rate_hz, unit, source_id)


def test_no_sample_is_lost_doubled_or_swapped(sender: Callable[[str, str], Sender]) -> None:
    sender("ramp", "ramp-1")
    with lsl.Intake("ramp", timeout_s=SOON_S) as intake:
        assert intake.signal.channels == MUSE
        assert intake.signal.rate_hz == 256
        chunk = pull(intake, 600)
        np.testing.assert_array_equal(np.diff(chunk.samples_uv[:, 0]), 1.0)
        np.testing.assert_array_equal(
            chunk.samples_uv - chunk.samples_uv[:, :1],
            np.tile([0, 0.25, 0.5, 0.75], (len(chunk.times_s), 1)),
        )
        np.testing.assert_allclose(np.diff(chunk.times_s), 1 / 256, atol=2e-3)
        assert abs(lsl.clock() - chunk.times_s[-1]) < 1.0
        assert intake.dropped == intake.losses == 0


@pytest.mark.parametrize("source_id", ["", "headset-7"])
def test_a_killed_source_is_found_again(
    sender: Callable[[str, str], Sender], source_id: str
) -> None:
    bridge = sender("mortal", source_id)
    with lsl.Intake("mortal", timeout_s=SOON_S) as intake:
        front_end = FrontEnd(intake.signal)
        front_end.push(pull(intake, 300))
        bridge.kill()
        until(lambda: intake.pull(0.1) is None and not intake.connected)
        assert intake.losses == 1
        bridge.start()
        back = pull(intake, 700)
        assert intake.connected
        np.testing.assert_array_equal(np.diff(back.samples_uv[:, 0]), 1.0)
        assert back.samples_uv[0, 0] < 5000  # the new source's ramp
        features = front_end.push(back)
        assert features[0].gap
        assert not any(f.gap for f in features[1:])


def test_a_clock_that_cannot_be_asked_leaves_the_arrival(monkeypatch: pytest.MonkeyPatch) -> None:
    """As liblsl does 5 s after the first read, if UDP is held back; the source is 3 s behind."""
    real, tried = pylsl.StreamInlet.pull_chunk, []

    def pull_chunk(inlet: pylsl.StreamInlet, *words: object, **more: object) -> object:
        tried.append(inlet)
        if len(tried) == 1:
            raise TimeoutError("the operation failed due to a timeout.")
        return real(inlet, *words, **more)

    monkeypatch.setattr(pylsl.StreamInlet, "pull_chunk", pull_chunk)
    source = outlet("blind", source_id="blind-1")
    with lsl.Intake("blind", timeout_s=SOON_S) as intake:
        assert intake.blind is None

        def comes() -> Chunk | None:
            source.push(np.ones((1, 4)), np.array([lsl.clock() - 3.0]))
            return intake.pull(0.1)

        chunk = until(comes)
        assert intake.blind
        assert abs(lsl.clock() - chunk.times_s[-1]) < 1.0
        assert intake.losses == 0


def test_after_a_stall_the_backlog_is_dropped(sender: Callable[[str, str], Sender]) -> None:
    bridge = sender("stalled", "s")
    with lsl.Intake("stalled", timeout_s=SOON_S) as intake:
        before = pull(intake, 100)
        bridge.process.send_signal(signal.SIGSTOP)
        quiet_s = lsl.clock()
        until(lambda: intake.pull(0.1) is None and lsl.clock() - quiet_s > 2.5)
        assert intake.connected  # nobody has told us
        bridge.process.send_signal(signal.SIGCONT)
        after = pull(intake, 300)
        assert intake.dropped > 200
        assert after.times_s[0] - before.times_s[-1] > 1.0
        lost = after.samples_uv[0, 0] - before.samples_uv[-1, 0] - 1
        assert lost >= intake.dropped


def test_a_stream_that_comes_back_with_its_channels_in_another_order_is_remapped() -> None:
    first = outlet("moved", source_id="m")
    with lsl.Intake("moved", timeout_s=SOON_S) as intake:
        until(lambda: first.has_readers)
        first.push(np.array([[1.0, 2.0, 3.0, 4.0]]), np.array([lsl.clock()]))
        assert pull(intake, 1).samples_uv.tolist() == [[1, 2, 3, 4]]
        first.close()
        until(lambda: intake.pull(0.05) is None and not intake.connected)
        second = outlet("moved", ("AUX", *reversed(MUSE)), unit="volts", source_id="m")
        until(lambda: intake.pull(0.2) is None and second.has_readers)
        second.push(np.array([[0.0, 4e-6, 3e-6, 2e-6, 1e-6]]), np.array([lsl.clock()]))
        np.testing.assert_allclose(pull(intake, 1).samples_uv, [[1, 2, 3, 4]], rtol=1e-6)


@pytest.mark.parametrize(
    ("channels", "rate_hz", "says"),
    [(MUSE, 128.0, "came back at 128 Hz instead of 256 Hz"), (MUSE[:3], 256.0, "without TP10")],
)
def test_a_stream_that_comes_back_as_another_is_refused(
    channels: tuple[str, ...], rate_hz: float, says: str
) -> None:
    first = outlet("changeling", source_id="c")
    with lsl.Intake("changeling", timeout_s=SOON_S) as intake:
        first.close()
        until(lambda: intake.pull(0.05) is None and not intake.connected)
        second = outlet("changeling", channels, rate_hz, source_id="c")
        with pytest.raises(EegError, match=says):
            until(lambda: intake.pull(0.2))
        del second


def raw_outlet(
    name: str, channels: int, rate_hz: float, format: str = "float32", labels: bool = False
) -> pylsl.StreamOutlet:
    info = pylsl.StreamInfo(name, "EEG", channels, rate_hz, format, "")
    if labels:
        info.set_channel_labels([f"E{i}" for i in range(channels)])
    return pylsl.StreamOutlet(info)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: raw_outlet("bad", 4, 256), "does not name its 4 channels.*label"),
        (lambda: raw_outlet("bad", 4, 0.0, labels=True), "irregular rate \\(0 Hz\\)"),
        (lambda: raw_outlet("bad", 4, 256, "string"), "sends text"),
        (lambda: raw_outlet("bad", 600, 256), "600 channels"),
        (lambda: raw_outlet("bad", 4, 1e6), "1e\\+06 Hz"),
        (lambda: outlet("bad", unit="percent"), "'TP9' .* is in 'percent'"),
    ],
    ids=["nameless", "irregular", "text", "huge", "fast", "percent"],
)
def test_streams_that_cannot_be_used_say_why(make: Callable[[], object], says: str) -> None:
    stream = make()
    with pytest.raises(EegError, match=says):
        lsl.Intake("bad", timeout_s=SOON_S)
    del stream


def test_a_source_that_did_not_answer_in_time_is_asked_again(
    sender: Callable[[str, str], Sender],
) -> None:
    finder, source = Finder(lambda info: info.name() == "busy"), sender("busy", "b")
    (info,) = until(finder.matches)
    source.process.send_signal(signal.SIGSTOP)
    assert finder.open(info) is None
    source.process.send_signal(signal.SIGCONT)
    link = finder.open(until(finder.matches)[0])
    assert link is not None
    until(lambda: len(link.read(0.1)[1]))


def test_a_sample_that_is_waited_for_does_not_wait_for_company() -> None:
    source = outlet("slow", rate_hz=256.0)
    with lsl.Intake("slow", timeout_s=SOON_S) as intake:
        until(lambda: source.has_readers)
        begin_s = lsl.clock()
        source.push(np.ones((1, 4)), np.array([begin_s]))
        chunk = intake.pull(SOON_S, missing=1)  # without it, in vain for three more
        assert chunk is not None
        assert len(chunk.times_s) == 1
        assert lsl.clock() - begin_s < SOON_S / 2


def test_what_is_no_electrode_need_not_be_a_voltage() -> None:
    """As EmotivPRO sends it: counters and markers among the EEG."""
    info = pylsl.StreamInfo("EmotivDataStream-EEG", "EEG", 5, 128, "double64", "epoc")
    channels = info.desc().append_child("channels")
    for label, unit in (
        ("Timestamp", "seconds"), ("Counter", ""), ("AF3", "microvolts"), ("AF4", "microvolts"),
        ("Markers", "number"),
    ):  # fmt: skip
        channel = channels.append_child("channel")
        for key, value in (("label", label), ("unit", unit), ("type", "EEG")):
            channel.append_child_value(key, value)
    source = pylsl.StreamOutlet(info)
    with lsl.Intake("EmotivDataStream-EEG", timeout_s=SOON_S) as intake:
        assert FrontEnd(intake.signal).montage.placed == (2, 3)
    del source


def test_no_stream_and_too_many_streams() -> None:
    with pytest.raises(EegError, match="no LSL stream named 'nobody' was found"):
        lsl.Intake("nobody", timeout_s=0.3)
    one, two = outlet("twin", source_id="left"), outlet("twin", source_id="right")
    with pytest.raises(EegError, match=r"2 EEG streams \(.*left.*say which"):
        lsl.Intake(timeout_s=SOON_S)
    with lsl.Intake("right", timeout_s=SOON_S) as intake:
        assert intake.signal.source_id == "right"
    del one, two


def test_streams_are_listed_with_what_they_say_of_themselves() -> None:
    streams = [outlet("listed", source_id="l"), raw_outlet("words", 1, 0.0, "string")]
    until(lambda: {"listed", "words"} <= {stream.name for stream in lsl.find_streams(0.5)})
    found = {stream.name: stream for stream in lsl.find_streams(0.5)}
    assert found["listed"].channels == MUSE
    assert (found["listed"].rate_hz, found["listed"].source_id) == (256, "l")
    assert found["words"].channels == ("",)
    del streams


def test_stamps_of_another_clock_are_brought_to_ours() -> None:
    source = outlet("unix")
    with lsl.Intake("unix", timeout_s=SOON_S) as intake:
        until(lambda: source.has_readers)
        source.push(np.zeros((3, 4)), 1.7e9 + np.arange(3) / 256)
        times_s = pull(intake, 3).times_s
        assert abs(times_s[-1] - lsl.clock()) < 1.0
        np.testing.assert_allclose(np.diff(times_s), 1 / 256, atol=1e-5)


def test_positions_travel_with_a_stream() -> None:
    points = [(-0.05, 0.06, 0.03), (0.05, 0.06, 0.03)]
    source = lsl.Outlet("placed", "EEG", ("ch1", "ch2"), 256.0, "uV", "", points)
    with lsl.Intake("placed", timeout_s=SOON_S) as intake:
        assert intake.signal.positions is not None
        np.testing.assert_allclose(intake.signal.positions, np.array(points) * 1e3, atol=0.01)
        assert FrontEnd(intake.signal).montage.placed == (0, 1)
    del source


def test_of_moods_only_the_newest_counts() -> None:
    newest = lsl.Newest("mood", "Emotion")
    assert newest.take() is None
    source = outlet("mood", ("valence", "arousal"), 0.0, "", type="Emotion")
    until(lambda: newest.take() is None and newest.connected and source.has_readers)
    assert newest.labels == ("valence", "arousal")
    start_s = lsl.clock()
    for i in range(5):
        source.push(np.array([[i, -i]]), np.array([start_s + i]))
    seen = []
    until(lambda: seen.append(found) if (found := newest.take()) else seen and seen[-1][1][0] == 4)
    time_s, vector = seen[-1]
    assert vector.tolist() == [4, -4]
    assert time_s == pytest.approx(start_s + 4, abs=0.01)
    assert newest.dropped + len(seen) == 5


def test_markers_are_sent_as_text() -> None:
    markers = lsl.Markers("notes of mine", "n")
    info = until(lambda: pylsl.resolve_byprop("name", "notes of mine", timeout=0.5))[0]
    inlet = pylsl.StreamInlet(info)
    inlet.open_stream(5.0)
    now_s = lsl.clock()
    markers.push("eyes closed", now_s)
    label, stamp_s = inlet.pull_sample(timeout=10.0)
    assert label == ["eyes closed"]
    assert stamp_s == pytest.approx(now_s)
