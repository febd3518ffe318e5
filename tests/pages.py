"""A served page, and behind it a board and a story that a test may set as it likes."""

import json
import math

import numpy as np
from websockets.sync.client import connect

from bridge.board import KEEPING, MOODS, PROCESSES, SIGNALS, new_board
from bridge.mind import ahead
from bridge.page.door import new_door
from bridge.page.process import Server
from bridge.page.server import new_app
from bridge.page.story import Story, votes_of
from bridge.page.told import About, Teller
from bridge.wire import TimedNote
from eeg.lsl import clock
from eeg.montage import BANDS, REGIONS

HONEST, PLAYED = (0.5, 0.1, 0.15, 0.25), (0.7, 0.1, 0.05, 0.15)
EVIL = '<img src=x onerror="window.evil=1">'


class Show:
    """A served page, and behind it a board and a story that a test may set as it likes."""

    def __init__(self, door=None):
        self.board, self.story = new_board(), Story()
        self.door = door or new_door()
        about = About("emocapsule:notes", "2026-11-22-demo", clock())
        self.app = new_app(
            self.door, self.board.desk, lambda: Teller(self.board, self.story, about)
        )
        self.server = Server(self.app, self.door)

    def close(self):
        self.server.close()

    def play(self):
        """As in the middle of a performance."""
        board, now_s = self.board, clock()
        board.signal, board.mood = SIGNALS.index("LIVE"), MOODS.index("PLAYING")
        board.capsules, board.sample_age_s, board.lateness_p99_ms = 99, 0.012, 1.25
        board.probabilities[:], board.played[:] = HONEST, PLAYED
        board.valence, board.arousal, board.confidence, board.quality = 0.5, 0.2, 0.37, 0.91
        board.notes, board.underruns, board.restarts, board.strength = 1234, 3, 1, 3.2
        board.recorded_bytes, board.bpm = 2_600_000, 96.0
        board.keeping = KEEPING.index("RECORDING")
        board.alive_s[PROCESSES.index("recorder")] = math.inf
        self.tell_story(now_s)
        lead = [TimedNote(now_s + 0.3 * n, now_s + 0.3 * n + 0.25, 60 + n, 80) for n in range(1, 6)]
        ahead.write(board.ahead, lead[:1], lead[1:])

    def tell_story(self, now_s):
        names = ["AF3", "F7", "T7", "P7", "O1", "O2", "T8", EVIL]
        places = [[0.3 * math.sin(n), 0.6 - 0.2 * n] for n in range(8)]
        self.story.tell("signal", {"name": EVIL, "rate_hz": 128.0, "channels": names,
                                   "places": places, "regions": list(range(8))})  # fmt: skip
        self.story.tell("grades", ["good"] * 5 + ["fair", "off", ""])
        routing = np.random.default_rng(0).dirichlet([4] * 4, (len(REGIONS), len(BANDS)))
        routing[3] = 0.0
        self.story.tell("votes", votes_of(routing))
        for n in range(240):
            p = np.array(HONEST) + 0.1 * np.sin(n / 20 + np.arange(4))
            self.story.emotion(now_s - 60 + n / 4, p / p.sum(), PLAYED, 0.4)
        for n in range(60):
            pitch = 48 + 7 * n % 36
            self.story.message(now_s - 15 + n / 4, bytes((0x90, pitch, 40 + n)))
            self.story.message(now_s - 15 + n / 4 + 0.2 + n % 5 / 5, bytes((0x80, pitch, 0)))
        for n in range(600):
            waves = [20 * math.sin(n / (c + 2)) * (1 + 0.5 * math.sin(n / 60)) for c in range(8)]
            self.story.sample(now_s - 6 + n / 100, waves)


def tune_in(show, token=None, **settings):
    token = show.door.token if token is None else token
    origin = f"http://127.0.0.1:{show.door.port}"
    address = f"ws://127.0.0.1:{show.door.port}/live?token={token}"
    return connect(address, **({"origin": origin, "proxy": None} | settings))


def frame(line):
    return json.loads(line.recv(5.0))
