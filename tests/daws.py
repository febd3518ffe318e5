"""Others whose tempo leads, by MIDI clock or Link; our mind and hand, telling their plans."""

import sys
import time

import fakes
import numpy as np
from wire import Program, until

IN, CONTROL = "emocapsule-in:in", "emocapsule-control:control"

DAW = """
import contextlib, queue, random, sys, threading, time
import jack
client = jack.Client("daw", no_start_server=True)
port = client.midi_outports.register("out")
due, sent = [], queue.SimpleQueue()  # [(time, jittered time, message, pulse)]

@client.set_process_callback
def process(frames):
    port.clear_buffer()
    begin = time.monotonic() - client.frames_since_cycle_start / client.samplerate
    while due and due[0][1] < begin + frames / client.samplerate:
        nominal, at, message, pulse = due.pop(0)
        offset = min(max(round((at - begin) * client.samplerate), 0), frames - 1)
        port.write_midi_event(offset, message)
        sent.put((nominal, message.hex(), pulse))

def told():
    while True:
        nominal, message, pulse = sent.get()
        print(f"{nominal:.6f} {message} {pulse}", flush=True)

def roll(first, message, low, high, over, most):
    begin = time.monotonic() + 0.1
    plan = [(begin - 0.002, begin - 0.002, bytes.fromhex(word), -1) for word in message.split("+")]
    rng, at, pulse = random.Random(pulse_seed), begin, first
    while at < begin + most:
        off = at + rng.uniform(-0.001, 0.001)
        plan.append((at, off, b"\\xf8", pulse))
        at += 60 / (low + (high - low) * min(max(at - begin, 0) / over, 1)) / 24
        pulse += 1
    due[:] = plan

pulse_seed = 1
with client:
    threading.Thread(target=told, daemon=True).start()
    print("ready", flush=True)
    for line in sys.stdin:
        word, *rest = line.split()
        if word == "roll":
            first, message, low, high, over, most = rest
            roll(int(first), message, float(low), float(high), float(over), float(most))
        elif word == "tell":
            due.insert(0, (time.monotonic(), 0.0, bytes.fromhex(rest[0]), -1))
        elif word == "stop":
            due[:] = [(time.monotonic(), 0.0, b"\\xfc", -1)]
        elif word == "join":
            while not client.get_all_connections(port):  # by us, or by those who were joined before
                with contextlib.suppress(jack.JackError):
                    client.connect("daw:out", rest[0])
                time.sleep(0.05)
            print("0 joined -1", flush=True)
"""

PLANS = """
import multiprocessing, sys, uuid
import numpy as np
import daws, fakes
from bridge.hand import process as hand
from bridge.mind import process as mind
from bridge.crew import Crew
from bridge.daw import link
from bridge.daw.habits import Habits, Incoming
from bridge.mind.translate import Style
from bridge.wire import RECORD_BYTES, TimedNote, decode
from capsule.emotion import CAPSULE_STREAM, CAPSULE_TYPE, CHANNELS, EmotionCapsule
from eeg.lsl import Outlet, clock

token = uuid.uuid4().hex[:8]
seconds, incoming, composer, port = map(eval, sys.argv[1:])
habits = Habits(controls=None, incoming=incoming)
crew = Crew(clock)
records_out, records_in = crew.pipe()
heard, overhears = crew.pipe(waits=False)
crew.start("hand", hand.main, records_out, port, "notes" + token, habits)
crew.start("mind", mind.main, records_in, "capsules" + token, 0, Style(), composer, habits,
           overhears)
if incoming.link:
    crew.start("link", link.main, incoming.start_stop)
outlet = Outlet(CAPSULE_STREAM, CAPSULE_TYPE, CHANNELS, 4.0, "", "capsules" + token)
next_s, end_s, ready = 0.0, clock() + seconds, False
try:
    while clock() < end_s:
        crew.tend(0.02)
        if not ready and crew.loaded():
            ready = True
            pids = {child.name: child.pid for child in multiprocessing.active_children()}
            print("ready", pids.get("link"), flush=True)
        while crew.said:
            print("said", crew.said.pop(0), flush=True)
        if clock() >= next_s:
            next_s = clock() + 0.25
            vector = EmotionCapsule.neutral(clock(), 1.0).to_vector()[np.newaxis].astype(float)
            outlet.push(vector, np.array([clock()]))
        while heard.poll():
            event, _ = decode(heard.recv_bytes(RECORD_BYTES))
            if isinstance(event, TimedNote):
                print(f"note {event.on_s:.6f}", flush=True)
    print(f"late {crew.board.lateness_p99_ms:.3f} {crew.board.late}", flush=True)
finally:
    crew.stop(3.0)
"""


