"""
Kinds as text, and asking SQLite for many texts at once.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable

    from databricks_forwarder.model import EventKind

__all__ = ["kind_text", "want"]


def kind_text(kind: EventKind) -> str:
    """
    Spell *kind* as a JSON list in ASCII, the same for ever.
    """
    return json.dumps([kind.event_type, kind.custom_event_type, kind.event_name])


def want(connection: sqlite3.Connection, texts: Iterable[str]) -> None:
    """
    Put *texts* into the connection's own table ``wanted``, to join with.
    """
    connection.execute("DROP TABLE IF EXISTS wanted")
    connection.execute("CREATE TEMP TABLE wanted (text TEXT PRIMARY KEY) WITHOUT ROWID")
    connection.executemany(
        "INSERT OR IGNORE INTO wanted VALUES (?)", ((text,) for text in texts)
    )
