"""Which boards BrainFlow knows, where their electrodes sit, and what is said where that fails."""

import sys

import pytest

from bridge.cli import main
from eeg import boards
from eeg.boards import Board, find_board, place
from eeg.boards import boards as all_boards
from eeg.errors import EegError
from eeg.montage import Montage

pytest.importorskip("brainflow")

CYTON = Board("cyton", "Cyton", 0, 250.0, (1, 2, 3), ("C3", "Cz", "C4"), 0, 5)


def test_boards_that_people_have_are_known_by_name_rate_and_electrodes() -> None:
    known = {board.name: board for board in all_boards()}
    assert known["muse-2"].electrodes == ("TP9", "AF7", "AF8", "TP10")
    assert known["muse-2"].rate_hz == known["crown"].rate_hz == 256
    assert len(known["cyton-daisy"].electrodes) == 16
    assert known["ganglion-native"].electrodes == ()
    assert {"muse-s", "muse-2016", "muse-s-athena", "brainbit", "unicorn", "synthetic"} <= set(
        known
    )


def test_every_board_has_its_electrodes_or_asks_for_them() -> None:
    for board in all_boards():
        try:
            used, labels = place(board)
        except EegError:
            with pytest.raises(EegError, match="--channels"):
                place(board)
            labels = ["Cz", *["x"] * (len(board.rows) - 1)]
            used, labels = place(board, labels)
            assert labels == ["Cz"]
        assert len(used) == len(labels)
        assert Montage.from_channels(labels).placed


@pytest.mark.parametrize("name", ["muse-2", "MUSE_2_BOARD", "Muse 2", " muse_2 "])
def test_a_board_is_found_however_it_is_spelt(name: str) -> None:
    assert find_board(name).name == "muse-2"


@pytest.mark.parametrize(
    ("name", "says"), [("muse", "muse-2, muse-s"), ("emotiv", "--list"), ("", "--list")]
)
def test_a_board_that_is_not_known_is_refused_with_those_that_are_near(
    name: str, says: str
) -> None:
    with pytest.raises(EegError, match=says):
        find_board(name)


def test_the_user_says_where_the_electrodes_sit() -> None:
    assert place(CYTON) == ([1, 2, 3], ["C3", "Cz", "C4"])
    assert place(CYTON, ["fp1", "X", " T3 "]) == ([1, 3], ["Fp1", "T7"])


@pytest.mark.parametrize(
    ("named", "says"),
    [
        (["Fp1"], "1 channels are named, but Cyton has 3"),
        (["Fp1", "Cx", "O1"], "'Cx' is no electrode of the 10-20 system"),
        (["x", "x", "x"], "no places in the 10-20 system"),
    ],
)
def test_places_that_cannot_be_are_refused(named: list[str], says: str) -> None:
    with pytest.raises(EegError, match=says):
        place(CYTON, named)


def test_without_brainflow_one_sentence_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "brainflow", None)
    boards._brainflow.cache_clear()
    try:
        assert main(["headset", "--board", "muse-2"]) == 1
        assert "pip install 'brainflow" in capsys.readouterr().err
    finally:
        boards._brainflow.cache_clear()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("cyton", "serial port is empty): name it with --serial-port"),
        ("cyton --serial-port /dev/nowhere", "check that it is on, charged and near"),
        ("ganglion-native", "up to its wearer"),
    ],
)
def test_a_board_that_cannot_be_reached_says_why(
    words: str, says: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["headset", "--board", *words.split()]) == 1
    told = capfd.readouterr().err
    assert says in told
    assert "[board_logger]" not in told
