"""
Locks that tell the living from the dead.

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

__all__ = ["HolderLock", "use_lock"]

# Not on every operating system; without it nobody ever takes the lock.
_fcntl: Any = (
    importlib.import_module("fcntl") if importlib.util.find_spec("fcntl") else None
)


def use_lock(path: Path, *, is_shared: bool) -> HolderLock:
    """
    Make the lock that all share who have the spool *path* open for work.

    Who does not share it is alone with the spool.
    """
    return HolderLock(path.with_name(f"{path.name}.use"), is_shared=is_shared)


class HolderLock:
    """
    An advisory lock on a file, for one holder of a load at a time.

    It belongs to this object, not to the process: two objects exclude each
    other also within a process.

    Args:
        path: The file; made when the lock is first asked for, never removed,
            since removing it would let two owners in.
        is_shared: Whether owners that share it let each other in.

    Attributes:
        is_refused: Whether somebody else had it when it was last asked for.
    """

    def __init__(self, path: Path, *, is_shared: bool = False) -> None:
        self._path = path
        self._is_shared = is_shared
        self._file: int | None = None
        self.is_refused = False

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
            file = os.open(self._path, os.O_RDONLY | os.O_CREAT, 0o666)
        except OSError:
            # Without the file there is only expiry: slower, as safe.
            return None
        kind = _fcntl.LOCK_SH if self._is_shared else _fcntl.LOCK_EX
        try:
            _fcntl.flock(file, kind | _fcntl.LOCK_NB)
        except OSError:
            os.close(file)
            self.is_refused = True
            return None
        self.is_refused = False
        return file
