"""
Records of committed loads on their way out of a spool file, some at a time.

A load of a hundred thousand events takes a good part of a second to remove. Who
stores something meanwhile should not wait for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from databricks_forwarder.batchers._sqlite_errors import malformed

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

__all__ = ["go_on", "let_go", "removals"]

# Removed in a few milliseconds, so that the sync is not most of it.
_RECORDS = 128


def let_go(database: sqlite3.Connection, load_id: str, first: int, last: int) -> None:
    """
    Note that the records of a load that is committed are to be removed.
    """
    database.execute(
        "INSERT INTO removals (first, last, load_id) VALUES (?, ?, ?)",
        (first, last, load_id),
    )


def go_on(database: sqlite3.Connection) -> bool:
    """
    Remove some records, the oldest first; tell whether more are to be removed.

    Raises:
        sqlite3.DatabaseError: What is noted is not as it was.
    """
    spans = list(removals(database))
    if not spans:
        return False
    first, last = spans[0]
    found = database.execute(
        "SELECT offset FROM records INDEXED BY records_sizes"
        " WHERE offset BETWEEN ? AND ? ORDER BY offset LIMIT ?",
        (first, last, _RECORDS),
    ).fetchall()
    if found:
        within = (first, found[-1][0])
        database.execute(
            "UPDATE spool SET stored_bytes = stored_bytes - coalesce("
            "(SELECT sum(length(payload)) FROM records WHERE offset BETWEEN ? AND ?),"
            " 0)",
            within,
        )
        database.execute("DELETE FROM records WHERE offset BETWEEN ? AND ?", within)
    if len(found) == _RECORDS:
        return True
    database.execute("DELETE FROM removals WHERE first = ?", (first,))
    return len(spans) > 1


def removals(database: sqlite3.Connection) -> Iterator[tuple[int, int]]:
    """
    Give the offsets of the loads whose records are being removed, in order.

    Raises:
        sqlite3.DatabaseError: One is not as it was noted: what it names might
            not be loaded.
    """
    rows = database.execute("SELECT first, last, load_id FROM removals ORDER BY first")
    for first, last, load_id in rows:
        if not str(load_id).endswith(f"-{first}-{last}"):
            raise malformed("what is to be removed is not as it was noted")
        yield first, last
