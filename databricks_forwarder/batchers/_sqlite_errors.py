"""
Where SQLite's errors cross over, and what a damaged spool file is told by.
"""

from __future__ import annotations

import shlex
import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING

from databricks_forwarder._disk import room_lacking
from databricks_forwarder.errors import (
    BatcherClosedError,
    BatcherError,
    BatcherFullError,
    ConfigurationError,
    ForwarderError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["crossed", "crossing", "foreign", "malformed", "repair_command"]

_FATES: tuple[tuple[str, type[BatcherError], str], ...] = (
    (
        "disk is full",
        BatcherFullError,
        "the disk is full; nothing was stored, make room",
    ),
    ("closed database", BatcherClosedError, "the spool is closed; nothing was stored"),
    (
        "readonly database",
        BatcherError,
        "the file may not be written; nothing was stored, check its permissions",
    ),
    (
        "unable to open",
        BatcherError,
        "the file can't be opened; check its permissions and the limit of open files",
    ),
    (
        "locked",
        BatcherError,
        "another process was writing all the time; nothing was stored, try again",
    ),
)

_MAY_BE_THERE = (
    "what was acknowledged before is safe, "
    "what was handed in now may be handed in again"
)

# What SQLite, and the reading of what it gives, say of a file that was written
# by something else than SQLite: a disk, a copy, another program.
_DAMAGED = (
    "malformed",
    "not a database",
    "constraint failed",
    "datatype mismatch",
    "no such",
    "has no column",
    "has only",
    "unsupported file format",
    "too big",
)


def malformed(what: str) -> sqlite3.DatabaseError:
    """
    Say as SQLite does that the file is not as it was written.

    Args:
        what: What was found, without anything that a host stored.
    """
    return sqlite3.DatabaseError(f"malformed: {what}")


@contextmanager
def crossing(doing: str, path: Path) -> Iterator[None]:
    """
    Turn SQLite's errors into ours.
    """
    try:
        yield
    except sqlite3.Error as error:
        raise crossed(error, doing, path) from error
    except UnicodeDecodeError:
        # What SQLite says of a damaged schema quotes it.
        found = malformed("a text that is not UTF-8")
        raise crossed(found, doing, path) from None


def crossed(error: sqlite3.Error, doing: str, path: Path) -> ForwarderError:
    """
    Say in our words what SQLite refused: the only place where they cross.

    The text decides, since Python 3.10 knows no error codes.
    """
    text = str(error)
    if "not a database" in text:
        return foreign(path)
    lacking = room_lacking(text, path)
    if lacking and "disk is full" not in text:
        # Only of what SQLite itself calls full it is sure that nothing is there.
        return BatcherError(f"{doing} in {path} failed: {lacking}; {_MAY_BE_THERE}")
    for words, kind, advice in _FATES:
        if words in text:
            return kind(f"{doing} in {path} failed: {advice}")
    if any(words in text for words in _DAMAGED):
        return BatcherError(
            f"{doing} in {path} failed: the file is damaged ({text}); nothing more was "
            "stored, and a repair keeps what can be read. Close what uses it and run: "
            f"{repair_command(path)}"
        )
    return BatcherError(f"{doing} in {path} failed: {text}; {_MAY_BE_THERE}")


def foreign(path: Path) -> ConfigurationError:
    """
    Say that *path* is not one of ours, whatever it may have been.
    """
    return ConfigurationError(
        f"{path} is no spool of this library; name a file that is, or one that does "
        f"not exist yet. If it was a spool before, run: {repair_command(path)}"
    )


def repair_command(path: Path) -> str:
    """
    Spell the command that mends *path*.
    """
    return f"python -m databricks_forwarder repair --spool {shlex.quote(str(path))}"
