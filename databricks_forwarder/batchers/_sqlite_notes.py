"""
Notes of loads in a spool file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from databricks_forwarder.batchers._sqlite_errors import malformed
from databricks_forwarder.batchers._sqlite_file import text_crc

if TYPE_CHECKING:
    import sqlite3

    from databricks_forwarder.model import LoadId


__all__ = ["notes_of", "put_note"]


def notes_of(database: sqlite3.Connection, load_id: LoadId) -> dict[str, str]:
    """
    Read the notes of a load.
    """
    notes = {}
    # All of them: one that is no longer under its load's name would be missed.
    rows = database.execute(
        "SELECT notes.load_id, key, text, crc, loads.load_id IS NULL FROM notes"
        " LEFT JOIN loads ON loads.load_id = notes.load_id"
    )
    for noted_id, key, text, crc, is_astray in rows:
        if is_astray or text_crc(str(noted_id), str(key), str(text)) != crc:
            # Routes and files might be others than those that were decided.
            raise malformed("a note of a load is not what was stored")
        if noted_id == load_id:
            notes[key] = text
    return notes


def put_note(
    database: sqlite3.Connection, load_id: LoadId, key: str, text: str
) -> None:
    """
    Keep *text* under *key* with a load.
    """
    database.execute(
        "INSERT OR REPLACE INTO notes (load_id, key, text, crc) VALUES (?, ?, ?, ?)",
        (load_id, key, text, text_crc(load_id, key, text)),
    )
