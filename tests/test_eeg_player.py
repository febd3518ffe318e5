"""The player keeps its deadlines, and what comes out of the wire is what went in."""

import threading
from dataclasses import replace

import numpy as np
import pylsl
import pytest

from eeg import lsl
from eeg.frontend import Features, FrontEnd
from eeg.montage import Chunk
from eeg.player import serve
from eeg.signal import Recording
from eeg.synthetic import Step, synthesise

CHANNELS = ("TP9", "AF7", "AF8", "TP10")


def recording(seconds: float) -> Recording:
    course = (Step(seconds / 2, 0.0, 0.0, "rest"), Step(seconds, 0.8, 0.8, "Q1"))
    return synthesise(CHANNELS, 256.0, course)


class Clock:
    """Time passes only in sleep, and a little too long each time."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds + 0.003


class Wire:
    """Stands for outlets: keeps what was pushed, and when."""

    def __init__(self, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
        self.clock = clock
        self.samples: list[tuple[float, np.ndarray, np.ndarray]] = []
        self.labels: list[tuple[str, float]] = []
        self.has_readers = True
        monkeypatch.setattr(lsl, "Outlet", self._outlet)
        monkeypatch.setattr(lsl, "Markers", lambda name, source_id: _Labels(self))

    def _outlet(
        self, name: str, type: str, channels: object, rate_hz: float, *rest: object
    ) -> "Wire":
        self.announced = (name, type, channels, rate_hz)
        return self

    def push(self, samples: np.ndarray, times_s: np.ndarray) -> None:
        self.samples.append((self.clock.now_s, samples, times_s))


class _Labels:
    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def push(self, label: str, time_s: float) -> None:
        self._wire.labels.append((label, time_s))


@pytest.mark.parametrize("speed", [1.0, 4.0])
def test_samples_go_out_on_an_absolute_schedule(
    speed: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    wire = Wire(clock, monkeypatch)
    source = recording(20.0)
    assert serve(source, speed, "replay", clock=clock, sleep=clock.sleep) == 5120
    assert wire.announced == ("replay", "EEG", CHANNELS, 256.0)
    stamps = np.concatenate([times for _, _, times in wire.samples])
    np.testing.assert_allclose(stamps, 1000.0 + source.times_s, atol=1e-9)
    np.testing.assert_array_equal(
        np.vstack([samples for _, samples, _ in wire.samples]), source.samples_uv
    )
    for sent_s, _, times in wire.samples:
        for stamp in times:  # never early, and late by no more than a tick, to the very end
            assert -1e-9 <= sent_s - (1000.0 + (stamp - 1000.0) / speed) < 0.02
    assert wire.labels == [("rest", 1000.0), ("Q1", 1010.0)]


def test_gaps_of_a_recording_are_kept_and_stop_is_obeyed(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    wire = Wire(clock, monkeypatch)
    source = recording(4.0)
    times_s = source.times_s + np.where(source.times_s >= 2.0, 30.0, 0.0)
    broken = replace(source, times_s=times_s, events=())
    stop = lambda: clock.now_s > 1033.0  # noqa: E731
    sent = serve(broken, clock=clock, sleep=clock.sleep, stop=stop)
    assert 512 + 230 < sent < 512 + 280
    stamps = np.concatenate([times for _, _, times in wire.samples])
    assert np.diff(stamps).max() == pytest.approx(30.0 + 1 / 256)
    assert wire.labels == []


@pytest.mark.lsl
def test_features_by_way_of_lsl_are_the_features_of_the_file() -> None:
    source = recording(12.0)
    player = threading.Thread(
        target=serve, args=(source, 6.0, "wire"), kwargs={"wait_s": 20.0}, daemon=True
    )
    player.start()
    live: list[Features] = []
    with lsl.Intake("wire", timeout_s=20.0) as intake:
        assert intake.signal.channels == CHANNELS
        front_end = FrontEnd(intake.signal)
        chunks: list[Chunk] = []
        while sum(len(c.times_s) for c in chunks) < 3072 and (chunk := intake.pull(10.0)):
            chunks.append(chunk)
            live += front_end.push(chunk)
    player.join(10.0)
    whole = FrontEnd(source.signal).push(Chunk(source.samples_uv, source.times_s))
    assert len(live) == len(whole) == 41
    for heard, read in zip(live, whole, strict=True):
        np.testing.assert_allclose(heard.entropy, read.entropy, atol=1e-3)  # sent as float32
        assert not heard.gap


@pytest.mark.lsl
def test_events_of_a_recording_are_a_marker_stream() -> None:
    source = recording(4.0)
    player = threading.Thread(
        target=serve, args=(source, 4.0, "told"), kwargs={"wait_s": 20.0}, daemon=True
    )
    player.start()
    found = pylsl.resolve_byprop("name", "told events", timeout=20.0)
    inlet = pylsl.StreamInlet(found[0])
    inlet.open_stream(5.0)
    with lsl.Intake("told", timeout_s=20.0) as intake:
        assert intake.pull(10.0) is not None
        labels = [inlet.pull_sample(timeout=10.0)[0][0] for _ in range(2)]
    player.join(10.0)
    assert labels == ["rest", "Q1"]
