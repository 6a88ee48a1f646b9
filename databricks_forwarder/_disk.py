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

__all__ = ["copy_file", "disk_error", "disk_errors", "make_folder", "sync"]

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
