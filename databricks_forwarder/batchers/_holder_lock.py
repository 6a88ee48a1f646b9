"""
A lock that tells the living from the dead.

The operating system gives it back when the process that has it ends, however
it ends. So whoever can take it knows that its last owner is gone.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["HolderLock"]

# Not on every operating system; without it nobody ever takes the lock.
_fcntl: Any = (
    importlib.import_module("fcntl") if importlib.util.find_spec("fcntl") else None
)


class HolderLock:
    """
    An advisory lock on a file, for one holder of a load at a time.

    It belongs to this object, not to the process: two objects exclude each
    other also within a process.

    Args:
        path: The file; made when the lock is first asked for, never removed,
            since removing it would let two owners in.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: int | None = None

    @property
    def is_taken(self) -> bool:
        """
        Whether this object has the lock.
        """
        return self._file is not None

    def take(self) -> bool:
        """
        Take the lock if nobody else has it; tell whether it is taken now.
        """
        if self._file is None and _fcntl is not None:
            self._file = self._locked()
        return self.is_taken

    def release(self) -> None:
        """
        Give the lock back, also in the name of forked children.
        """
        if self._file is not None:
            _fcntl.flock(self._file, _fcntl.LOCK_UN)
            self.forget()

    def forget(self) -> None:
        """
        Close this process's copy; another process's copy keeps the lock.
        """
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _locked(self) -> int | None:
        try:
            file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError:
            # Without the file there is only expiry: slower, as safe.
            return None
        try:
            _fcntl.flock(file, _fcntl.LOCK_EX | _fcntl.LOCK_NB)
        except OSError:
            os.close(file)
            return None
        return file
