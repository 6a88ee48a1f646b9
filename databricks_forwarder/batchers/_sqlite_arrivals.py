"""
A few payloads stored by one statement, which is its own transaction.

Between two calls of SQLite a thread waits for the interpreter's lock, up to 5 ms
each time when another one computes. Five statements in a transaction are ten
such calls; this is two.

A statement can't tell which offset it gave without another one. So it is told
the offset, and stores nothing if that is not the next: another process was
faster.
"""

from __future__ import annotations

from functools import cache
from itertools import chain
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

__all__ = ["MOST_ROWS", "arrival", "prepare"]

MOST_ROWS = 32
"""
Rows that are stored so; of more, a transaction costs less.
"""

_NO_LIMIT = 2**62

# Of this connection alone, so that files have nothing of it.
_LAYOUT = """
PRAGMA temp_store = MEMORY;
CREATE TEMP VIEW arrivals AS
SELECT offset, received_at, message_count, crc, payload, 0 AS max_bytes FROM records;
CREATE TEMP TRIGGER arrive INSTEAD OF INSERT ON arrivals BEGIN
    UPDATE spool SET
        next_offset = next_offset + 1,
        stored_bytes = stored_bytes + length(NEW.payload),
        received = received + NEW.message_count
    WHERE next_offset = NEW.offset
        AND stored_bytes + length(NEW.payload) <= NEW.max_bytes;
    SELECT RAISE(ABORT, 'not the next offset, or no room') WHERE changes() = 0;
    INSERT INTO records (offset, received_at, message_count, crc, payload)
    VALUES (NEW.offset, NEW.received_at, NEW.message_count, NEW.crc, NEW.payload);
END;
"""


def prepare(database: sqlite3.Connection) -> None:
    """
    Let a connection store so.
    """
    database.executescript(_LAYOUT)


def arrival(
    rows: Sequence[tuple[int, int, int, bytes]], first: int, max_bytes: int | None
) -> tuple[str, list[Any]]:
    """
    Give the statement that stores *rows* from offset *first* on, and its values.

    It fails with an `sqlite3.IntegrityError`, and stores nothing, if *first* is
    not the next offset or the spool would have more than *max_bytes*.
    """
    limit = _NO_LIMIT if max_bytes is None else max_bytes
    values = [(offset, *row, limit) for offset, row in enumerate(rows, first)]
    return _statement(len(rows)), list(chain.from_iterable(values))


@cache
def _statement(count: int) -> str:
    marks = ", ".join(["(?, ?, ?, ?, ?, ?)"] * count)
    return f"INSERT INTO arrivals VALUES {marks}"  # noqa: S608 (our own text)
