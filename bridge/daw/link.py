"""The process *link*: a peer of the Ableton Link session on this network, for *mind* and *hand*.

aalink (GPL-3, `pip install emocapsule[link]`) lives only here: if it fails, the music rests until
the process is replaced. Where the session is goes to the board, as a MIDI clock's beat would.
"""

import asyncio
from importlib.util import find_spec
from typing import Any

from bridge.board import Seat
from bridge.daw import conductor
from bridge.daw.linkin import LinkIn, Look
from bridge.errors import BridgeError
from bridge.mind.timeline import BAR_BEATS
from eeg.lsl import clock
from music.events import DEFAULT_BPM

POLL_S = 0.010
CALM_S = 0.5  # before it joins: Link imposes its tempo on the others if that is done at once
LOOKS = 3  # at each turn; the quickest tells best which beat fell on which time


def require() -> None:
    """BridgeError unless aalink is installed."""
    if find_spec("aalink") is None:
        raise BridgeError("Ableton Link needs aalink; run 'pip install emocapsule[link]'.")


def main(seat: Seat, start_stop: bool) -> None:
    """Run until told to leave; `start_stop`: follow the session's start and stop, too."""
    require()
    asyncio.run(_follow(seat, start_stop))


async def _follow(seat: Seat, start_stop: bool) -> None:
    from aalink import Link

    link = Link(DEFAULT_BPM)
    link.quantum = float(BAR_BEATS)
    link.start_stop_sync_enabled = start_stop
    await asyncio.sleep(CALM_S)
    link.enabled = True
    session = LinkIn(start_stop, conductor.read(seat.board.beat))
    seat.tell("ready", "Ableton Link")
    told: int | None = None
    while not seat.over():
        seat.beat(clock())
        look = _look(link)
        beat = session.push(look)
        conductor.write(seat.board.beat, beat)
        if own_bpm := session.gives(seat.board.own_bpm):
            link.tempo = own_bpm
        if session.resumes(look):
            link.playing = True
        elif beat.sure and look.peers != told:
            told = look.peers
            waits = "" if beat.running else " The piano waits for start."
            seat.tell("say", _sentence(look, beat.free) + waits)
        await asyncio.sleep(POLL_S)
    link.enabled = False  # says goodbye: the others need not miss it first


def _look(link: Any) -> Look:
    looks = []
    for _ in range(LOOKS):
        before_s, beats, after_s = clock(), link.beat, clock()
        looks.append((after_s - before_s, (before_s + after_s) / 2.0, beats))
    _, time_s, beats = min(looks)
    return Look(time_s, beats, link.tempo, link.playing, link.num_peers)


def _sentence(look: Look, free: bool) -> str:
    if free:
        return "Ableton Link: nobody else is there yet; who joins gets our tempo."
    if not look.peers:
        return f"Ableton Link: the others have gone; their {look.bpm:.0f} bpm stay."
    others = "another program" if look.peers == 1 else f"{look.peers} other programs"
    return f"Ableton Link: {others}, {look.bpm:.0f} bpm."
