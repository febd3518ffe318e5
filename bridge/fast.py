"""The whole wire in one loop with a fake clock: a recording in, the same session every time.

The cores are those of the live processes; only the clock is another. It begins with the
recording, whose samples arrive at their own time, and composing takes none.
"""

from __future__ import annotations

from math import inf
from pathlib import Path

from bridge import ear
from bridge.board import SIGNALS, Board
from bridge.ear import Ear
from bridge.errors import BridgeError
from bridge.hand.core import Hand
from bridge.hand.portless import Nowhere
from bridge.mind import process as mind
from bridge.mind.core import Mind
from bridge.mind.translate import Translator
from bridge.plan import STATUS_S, TAIL_S, OnStatus, Plan, Snapshot, snapshot
from bridge.session.folder import Session
from capsule.emotion import EmotionCapsule
from eeg.markers import Marker
from eeg.recording import read_recording
from eeg.signal import Chunk, Recording

TICK_S = 0.010  # how often mind looks at the clock, as in its process
CHUNK_S = 1 / 64


class _Stage:
    """The cores, joined as the processes join them."""

    def __init__(self, recording: Recording, plan: Plan, name: str) -> None:
        self.board = Board()
        self.signal = recording.signal
        self.ear = Ear(recording.signal, plan.recogniser(), plan.rest_s, plan.profile)
        self.mind = Mind(plan.composer(plan.seed), Translator(plan.style), plan.habits)
        self.session = None
        if plan.folder is not None:
            facts = {"recording": name, "port": "none", "seed": plan.seed, "rest_s": plan.rest_s}
            self.session = Session(plan.folder, 0.0, facts)
        self.hand = Hand(self.board, Nowhere(), self._record, plan.habits.patch())
        self.now_s = 0.0
        self._tick = 0

    def _record(self, message: bytes, time_s: float) -> None:
        if self.session is not None:
            self.session.message(message, time_s)

    def mark(self, recording: Recording, until_s: float) -> None:
        """The recording's own events, which a live replay sends as markers."""
        for time_s, text in recording.events:
            if self.session is not None and time_s <= until_s:
                self.session.marker(Marker(f"{self.signal.name} events", "", text, time_s))

    def hear(self, chunk: Chunk) -> EmotionCapsule | None:
        """A chunk through ear; the newest capsule, if it completes any."""
        if self.session is not None:
            self.session.eeg(self.signal, chunk)
        newest = None
        for newest in self.ear.push(chunk):
            ear.show(newest, self.board)
            if self.session is not None:
                self.session.capsule(newest)
        self.board.gaps = self.ear.gaps
        return newest

    def play(self, until_s: float, newest: EmotionCapsule | None = None) -> None:
        """Mind and hand up to a moment."""
        while (self._tick + 1) * TICK_S <= until_s or newest is not None:
            self._tick += 1
            self.now_s = self._tick * TICK_S
            self._think(newest)
            newest = None
            while (next_s := self.hand.player.next_s()) is not None and next_s <= self.now_s:
                self.hand.play(next_s)

    def _think(self, newest: EmotionCapsule | None) -> None:
        if not self.board.capsules:
            self.mind.translator.expect(self.now_s)
        events = self.mind.step(self.now_s, newest)
        while self.mind.playing and self.mind.behind(self.now_s):
            events += self.mind.step(self.now_s, None)
        for event in events:
            self.hand.player.push(event, self.now_s)
        if self.session is not None:
            mind.show(self.mind, self.board)
            self.session.music(self.mind.beats(), self.board.played, self.now_s)

    def look(self, said: tuple[str, ...] = ()) -> Snapshot:
        """How things are."""
        mind.show(self.mind, self.board)
        self.hand.report()
        self.board.signal = SIGNALS.index("LIVE")
        if self.session is not None:
            self.board.recorded_bytes = self.session.size_bytes
        return snapshot(self.board, self.now_s, port="none", stream=self.signal.name, said=said)

    def end(self) -> None:
        """Note-offs, then the files."""
        self.play(self.now_s + TAIL_S)
        self.hand.silence(self.now_s)
        if self.session is not None:
            self.session.close(self.now_s)


def replay_fast(
    path: Path, plan: Plan | None = None, on_status: OnStatus | None = None
) -> Snapshot:
    """Play a recording as fast as the machine can, into the session folder only.

    The same recording and seed give the same `notes.mid`, byte for byte, on one machine. Raises
    EegError, CapsuleError, MusicError or BridgeError as the stages do.
    """
    plan = plan or Plan()
    if plan.habits.incoming is not None:
        theirs = "--clock-in, --link and --control-in"
        raise BridgeError(f"With --fast nothing comes in; leave out {theirs}.")
    recording = read_recording(path)
    stage = _Stage(recording, plan, Path(path).name)
    stage.mark(recording, inf if plan.duration_s is None else plan.duration_s)
    said, shown_s = recording.notes, 0.0
    for chunk in recording.chunks(max(1, round(CHUNK_S * recording.signal.rate_hz))):
        if plan.duration_s is not None and chunk.times_s[-1] > plan.duration_s:
            break
        stage.play(float(chunk.times_s[-1]), stage.hear(chunk))
        said += stage.ear.unsaid()
        if on_status is not None and stage.now_s >= shown_s + STATUS_S:
            shown_s = stage.now_s
            on_status(stage.look(said))
            said = ()
    stage.end()
    return stage.look(said)
