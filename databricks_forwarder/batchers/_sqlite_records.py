"""
Records in and out of a spool file: storing, reading a few at a time, moving.
"""

from __future__ import annotations

import zlib
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

import attrs

from databricks_forwarder.batchers._sqlite_errors import malformed
from databricks_forwarder.batchers._sqlite_file import text_crc
from databricks_forwarder.batchers.rules import checked_checkpoint
from databricks_forwarder.model import (
    Offset,
    OffsetRange,
)

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping, Sequence

    from databricks_forwarder.model import Payload

__all__ = [
    "LOST",
    "SAY_LOST",
    "Entry",
    "counted",
    "crc_of",
    "entry_of",
    "from_micros",
    "insert",
    "is_moment",
    "put_checkpoint",
    "read_checkpoint",
    "replay",
    "to_micros",
]

LOST = -1
"""
In place of a CRC-32: a repair could not read the record, it keeps the place.
"""

SAY_LOST = "the record could not be read when the spool was repaired"

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_MICROSECOND = timedelta(microseconds=1)


def to_micros(at: datetime) -> int:
    """
    Count the microseconds since 1970 in UTC, exactly.
    """
    return (at - _EPOCH) // _MICROSECOND


def from_micros(micros: int) -> datetime:
    """
    Give the moment that `to_micros` counted.

    Raises:
        sqlite3.DatabaseError: It counted none such.
    """
    try:
        return _EPOCH + micros * _MICROSECOND
    except (OverflowError, TypeError, ValueError):
        raise malformed("a moment that is none") from None


def is_moment(micros: int) -> bool:
    """
    Tell whether `from_micros` gives a moment.
    """
    return abs(micros) < 10**17


def counted(number: object) -> int:
    """
    Give a number of messages as it is in the file.

    Raises:
        sqlite3.DatabaseError: It is none.
    """
    if isinstance(number, int) and 0 <= number < 2**53:
        return number
    raise malformed("a number of messages that is none")


def crc_of(payload: bytes, received_at: object, message_count: object) -> int:
    """
    Give the CRC-32 of what a record says, which is kept beside it.

    Args:
        payload: Its bytes.
        received_at: Its column, as it is in the file.
        message_count: The same.
    """
    return zlib.crc32(payload, zlib.crc32(f"{received_at} {message_count} ".encode()))


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

    def offsets(self, first: int) -> OffsetRange | None:
        """
        Give the offsets of its rows from *first* on; None if it has none.
        """
        if not self.rows:
            return None
        return OffsetRange(Offset(first), Offset(first + len(self.rows) - 1))


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
                crc_of(payload.document, received_at, payload.message_count),
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
    for name, place in entry.checkpoint.items():
        put_checkpoint(database, name, place)
    return entry.offsets(first)


def put_checkpoint(database: sqlite3.Connection, name: str, place: str) -> None:
    """
    Keep the host's position *place* under *name*.
    """
    database.execute(
        "INSERT OR REPLACE INTO checkpoints (name, place, crc) VALUES (?, ?, ?)",
        (name, place, text_crc(name, place)),
    )


def read_checkpoint(database: sqlite3.Connection) -> dict[str, str]:
    """
    Read the host's positions by name.

    Raises:
        sqlite3.DatabaseError: One of them is not what was stored: a host that
            went on from there might pass over what it never handed in.
    """
    places = {}
    for name, place, crc in database.execute("SELECT * FROM checkpoints"):
        if text_crc(str(name), str(place)) != crc:
            raise malformed("a checkpoint is not what was stored")
        places[name] = place
    return places


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
