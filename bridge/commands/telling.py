"""What a command tells a person while it works: on the error stream; results have the other."""

import contextlib
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from bridge.errors import BridgeError

Item = TypeVar("Item")


def say(sentence: str) -> None:
    """Tell a sentence at once."""
    print(sentence, file=sys.stderr, flush=True)


def writable(path: Path) -> Any:
    """The file, opened to be written. BridgeError if it cannot be."""
    try:
        return path.open("w", encoding="utf-8", newline="\n")
    except OSError as problem:
        raise BridgeError(
            f"{path} cannot be written ({problem.strerror}); choose another folder."
        ) from problem


def progress(items: Iterable[Item], told: str, total: int) -> Iterable[Item]:
    """The items, with a bar on the error stream where a person watches."""
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    watched = console.is_terminal
    return track(items, told, total, console=console, transient=True, disable=not watched)


@contextlib.contextmanager
def bar(told: str, total: float) -> Iterator[Callable[[float], None]]:
    """A bar to be told how far the work is."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as shown:
        task = shown.add_task(told, total=total)
        yield lambda done: shown.update(task, completed=min(done, total))


def session_folder(wanted: Path | None, name: str) -> Path:
    """A new session folder. BridgeError if there is a session in it already."""
    folder = wanted or Path("sessions") / f"{time.strftime('%Y-%m-%d-%H%M%S')}-{name}"
    if (folder / "session.json").exists():
        raise BridgeError(f"{folder} holds a session already; choose another folder.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise BridgeError(
            f"{folder} cannot be made ({problem.strerror}); choose another folder."
        ) from problem
    return folder
