"""
Files that survive a loss of power, and what a disk's refusal means.
"""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING

from databricks_forwarder.errors import ForwarderError, SetupError, TransientError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = [
    "copy_file",
    "disk_error",
    "disk_errors",
    "make_folder",
    "room_lacking",
    "sync",
]

_A_PERSON_MUST_ACT = frozenset(
    {
        errno.EACCES,
        errno.EEXIST,
        errno.EISDIR,
        errno.ELOOP,
        errno.ENAMETOOLONG,
        errno.ENOENT,
        errno.ENOTDIR,
        errno.ENOTEMPTY,
        errno.EPERM,
        errno.EROFS,
    }
)

# Less than SQLite takes at once for its log and its index of the log.
_NO_ROOM = 2**20

# What SQLite takes at once at most: a page of the largest size, and its header.
_LARGEST_WRITE = 2**17


def room_lacking(reason: str, path: Path) -> str | None:
    """
    Say what to do when SQLite failed for want of room, which it often calls I/O.

    Of a log that can't be synced and of an index that can't grow it says no more
    than that the disk failed; how it stands with the disk now tells the rest.

    Args:
        reason: What SQLite says.
        path: Of its file.

    Returns:
        A sentence's end; None if there is room, or nobody can say.
    """
    if "disk is full" in reason:
        return "the disk is full; make room"
    if not any(words in reason for words in ("disk I/O error", "unable to open")):
        return None
    try:
        if shutil.disk_usage(path.parent).free < _NO_ROOM:
            return "the disk is full; make room"
        if "disk I/O error" in reason and _is_at_limit(path):
            return (
                "the file is as large as this process may make one; raise its limit "
                "(ulimit -f)"
            )
    except OSError:
        return None
    return None


def _is_at_limit(path: Path) -> bool:
    """
    Whether SQLite's files have come to the process's limit of file sizes.
    """
    try:
        import resource  # noqa: PLC0415  # not on Windows
    except ImportError:
        return False
    most, _ = resource.getrlimit(resource.RLIMIT_FSIZE)
    if most == resource.RLIM_INFINITY:
        return False
    files = (path.with_name(path.name + end) for end in ("", "-wal", "-shm"))
    sizes = (file.stat().st_size for file in files if file.exists())
    return max(sizes, default=0) + _LARGEST_WRITE > most


def disk_error(error: OSError, doing: str) -> ForwarderError:
    """
    Name the fate of an operating system's error.

    Args:
        error: What the operating system said; its text holds paths only.
        doing: What was being done and to what, to start the sentence with.
    """
    if error.errno in _A_PERSON_MUST_ACT:
        return SetupError(
            f"{doing} failed: {error}; see that the place exists and can be written"
        )
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return TransientError(f"{doing} failed: {error}; make room on the disk")
    if error.errno == errno.EFBIG:
        return TransientError(
            f"{doing} failed: {error}; raise the process's limit of file sizes "
            "(ulimit -f)"
        )
    return TransientError(f"{doing} failed: {error}; it will be tried again")


@contextmanager
def disk_errors(doing: str) -> Iterator[None]:
    """
    Let an operating system's errors cross over into the library's.
    """
    try:
        yield
    except OSError as error:
        raise disk_error(error, doing) from error


def sync(path: Path) -> None:
    """
    Make a file's bytes, or a folder's list of names, survive a loss of power.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_folder(folder: Path) -> None:
    """
    Make *folder* and its parents durably; one that is there is left alone.
    """
    if folder.is_dir():
        return
    make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    sync(folder.parent)


def copy_file(source: Path, target: Path) -> None:
    """
    Copy *source* to *target* durably; *target* is whole whenever it is there.

    What a death leaves half-written has a name of its own that ends in
    ``.tmp``, in the folder of *target*.
    """
    unfinished = target.with_name(f"{target.name}.{secrets.token_hex(4)}.tmp")
    try:
        shutil.copyfile(source, unfinished)
        sync(unfinished)
        unfinished.replace(target)
    finally:
        unfinished.unlink(missing_ok=True)
    sync(target.parent)
