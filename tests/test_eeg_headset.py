"""A headset through BrainFlow: rows in, chunks out; its synthetic board over real LSL."""

import re
import signal
import sys
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from wire import SOON_S, Program, python, until

from eeg import lsl
from eeg.boards import Address, Board, Session, find_board
from eeg.errors import EegError
from eeg.headset import RETRY_S, TICK_S, Bridge, Numbering, Rows
from eeg.signal import Chunk

pytest.importorskip("brainflow")

UNIX_S, LSL_S = 1_750_000_000.0, 1000.0  # the same instant on both clocks
CYTON = Board("cyton", "Cyton", 0, 250.0, (1, 2, 3), ("C3", "Cz", "C4"), 0, 5)


def delivered(numbers, values=None) -> np.ndarray:
    """What a board gives (row, sample): number, three channels of EEG, another sensor, stamp."""
    numbers = np.asarray(numbers, dtype=float)
    ramp = np.arange(len(numbers)) if values is None else np.asarray(values)
    stamps_s = UNIX_S - 1.0 + ramp / 250
    return np.vstack([numbers, ramp, ramp + 0.25, ramp + 0.5, -ramp, stamps_s])


def rows() -> Rows:
    return Rows([3, 1], package_row=0, stamp_row=5)


def joined(chunks: list[Chunk]) -> tuple[np.ndarray, np.ndarray]:
    return (
        np.vstack([chunk.samples_uv for chunk in chunks]),
        np.concatenate([chunk.times_s for chunk in chunks]),
    )


# --- rows -----------------------------------------------------------------------------------------


def test_channels_come_in_the_order_asked_for_and_stamps_on_lsls_clock() -> None:
    (chunk,) = rows().push(delivered(range(50)), UNIX_S, LSL_S)
    np.testing.assert_array_equal(chunk.samples_uv[:, 0], np.arange(50) + 0.5)
    np.testing.assert_array_equal(chunk.samples_uv[:, 1], np.arange(50))
    np.testing.assert_allclose(chunk.times_s, LSL_S - 1.0 + np.arange(50) / 250, atol=1e-6)


@given(st.lists(st.integers(0, 20), max_size=30), st.sets(st.integers(0, 199), max_size=40))
def test_no_cut_changes_anything(cuts: list[int], missing: set[int]) -> None:
    there = [index for index in range(200) if index not in missing]
    data = np.repeat(delivered(np.array(there) % 64, there), 2, axis=1)  # each sample twice
    whole, pieces, start, chunks = rows(), rows(), 0, []
    expected = joined(whole.push(data, UNIX_S, LSL_S))
    for size in [*cuts, data.shape[1]]:
        chunks += pieces.push(data[:, start : start + size], UNIX_S, LSL_S)
        start += size
        pieces, before = rows(), pieces
        pieces.restore(before.state())
    chunks += pieces.flush()
    for one, other in zip(joined(chunks), expected, strict=True):
        np.testing.assert_array_equal(one, other)
    assert (pieces.samples, pieces.doubled, pieces.lost) == (len(there), len(there), whole.lost)


def test_a_sample_that_came_twice_is_sent_once() -> None:
    taken, data = rows(), delivered(range(10))
    chunks = taken.push(data[:, :5], UNIX_S, LSL_S)
    assert taken.push(data[:, 4:5], UNIX_S, LSL_S) == []
    chunks += taken.push(data[:, 4:], UNIX_S, LSL_S)
    np.testing.assert_array_equal(joined(chunks)[0][:, 1], np.arange(10))
    assert taken.doubled == 2


def test_equal_values_under_one_number_are_not_the_same_sample() -> None:
    """A railed Muse: twelve samples, one number, one value, twelve stamps."""
    data = delivered([7] * 12)
    data[1:5] = 900.0
    taken = rows()
    assert len(taken.push(data, UNIX_S, LSL_S)[0].times_s) == 12
    assert (taken.doubled, taken.lost) == (0, 0)


def test_the_offset_is_kept_until_the_systems_clock_is_set() -> None:
    taken, data = rows(), delivered(range(6))
    (first,) = taken.push(data[:, :2], UNIX_S, LSL_S)
    (second,) = taken.push(data[:, 2:4], UNIX_S + 0.011, LSL_S + 0.008)  # 3 ms of hesitation
    assert second.times_s[0] - first.times_s[-1] == pytest.approx(1 / 250, abs=1e-6)
    data[5] -= 3600.0  # set back by an hour
    (third,) = taken.push(data[:, 4:], UNIX_S - 3600 + 0.016, LSL_S + 0.016)
    assert third.times_s[0] - second.times_s[-1] == pytest.approx(1 / 250, abs=5e-3)


def test_no_stamp_lies_ahead_of_the_clock() -> None:
    """Samples that were stamped just before the system's clock was set back."""
    taken = rows()
    (chunk,) = taken.push(delivered(range(5)), UNIX_S - 3600, LSL_S)
    assert (chunk.times_s == LSL_S).all()


