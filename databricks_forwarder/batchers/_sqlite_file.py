"""
The spool file itself: making it, opening it, and where SQLite's errors cross.
"""

from __future__ import annotations

import os
import secrets
import sqlite3
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

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

__all__ = ["APPLICATION_ID", "FORMAT", "connect", "create", "crossed", "crossing"]

APPLICATION_ID = 0x6D_70_64_66
"""The letters ``mpdf``, in the header of each spool file."""

FORMAT = 1
"""Version of the layout; see `databricks_forwarder.batchers.sqlite`."""

# How long to wait for another process that is writing.
_BUSY_SECONDS = 30.0

_LAYOUT = f"""
BEGIN IMMEDIATE;
CREATE TABLE spool (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    id TEXT NOT NULL,
    next_offset INTEGER NOT NULL DEFAULT 0,
    next_waiting INTEGER NOT NULL DEFAULT 0,
    received INTEGER NOT NULL DEFAULT 0,
    loaded INTEGER NOT NULL DEFAULT 0,
    dead INTEGER NOT NULL DEFAULT 0,
    dropped INTEGER NOT NULL DEFAULT 0,
    stored_bytes INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE records (
    offset INTEGER PRIMARY KEY,
    received_at INTEGER NOT NULL,
    message_count INTEGER NOT NULL,
    crc INTEGER NOT NULL,
    payload BLOB NOT NULL
);
CREATE INDEX records_sizes ON records (offset, message_count, received_at);
CREATE TABLE loads (
    first INTEGER PRIMARY KEY,
    last INTEGER NOT NULL,
    load_id TEXT NOT NULL UNIQUE,
    message_count INTEGER NOT NULL,
    attempt INTEGER NOT NULL DEFAULT 0,
    holder TEXT,
    is_guarded INTEGER NOT NULL DEFAULT 0,
    expires_at INTEGER NOT NULL DEFAULT 0,
    loaded INTEGER NOT NULL DEFAULT 0,
    dropped INTEGER NOT NULL DEFAULT 0,
    report TEXT
);
CREATE TABLE notes (
    load_id TEXT NOT NULL,
    key TEXT NOT NULL,
    text TEXT NOT NULL,
    PRIMARY KEY (load_id, key)
) WITHOUT ROWID;
CREATE TABLE committed (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    load_id TEXT NOT NULL UNIQUE,
    report TEXT NOT NULL
);
CREATE TABLE dead_letters (
    offset INTEGER PRIMARY KEY,
    received_at INTEGER NOT NULL,
    message_count INTEGER NOT NULL,
    crc INTEGER NOT NULL,
    payload BLOB NOT NULL,
    reason TEXT NOT NULL,
    load_id TEXT NOT NULL
);
CREATE TABLE checkpoints (
    name TEXT PRIMARY KEY,
    place TEXT NOT NULL
) WITHOUT ROWID;
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {FORMAT};
"""


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


def connect(path: Path) -> sqlite3.Connection:
    """
    Connect to an existing spool file, so that what is committed is on disk.

    Raises:
        ConfigurationError: It is no spool file, or one of a newer format.
    """
    database = _connect(path, "rw")
    try:
        _require_ours(database, path)
        # A power cut costs no committed transaction; fullfsync is the same
        # for macOS, where an ordinary fsync does not reach the disk.
        database.execute("PRAGMA synchronous = FULL")
        database.execute("PRAGMA fullfsync = ON")
        # A large load makes a large log; it need not stay so.
        database.execute("PRAGMA journal_size_limit = 67108864")
    except BaseException:
        database.close()
        raise
    return database


def create(path: Path) -> None:
    """
    Make an empty spool file, all at once; do nothing when there is a file.

    It is made under another name and then linked, so that no other process
    sees half of it. What a crash leaves behind ends in ``.new``.

    Raises:
        ConfigurationError: The folder is missing, or can't hold a spool.
    """
    if path.exists():
        return
    if not path.parent.is_dir():
        msg = f"the folder {path.parent} does not exist; make it, or name another spool"
        raise ConfigurationError(msg)
    fresh = path.with_name(f"{path.name}.{secrets.token_hex(4)}.new")
    try:
        with (
            crossing("making the spool", fresh),
            closing(_connect(fresh, "rwc")) as new,
        ):
            new.execute("PRAGMA journal_mode = WAL")
            new.execute("PRAGMA synchronous = FULL")
            new.executescript(_LAYOUT)
            new.execute(
                "INSERT INTO spool (only, id) VALUES (1, ?)", (secrets.token_hex(6),)
            )
            new.execute("COMMIT")
        # It will hold people's data; what SQLite puts beside it follows suit.
        fresh.chmod(0o600)
        _link(fresh, path)
    finally:
        fresh.unlink(missing_ok=True)


@contextmanager
def crossing(doing: str, path: Path) -> Iterator[None]:
    """
    Turn SQLite's errors into ours.
    """
    try:
        yield
    except sqlite3.Error as error:
        raise crossed(error, doing, path) from error


def crossed(error: sqlite3.Error, doing: str, path: Path) -> ForwarderError:
    """
    Say in our words what SQLite refused: the only place where they cross.

    The text decides, since Python 3.10 knows no error codes.
    """
    text = str(error)
    if "not a database" in text:
        return _foreign(path)
    for words, kind, advice in _FATES:
        if words in text:
            return kind(f"{doing} in {path} failed: {advice}")
    return BatcherError(
        f"{doing} in {path} failed: {text}; what was acknowledged before is safe, "
        "what was handed in now may be handed in again"
    )


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    return sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}",
        uri=True,
        timeout=_BUSY_SECONDS,
        isolation_level=None,
        # One thread at a time is seen to by a lock of ours.
        check_same_thread=False,
    )


def _require_ours(database: sqlite3.Connection, path: Path) -> None:
    (application_id,) = database.execute("PRAGMA application_id").fetchone()
    (version,) = database.execute("PRAGMA user_version").fetchone()
    if application_id != APPLICATION_ID:
        raise _foreign(path)
    if version > FORMAT:
        msg = (
            f"{path} is a spool of format {version}, this version of the library reads "
            f"up to {FORMAT}: install the version that wrote it, or a newer one"
        )
        raise ConfigurationError(msg)


def _foreign(path: Path) -> ConfigurationError:
    return ConfigurationError(
        f"{path} is no spool of this library; name a file that is, or one that does "
        "not exist yet"
    )


def _link(fresh: Path, path: Path) -> None:
    try:
        os.link(fresh, path)
    except FileExistsError:
        # Another process was faster; its spool is as good.
        return
    except OSError as error:
        msg = (
            f"making the spool {path} failed: {error.strerror}; name a file on a local "
            "disk, whose file system has hard links and locks"
        )
        raise ConfigurationError(msg) from error
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
