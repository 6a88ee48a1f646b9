"""
The spool file itself: making it, and opening it.
"""

from __future__ import annotations

import os
import secrets
import sqlite3
import zlib
from contextlib import closing
from typing import TYPE_CHECKING

from databricks_forwarder._disk import sync
from databricks_forwarder.batchers._sqlite_errors import (
    crossing,
    foreign,
    malformed,
    repair_command,
)
from databricks_forwarder.errors import BatcherError, ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = [
    "APPLICATION_ID",
    "FORMAT",
    "PAGE_BYTES",
    "connect",
    "create",
    "make",
    "mended_name",
    "text_crc",
]

APPLICATION_ID = 0x6D_70_64_66
"""The letters ``mpdf``, in the header of each spool file."""

FORMAT = 1
"""Version of the layout; see `databricks_forwarder.batchers.sqlite`."""

PAGE_BYTES = 16384
"""
Size of the pages of new spool files.

Batches are a few thousand bytes: of SQLite's own 4096 each would take a page
and the half of another. With these a thousand at once go in a third faster,
and one alone 15 % slower (observed with SQLite 3.40.1).
"""

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
CREATE TABLE removals (
    first INTEGER PRIMARY KEY,
    last INTEGER NOT NULL,
    load_id TEXT NOT NULL
);
CREATE TABLE notes (
    load_id TEXT NOT NULL,
    key TEXT NOT NULL,
    text TEXT NOT NULL,
    crc INTEGER NOT NULL,
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
    place TEXT NOT NULL,
    crc INTEGER NOT NULL
) WITHOUT ROWID;
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {FORMAT};
"""


def connect(path: Path) -> sqlite3.Connection:
    """
    Connect to an existing spool file, so that what is committed is on disk.

    Raises:
        ConfigurationError: It is no spool file, or one of a newer format.
    """
    if mended_name(path).exists():
        msg = (
            f"a repair of {path} was broken off; nothing was stored. "
            f"Run it again: {repair_command(path)}"
        )
        raise BatcherError(msg)
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
        with crossing("making the spool", fresh):
            make(fresh, _begin)
        _link(fresh, path)
    finally:
        fresh.unlink(missing_ok=True)


def make(fresh: Path, fill: Callable[[sqlite3.Connection], None]) -> None:
    """
    Make a whole spool file under a name that nobody looks at, on disk.

    Args:
        fresh: The file; there must be none of this name.
        fill: Writes its rows.

    Raises:
        sqlite3.Error: It can't be made; what there is of it can be removed.
    """
    try:
        # It will hold people's data; what SQLite puts beside it follows suit.
        os.close(os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    except OSError as error:
        msg = f"unable to open database file: {error.strerror}"
        raise sqlite3.OperationalError(msg) from error
    with closing(_connect(fresh, "rw")) as new:
        new.execute(f"PRAGMA page_size = {PAGE_BYTES}")
        new.execute("PRAGMA journal_mode = WAL")
        new.execute("PRAGMA synchronous = FULL")
        new.execute("PRAGMA fullfsync = ON")
        new.executescript(_LAYOUT)
        fill(new)
        new.execute("COMMIT")


def _begin(new: sqlite3.Connection) -> None:
    new.execute("INSERT INTO spool (only, id) VALUES (1, ?)", (secrets.token_hex(6),))


def mended_name(path: Path) -> Path:
    """
    Name what a repair has made of *path* and not yet put in its place.
    """
    return path.with_name(f"{path.name}.mended")


def text_crc(*texts: str) -> int:
    """
    Give the CRC-32 of a row's texts, which is kept beside them.
    """
    return zlib.crc32("\0".join(texts).encode())


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    database = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}",
        uri=True,
        timeout=_BUSY_SECONDS,
        isolation_level=None,
        # One thread at a time is seen to by a lock of ours.
        check_same_thread=False,
    )
    database.text_factory = _text
    return database


def _text(stored: bytes) -> str:
    try:
        return stored.decode()
    except UnicodeDecodeError:
        # SQLite's own error would quote the text.
        raise malformed("a text that is not UTF-8") from None


def _require_ours(database: sqlite3.Connection, path: Path) -> None:
    (application_id,) = database.execute("PRAGMA application_id").fetchone()
    (version,) = database.execute("PRAGMA user_version").fetchone()
    if application_id != APPLICATION_ID:
        raise foreign(path)
    if version < 1:
        msg = (
            f"{path} is a spool of format {version}, which no version of the library "
            "has written; it was not touched. If it was whole before, "
            f"run: {repair_command(path)}"
        )
        raise ConfigurationError(msg)
    if version > FORMAT:
        msg = (
            f"{path} is a spool of format {version}, this version of the library reads "
            f"up to {FORMAT}: install the version that wrote it, or a newer one"
        )
        raise ConfigurationError(msg)


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
    sync(path.parent)