COUNTERS = {
    "Cyton": list(range(256)),
    "Daisy": list(range(1, 256, 2)),
    "Ganglion": list(range(101, 201)),
}


def counted(numbers) -> int:
    numbering = Numbering()
    for number in numbers:
        numbering = numbering.after(number)
    return numbering.lost


@pytest.mark.parametrize("board", COUNTERS)
@given(missing=st.sets(st.integers(0, 500), max_size=60))
def test_lost_packages_are_counted_however_a_board_counts(board: str, missing: set[int]) -> None:
    """After one whole turn, by which step and ends are known."""
    turn = COUNTERS[board]
    course = turn + [turn[i % len(turn)] for i in range(502) if i not in missing]
    assert counted(course) == len(missing)


def test_many_samples_under_one_number_and_a_start_in_the_middle_are_no_loss() -> None:
    assert counted(np.repeat(np.arange(65530, 65536), 12).tolist() + [0] * 12 + [1] * 12) == 0
    assert counted([150, 151, 152, 200, 101]) == 47


def test_after_a_reconnection_the_board_may_count_anew() -> None:
    taken = rows()
    taken.push(delivered([0, 1, 3]), UNIX_S, LSL_S)
    taken.restart()
    taken.push(delivered([200, 201]), UNIX_S, LSL_S)
    assert (taken.lost, taken.samples) == (1, 5)


# --- the bridge -----------------------------------------------------------------------------------


class Stage:
    """A board, an outlet and both clocks, in the hands of the test."""

    def __init__(self) -> None:
        self.now_s, self.number, self.sending, self.reachable = LSL_S, 0, True, True
        self.opened = self.closed = 0
        self.sent: list[Chunk] = []
        self.told: list[str] = []
        self.bridge = Bridge(
            "Muse2", self.connect(), self.connect, Rows([1, 2, 3], 0, 5), self, self.told.append,
            clock=lambda: self.now_s, system_clock=lambda: UNIX_S - LSL_S + self.now_s,
        )  # fmt: skip

    def connect(self) -> "Stage":
        if not self.reachable:
            raise EegError("Muse2 cannot be reached (nothing heard): check that it is on")
        self.opened += 1
        return self

    def pull(self) -> np.ndarray:
        if not self.sending:
            return np.empty((6, 0))
        self.number += 1
        data = delivered([self.number % 256])
        data[5] = UNIX_S - LSL_S + self.now_s
        return data

    def push(self, samples_uv: np.ndarray, times_s: np.ndarray) -> None:
        self.sent.append(Chunk(samples_uv, times_s))

    def close(self) -> None:
        self.closed += 1

    def go(self, seconds: float) -> int:
        """How many chunks were sent meanwhile."""
        before = len(self.sent)
        for _ in range(round(seconds / TICK_S)):
            self.bridge.step()
            self.now_s += TICK_S
        return len(self.sent) - before


def test_a_board_that_falls_silent_is_told_given_up_and_reached_again() -> None:
    stage = Stage()
    assert stage.go(2) == 128
    stage.sending = False
    assert stage.go(4) == 0
    assert len(stage.told) == 1
    assert "Muse2 sends nothing" in stage.told[0]
    assert (stage.opened, stage.closed) == (1, 0)
    stage.reachable = False
    stage.go(3)
    assert (stage.bridge.losses, stage.closed) == (1, 1)
    assert "nothing heard" in stage.told[-1]
    stage.go(5 * RETRY_S)
    assert len(stage.told) == 2
    stage.sending = stage.reachable = True
    assert stage.go(2 * RETRY_S) > 64
    assert stage.opened == 2
    assert re.fullmatch(r"Muse2 sends again after \d+ s\.", stage.told[-1])
    assert len(stage.told) == 3


def test_a_board_just_opened_may_take_longer_to_begin() -> None:
    stage = Stage()
    stage.sending = False
    stage.go(1.9)
    assert stage.told == []
    stage.go(7.9)
    assert stage.bridge.losses == 0
    stage.go(1)
    assert stage.bridge.losses == 1


def test_a_board_that_is_gone_at_once_is_reached_again() -> None:
    stage = Stage()
    stage.go(1)

    def gone() -> np.ndarray:
        raise EegError("Muse2 is gone")

    stage.pull, pull = gone, stage.pull  # type: ignore[method-assign]
    stage.bridge.step()
    stage.pull = pull  # type: ignore[method-assign]
    assert stage.go(1) > 60
    assert stage.told[0].startswith("Muse2 is gone")
    assert (stage.opened, stage.closed) == (2, 1)


def test_however_it_ends_the_board_is_let_go_of() -> None:
    for ending in (KeyboardInterrupt, ValueError):
        stage = Stage()

        def interrupted(_: float, ending: type[BaseException] = ending) -> None:
            raise ending

        with pytest.raises(ending):
            stage.bridge.run(sleep=interrupted)
        assert stage.closed == 1


# --- real -----------------------------------------------------------------------------------------


@pytest.fixture
def program() -> Iterator[Callable[..., Program]]:
    begun: list[Program] = []

    def begin(*words: str) -> Program:
        begun.append(Program(sys.executable, "-m", "bridge.cli", "headset", *words))
        return begun[-1]

    yield begin
    for one in begun:
        one.close()


