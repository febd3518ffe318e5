"""BrainFlow's boards: which there are, what each delivers, and an open session with one.

BrainFlow is asked for nothing but the samples. Its log goes into a file, from which the sentence is
taken that says why a board could not be reached.
"""

from __future__ import annotations

import atexit
import contextlib
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eeg.errors import EegError
from eeg.montage import UNUSED, canonical, sites

Floats = NDArray[np.float64]

INSTALL = "install it with: pip install 'brainflow>=5.23'"
KEEP_S = 10  # what BrainFlow keeps for us between two pulls
REMEDIES = {  # words in BrainFlow's log: what to do about them
    "serial port": "name it with --serial-port, for example /dev/ttyUSB0 or COM3",
    "dongle port": "name the dongle's port with --serial-port, for example /dev/ttyACM0 or COM3",
    "ip port": "give a free port with --ip-port",
    "ip address": "give its address with --ip",
    "BLE adapters": "switch Bluetooth on, or plug an adapter in",
    "doesnt support": "use a system that BrainFlow supports for it",
    "native library": "install the system's libraries that it needs",
}
UNREACHED = "check that it is on, charged and near, and that no other program holds it"


@dataclass(frozen=True)
class Board:
    """A board as BrainFlow describes it. Rows are those of what it delivers."""

    name: str  # as typed, "muse-2"
    title: str  # as its maker calls it
    number: int  # BrainFlow's
    rate_hz: float
    rows: tuple[int, ...]  # the EEG
    electrodes: tuple[str, ...]  # one a row, or none if BrainFlow does not know them
    package_row: int
    stamp_row: int


@dataclass(frozen=True)
class Address:
    """Where a board is, as far as it needs to be told. Empty: the first that is found."""

    serial_port: str = ""
    mac: str = ""
    serial_number: str = ""
    ip: str = ""
    ip_port: int = 0
    timeout_s: int = 0  # for discovery; 0: as BrainFlow thinks fit

    @property
    def identity(self) -> str:
        """What tells it from another of its kind."""
        place = f"{self.ip}:{self.ip_port}" if self.ip_port else self.ip
        return self.serial_number or self.mac or self.serial_port or place


def boards() -> list[Board]:
    """All boards with EEG, in BrainFlow's order. EegError if BrainFlow is missing."""
    shim = _brainflow()
    described = []
    for board in shim.BoardIds:
        with contextlib.suppress(shim.BrainFlowError):  # NO_BOARD
            facts = shim.BoardShim.get_board_descr(int(board))
            if facts.get("eeg_channels"):
                described.append(_board(board.name, int(board), facts))
    return described


def find_board(name: str) -> Board:
    """The board of that name; case, spaces and the word board do not matter."""
    wanted = _spelt(name)
    known = boards()
    for board in known:
        if board.name == wanted:
            return board
    near = [board.name for board in known if wanted and wanted.split("-")[0] in board.name]
    raise EegError(
        f"BrainFlow has no board {name!r} with EEG: choose "
        f"{'one of ' + ', '.join(near) if near else 'from those that --list shows'}"
    )


def place(board: Board, named: Sequence[str] | None = None) -> tuple[list[int], list[str]]:
    """Rows that are used and the electrode on each.

    `named` says in order of the inputs where each electrode sits ("x" for none), instead of where
    the maker has put it. EegError if nobody knows, or if a name is not one of the 10-20 system.
    """
    if not named and not board.electrodes:
        raise EegError(
            f"where the {len(board.rows)} electrodes of {board.title} sit is up to its wearer: "
            "name them in order of its inputs, for example --channels Fp1,Fp2,C3,C4"
        )
    labels = sites(named) if named else [canonical(one) or one for one in board.electrodes]
    if len(labels) != len(board.rows):
        raise EegError(
            f"{len(labels)} channels are named, but {board.title} has {len(board.rows)}: name each "
            f"in order, with {UNUSED} for those that are not used"
        )
    if not any(canonical(label) for label in labels):
        raise EegError(
            f"the electrodes of {board.title} ({', '.join(labels)}) have no places in the 10-20 "
            "system: say with --channels where they sit"
        )
    used = [place for place in zip(board.rows, labels, strict=True) if place[1] != UNUSED]
    return [row for row, _ in used], [label for _, label in used]


