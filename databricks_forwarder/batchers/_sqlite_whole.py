"""
Whether a spool file is whole: all of it is looked at, nothing is changed.
"""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from databricks_forwarder.batchers._repair_report import RepairReport
from databricks_forwarder.batchers._sqlite_account import read_spool, read_status
from databricks_forwarder.batchers._sqlite_erasures import read_erasures
from databricks_forwarder.batchers._sqlite_errors import crossing
from databricks_forwarder.batchers._sqlite_file import connect
from databricks_forwarder.batchers._sqlite_loads import kept_loads
from databricks_forwarder.batchers._sqlite_log import require_log
from databricks_forwarder.batchers._sqlite_notes import notes_of
from databricks_forwarder.batchers._sqlite_reading import DeadLetters
from databricks_forwarder.batchers._sqlite_records import read_checkpoint
from databricks_forwarder.batchers._sqlite_removals import removals
from databricks_forwarder.batchers._sqlite_reports import read_reports
from databricks_forwarder.errors import BatcherError, ConfigurationError

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path


__all__ = ["look_over"]

# Records that are in no load and don't wait, or say what can't be.
_ASTRAY = """
SELECT 1 FROM records INDEXED BY records_sizes, spool
WHERE NOT (
    (
        offset BETWEEN next_waiting AND next_offset - 1
        OR EXISTS (SELECT 1 FROM loads WHERE offset BETWEEN first AND last)
        OR EXISTS (SELECT 1 FROM removals WHERE offset BETWEEN first AND last)
    )
    AND message_count BETWEEN 0 AND 1 << 53
    AND abs(received_at) < 100000000000000000
)
"""


def look_over(path: Path) -> RepairReport | None:
    """
    Report on a spool that is whole; None when something is wrong with it.
    """
    try:
        with crossing("looking at the spool", path):
            require_log(path)
            with closing(connect(path)) as database:
                database.execute("BEGIN")
                return _looked_over(database, path)
    except (BatcherError, ConfigurationError):
        return None


def _looked_over(database: sqlite3.Connection, path: Path) -> RepairReport | None:
    if database.execute("PRAGMA integrity_check").fetchall() != [("ok",)]:
        return None
    spool_id, _ = read_spool(database)
    is_balanced = read_status(database).account.is_balanced
    if not is_balanced or database.execute(_ASTRAY).fetchone() is not None:
        return None
    read_checkpoint(database)
    read_erasures(database)
    for _ in removals(database):
        pass
    for load in kept_loads(database):
        notes_of(database, load.load_id)
    for table in ("committed", "loads"):
        read_reports(
            database.execute(
                f"SELECT load_id, report FROM {table} WHERE report IS NOT NULL"  # noqa: S608 (our own names)
            )
        )
    for _ in DeadLetters(path):
        pass
    counts = [
        database.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608 (our own names)
        for table in ("records", "dead_letters")
    ]
    return RepairReport(
        id=spool_id, record_count=counts[0], dead_letter_count=counts[1]
    )