def pulled(intake: lsl.Intake, seconds: float) -> Chunk:
    """What comes in so many seconds from the first sample on."""
    chunks = [until(lambda: intake.pull(0.5))]
    while chunks[-1].times_s[-1] - chunks[0].times_s[0] < seconds:
        chunks.append(until(lambda: intake.pull(0.5)))
    return Chunk(*joined(chunks))


@pytest.mark.lsl
def test_the_synthetic_board_becomes_a_stream_that_ctrl_c_ends(program) -> None:
    bridge = program(
        "--board", "synthetic", "--name", "syn", "--channels", ",".join(["x"] * 14 + ["F3", "F4"])
    )
    with lsl.Intake("syn", timeout_s=SOON_S) as intake:
        assert intake.signal.channels == ("F3", "F4")
        assert intake.signal.rate_hz == 250
        assert intake.signal.source_id == "emocapsule-synthetic-syn"
        (stream,) = [one for one in lsl.find_streams(0.5) if one.name == "syn"]
        assert (stream.type, stream.units) == ("EEG", ("microvolts",) * 2)
        chunk = pulled(intake, 2.0)
        assert abs(lsl.clock() - chunk.times_s[-1]) < 0.5
        assert np.median(np.diff(chunk.times_s)) == pytest.approx(1 / 250, rel=0.05)
        assert len(chunk.times_s) == pytest.approx(500, rel=0.05)
        assert 1.0 < chunk.samples_uv.std() < 500.0
        bridge.kill(signal.SIGINT)
        assert bridge.ended() == 0
        until(lambda: intake.pull(0.05) is None and not intake.connected)
    assert re.search(r"\d+ samples sent, 0 packages lost", "\n".join(bridge.lines))
    told = "\n".join(bridge.errors)
    assert "Traceback" not in told
    assert "board_logger" not in told


@pytest.mark.lsl
def test_a_headset_killed_and_begun_anew_is_the_same_stream(program) -> None:
    words = ("--board", "synthetic", "--name", "mortal")
    first = program(*words)
    with lsl.Intake("mortal", timeout_s=SOON_S) as intake:
        pulled(intake, 0.5)
        first.kill()
        until(lambda: intake.pull(0.05) is None and not intake.connected)
        second = program(*words)
        assert pulled(intake, 0.5).samples_uv.shape[1] == 16
        assert intake.losses == 1
        second.kill(signal.SIGTERM)
        assert second.ended() == 0


def test_a_real_board_that_was_stopped_is_opened_anew() -> None:
    board, ahead_s = find_board("synthetic"), 0.0
    stage, taken, told = Stage(), Rows(board.rows, board.package_row, board.stamp_row), []
    sessions = [Session(board, Address())]

    def connect() -> Session:
        sessions.append(Session(board, Address()))
        return sessions[-1]

    bridge = Bridge(
        "Synthetic", sessions[0], connect, taken, stage, told.append,  # type: ignore[arg-type]
        clock=lambda: lsl.clock() + ahead_s,
    )  # fmt: skip
    until(lambda: bridge.step() or taken.samples > 20)
    sessions[0]._shim.stop_stream()
    ahead_s = 6.0
    until(lambda: bridge.step() or len(sessions) == 2)
    before = taken.samples
    until(lambda: bridge.step() or taken.samples > before + 20)
    assert bridge.losses == 1
    bridge.close()
    with pytest.raises(EegError, match="gone"):
        sessions[1].pull()


SHARED = """
import sys, time
from eeg.boards import _brainflow, find_board
shim = _brainflow()
board = shim.BoardShim(find_board("synthetic").number, shim.BrainFlowInputParams())
board.prepare_session()
board.start_stream(4500, "streaming_board://225.1.1.1:" + sys.argv[1])
print("on", flush=True)
time.sleep(60)
"""


@pytest.mark.lsl
@pytest.mark.slow
def test_a_board_that_dies_is_told_and_goes_on_in_the_same_stream(program) -> None:
    """A real board in a program of its own, by BrainFlow's streamer: killed, and begun anew."""
    port = str(20000 + (hash(program) % 20000))
    board = python(SHARED, port)
    bridge = program(
        "--board",
        "synthetic",
        "--shared",
        "--ip",
        "225.1.1.1",
        "--ip-port",
        port,
        "--name",
        "relay",
    )
    try:
        with lsl.Intake("relay", timeout_s=SOON_S) as intake:
            if intake.pull(8.0) is None:
                pytest.skip("no multicast on this machine")
            pulled(intake, 0.5)
            board.kill()
            until(lambda: any("sends nothing" in line for line in bridge.errors))
            until(lambda: intake.pull(0.1) is None)
            board.close()
            board = python(SHARED, port)
            pulled(intake, 0.5)
            assert intake.losses == 0
        until(lambda: any("sends again" in line for line in bridge.errors))
    finally:
        board.close()
    bridge.kill(signal.SIGINT)
    assert bridge.ended() == 0