PEER = """
import asyncio, sys, threading, time
from aalink import Link

async def main():
    link = Link(float(sys.argv[1]))
    link.quantum, link.start_stop_sync_enabled = 4.0, True
    await asyncio.sleep(0.5)
    link.enabled = True
    orders = []
    threading.Thread(target=lambda: orders.extend(sys.stdin), daemon=True).start()
    while True:
        while orders:
            word, value = orders.pop(0).split()
            setattr(link, word, float(value))
        before, beat, after = time.monotonic(), link.beat, time.monotonic()
        if after - before < 0.001:
            print((before + after) / 2, beat, link.tempo, link.num_peers, flush=True)
        await asyncio.sleep(0.02)

asyncio.run(main())
"""


class Slow(fakes.Composer):
    """Whose tempo is not everybody's default."""

    bpm = 96.0


class Plans(Program):
    """Our mind and hand, which tell what they plan and say."""

    def __init__(self, seconds, incoming, composer="fakes.Composer", port="None", before=()):
        words = (seconds, incoming, composer, port)
        super().__init__(*before, sys.executable, "-u", "-c", PLANS, *words)
        until(self.ready, "mind and hand", 60.0)

    def ready(self):
        return [line for line in self.lines if line.startswith("ready")]

    def said(self):
        return [line[5:] for line in self.lines if line.startswith("said")]

    def notes_s(self, after_s=0.0):
        """When each planned note is to sound: (note,)."""
        told = np.array([float(line.split()[1]) for line in self.lines if line[:4] == "note"])
        return told[told > after_s]


class Peer(Program):
    """Another program in an Ableton Link session, alone on its machine's network but for us."""

    def __init__(self, bpm, before=()):
        super().__init__(*before, sys.executable, "-u", "-c", PEER, bpm, reads=True)
        until(lambda: self.lines, "the peer")

    def set(self, word, value):
        """tempo, playing or enabled; gives when."""
        self.process.stdin.write(f"{word} {value}\n")
        self.process.stdin.flush()
        return time.monotonic()

    def told(self):
        """(look, 4): time, beat, tempo, peers."""
        return np.array([[float(one) for one in line.split()] for line in self.lines])

    def places(self, times_s):
        """The beats that fall on times."""
        told = self.told()
        return np.interp(times_s, told[:, 0], told[:, 1])


class Daw(Program):
    """Rolls, stops and goes on; its pulses are off by up to a millisecond."""

    def __init__(self):
        super().__init__(sys.executable, "-u", "-c", DAW, reads=True)
        until(lambda: "ready" in self.lines, "the DAW")

    def order(self, *words):
        self.process.stdin.write(" ".join(map(str, words)) + "\n")
        self.process.stdin.flush()

    def join(self):
        """Connect to us, once our port is there."""
        self.order("join", IN)
        until(lambda: "joined" in self.lines[-1], "our port")

    def roll(self, low, high=None, over=1.0, first=0, message="fa", most=600.0):
        self.order("roll", first, message, low, high or low, over, most)

    def tell(self, message):
        """Send one more message."""
        self.order("tell", message)

    def stop(self):
        """Gives the pulse that comes next."""
        self.order("stop")
        until(lambda: self.lines[-1].split()[1] == "fc", "the stop")
        return int(self.lines[-2].split()[2]) + 1

    def sent(self):
        """[(time it was due, message, pulse)]."""
        rows = (line.split() for line in self.lines[1:])
        return [(float(at), message, int(pulse)) for at, message, pulse in rows if float(at)]

    def bars_s(self, pulses=96):
        """When its bars began, or anything of so many pulses: (bar,)."""
        return np.array([at for at, _, n in self.sent() if n >= 0 and n % pulses == 0])


def off_ms(times_s, bars_s):
    """How far each time is from the nearest bar: positive is late."""
    nearest = np.abs(np.subtract.outer(times_s, bars_s)).argmin(axis=1)
    return 1000 * (np.array(times_s) - bars_s[nearest])
