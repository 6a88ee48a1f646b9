"""
Loads in a spool file: making, handing out, settling; and the account.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from databricks_forwarder._codec import to_text
from databricks_forwarder.batchers._sqlite_account import read_waiting, require_all
from databricks_forwarder.batchers._sqlite_errors import malformed
from databricks_forwarder.batchers._sqlite_records import counted
from databricks_forwarder.batchers._sqlite_removals import let_go
from databricks_forwarder.batchers.rules import is_due, name_load, take
from databricks_forwarder.model import (
    Account,
    Lease,
    LoadId,
    LoadReport,
    Offset,
    OffsetRange,
)

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from databricks_forwarder.model import DamagedRecord, Record
    from databricks_forwarder.settings import UploadPolicy

__all__ = [
    "KeptLoad",
    "commit",
    "find_load",
    "is_committed",
    "keep_alive",
    "kept_loads",
    "new_load",
    "next_open_load",
    "open_again",
    "park",
]

_NOT_AS_MADE = "a load is not as it was made"

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

    def handed_out(
        self, notes: Mapping[str, str], records: Iterable[Record | DamagedRecord]
    ) -> Lease:
        """
        The lease of a load that was just handed out once more.
        """
        return Lease(
            load_id=self.load_id,
            offsets=self.offsets,
            message_count=self.message_count,
            attempt=self.attempt + 1,
            notes=notes,
            records=records,
        )


def next_open_load(database: sqlite3.Connection) -> KeptLoad | None:
    """
    Find the load that is out, else the open one with the lowest offsets.
    """
    row = database.execute(
        f"SELECT {_COLUMNS} FROM loads WHERE report IS NULL"  # noqa: S608 (our own text)
        " ORDER BY holder IS NULL, first LIMIT 1"
    ).fetchone()
    return None if row is None else _kept(row)


def find_load(database: sqlite3.Connection, load_id: LoadId) -> KeptLoad | None:
    """
    Find a load that is not committed.
    """
    row = database.execute(
        f"SELECT {_COLUMNS} FROM loads WHERE load_id = ?",  # noqa: S608 (our own text)
        (load_id,),
    ).fetchone()
    return None if row is None else _kept(row)


def kept_loads(database: sqlite3.Connection) -> list[KeptLoad]:
    """
    Read all loads that are not committed, in the order of their offsets.
    """
    rows = database.execute(f"SELECT {_COLUMNS} FROM loads ORDER BY first")  # noqa: S608 (our own text)
    return [_kept(row) for row in rows]


def _kept(row: Sequence[Any]) -> KeptLoad:
    load = KeptLoad(*row)
    numbers = (load.first, load.last, load.message_count, load.attempt, load.expires_at)
    is_whole = all(isinstance(number, int) for number in numbers)
    if not is_whole or not str(load.load_id).endswith(f"-{load.first}-{load.last}"):
        raise malformed(_NOT_AS_MADE)
    return load


def new_load(
    database: sqlite3.Connection, policy: UploadPolicy, at: datetime, *, seal: bool
) -> KeptLoad | None:
    """
    Make a load of the oldest waiting records, if it is due or sealed.
    """
    batcher_id, first, messages, oldest_at = read_waiting(database)
    if oldest_at is None:
        return None
    if not seal and not is_due(policy, oldest_at=oldest_at, messages=messages, at=at):
        return None
    require_all(database)
    rows = database.execute(
        "SELECT offset, message_count FROM records INDEXED BY records_sizes"
        " WHERE offset >= ? ORDER BY offset",
        (first,),
    )
    last, messages = take(_in_a_row(rows, first), policy.max_messages)
    rows.close()
    load_id = name_load(batcher_id, first, last)
    database.execute("UPDATE spool SET next_waiting = ?", (last + 1,))
    database.execute(
        "INSERT INTO loads (load_id, first, last, message_count) VALUES (?, ?, ?, ?)",
        (load_id, first, last, messages),
    )
    return find_load(database, load_id)


def is_committed(database: sqlite3.Connection, load_id: LoadId) -> bool:
    """
    Tell whether the load is among the committed ones that are remembered.
    """
    found = database.execute("SELECT 1 FROM committed WHERE load_id = ?", (load_id,))
    return found.fetchone() is not None


def commit(database: sqlite3.Connection, load: KeptLoad, report: LoadReport) -> None:
    """
    Move the dead, let go of the rest, and keep the report in place of the load.
    """
    _count(database, load, report.account)
    for letter in report.dead:
        _bury(database, load, letter.offset, letter.reason)
    let_go(database, load.load_id, load.first, load.last)
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


def keep_alive(database: sqlite3.Connection, load: KeptLoad, expires_at: int) -> None:
    """
    Leave the load with its holder until *expires_at*, in microseconds.
    """
    database.execute(
        "UPDATE loads SET expires_at = ? WHERE load_id = ?", (expires_at, load.load_id)
    )


def open_again(database: sqlite3.Connection, load_id: LoadId) -> bool:
    """
    Make a parked load an open one; tell whether there was one of this name.
    """
    found = [load for load in kept_loads(database) if load.load_id == load_id]
    indexed = database.execute("SELECT 1 FROM loads WHERE load_id = ?", (load_id,))
    if (indexed.fetchone() is None) == bool(found):
        raise malformed(_NOT_AS_MADE)
    opened = database.execute(
        "UPDATE loads SET report = NULL, attempt = 0"
        " WHERE load_id = ? AND report IS NOT NULL",
        (load_id,),
    )
    return bool(opened.rowcount)


def _in_a_row(rows: Iterable[tuple[int, int]], first: int) -> Iterator[tuple[int, int]]:
    for expected, (offset, messages) in enumerate(rows, first):
        if offset != expected:
            msg = f"record {expected} is not in its place"
            raise malformed(msg)
        yield offset, counted(messages)


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
    # What it was counted as is taken where the account takes it: a record whose
    # row is damaged has it whole in the index.
    buried = database.execute(
        "INSERT INTO dead_letters SELECT r.offset, s.received_at, s.message_count,"
        " r.crc, r.payload, ?, ? FROM records AS r"
        " JOIN records AS s INDEXED BY records_sizes ON s.offset = r.offset"
        " WHERE r.offset = ? AND r.offset BETWEEN ? AND ?",
        (reason, load.load_id, offset, load.first, load.last),
    ).rowcount
    if buried:
        database.execute(
            "UPDATE spool SET dead = dead +"
            " (SELECT message_count FROM dead_letters WHERE offset = ?)",
            (offset,),
        )
        database.execute("DELETE FROM records WHERE offset = ?", (offset,))
