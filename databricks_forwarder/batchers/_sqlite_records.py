"""
Records in and out of a spool file: storing, reading a few at a time, moving.
"""

from __future__ import annotations

import zlib
from contextlib import closing
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import attrs

from databricks_forwarder.batchers._rules import checked, checked_checkpoint
from databricks_forwarder.batchers._sqlite_file import connect, crossing
from databricks_forwarder.model import (
    DamagedRecord,
    DeadLetter,
    LoadId,
    Offset,
    OffsetRange,
    Record,
)

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from databricks_forwarder.model import Payload

__all__ = [
    "DeadLetters",
    "Entry",
    "LoadRecords",
    "entry_of",
    "from_micros",
    "insert",
    "replay",
    "to_micros",
]

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_MICROSECOND = timedelta(microseconds=1)

# A page ends at so many records, or with the record that reaches so many
# bytes: few enough to hold, many enough to forget the cost of asking.
_PAGE_RECORDS = 256
_PAGE_BYTES = 4 * 1024 * 1024

_Row = tuple[Any, ...]


def to_micros(at: datetime) -> int:
    """
    Count the microseconds since 1970 in UTC, exactly.
    """
    return (at - _EPOCH) // _MICROSECOND


def from_micros(micros: int) -> datetime:
    """
    Give the moment that `to_micros` counted.
    """
    return _EPOCH + micros * _MICROSECOND


@attrs.frozen(kw_only=True)
class Entry:
    """
    What one append stores, ready for its columns.

    Attributes:
        rows: Received at, messages, CRC-32 and bytes of each payload.
    """

    rows: Sequence[tuple[int, int, int, bytes]] = attrs.field(repr=False)
    size_bytes: int
    message_count: int
    checkpoint: Mapping[str, str] = attrs.field(repr=False)


def entry_of(
    payloads: Sequence[Payload], at: datetime, checkpoint: Mapping[str, str] | None
) -> Entry:
    """
    Prepare an append, in the thread that asks for it.

    Raises:
        ConfigurationError: The checkpoint is not text to text.
    """
    received_at = to_micros(at)
    return Entry(
        rows=[
            (
                received_at,
                payload.message_count,
                zlib.crc32(payload.document),
                payload.document,
            )
            for payload in payloads
        ],
        size_bytes=sum(len(payload.document) for payload in payloads),
        message_count=sum(payload.message_count for payload in payloads),
        checkpoint=checked_checkpoint(checkpoint),
    )


def insert(
    database: sqlite3.Connection, entry: Entry, first: int
) -> OffsetRange | None:
    """
    Store an entry's rows from offset *first* on, and its checkpoint.
    """
    database.executemany(
        "INSERT INTO records (offset, received_at, message_count, crc, payload)"
        " VALUES (?, ?, ?, ?, ?)",
        ((first + index, *row) for index, row in enumerate(entry.rows)),
    )
    database.executemany(
        "INSERT OR REPLACE INTO checkpoints (name, place) VALUES (?, ?)",
        entry.checkpoint.items(),
    )
    if not entry.rows:
        return None
    return OffsetRange(Offset(first), Offset(first + len(entry.rows) - 1))


def replay(database: sqlite3.Connection, offset: int) -> bool:
    """
    Move a dead letter to the next offset; tell whether there was one.
    """
    moved = database.execute(
        "INSERT INTO records (offset, received_at, message_count, crc, payload)"
        " SELECT spool.next_offset, received_at, message_count, crc, payload"
        " FROM dead_letters, spool WHERE offset = ?",
        (offset,),
    ).rowcount
    if not moved:
        return False
    database.execute(
        "UPDATE spool SET next_offset = next_offset + 1, dead = dead -"
        " (SELECT message_count FROM dead_letters WHERE offset = ?)",
        (offset,),
    )
    database.execute("DELETE FROM dead_letters WHERE offset = ?", (offset,))
    return True


@attrs.frozen
class LoadRecords:
    """
    The records of a load, read anew by each iteration.

    A connection of its own reads a page at a time and leaves no transaction
    open between pages, so that appends and the clearing of the log go on.
    """

    path: Path
    offsets: OffsetRange

    def __iter__(self) -> Iterator[Record | DamagedRecord]:
        statement = (
            "SELECT offset, received_at, message_count, crc, payload FROM records"
            " WHERE offset > ? AND offset <= ? ORDER BY offset LIMIT ?"
        )
        for row in _pages(self.path, statement, self.offsets):
            yield _record_of(row)


@attrs.frozen
class DeadLetters:
    """
    The dead letters with their payloads, read anew by each iteration.
    """

    path: Path

    def __iter__(self) -> Iterator[DeadLetter]:
        statement = (
            "SELECT offset, received_at, message_count, crc, payload, reason, load_id"
            " FROM dead_letters"
            " WHERE offset > ? AND offset <= ? ORDER BY offset LIMIT ?"
        )
        every = OffsetRange(Offset(0), Offset(2**63 - 1))
        for row in _pages(self.path, statement, every):
            yield _letter_of(row)


def _pages(path: Path, statement: str, offsets: OffsetRange) -> Iterator[_Row]:
    """
    Yield the rows of *statement* whose first column is within *offsets*.
    """
    with crossing("reading records", path):
        database = connect(path)
    with closing(database):
        before = offsets.first - 1
        while True:
            with crossing("reading records", path):
                page = _page(database, statement, (before, offsets.last, _PAGE_RECORDS))
            if not page:
                return
            yield from page
            before = page[-1][0]


def _page(
    database: sqlite3.Connection, statement: str, arguments: tuple[int, int, int]
) -> list[_Row]:
    page: list[_Row] = []
    size_bytes = 0
    # Closing the cursor ends its transaction, also when rows are left.
    with closing(database.execute(statement, arguments)) as rows:
        for row in rows:
            page.append(row)
            size_bytes += len(row[4])
            if size_bytes >= _PAGE_BYTES:
                break
    return page


def _record_of(row: _Row) -> Record | DamagedRecord:
    offset, received_at, message_count, crc, payload = row
    record = Record(
        offset=Offset(offset),
        received_at=from_micros(received_at),
        message_count=message_count,
        payload=payload,
    )
    return checked(record, crc)


def _letter_of(row: _Row) -> DeadLetter:
    offset, received_at, message_count, crc, payload, reason, load_id = row
    return DeadLetter(
        offset=Offset(offset),
        received_at=from_micros(received_at),
        message_count=message_count,
        reason=reason,
        load_id=LoadId(load_id),
        payload=payload,
        is_damaged=zlib.crc32(payload) != crc,
    )
