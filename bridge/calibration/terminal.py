"""The listener of a sitting, at the keyboard."""

from __future__ import annotations

import os
import queue
import sys
import threading


class Terminal:
    """The listener at the keyboard: a thread waits for lines, so that nobody else has to.

    It reads the file as it is: a buffer that is being waited for cannot be closed at the end.
    """

    def __init__(self, file: int = 0) -> None:
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        threading.Thread(target=self._listen, args=(file,), daemon=True).start()

    def _listen(self, file: int) -> None:
        pending = b""
        while piece := os.read(file, 4096):
            *lines, pending = (pending + piece).split(b"\n")
            for line in lines:
                self._lines.put(line.decode(errors="replace").strip())
        self._lines.put("q")  # nobody is there any more

    def say(self, text: str) -> None:
        """A sentence of its own."""
        self.ask(f"{text}\n")

    def ask(self, text: str) -> None:
        """A question, with room for the answer."""
        sys.stderr.write(text)
        sys.stderr.flush()

    def answer(self) -> str | None:
        """The next line, if there is one."""
        try:
            return self._lines.get_nowait()
        except queue.Empty:
            return None
