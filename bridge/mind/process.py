"""The process *mind*: the newest capsule from LSL, the desk and the DAW's clock in; records out."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from math import inf
from multiprocessing.connection import Connection

from bridge import desk
from bridge.board import MOODS, SIGNALS, Board, Seat
from bridge.daw import conductor
from bridge.daw.habits import PLAIN, Habits
from bridge.mind import ahead, beats
from bridge.mind.composes import Composes
from bridge.mind.core import Mind
from bridge.mind.translate import Style, Translator
from bridge.wire import encode

LIVE = SIGNALS.index("LIVE")
IDLE_S = 0.010
SHOW_S = 0.05  # between two looks ahead for displays


def trained(seed: int) -> Composes:
    """The composer that comes with the program."""
    from music.composer import Composer

    return Composer.load(seed=seed)


def main(
    seat: Seat,
    records: Connection,
    capsules_from: str,
    seed: int,
    style: Style,
    composer: Callable[[int], Composes] = trained,
    habits: Habits = PLAIN,
    overhears: Connection | None = None,
) -> None:
    """Run until told to leave; `capsules_from` is the source id of ear's stream.

    `overhears` gets every record too, or loses it: nobody waits for who reads there.
    """
    from capsule.emotion import CAPSULE_STREAM, CAPSULE_TYPE, EmotionCapsule
    from eeg.lsl import Newest, clock

    newest = Newest(CAPSULE_STREAM, CAPSULE_TYPE, capsules_from)
    newest.take()  # it is looked for while the network loads
    mind = Mind(composer(seed), Translator(style), habits)
    epoch = seat.board.epoch
    shown_s = -inf
    seat.tell("ready", "composer")
    while not seat.over():
        now_s = clock()
        seat.beat(now_s)
        taken = newest.take()
        capsule = EmotionCapsule.from_vector(taken[1], taken[0]) if taken else None
        if seat.board.go and not seat.board.capsules and seat.board.signal == LIVE:
            mind.translator.expect(now_s)
        wishes, beat = desk.read(seat.board.desk), conductor.read(seat.board.beat)
        for event in mind.step(now_s, capsule, wishes, beat):
            record = encode(event, epoch)
            records.send_bytes(record)  # waits while the pipe is full
            if overhears is not None:
                with contextlib.suppress(OSError):
                    overhears.send_bytes(record)
        beats.write(seat.board.beats, mind.beats())
        show(mind, seat.board)
        if now_s - shown_s >= SHOW_S:
            shown_s = now_s
            ahead.write(seat.board.ahead, *mind.ahead(now_s))
            seat.board.bpm, seat.board.own_bpm = mind.bpm(now_s), mind.own_bpm()
        if not (mind.playing and mind.behind(clock())):
            time.sleep(IDLE_S)


def show(mind: Mind, board: Board) -> None:
    """Put what is played on the board."""
    played = mind.played
    if played is not None:
        board.mood = MOODS.index(played.mood)
        board.played[:] = played.condition.probabilities or (0.25,) * 4
        board.strength = played.condition.strength
    board.underruns, board.rewinds = mind.counts.underruns, mind.counts.rewinds
