"""
What is kept of erasures in a spool file, in a table that the first one makes.

Its columns are such that its rows are told from those of all other tables by
their shape, when a damaged file is read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from databricks_forwarder._codec import from_text, to_text
from databricks_forwarder.batchers._sqlite_errors import malformed
from databricks_forwarder.batchers._sqlite_file import text_crc
from databricks_forwarder.erasure import ErasureNote

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable

__all__ = ["keep", "put_erasures", "read_erasures"]

_LAYOUT = """
CREATE TABLE IF NOT EXISTS erasures (
    number INTEGER PRIMARY KEY,
    request_id TEXT NOT NULL,
    note TEXT NOT NULL,
    crc INTEGER NOT NULL
)
"""


def keep(database: sqlite3.Connection, note: ErasureNote) -> None:
    """
    Keep *note* in place of the one of its request.
    """
    database.execute(_LAYOUT)
    request_id, text = note.erasure.request_id, to_text(note)
    values = (text, text_crc(request_id, text), request_id)
    changed = database.execute(
        "UPDATE erasures SET note = ?, crc = ? WHERE request_id = ?", values
    )
    if not changed.rowcount:
        database.execute(
            "INSERT INTO erasures (note, crc, request_id) VALUES (?, ?, ?)", values
        )


def put_erasures(database: sqlite3.Connection, texts: Iterable[str]) -> None:
    """
    Put what was read of another spool into a new one.
    """
    for text in texts:
        keep(database, from_text(text, ErasureNote))


def read_erasures(database: sqlite3.Connection) -> tuple[ErasureNote, ...]:
    """
    Read all that is kept of erasures.

    Raises:
        sqlite3.DatabaseError: One is not what was stored: somebody who was
            erased might be loaded again.
    """
    if not _has_any(database):
        return ()
    rows = database.execute(
        "SELECT request_id, note, crc FROM erasures ORDER BY number"
    ).fetchall()
    if any(text_crc(str(key), str(text)) != crc for key, text, crc in rows):
        raise malformed("what is kept of an erasure is not what was stored")
    return tuple(from_text(text, ErasureNote) for _, text, _ in rows)


def _has_any(database: sqlite3.Connection) -> bool:
    made = database.execute(
        "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'erasures'"
    )
    return made.fetchone() is not None