class Session:
    """An open board that sends. EegError if it cannot be reached, which may take some seconds.

    `shared`: another program has opened the board and passes it on (BrainFlow's streaming board).
    """

    def __init__(self, board: Board, address: Address, shared: bool = False) -> None:
        shim = _brainflow()
        self._board, self._problem = board, shim.BrainFlowError
        params = shim.BrainFlowInputParams()
        params.serial_port, params.mac_address = address.serial_port, address.mac
        params.serial_number, params.timeout = address.serial_number, address.timeout_s
        params.ip_address, params.ip_port = address.ip, address.ip_port
        number = board.number
        if shared:
            params.master_board, number = board.number, int(shim.BoardIds.STREAMING_BOARD)
        said = len(_log())
        self._shim: Any = shim.BoardShim(number, params)
        try:
            self._shim.prepare_session()
            self.rate_hz = self._rate_hz()
            self._shim.start_stream(int(KEEP_S * self.rate_hz))
        except shim.BrainFlowError as problem:
            self.close()
            raise EegError(_why(board, _log()[said:], str(problem))) from problem

    def pull(self) -> Floats:
        """What has come since the last pull (row, sample). EegError if the board is gone."""
        if self._shim is None:
            raise EegError(f"{self._board.title} is gone: it was closed")
        try:
            return np.asarray(self._shim.get_board_data(), dtype=np.float64)
        except self._problem as problem:
            raise EegError(f"{self._board.title} is gone ({problem})") from problem

    def close(self) -> None:
        """Stop the stream and let go of the board."""
        if self._shim is not None:
            with contextlib.suppress(self._problem):
                self._shim.release_session()
        self._shim = None  # once its object is gone, BrainFlow would release a successor as well

    def _rate_hz(self) -> float:
        """The rate that this board really has, where it can be asked."""
        with contextlib.suppress(self._problem):
            return float(self._shim.get_board_sampling_rate())
        return self._board.rate_hz


def _board(name: str, number: int, facts: dict[str, Any]) -> Board:
    rows = tuple(int(row) for row in facts["eeg_channels"])
    labels = tuple(label.strip() for label in facts.get("eeg_names", "").split(","))
    return Board(
        name=_spelt(name),
        title=facts["name"],
        number=number,
        rate_hz=float(facts["sampling_rate"]),
        rows=rows,
        electrodes=labels if len(labels) == len(rows) and all(labels) else (),
        package_row=int(facts["package_num_channel"]),
        stamp_row=int(facts["timestamp_channel"]),
    )


def _spelt(name: str) -> str:
    words = name.strip().lower().replace("_", " ").replace("-", " ").split()
    return "-".join(word for word in words if word != "board")


def _why(board: Board, log: Sequence[str], problem: str) -> str:
    """BrainFlow's last complaint as a sentence with its remedy."""
    complaints = [line.split("] ", 3)[-1].strip() for line in log if "[error]" in line]
    words = complaints[-1].rstrip(".") if complaints else problem
    told = " ".join(complaints)
    remedy = next((cure for sign, cure in REMEDIES.items() if sign in told), UNREACHED)
    return f"{board.title} cannot be reached ({words}): {remedy}"


# --- the library ---------------------------------------------------------------------------------


@cache
def _brainflow() -> Any:
    """BrainFlow's module of boards, its log led into our file. EegError if it is not there."""
    try:
        from brainflow import board_shim
    except ImportError as problem:
        raise EegError(f"BrainFlow, which reaches headsets, is missing: {INSTALL}") from problem
    # Before Python 3.12 its search for its own library needs setuptools older than 82.
    board_shim.files = lambda _: files("brainflow")
    try:
        board_shim.BoardShim.set_log_file(str(_log_file()))
        board_shim.BoardShim.set_log_level(3)  # warnings and errors
    except OSError as problem:
        raise EegError(
            f"BrainFlow's library does not load here ({problem}): its wheel has none for this "
            "machine, so build it or use another"
        ) from problem
    return board_shim


@cache
def _log_file() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="emocapsule-brainflow-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder / "log"


def _log() -> list[str]:
    """The lines of BrainFlow's log so far."""
    with contextlib.suppress(OSError):
        return _log_file().read_text(encoding="utf-8", errors="replace").splitlines()
    return []
