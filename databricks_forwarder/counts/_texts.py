"""
Kinds as text, and asking SQLite for many texts at once.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from databricks_forwarder.errors import SetupError
from databricks_forwarder.model import EventKind

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Mapping
    from datetime import date

__all__ = ["by_kind", "kind_text", "want"]


def kind_text(kind: EventKind) -> str:
    """
    Spell *kind* as a JSON list in ASCII, the same for ever.
    """
    return json.dumps([kind.event_type, kind.custom_event_type, kind.event_name])


def by_kind(
    days: Iterable[tuple[str, date, int]],
) -> Mapping[EventKind, Mapping[date, int]]:
    """
    Put together what was counted of each kind, day by day.

    Args:
        days: Kind as text, day, messages; what is said twice is added up.

    Raises:
        SetupError: A text is no kind; somebody else wrote it.
    """
    texts: dict[str, dict[date, int]] = {}
    for text, day, messages in days:
        of_kind = texts.setdefault(text, {})
        of_kind[day] = of_kind.get(day, 0) + messages
    return {_kind_of(text): of_kind for text, of_kind in texts.items()}


def _kind_of(text: str) -> EventKind:
    try:
        kind = EventKind(*json.loads(text))
    except (TypeError, ValueError):
        pass
    else:
        if kind_text(kind) == text:
            return kind
    raise SetupError("the event counts have a row of no kind of event; take it out")


def want(connection: sqlite3.Connection, texts: Iterable[str]) -> None:
    """
    Put *texts* into the connection's own table ``wanted``, to join with.
    """
    connection.execute("DROP TABLE IF EXISTS wanted")
    connection.execute("CREATE TEMP TABLE wanted (text TEXT PRIMARY KEY) WITHOUT ROWID")
    connection.executemany(
        "INSERT OR IGNORE INTO wanted VALUES (?)", ((text,) for text in texts)
    )
