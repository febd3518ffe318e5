"""What tests share: an LSL network of their own, and where the data is that is not in the repo."""

import os
import tempfile
import uuid
from contextlib import closing
from pathlib import Path

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


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Side by side (`-n 2 --dist loadgroup`) what runs in real time takes turns on one worker."""
    if not config.pluginmanager.hasplugin("xdist"):
        return
    for item in items:
        wire = item.get_closest_marker("lsl") or item.get_closest_marker("jack")
        group = "wire" if wire else item.nodeid.partition("::")[0]
        item.add_marker(pytest.mark.xdist_group(group))


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
