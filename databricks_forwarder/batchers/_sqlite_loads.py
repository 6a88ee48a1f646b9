"""
Loads in a spool file: making, handing out, settling; and the account.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from databricks_forwarder._codec import from_text, to_text
from databricks_forwarder.batchers._rules import is_due, name_load, take
from databricks_forwarder.batchers._sqlite_records import from_micros
from databricks_forwarder.model import (
    Account,
    BatcherStatus,
    LoadId,
    LoadReport,
    Offset,
    OffsetRange,
)

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable
    from datetime import datetime

    from databricks_forwarder.settings import UploadPolicy

__all__ = [
    "KeptLoad",
    "commit",
    "find_load",
    "is_committed",
    "new_load",
    "next_open_load",
    "notes_of",
    "park",
    "read_reports",
    "read_status",
]

# With a load every 90 minutes, more than a year.
_KEPT_REPORTS = 10_000

_COLUMNS = (
    "load_id, first, last, message_count, attempt, holder, is_guarded, expires_at,"
    " loaded, dropped"
)


@attrs.frozen
class KeptLoad:
    """
    A row of ``loads``.

    Attributes:
        expires_at: Microseconds since 1970.
        loaded: Messages that the totals count as loaded already.
        dropped: Messages that the totals count as dropped already.
    """

    load_id: LoadId
    first: int
    last: int
    message_count: int
    attempt: int
    holder: str | None
    is_guarded: int
    expires_at: int
    loaded: int
    dropped: int

    @property
    def offsets(self) -> OffsetRange:
        """
        The offsets of its records.
        """
        return OffsetRange(Offset(self.first), Offset(self.last))


def next_open_load(database: sqlite3.Connection) -> KeptLoad | None:
    """
    Find the load that is out, else the open one with the lowest offsets.
    """
    row = database.execute(
        f"SELECT {_COLUMNS} FROM loads WHERE report IS NULL"  # noqa: S608 (our own text)
        " ORDER BY holder IS NULL, first LIMIT 1"
    ).fetchone()
    return None if row is None else KeptLoad(*row)


def find_load(database: sqlite3.Connection, load_id: LoadId) -> KeptLoad | None:
    """
    Find a load that is not committed.
    """
    row = database.execute(
        f"SELECT {_COLUMNS} FROM loads WHERE load_id = ?",  # noqa: S608 (our own text)
        (load_id,),
    ).fetchone()
    return None if row is None else KeptLoad(*row)


def new_load(
    database: sqlite3.Connection, policy: UploadPolicy, at: datetime, *, seal: bool
) -> KeptLoad | None:
    """
    Make a load of the oldest waiting records, if it is due or sealed.
    """
    batcher_id, first, messages, oldest_at = _waiting(database)
    if oldest_at is None:
        return None
    if not seal and not is_due(policy, oldest_at=oldest_at, messages=messages, at=at):
        return None
    rows = database.execute(
        "SELECT offset, message_count FROM records WHERE offset >= ? ORDER BY offset",
        (first,),
    )
    last, messages = take(rows, policy.max_messages)
    rows.close()
    load_id = name_load(batcher_id, first, last)
    database.execute("UPDATE spool SET next_waiting = ?", (last + 1,))
    database.execute(
        "INSERT INTO loads (load_id, first, last, message_count) VALUES (?, ?, ?, ?)",
        (load_id, first, last, messages),
    )
    return find_load(database, load_id)


def notes_of(database: sqlite3.Connection, load_id: LoadId) -> dict[str, str]:
    """
    Read the notes of a load.
    """
    return dict(
        database.execute("SELECT key, text FROM notes WHERE load_id = ?", (load_id,))
    )


def is_committed(database: sqlite3.Connection, load_id: LoadId) -> bool:
    """
    Tell whether the load is among the committed ones that are remembered.
    """
    found = database.execute("SELECT 1 FROM committed WHERE load_id = ?", (load_id,))
    return found.fetchone() is not None


def commit(database: sqlite3.Connection, load: KeptLoad, report: LoadReport) -> None:
    """
    Move the dead, remove the rest, and keep the report in place of the load.
    """
    _count(database, load, report.account)
    for letter in report.dead:
        _bury(database, load, letter.offset, letter.reason)
    within = (load.first, load.last)
    database.execute(
        "UPDATE spool SET stored_bytes = stored_bytes - coalesce("
        "(SELECT sum(length(payload)) FROM records WHERE offset BETWEEN ? AND ?), 0)",
        within,
    )
    database.execute("DELETE FROM records WHERE offset BETWEEN ? AND ?", within)
    database.execute("DELETE FROM notes WHERE load_id = ?", (load.load_id,))
    database.execute("DELETE FROM loads WHERE load_id = ?", (load.load_id,))
    number = (
        database.execute(
            "INSERT INTO committed (load_id, report) VALUES (?, ?)",
            (load.load_id, to_text(report)),
        ).lastrowid
        or 0
    )
    database.execute(
        "DELETE FROM committed WHERE number <= ?", (number - _KEPT_REPORTS,)
    )


def park(database: sqlite3.Connection, load: KeptLoad, report: LoadReport) -> None:
    """
    Set the load aside with its report; what it tells of is counted.
    """
    _count(database, load, report.account)
    database.execute(
        "UPDATE loads SET holder = NULL, loaded = ?, dropped = ?, report = ?"
        " WHERE load_id = ?",
        (report.account.loaded, report.account.dropped, to_text(report), load.load_id),
    )


def read_reports(rows: Iterable[tuple[str]]) -> tuple[LoadReport, ...]:
    """
    Read the reports of rows of one column.
    """
    return tuple(from_text(text, LoadReport) for (text,) in rows)


def read_status(database: sqlite3.Connection) -> BatcherStatus:
    """
    Read how the spool stands; call it in one transaction.
    """
    _, _, waiting, oldest_at = _waiting(database)
    *totals, stored_bytes = database.execute(
        "SELECT received, loaded, dead, dropped, stored_bytes FROM spool"
    ).fetchone()
    (pending,) = database.execute(
        "SELECT (SELECT coalesce(sum(message_count), 0) FROM records)"
        " - (SELECT coalesce(sum(loaded + dropped), 0) FROM loads)"
    ).fetchone()
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


def _waiting(database: sqlite3.Connection) -> tuple[str, int, int, datetime | None]:
    """
    Give the spool's id, the first waiting offset, messages, and oldest receipt.
    """
    batcher_id, first, messages, oldest_at = database.execute(
        "SELECT spool.id, spool.next_waiting, coalesce(sum(message_count), 0),"
        " min(received_at) FROM spool LEFT JOIN records"
        " ON offset >= spool.next_waiting"
    ).fetchone()
    at = None if oldest_at is None else from_micros(oldest_at)
    return batcher_id, first, messages, at


def _count(database: sqlite3.Connection, load: KeptLoad, account: Account) -> None:
    """
    Replace what the totals count of *load* as loaded and dropped.
    """
    database.execute(
        "UPDATE spool SET loaded = loaded + ?, dropped = dropped + ?",
        (account.loaded - load.loaded, account.dropped - load.dropped),
    )


def _bury(
    database: sqlite3.Connection, load: KeptLoad, offset: Offset, reason: str
) -> None:
    """
    Move a record of *load* to the dead letters; pass over one of another.
    """
    buried = database.execute(
        "INSERT INTO dead_letters SELECT offset, received_at, message_count, crc,"
        " payload, ?, ? FROM records WHERE offset = ? AND offset BETWEEN ? AND ?",
        (reason, load.load_id, offset, load.first, load.last),
    ).rowcount
    if buried:
        database.execute(
            "UPDATE spool SET dead = dead +"
            " (SELECT message_count FROM records WHERE offset = ?)",
            (offset,),
        )
        database.execute("DELETE FROM records WHERE offset = ?", (offset,))
