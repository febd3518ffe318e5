"""What tests share: an LSL network of their own, and where the data is that is not in the repo."""

import os
import tempfile
import uuid
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any

import pytest

LSL_CONFIG = """
[ports]
IPv6 = disable
[multicast]
ResolveScope = machine
[lab]
KnownPeers = {{127.0.0.1}}
SessionID = emocapsule-test-{session}
[log]
level = -3
[tuning]
TimeProbeCount = 4
TimeProbeInterval = 0.01
TimeProbeMaxRTT = 0.03
TimeUpdateMinProbes = 3
MulticastMinRTT = 0.1
MulticastMaxRTT = 0.5
UnicastMinRTT = 0.1
UnicastMaxRTT = 0.5
WatchdogTimeThreshold = 2
WatchdogCheckInterval = 1
"""
ROOT = Path(__file__).parent.parent
DATA = Path(os.environ.get("EMOCAPSULE_DATA", ROOT / ".." / "shared" / "data"))


def pytest_configure(config: pytest.Config) -> None:
    """Before liblsl is loaded: streams of this run are seen by this run and its children only."""
    file = Path(tempfile.gettempdir()) / f"emocapsule-lsl-{uuid.uuid4().hex}.cfg"
    file.write_text(LSL_CONFIG.format(session=uuid.uuid4().hex))
    os.environ["LSLAPICFG"] = str(file)
    config.add_cleanup(lambda: file.unlink(missing_ok=True))


@cache
def _turn(module: str) -> str:
    """With whom a module takes turns: those that run in real time with one another."""
    text = (ROOT / module).read_text(encoding="utf-8")
    return "wire" if "mark.lsl" in text or "mark.jack" in text else module


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Two workers (`-n 2`): what runs in real time is all on one of them, one after the other."""
    from xdist.scheduler import LoadScopeScheduling

    class Turns(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return _turn(nodeid.partition("::")[0])

    return Turns(config, log)


@pytest.fixture
def data() -> Path:
    """Folder of the shared recordings and MIDI files; skips the test where it is absent."""
    if not DATA.is_dir():
        pytest.skip(f"no data at {DATA}: set EMOCAPSULE_DATA to run this")
    return DATA


@pytest.fixture(scope="module")
def jack():
    """A JACK server of the module's own, which all that it starts finds."""
    pytest.importorskip("jack", reason="JACK-Client is not installed")
    from wire import Jack  # needs LSL's configuration from above

    with closing(Jack()) as server:
        os.environ["JACK_DEFAULT_SERVER"] = server.name
        yield server
        del os.environ["JACK_DEFAULT_SERVER"]
