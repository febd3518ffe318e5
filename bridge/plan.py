"""What is asked of a performance, and how it goes: the values that a display or a user touches."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from bridge import ear
from bridge.board import MOODS, SIGNALS, Board
from bridge.daw.habits import Habits
from bridge.mind import process as mind
from bridge.mind.composes import Composes
from bridge.mind.translate import Style
from bridge.page.door import Door

STATUS_S = 0.25  # between two snapshots
TAIL_S = 1.5  # of music after a recording has ended
COPIED = (
    "sample_age_s", "gaps", "capsules", "valence", "arousal", "confidence", "quality", "strength",
    "notes", "late", "lateness_p99_ms", "lateness_max_ms", "underruns", "rewinds", "panics",
    "recorded_bytes", "pauses", "marks",
)  # fmt: skip


@dataclass(frozen=True)
class Plan:
    """What to play: the arguments of `live` and `replay` as one value."""

    port: str | None = None  # as in bridge.ports.open_output
    folder: Path | None = None  # of the session; None records nothing
    seed: int = 0
    rest_s: float = 60.0  # the wearer's rest at the beginning
    profile: Path | None = None
    capsules: str | None = None  # of who listens on another machine, "" of the only one; None: here
    duration_s: float | None = None  # from the first sample on; None: until stopped
    style: Style = field(default_factory=Style)
    habits: Habits = field(default_factory=Habits)
    osc: tuple[str, int] | None = None  # host and port
    page: Door | None = None  # where to serve the web page
    markers: str | None = None  # name or source id of the markers to record; None: all; "none"
    composer: Callable[[int], Composes] = mind.trained
    recogniser: Callable[[], ear.Load] = ear.trained


@dataclass(frozen=True)
class Snapshot:
    """Everything a display may want, at one moment."""

    elapsed_s: float
    signal: str  # SEARCHING, LIVE, LATE, STALE, LOST
    sample_age_s: float
    gaps: int
    capsules: int
    probabilities: tuple[float, ...]  # honest
    valence: float
    arousal: float
    confidence: float
    quality: float
    mood: str  # WAITING, PLAYING, HOLD, GLIDE, REST
    played: tuple[float, ...]  # after smoothing, contrast and hand
    strength: float
    notes: int
    late: int  # notes dropped because they came too late
    lateness_p99_ms: float
    lateness_max_ms: float
    underruns: int
    rewinds: int
    panics: int
    real_time: bool
    restarts: int
    recorded_bytes: int
    pauses: int  # of the recording
    marks: int
    port: str
    stream: str
    page: str  # its link, once it answers
    said: tuple[str, ...]  # sentences since the last snapshot


OnStatus = Callable[[Snapshot], None]


def snapshot(
    board: Board,
    elapsed_s: float,
    restarts: int = 0,
    port: str = "",
    stream: str = "",
    page: str = "",
    said: tuple[str, ...] = (),
) -> Snapshot:
    """What is on the board, and what only the supervisor knows."""
    return Snapshot(
        **{name: getattr(board, name) for name in COPIED},
        elapsed_s=elapsed_s,
        signal=SIGNALS[board.signal],
        mood=MOODS[board.mood],
        probabilities=tuple(board.probabilities),
        played=tuple(board.played),
        real_time=bool(board.fifo),
        restarts=restarts,
        port=port,
        stream=stream,
        page=page,
        said=said,
    )
