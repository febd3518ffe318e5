"""Two machines: network namespaces joined by a cable, each with a clock of its own; or loopback.

`--monotonic` gives the second one another clock than the first one has: LSL's counts from there.
"""

import shutil
import signal
import subprocess
import sys
import tempfile
import uuid
from pathlib import Path

import fakes
from conftest import LSL_CONFIG
from wire import Program

from bridge.mind import translate

AHEAD_S = -5.0  # of the second machine's clock
ADDRESSES = ("10.213.77.1", "10.213.77.2")


class Hasty(fakes.Composer):
    """A piano that does not wait half a minute until it closes."""

    def __init__(self, seed=0):
        super().__init__(seed)
        translate.GLIDE_AFTER_S, translate.GLIDE_S, translate.REST_AFTER_S = 1.5, 0.5, 3.0


LISTENS = """
import sys
from pathlib import Path
import fakes
from bridge import pipeline
plan = pipeline.Plan(folder=Path(sys.argv[3]), recogniser=fakes.recogniser)
print(pipeline.listen(sys.argv[1], sys.argv[2], plan, wait_s=60.0).capsules)
"""
PLAYS = """
import json, sys
from pathlib import Path
import machines
from bridge import pipeline

def show(snapshot):
    names = ("signal", "mood", "notes", "capsules", "restarts", "sample_age_s", "said", "stream")
    print(json.dumps({name: getattr(snapshot, name) for name in names}), flush=True)

plan = pipeline.Plan(folder=Path(sys.argv[2]), port="none", capsules=sys.argv[1],
                     composer=machines.Hasty)
show(pipeline.live(plan=plan, on_status=show, wait_s=60.0))
"""


def can_be_apart():
    """Whether this system lets us have namespaces: of the network, and of the clock."""
    if not (shutil.which("ip") and shutil.which("unshare")):
        return False
    name = f"emo-{uuid.uuid4().hex[:8]}"
    tries = (["ip", "netns", "add", name], ["ip", "netns", "delete", name],
             ["unshare", "--time", "--monotonic", "-1", "true"])  # fmt: skip
    return all(subprocess.run(one, capture_output=True).returncode == 0 for one in tries)


HEARS = """
import sys
from eeg.lsl import Intake, clock
with Intake(sys.argv[1], timeout_s=60.0) as intake:
    while (chunk := intake.pull(1.0)) is None:
        pass
    print(abs(clock() - chunk.times_s[-1]) < 1.0, bool(intake.blind), flush=True)
"""


class Machine:
    """One of two; on loopback both are this one."""

    def __init__(self, space=None, config=None, ahead_s=0.0):
        self.space, self._config = space, config
        self._before = []
        if space is not None:
            self._before = ["ip", "netns", "exec", space]
        if ahead_s:
            self._before += ["unshare", "--time", "--monotonic", str(int(ahead_s))]

    def python(self, code, *arguments):
        """A program on this machine."""
        environment = {"LSLAPICFG": str(self._config)} if self._config else {}
        words = (*self._before, sys.executable, "-c", code, *arguments)
        return Program(*words, environment=environment)


class Network:
    """Both of them, and the cable."""

    def __init__(self, apart):
        self.apart = apart
        if not apart:
            self.first = self.second = Machine()
            return
        token = uuid.uuid4().hex[:6]
        self._spaces, self._ends = (f"emo1-{token}", f"emo2-{token}"), (f"e1{token}", f"e2{token}")
        self._config = Path(tempfile.gettempdir()) / f"emocapsule-{token}.cfg"
        peers = ", ".join(ADDRESSES)
        told = LSL_CONFIG.format(session=token).replace("{127.0.0.1}", f"{{{peers}}}")
        self._config.write_text(told.replace("ResolveScope = machine", "ResolveScope = link"))
        self.first = Machine(self._spaces[0], self._config)
        self.second = Machine(self._spaces[1], self._config, AHEAD_S)
        _ip("netns", "add", self._spaces[0])
        self.power_returns()

    def power_fails(self, *programs):
        """The second machine is gone with all it had, and has said no word."""
        _ip("-n", self._spaces[1], "link", "delete", self._ends[1])
        for one in programs:
            one.kill_all(signal.SIGKILL)
            one.ended()
        _ip("netns", "delete", self._spaces[1])

    def power_returns(self):
        """The second machine and its cable are there, as new."""
        (one, other), (here, there) = self._spaces, self._ends
        _ip("netns", "add", other)
        _ip("link", "add", here, "netns", one, "type", "veth", "peer", "name", there,
            "netns", other)  # fmt: skip
        for name, end, address in zip(self._spaces, self._ends, ADDRESSES, strict=True):
            _ip("-n", name, "addr", "add", f"{address}/24", "dev", end)
            for device in ("lo", end):
                _ip("-n", name, "link", "set", device, "up")

    def firewall(self):
        """The second machine's streams can be found and read, but its clock cannot be asked."""
        for name, end in zip(self._spaces, self._ends, strict=True):
            _ip("-n", name, "route", "add", "224.0.0.0/4", "dev", end)
        udp = ("ipproto", "udp", "sport", "16572-16603")
        _ip("-n", self._spaces[1], "rule", "add", *udp, "blackhole")

    def close(self):
        """Take everything down."""
        if self.apart:
            for name in self._spaces:
                subprocess.run(["ip", "netns", "delete", name], check=False, capture_output=True)
            self._config.unlink()


def _ip(*words):
    subprocess.run(["ip", *words], check=True, capture_output=True)
