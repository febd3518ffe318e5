"""What a browser is told, twenty times a second: the board, the desk, and the story since."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from typing import Any

from bridge import desk
from bridge.board import KEEPING, MOODS, PROCESSES, SIGNALS, Board
from bridge.desk import RANGES
from bridge.mind import ahead
from bridge.page.story import ROLL_S, SCOPE_S, TRAIL_S, Place, Story
from bridge.plan import snapshot
from eeg.lsl import clock
from eeg.montage import ANCHORS, BANDS, REGIONS, Montage
from music.key import SCALES
from music.vocabulary import ROOTS

LISTED = 6  # listeners that are named
SILENT_S = 3.0  # without a word of recorder: it hangs, or has died


@dataclass(frozen=True)
class About:
    """What stays the same while the music plays."""

    port: str  # where MIDI goes
    folder: str  # of the session; empty if nothing is recorded
    began_s: float


class Teller:
    """Tells one browser."""

    def __init__(self, board: Board, story: Story, about: About) -> None:
        self.problem = ""  # what was wrong with the last command
        self._board = board
        self._story = story
        self._about = about
        self._place: Place | None = None

    def frame(self) -> str:
        """The next message, as JSON."""
        now_s = clock()
        told: dict[str, Any] = {}
        if self._place is None:
            self._place = Place()
            told["facts"] = facts(self._about)
        told |= self._story.since(self._place)
        told["now"] = round(now_s, 4)
        told["state"] = state(self._board, now_s, self._about.began_s)
        told["desk"] = asdict(desk.read(self._board.desk))
        seen = ahead.read(self._board.ahead)
        if seen is not None:
            told["ahead"] = [
                [round(note.on_s, 4), round(note.off_s, 4), note.pitch, note.velocity, int(sure)]
                for note, sure in seen
            ]
        if self.problem:
            told["problem"], self.problem = self.problem, ""
        return json.dumps(told, separators=(",", ":"), allow_nan=False)


def word(signal: str, mood: str, mute: bool, ended: bool) -> str:
    """The state in one word or two, for who stands far from the screen."""
    if ended:
        return "ENDED"
    if mute:
        return "MUTED"
    if mood == "WAITING":
        return "WAITING"
    if signal == "LOST" or mood in ("GLIDE", "REST"):
        return "SIGNAL LOST"
    return mood


def keeping(board: Board, now_s: float) -> str:
    """What becomes of what is heard, one of KEEPING, by recorder's own word while it gives any."""
    silent = now_s - board.alive_s[PROCESSES.index("recorder")] > SILENT_S
    told = KEEPING[board.keeping]
    return "FAILED" if silent and told != "OFF" else told


def state(board: Board, now_s: float, began_s: float) -> dict[str, Any]:
    """What the board says, in numbers that JSON can hold."""
    signal, mood = SIGNALS[board.signal], MOODS[board.mood]
    listeners = board.listeners.decode(errors="replace").splitlines()
    told = asdict(snapshot(board, round(now_s - began_s, 1), restarts=board.restarts))
    for left_out in ("port", "stream"):
        del told[left_out]
    told |= {
        "said": board.said.decode(errors="replace"),
        "sayings": board.sayings,
        "word": word(signal, mood, bool(board.desk.mute), bool(board.stop)),
        "keeping": keeping(board, now_s),
        "bpm": board.bpm,
        "listeners": listeners[:LISTED],
    }
    return {name: _plain(value) for name, value in told.items()}


def facts(about: About) -> dict[str, Any]:
    """What is told once."""
    names = [(site, n) for n, sites in enumerate(ANCHORS.values()) for site in sites]
    places = Montage.from_channels([site for site, _ in names]).places
    return {
        "port": about.port,
        "folder": about.folder,
        "ranges": RANGES,
        "tonics": list(ROOTS),
        "scales": list(SCALES),
        "regions": list(REGIONS),
        "bands": [[band.name, band.low_hz, band.high_hz] for band in BANDS],
        "sites": [[*place, n] for place, (_, n) in zip(places, names, strict=True)],
        "trail_s": TRAIL_S,
        "roll_s": ROLL_S,
        "scope_s": SCOPE_S,
    }


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 4) if math.isfinite(value) else None
    return [_plain(one) for one in value] if isinstance(value, tuple) else value
