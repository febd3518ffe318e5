"""What a recording needs of a disk: files that grow by whole pieces, a folder nobody has, room."""

import contextlib
import itertools
import os
import shutil
from pathlib import Path

from bridge.errors import BridgeError

ROOM_BYTES = 16 * 2**20  # that must be free to begin anew


class Growing:
    """A file that only grows; what the disk refuses leaves no half piece behind.

    Every call may raise BridgeError: the disk is full, or the file is not there any more.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size_bytes = 0
        try:
            self._file = path.open("wb", buffering=0)
        except OSError as problem:
            raise unwritable(path, problem) from problem

    def write(self, piece: bytes) -> None:
        """Append it: all of it, or nothing."""
        try:
            if self._file.write(piece) != len(piece):
                raise OSError(28, "No space left on device")
        except OSError as problem:
            with contextlib.suppress(OSError):
                os.ftruncate(self._file.fileno(), self.size_bytes)
                self._file.seek(self.size_bytes)
            raise unwritable(self.path, problem) from problem
        self.size_bytes += len(piece)

    def check(self) -> None:
        """BridgeError if the file was deleted: what is written then is in no folder."""
        try:
            if os.path.samestat(os.stat(self.path), os.fstat(self._file.fileno())):
                return
        except OSError:
            pass
        raise BridgeError(f"{self.path} was deleted or moved while it was written.")

    def close(self) -> None:
        """Close it."""
        with contextlib.suppress(OSError):  # some disks say only now that they are full
            self._file.close()


def unwritable(path: Path, problem: OSError) -> BridgeError:
    """The error for a path that cannot be written."""
    return BridgeError(f"{path} cannot be written ({problem.strerror}); choose another folder.")


def free(folder: Path, told: str = "session.json") -> Path:
    """The folder, or `continued`, `continued-2` and so on in it: the first that holds no `told`."""
    names = ("continued" + (f"-{number}" if number > 1 else "") for number in itertools.count(1))
    folders = itertools.chain([folder], (folder / name for name in names))
    return next(one for one in folders if not (one / told).exists())


def roomy(folder: Path) -> bool:
    """Whether there is room where the folder is, or would be."""
    there = next((one for one in (folder, *folder.parents) if one.exists()), folder)
    try:
        return shutil.disk_usage(there).free >= ROOM_BYTES
    except OSError:
        return False
