"""
How a spool file stands: what waits, and the account.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from databricks_forwarder.batchers._sqlite_errors import malformed
from databricks_forwarder.batchers._sqlite_records import counted, from_micros
from databricks_forwarder.model import Account, BatcherStatus, LoadId

if TYPE_CHECKING:
    import sqlite3
    from datetime import datetime

__all__ = ["read_spool", "read_status", "read_waiting", "require_all"]

_ID = re.compile("[0-9a-f]{12}")

_LEFT_OVER = """
    removals CROSS JOIN records INDEXED BY records_sizes
    ON records.offset BETWEEN removals.first AND removals.last
"""
_PENDING = f"""
    SELECT (
        SELECT coalesce(sum(message_count), 0) FROM records INDEXED BY records_sizes
    )
    - (SELECT coalesce(sum(message_count), 0) FROM {_LEFT_OVER})
    - (SELECT coalesce(sum(loaded + dropped), 0) FROM loads)
"""  # noqa: S608 (our own text)
_MISSING = f"""
    SELECT next_offset - next_waiting
    + (SELECT coalesce(sum(last - first + 1), 0) FROM loads)
    - (SELECT count(*) FROM records INDEXED BY records_sizes)
    + (SELECT count(*) FROM {_LEFT_OVER})
    FROM spool
"""  # noqa: S608 (our own text)


def read_status(database: sqlite3.Connection) -> BatcherStatus:
    """
    Read how the spool stands; call it in one transaction.
    """
    _, _, waiting, oldest_at = read_waiting(database)
    *totals, stored_bytes = map(
        counted,
        database.execute(
            "SELECT received, loaded, dead, dropped, stored_bytes FROM spool"
        ).fetchone(),
    )
    require_all(database)
    (pending,) = database.execute(_PENDING).fetchone()
    received, loaded, dead, dropped = totals
    return BatcherStatus(
        account=Account(
            received=received,
            loaded=loaded,
            dead=dead,
            dropped=dropped,
            pending=pending,
        ),
        waiting=waiting,
        oldest_received_at=oldest_at,
        open_load_ids=_load_ids(database, "report IS NULL"),
        parked_load_ids=_load_ids(database, "report IS NOT NULL"),
        stored_bytes=stored_bytes,
    )


def _load_ids(database: sqlite3.Connection, condition: str) -> tuple[LoadId, ...]:
    rows = database.execute(
        f"SELECT load_id FROM loads WHERE {condition} ORDER BY first"  # noqa: S608 (our own text)
    )
    return tuple(load_id for (load_id,) in rows)


def read_waiting(database: sqlite3.Connection) -> tuple[str, int, int, datetime | None]:
    """
    Give the spool's id, the first waiting offset, messages, and oldest receipt.
    """
    batcher_id, first = read_spool(database)
    messages, oldest_at = database.execute(
        "SELECT coalesce(sum(message_count), 0), min(received_at)"
        " FROM records INDEXED BY records_sizes WHERE offset >= ?",
        (first,),
    ).fetchone()
    at = None if oldest_at is None else from_micros(oldest_at)
    return batcher_id, first, counted(messages), at


def read_spool(database: sqlite3.Connection) -> tuple[str, int]:
    """
    Give the spool's id, and the first offset that was never in a load.

    Raises:
        sqlite3.DatabaseError: They are not as they were written.
    """
    row = database.execute("SELECT id, next_waiting FROM spool").fetchone()
    if row is None or not _ID.fullmatch(str(row[0])):
        raise malformed("the spool's own row is not as it was written")
    return row[0], counted(row[1])


def require_all(database: sqlite3.Connection) -> None:
    """
    See that each offset that waits or is in a load has its record.
    """
    row = database.execute(_MISSING).fetchone()
    if row != (0,):
        raise malformed("there are more or fewer records than were stored")
