"""A real browser without a screen, driven by Chromium's own DevTools protocol."""

import base64
import contextlib
import itertools
import json
import os
import shutil
import subprocess
import tempfile
import time
from functools import cache
from pathlib import Path
from urllib.request import urlopen

from websockets.sync.client import connect

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
SOON_S = 15.0
FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
    "--disable-extensions", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--mute-audio", "--hide-scrollbars", "--remote-debugging-port=0",
)  # fmt: skip


@cache
def found():
    """Where a browser is that runs (some systems have a stub that does not); None without one."""
    asked = os.environ.get("EMOCAPSULE_BROWSER")
    paths = [asked] if asked else [path for name in NAMES if (path := shutil.which(name))]
    return next((path for path in paths if _runs(path)), None)


def _runs(path):
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        return (
            subprocess.run([path, "--version"], capture_output=True, timeout=SOON_S).returncode == 0
        )
    return False


class Browser:
    """One browser with a profile of its own; `open` gives a tab."""

    def __init__(self):
        self._folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        self._process = subprocess.Popen(
            [found(), *FLAGS, f"--user-data-dir={self._folder.name}", "about:blank"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        told = Path(self._folder.name, "DevToolsActivePort")
        end_s = time.monotonic() + 2 * SOON_S
        while not (told.exists() and "\n" in told.read_text()):
            assert time.monotonic() < end_s, "the browser did not start"
            time.sleep(0.02)
        self._port = int(told.read_text().splitlines()[0])

    def open(self, address, width=1440, height=900):
        """A tab at this address."""
        with urlopen(f"http://127.0.0.1:{self._port}/json/list") as answer:
            (tab,) = (one for one in json.load(answer) if one["type"] == "page")
        return Tab(tab["webSocketDebuggerUrl"], address, width, height)

    def close(self):
        self._process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(5.0)
        self._process.kill()
        self._process.wait()
        self._folder.cleanup()


class Tab:
    """The browser's one tab; what went wrong in it is kept in `errors`."""

    def __init__(self, line, address, width, height):
        self.errors = []
        self._numbers = itertools.count(1)
        self._open = contextlib.ExitStack()
        self._line = self._open.enter_context(connect(line, max_size=None, proxy=None))
        for domain in ("Page", "Runtime", "Log"):
            self._call(f"{domain}.enable")
        self.resize(width, height)
        self.go(address)

    def go(self, address):
        self._call("Page.navigate", url="about:blank")
        self._call("Page.navigate", url=address)
        self.until("document.readyState === 'complete' && location.href !== 'about:blank'", "load")

    def resize(self, width, height):
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self._call("Emulation.setDeviceMetricsOverride", **metrics)

    def run(self, script):
        """The value of an expression in the page."""
        told = self._call("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in told, told["exceptionDetails"]
        return told["result"].get("value")

    def until(self, script, why=None):
        """Wait until an expression in the page is true; its value."""
        end_s = time.monotonic() + SOON_S
        while True:
            if value := self.run(script):
                return value
            assert time.monotonic() < end_s, f"waited in vain for {why or script}"
            time.sleep(0.03)

    def text(self, selector):
        return self.run(f"document.querySelector({json.dumps(selector)})?.textContent")

    def click(self, selector):
        box = self.run(
            f"((one) => {{ one.scrollIntoView({{block: 'center'}});"
            f" const {{x, y, width, height}} = one.getBoundingClientRect();"
            f" return [x + width / 2, y + height / 2]; }})"
            f"(document.querySelector({json.dumps(selector)}))"
        )
        for kind in ("mousePressed", "mouseReleased"):
            where = {"x": box[0], "y": box[1], "button": "left", "clickCount": 1}
            self._call("Input.dispatchMouseEvent", type=kind, **where)

    def key(self, key, code, number):
        for kind in ("keyDown", "keyUp"):
            told = {"key": key, "code": code, "windowsVirtualKeyCode": number}
            self._call("Input.dispatchKeyEvent", type=kind, **told)

    def picture(self, path, whole=False):
        """A screenshot as PNG; `whole`: of all that could be scrolled to."""
        told = self._call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        Path(path).write_bytes(base64.b64decode(told["data"]))

    def close(self):
        self._open.close()

    def _call(self, method, **told):
        number = next(self._numbers)
        self._line.send(json.dumps({"id": number, "method": method, "params": told}))
        while True:
            message = json.loads(self._line.recv(SOON_S))
            self._notice(message)
            if message.get("id") == number:
                assert "error" not in message, message["error"]
                return message["result"]

    def _notice(self, message):
        told = message.get("params", {})
        if message.get("method") == "Runtime.exceptionThrown":
            thrown = told["exceptionDetails"]
            self.errors.append(thrown.get("exception", {}).get("description", thrown["text"]))
        elif message.get("method") == "Log.entryAdded" and told["entry"]["level"] == "error":
            self.errors.append(told["entry"]["text"])
