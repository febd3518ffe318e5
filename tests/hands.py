"""A real *hand* that a test plays on, without a mind."""

import os
import signal

from wire import until

from bridge.crew import Crew
from bridge.hand import process as hand
from bridge.wire import TimedNote, encode
from eeg.lsl import clock


class Playing:
    """A hand on a port of its own, and what its supervisor does meanwhile."""

    def __init__(self, port):
        self.crew = Crew(clock)
        self.out, self.records = self.crew.pipe()
        sent = (self.out, port, "emocapsule-test")
        self.crew.start("hand", hand.main, *sent, again=(*sent, None, True))
        self.until(lambda: self.crew.ready("hand"))

    def until(self, condition):
        def tended():
            self.crew.tend(0.01)
            return condition()

        return until(tended)

    def strike(self, pitch, seconds, velocity=64):
        """A note at once; when it is due."""
        due_s = clock() + 0.15
        note = TimedNote(due_s, due_s + seconds, pitch, velocity)
        self.records.send_bytes(encode(note, self.crew.board.epoch))
        return due_s

    def kill(self):
        os.kill(self.crew._members["hand"].process.pid, signal.SIGKILL)

    def close(self):
        self.crew.stop(3.0)
