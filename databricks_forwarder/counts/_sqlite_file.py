"""
The file of counts: its tables, whose it is, and its errors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from databricks_forwarder._disk import room_lacking
from databricks_forwarder.errors import (
    ConfigurationError,
    ForwarderError,
    SetupError,
    TransientError,
)

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path


__all__ = ["LAYOUT", "crossed", "is_new"]

_APPLICATION_ID = 0x6D706663
_FORMAT = 1

# Each can be done twice: two processes may make the file at once.
LAYOUT = (
    """
    CREATE TABLE IF NOT EXISTS buckets (
        kind TEXT NOT NULL,
        day TEXT NOT NULL,
        messages INTEGER NOT NULL,
        PRIMARY KEY (kind, day)
    ) WITHOUT ROWID
    """,
    "CREATE INDEX IF NOT EXISTS buckets_by_day ON buckets (day)",
    """
    CREATE TABLE IF NOT EXISTS counted_loads (
        load_id TEXT PRIMARY KEY
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE IF NOT EXISTS names (
        owner TEXT PRIMARY KEY,
        name TEXT NOT NULL UNIQUE
    ) WITHOUT ROWID
    """,
    f"PRAGMA application_id = {_APPLICATION_ID}",
    f"PRAGMA user_version = {_FORMAT}",
)


def is_new(connection: sqlite3.Connection, path: Path) -> bool:
    """
    Whether the file is empty yet; else it is one of event counts.

    Raises:
        ConfigurationError: It is not one of event counts, or of a format that
            this version can't read.
    """
    # One statement: another process may be making the file meanwhile.
    ((application_id, version, table_count),) = connection.execute(
        "SELECT application_id, user_version, (SELECT count(*) FROM sqlite_master)"
        " FROM pragma_application_id, pragma_user_version"
    )
    if (application_id, version, table_count) == (0, 0, 0):
        return True
    if application_id != _APPLICATION_ID:
        msg = f"{path} is not a file of event counts; choose another path"
        raise ConfigurationError(msg)
    if version < 1:
        msg = (
            f"{path} has format {version}, which no version of "
            "databricks-forwarder has written; put back a copy, or choose another "
            "path"
        )
        raise ConfigurationError(msg)
    if version > _FORMAT:
        msg = (
            f"{path} has format {version}, this version of "
            f"databricks-forwarder reads up to {_FORMAT}; install a newer one"
        )
        raise ConfigurationError(msg)
    return False


def crossed(error: sqlite3.Error, doing: str, path: Path) -> ForwarderError:
    """
    Turn SQLite's error into ours, by its text: Python 3.10 has no codes.
    """
    reason = str(error)
    if "lock" in reason or "busy" in reason:
        return TransientError(f"could not {doing} {path}: another process holds it")
    if "not a database" in reason:
        msg = f"{path} is not a file of event counts; choose another path"
        return ConfigurationError(msg)
    if lacking := room_lacking(reason, path):
        return SetupError(f"could not {doing} {path}: {lacking}")
    return SetupError(f"could not {doing} {path}: {reason}; see to its folder and disk")
