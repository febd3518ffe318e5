"""Who is started with what: the processes of one performance, and what joins them."""

from __future__ import annotations

import uuid
from datetime import datetime
from multiprocessing.connection import Connection

from bridge import ear, osc, relay
from bridge.crew import Crew
from bridge.daw import link
from bridge.desk import Wishes, lay
from bridge.hand import process as hand
from bridge.hand.ports import CLIENT, PORT
from bridge.mind import process as mind
from bridge.page import process as page
from bridge.page.told import About
from bridge.plan import Plan
from bridge.session import recorder
from eeg.lsl import clock


class Cast:
    """Starts them one by one. `capsules` and `notes` are the source ids of our own streams."""

    def __init__(self, crew: Crew, plan: Plan) -> None:
        token = uuid.uuid4().hex[:8]
        self.crew, self.plan = crew, plan
        self.capsules = f"emocapsule-capsules-{token}"
        self.notes = f"emocapsule-notes-{token}"
        self.stream: str | None = None  # of the EEG
        lay(crew.board.desk, Wishes(strength=plan.style.top_strength))

    def hand(self) -> Connection:
        """Who plays; where records for it go."""
        records_out, records_in = self.crew.pipe()
        sent = (records_out, self.plan.port, self.notes, self.plan.habits)
        self.crew.start("hand", hand.main, *sent, again=(*sent, True))
        return records_in

    def mind(self, records: Connection) -> None:
        """Who composes, and who tells others by OSC, if that is wanted."""
        plan, overhears = self.plan, None
        if plan.osc is not None:
            heard, overhears = self.crew.pipe(waits=False)
            self.crew.start("osc", osc.main, heard, *plan.osc)
        music = (plan.seed, plan.style, plan.composer, plan.habits)
        self.crew.start("mind", mind.main, records, self.capsules, *music, overhears)

    def link(self) -> None:
        """Who follows an Ableton Link session, if that is wanted."""
        incoming = self.plan.habits.incoming
        if incoming is not None and incoming.link:
            self.crew.start("link", link.main, incoming.start_stop)

    def ear(self, stream: str | None, wait_s: float) -> None:
        """Who listens to the headset, or to who listens to it on another machine."""
        plan, self.stream = self.plan, stream
        if plan.capsules is not None:
            again = (plan.capsules, 0.0, self.capsules)
            self.crew.start("ear", relay.main, plan.capsules, wait_s, self.capsules, again=again)
            return
        wearer = (self.capsules, plan.rest_s, plan.profile, plan.recogniser)
        self.crew.start("ear", ear.main, stream, wait_s, *wearer, again=(stream, 0.0, *wearer))

    def page(self) -> None:
        """The page, if it is wanted; its imports would cost the others their time to load."""
        plan = self.plan
        if plan.page is None:
            return
        folder = plan.folder.name if plan.folder is not None else ""
        port = ":".join((CLIENT, PORT)) if plan.port is None else plan.port
        about = About(port, folder, clock())
        ways = (self.stream, self.capsules, self.notes, plan.page, about)
        self.crew.start("page", page.main, *ways)

    def recorder(self, name: str | None = None) -> None:
        """Who keeps the session, if it is to be kept; `name`: of the recording that is played."""
        plan = self.plan
        if plan.folder is None:
            return
        facts = {
            "began": datetime.now().astimezone().isoformat(timespec="seconds"),
            "recording": name,
            "stream": self.stream or None,
            "port": plan.port,
            "seed": plan.seed,
            "rest_s": plan.rest_s,
        }
        sayings_out, sayings_in = self.crew.pipe(waits=False)
        self.crew.marked_by(sayings_in)
        ways = (facts, self.stream, self.capsules, self.notes, sayings_out, plan.markers)
        self.crew.start("recorder", recorder.main, plan.folder, *ways)
