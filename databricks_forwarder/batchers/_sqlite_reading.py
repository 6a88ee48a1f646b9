"""
Records and dead letters out of a spool file, a few at a time.
"""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import attrs

from databricks_forwarder.batchers._sqlite_errors import crossing, malformed
from databricks_forwarder.batchers._sqlite_file import connect
from databricks_forwarder.batchers._sqlite_records import (
    LOST,
    SAY_LOST,
    counted,
    crc_of,
    from_micros,
)
from databricks_forwarder.batchers.rules import ERASED, say_changed
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
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["DeadLetters", "LoadRecords", "payloads"]

# A page ends at so many records, or with the record that reaches so many
# bytes: few enough to hold, many enough to forget the cost of asking.
_PAGE_RECORDS = 256
_PAGE_BYTES = 4 * 1024 * 1024

_Row = tuple[Any, ...]


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
        # What was received when, and counted as what, is in the index as well.
        statement = (
            "SELECT r.offset, r.received_at, r.message_count, r.crc,"
            " CAST(r.payload AS BLOB), s.received_at, s.message_count"
            " FROM records AS r LEFT JOIN records AS s INDEXED BY records_sizes"
            " ON s.offset = r.offset"
            " WHERE r.offset > ? AND r.offset <= ? ORDER BY r.offset LIMIT ?"
        )
        expected = self.offsets.first
        with crossing("reading records", self.path):
            for row in _pages(self.path, statement, self.offsets):
                if row[0] != expected:
                    break
                if row[3] != ERASED:
                    yield _record_of(row)
                expected = Offset(expected + 1)
            if expected <= self.offsets.last and self._is_open():
                msg = f"record {expected} is not in its place"
                raise malformed(msg)

    def _is_open(self) -> bool:
        with closing(connect(self.path)) as database:
            found = database.execute(
                "SELECT 1 FROM loads WHERE first = ?", (self.offsets.first,)
            )
            return found.fetchone() is not None


@attrs.frozen
class DeadLetters:
    """
    The dead letters with their payloads, read anew by each iteration.
    """

    path: Path

    def __iter__(self) -> Iterator[DeadLetter]:
        statement = (
            "SELECT offset, received_at, message_count, reason, CAST(payload AS BLOB),"
            " load_id, crc FROM dead_letters"
            " WHERE offset > ? AND offset <= ? ORDER BY offset LIMIT ?"
        )
        every = OffsetRange(Offset(0), Offset(2**63 - 1))
        with crossing("reading dead letters", self.path):
            for row in _pages(self.path, statement, every):
                yield _letter_of(row)


def payloads(
    database: sqlite3.Connection, table: str, first: int
) -> Iterator[tuple[int, bytes]]:
    """
    Read the payloads of a table from an offset on, a few at a time.

    Args:
        database: In a transaction or not.
        table: ``records`` or ``dead_letters``.
        first: The offset; those without bytes are passed over.
    """
    statement = (
        "SELECT offset, 0, 0, 0, CAST(payload AS BLOB)"  # noqa: S608 (our own names)
        f" FROM {table} WHERE offset > ? AND offset <= ? AND length(payload) > 0"
        " ORDER BY offset LIMIT ?"
    )
    offsets = OffsetRange(Offset(first), Offset(2**63 - 1))
    for row in _pages_of(database, statement, offsets):
        yield row[0], row[4]


def _pages(path: Path, statement: str, offsets: OffsetRange) -> Iterator[_Row]:
    """
    Yield the rows of *statement* whose first column is within *offsets*.
    """
    with closing(connect(path)) as database:
        yield from _pages_of(database, statement, offsets)


def _pages_of(
    database: sqlite3.Connection, statement: str, offsets: OffsetRange
) -> Iterator[_Row]:
    before = offsets.first - 1
    while page := _page(database, statement, (before, offsets.last, _PAGE_RECORDS)):
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
            if row[0] <= (page[-1][0] if page else arguments[0]):
                # It would be read again and again.
                raise malformed("rows out of order")
            page.append(row)
            size_bytes += len(row[4] or b"")
            if size_bytes >= _PAGE_BYTES:
                break
    return page


def _record_of(row: _Row) -> Record | DamagedRecord:
    offset, received_at, message_count, crc, payload, *indexed = row
    payload = payload or b""
    for told in ((received_at, message_count), tuple(indexed)):
        if crc_of(payload, *told) == crc:
            return Record(
                offset=Offset(offset),
                received_at=from_micros(told[0]),
                message_count=counted(told[1]),
                payload=payload,
            )
    if None in indexed:
        indexed = [received_at, message_count]
    found = crc_of(payload, received_at, message_count)
    return DamagedRecord(
        offset=Offset(offset),
        received_at=from_micros(indexed[0]),
        message_count=counted(indexed[1]),
        reason=SAY_LOST if crc == LOST else say_changed(found, crc),
    )


def _letter_of(row: _Row) -> DeadLetter:
    offset, received_at, message_count, reason, payload, load_id, crc = row
    payload = payload or b""
    found = crc_of(payload, received_at, message_count)
    return DeadLetter(
        offset=Offset(offset),
        received_at=from_micros(received_at),
        message_count=counted(message_count),
        reason=str(reason),
        load_id=LoadId(str(load_id)),
        payload=payload,
        is_damaged=found != crc,
    )
